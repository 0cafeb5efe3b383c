"""What approved parks become: each park as planned, and its parcels, to be acquired and handed over. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from province.errors import Conflict
from province.model.query import Where
from province.model.study import Feature
from province.pack import Adoption
from province.packs.parks.types import LandParcel
from province.vocab.area import civil_day
from province.vocab.park import IndustrialPark, park_id
from province.vocab.study import Study

_REGISTER: Final = "urn:ngsi-ld:LandParcel:"


def park(feature: Feature, study: Study, id: str, code: str) -> IndustrialPark:
    """A park of the plan as planned, with the boundary of its parcels; its basis is the study with its decision."""
    return IndustrialPark(
        id=_park_of(study, feature.name),
        code=code,
        name=f"{feature.name}, {study.title}"[:200],
        kind="it",
        status="planned",
        plan=study.id,
        landSize=float(feature.properties["area_ha"]),
        location=feature.geometry,
        source=study.cited,
        sourceDate=civil_day(study.decidedAt) if study.decidedAt else None,
    )


def entry(feature: Feature, study: Study, id: str, code: str) -> LandParcel:
    """A chosen parcel, with the park of the plan that it belongs to. One of the register keeps its entry."""
    given = feature.properties
    price = given.get("price")
    return LandParcel(
        id=feature.id if feature.id.startswith(_REGISTER) else id,
        code=code,
        name=feature.name,
        status="planned",
        park=_park_of(study, str(given["park"])),
        site=f"{given['park']}, {study.title}"[:200],
        landSize=float(given["area_ha"]),
        price=None if price is None else float(price),
        plan=study.id,
        location=feature.geometry,
        source=study.cited,
    )


def take(held: LandParcel, item: LandParcel) -> Mapping[str, Any]:
    """What a parcel of the register is told. Raises: Conflict when an investor has it by now."""
    if held.status != "free":
        raise Conflict(f"the parcel {held.code} is {held.status}.", field="status", remedy="Compute the plan anew.")
    return {"status": "planned", "park": item.park, "site": item.site}


def _park_of(study: Study, name: str) -> str:
    """Id of a park of the plan, by the name that its parcels give it: `Khu 1` → `…:<study>-khu-1`."""
    return park_id(f"{study.id.rpartition(':')[2]}-{name.lower().replace(' ', '-')}")


PARKS: Final = Adoption(layer="parks", of=IndustrialPark, entry=park, built=())
ADOPTION: Final = Adoption(
    layer="chosen", of=LandParcel, entry=entry, built=(Where("handedOverOn", "exists"),), size="landSize", public=True,
    over=take, whole=PARKS,
)  # fmt: skip
"""Land counts once it was handed over; compensation alone is a step on the way."""
