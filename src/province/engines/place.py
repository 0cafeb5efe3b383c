"""Where the engines live on this machine, and as which user they run.

PostgreSQL refuses to run as root, and a server that listens to devices should not. So when we are root the engines run
as the system user `province`, which is made on first use. That user may be unable to reach the home or the installed
wheels (a checkout under /root, a temporary folder of mode 0700); the engines' data then live under
`/var/lib/province/homes` and copies of their programs under `/var/lib/province/engines`. The choice is made once per
home and recorded in `home/place.json`: a later change of a folder's mode must not start an empty database.
"""

from __future__ import annotations

import hashlib
import json
import os
import pwd
import secrets
import shutil
import stat
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path

from province.engines.secret import write_private
from province.errors import ConfigurationError

SYSTEM_USER = "province"
STATE = Path("/var/lib/province")


def system_user() -> tuple[int, int]:
    """(uid, gid) of the system user that runs the engines for root; made when it is missing."""
    command = ["useradd", "--system", "--user-group", "--no-create-home", "--home-dir", str(STATE)]
    command += ["--shell", "/usr/sbin/nologin", SYSTEM_USER]
    said = ""
    for _ in range(20):
        try:
            entry = pwd.getpwnam(SYSTEM_USER)
        except KeyError:
            try:
                said = subprocess.run(command, capture_output=True, text=True, check=False).stderr.strip()
            except FileNotFoundError:
                said = "useradd is not installed"
                break
            # Another process may be making the same user: the password file is locked for a moment.
            time.sleep(0.1)
        else:
            return entry.pw_uid, entry.pw_gid
    raise ConfigurationError(
        f"the engines do not run as root, and the system user {SYSTEM_USER!r} could not be made: {said}.",
        remedy=f"Make it with `{' '.join(command)}`, or start as an ordinary user.",
    )


def _permits(path: Path, user: tuple[int, int], bits: int) -> bool:
    """Whether `user` has the permission bits (4 read, 2 write, 1 enter) on the path, by its mode."""
    found = path.stat()
    shift = 6 if found.st_uid == user[0] else 3 if found.st_gid == user[1] else 0
    return (stat.S_IMODE(found.st_mode) >> shift) & bits == bits


def reachable(path: Path, user: tuple[int, int]) -> bool:
    """Whether `user` can enter every folder on the way to `path`, and `path` itself if it is a folder."""
    # Both ways count: the one that was named, and the one that symbolic links lead to.
    folders = {*path.absolute().parents, *path.resolve().parents}
    if path.is_dir():
        folders.add(path)
    return all(_permits(folder, user, 1) for folder in folders if folder.exists())


def state_folder(*names: str) -> Path:
    """A folder under /var/lib/province that all may pass through and none may list, whatever our umask."""
    path = STATE
    for name in ("", *names):
        path = path / name
        if not path.exists():
            path.mkdir(parents=True, exist_ok=True)
            path.chmod(0o711)
    return path


@dataclass(frozen=True, slots=True)
class Place:
    """Root folder of the engines' data and the user that they run as (None: our own)."""

    root: Path
    user: tuple[int, int] | None

    def folder(self, *names: str) -> Path:
        """A folder of mode 0700 under the root, owned by the engines' user; made when missing."""
        path = self.root
        for name in names:
            path = path / name
            if not path.exists():
                path.mkdir(mode=0o700)
                if self.user is not None:
                    os.chown(path, *self.user)
        return path

    def program(self, tree: Path, binary: str, *, version: str, beside: tuple[Path, ...] = ()) -> Path:
        """Path of `tree/binary` that the engines' user can run, copied once per `version` if it cannot reach it.

        tree: folder (or single file, with binary "") to copy.  beside: folders that its libraries need next to it.
        """
        original = tree / binary if binary else tree
        if self.user is None or (reachable(original, self.user) and _permits(original.resolve(), self.user, 5)):
            return original
        target = state_folder("engines") / version
        if not target.exists():
            scratch = target.with_name(f".{version}.{secrets.token_hex(4)}")
            anchor = tree.parent.parent if beside else tree.parent
            for source in (tree, *beside):
                goal = scratch / source.relative_to(anchor)
                goal.parent.mkdir(parents=True, exist_ok=True)
                if source.is_dir():
                    shutil.copytree(source, goal, symlinks=True, ignore=shutil.ignore_patterns("include"))
                else:
                    shutil.copy2(source, goal)
            for path in (scratch, *scratch.rglob("*")):
                if not path.is_symlink():
                    path.chmod(0o755 if path.is_dir() or path.stat().st_mode & 0o100 else 0o644)
            try:
                scratch.rename(target)
            except OSError:
                # Another process was faster; its copy has the same content.
                shutil.rmtree(scratch)
                if not target.exists():
                    raise
        return target / (original.relative_to(tree.parent.parent if beside else tree.parent))


def _owner(path: Path) -> tuple[int, int] | None:
    if not path.exists():
        return None
    found = path.stat()
    return (found.st_uid, found.st_gid) if found.st_uid != 0 else None


def settle(home: Path) -> Place:
    """Where the engines of this home live. Makes the home (0700, or open to the engines' group alone) when missing.

    Raises ConfigurationError when the recorded place cannot be used by the present user, or when the home is a copy
    of another one that still exists: two servers must never share the data.
    """
    root_user = os.geteuid() == 0
    if not home.exists():
        home.mkdir(mode=0o700, parents=True)
        if root_user:
            os.chown(home, 0, system_user()[1])
            home.chmod(0o710)
    if not os.access(home, os.R_OK | os.W_OK | os.X_OK):
        raise ConfigurationError(
            f"the home {home} belongs to another user (uid {home.stat().st_uid}).",
            field="PROVINCE_HOME",
            remedy="Start as the user that made it, or name another home.",
        )
    record = home / "place.json"
    if record.exists():
        place = _recall(home, json.loads(record.read_text()), root_user=root_user)
    else:
        place = _choose(home, root_user=root_user)
        content = {"home": str(home.resolve()), "root": "" if place.root == home else str(place.root)}
        write_private(record, json.dumps(content).encode())
    return place


def _choose(home: Path, *, root_user: bool) -> Place:
    if not root_user:
        return Place(home, None)
    user = _owner(home / "postgres") or _owner(home) or system_user()
    if reachable(home, user):
        return Place(home, user)
    name = hashlib.sha256(str(home.resolve()).encode()).hexdigest()[:12]
    return Place(state_folder("homes", f"{name}-{secrets.token_hex(3)}"), user)


def _recall(home: Path, known: dict[str, str], *, root_user: bool) -> Place:
    root = Path(known["root"]) if known["root"] else home
    if root != home and known["home"] != str(home.resolve()) and Path(known["home"], "place.json").exists():
        raise ConfigurationError(
            f"{home} is a copy of {known['home']}: both name the data in {root}.",
            field="PROVINCE_HOME",
            remedy="Use `province backup` and `province restore` to copy an installation.",
        )
    if not root.exists():
        raise ConfigurationError(
            f"the engines' data of this home were in {root}, which is gone.",
            field="PROVINCE_HOME",
            remedy=f"Bring the folder back, or restore a backup into a new home. (Recorded in {home / 'place.json'}.)",
        )
    if not root_user:
        return Place(root, None)
    user = _owner(root / "postgres") or _owner(root / "nats") or system_user()
    if not reachable(root, user):
        raise ConfigurationError(
            f"the user {user[0]} that runs the engines can no longer reach {root}.",
            field="PROVINCE_HOME",
            remedy=f"Permit it to enter every folder on the way (`chmod o+x`), up to {root}.",
        )
    return Place(root, user)
