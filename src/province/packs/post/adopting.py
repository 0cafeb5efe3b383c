"""What an approved plan of hubs becomes: a planned centre of the register for each new one. Pure."""

from __future__ import annotations

from typing import Final

from province.model.query import Where
from province.model.study import Feature
from province.pack import Adoption
from province.packs.post.types import PostalFacility
from province.vocab.study import Study


def entry(feature: Feature, study: Study, id: str, code: str) -> PostalFacility | None:
    """A new centre of the plan as planned; None for one that exists."""
    if feature.geometry is None or feature.properties.get("kind") != "new":
        return None
    return PostalFacility(
        id=id, code=code, name=feature.name, kind="hub", status="planned", plan=study.id, location=feature.geometry,
        source=study.cited,
    )  # fmt: skip


ADOPTION: Final = Adoption(
    layer="hubs", of=PostalFacility, entry=entry, built=(Where("status", "==", "in_service"),), public=True
)
