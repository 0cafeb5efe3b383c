"""Upkeep of the lake: many small files of a day become few large ones, and what nobody reads any more is removed.

Files are merged with others of about their size, so that a reading is rewritten a few times at most, however small the
commits are. Merging is safe beside readers (files of a version stay until `vacuum`) and beside the writer (appends do
not conflict); of two merges at once the second is refused, because both carry the same application transaction.
"""

from __future__ import annotations

import time
import uuid
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import UTC, date, datetime
from typing import Any, Final

import msgspec
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from deltalake import CommitProperties, Transaction
from deltalake.exceptions import CommitFailedError, DeltaError
from deltalake.transaction import AddAction, RemoveAction

from province.errors import Conflict, Unavailable
from province.history.delta import MERGED_GROUP, Delta
from province.history.lake import Lake, arrange
from province.history.ranges import ROWS, ranges_of

APPLICATION = "upkeep"
LARGE_BYTES = 64 * 1024**2
"""Files from this size are left alone."""
MOST_ROWS = 8_000_000
"""Rows merged at once: they are held in memory."""
SETTLED: Final = "ranged"
"""What the names of files begin with that hold a range of ids."""
LOOSE: Final = 0.05
"""Share of a day's readings that may lie in other files."""
_TIER = 8
"""Files belong together when their sizes differ by no more than about this factor."""


def compact(lake: Lake, day: date, *, at_least: int = 16) -> int:
    """Merge files of a UTC day where `at_least` of about one size lie there. Returns how many files became fewer.

    Raises: Conflict when another merge was faster (nothing was changed), Unavailable when the storage refuses.
    """
    fewer = 0
    while group := _choose(lake.files(), day, at_least):
        fewer += len(group) - 1
        _merge(lake, day, group)
    return fewer


def settle(lake: Lake, day: date, *, rows: int = ROWS) -> int:
    """Rewrite a UTC day that is over so that every file holds a range of ids: a device is in one of them, not in all.

    Done where more than `LOOSE` of the day's readings lie in files that hold all ids, so that a few late readings do
    not cause it again. rows: about so many go into a file.
    Returns how many files were written; 0 when there was nothing to do.
    Raises: Conflict when another merge was faster (nothing was changed), Unavailable when the storage refuses.
    """
    files = lake.files()
    if files.num_rows == 0:
        return 0
    mine = files.filter(pc.equal(files["partition.day"].cast(pa.string()), day.isoformat()))
    ranged = [SETTLED in path for path in mine["path"].to_pylist()]
    sizes = mine["num_records"].to_pylist()
    loose = sum(n for n, is_ranged in zip(sizes, ranged, strict=True) if not is_ranged)
    if mine.num_rows < 2 or loose <= LOOSE * sum(sizes):
        return 0
    given = mine.select(["path", "size_bytes"]).to_pylist()
    written = 0

    def parts() -> Iterator[pa.Table]:
        nonlocal written
        for condition in ranges_of(lake, mine, rows=rows):
            found = lake.dataset([file["path"] for file in given], encoded=True).to_table(filter=condition)
            written += 1 if found.num_rows else 0
            yield arrange(found, day=day, encoded=True)

    rewrite(lake, day, given, parts, name=SETTLED)
    return written


def vacuum(lake: Delta, *, older_than_h: int = 1) -> int:
    """Remove files that no version of the last hours needs. Returns how many. A reader that is slower starts again."""
    table = lake.table()
    if table is None:
        return 0
    try:
        removed = table.vacuum(retention_hours=older_than_h, dry_run=False, enforce_retention_duration=False)
    except (DeltaError, OSError) as error:
        raise Unavailable(f"the lake cannot be cleaned: {str(error)[:300]}") from error
    return len(removed)


def expire(lake: Lake, before: date) -> int:
    """Forget all readings of days before a date. Returns how many readings there are fewer."""
    table = lake.table()
    if table is None:
        return 0
    old = lake.count()
    try:
        table.delete(f"day < '{before.isoformat()}'")
    except CommitFailedError as error:
        raise Conflict("the lake was written meanwhile; nothing was removed.", remedy="Try again.") from error
    except (DeltaError, OSError) as error:
        raise Unavailable(f"the lake cannot be written: {str(error)[:300]}") from error
    return old - lake.count()


