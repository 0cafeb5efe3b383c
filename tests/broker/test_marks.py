"""Columns for the map: the same entities, values and rights as a query would give, shared by equal readers."""

from __future__ import annotations

import math

import pytest

from province.broker.broker import Broker
from province.broker.marks import Layers, Marks
from province.model import record
from province.model.actor import anonymous
from province.model.geometry import point
from province.model.query import Where

from .conftest import TENANT, A, B, lamp, person

ROOT = person("*", id="root")


@pytest.fixture
def layers(broker: Broker) -> Layers:
    return Layers(broker)


async def fill(broker: Broker) -> None:
    await broker.apply(
        [
            record.create(
                lamp(i, name=f"Đèn {i}", height=float(i), colour="amber" if i % 2 else "white", shown=i < 3,
                     location=point(106.5 + i * 0.02, 11.0)),
                agency=A if i < 6 else B,
            )
            for i in range(10)
        ],
        ROOT,
    )  # fmt: skip


def values(found: Marks) -> dict[str, str]:
    return {i.rsplit(":", 1)[1]: found.names[c] for i, c in zip(found.ids, found.code, strict=True)}


async def test_columns_hold_what_was_written(broker: Broker, layers: Layers) -> None:
    await fill(broker)
    by_colour = await layers.marks("Lamp", "colour", (), ROOT)
    assert values(by_colour) == {str(i): "amber" if i % 2 else "white" for i in range(10)}
    by_height = await layers.marks("Lamp", "height", (), ROOT)
    assert sorted(by_height.number.tolist()) == [float(i) for i in range(10)]
    assert by_height.lon.min() == pytest.approx(106.5)
    assert by_height.lat.tolist() == [11.0] * 10
    assert not by_height.extended.any()
    assert math.isnan(by_height.at[0])


async def test_conditions_and_rights_hold(broker: Broker, layers: Layers) -> None:
    await fill(broker)
    clerk = person("lamp.read", agency=B)
    mine = await layers.marks("Lamp", "", (), clerk)
    own = {"6", "7", "8", "9"}
    assert {i.rsplit(":", 1)[1] for i in mine.ids} == own, "of what is public, nobody is shown the place"
    amber = await layers.marks("Lamp", "", (Where("colour", "==", "amber"),), ROOT)
    assert len(amber.ids) == 5
    stranger = await layers.marks("Lamp", "owner_phone", (), anonymous(TENANT))
    assert stranger.ids == (), "a mark would say where something is whose place is hidden"
    assert (stranger.field, set(stranger.names)) == ("", {""}), "a hidden field colours nothing"


async def test_equal_readers_share_and_unequal_do_not(broker: Broker, layers: Layers) -> None:
    await fill(broker)
    first = await layers.marks("Lamp", "colour", (), ROOT)
    assert await layers.marks("Lamp", "colour", (), person("*", id="other")) is first
    assert await layers.marks("Lamp", "colour", (), person("lamp.read", agency=B)) is not first


async def test_an_empty_type_has_empty_columns(broker: Broker, layers: Layers) -> None:
    found = await layers.marks("Lamp", "height", (), ROOT)
    assert (found.ids, len(found.lon), len(found.number)) == ((), 0, 0)
