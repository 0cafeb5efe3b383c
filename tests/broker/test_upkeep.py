"""Upkeep changes nothing that counts; retention removes what was declared, and only that."""

from __future__ import annotations

import asyncio
from datetime import date, timedelta
from typing import Any

import msgspec
import pytest

from province.broker.retention import Declaration, Retention, keep_days
from province.broker.upkeep import Upkeep, runs
from province.errors import InvalidInput, NotAllowed
from province.history.hours import Hours
from province.history.lake import Span
from province.model.actor import Actor, Grant, system
from province.model.time import now
from tests.broker.test_corrections import Stand, stand
from tests.observations import OPERATOR, START, TENANT, TYPES, series, station, table

__all__ = ["stand"]


def upkeep_of(stand: Stand, **nightly: Any) -> Upkeep:
    return Upkeep(stand.store, lambda t: stand.lake, retention_of(stand), often=nightly)


def retention_of(stand: Stand) -> Retention:
    return Retention(stand.store, lambda t: stand.lake, TYPES)


@pytest.mark.slow
async def test_it_works_beside_the_writer_and_loses_nothing(stand: Stand) -> None:
    upkeep = upkeep_of(stand)
    for n in range(60):
        await stand.send(series(20, start=START + timedelta(minutes=n)))
        await asyncio.sleep(0.03)
        if n % 10 == 9:
            await upkeep.turn(TENANT, now() + timedelta(hours=n))
    await stand.drain()
    await upkeep.night(TENANT)
    assert stand.lake.count() == 1200
    assert stand.lake.files().num_rows <= 8
    hours = await stand.measured.rollup(
        station(1), "temperature", OPERATOR, period="hour", start=START, end=START + timedelta(hours=3)
    )
    assert sum(hours["readings"].to_pylist()) == 120
    (day,) = (await stand.measured.rollup(
        station(1), "temperature", OPERATOR, period="day", start=START, end=START + timedelta(hours=3)
    )).to_pylist()  # fmt: skip
    assert day["readings"] == 120
    year = {"start": START - timedelta(days=300), "end": START + timedelta(days=65)}
    (bucket,) = (await stand.measured.series(station(1), "temperature", OPERATOR, points=800, **year)).to_pylist()
    values = [v for _, v in await stand.history(1)]
    assert (bucket["count"], bucket["min"], bucket["max"]) == (120, min(values), max(values))
    assert bucket["avg"] == pytest.approx(sum(values) / 120)
    await stand.check_sums()
    done = {run.task: run for run in await runs(stand.store, OPERATOR)}
    assert {"merge", "hours", "days", "night"} <= done.keys()
    assert all(run.outcome == "done" for run in done.values())
    assert done["merge"].detail["files"] < done["merge"].detail["files_before"]


async def test_folding_changes_the_files_and_no_answer(stand: Stand) -> None:
    await stand.send(series(100, step_s=600))
    await stand.drain()
    await stand.corrections.correct(
        station(1), "temperature", OPERATOR, kind="value", at=START + timedelta(seconds=600), value=33.5, reason="x"
    )
    await stand.corrections.correct(
        station(2), "temperature", OPERATOR, kind="invalid", at=START, until=START + timedelta(days=1), reason="x"
    )
    await stand.corrections.erase(station(3), OPERATOR, reason="x")
    before = [await stand.history(n) for n in range(10)]
    upkeep = upkeep_of(stand)
    await stand.store.execute("UPDATE correction SET at = at - interval '2 days'")
    await upkeep.night(TENANT)
    assert stand.lake.read(Span(entities=[station(3)])).num_rows == 0, "gone from the files"
    assert 33.5 in stand.lake.read(Span(entities=[station(1)]))["number"].to_pylist()
    assert stand.lake.read(Span(entities=[station(2)])).num_rows == 10, "what is not valid stays as evidence"
    assert [await stand.history(n) for n in range(10)] == before
    assert await stand.store.fetchval("SELECT count(*) FROM correction WHERE folded_at IS NOT NULL") == 2
    await stand.check_sums()
    await stand.send(table([station(1)], at=START + timedelta(seconds=600), number=[80.0]))
    await stand.drain()
    assert {v for _, v in await stand.history(1)} & {80.0, 33.5} == {33.5}, "the key stays corrected"


