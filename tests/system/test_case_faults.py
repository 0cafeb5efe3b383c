"""kill -9 of every process that carries a case on, while hundreds of cases run into their limits: no step of an
escalation is lost, none is taken twice, and nobody is told twice."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import asyncpg
import pytest

from province.broker.database import Connection
from tests.product import Product, count, running_product, until
from tests.system.test_faults import BEHIND

pytestmark = pytest.mark.fault
CASES = 300
AGENCY = "urn:ngsi-ld:Agency:desk:2025-07-01"
ABOVE = "urn:ngsi-ld:Agency:above:2025-07-01"
STEPS = ("case.overdue", "case.escalated")


@pytest.fixture(scope="module")
def own() -> Iterator[Product]:
    with running_product() as product:
        yield product


def prop(value: object) -> dict[str, object]:
    return {"type": "Property", "value": value}


def rel(value: str) -> dict[str, object]:
    return {"type": "Relationship", "object": value}


async def prepare(own: Product) -> list[str]:
    """A calendar, two agencies, and cases whose limit passed three weeks ago by the time that anybody looks."""
    now = datetime.now(UTC)
    late, soon = now - timedelta(days=21), now + timedelta(seconds=3)
    async with own.http() as client:
        for year in {late.year, now.year}:
            declared = await client.post(
                "/api/actions/workingyear.declare",
                json={"inputs": {"year": year, "source": "thử", "days_off": f"{year}-01-01"}},
            )
            assert declared.status_code == 200, declared.text
        agencies = [
            {"id": AGENCY, "type": "Agency", "identifier": prop("desk"), "name": prop("Bàn"), "kind": prop("office"),
             "validFrom": prop("2025-07-01"), "parent": rel(ABOVE)},
            {"id": ABOVE, "type": "Agency", "identifier": prop("above"), "name": prop("Trên"), "kind": prop("office"),
             "validFrom": prop("2025-07-01")},
        ]  # fmt: skip
        cases = [
            {
                "id": f"urn:ngsi-ld:Task:late:{n}", "type": "Task", "title": prop(f"Việc {n}"),
                "case": rel("urn:ngsi-ld:Report:none"), "openedAt": prop(late.isoformat()), "assignedTo": rel(AGENCY),
                "dueAt": prop(late.isoformat()), "nextStepAt": prop(soon.isoformat()),
            }
            for n in range(CASES)
        ]  # fmt: skip
        for start in range(0, len(cases), 100):
            body = [*(agencies if start == 0 else []), *cases[start : start + 100]]
            made = await client.post("/ngsi-ld/v1/entityOperations/create", json=body)
            assert made.status_code == 201, made.text
    return [str(case["id"]) for case in cases]


async def test_every_step_is_taken_once_whoever_dies(own: Product) -> None:
    ids = await prepare(own)
    for name in ("work", "serve", "postgres", "work", "work"):
        await asyncio.sleep(1.0)
        await own.kill(name)

    async def over() -> bool:
        taken = await count(own, "SELECT count(*) FROM entity WHERE type = 'Task' AND attrs ? 'nextStepAt'")
        done = await count(
            own, "SELECT count(*) FROM entity WHERE type = 'Task'"
            " AND (attrs -> 'escalationLevel' ->> 'value')::int = 2",
        )  # fmt: skip
        return taken == 0 and done == len(ids) and await count(own, BEHIND) == 0

    await until(over, "all cases have taken all their steps", timeout_s=240, pause_s=0.5)

    async def read(connection: Connection) -> tuple[list[asyncpg.Record], list[asyncpg.Record]]:
        events = await connection.fetch(
            "SELECT entity, name FROM outbox WHERE kind = 'event' AND type = 'Task' AND name = ANY($1::text[])", STEPS
        )
        told = await connection.fetch(
            "SELECT about, recipient, subject_en FROM notice WHERE about = ANY($1::text[])"
            " AND subject_en LIKE 'Overdue%'", ids,
        )  # fmt: skip
        return events, told

    events, told = await own.database(read)
    assert Counter((e["entity"], e["name"]) for e in events) == {(id, step): 1 for id in ids for step in STEPS}
    assert Counter((t["about"], t["recipient"]) for t in told) == {(id, to): 1 for id in ids for to in (AGENCY, ABOVE)}
    assert await count(own, "SELECT count(*) FROM failed_effect") == 0
