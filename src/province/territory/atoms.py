"""Atoms: the parts of land that every known map leaves whole, from the table of what became of which unit.

One row of the table is one atom: the land that belonged to `old` before the reform and belongs to `new` since. Units of
both maps are unions of atoms, so their borders agree wherever the two maps do.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from province.errors import ConfigurationError
from province.model.geometry import Geometry
from province.territory.cells import Position, merge, voronoi
from province.territory.rows import read_rows
from province.vocab.area import area_id


@dataclass(frozen=True, slots=True)
class Atom:
    """old, new: ids of areas.  whole: the old unit went over undivided.  cell: its approximate land."""

    old: str
    new: str
    whole: bool
    position: Position
    cell: Geometry


def read_atoms(path: Path, outline: Sequence[Position]) -> tuple[Atom, ...]:
    """Read the table of conversions, in its order. Raises: ConfigurationError."""
    rows = read_rows(path)
    for row in rows:
        if row["extent"] not in ("whole", "partial"):
            raise ConfigurationError(
                f"{row['old']} became {row['new']} to the extent {row['extent']!r}.",
                field=str(path),
                remedy="Write whole or partial.",
            )
    seeds = {f"{r['old']}>{r['new']}": (float(r["lon"]), float(r["lat"])) for r in rows}
    cells = voronoi(seeds, outline)
    return tuple(
        Atom(_area(r["old"]), _area(r["new"]), r["extent"] == "whole", seeds[key], cells[key])
        for r, key in zip(rows, seeds, strict=True)
    )


def unite(atoms: Sequence[Atom], unit: Callable[[Atom], str]) -> Mapping[str, Geometry]:
    """The land of each unit that `unit` finds for an atom, by its id."""
    parts: dict[str, list[Geometry]] = {}
    for atom in atoms:
        parts.setdefault(unit(atom), []).append(atom.cell)
    return {id: merge(cells) for id, cells in parts.items()}


def successors(atoms: Sequence[Atom]) -> Mapping[str, tuple[str, ...]]:
    """The units that each old unit became, in the order of the table: several when it was divided."""
    found: dict[str, list[str]] = {}
    for atom in atoms:
        found.setdefault(atom.old, []).append(atom.new)
    return {old: tuple(new) for old, new in found.items()}


def _area(key: str) -> str:
    code, _, day = key.partition(":")
    return area_id(code, day)
