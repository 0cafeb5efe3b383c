"""A correction is the same everywhere at once: history, aggregates, latest values, hourly sums; and it is on record."""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import math
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from nats.aio.client import Client

from province.broker import stream
from province.broker.audit_check import check_values
from province.broker.broker import Broker
from province.broker.committer import Committer
from province.broker.corrections import Corrections
from province.broker.database import Pool
from province.broker.known import Known
from province.broker.measured import Measured
from province.broker.observe import Observer
from province.errors import InvalidInput, NotAllowed, NotFound
from province.history import area_hours, correction, latest
from province.history.aggregate import Periods
from province.history.lake import Lake, Span
from province.ingest.writer import Limits, Writer
from province.model.actor import Actor, Grant
from tests.observations import OPERATOR, START, TENANT, TYPES, allowed, register, series, station, table

END = START + timedelta(days=2)


@dataclass
class Stand:
    bus: Client
    store: Pool
    lake: Lake
    observer: Observer
    broker: Broker
    measured: Measured
    corrections: Corrections
    sent: int = 0

    async def send(self, batch: Any) -> None:
        self.sent += (await self.observer.observe(batch, OPERATOR, source="http")).accepted

    async def drain(self) -> None:
        async with asyncio.timeout(60):
            while (await self.bus.jetstream().stream_info(stream.STREAM)).state.messages:
                await asyncio.sleep(0.02)

    async def history(self, n: int, actor: Actor = OPERATOR) -> list[tuple[datetime, float]]:
        found = await self.measured.history(station(n), actor, attrs=("temperature",))
        return list(zip(found.readings["observed_at"].to_pylist(), found.readings["number"].to_pylist(), strict=True))

    async def latest(self, n: int) -> float | None:
        entity = await self.broker.get(station(n), OPERATOR)
        found = entity.attrs.get("temperature")
        return None if found is None else found.value  # type: ignore[return-value]

    async def sums(self) -> dict[datetime, tuple[int, float]]:
        async with self.store.acquire() as connection:
            rows = await area_hours.read(connection, TENANT, "Station", "temperature", START - timedelta(days=900), END)
        return {row["start_at"]: (row["readings"], row["total"]) for row in rows}

    async def check_sums(self) -> None:
        """The hourly sums are those of the readings as they count."""
        async with self.store.acquire() as connection:
            said = await correction.read(connection, TENANT)
        rows = self.lake.read(Span(attributes=["temperature"]), corrections=said).to_pylist()
        expected: dict[datetime, list[float]] = {}
        for row in rows:
            hour = row["observed_at"].replace(minute=0, second=0, microsecond=0)
            expected.setdefault(hour, []).append(row["number"])
        found = await self.sums()
        span = {"start": START - timedelta(days=900), "end": END}
        for stored in (True, False):
            hours = await self.measured.area_hours("Station", "temperature", OPERATOR, stored=stored, **span)  # type: ignore[arg-type]
            assert {h.start: h.readings for h in hours} == {h: len(v) for h, v in expected.items()}
        assert {h: n for h, (n, _) in found.items()} == {h: len(v) for h, v in expected.items()}
        assert all(math.isclose(found[h][1], math.fsum(v), abs_tol=1e-6) for h, v in expected.items())


@pytest.fixture
async def stand(bus: Client, store: Pool, tmp_path: Path) -> AsyncIterator[Stand]:
    await store.execute("INSERT INTO tenant (id, name_vi, name_en) VALUES ($1, 'Bình Dương', 'Binh Duong')", TENANT)
    await register(store, agency="urn:ngsi-ld:Agency:a")
    lake = Lake(str(tmp_path / TENANT / "observations"))
    committer = Committer(store, TYPES, lambda tenant, geometry: None)
    committer.start()
    broker = Broker(
        store, committer, types=TYPES, packs=(), parameters=lambda pack, at: {}, read_latest=latest.read,
        sign=lambda purpose, message: hashlib.sha256(message).hexdigest(),
    )  # fmt: skip
    writer = Writer(
        bus, store, lambda t: lake, TYPES, max_bytes=256 * 1024**2, limits=Limits(linger_s=0.02, wait_s=0.1)
    )
    stop = asyncio.Event()
    task = asyncio.create_task(writer.run(stop))
    observer = Observer(bus, store, Known(store), types=TYPES, allowed=allowed)
    yield Stand(
        bus, store, lake, observer, broker, Measured(broker, lambda t: lake), Corrections(broker, lambda t: lake)
    )
    stop.set()
    await task
    with contextlib.suppress(asyncio.CancelledError):
        await committer.stop()


