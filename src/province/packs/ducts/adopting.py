"""What an approved trench plan becomes: duct sections of the register, planned, one for each piece to be dug. Pure."""

from __future__ import annotations

from typing import Final

from province.model.query import Where
from province.model.study import Feature
from province.pack import Adoption
from province.packs.ducts.types import DuctSection
from province.vocab.study import Study


def entry(feature: Feature, study: Study, id: str, code: str) -> DuctSection | None:
    """A piece of road of the plan as a planned section; None where a duct lies already."""
    given = feature.properties
    if given.get("way") not in ("new", "dug"):
        return None
    return DuctSection(
        id=id,
        code=code,
        name=feature.name,
        roadClass=str(given["class"]),
        length=float(given["metres"]),
        plan=study.id,
        location=feature.geometry,
        source=study.cited,
    )


ADOPTION: Final = Adoption(
    layer="trenches", of=DuctSection, entry=entry, built=(Where("status", "==", "laid"),), size="length", public=True
)
