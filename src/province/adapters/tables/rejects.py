"""The file of refused rows: as they were given, with `_row`, `_field`, `_reason`, `_remedy`, in the format that came.

It is meant to be mended and imported again: by the same mapping, for the columns that tell why are left aside.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import msgspec
import pyarrow as pa

from province.adapters.tables import raw, writers
from province.adapters.tables.json_file import ENTITY
from province.adapters.tables.raw import FAULT, ROW
from province.adapters.tables.reasons import Reason
from province.model.mapping import GEOMETRY
from province.model.mapping import Mapping as FileMapping

Chunks = list[tuple[pa.Table, pa.Table]]
REASONS: Final = pa.schema(
    [("_row", pa.int64()), ("_field", pa.string()), ("_reason", pa.string()), ("_remedy", pa.string())]
)
_FIRST: Final = 5
"""Reasons of one row that are shown at once."""


def keep(table: pa.Table, refused: Mapping[int, Sequence[Reason]]) -> pa.Table | None:
    """The refused rows of a chunk as given, each with its reasons. refused: by position in the chunk."""
    if not refused:
        return None
    positions = sorted(refused)
    rows = raw.select(table, positions)
    numbers = rows.column(ROW).to_pylist()
    why = pa.Table.from_pylist(
        [_why(number, refused[i]) for number, i in zip(numbers, positions, strict=True)], schema=REASONS
    )
    kept = rows.drop_columns([ROW, FAULT])
    for name in REASONS.names:
        kept = kept.append_column(f"\x00{name}", why.column(name))
    return kept


def apart(kept: pa.Table) -> tuple[pa.Table, pa.Table]:
    """(rows as given, reasons) of what `keep` kept."""
    names = [n for n in kept.column_names if n.startswith("\x00")]
    return kept.drop_columns(names), kept.select(names).rename_columns([n[1:] for n in names])


def shown(row: int, given: Sequence[Reason]) -> dict[str, Any]:
    """A refused row as the register shows it."""
    return {
        "row": row,
        "reasons": [
            {"field": g.column, "vi": g.reason.vi, "en": g.reason.en, "remedyVi": g.remedy.vi, "remedyEn": g.remedy.en}
            for g in given[:_FIRST]
        ],
    }


def _why(number: int, given: Sequence[Reason]) -> dict[str, Any]:
    return {
        "_row": number,
        "_field": "; ".join(dict.fromkeys(g.column for g in given if g.column)),
        "_reason": "; ".join(f"{g.reason.vi} / {g.reason.en}" for g in given),
        "_remedy": "; ".join(dict.fromkeys(f"{g.remedy.vi} / {g.remedy.en}" for g in given if g.remedy.en)),
    }


def write(chunks: Chunks, format: str, mapping: FileMapping, name: str) -> tuple[bytes, str, str]:
    """(content, file name, media type). `name`: of the file that was imported."""
    stem = Path(name).stem
    if format == "ngsi-ld":
        return _entities(chunks), f"{stem}.refused.jsonl", "application/x-ndjson"
    if format == "geojson":
        return _features(chunks), f"{stem}.refused.geojson", writers.MEDIA["geojson"]
    columns = [*(chunks[0][0].column_names if chunks else ()), "_row", "_field", "_reason", "_remedy"]
    with tempfile.TemporaryDirectory(prefix="province-") as folder:
        if format == "xlsx":
            path = Path(folder) / "refused.xlsx"
            writers.write_xlsx(path, columns, _rows(chunks), sheet=mapping.sheet or "refused")
            return path.read_bytes(), f"{stem}.refused.xlsx", writers.MEDIA["xlsx"]
        if format in ("gpkg", "dxf"):
            path = Path(folder) / "refused.gpkg"
            for i, (rows, why) in enumerate(chunks):
                shapes = rows.column(GEOMETRY).to_pylist() if GEOMETRY in rows.column_names else [None] * rows.num_rows
                table = pa.table({n: rows.column(n) for n in rows.column_names if n not in (GEOMETRY, "fid")})
                for column in why.column_names:
                    table = table.append_column(column, why.column(column))
                crs = mapping.crs or "EPSG:4326"
                writers.write_gpkg(path, mapping.layer or "refused", table, shapes, crs=crs, append=i > 0)
            return path.read_bytes() if chunks else b"", f"{stem}.refused.gpkg", writers.MEDIA["gpkg"]
        if format == "parquet":
            path = Path(folder) / "refused.parquet"
            tables = [_joined(rows, why) for rows, why in chunks]
            if tables:
                writers.write_parquet(path, tables, tables[0].schema)
                return path.read_bytes(), f"{stem}.refused.parquet", writers.MEDIA["parquet"]
            return b"", f"{stem}.refused.parquet", writers.MEDIA["parquet"]
    lines = writers.csv_lines(columns, _rows(chunks), delimiter=mapping.delimiter or ",", bom=True)
    return b"".join(lines), f"{stem}.refused.csv", writers.MEDIA["csv"]


def _joined(rows: pa.Table, why: pa.Table) -> pa.Table:
    for name in why.column_names:
        rows = rows.append_column(name, why.column(name))
    return rows


def _rows(chunks: Chunks) -> Iterator[list[Any]]:
    for rows, why in chunks:
        for row, reason in zip(rows.to_pylist(), why.to_pylist(), strict=True):
            yield [raw.value(v) for v in row.values()] + list(reason.values())


def _features(chunks: Chunks) -> bytes:
    def each() -> Iterator[tuple[dict[str, Any], Any, str]]:
        for rows, why in chunks:
            for row, reason in zip(rows.to_pylist(), why.to_pylist(), strict=True):
                shape = row.pop(GEOMETRY, None)
                id = str(row.pop("id", "") or "")
                yield {**row, **reason}, msgspec.Raw(shape.encode()) if shape else None, id

    return b"".join(writers.geojson_pieces(each()))


def _entities(chunks: Chunks) -> bytes:
    """One entity per line; a line that was no JSON comes back as it was."""
    lines = []
    for rows, why in chunks:
        for text, reason in zip(rows.column(ENTITY).to_pylist(), why.to_pylist(), strict=True):
            try:
                entity = msgspec.json.decode(text)
                lines.append(msgspec.json.encode({**entity, **reason}))
            except (msgspec.DecodeError, TypeError):
                lines.append(str(text).encode())
    return b"\n".join(lines) + b"\n"