async def test_an_erasure_is_folded_without_waiting_for_the_night(stand: Stand) -> None:
    await stand.send(series(100))
    await stand.drain()
    await stand.corrections.erase(station(3), OPERATOR, reason="x")
    await upkeep_of(stand).turn(TENANT, now())
    assert stand.lake.read(Span(entities=[station(3)])).num_rows == 0
    assert stand.lake.count() == 90


async def test_retention_removes_what_was_declared_and_writes_it_down(stand: Stand) -> None:
    for days in (0, 40, 400):
        at = START - timedelta(days=days)
        await stand.send(table([station(1), station(2)], at=at))
        await stand.send(table([station(1)], at=at, attribute="battery"))
    await stand.drain()
    retention, today = retention_of(stand), START.date() + timedelta(days=1)
    assert await retention.plan(TENANT, today) == []
    declare = {"valid_from": date(2026, 1, 1), "reason": "Quyết định 12/QĐ-UBND"}
    await retention.declare(OPERATOR, type="Station", attribute=None, keep_days=365, **declare)  # type: ignore[arg-type]
    await retention.declare(OPERATOR, type="Station", attribute="battery", keep_days=30, **declare)  # type: ignore[arg-type]
    plan = await retention.plan(TENANT, today)
    assert [(one.attribute, one.readings) for one in plan] == [("battery", 2), ("temperature", 2)]
    assert stand.lake.count() == 9, "a dry run removes nothing"
    assert await retention.carry_out(system(TENANT, "retention"), today) == plan
    assert stand.lake.count() == 5
    assert stand.lake.read(Span(attributes=["battery"])).num_rows == 1
    assert await retention.plan(TENANT, today) == []
    rows = await stand.store.fetch(
        "SELECT actor, type, detail FROM audit WHERE action = 'readings.expired' ORDER BY seq"
    )
    assert [(r["actor"], r["type"], msgspec.json.decode(r["detail"])["readings"]) for r in rows] == [
        ("system:retention", "Station", 2), ("system:retention", "Station", 2)
    ]  # fmt: skip


async def test_retention_needs_the_right_and_makes_sense(stand: Stand) -> None:
    retention = retention_of(stand)
    viewer = Actor(tenant=TENANT, id="v", kind="person", grants=(Grant("v", frozenset(("*.read",))),))
    given: dict[str, Any] = {"type": None, "attribute": None, "keep_days": 1, "valid_from": START.date(), "reason": "x"}
    with pytest.raises(NotAllowed):
        await retention.declare(viewer, **given)
    for wrong in ({"type": "None"}, {"attribute": "battery"}, {"keep_days": 0}, {"reason": " "}):
        with pytest.raises(InvalidInput):
            await retention.declare(OPERATOR, **{**given, **wrong})
    assert await retention.declared(viewer) == []


def test_the_most_special_and_newest_declaration_holds() -> None:
    def said(id: int, type: str | None, attribute: str | None, days: int | None, day: int = 1) -> Declaration:
        return Declaration(id, type, attribute, days, date(2026, 1, day), "", "", START)

    rules = [said(1, None, None, 100), said(2, "Station", None, 50), said(3, "Station", "battery", None)]
    assert keep_days([], "Station", "battery") is None
    assert keep_days(rules, "Gate", "level") == 100
    assert keep_days(rules, "Station", "temperature") == 50
    assert keep_days(rules, "Station", "battery") is None
    assert keep_days([*rules, said(4, "Station", None, 70, day=2)], "Station", "temperature") == 70
    assert (
        keep_days([*rules, said(4, "Station", None, 70, day=2), said(5, "Station", None, 60)], "Station", "note") == 70
    )


async def test_what_fails_is_written_down_and_the_rest_goes_on(stand: Stand) -> None:
    async def broken(tenant: str) -> None:
        raise InvalidInput("no")

    await stand.send(series(10))
    await stand.drain()
    await upkeep_of(stand, broken=broken).night(TENANT)
    done = {run.task: run.outcome for run in await runs(stand.store, OPERATOR)}
    assert (done["broken"], done["night"], done["hours"]) == ("failed", "done", "done")
    assert Hours(stand.lake).state()[0]["lake"] == stand.lake.version()
