"""Which format a file is in, by its content, and the reader for it. Runs in the reading process only."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Final

import pyarrow as pa
import pyarrow.compute as pc

from province.adapters.tables import csv_file, geo_file, json_file, osm_file, parquet_file, xlsx_file
from province.adapters.tables.raw import FAULT, ROW, Found, Options
from province.compute import legacy
from province.errors import InvalidInput, Unsupported

READERS: Final = {
    "csv": csv_file.read,
    "xlsx": xlsx_file.read,
    "geojson": json_file.read,
    "ngsi-ld": json_file.read,
    "gpkg": geo_file.read,
    "dxf": geo_file.read,
    "parquet": parquet_file.read,
    "osm": osm_file.read,
}
SUFFIX: Final[Mapping[str, str]] = {
    "csv": ".csv", "xlsx": ".xlsx", "geojson": ".geojson", "ngsi-ld": ".json", "gpkg": ".gpkg", "dxf": ".dxf",
    "parquet": ".parquet", "osm": ".osm.pbf",
}  # fmt: skip
_OFTEN: Final = 400
REMARKS: Final = frozenset(("_row ", "_field", "_reason", "_remedy"))
"""Columns of a file of refused rows: left aside when it is imported again."""


def detect(head: bytes, name: str) -> str:
    """The format, by the first bytes of a file; the name decides only between kinds of text. Raises: Unsupported."""
    suffix = Path(name).suffix.lower()
    if head.startswith(b"PK\x03\x04"):
        return "xlsx"
    if head.startswith(b"SQLite format 3\x00"):
        return "gpkg"
    if head.startswith(b"PAR1"):
        return "parquet"
    if b"OSMHeader" in head[:20] or b"<osm" in head[:500]:
        return "osm"
    if head.startswith(b"AutoCAD Binary DXF") or suffix == ".dxf" or _looks_like_dxf(head):
        return "dxf"
    if head.startswith((b"\xd0\xcf\x11\xe0", b"%PDF", b"\x1f\x8b", b"7z\xbc\xaf", b"Rar!")):
        raise Unsupported(
            "this kind of file is not read.", field="file",
            remedy="Send CSV, XLSX, GeoJSON, GeoPackage, DXF, NGSI-LD JSON, Parquet or an extract of OpenStreetMap;"
            " unpack archives first.",
        )  # fmt: skip
    text = head.lstrip(b"\xef\xbb\xbf \r\n\t\x1e")
    if text[:1] in (b"{", b"["):
        feature = b'"FeatureCollection"' in head or b'"Feature"' in head or suffix == ".geojson"
        return "geojson" if feature and suffix not in (".jsonld",) else "ngsi-ld"
    return "csv"


def _looks_like_dxf(head: bytes) -> bool:
    lines = head[:200].split(b"\n")
    return len(lines) > 1 and lines[0].strip() == b"0" and lines[1].strip() == b"SECTION"


def read(path: Path, options: Options) -> tuple[Found, Iterator[pa.RecordBatch]]:
    """What the file is, and its rows in batches of the raw form, all text in NFC and out of legacy encodings.

    Raises: InvalidInput, TooLarge, Unsupported.
    """
    format = options.format
    if not format:
        with path.open("rb") as file:
            format = detect(file.read(4096), path.name)
    found, batches = READERS[format](path, _with(options, format))
    found.columns = [c for c in found.columns if c not in REMARKS]
    first = next(batches, None)
    if first is None:
        raise InvalidInput("the file holds no rows.", field="file")
    old = _legacy_columns(first, options.encoding)
    if old:
        found.encoding = next(iter(old.values()))
    heads = legacy.detect(found.columns) if options.encoding in ("", "tcvn3", "vni") else None
    renamed = {c: legacy.decode(c, heads) for c in found.columns} if heads else {}
    found.columns = [renamed.get(c, c) for c in found.columns]

    def cleaned() -> Iterator[pa.RecordBatch]:
        yield _clean(first, old, renamed)
        for batch in batches:
            yield _clean(batch, old, renamed)

    return found, cleaned()


def _with(options: Options, format: str) -> Options:
    return Options(
        format=format, encoding=options.encoding, delimiter=options.delimiter, header=options.header,
        sheet=options.sheet, layer=options.layer, head=options.head,
    )  # fmt: skip


def _legacy_columns(batch: pa.RecordBatch, asked: str) -> dict[str, legacy.Legacy]:
    """Columns whose text is in a legacy encoding. Each column is judged alone: fonts differ within one sheet."""
    if asked not in ("", "tcvn3", "vni"):
        return {}
    found: dict[str, legacy.Legacy] = {}
    for name, column in zip(batch.schema.names, batch.columns, strict=True):
        if name in (ROW, FAULT) or not (pa.types.is_string(column.type) or pa.types.is_struct(column.type)):
            continue
        text = pc.struct_field(column, "text") if pa.types.is_struct(column.type) else column
        sample = [t for t in pc.unique(text).to_pylist()[:_OFTEN] if t]
        seen = legacy.detect(sample)
        if seen is not None and (not asked or seen == asked):
            found[name] = seen
    return found


def _clean(batch: pa.RecordBatch, old: dict[str, legacy.Legacy], renamed: dict[str, str]) -> pa.RecordBatch:
    columns = []
    names = [n for n in batch.schema.names if n not in REMARKS]
    for name in names:
        column = batch.column(name)
        if pa.types.is_string(column.type) and name != FAULT:
            column = _text(column, old.get(name))
        elif pa.types.is_struct(column.type):
            text = _text(pc.struct_field(column, "text"), old.get(name))
            column = pa.StructArray.from_arrays(
                [text, pc.struct_field(column, "number")], fields=list(column.type), mask=pc.is_null(column)
            )
        columns.append(column)
    return pa.record_batch(columns, names=[renamed.get(n, n) for n in names])


def _text(column: pa.Array, encoding: legacy.Legacy | None) -> pa.Array:
    if encoding is not None:
        column = pa.array([None if t is None else legacy.decode(t, encoding) for t in column.to_pylist()], pa.string())
    return pc.utf8_normalize(column, form="NFC")
