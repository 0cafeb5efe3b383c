"""A Delta table as this room uses it: one handle, refreshed at each look; commits that carry positions; file lists.

A commit carries positions (`Transaction(application, number)`) in the same log entry as the data: both take effect or
neither, and of two concurrent commits that move the same position the second is refused.

Everything here blocks and is thread safe: call it in a thread.
"""

from __future__ import annotations

import contextlib
import os
import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final
from urllib.parse import unquote

import msgspec
import pyarrow as pa
import pyarrow.dataset as pads
import pyarrow.fs as pafs
from deltalake import CommitProperties, DeltaTable, Transaction, WriterProperties, write_deltalake
from deltalake.exceptions import CommitFailedError, DeltaError, TableNotFoundError
from deltalake.fs import DeltaStorageHandler

from province.errors import Conflict, NotFound, Unavailable

ROW_GROUP: Final = 8_192
"""Rows per group: a device's readings of a file are found in one or two of them, and read with their neighbours."""
MERGED_GROUP: Final = 65_536
"""The same in merged files: every group's bounds are looked at by every question, so smaller ones make it slower."""
WRITER: Final = WriterProperties(compression="ZSTD", compression_level=1, max_row_group_size=ROW_GROUP)
_CONFIGURATION: Final[Mapping[str, str | None]] = {
    "delta.checkpointInterval": "50",
    "delta.logRetentionDuration": "interval 1 days",
    "delta.enableExpiredLogCleanup": "true",
    "delta.deletedFileRetentionDuration": "interval 1 hours",
}


@dataclass(frozen=True, slots=True)
class Added:
    """A file that a commit added with new data. day: its partition.  rows: how many it holds, 0 when that is not known.

    low, high: bounds of its columns, as Delta keeps them (text cut off, instants in milliseconds).
    """

    version: int
    path: str
    day: str
    rows: int
    low: Mapping[str, Any]
    high: Mapping[str, Any]


class _Stats(msgspec.Struct):
    numRecords: int = 0  # noqa: N815
    minValues: dict[str, Any] = {}  # noqa: N815 - names of the Delta protocol
    maxValues: dict[str, Any] = {}  # noqa: N815


class _Add(msgspec.Struct):
    path: str
    partitionValues: dict[str, str | None]  # noqa: N815
    dataChange: bool = True  # noqa: N815
    stats: str | None = None


class _Action(msgspec.Struct):
    add: _Add | None = None
    commitInfo: dict[str, Any] | None = None  # noqa: N815


_ACTION = msgspec.json.Decoder(_Action)
_STATS = msgspec.json.Decoder(_Stats)


def _flush(path: Path) -> None:
    with contextlib.suppress(FileNotFoundError):  # merged into another meanwhile
        handle = os.open(path, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)


