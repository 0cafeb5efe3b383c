"""Percentages of measured sums, through the broker: over what the caller may read, and as a plan counts them."""

from __future__ import annotations

import pytest

from province.broker.broker import Broker
from province.broker.indicators import types_of
from province.model.actor import system
from province.model.record import create
from province.pack import Indicator
from province.packs.atlas.pack import PACK as ATLAS
from province.packs.ducts.pack import PACK as DUCTS
from province.packs.ducts.types import DuctSection
from tests.app.test_studies import TENANT, person

SYSTEM = system(TENANT, "percentages")


def named(name: str) -> Indicator:
    return next(i for p in (DUCTS, ATLAS) for i in p.indicators if i.name == name)


async def test_the_occupancy_of_ducts_follows_the_register_and_unknown_ones_are_left_out(broker: Broker) -> None:
    use = named("duct_occupancy")
    before = await broker.measured(use, TENANT)
    assert before.value is None, "nothing is counted yet"

    def section(code: str, **given: object) -> DuctSection:
        return DuctSection(id=f"urn:ngsi-ld:DuctSection:{code}", code=code, name=code, roadClass="urban", status="laid",
                           length=100.0, **given)  # type: ignore[arg-type]  # fmt: skip

    made = (section("p1", pipes=4, pipesUsed=1), section("p2", pipes=4, pipesUsed=3), section("p3", pipesUsed=2))
    await broker.apply([create(m) for m in made], SYSTEM)
    found = await broker.figure(use, SYSTEM)
    assert found is not None
    assert found.over is not None
    assert [f.counted.value for f in found.over] == [4.0, 8.0]
    assert (found.counted.value, found.counted.sources) == (50.0, 2)
    assert (await broker.measured(use, TENANT)).value == 50.0
    await broker.apply([create(section("p4", pipes=8, pipesUsed=0))], SYSTEM)
    assert (await broker.measured(use, TENANT)).value == pytest.approx(25.0)
    assert await broker.figure(use, person("nobody", "study.read")) is None


def test_a_percentage_needs_the_rights_of_both_sums() -> None:
    assert types_of(named("industrial_land_occupancy")) == ("IndustrialPark",)
    assert named("industrial_land_occupancy").base is not None
