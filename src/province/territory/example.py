"""Reads a folder of facts (`data/binh-duong`) into changes: areas and agencies with their dates and sources.

Reading it twice changes nothing: ids are deterministic and every change only fills what is missing.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import msgspec

from province.model.change import Change
from province.model.geometry import Geometry
from province.territory.atoms import Atom, read_atoms, successors, unite
from province.territory.cells import Position
from province.territory.committees import committees
from province.territory.ground import Ground, read_ground
from province.territory.rows import Row, Source, credit, find_source, read_rows, read_sources, upsert, words
from province.vocab.agency import Agency, agency_id
from province.vocab.area import Area, area_id

AREA_FILES: Final = ("provinces.csv", "districts-2024-05.csv", "communes-2024-05.csv", "wards-2025-07.csv")
"""Parents before children."""


@dataclass(frozen=True, slots=True)
class Facts:
    """The folder, read. positions: the known point of an area, by its id.

    estimates: ids of the areas whose population is an estimate.
    """

    areas: tuple[Area, ...]
    agencies: tuple[Agency, ...]
    positions: Mapping[str, Position]
    outline: tuple[Position, ...]
    atoms: tuple[Atom, ...]
    estimates: frozenset[str]
    ground: Ground


def read_facts(folder: Path) -> Facts:
    """Read the folder. Raises: ConfigurationError naming file and line."""
    sources = read_sources(folder)
    outline = tuple((float(r["lon"]), float(r["lat"])) for r in read_rows(folder / "outline.csv"))
    atoms = read_atoms(folder / "conversions.csv", outline)
    tables = [(folder / name, read_rows(folder / name)) for name in AREA_FILES]
    parents = {_area(_key(row)): _area(row["parent"]) for _, rows in tables for row in rows if row["parent"]}
    land = {**unite(atoms, lambda a: a.old), **unite(atoms, lambda a: a.new)}
    land |= unite(atoms, lambda a: parents[a.old])
    land |= {root: _ring(outline) for atom in atoms if (root := parents[parents[atom.old]])}
    became = successors(atoms)
    areas: list[Area] = []
    positions = {atom.old: atom.position for atom in reversed(atoms)}  # of a divided unit, its first part
    estimates = set()
    for path, rows in tables:
        for row in rows:
            id = _area(_key(row))
            if row.get("lon"):
                positions[id] = (float(row["lon"]), float(row["lat"]))
            areas.append(_area_record(row, sources, path, land.get(id), became.get(id, ())))
            if row.get("population") and _counted(row, sources, path).confidence == "estimate":
                estimates.add(id)
    agencies = [_agency(row, sources, folder / "agencies.csv") for row in read_rows(folder / "agencies.csv")]
    agencies += committees(areas, sources, folder)
    ground = read_ground(folder, sources, positions)
    return Facts(tuple(areas), tuple(agencies), positions, outline, atoms, frozenset(estimates), ground)


def _area_record(
    row: Row, sources: Mapping[str, Source], path: Path, land: Geometry | None, became: tuple[str, ...]
) -> Area:
    if row.get("successor"):
        became = (_area(row["successor"]),)
    counted = row.get("population", "")
    return Area(
        id=_area(_key(row)),
        code=row["code"],
        name=row["name"],
        kind=row["kind"],
        validFrom=row["valid_from"],
        validTo=row["valid_to"] or None,
        parent=_area(row["parent"]) if row["parent"] else None,
        successors=became,
        location=land,
        areaSize=float(row["area_km2"]) if row["area_km2"] else None,
        population=int(counted) if counted else None,
        populationSource=words(_counted(row, sources, path)) if counted else "",
        approximate=land is not None,
        **credit(sources, row["source"], path),
    )


def _counted(row: Row, sources: Mapping[str, Source], path: Path) -> Source:
    return find_source(sources, row["population_source"], path)


def load(folder: Path) -> list[Change]:
    """The changes that bring the example in: parents before children, areas before agencies, the ground last."""
    return changes_of(read_facts(folder))


def changes_of(facts: Facts) -> list[Change]:
    """The changes that bring facts in, in the same order."""
    ground = facts.ground
    areas = [_flagged(upsert(area)) if area.id in facts.estimates else upsert(area) for area in facts.areas]
    rest = (*facts.agencies, *ground.roads, *ground.waterways, *ground.parks)
    return areas + [upsert(record) for record in rest]


def _flagged(area: Change) -> Change:
    """The same with an estimated population: an estimate never counts as a counted number."""
    counted = area.attrs["population"]
    assert counted is not None
    estimated = msgspec.structs.replace(counted, origin="estimated")
    return msgspec.structs.replace(area, attrs={**area.attrs, "population": estimated})


def _ring(outline: tuple[Position, ...]) -> Geometry:
    return {"type": "Polygon", "coordinates": [[list(p) for p in (*outline, outline[0])]]}


def _key(row: Row) -> str:
    return f"{row['code']}:{row['valid_from']}"


def _area(key: str) -> str:
    code, _, day = key.partition(":")
    return area_id(code, day)


def _agency_key(key: str) -> str | None:
    identifier, _, day = key.partition(":")
    return agency_id(identifier, day) if key else None


def _agency(row: Row, sources: Mapping[str, Source], path: Path) -> Agency:
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
