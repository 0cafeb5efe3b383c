"""Upkeep of the lake: many small files of a day become few large ones, and what nobody reads any more is removed.

Files are merged with others of about their size, so that a reading is rewritten a few times at most, however small the
commits are. Merging is safe beside readers (files of a version stay until `vacuum`) and beside the writer (appends do
not conflict); of two merges at once the second is refused, because both carry the same application transaction.
"""

from __future__ import annotations

import time
import uuid
from collections.abc import Sequence
from datetime import UTC, date, datetime
from typing import Any

import msgspec
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.dataset as pads
import pyarrow.parquet as pq
from deltalake import CommitProperties, Transaction
from deltalake.exceptions import CommitFailedError, DeltaError
from deltalake.transaction import AddAction, RemoveAction

from province.errors import Conflict, Unavailable
from province.history.lake import COLUMNS, LAKE, ROW_GROUP, Lake, arrange

APPLICATION = "upkeep"
LARGE_BYTES = 64 * 1024**2
"""Files from this size are left alone."""
MOST_ROWS = 8_000_000
"""Rows merged at once: they are held in memory."""
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


def vacuum(lake: Lake, *, older_than_h: int = 1) -> int:
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
        if file["size_bytes"] < LARGE_BYTES:
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
    table = lake.table()
    if table is None:
        return
    live = {file["path"] for file in lake.files().select(["path"]).to_pylist()}
    if not all(file["path"] in live for file in files):
        raise Conflict("another merge was faster.")
    schema = pa.schema([LAKE.field(name).with_nullable(True) for name in COLUMNS])
    try:
        rows = pads.FileSystemDataset.from_paths(
            [file["path"] for file in files], schema=schema, format=pads.ParquetFileFormat(), filesystem=lake.filesystem
        ).to_table()
        rows = rows.add_column(0, LAKE.field("day"), pa.array([day] * rows.num_rows, pa.date32()))
        merged = arrange(rows).drop_columns(["day"])
        path = f"day={day.isoformat()}/merged-{uuid.uuid4().hex}.zstd.parquet"
        with lake.filesystem.open_output_stream(path) as out:
            pq.write_table(merged, out, compression="zstd", compression_level=3, row_group_size=ROW_GROUP)
        size = lake.filesystem.get_file_info(path).size
        now_ms = int(time.time() * 1000)
        values: dict[str, str | None] = {"day": day.isoformat()}
        actions: list[AddAction | RemoveAction] = [AddAction(path, size, values, now_ms, False, _statistics(merged))]
        actions += [RemoveAction(f["path"], False, now_ms, f["size_bytes"], values) for f in files]
        table.create_write_transaction(
            actions,
            "append",
            table.schema(),
            partition_by=["day"],
            commit_properties=CommitProperties(app_transactions=[Transaction(APPLICATION, table.version())]),
        )
    except CommitFailedError as error:
        raise Conflict("another merge was faster.") from error
    except (DeltaError, OSError) as error:
        raise Unavailable(f"the lake cannot be merged: {str(error)[:300]}") from error


def _statistics(rows: pa.Table) -> str:
    """What lets a reader skip the file, in Delta's form: bounds of text and instants, counts of nulls."""
    low: dict[str, object] = {}
    high: dict[str, object] = {}
    for name in ("entity", "attribute", "observed_at", "seq"):
        bounds = pc.min_max(rows[name]).as_py()
        low[name], high[name] = _shown(bounds["min"]), _shown(bounds["max"])
    nulls = {name: rows[name].null_count for name in rows.schema.names}
    return msgspec.json.encode(
        {"numRecords": rows.num_rows, "minValues": low, "maxValues": high, "nullCount": nulls}
    ).decode()


def _shown(value: object) -> object:
    if isinstance(value, datetime):
        return value.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.") + f"{value.microsecond // 1000:03d}Z"
    return value
