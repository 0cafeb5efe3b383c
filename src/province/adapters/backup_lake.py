"""The lake in a backup: one version of every Delta table below the lake's folder.

A version is its log up to that version and the files that were live in it; those files never change. Compaction may
remove one while it is being copied: then a newer version is copied instead.
"""

from __future__ import annotations

import json
import os
import re
import shutil
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final
from urllib.parse import unquote

from deltalake import DeltaTable
from deltalake.exceptions import DeltaError

from province.adapters.backup_files import Digest, copy
from province.errors import Unavailable, Unsupported

_ATTEMPTS: Final = 5
_VERSION = re.compile(r"(\d{20})\.")


@dataclass(slots=True)
class Table:
    """One table. path: below the lake's folder.  committed: position in the stream that this version holds, or None."""

    path: str
    version: int
    rows: int
    committed: int | None
    bytes: int
    digests: dict[str, Digest] = field(default_factory=dict)


def tenant_of(path: str) -> str:
    """Whose table stands at a path below the lake's folder: its first folder is the tenant."""
    return path.split("/")[0]


def folder_of(uri: str) -> Path:
    """The lake's folder. Raises: Unsupported for a lake on object storage, whose own versions are its backup."""
    if "://" in uri:
        raise Unsupported(
            f"the lake {uri} is not in a folder of this machine; a backup would copy all of it.",
            field="PROVINCE_LAKE",
            remedy="Use the versioning or replication of the object storage for the lake.",
        )
    return Path(uri)


def find(folder: Path) -> Iterator[Path]:
    """Folders of the Delta tables below a folder."""
    for name, folders, _ in os.walk(folder):
        if "_delta_log" in folders:
            folders.clear()
            yield Path(name)
        folders.sort()


def size(folder: Path) -> int:
    """Bytes of the newest versions of all tables."""
    return sum(sum(_files(DeltaTable(str(path))).values()) for path in find(folder))


def copy_table(folder: Path, path: Path, target: Path, application: str) -> Table:
    """Copy the newest version of a table. folder: the lake's.  application: whose position `committed` is.

    Raises: Unavailable when compaction removes files faster than they are copied.
    """
    relative = path.relative_to(folder)
    for _ in range(_ATTEMPTS):
        shutil.rmtree(target / relative, ignore_errors=True)
        table = DeltaTable(str(path))
        version = int(table.version())
        found = Table(str(relative), version, 0, table.transaction_version(application), 0)
        try:
            for name in [*_files(table), *_log(path, version)]:
                digest = copy(path / name, target / relative / name)
                found.digests[str(relative / name)] = digest
                found.bytes += digest.bytes
            # The log may have been cut off behind a checkpoint while it was copied: only a copy that opens counts.
            found.rows = rows_of(target / relative, version)
        except (FileNotFoundError, DeltaError):
            continue
        return found
    raise Unavailable(
        f"the table {relative} of the lake changed during each of {_ATTEMPTS} attempts to copy it.",
        remedy="Repeat the backup when no compaction runs.",
    )


def rows_of(path: Path, version: int) -> int:
    """Rows of a table, by its log. Raises: DeltaError when it is not at that version."""
    table = DeltaTable(str(path))
    if table.version() != version:
        raise DeltaError(f"{path} is at version {table.version()}, not {version}")
    return int(sum(table.get_add_actions(flatten=True)["num_records"].to_pylist()))


def _files(table: DeltaTable) -> dict[str, int]:
    actions = table.get_add_actions(flatten=True)
    names, sizes = actions["path"].to_pylist(), actions["size_bytes"].to_pylist()
    return {unquote(name): size for name, size in zip(names, sizes, strict=True)}


def _log(path: Path, version: int) -> list[str]:
    """Names of the log's files up to a version; the pointer to the last checkpoint only when it is one of them."""
    names = []
    for file in sorted((path / "_delta_log").iterdir()):
        match = _VERSION.match(file.name)
        number = int(match[1]) if match else None
        if file.name == "_last_checkpoint":
            number = json.loads(file.read_text())["version"]
        if number is not None and number <= version:
            names.append(f"_delta_log/{file.name}")
    return names
