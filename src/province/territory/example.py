"""Reads a folder of facts (`data/binh-duong`) into changes: areas and agencies with their dates and sources.

Reading it twice changes nothing: ids are deterministic and every change is an upsert.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from province.model.change import Change
from province.territory.cells import Position, voronoi
from province.territory.ground import Ground, read_ground
from province.territory.rows import Source, credit, read_rows, read_sources, upsert
from province.vocab.agency import Agency, agency_id
from province.vocab.area import LOCAL, Area, area_id

AREA_FILES: Final = ("provinces.csv", "districts-2024-05.csv", "wards-2025-07.csv")


@dataclass(frozen=True, slots=True)
class Facts:
    """The folder, read. positions: the known point of an area, by its id."""

    areas: tuple[Area, ...]
    agencies: tuple[Agency, ...]
    positions: Mapping[str, Position]
    outline: tuple[Position, ...]
    ground: Ground


def read_facts(folder: Path) -> Facts:
    """Read the folder. Raises: ConfigurationError naming file and line."""
    sources = read_sources(folder)
    outline = tuple((float(r["lon"]), float(r["lat"])) for r in read_rows(folder / "outline.csv"))
    areas: list[Area] = []
    positions: dict[str, Position] = {}
    for name in AREA_FILES:
        rows = read_rows(folder / name)
        seeds = {_key(r): (float(r["lon"]), float(r["lat"])) for r in rows if r["lon"]}
        cells = voronoi(seeds, outline) if seeds else {}
        positions.update({_area(key): position for key, position in seeds.items()})
        for row in rows:
            key = _key(row)
            ring = {"type": "Polygon", "coordinates": [[list(p) for p in (*outline, outline[0])]]}
            location = cells.get(key) or (ring if row["source"] == "province" else None)
            areas.append(
                Area(
                    id=_area(key),
                    code=row["code"],
                    name=row["name"],
                    kind=row["kind"],
                    validFrom=row["valid_from"],
                    validTo=row["valid_to"] or None,
                    parent=_area(row["parent"]) if row["parent"] else None,
                    location=location,
                    areaSize=float(row["area_km2"]),
                    approximate=location is not None,
                    **credit(sources, row["source"], folder / name),
                )
            )
    agencies = [_agency(row, sources, folder / "agencies.csv") for row in read_rows(folder / "agencies.csv")]
    agencies += [_committee(a, sources, folder) for a in areas if a.kind in LOCAL and a.validTo is None]
    return Facts(tuple(areas), tuple(agencies), positions, outline, read_ground(folder, sources, positions))


def load(folder: Path) -> list[Change]:
    """The changes that bring the example in: parents before children, areas before agencies, the ground last."""
    facts = read_facts(folder)
    ground = facts.ground
    return [
        upsert(record) for record in (*facts.areas, *facts.agencies, *ground.roads, *ground.waterways, *ground.parks)
    ]


def _key(row: Mapping[str, str]) -> str:
    return f"{row['code']}:{row['valid_from']}"


def _area(key: str) -> str:
    code, _, day = key.partition(":")
    return area_id(code, day)


def _agency_key(key: str) -> str | None:
    identifier, _, day = key.partition(":")
    return agency_id(identifier, day) if key else None


def _agency(row: Mapping[str, str], sources: Mapping[str, Source], path: Path) -> Agency:
    return Agency(
        id=agency_id(row["identifier"], row["valid_from"]),
        identifier=row["identifier"],
        name=row["name"],
        kind=row["kind"],
        validFrom=row["valid_from"],
        validTo=row["valid_to"] or None,
        area=_area(row["area"]) if row["area"] else None,
        parent=_agency_key(row["parent"]),
        successor=_agency_key(row["successor"]),
        competences=tuple(row["competences"].split()),
        **credit(sources, row["source"], path),
    )


def _committee(area: Area, sources: Mapping[str, Source], folder: Path) -> Agency:
    identifier = f"ubnd-{area.code}"
    return Agency(
        id=agency_id(identifier, area.validFrom),
        identifier=identifier,
        name=f"Ủy ban nhân dân {area.name[:1].lower()}{area.name[1:]}",
        kind="committee",
        validFrom=area.validFrom,
        area=area.id,
        parent=agency_id("hcm-ubnd", "2025-07-01"),
        **credit(sources, "committees", folder / "sources.yaml"),
    )
