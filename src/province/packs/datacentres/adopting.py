"""What an approved choice of places becomes: a planned data centre at each place of the suggested plan. Pure."""

from __future__ import annotations

from typing import Final

from province.model.query import Where
from province.model.study import Feature
from province.pack import Adoption
from province.packs.datacentres.types import DataCentre
from province.vocab.study import Study


def entry(feature: Feature, study: Study, id: str, code: str) -> DataCentre | None:
    """A place of the suggested plan as a planned centre; None for every other place."""
    if feature.properties.get("state") != "knee":
        return None
    return DataCentre(
        id=id, code=code, name=feature.name, status="planned", plan=study.id, location=feature.geometry,
        source=study.cited,
    )  # fmt: skip


ADOPTION: Final = Adoption(
    layer="places",
    of=DataCentre,
    entry=entry,
    built=(Where("status", "==", "operating"), Where("measuredOn", "exists")),
    public=True,
)
"""A centre counts once it operates and a load test has shown what it carries."""
