"""Parquet: the columns as they are stored; GeoParquet's `geometry` (WKB) is the shape."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from province.adapters.tables.geo_file import plain
from province.adapters.tables.raw import Found, Options, build, names_of, rows_per_batch
from province.errors import InvalidInput


def read(path: Path, options: Options) -> tuple[Found, Iterator[pa.RecordBatch]]:
    """What the file holds, and its rows. Raises: InvalidInput."""
    try:
        file = pq.ParquetFile(path)
    except (pa.ArrowInvalid, OSError) as error:
        raise InvalidInput(f"the file cannot be read: {str(error)[:200]}", field="file") from None
    names = names_of(file.schema_arrow.names)
    return Found(format="parquet", columns=names), _batches(file, names)


def _batches(file: pq.ParquetFile, names: list[str]) -> Iterator[pa.RecordBatch]:
    row = 0
    for batch in file.iter_batches(batch_size=rows_per_batch(len(names))):
        columns = {
            name: batch.column(i) if pa.types.is_binary(batch.column(i).type) else plain(batch.column(i))
            for i, name in enumerate(names)
        }
        rows = list(range(row + 1, row + batch.num_rows + 1))
        row += batch.num_rows
        yield build(columns, rows, [None] * batch.num_rows)
