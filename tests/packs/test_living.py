"""The example as it runs: facts loaded, invented sensors standing, a stranger's report on its way to its ward."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest

from province.broker.broker import Broker
from province.broker.database import Connection, Pool
from province.broker.relay import Relay
from province.errors import NotAllowed, NotFound, NotSignedIn
from province.model.actor import Actor, Grant, anonymous, system
from province.model.change import Change
from province.model.entity import Attribute
from province.model.query import Query, Where
from province.model.record import to_record
from province.packs import BUILT_IN
from province.packs.devices.example import example
from province.packs.reports.types import Report
from province.territory.example import load, read_facts
from tests.conformance.conftest import parameters_at
from tests.draining import drain

TENANT = "binh-duong"
SYSTEM = system(TENANT, "example")
FOLDER = Path(__file__).parents[2] / "data" / "binh-duong"


async def test_a_strangers_report_finds_its_ward_and_a_second_one_its_twin(broker: Broker, pool: Pool) -> None:
    facts = read_facts(FOLDER)
    changes = [*load(FOLDER), *example(facts.areas, facts.agencies, facts.positions)]
    for _ in range(2):
        first = await broker.apply(changes, SYSTEM)
    assert all(not c.created and c.version == 1 for c in first), "a second load changes nothing"

    notices: list[Mapping[str, Any]] = []

    async def deliver(_connection: Connection, _tenant: str, notice: Mapping[str, Any], _id: UUID) -> None:
        notices.append(notice)

    async def defer(*_: object) -> None:
        raise AssertionError("no job was expected")

    relay = Relay(pool, broker, BUILT_IN, parameters_at, deliver, defer)
    lon, lat = facts.positions["urn:ngsi-ld:Area:25747:2025-07-01"]
    made: list[str] = []
    for title in ("Ổ gà lớn trước chợ", "Ổ gà sâu gần chợ"):
        place = {"type": "Point", "coordinates": [lon + len(made) * 0.0003, lat]}
        inputs = {"title": title, "category": "road", "location": place, "phone": "0274 3822222"}
        acted = await broker.act("report.submit", anonymous(TENANT), inputs=inputs)
        assert [n.to for n in acted.answers] == ["caller"]
        made.append(acted.changed[0].id)
        async with pool.acquire() as connection:
            await drain(connection, relay.step)
    assert relay.counters.rules >= 2
    one, two = [to_record(Report, await broker.get(id, SYSTEM)) for id in made]
    committee = "urn:ngsi-ld:Agency:ubnd-25747:2025-07-01"
    assert (one.status, one.assignedTo, one.area) == ("assigned", committee, "urn:ngsi-ld:Area:25747:2025-07-01")
    assert one.code is not None
    assert one.code.startswith(f"PA-{datetime.now(UTC) + timedelta(hours=7):%Y}-")
    assert one.code != two.code
    assert one.duplicateOf is None
    assert two.duplicateOf == one.id
    assert [n["to"] for n in notices if n["about"] in made] == [committee, committee]
    async with pool.acquire() as connection:
        assert await connection.fetchval("SELECT count(*) FROM failed_effect") == 0
        secret = acted.answers[0].body.vi.rsplit(" ", 1)[1]
        names = await connection.fetch("SELECT tablename FROM pg_tables WHERE schemaname = 'public'")
        for table in [row["tablename"] for row in names]:
            query = f'SELECT count(*) FROM "{table}" AS t WHERE t::text LIKE $1'
            assert await connection.fetchval(query, f"%{secret}%") == 0, f"the secret stands in {table}"
    with pytest.raises((NotAllowed, NotFound, NotSignedIn)):
        await broker.get(one.id, anonymous(TENANT))


async def test_the_hash_of_the_secret_is_shown_and_written_by_nobody(broker: Broker) -> None:
    lon, lat = read_facts(FOLDER).positions["urn:ngsi-ld:Area:25747:2025-07-01"]
    inputs = {"title": "Nắp cống vỡ", "category": "road", "location": {"type": "Point", "coordinates": [lon, lat]}}
    acted = await broker.act("report.submit", anonymous(TENANT), inputs=inputs)
    id = acted.changed[0].id
    kept = (await broker.get(id, SYSTEM)).value("secretHash")
    assert kept
    chief = Actor(tenant=TENANT, id="chief", kind="person", grants=(Grant("administrator", frozenset(("*",))),))
    shown = await broker.get(id, chief)
    assert "secretHash" not in shown.attrs
    assert "reporterPhone" in broker.types["Report"].fields, "personal data are another matter"
    with pytest.raises(NotAllowed):
        await broker.query(Query(types=("Report",), where=(Where("secretHash", "==", kept),)), chief)
    forged = Change(op="merge", id=id, type="Report", attrs={"secretHash": Attribute(value="0" * 64)})
    with pytest.raises(NotAllowed):
        await broker.apply([forged], chief)
    assert (await broker.get(id, SYSTEM)).value("secretHash") == kept
