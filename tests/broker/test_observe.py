"""A reading is durable in the stream, or the sender is told why not."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta

import nats
import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st
from nats.aio.client import Client

from province.broker import deadletter, stream
from province.broker.database import Pool
from province.broker.known import Known
from province.broker.observe import Observer
from province.broker.readings import arrange, check_values, convert_column
from province.engines.nats import Nats
from province.errors import DecodeError, InvalidInput, NotAllowed, NotSignedIn, TooLarge, Unavailable
from province.model.actor import Actor, Grant, anonymous
from province.settings import Settings
from tests.conftest import running, temporary_home
from tests.observations import OPERATOR, START, TENANT, TYPES, allowed, register, series, station, table


@pytest.fixture
async def observer(bus: Client, store: Pool) -> Observer:
    await register(store)
    return Observer(bus, store, Known(store), types=TYPES, allowed=allowed)


async def stored(bus: Client) -> list[pa.Table]:
    reader = stream.Reader(bus, bus.jetstream(), 1)
    found = await reader.fetch(1000, wait_s=0.3, linger_s=0.1, max_bytes=1 << 30)
    await reader.close()
    return [stream.decode(one.payload) for one in found]


async def test_an_accepted_batch_is_in_the_stream_as_given(observer: Observer, bus: Client) -> None:
    batch = series(100)
    answer = await observer.observe(batch, OPERATOR, source="http")
    assert (answer.accepted, answer.rejected, answer.duplicate) == (100, (), False)
    assert answer.sequence == 1
    (found,) = await stored(bus)
    assert found.to_pylist() == batch.to_pylist()


async def test_an_empty_batch_is_nothing(observer: Observer) -> None:
    assert (await observer.observe(series(0), OPERATOR, source="http")).accepted == 0


async def test_bad_readings_are_named_and_kept_and_the_good_go_on(observer: Observer, bus: Client, store: Pool) -> None:
    batch = table([station(n) for n in range(5)], number=[1.0, float("nan"), 999.0, float("inf"), 2.0])
    answer = await observer.observe(batch, OPERATOR, source="http", key="k1")
    assert answer.accepted == 2
    assert [(r.row, r.field) for r in answer.rejected] == [(1, "temperature"), (2, "temperature"), (3, "temperature")]
    assert "-40…85 CEL" in answer.rejected[1].reason
    (found,) = await stored(bus)
    assert found["number"].to_pylist() == [1.0, 2.0]
    letters = await deadletter.read(store, TENANT)
    assert len(letters) == 3
    assert any(b'"number":999.0' in letter["payload"] for letter in letters)
    await observer.observe(batch, OPERATOR, source="http", key="k1")
    assert len(await deadletter.read(store, TENANT)) == 3, "a repeated batch leaves the same letters"


@pytest.mark.parametrize(
    ("batch", "field", "words"),
    [
        (table([station(0)], type="Nothing"), "type", "not known"),
        (table([station(0)], attribute="humidity"), "attribute", "no attribute"),
        (table([station(0)], attribute="name", text=['"x"']), "attribute", "not measured"),
        (table([station(0)], number=[None]), "temperature", "not a number"),
        (table([station(0)], number=[1.0], text=['"x"']), "temperature", "not a number"),
        (table([station(0)], attribute="count", number=[1.5]), "count", "whole"),
        (table([station(0)], attribute="count", number=[1e17]), "count", "whole"),
        (table([station(0)], attribute="open", text=["yes"]), "open", "true nor false"),
        (table([station(0)], attribute="open", number=[1.0]), "open", "truth"),
        (table([station(0)], attribute="mode", text=['"manual"']), "mode", "auto, tay"),
        (table([station(0)], attribute="note", text=["plain"]), "note", "JSON text"),
        (table([station(0)], attribute="note", text=['"a\\u0000b"']), "note", "NUL"),
        (table([station(0)], attribute="note", text=['"' + "x" * 20_000 + '"']), "note", "over 10000"),
        (table([station(0)], at=datetime(1899, 12, 31, tzinfo=UTC)), "observedAt", "1900"),
        (table([station(0)], at=datetime.now(UTC) + timedelta(hours=1)), "observedAt", "future"),
        (table([station(0)], origin=200), "origin", "measured"),
        (table([station(0)], type="Gate", attribute="level"), "type", "type of the entity"),
    ],
)
async def test_each_rule_names_its_field(observer: Observer, batch: pa.Table, field: str, words: str) -> None:
    answer = await observer.observe(batch, OPERATOR, source="http")
    assert answer.accepted == 0
    assert answer.sequence is None
    assert answer.rejected[0].field == field
    assert words in answer.rejected[0].reason


async def test_texts_and_truths_are_taken(observer: Observer, bus: Client) -> None:
    for attribute, text in (("open", "true"), ("mode", '"tay"'), ("note", '"Cửa \\"mở\\" \\u1ed1"')):
        answer = await observer.observe(table([station(1)], attribute=attribute, text=[text]), OPERATOR, source="http")
        assert answer.accepted == 1, answer.rejected


async def test_unknown_entities_and_those_of_others_look_the_same(observer: Observer, store: Pool) -> None:
    await store.execute("UPDATE entity SET agency = 'a' WHERE id = $1", station(1))
    await store.execute("UPDATE entity SET agency = 'b' WHERE id = $1", station(2))
    clerk = Actor(
        tenant=TENANT, id="clerk", kind="person", grants=(Grant("r", frozenset(("station.observe",)), agency="a"),)
    )
    answer = await observer.observe(table([station(1), station(2), station(999)]), clerk, source="http")
    assert answer.accepted == 1
    assert [r.row for r in answer.rejected] == [1, 2]
    assert answer.rejected[0].reason == answer.rejected[1].reason


async def test_a_stranger_gets_an_error_and_leaves_no_trace(observer: Observer, bus: Client, store: Pool) -> None:
    stranger = Actor(tenant=TENANT, id="stranger", kind="person")
    with pytest.raises(NotAllowed):
        await observer.observe(series(10), stranger, source="http")
    with pytest.raises(NotSignedIn):
        await observer.observe(series(10), anonymous(TENANT), source="http")
    with pytest.raises(NotAllowed):
        await observer.observe(
            series(10), Actor(tenant="other", id="o", kind="person", grants=OPERATOR.grants), source="x"
        )
    assert await stored(bus) == []
    assert await deadletter.read(store, TENANT) == []


async def test_a_device_measures_only_itself(observer: Observer) -> None:
    device = Actor(tenant=TENANT, id=station(3), kind="device")
    answer = await observer.observe(table([station(3), station(4)]), device, source="mqtt")
    assert answer.accepted == 1
    assert answer.rejected[0].row == 1


async def test_a_key_is_taken_once_and_is_its_owners(observer: Observer, bus: Client) -> None:
    first = await observer.observe(series(50), OPERATOR, source="http", key="k")
    second = await observer.observe(series(50), OPERATOR, source="http", key="k")
    other = Actor(tenant=TENANT, id="another", kind="person", grants=OPERATOR.grants)
    third = await observer.observe(series(50), other, source="http", key="k")
    assert (first.duplicate, second.duplicate, third.duplicate) == (False, True, False)
    assert second.sequence == first.sequence
    assert len(await stored(bus)) == 2


async def test_a_large_batch_is_cut_and_a_repeat_is_still_recognised(observer: Observer, bus: Client) -> None:
    batch = series(60_000, step_s=0.001)
    answer = await observer.observe(batch, OPERATOR, source="http", key="big")
    assert answer.accepted == 60_000
    assert (await observer.observe(batch, OPERATOR, source="http", key="big")).duplicate
    found = await stored(bus)
    assert len(found) == 4
    assert pa.concat_tables(found)["number"].to_pylist() == batch["number"].to_pylist()


async def test_too_large_a_batch_is_refused(observer: Observer) -> None:
    with pytest.raises(TooLarge):
        await observer.observe(pa.concat_tables([series(1000)] * 1001), OPERATOR, source="http")


async def test_many_rejected_readings_are_counted(observer: Observer, store: Pool) -> None:
    answer = await observer.observe(table([station(0)] * 3000, number=[500.0] * 3000), OPERATOR, source="http")
    assert len(answer.rejected) == 3000
    assert await store.fetchval("SELECT sum(readings) FROM dead_letter") == 3000
    assert await store.fetchval("SELECT count(*) FROM dead_letter") == 1001


async def test_missing_columns_are_named(observer: Observer) -> None:
    with pytest.raises(InvalidInput, match="observed_at"):
        await observer.observe(series(3).drop_columns(["observed_at"]), OPERATOR, source="http")


async def test_concurrent_calls_overlap(observer: Observer, bus: Client) -> None:
    answers = await asyncio.gather(*(observer.observe(series(20), OPERATOR, source="http") for _ in range(50)))
    found = await stored(bus)
    assert {a.sequence for a in answers} == set(range(1, len(found) + 1))
    assert len(found) < 50, "waiting batches share a message"
    assert sum(t.num_rows for t in found) == 1000


async def test_a_caller_that_goes_away_stops_nobody(observer: Observer, bus: Client) -> None:
    calls = [asyncio.create_task(observer.observe(series(20), OPERATOR, source="http")) for _ in range(20)]
    await asyncio.sleep(0)
    for call in calls[::2]:
        call.cancel()
    answers = await asyncio.gather(*calls, return_exceptions=True)
    kept = [a for a in answers if not isinstance(a, BaseException)]
    assert len(kept) >= 10
    assert sum(t.num_rows for t in await stored(bus)) >= 20 * len(kept)


async def test_written_entities_are_asked_for_again(store: Pool, bus: Client) -> None:
    known = Known(store)
    observer = Observer(bus, store, known, types=TYPES, allowed=allowed)
    with pytest.raises(NotAllowed):
        await observer.observe(table([station(1)]), OPERATOR, source="http")
    await register(store)
    assert (await observer.observe(table([station(1)]), OPERATOR, source="http")).accepted == 1
    await store.execute("DELETE FROM entity WHERE id = $1", station(1))
    assert (await observer.observe(table([station(1)]), OPERATOR, source="http")).accepted == 1, "cached"
    known.forget(TENANT, [station(1)])
    with pytest.raises(NotAllowed):
        await observer.observe(table([station(1)]), OPERATOR, source="http")


async def test_a_full_stream_acknowledges_nothing(observer: Observer, bus: Client) -> None:
    js = bus.jetstream()
    await stream.ensure_stream(js, max_bytes=200_000)
    taken = await _send_until_refused(observer)
    with pytest.raises(Unavailable, match="full"):
        await observer.observe(series(200), OPERATOR, source="http")
    assert taken == sum(t.num_rows for t in await stored(bus)) > 0
    await stream.purge(js, (await js.stream_info(stream.STREAM)).state.last_seq)
    assert (await observer.observe(series(100), OPERATOR, source="http")).accepted == 100


async def test_a_missing_stream_acknowledges_nothing(observer: Observer, bus: Client) -> None:
    await bus.jetstream().delete_stream(stream.STREAM)
    with pytest.raises(Unavailable, match="nothing was acknowledged"):
        await observer.observe(series(10), OPERATOR, source="http")


@pytest.mark.fault
async def test_killed_nats_loses_nothing_acknowledged(store: Pool) -> None:
    await register(store)
    acknowledged = 0
    with temporary_home() as home:
        server = Nats(Settings(home=home, mqtt_port=0))
        for round in range(4):
            server.prepare()
            with running(server.command(), home / "nats.log") as child:
                connection = await nats.connect(
                    server.url(), error_cb=_quiet, max_reconnect_attempts=2, **server.options()
                )
                js = connection.jetstream()
                await stream.ensure_stream(js, max_bytes=1 << 28)
                if round == 3:
                    reader = stream.Reader(connection, js, 1)
                    total = 0
                    while found := await reader.fetch(1000, wait_s=1, linger_s=0, max_bytes=1 << 30):
                        total += sum(stream.decode(one.payload).num_rows for one in found)
                    await connection.close()
                    break
                observer = Observer(connection, store, Known(store), types=TYPES, allowed=allowed, timeout_s=2)
                tasks = [asyncio.create_task(_send_until_refused(observer)) for _ in range(4)]
                await asyncio.sleep(0.5)
                child.kill()
                acknowledged += sum(await asyncio.gather(*tasks))
                await connection.close()
    assert total >= acknowledged > 0


async def _send_until_refused(observer: Observer) -> int:
    done = 0
    while True:
        try:
            done += (await observer.observe(series(200), OPERATOR, source="http")).accepted
        except Unavailable:
            return done


async def _quiet(error: Exception) -> None:
    """The client reports the loss of the connection, which is what the test is about."""


async def test_the_reader_goes_by_position(observer: Observer, bus: Client) -> None:
    js = bus.jetstream()
    for _ in range(10):
        await observer.observe(series(5), OPERATOR, source="http")
    reader = stream.Reader(bus, js, 4)
    found = await reader.fetch(3, wait_s=1, linger_s=0.05, max_bytes=1 << 30)
    assert [one.sequence for one in found] == [4, 5, 6]
    assert {(one.tenant, one.source, one.actor) for one in found} == {(TENANT, "http", "operator")}
    # its consumer disappears: the next one starts where this one stood
    for consumer in await js.consumers_info(stream.STREAM):
        await js.delete_consumer(stream.STREAM, consumer.name)
    again: list[int] = []
    while len(again) < 4:
        again += [one.sequence for one in await reader.fetch(10, wait_s=1, linger_s=0.05, max_bytes=1 << 30)]
    assert again == [7, 8, 9, 10]
    assert reader.anomalies.lost == 0
    await reader.close()


async def test_the_reader_tells_what_is_gone(observer: Observer, bus: Client) -> None:
    js = bus.jetstream()
    for _ in range(10):
        await observer.observe(series(5), OPERATOR, source="http")
    await stream.purge(js, 2)
    await js.delete_msg(stream.STREAM, 6)
    reader = stream.Reader(bus, js, 1)
    got: list[int] = []
    while len(got) < 7:
        got += [one.sequence for one in await reader.fetch(20, wait_s=1, linger_s=0.05, max_bytes=1 << 30)]
    assert got == [3, 4, 5, 7, 8, 9, 10]
    assert reader.anomalies.gaps == [(1, 2), (6, 6)]
    await reader.close()


async def test_an_incarnation_stays_until_renewed(bus: Client) -> None:
    js = bus.jetstream()
    first = await stream.ensure_stream(js, max_bytes=256 * 1024**2)
    assert await stream.ensure_stream(js, max_bytes=128 * 1024**2) == first
    assert (await stream.renew(js)).id != first.id


@given(st.binary(max_size=300))
def test_damaged_messages_are_decode_errors(noise: bytes) -> None:
    with pytest.raises(DecodeError):
        stream.decode(noise)


@given(st.integers(0, 700), st.integers(0, 255))
def test_a_changed_byte_never_escapes_as_another_error(place: int, value: int) -> None:
    payload = bytearray(stream.encode(series(3)))
    payload[place % len(payload)] = value
    try:
        stream.decode(bytes(payload))
    except DecodeError:
        return


_reading = st.tuples(
    st.sampled_from(("temperature", "battery", "count", "open", "name", "none")),
    st.one_of(st.none(), st.floats()),
    st.one_of(st.none(), st.text(max_size=5), st.sampled_from(('"auto"', "true", "null", '"x"'))),
)


@given(st.lists(_reading, min_size=1, max_size=20))
def test_columns_and_single_readings_are_judged_alike(rows: list[tuple[str, float | None, str | None]]) -> None:
    def judge(part: list[tuple[str, float | None, str | None]]) -> list[bool]:
        batch = table(
            [station(0)] * len(part),
            attribute=[a for a, _, _ in part],
            number=[n for _, n, _ in part],
            text=[t for _, _, t in part],
        )
        checked = arrange(batch)
        check_values(checked, TYPES, START + timedelta(days=1))
        return list(checked.good)

    together = judge(rows)
    assert together == [judge([row])[0] for row in rows]
    for (attribute, number, text), good in zip(rows, together, strict=True):
        if good and attribute == "temperature":
            assert number is not None
            assert -40 <= number <= 85
            assert text is None
        if attribute in ("name", "none"):
            assert not good


def test_units_are_converted_by_column() -> None:
    values = pa.array([32.0, 212.0, None])
    result = convert_column(values, "FAH", "CEL", field="unitCode")
    assert np.allclose(result.to_numpy(zero_copy_only=False)[:2], [0, 100])
    assert result.null_count == 1
    with pytest.raises(InvalidInput, match="temperature"):
        convert_column(values, "FAH", "MTR", field="unitCode")
