"""What an approved 5G plan becomes: stations of the register, planned, one for each new or shared site. Pure."""

from __future__ import annotations

from typing import Final

from province.model.query import Where
from province.model.study import Feature
from province.pack import Adoption
from province.packs.fiveg.types import FIFTH, RadioSite
from province.vocab.study import Study

_REGISTER: Final = "urn:ngsi-ld:RadioSite:"


def entry(feature: Feature, study: Study, id: str, code: str) -> RadioSite | None:
    """A site of the plan as a planned station; None for one that sends 5G already."""
    kind = feature.properties.get("kind")
    if feature.geometry is None or kind not in ("new", "shared"):
        return None
    shared = feature.id if kind == "shared" and feature.id.startswith(_REGISTER) else None
    azimuths = tuple(float(a) for a in str(feature.properties.get("azimuths") or "").split())
    height = feature.properties.get("height_m")
    return RadioSite(
        id=id,
        code=code,
        name=f"{feature.name} (5G)" if kind == "shared" else feature.name,
        height=float(height) if height else None,
        azimuths=azimuths or None,
        sharedMast=shared,
        plan=study.id,
        location=feature.geometry,
        source=study.cited,
    )


ADOPTION: Final = Adoption(
    layer="sites",
    of=RadioSite,
    entry=entry,
    built=(Where("status", "==", "on_air"), Where("technologies", "==", FIFTH)),
    public=True,
)
