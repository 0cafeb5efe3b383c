"""What must not be read any more is not read in the past either."""

from __future__ import annotations

from province.broker import amendments
from province.broker.broker import Broker
from province.model.actor import system
from province.model.record import change, create, to_record
from tests.broker.conftest import TENANT, Lamp, lamp

ME = system(TENANT, "test")


async def test_past_values_of_some_attributes_are_shown_no_more(broker: Broker) -> None:
    await broker.apply([create(lamp(1, owner_phone="0274 111"))], ME)
    seen = to_record(Lamp, await broker.get(lamp(1).id, ME))
    await broker.apply([change(seen, owner_phone="0274 222")], ME)
    await broker.apply([change(Lamp(id=seen.id, serial="", name=""), owner_phone=None)], ME)
    names = ["owner_phone"]
    assert len(await amendments.instances_of(broker.pool, TENANT, seen.id, names)) == 2
    for _ in range(2):
        await amendments.withdraw_all(broker.pool, seen.id, names, ME)
        assert await amendments.instances_of(broker.pool, TENANT, seen.id, names) == []
    assert await amendments.instances_of(broker.pool, TENANT, seen.id, ["name"]), "the others stay"
    told = await broker.pool.fetchval("SELECT count(*) FROM audit WHERE action = 'history.withdrawn'")
    assert told == 1, "doing it again changes nothing"
