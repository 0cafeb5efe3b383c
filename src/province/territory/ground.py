"""Roads, waters and industrial parks of a folder of facts: drawn by hand where nothing better is known, and flagged."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from province.model.geometry import Geometry
from province.territory.cells import Position
from province.territory.rows import Row, Source, credit, line_string, polygon, read_rows
from province.vocab.agency import agency_id
from province.vocab.area import area_id
from province.vocab.park import IndustrialPark, park_id
from province.vocab.road import Road, road_id
from province.vocab.waterway import STANDING, Waterway, waterway_id

RING: Final = 0.004
"""Degrees, about 440 m: parks of one ward stand in a circle around the ward's point, so that each can be chosen."""


@dataclass(frozen=True, slots=True)
class Ground:
    """What lies beneath everything else on a map."""

    roads: tuple[Road, ...]
    waterways: tuple[Waterway, ...]
    parks: tuple[IndustrialPark, ...]


def read_ground(folder: Path, sources: Mapping[str, Source], positions: Mapping[str, Position]) -> Ground:
    """Read roads, waters and parks. positions: the known point of an area, by its id. Raises: ConfigurationError."""
    roads = folder / "roads.csv"
    waterways = folder / "waterways.csv"
    return Ground(
        tuple(_road(row, sources, roads) for row in read_rows(roads)),
        tuple(_waterway(row, sources, waterways) for row in read_rows(waterways)),
        tuple(_parks(folder / "parks.csv", sources, positions)),
    )


def _road(row: Row, sources: Mapping[str, Source], path: Path) -> Road:
    return Road(
        id=road_id(row["code"]),
        code=row["code"],
        name=row["name"],
        kind=row["kind"],
        status=row["status"],
        location=line_string(row["line"], path),
        approximate=True,
        error=1000 * float(row["error_km"]),
        manager=agency_id(*_pair(row["manager"])) if row["manager"] else None,
        **credit(sources, row["source"], path),
    )


def _waterway(row: Row, sources: Mapping[str, Source], path: Path) -> Waterway:
    shape = polygon if row["kind"] in STANDING else line_string
    return Waterway(
        id=waterway_id(row["code"]),
        code=row["code"],
        name=row["name"],
        kind=row["kind"],
        location=shape(row["line"], path),
        approximate=True,
        error=1000 * float(row["error_km"]),
        **credit(sources, row["source"], path),
    )


def _parks(path: Path, sources: Mapping[str, Source], positions: Mapping[str, Position]) -> list[IndustrialPark]:
    rows = read_rows(path)
    neighbours = Counter(row["area"] for row in rows)
    placed: Counter[str] = Counter()
    found = []
    for row in rows:
        area = area_id(*_pair(row["area"])) if row["area"] else None
        centre = positions.get(area) if area else None
        found.append(
            IndustrialPark(
                id=park_id(row["code"]),
                code=row["code"],
                name=row["name"],
                kind=row["kind"],
                landSize=float(row["land_ha"]) if row["land_ha"] else None,
                area=area,
                location=_beside(centre, placed[row["area"]], neighbours[row["area"]]) if centre else None,
                approximate=centre is not None,
                **credit(sources, row["source"], path),
            )
        )
        placed[row["area"]] += 1
    return found


def _beside(centre: Position, index: int, count: int) -> Geometry:
    """The ward's point for a park that is alone there; else a place on a small circle around it."""
    angle = 2 * math.pi * index / count
    radius = RING if count > 1 else 0.0
    lon, lat = centre
    return {
        "type": "Point",
        "coordinates": [round(lon + radius * math.cos(angle), 5), round(lat + radius * math.sin(angle), 5)],
    }


def _pair(key: str) -> tuple[str, str]:
    code, _, day = key.partition(":")
    return code, day
