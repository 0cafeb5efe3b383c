"""What a caller of `broker.apply` may rely on."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from province.broker import committer
from province.broker.broker import Broker
from province.broker.database import Pool
from province.broker.history import read_instances
from province.errors import AlreadyExists, Conflict, InvalidInput, NotAllowed, NotFound
from province.model import record
from province.model.actor import anonymous
from province.model.change import Change, Counter, Hold, Limit
from province.model.entity import Attribute
from tests.draining import blocked
from tests.effort import examples

from .conftest import TENANT, A, B, lamp, lamp_id, person

ROOT = person("*", id="root")


async def test_a_change_writes_state_history_outbox_and_audit_together(broker: Broker, pool: Pool) -> None:
    (created,) = await broker.apply([record.create(lamp(1, height=9.0), agency=A)], ROOT)
    assert (created.version, created.created) == (1, True)
    (changed,) = await broker.apply(
        [Change(op="merge", id=lamp_id(1), type="Lamp", attrs={"height": Attribute(value=10)})], ROOT
    )
    assert changed.version == 2
    entity = await broker.get(lamp_id(1), ROOT)
    assert entity.value("height") == 10
    assert entity.attrs["height"].created_at < entity.attrs["height"].modified_at  # type: ignore[operator]
    async with pool.acquire() as c:
        instances = await read_instances(c, TENANT, lamp_id(1), keys=["height"])
        events = await c.fetch("SELECT name, payload FROM outbox ORDER BY seq")
        audits = await c.fetch("SELECT actor, action, entity, detail FROM audit ORDER BY seq")
    assert [i.attribute.value for i in instances if i.attribute] == [9.0, 10]
    assert [e["name"] for e in events] == ["lamp.created", "lamp.changed"]
    assert '"was": {"height": {"value": 9.0' in events[1]["payload"]
    assert [(a["actor"], a["action"], a["entity"]) for a in audits] == [
        ("root", "lamp.created", lamp_id(1)),
        ("root", "lamp.changed", lamp_id(1)),
        ("root", "entity.read", lamp_id(1)),
    ]
    assert "9.0" not in audits[1]["detail"], "an audit names attributes and never holds values"


async def test_all_changes_of_a_call_or_none(broker: Broker) -> None:
    with pytest.raises(NotFound):
        await broker.apply(
            [record.create(lamp(1)), Change(op="merge", id=lamp_id("absent"), type="Lamp", attrs={})], ROOT
        )
    with pytest.raises(NotFound):
        await broker.get(lamp_id(1), ROOT)


async def test_an_unchanged_write_leaves_no_trace(broker: Broker, pool: Pool) -> None:
    await broker.apply([record.create(lamp(1))], ROOT)
    same = Change(op="merge", id=lamp_id(1), type="Lamp", attrs={"name": Attribute(value="Đèn đường số 1")})
    (answer,) = await broker.apply([same], ROOT)
    assert answer.version == 1
    async with pool.acquire() as c:
        assert await c.fetchval("SELECT count(*) FROM outbox") == 1


async def test_preconditions(broker: Broker) -> None:
    await broker.apply([record.create(lamp(1))], ROOT)
    with pytest.raises(AlreadyExists, match="exists"):
        await broker.apply([record.create(lamp(1))], ROOT)
    with pytest.raises(Conflict, match="version 1, not 7"):
        await broker.apply([Change(op="merge", id=lamp_id(1), type="Lamp", expect_version=7)], ROOT)


async def test_of_concurrent_writers_with_the_same_version_one_wins(broker: Broker) -> None:
    await broker.apply([record.create(lamp(1, height=1))], ROOT)

    async def write(height: int) -> bool:
        change = Change(
            op="merge", id=lamp_id(1), type="Lamp", attrs={"height": Attribute(value=height)}, expect_version=1
        )
        try:
            await broker.apply([change], ROOT)
        except Conflict:
            return False
        return True

    assert sum(await asyncio.gather(*(write(h) for h in range(2, 20)))) == 1


async def test_a_unique_key_is_taken_once_and_freed_by_deletion(broker: Broker) -> None:
    async def create(name: int) -> str:
        try:
            await broker.apply([record.create(lamp(name, serial="same"))], ROOT)
        except AlreadyExists as error:
            return str(error.field)
        return "won"

    answers = await asyncio.gather(*(create(n) for n in range(20)))
    assert sorted(answers) == ["serial"] * 19 + ["won"]
    winner = lamp_id(answers.index("won"))
    await broker.apply([Change(op="delete", id=winner, type="Lamp")], ROOT)
    await broker.apply([record.create(lamp("next", serial="same"))], ROOT)


async def test_a_bad_write_fails_only_its_own_request(broker: Broker) -> None:
    await broker.apply([record.create(lamp("first", serial="taken"))], ROOT)
    good = [broker.apply([record.create(lamp(n))], ROOT) for n in range(30)]
    bad = [broker.apply([record.create(lamp(f"bad{n}", serial="taken"))], ROOT) for n in range(5)]
    answers = await asyncio.gather(*good, *bad, return_exceptions=True)
    assert all(isinstance(a, tuple) for a in answers[:30])
    assert all(isinstance(a, AlreadyExists) for a in answers[30:])


async def test_counters_have_no_gap_even_when_writes_are_refused(broker: Broker) -> None:
    def numbered(name: str, serial: str) -> Change:
        return record.create(
            lamp(name, serial=serial), counters=(Counter(attribute="code", name="lamps", template="L-{n:04d}"),)
        )

    calls = [broker.apply([numbered(f"n{i}", "dup" if i % 3 == 0 else f"s{i}")], ROOT) for i in range(30)]
    answers = await asyncio.gather(*calls, return_exceptions=True)
    codes = sorted(a[0].filled["code"] for a in answers if isinstance(a, tuple))
    assert codes == [f"L-{n:04d}" for n in range(1, len(codes) + 1)]
    assert len(codes) == 21


async def test_holds_never_exceed_the_capacity(broker: Broker) -> None:
    start = datetime(2026, 11, 24, 8, tzinfo=UTC)

    def booking(name: str, hour: int, units: int = 1) -> Change:
        hold = Hold(resource="crane", start=start + timedelta(hours=hour), end=start + timedelta(hours=hour + 2),
                    units=units, capacity=2)  # fmt: skip
        return record.create(lamp(name), holds=(hold,))

    await broker.apply([booking("a", 0)], ROOT)
    await broker.apply([booking("b", 1)], ROOT)
    with pytest.raises(Conflict, match="crane"):
        await broker.apply([booking("c", 1)], ROOT)
    await broker.apply([booking("d", 2)], ROOT)
    await broker.apply([Change(op="delete", id=lamp_id("b"), type="Lamp")], ROOT)
    answers = await asyncio.gather(
        *(broker.apply([booking(f"x{n}", 1)], ROOT) for n in range(6)), return_exceptions=True
    )
    assert sum(isinstance(a, tuple) for a in answers) == 1


async def test_a_limit_lets_only_so_many_through(broker: Broker) -> None:
    limit = (Limit(type="Lamp", attribute="colour", value="amber", at_most=3),)
    answers = await asyncio.gather(
        *(broker.apply([record.create(lamp(n, colour="amber"), limits=limit)], ROOT) for n in range(10)),
        return_exceptions=True,
    )
    assert sum(isinstance(a, tuple) for a in answers) == 3


async def test_an_idempotency_key_is_answered_alike_and_acts_once(broker: Broker, pool: Pool) -> None:
    change = record.create(lamp(1), counters=(Counter(attribute="code", name="lamps"),))
    first = await broker.apply([change], ROOT, key="k1")
    again = await asyncio.gather(*(broker.apply([change], ROOT, key="k1") for _ in range(5)))
    assert all(a == first for a in again)
    with pytest.raises(AlreadyExists):  # the same key of somebody else is another key
        await broker.apply([change], person("*", id="other"), key="k1")


async def test_the_workflow_is_enforced_whatever_the_door(broker: Broker) -> None:
    with pytest.raises(Conflict, match="starts in 'dark'"):
        await broker.apply([record.create(lamp(1, status="lit"))], ROOT)
    await broker.apply([record.create(lamp(1))], ROOT)
    light = Change(op="merge", id=lamp_id(1), type="Lamp", attrs={"status": Attribute(value="lit")})
    await broker.apply([light], ROOT)
    with pytest.raises(Conflict, match="Allowed next states: dark"):
        await broker.apply(
            [Change(op="merge", id=lamp_id(1), type="Lamp", attrs={"status": Attribute(value="gone")})], ROOT
        )


@pytest.mark.parametrize(
    ("attrs", "field"),
    [
        ({"height": Attribute(value=float("nan"))}, "height"),
        ({"height": Attribute(value=99)}, "height"),
        ({"height": Attribute(value=3, unit_code="CEL")}, "height.unitCode"),
        ({"height": Attribute(value="tall")}, "height"),
        ({"colour": Attribute(value="blue")}, "colour"),
        ({"name": Attribute(value="nul\x00")}, "name"),
        (
            {"location": Attribute(type="GeoProperty", value={"type": "Point", "coordinates": [11, 106]})},
            "location.coordinates",
        ),
        ({"location": Attribute(value="here")}, "location.type"),
    ],
)
async def test_bad_values_are_refused_naming_the_field(broker: Broker, attrs: dict[str, Attribute], field: str) -> None:
    await broker.apply([record.create(lamp(1))], ROOT)
    with pytest.raises(InvalidInput) as caught:
        await broker.apply([Change(op="merge", id=lamp_id(1), type="Lamp", attrs=attrs)], ROOT)
    assert caught.value.field == field


@pytest.mark.parametrize("id", ["urn:ngsi-ld:Lamp:1 ", " urn:ngsi-ld:Lamp:1", "urn:ngsi-ld:Lamp:1\u200b", "lamp"])
async def test_an_id_is_a_uri_without_blanks(broker: Broker, id: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        await broker.apply([Change(op="create", id=id, type="Lamp", attrs={})], ROOT)
    assert (caught.value.field, bool(caught.value.remedy)) == ("id", True)


async def test_a_value_in_another_unit_is_converted(broker: Broker) -> None:
    await broker.apply([record.create(lamp(1))], ROOT)
    tall = Change(op="merge", id=lamp_id(1), type="Lamp", attrs={"height": Attribute(value=900, unit_code="CMT")})
    await broker.apply([tall], ROOT)
    entity = await broker.get(lamp_id(1), ROOT)
    assert (entity.value("height"), entity.attrs["height"].unit_code) == (9.0, "MTR")


async def test_rights_are_needed_over_the_old_and_the_new_owner(broker: Broker) -> None:
    await broker.apply([record.create(lamp(1), agency=A)], ROOT)
    clerk = person("lamp.read", "lamp.change", agency=A)
    rename = Change(op="merge", id=lamp_id(1), type="Lamp", attrs={"name": Attribute(value="mới")})
    await broker.apply([rename], clerk)
    with pytest.raises(NotAllowed, match=r"lamp\.change"):
        await broker.apply([Change(op="merge", id=lamp_id(1), type="Lamp", agency=B)], clerk)
    with pytest.raises(NotAllowed, match=r"lamp\.delete"):
        await broker.apply([Change(op="delete", id=lamp_id(1), type="Lamp")], clerk)
    with pytest.raises(Exception, match="permission"):
        await broker.apply([rename], anonymous(TENANT))


async def test_history_outlives_deletion_and_a_second_life(broker: Broker, pool: Pool) -> None:
    for _ in range(2):
        await broker.apply([record.create(lamp(1))], ROOT)
        await broker.apply([Change(op="delete", id=lamp_id(1), type="Lamp")], ROOT)
    async with pool.acquire() as c:
        instances = await read_instances(c, TENANT, lamp_id(1), keys=["name"])
    assert [i.attribute is None for i in instances] == [False, True, False, True]


_names = st.sampled_from(["height", "colour", "note"])
_value = {"height": st.integers(0, 50), "colour": st.sampled_from(["white", "amber"]), "note": st.text(max_size=5)}
_operation = st.one_of(
    st.just(("create", {})),
    st.just(("delete", {})),
    st.tuples(st.sampled_from(["merge", "upsert", "put"]), _names.flatmap(lambda n: _value[n].map(lambda v: {n: v}))),
)


@settings(max_examples=examples(25), deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(operations=st.lists(_operation, max_size=8))
async def test_state_follows_a_simple_model(broker: Broker, operations: list[tuple[str, dict[str, object]]]) -> None:
    """Against a dict: whatever the order of operations, state and refusals agree."""
    import uuid

    id = lamp_id(uuid.uuid4().hex)
    base = {"serial": id, "name": "n"}
    model: dict[str, object] | None = None
    for op, values in operations:
        given_values = {**base, **values} if op in ("create", "put", "upsert") else values
        values_in = {k: v.replace("\x00", "") if isinstance(v, str) else v for k, v in given_values.items()}
        attrs = {k: Attribute(value=v) for k, v in values_in.items()}
        change = Change(op=op, id=id, type="Lamp", attrs=attrs)  # type: ignore[arg-type]
        must_fail = (op == "create" and model is not None) or (op in ("merge", "delete") and model is None)
        if must_fail:
            with pytest.raises((AlreadyExists, NotFound)):
                await broker.apply([change], ROOT)
            continue
        if op == "put" and model is not None:
            values_in["status"] = "dark"
            change = Change(op="put", id=id, type="Lamp", attrs={k: Attribute(value=v) for k, v in values_in.items()})
        await broker.apply([change], ROOT)
        if op == "delete":
            model = None
        elif op in ("create", "put") or model is None:
            model = {**values_in, "status": "dark"}
        else:
            model = {**model, **values_in}
        if model is not None:
            import unicodedata

            expected = {k: unicodedata.normalize("NFC", v) if isinstance(v, str) else v for k, v in model.items()}
            entity = await broker.get(id, ROOT)
            assert {k: a.value for k, a in entity.attrs.items()} == expected


async def test_a_replacement_keeps_what_its_writer_does_not_see(broker: Broker) -> None:
    """Whoever may not see a personal field cannot send it back: a replacement, alone or of a batch, leaves it there."""
    await broker.apply([record.create(lamp(1, owner_phone="0274 1", code="cũ"))], person("*"))
    clerk = person("lamp.read", "lamp.change", id="clerk")
    seen = {"serial": Attribute(value="S-1"), "name": Attribute(value="Mới")}
    await broker.apply([Change(op="replace", id=lamp_id(1), type="Lamp", attrs=seen)], clerk)
    await broker.apply_each([Change(op="put", id=lamp_id(1), type="Lamp", attrs=seen)], clerk)
    kept = await broker.get(lamp_id(1), person("*"))
    assert (kept.value("owner_phone"), kept.value("name"), kept.value("code")) == ("0274 1", "Mới", None)
    await broker.apply([Change(op="replace", id=lamp_id(1), type="Lamp", attrs=seen)], person("*"))
    assert (await broker.get(lamp_id(1), person("*"))).value("owner_phone") is None


@contextlib.asynccontextmanager
async def writing(broker: Broker, pool: Pool) -> AsyncIterator[None]:
    """One transaction of the committer is in flight: it waits for a row that somebody else has locked."""
    await broker.apply([record.create(lamp("held"))], ROOT)
    async with pool.acquire() as other:
        held = other.transaction()
        await held.start()
        await other.execute("SELECT 1 FROM entity WHERE id = $1 FOR UPDATE", lamp_id("held"))
        merge = Change(op="merge", id=lamp_id("held"), type="Lamp", attrs={"height": Attribute(value=7)})
        stuck = asyncio.create_task(broker.apply([merge], ROOT))
        await blocked(pool)
        yield
        assert not stuck.done()
        await held.rollback()
    (changed,) = await stuck
    assert changed.version == 2


async def test_few_writes_wait_for_one_another_and_many_do_not(
    broker: Broker, pool: Pool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(committer, "PATIENCE_S", 3600.0)
    async with writing(broker, pool):
        writes = [asyncio.create_task(broker.apply([record.create(lamp(n))], ROOT)) for n in range(committer.MANY - 1)]
        for _ in range(100):
            await asyncio.sleep(0)
        assert not any(one.done() for one in writes)
    await asyncio.gather(*writes)
    groups = await pool.fetchval("SELECT count(DISTINCT xid) FROM outbox WHERE name = 'lamp.created'")
    assert groups == 2, "the held lamp's, and all that waited in one"


async def test_many_writes_wait_for_nothing(broker: Broker, pool: Pool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(committer, "PATIENCE_S", 3600.0)
    async with writing(broker, pool):
        created = (broker.apply([record.create(lamp(n))], ROOT) for n in range(committer.MANY))
        await asyncio.wait_for(asyncio.gather(*created), 30)


async def test_a_write_that_waits_for_a_lock_holds_up_no_other(broker: Broker, pool: Pool) -> None:
    async with writing(broker, pool):
        await asyncio.wait_for(broker.apply([record.create(lamp(2))], ROOT), 30)


async def test_what_becomes_a_lamp_too_takes_the_right_to_make_one(broker: Broker) -> None:
    maker, both = person("entity.create", "entity.change"), person("entity.*", "lamp.create")
    attrs = {"name": Attribute(value="Cột")}
    await broker.apply([Change(op="create", id="urn:x:1", type="Pole", attrs=attrs)], maker)
    for change in (
        Change(op="create", id="urn:x:2", type="Pole", types=("Pole", "Lamp"), attrs=attrs),
        Change(op="merge", id="urn:x:1", type="Lamp", attrs=attrs),
    ):
        with pytest.raises(NotAllowed, match=r"lamp\.create"):
            await broker.apply([change], maker)
        await broker.apply([change], both)
    assert (await broker.get("urn:x:1", ROOT)).types == ("Pole", "Lamp")