async def test_a_corrected_value_counts_everywhere_at_once(stand: Stand) -> None:
    await stand.send(
        table([station(1)] * 3, number=[20.0, 80.0, 21.0], at=[START + timedelta(hours=h) for h in range(3)])
    )
    await stand.drain()
    said = await stand.corrections.correct(
        station(1), "temperature", OPERATOR, kind="value", at=START + timedelta(hours=1), value=20.5, reason="Lỗi đo"
    )
    assert (said.readings, said.was) == (1, (("2026-03-01T07:00:00Z", None, 80.0),))
    assert [v for _, v in await stand.history(1)] == [20.0, 20.5, 21.0]
    assert await stand.latest(1) == 21.0
    await stand.check_sums()
    row = await stand.store.fetchrow(
        "SELECT actor, action, entity, detail::text FROM audit WHERE action = 'reading.corrected'"
    )
    assert row is not None
    assert (row["actor"], row["entity"]) == ("operator", station(1))
    assert "Lỗi đo" in row["detail"]
    assert "20.5" not in row["detail"], "an audit never holds values"


async def test_the_audit_binds_the_value_of_a_correction_without_holding_it(stand: Stand) -> None:
    await stand.send(
        table([station(1)] * 3, number=[20.0, 80.0, 21.0], at=[START + timedelta(hours=h) for h in range(3)])
    )
    await stand.drain()
    for hour, value in ((0, 20.0), (1, -0.0), (2, 1e-7)):
        await stand.corrections.correct(
            station(1),
            "temperature",
            OPERATOR,
            kind="value",
            at=START + timedelta(hours=hour),
            value=value,
            reason="sửa",
        )
    async with stand.store.acquire() as connection:
        findings, agree, gone = await check_values(connection)
        assert (findings, gone) == ([], 0)
        await connection.execute("UPDATE correction SET number = number + 1 WHERE start_at = $1", START)
        changed, rest, _ = await check_values(connection)
        assert [f.what for f in changed] == ["changed"]
        assert rest == agree - 1
        await connection.execute("UPDATE correction SET number = NULL, salt = NULL, kind = 'delete'")
        assert await check_values(connection) == ([], agree - 3, 3), "erased: nothing is left to compare"
        # A row of before holds the value and no commitment; it is sealed as it is and nothing is compared.
        await connection.execute(
            "INSERT INTO audit (tenant, actor, kind, action, entity, detail) VALUES ($1, 'x', 'person',"
            " 'reading.corrected', $2, '{\"correction\": 1, \"value\": 20.5}')", TENANT, station(1),
        )  # fmt: skip
        assert await check_values(connection) == ([], agree - 3, 3)


async def test_the_latest_value_goes_back_to_the_last_one_that_counts(stand: Stand) -> None:
    await stand.send(table([station(1)] * 2, number=[20.0, 80.0], at=[START, START + timedelta(hours=1)]))
    await stand.drain()
    await stand.corrections.correct(
        station(1), "temperature", OPERATOR, kind="invalid", at=START + timedelta(minutes=30), until=END, reason="hỏng"
    )
    assert await stand.latest(1) == 20.0
    await stand.send(table([station(1)], number=[81.0], at=START + timedelta(hours=2)))
    await stand.drain()
    assert await stand.latest(1) == 20.0, "the mark holds for what comes in later too"
    await stand.corrections.correct(
        station(1), "temperature", OPERATOR, kind="restore", at=START, until=END, reason="vẫn đúng"
    )
    assert await stand.latest(1) == 81.0
    assert [v for _, v in await stand.history(1)] == [20.0, 80.0, 81.0]
    await stand.check_sums()


async def test_a_deleted_reading_that_is_sent_again_stays_deleted(stand: Stand) -> None:
    batch = table([station(1), station(2)], number=[20.0, 30.0])
    await stand.send(batch)
    await stand.drain()
    await stand.corrections.correct(station(1), "temperature", OPERATOR, kind="delete", at=START, reason="thử nghiệm")
    await stand.send(batch)
    await stand.drain()
    assert await stand.history(1) == []
    assert await stand.latest(1) is None
    assert len(await stand.history(2)) == 2
    await stand.check_sums()


async def test_erasing_an_entity_leaves_the_others(stand: Stand) -> None:
    await stand.send(series(100, step_s=600))
    await stand.drain()
    said = await stand.corrections.erase(station(3), OPERATOR, reason="Yêu cầu của người dân")
    assert said.readings == 10
    assert await stand.history(3) == []
    assert await stand.latest(3) is None
    assert len(await stand.history(4)) == 10
    await stand.check_sums()
    assert await stand.store.fetchval("SELECT count(*) FROM audit WHERE action = 'readings.erased'") == 1


