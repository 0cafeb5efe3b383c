"""The score of a source comes from running data, and lineage finds the way back from a number."""

from __future__ import annotations

from datetime import timedelta

import pytest

from province.broker.lineage import Lines
from province.broker.quality import Quality
from province.errors import InvalidInput, NotAllowed, NotFound
from province.model.actor import Actor, Grant
from province.model.time import now
from tests.broker.test_corrections import Stand, stand
from tests.observations import OPERATOR, START, TENANT, series, station, table

__all__ = ["stand"]
STRANGER = Actor(tenant=TENANT, id="x", kind="person")
ELSEWHERE = Actor(
    tenant=TENANT, id="e", kind="person", grants=(Grant("v", frozenset(("*.read",)), "urn:ngsi-ld:Agency:b"),)
)


async def test_sources_are_scored_from_what_came_in(stand: Stand) -> None:
    end = now()
    at = [end - timedelta(minutes=5 * n) for n in range(1, 61)]
    await stand.send(table([station(1)] * 60, at=at, number=[20.0 + n for n in range(60)]))
    await stand.send(table([station(2)] * 60, at=at, number=[33.0] * 60))
    await stand.send(table([station(3)], at=end - timedelta(days=3)))
    await stand.send(table([station(1), station(4)], at=end - timedelta(minutes=1), number=[20.0, 900.0]))
    await stand.drain()
    quality = Quality(stand.broker, lambda t: stand.lake)
    done = await quality.compute(TENANT, end + timedelta(seconds=30))
    assert done == {"devices": 2, "without_readings": 8, "senders": 1}
    found, more = await quality.worst(OPERATOR, "device", "Station")
    by_id = {one.source: one for one in found}
    assert not more
    assert [one.source for one in found[:2]] == [station(4), station(3)] or found[0].score == 0
    assert by_id[station(3)].score == 0, "it sent something once, and nothing today"
    assert by_id[station(3)].inputs["silent"] is True
    assert by_id[station(4)].inputs["reasons"][0]["field"] == "temperature"
    assert by_id[station(5)].score is None
    assert found[-1].score is None, "what is not known comes last"
    one, two = by_id[station(1)], by_id[station(2)]
    assert (one.inputs["received"], one.shares["missing"], one.shares["stuck"]) == (61, 0, 0)
    assert two.shares["stuck"] == 1
    assert one.score is not None
    assert two.score is not None
    assert one.score > two.score + 19
    assert one.shares["late"] > 0, "the older ones came hours after they were measured"
    (summary, senders) = await quality.summary(OPERATOR)
    assert (summary.type, summary.sources, summary.unknown, summary.silent) == ("Station", 10, 6, 1)
    assert (senders.kind, senders.sources) == ("sender", 1)
    sender = await quality.one(OPERATOR, "sender", "http operator")
    assert (sender.inputs["received"], sender.inputs["rejected"]) == (122, 1)
    await stand.store.execute("DELETE FROM entity WHERE id = $1", station(1))
    await quality.compute(TENANT, end + timedelta(days=2))
    assert (await quality.summary(OPERATOR))[0].sources == 9, "what is gone is no longer a source"


async def test_quality_is_shown_within_rights(stand: Stand) -> None:
    await stand.send(series(10, start=now() - timedelta(minutes=5)))
    await stand.drain()
    quality = Quality(stand.broker, lambda t: stand.lake)
    await quality.compute(TENANT)
    with pytest.raises(NotAllowed):
        await quality.summary(STRANGER)
    assert await quality.summary(ELSEWHERE) == []
    assert await quality.worst(ELSEWHERE, "device", "Station") == ([], False)
    with pytest.raises(NotFound):
        await quality.one(ELSEWHERE, "device", station(1))
    with pytest.raises(NotAllowed):
        await quality.one(ELSEWHERE, "sender", "http operator")


async def test_a_series_is_traced_to_files_messages_and_senders(stand: Stand) -> None:
    lines = Lines(stand.broker, stand.measured, stand.corrections, lambda t: stand.lake)
    await stand.send(series(20, step_s=30))
    other = Actor(tenant=TENANT, id="other", kind="service", grants=OPERATOR.grants)
    stand.sent += (await stand.observer.observe(
        table([station(1)], at=START + timedelta(minutes=9), number=[60.0]), other, source="mqtt"
    )).accepted  # fmt: skip
    await stand.drain()
    await stand.corrections.correct(
        station(1), "temperature", OPERATOR, kind="invalid", at=START + timedelta(minutes=9), reason="Lỗi"
    )
    end = START + timedelta(hours=1)
    found = await lines.of_series(station(1), "temperature", OPERATOR, start=START, end=end)
    assert (found.stored, found.counted, found.mean, found.low, found.high) == (3, 2, 6.0, 1.0, 11.0)
    assert {(s.door, s.sender, s.readings) for s in found.senders} == {("http", "operator", 2), ("mqtt", "other", 1)}
    assert found.unknown == 0
    assert found.positions is not None
    assert sum(f.readings for f in found.files) == 3
    assert [s.reason for s in found.corrections] == ["Lỗi"]
    assert found.version == stand.lake.version()
    with pytest.raises(NotFound):
        await lines.of_series(station(1), "temperature", STRANGER, start=START, end=end)
    with pytest.raises(InvalidInput):
        await lines.of_series(station(1), "temperature", OPERATOR, start=end, end=START)


async def test_an_hour_of_an_area_is_traced_to_its_devices(stand: Stand) -> None:
    await stand.store.execute("UPDATE entity SET area = 'phường-1' WHERE id < $1", station(3))
    lines = Lines(stand.broker, stand.measured, stand.corrections, lambda t: stand.lake)
    await stand.send(series(100, step_s=10))
    await stand.drain()
    await stand.corrections.correct(
        station(1), "temperature", OPERATOR, kind="delete", at=START, until=START + timedelta(minutes=5), reason="x"
    )
    found = await lines.of_area("Station", "temperature", "phường-1", OPERATOR, hour=START)
    assert found.device_count == 3
    assert found.stored == 30
    assert found.agrees is True
    assert found.kept == (found.counted, pytest.approx(found.total))
    assert sum(d.readings for d in found.devices) == found.counted < 30
    (hour,) = [
        h for h in await stand.measured.area_hours("Station", "temperature", OPERATOR, start=START,
                                                   end=START + timedelta(hours=1)) if h.area == "phường-1"
    ]  # fmt: skip
    assert hour.mean == pytest.approx(found.mean)
