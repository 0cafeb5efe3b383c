"""What an approved choice of land becomes: the parcels of each park, planned until they are handed over. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from province.errors import Conflict
from province.model.query import Where
from province.model.study import Feature
from province.pack import Adoption
from province.packs.parks.types import LandParcel
from province.vocab.study import Study

_REGISTER: Final = "urn:ngsi-ld:LandParcel:"


def entry(feature: Feature, study: Study, id: str, code: str) -> LandParcel:
    """A chosen parcel, with the park of the plan that it belongs to. One of the register keeps its entry."""
    given = feature.properties
    price = given.get("price")
    return LandParcel(
        id=feature.id if feature.id.startswith(_REGISTER) else id,
        code=code,
        name=feature.name,
        status="planned",
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
    return {"status": "planned", "site": item.site}


ADOPTION: Final = Adoption(
    layer="chosen", of=LandParcel, entry=entry, built=(Where("handedOverOn", "exists"),), size="landSize", public=True,
    over=take,
)  # fmt: skip
"""Land counts once it was handed over; compensation alone is a step on the way."""
