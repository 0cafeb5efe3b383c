"""Extracts of OpenStreetMap (PBF or XML): its streets as lines with all that driving them needs."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pyarrow as pa
import shapely

from province.adapters import openstreetmap
from province.adapters.tables.raw import Found, Options, build, rows_per_batch

COLUMNS = ("osm_id", "class", "name", "oneway", "kmh", "turns", "geometry")


def read(path: Path, options: Options) -> tuple[Found, Iterator[pa.RecordBatch]]:
    """Its streets in batches. Raises: InvalidInput, Unsupported without `osmium`."""
    streets = openstreetmap.streets(path)
    found = Found(format="osm", layers=["streets"], layer="streets", crs="EPSG:4326", columns=list(COLUMNS),
                  credit=openstreetmap.credit(path))  # fmt: skip
    return found, _batches(streets, options.head)


def _batches(streets: Iterator[openstreetmap.Street], most: int) -> Iterator[pa.RecordBatch]:
    size = rows_per_batch(40)
    rows: list[openstreetmap.Street] = []
    before = 0
    for street in streets:
        rows.append(street)
        if len(rows) == size or before + len(rows) == most:
            yield _batch(rows, before)
            before += len(rows)
            rows = []
            if before == most:
                return
    if rows:
        yield _batch(rows, before)


def _batch(rows: list[openstreetmap.Street], before: int) -> pa.RecordBatch:
    columns = {
        "osm_id": pa.array([str(r.id) for r in rows], pa.string()),
        "class": pa.array([r.kind for r in rows], pa.string()),
        "name": pa.array([r.name or None for r in rows], pa.string()),
        "oneway": pa.array([r.oneway for r in rows], pa.string()),
        "kmh": pa.array([r.kmh for r in rows], pa.float64()),
        "turns": pa.array(["; ".join(r.turns) or None for r in rows], pa.string()),
        "geometry": pa.array([shapely.to_wkb(shapely.linestrings(r.place)) for r in rows], pa.binary()),
    }
    return build(columns, list(range(before + 1, before + len(rows) + 1)), [None] * len(rows))
