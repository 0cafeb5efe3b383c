"""The invented network of the examples as layers, and problems of transmission made of it."""

from __future__ import annotations

import csv
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from province.model import parameters
from province.model.geometry import point
from province.model.study import Assumed, Feature, Outcome, Problem
from province.packs.transmission.pack import PACK
from tests.conformance.situation import folder

FOLDER = Path(__file__).parents[2] / "docs/examples/transmission"


def rows(name: str, **changed: Mapping[str, Any]) -> tuple[Feature, ...]:
    """The rows of an example file as a study reads them. changed: code → columns that differ."""
    with (FOLDER / f"{name}.csv").open(encoding="utf-8", newline="") as file:
        read = list(csv.DictReader(file))
    made = []
    for i, row in enumerate(read):
        cells: dict[str, Any] = {k: v for k, v in row.items() if v != ""}
        cells |= changed.get(str(cells.get("code", "")), {})
        lon, lat = cells.pop("lon", None), cells.pop("lat", None)
        shape = point(float(lon), float(lat)) if lon and lat else None
        made.append(Feature(id=f"row-{i + 1}", geometry=shape, properties=cells))
    return tuple(made)


def assumed(**given: float | str) -> dict[str, Assumed]:
    """The dated constants of the pack, and those of a planner."""
    dated = parameters.parse(folder(PACK).joinpath("params.yaml").read_text("utf-8"))
    found = {p.name: Assumed(name=p.name, value=p.value, unit=p.unit, source=p.source) for p in dated}
    for name, value in given.items():
        unit = found[name].unit if name in found else "VND"
        found[name] = Assumed(name=name, value=value, unit=unit, source="test", given=True)
    return found


def problem(
    budget: float, unit: str, layers: Mapping[str, tuple[Feature, ...]], seconds: float = 5.0, **given: float | str
) -> Problem:
    """A study of these layers."""
    return Problem(layers=layers, assumptions=assumed(**given), budget=budget, unit=unit, seconds=seconds)


def column(outcome: Outcome, table: str, name: str, key: str = "name") -> dict[str, Any]:
    """A column of a table by another."""
    found = outcome.table(table)
    assert found is not None
    names = [c.name for c in found.columns]
    of, at = names.index(key), names.index(name)
    return {str(r[of]).removesuffix(" (ví dụ)"): r[at] for r in found.rows}


def without(found: Sequence[Feature], *codes: str) -> tuple[Feature, ...]:
    """Those with other codes."""
    return tuple(f for f in found if f.properties.get("code") not in codes)
