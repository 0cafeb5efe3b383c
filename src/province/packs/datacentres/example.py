"""The places that the plan names for data centres: facts of the annex, at the middle of each old district."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from province.model.geometry import point
from province.packs.datacentres.types import DataCentrePlace
from province.vocab.area import area_id

LINE: Final = "III.7"
"""The line of the annex."""


def named_places(
    rows: Sequence[Mapping[str, str]],
    credits: Mapping[str, Mapping[str, Any]],
    positions: Mapping[str, tuple[float, float]],
) -> list[DataCentrePlace]:
    """Places from the rows of `annex-places.csv` that the line names. Their cost and flooding nobody has told yet.

    credits: `source` and `sourceDate` by name of a source.  positions: known point of an area, by its id.
    """
    found = []
    for row in rows:
        if LINE in row["lines"].split():
            code, _, day = row["area"].partition(":")
            area = area_id(code, day)
            at = positions.get(area)
            found.append(DataCentrePlace(
                id=f"urn:ngsi-ld:DataCentrePlace:{row['key']}", code=row["key"], name=row["place"], named=True,
                area=area, location=point(*at) if at else None, approximate=True, **credits[row["source"]],
            ))  # fmt: skip
    return found