async def test_sums_stay_right_while_corrections_race_with_the_writer(stand: Stand) -> None:
    async def load() -> None:
        for n in range(40):
            await stand.send(series(50, start=START + timedelta(minutes=5 * n), step_s=30))

    sender = asyncio.create_task(load())
    for n in range(10):
        await asyncio.sleep(0.05)
        kind = "invalid" if n % 2 else "delete"
        await stand.corrections.correct(
            station(n), "temperature", OPERATOR, kind=kind, at=START + timedelta(minutes=20 * n),  # type: ignore[arg-type]
            until=START + timedelta(minutes=20 * n + 45), reason="thử",
        )  # fmt: skip
    await sender
    await stand.drain()
    assert stand.sent == 2000
    await stand.check_sums()


async def test_a_moved_entity_leaves_its_past_sums_where_they_were(stand: Stand) -> None:
    await stand.send(table([station(1)] * 2, number=[20.0, 80.0], at=[START, START + timedelta(minutes=1)]))
    await stand.drain()
    await stand.store.execute("UPDATE entity SET area = 'phường-2' WHERE id = $1", station(1))
    await stand.corrections.correct(station(1), "temperature", OPERATOR, kind="delete", at=START, reason="thử")
    rows = await stand.store.fetch("SELECT area, readings, total FROM area_hour")
    assert [tuple(r) for r in rows] == [("", 1, 80.0)]


async def test_who_may_not_correct_is_refused(stand: Stand) -> None:
    await stand.send(table([station(1)], number=[20.0]))
    await stand.drain()
    reader = Actor(tenant=TENANT, id="r", kind="person", grants=(Grant("r", frozenset(("station.read",))),))
    elsewhere = Actor(
        tenant=TENANT, id="e", kind="person",
        grants=(Grant("r", frozenset(("*.read",))), Grant("s", frozenset(("*.correct",)), "urn:ngsi-ld:Agency:b")),
    )  # fmt: skip
    device = Actor(tenant=TENANT, id=station(1), kind="device", grants=(Grant("d", frozenset(("*",))),))
    for actor in (reader, elsewhere):
        with pytest.raises(NotAllowed):
            await stand.corrections.correct(station(1), "temperature", actor, kind="delete", at=START, reason="x")
        with pytest.raises(NotAllowed):
            await stand.corrections.erase(station(1), actor, reason="x")
    with pytest.raises((NotFound, NotAllowed)):
        await stand.corrections.correct(station(1), "temperature", device, kind="delete", at=START, reason="x")
    assert len(await stand.history(1)) == 1


@pytest.mark.parametrize(
    ("given", "field"),
    [
        ({"kind": "value", "value": 200.0}, "value"),
        ({"kind": "value", "value": "warm"}, "value"),
        ({"kind": "value", "value": 20.0, "until": END}, "value"),
        ({"kind": "invalid", "until": START}, "until"),
        ({"kind": "invalid", "reason": "  "}, "reason"),
    ],
)
async def test_impossible_corrections_are_refused(stand: Stand, given: dict[str, Any], field: str) -> None:
    await stand.send(table([station(1)], number=[20.0]))
    await stand.drain()
    with pytest.raises(InvalidInput) as caught:
        await stand.corrections.correct(station(1), "temperature", OPERATOR, **{"at": START, "reason": "x", **given})
    assert caught.value.field == field
    with pytest.raises(NotFound):
        await stand.corrections.correct(station(1), "temperature", OPERATOR, kind="delete", at=END, reason="x")


async def test_aggregates_are_of_everything_that_counts_and_of_nothing_that_is_hidden(stand: Stand) -> None:
    await stand.send(series(100, stations=2))
    await stand.drain()
    periods = Periods(("avg", "totalCount"), timedelta(seconds=50), START, END)
    asked = {"measured": ("temperature", "battery", "name"), "recorded": ()}

    async def summed(actor: Actor = OPERATOR) -> dict[str, Any]:
        return await stand.measured.aggregates(station(0), actor, periods, **asked)  # type: ignore[arg-type]

    # Station 0 has the even numbers modulo 50, twice 0…48.
    assert (await summed())["temperature"] == ("Property", {
        "avg": [(24.0, START + timedelta(seconds=s), START + timedelta(seconds=s + 50)) for s in (0, 50)],
        "totalCount": [(25, START + timedelta(seconds=s), START + timedelta(seconds=s + 50)) for s in (0, 50)],
    })  # fmt: skip
    await stand.corrections.correct(
        station(0), "temperature", OPERATOR, kind="delete", at=START, until=START + timedelta(seconds=50), dataset="",
        reason="broken",
    )  # fmt: skip
    assert len((await summed())["temperature"][1]["avg"]) == 1
    with pytest.raises(NotFound):
        await summed(Actor(tenant=TENANT, id="stranger", kind="person"))
