"""Where the data go when we are root and the engines' user cannot reach the home; otherwise, they stay at home."""

from __future__ import annotations

import json
import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from province.engines import place
from province.engines.place import Place, reachable, settle
from province.errors import ConfigurationError

root_only = pytest.mark.skipif(os.geteuid() != 0, reason="only root hands the engines to another user")


@pytest.fixture
def closed() -> Iterator[Path]:
    """A folder that only its owner can enter, such as /root or a temporary one."""
    folder = Path(tempfile.mkdtemp(dir="/tmp"))
    yield folder
    record = folder / "home" / "place.json"
    if record.exists() and json.loads(record.read_text())["root"]:
        shutil.rmtree(json.loads(record.read_text())["root"], ignore_errors=True)
    shutil.rmtree(folder)


@root_only
def test_an_unreachable_home_keeps_its_data_elsewhere(closed: Path) -> None:
    home = closed / "home"
    first = settle(home)
    assert first.user is not None
    assert first.user[0] != 0
    assert first.root.is_relative_to(place.STATE / "homes")
    closed.chmod(0o755)
    assert settle(home) == first, "a later change of mode must not start an empty database"


@root_only
def test_a_reachable_home_keeps_its_data(closed: Path) -> None:
    closed.chmod(0o711)
    found = settle(closed / "home")
    assert found.root == closed / "home"
    assert found.folder("postgres").stat().st_uid == (found.user or (0, 0))[0] != 0
    assert (closed / "home").stat().st_mode & 0o007 == 0, "strangers may not enter"
    closed.chmod(0o700)
    with pytest.raises(ConfigurationError, match="can no longer reach"):
        settle(closed / "home")


@root_only
def test_a_home_may_move_but_not_be_copied(closed: Path) -> None:
    first = settle(closed / "home")
    shutil.copytree(closed / "home", closed / "copy")
    with pytest.raises(ConfigurationError, match="is a copy of"):
        settle(closed / "copy")
    shutil.rmtree(closed / "copy")
    (closed / "home").rename(closed / "moved")
    assert settle(closed / "moved") == first
    (closed / "moved").rename(closed / "home")


@root_only
def test_two_homes_at_one_path_never_share_data(closed: Path) -> None:
    first = settle(closed / "home")
    shutil.rmtree(closed / "home")
    second = settle(closed / "home")
    assert first.root != second.root
    shutil.rmtree(first.root)


def test_lost_data_are_not_replaced_by_empty_ones(closed: Path) -> None:
    home = closed / "home"
    home.mkdir()
    (home / "place.json").write_text(json.dumps({"home": str(home), "root": str(closed / "gone")}))
    with pytest.raises(ConfigurationError, match="which is gone"):
        settle(home)
    (home / "place.json").unlink()


@root_only
def test_an_unreachable_program_is_copied_once(closed: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    tree = closed / "package" / "tree"
    (tree / "bin").mkdir(parents=True)
    (tree / "bin" / "server").write_text("#!/bin/sh\n")
    (tree / "bin" / "server").chmod(0o700)
    libraries = closed / "package.libs"
    libraries.mkdir()
    (libraries / "lib.so").write_text("library")
    with tempfile.TemporaryDirectory(dir="/tmp") as state:
        Path(state).chmod(0o711)
        monkeypatch.setattr(place, "STATE", Path(state))
        user = place.system_user()
        here = Place(closed, user)
        server = here.program(tree, "bin/server", version="server-1", beside=(libraries,))
        assert reachable(server, user)
        assert server.stat().st_mode & 0o777 == 0o755
        assert (server.parents[3] / "package.libs" / "lib.so").read_text() == "library"
        assert here.program(tree, "bin/server", version="server-1", beside=(libraries,)) == server
        assert [p.name for p in (Path(state) / "engines").iterdir()] == ["server-1"]
        assert Place(closed, None).program(tree, "bin/server", version="server-1") == tree / "bin" / "server"


@root_only
def test_the_engines_folders_ignore_a_strict_umask(closed: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with tempfile.TemporaryDirectory(dir="/tmp") as folder:
        Path(folder).chmod(0o711)
        monkeypatch.setattr(place, "STATE", Path(folder) / "province")
        before = os.umask(0o077)
        try:
            found = settle(closed / "home")
        finally:
            os.umask(before)
        assert found.user is not None
        assert reachable(found.root, found.user)