def _choose(files: pa.Table, day: date, at_least: int) -> list[dict[str, Any]]:
    if files.num_rows == 0:
        return []
    mine = files.filter(pc.equal(files["partition.day"].cast(pa.string()), day.isoformat()))
    tiers: dict[int, list[dict[str, Any]]] = {}
    for file in mine.select(["path", "size_bytes", "num_records"]).to_pylist():
        if file["size_bytes"] < LARGE_BYTES and SETTLED not in file["path"]:
            tiers.setdefault(max(3, file["size_bytes"].bit_length() // _TIER.bit_length()), []).append(file)
    for tier in sorted(tiers):
        group: list[dict[str, Any]] = []
        rows = 0
        for file in tiers[tier]:
            rows += file["num_records"]
            if rows <= MOST_ROWS:
                group.append(file)
        if len(group) >= at_least:
            return group
    return []


def _merge(lake: Lake, day: date, files: Sequence[dict[str, Any]]) -> None:
    def rows() -> Iterator[pa.Table]:
        found = lake.dataset([file["path"] for file in files], encoded=True).to_table()
        yield arrange(found, day=day, encoded=True)

    rewrite(lake, day, files, rows)


def rewrite(
    table: Delta, day: date, files: Sequence[dict[str, Any]], rows: Callable[[], Iterator[pa.Table]], *,
    positions: Mapping[str, int] | None = None, name: str = "merged",
) -> None:  # fmt: skip
    """Put other files in the place of some of a partition, for rows that say the same: no reader takes them for news.

    files: path and size_bytes of each.  rows: the new rows, one table per new file; empty ones are left out.
    name: what the names of the new files begin with.
    Raises: Conflict when another rewriting was faster (nothing was changed), Unavailable when the storage refuses.
    """
    handle = table.table()
    if handle is None:
        return
    live = set(table.files().column("path").to_pylist())
    if not all(file["path"] in live for file in files):
        raise Conflict("another merge was faster.")
    values: dict[str, str | None] = {table.partition: day.isoformat()}
    now_ms = int(time.time() * 1000)
    actions: list[AddAction | RemoveAction] = []
    try:
        for part in rows():
            if part.num_rows == 0:
                continue
            part = part.drop_columns([table.partition]) if table.partition in part.schema.names else part
            path = f"{table.partition}={day.isoformat()}/{name}-{uuid.uuid4().hex}.zstd.parquet"
            with table.filesystem.open_output_stream(path) as out:
                _write(part, out)
            size = table.filesystem.get_file_info(path).size
            actions.append(AddAction(path, size, values, now_ms, False, _statistics(part)))
        actions += [RemoveAction(f["path"], False, now_ms, f["size_bytes"], values) for f in files]
        moved = {APPLICATION: handle.version(), **(positions or {})}
        handle.create_write_transaction(
            actions,
            "append",
            handle.schema(),
            partition_by=[table.partition],
            commit_properties=CommitProperties(app_transactions=[Transaction(a, n) for a, n in moved.items()]),
        )
    except CommitFailedError as error:
        raise Conflict("another merge was faster.") from error
    except (DeltaError, OSError) as error:
        raise Unavailable(f"the lake cannot be merged: {str(error)[:300]}") from error


def _write(rows: pa.Table, out: Any) -> None:
    """As Parquet, one group of rows after the other: a dictionary would be written whole with every group."""
    fields = [f.with_type(f.type.value_type) if pa.types.is_dictionary(f.type) else f for f in rows.schema]
    plain = pa.schema(fields)
    with pq.ParquetWriter(out, plain, compression="zstd", compression_level=3) as writer:
        for start in range(0, rows.num_rows, MERGED_GROUP):
            writer.write_table(rows.slice(start, MERGED_GROUP).cast(plain), row_group_size=MERGED_GROUP)


def _statistics(rows: pa.Table) -> str:
    """What lets a reader skip the file, in Delta's form: bounds of text and instants, counts of nulls."""
    low: dict[str, object] = {}
    high: dict[str, object] = {}
    for name in ("entity", "attribute", "observed_at", "start", "seq"):
        if name not in rows.schema.names:
            continue
        column = rows[name]
        if pa.types.is_dictionary(column.type):
            column = pc.unique(column.combine_chunks()).cast(column.type.value_type)
        bounds = pc.min_max(column).as_py()
        low[name], high[name] = _shown(bounds["min"]), _shown(bounds["max"])
    nulls = {name: rows[name].null_count for name in rows.schema.names}
    return msgspec.json.encode(
        {"numRecords": rows.num_rows, "minValues": low, "maxValues": high, "nullCount": nulls}
    ).decode()


def _shown(value: object) -> object:
    if isinstance(value, datetime):
        return value.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.") + f"{value.microsecond // 1000:03d}Z"
    return value
