"""People's Committees: one for every unit of government below the province, derived from the list of units."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final

from province.territory.rows import Source, credit
from province.vocab.agency import Agency, agency_id
from province.vocab.area import LOCAL, Area

MIDDLE: Final[frozenset[str]] = frozenset(("city", "district", "town"))
"""The tier that was abolished on 1 July 2025."""
PROVINCIAL: Final[Mapping[str, str]] = {
    "74": agency_id("bd-ubnd", "2024-05-01"),
    "79": agency_id("hcm-ubnd", "2025-07-01"),
}
"""Code of a province → its People's Committee, which `agencies.csv` names."""


def committees(areas: Sequence[Area], sources: Mapping[str, Source], folder: Path) -> list[Agency]:
    """The committees of all units of the middle and the lowest tier, in the order of the units.

    Part of the committee one tier up.  Successor: where the unit went over undivided, the committee of what it became;
    none for a unit that was divided, or for the abolished tier: who took over what is not in the record.
    """
    by_id = {area.id: area for area in areas}
    return [_committee(a, by_id, sources, folder) for a in areas if a.kind in LOCAL or a.kind in MIDDLE]


def _committee(area: Area, by_id: Mapping[str, Area], sources: Mapping[str, Source], folder: Path) -> Agency:
    above = by_id[area.parent] if area.parent else None
    after = by_id[area.successors[0]] if len(area.successors) == 1 else None
    source = "committees" if area.validTo is None else "committees-before"
    return Agency(
        id=_id(area),
        identifier=f"ubnd-{area.code}",
        name=f"Ủy ban nhân dân {area.name[:1].lower()}{area.name[1:]}",
        kind="committee",
        validFrom=area.validFrom,
        validTo=area.validTo,
        area=area.id,
        parent=(PROVINCIAL.get(above.code) or _id(above)) if above else None,
        successor=_id(after) if after else None,
        **credit(sources, source, folder / "sources.yaml"),
    )


def _id(area: Area) -> str:
    return agency_id(f"ubnd-{area.code}", area.validFrom)
