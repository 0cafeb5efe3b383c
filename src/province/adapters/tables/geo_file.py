"""GeoPackage and DXF through GDAL: layers, attributes, shapes as WKB in the file's own coordinates."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from province.adapters.tables.raw import Found, Options, build, names_of, rows_per_batch
from province.errors import InvalidInput


def read(path: Path, options: Options) -> tuple[Found, Iterator[pa.RecordBatch]]:
    """What the file holds, and the features of one layer. Raises: InvalidInput."""
    os.environ["CPL_VSIL_CURL_ALLOWED_EXTENSIONS"] = ".none"  # nothing in a file makes us call out
    import pyogrio

    try:
        layers = [str(name) for name, _ in pyogrio.list_layers(path)]
        layer = options.layer or (layers[0] if layers else "")
        if layer not in layers:
            raise InvalidInput(
                f"there is no layer {layer!r}.", field="mapping.layer", remedy=f"The file has: {', '.join(layers)}."
            )
        meta = pyogrio.read_info(path, layer=layer, force_feature_count=True)
        meta_read, table = pyogrio.read_arrow(path, layer=layer, max_features=options.head or None)
    except (pyogrio.errors.DataSourceError, pyogrio.errors.DataLayerError, sqlite3.Error, ValueError) as error:
        raise InvalidInput(f"the file cannot be read: {str(error)[:200]}", field="file") from None
    shape = meta_read.get("geometry_name") or "wkb_geometry"
    given = [n for n in table.column_names if n != shape]
    names = names_of(given)
    format = "dxf" if path.suffix.lower() == ".dxf" else "gpkg"
    has_shape = shape in table.column_names
    crs = str(meta.get("crs") or "")
    found = Found(
        format=format, layers=layers, layer=layer, crs=crs, columns=[*names, *(["geometry"] if has_shape else [])]
    )
    return found, _batches(table, given, names, shape if has_shape else "")


def _batches(table: pa.Table, given: list[str], names: list[str], shape: str) -> Iterator[pa.RecordBatch]:
    size = min(1_000, rows_per_batch(len(names) + 20))
    for start in range(0, table.num_rows, size):
        part = table.slice(start, size).combine_chunks()
        columns = {n: _plain(_whole(part[g])) for g, n in zip(given, names, strict=True)}
        if shape:
            columns["geometry"] = pc.cast(_whole(part[shape]), pa.binary())
        yield build(columns, list(range(start + 1, start + part.num_rows + 1)), [None] * part.num_rows)


def _whole(column: pa.ChunkedArray) -> pa.Array:
    return column.combine_chunks() if isinstance(column, pa.ChunkedArray) else column


def _plain(column: Any) -> pa.Array:
    if isinstance(column, pa.ChunkedArray):
        column = pa.concat_arrays(column.chunks) if column.num_chunks else pa.array([], column.type)
    kind = column.type
    if pa.types.is_dictionary(kind):
        return _plain(column.dictionary_decode())
    if pa.types.is_integer(kind) or pa.types.is_floating(kind) or pa.types.is_boolean(kind) or pa.types.is_string(kind):
        return column
    if pa.types.is_large_string(kind):
        return pc.cast(column, pa.string())
    if pa.types.is_timestamp(kind) or pa.types.is_date(kind):
        return column.cast(pa.timestamp("us", tz=getattr(kind, "tz", None)))
    if pa.types.is_decimal(kind):
        return pc.cast(column, pa.float64())
    return pa.array([None if v is None else str(v) for v in column.to_pylist()], pa.string())


plain = _plain
"""A column of any Arrow type as one that the raw form allows."""