class Delta:
    """uri: folder or s3:// URL.  schema: with the partition column.  partition: a date column's name.

    storage_options: credentials and endpoint, as `deltalake` names them.
    """

    def __init__(
        self, uri: str, schema: pa.Schema, partition: str, storage_options: Mapping[str, str] | None = None
    ) -> None:
        self.uri = uri
        self.schema = schema
        self.partition = partition
        self._options = dict(storage_options or {})
        self._lock = threading.RLock()
        self._table: DeltaTable | None = None
        self._files: tuple[int, pa.Table] | None = None
        self._stored = pa.schema([f.with_nullable(True) for f in schema if f.name != partition])

    def commit(
        self,
        rows: pa.Table,
        positions: Mapping[str, int],
        *,
        expected: Mapping[str, int | None] | None = None,
        predicate: str | None = None,
    ) -> None:
        """Append rows together with new positions. predicate: in place of the rows that it names; "": in place of all.

        expected: the positions that the caller believes the table to be at.
        Raises: Conflict when somebody else was faster or is further; Unavailable when the storage refuses (full, gone):
        nothing was committed, the call can be repeated.
        """
        with self._lock:
            table = self._open()
            for application, number in (expected or {}).items():
                if table.transaction_version(application) != number:
                    raise Conflict(
                        f"the lake stands at {table.transaction_version(application)}, not at {number}.",
                        remedy="Is a second lake writer running?",
                    )
            properties = CommitProperties(app_transactions=[Transaction(a, n) for a, n in positions.items()])
            how: dict[str, Any] = {"mode": "append"} if predicate is None else {"mode": "overwrite"}
            if predicate:
                how["predicate"] = predicate
            try:
                before = int(table.version())
                write_deltalake(table, rows, writer_properties=WRITER, commit_properties=properties, **how)
                self._settle(before, int(table.version()))
            except CommitFailedError as error:
                self._table = None
                raise Conflict("another writer committed first.", remedy="Is a second lake writer running?") from error
            except (DeltaError, OSError) as error:
                self._table = None
                raise Unavailable(f"the lake cannot be written: {str(error)[:300]}") from error

    def _settle(self, before: int, after: int) -> None:
        """Have the disk keep what versions in (before, after] added; the library asks for no flush.

        Who commits then removes the rows where they came from, so a power failure must not take them here.
        """
        if "://" in self.uri:
            return  # object storage keeps what it has acknowledged
        root = Path(self.uri)
        folders = {root / "_delta_log", root}
        for version in range(before + 1, after + 1):
            log = root / "_delta_log" / f"{version:020}.json"
            for line in log.read_bytes().splitlines():
                added = _ACTION.decode(line).add
                if added is not None:
                    path = root / unquote(added.path)
                    folders.add(path.parent)
                    _flush(path)
            _flush(log)
        for folder in folders:
            _flush(folder)

    def version(self) -> int | None:
        """Newest version of the table, or None when nothing was written yet."""
        with self._lock:
            table = self._refresh()
            return None if table is None else int(table.version())

    def files(self) -> pa.Table:
        """Log entries of the live files: path, size_bytes, num_records, partition.…, min.…, max.…"""
        files = self._list()
        return pa.table({"path": pa.array([], pa.string())}) if files is None else files

    def look(self, applications: Sequence[str] = ()) -> tuple[int, dict[str, int | None], pa.Table]:
        """(version, positions, live files) at one moment; version −1 and no files before the first commit."""
        with self._lock:
            files = self._list()
            if files is None or self._table is None:
                return -1, dict.fromkeys(applications), pa.table({"path": pa.array([], pa.string())})
            return int(self._table.version()), {a: self._table.transaction_version(a) for a in applications}, files

    def added(self, after: int, upto: int) -> list[Added]:
        """Files that versions in (after, upto] added with new data; merged ones are not new.

        Raises: NotFound when the log does not reach back so far.
        """
        found: list[Added] = []
        for version in range(after + 1, upto + 1):
            for action in self._log(version):
                one = action.add
                if one is None or not one.dataChange:
                    continue
                stats = _STATS.decode(one.stats) if one.stats else _Stats()
                day = one.partitionValues.get(self.partition) or ""
                found.append(Added(version, unquote(one.path), day, stats.numRecords, stats.minValues, stats.maxValues))
        return found

    def stamp(self, version: int) -> int:
        """When a version was committed, in ms: tells two versions of one number apart after a restore.

        Raises: NotFound when the log does not reach back so far.
        """
        for action in self._log(version):
            if action.commitInfo is not None:
                return int(action.commitInfo.get("timestamp", 0))
        return 0

    def _log(self, version: int) -> list[_Action]:
        try:
            with self.filesystem.open_input_stream(f"_delta_log/{version:020d}.json") as file:
                return [_ACTION.decode(line) for line in file.read().splitlines() if line]
        except FileNotFoundError:
            raise NotFound(f"version {version} is no longer in the log of {self.uri}.") from None

    def dataset(self, paths: Sequence[str], *, encoded: bool = False) -> pads.Dataset:
        """Some files of the table, without the partition column.

        encoded: texts as dictionaries, which take a fraction of the memory where the whole of a file is held.
        """
        texts = [f.name for f in self._stored if encoded and f.type == pa.string()]
        text = pa.dictionary(pa.int32(), pa.string())
        schema = pa.schema([f.with_type(text) if f.name in texts else f for f in self._stored])
        return pads.FileSystemDataset.from_paths(
            list(paths),
            schema=schema,
            format=pads.ParquetFileFormat(dictionary_columns=texts),
            filesystem=self.filesystem,
        )

    def table(self) -> DeltaTable | None:
        """A handle of the newest version for upkeep, not shared with readers; None before the first commit."""
        try:
            return DeltaTable(self.uri, storage_options=self.storage_options)
        except TableNotFoundError:
            return None

    @property
    def storage_options(self) -> dict[str, str] | None:
        """As `deltalake` wants them."""
        return self._options or None

    @property
    def filesystem(self) -> pafs.FileSystem:
        """The table's folder as a file system."""
        if "://" in self.uri:
            return pafs.PyFileSystem(DeltaStorageHandler(self.uri, self._options or None))
        return pafs.SubTreeFileSystem(self.uri, pafs.LocalFileSystem())

    def sibling(self, name: str) -> str:
        """Address of another table beside this one."""
        return self.uri.rsplit("/", 1)[0] + "/" + name

    def _open(self) -> DeltaTable:
        table = self._refresh()
        if table is None:
            if "://" not in self.uri:
                Path(self.uri).mkdir(parents=True, exist_ok=True)
            try:
                table = DeltaTable.create(
                    self.uri,
                    self.schema,
                    mode="ignore",
                    partition_by=[self.partition],
                    configuration=_CONFIGURATION,
                    storage_options=self.storage_options,
                )
            except (DeltaError, OSError) as error:
                raise Unavailable(f"the lake cannot be created: {str(error)[:300]}") from error
            self._table = table
        return table

    def _refresh(self) -> DeltaTable | None:
        """The table at its newest version: one small look into the log."""
        try:
            if self._table is None:
                self._table = DeltaTable(self.uri, storage_options=self.storage_options)
            else:
                self._table.update_incremental()
        except TableNotFoundError:
            self._table = None
        except (DeltaError, OSError) as error:
            self._table = None
            raise Unavailable(f"the lake cannot be read: {str(error)[:300]}") from error
        return self._table

    def _list(self) -> pa.Table | None:
        with self._lock:
            table = self._refresh()
            if table is None:
                return None
            version = int(table.version())
            if self._files is None or self._files[0] != version:
                self._files = (version, pa.table(table.get_add_actions(flatten=True)))
            return self._files[1]

    def _retry(self, act: Any) -> Any:
        """A file that vanished between listing and reading was merged and removed: list again."""
        try:
            return act()
        except FileNotFoundError:
            with self._lock:
                self._table = self._files = None
            return act()
