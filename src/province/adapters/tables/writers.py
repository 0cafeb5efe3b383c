"""Tables into files: CSV, XLSX, GeoJSON, GeoPackage, Parquet. Cells that a spreadsheet would run are disarmed."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any, Final

import msgspec
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from province.errors import TooLarge
from province.model.geometry import Geometry

_RUNS: Final = re.compile(r"'*[=+\-@\t\r]")
_NUMBER: Final = re.compile(r"[+-]?(\d+([.,]\d+)*|\.\d+)([eE][+-]?\d+)?%?")
MEDIA: Final = {
    "csv": "text/csv", "xlsx": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
    "geojson": "application/geo+json", "gpkg": "application/geopackage+sqlite3",
    "parquet": "application/vnd.apache.parquet", "jsonld": "application/ld+json",
}  # fmt: skip
_SHEET_ROWS: Final = 1_048_575
_CELL: Final = 32_767


def disarm(text: str) -> str:
    """A text that a spreadsheet would take for a formula, behind an apostrophe; numbers stay. See `rearm`."""
    return f"'{text}" if _RUNS.match(text) and not _NUMBER.fullmatch(text) else text


def rearm(text: str) -> str:
    """Inverse of `disarm`."""
    return text[1:] if text.startswith("'") and _RUNS.match(text) and not _NUMBER.fullmatch(text[1:]) else text


def cell(value: Any) -> str:
    """A value as the text of a CSV cell."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str):
        return disarm(value)
    if isinstance(value, float):
        return repr(value).removesuffix(".0")
    return str(value) if isinstance(value, int) else disarm(msgspec.json.encode(value).decode())


def csv_lines(
    columns: Sequence[str], rows: Iterable[Sequence[Any]], *, delimiter: str = ",", bom: bool = False
) -> Iterator[bytes]:
    """CSV in pieces as they come; UTF-8, with a byte order mark for Excel when asked. columns: none: no head line."""
    buffer = io.StringIO()
    writer = csv.writer(buffer, delimiter=delimiter, lineterminator="\r\n")
    if bom:
        buffer.write("\ufeff")
    if columns:
        writer.writerow([disarm(c) for c in columns])
    for row in rows:
        writer.writerow([cell(v) for v in row])
        if buffer.tell() > 64_000:
            yield buffer.getvalue().encode()
            buffer.seek(0)
            buffer.truncate()
    yield buffer.getvalue().encode()


def write_xlsx(path: Path, columns: Sequence[str], rows: Iterable[Sequence[Any]], *, sheet: str) -> None:
    """A workbook of one sheet, row by row. Every text is written as a text, so nothing in it is run."""
    import xlsxwriter

    book = xlsxwriter.Workbook(
        path,
        {"constant_memory": True, "strings_to_formulas": False, "strings_to_urls": False, "nan_inf_to_errors": True},
    )
    page = book.add_worksheet(re.sub(r"[\[\]:*?/\\']", " ", sheet)[:31] or "Sheet1")
    bold = book.add_format({"bold": True})
    for i, name in enumerate(columns):
        page.write_string(0, i, name[:_CELL], bold)
    page.freeze_panes(1, 0)
    for number, row in enumerate(rows, start=1):
        if number > _SHEET_ROWS:
            raise TooLarge("a sheet holds 1,048,575 rows.", field="format", remedy="Export as CSV or GeoPackage.")
        for i, value in enumerate(row):
            if value is None:
                continue
            if isinstance(value, bool):
                page.write_boolean(number, i, value)
            elif isinstance(value, int | float):
                page.write_number(number, i, value)
            else:
                text = value if isinstance(value, str) else msgspec.json.encode(value).decode()
                page.write_string(number, i, text[:_CELL])
    book.close()


def geojson_pieces(features: Iterable[tuple[dict[str, Any], Geometry | None, str]]) -> Iterator[bytes]:
    """A FeatureCollection in pieces: (properties, geometry, id) of each feature."""
    yield b'{"type":"FeatureCollection","features":['
    first = True
    for properties, geometry, id in features:
        one = {"type": "Feature", **({"id": id} if id else {}), "geometry": geometry, "properties": properties}
        yield (b"" if first else b",\n") + msgspec.json.encode(one)
        first = False
    yield b"]}\n"


def write_gpkg(
    path: Path, layer: str, table: pa.Table, shapes: Sequence[bytes | None], *, crs: str, append: bool, credit: str = ""
) -> None:
    """Add rows to a layer of a GeoPackage. shapes: WKB.  credit: becomes the description of a new layer."""
    import pyogrio

    with_shape = table.append_column("geometry", pa.array(list(shapes), pa.binary()))
    pyogrio.write_arrow(
        with_shape, path, layer=layer, driver="GPKG", geometry_name="geometry", geometry_type="Unknown", crs=crs,
        append=append, layer_options={"DESCRIPTION": credit} if credit else None,
    )  # fmt: skip


def write_parquet(path: Path, tables: Iterable[pa.Table], schema: pa.Schema) -> None:
    """Parquet, table by table."""
    with pq.ParquetWriter(path, schema, compression="zstd") as writer:
        for table in tables:
            writer.write_table(table)


def finite(value: Any) -> Any:
    """A number that JSON has, or None."""
    return None if isinstance(value, float) and not np.isfinite(value) else value
