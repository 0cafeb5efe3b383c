"""Parcels from scan to cash: codes, EPCIS as others write it, and what a day of events makes of facilities."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, TypeVar

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from province.broker.boards import Boards
from province.broker.broker import Broker
from province.broker.database import Pool
from province.broker.feeds import Feeds, Taken
from province.broker.rounds import Rounds
from province.errors import InvalidInput, NotAllowed, NotFound, NotSignedIn
from province.model.actor import Actor, Grant, anonymous, system
from province.model.change import Change
from province.model.entity import Attribute, Entity
from province.model.record import create, to_record
from province.model.schema import Record
from province.model.time import CIVIL_ZONE, format_instant, now
from province.pack import Context
from province.packs.post import codes, epcis, following, withdrawing
from province.packs.post.board import BOARD, INDICATORS
from province.packs.post.pack import PACK
from province.packs.post.types import HAPPENINGS, Parcel, PostalDay, PostalEvent, PostalFacility
from province.vocab.area import civil_day
from tests.conformance.conftest import parameters_at
from tests.effort import examples
from tests.shared import shared

TENANT = "post"
SENDER = Actor(tenant=TENANT, id="scanner", kind="person", grants=(Grant("role", frozenset({"parcel.feed"})),))
CLERK = Actor(tenant=TENANT, id="clerk", kind="person", grants=(Grant("role", frozenset({"parcel.read"})),))
ROOT = system(TENANT, "test")
CONTEXT = Context(now=datetime(2026, 11, 24, 3, tzinfo=UTC), params=parameters_at("post", now()), actor="test")
ROUNDS = {r.name: r for r in PACK.rounds}
R = TypeVar("R", bound=Record)
ITEM, OTHER = "RR473124829GB", "RR123456785VN"


@pytest.mark.parametrize(
    ("given", "text", "scheme"),
    [
        ("RR 473 124 829 GB", ITEM, "s10"),
        ("rr473124829gb", ITEM, "s10"),
        ("urn:upu:s10:RR473124829GB", ITEM, "s10"),
        ("urn:epc:id:sscc:0614141.1234567890", "106141412345678908", "sscc"),
        ("https://id.gs1.org/00/106141412345678908", "106141412345678908", "sscc"),
        ("https://example.com/a/00/106141412345678908?x=1", "106141412345678908", "sscc"),
        ("(00)106141412345678908", "106141412345678908", "sscc"),
        ("urn:epc:id:sgtin:0614141.107346.2017", "urn:epc:id:sgtin:0614141.107346.2017", ""),
    ],
)
def test_a_code_is_read_in_every_form_that_it_comes_in(given: str, text: str, scheme: str) -> None:
    assert codes.read(given, "code") == (text, scheme)


@pytest.mark.parametrize(
    "given", ["RR473124828GB", "106141412345678907", "https://id.gs1.org/00/106141412345678900", "", None, 7,
              "urn:epc:id:sscc:0614141.12345"],
)  # fmt: skip
def test_a_code_with_a_wrong_digit_is_refused_by_name(given: object) -> None:
    with pytest.raises(InvalidInput) as refused:
        codes.read(given, "epcList[3]")
    assert refused.value.field == "epcList[3]"


@given(serial=st.from_regex(r"[0-9]{8}", fullmatch=True), other=st.integers(0, 9), place=st.integers(0, 7))
@settings(max_examples=examples(60), deadline=None)
def test_one_wrong_digit_of_an_s10_code_is_always_seen(serial: str, other: int, place: int) -> None:
    code = f"RR{serial}{codes.s10_digit(serial)}VN"
    assert codes.read(code, "code").text == code
    changed = serial[:place] + str(other) + serial[place + 1 :]
    if changed != serial and codes.s10_digit(changed) != codes.s10_digit(serial):
        with pytest.raises(InvalidInput):
            codes.read(f"RR{changed}{code[10:]}", "code")


@given(body=st.from_regex(r"[0-9]{17}", fullmatch=True), place=st.integers(0, 16), by=st.integers(1, 9))
@settings(max_examples=examples(60), deadline=None)
def test_one_wrong_digit_of_an_sscc_is_always_seen(body: str, place: int, by: int) -> None:
    whole = body + str(codes.sscc_digit(body))
    assert codes.read(whole, "code").text == whole
    wrong = whole[:place] + str((int(whole[place]) + by) % 10) + whole[place + 1 :]
    with pytest.raises(InvalidInput):
        codes.read(wrong, "code")


def test_epcis_as_gs1_writes_it_is_read_whole() -> None:
    files = sorted(p for p in shared("trade/epcis/JSON").rglob("*.jsonld"))
    kinds: set[str] = set()
    for path in files:
        document = json.loads(path.read_text("utf-8"))
        body = document.get("epcisBody", {})
        listed = body.get("eventList") or body.get("queryResults", {}).get("resultsBody", {}).get("eventList")
        if listed is None:
            continue
        found = epcis.decode(path.read_bytes(), context=CONTEXT)
        assert [u for u in found.unread if "type" not in u.field] == [], path.name
        events = {c.id for c in found.changes if c.type == "PostalEvent"}
        own = [e.get("eventID") or json.dumps(e) for e in listed if e.get("type") in epcis.TYPES]
        assert len(events) == len(set(own)), path.name
        kinds |= {e["type"] for e in listed}
        again = epcis.decode(path.read_bytes(), context=CONTEXT)
        assert {c.id for c in again.changes} == {c.id for c in found.changes}, "the same event has the same id"
    assert set(epcis.TYPES) <= kinds, "every kind of event was among them"


def test_what_epcis_says_of_a_container_is_ours() -> None:
    path = shared("trade/epcis/JSON/Example_9.6.3-AggregationEvent.jsonld")
    parcel, event = epcis.decode(path.read_bytes(), context=CONTEXT).changes
    assert parcel.id == "urn:ngsi-ld:Parcel:106141412345678908", "the pallet; its goods are no units of the post"
    values = {n: a.value for n, a in event.attrs.items() if a is not None}
    assert values["kind"] == "arrived"
    assert values["container"] == "106141412345678908"
    assert values["place"] == "urn:epc:id:sgln:0614141.00888.0"
    assert values["happenedAt"] == "2013-06-08T14:58:56.591Z"
    assert len(values["units"]) == 3


@pytest.mark.parametrize(
    ("field", "change"),
    [
        ("eventTime", {"eventTime": "yesterday"}),
        ("eventTime", {"eventTime": "2036-01-01T00:00:00Z"}),
        ("eventTimeZoneOffset", {"eventTimeZoneOffset": "+7"}),
        ("type", {"type": "PartyEvent"}),
        ("action", {"action": None}),
        ("epcList[1]", {"epcList": ["urn:epc:id:sscc:0614141.1234567890", "106141412345678901"]}),
        ("epcList", {"epcList": "106141412345678908"}),
        ("bizLocation", {"bizLocation": "here"}),
        ("bizLocation.id", {"bizLocation": {"id": "a b"}}),
        ("bizStep", {"bizStep": 7}),
        ("sourceList", {"sourceList": {}}),
        ("sensorElementList[0].sensorReport[0].uom",
         {"sensorElementList": [{"sensorReport": [{"type": "Mass", "value": 3, "uom": "LBR"}]}]}),
    ],
)  # fmt: skip
def test_an_event_that_is_not_understood_names_its_field_and_the_others_are_read(
    field: str, change: Mapping[str, Any]
) -> None:
    good = {
        "type": "ObjectEvent", "eventTime": "2026-11-24T01:00:00Z", "eventTimeZoneOffset": "+07:00",
        "action": "OBSERVE", "epcList": ["106141412345678908"], "bizStep": "arriving",
    }  # fmt: skip
    document = {"type": "EPCISDocument", "epcisBody": {"eventList": [good, {**good, **change}]}}
    found = epcis.decode(json.dumps(document).encode(), context=CONTEXT)
    assert [u.field for u in found.unread] == [f"epcisBody.eventList[1].{field}"]
    assert [c.type for c in found.changes] == ["Parcel", "PostalEvent"]


def test_a_retracted_event_says_so_and_moves_nothing() -> None:
    path = shared("trade/epcis/JSON/WithErrorDeclaration/ErrorDeclarationAndCorrectiveEvent.jsonld")
    first, second = [c for c in epcis.decode(path.read_bytes(), context=CONTEXT).changes if c.type == "PostalEvent"]
    assert (first.style, second.style) == ("set", "fill")
    assert first.attrs["retracted"].value is True  # type: ignore[union-attr]
    assert not {"counted", "applied"} & first.attrs.keys(), "it is taken back by its own round"
    event = PostalEvent(
        id="e", units=(ITEM,), kind="delivered", told="x", happenedAt=CONTEXT.now, channel="scan", retracted=True
    )
    parcel = Parcel(id="p", version=1, code=ITEM, scheme="s10", movedAt=CONTEXT.now - timedelta(days=1))
    (group,) = following.follow(context=CONTEXT, events=[event], parcels=[parcel], facilities=[], days=[])
    assert [c.id for c in group] == ["e"]


def test_what_comes_late_counts_for_its_day_and_does_not_move_a_parcel_back() -> None:
    earlier = CONTEXT.now - timedelta(days=3)
    place = PostalFacility(id="f", version=1, code="A", name="A", kind="hub", sortPerDay=4, backlog=2)
    parcel = Parcel(
        id="p", version=1, code=ITEM, scheme="s10", status="out_for_delivery", movedAt=CONTEXT.now, acceptedAt=earlier
    )
    event = PostalEvent(
        id="e", version=1, units=(ITEM,), kind="sorted", told="EDD", happenedAt=earlier, place="A", channel="scan"
    )
    (group,) = following.follow(context=CONTEXT, events=[event], parcels=[parcel], facilities=[place], days=[])
    moved, day, counted = group
    assert {n for n, a in moved.attrs.items() if a is not None} == {"events", "movedAt"}
    assert moved.attrs["movedAt"].value == format_instant(CONTEXT.now)  # type: ignore[union-attr]
    assert day.type == "PostalDay"
    assert {n: a.value for n, a in day.attrs.items() if a is not None and n in ("day", "sorted", "load")} == {
        "day": "2026-11-21", "sorted": 1, "load": 25.0,
    }  # fmt: skip
    assert counted.id == "e"


class Ledger:
    """Records as rounds of changes make them."""

    def __init__(self, *records: Any) -> None:
        self.attrs: dict[str, dict[str, Attribute]] = {}
        self.write([create(r) for r in records])

    def write(self, changes: Sequence[Change]) -> None:
        for one in changes:
            mine = self.attrs.setdefault(one.id, {})
            mine |= {n: a for n, a in one.attrs.items() if a is not None}
            for gone in (n for n, a in one.attrs.items() if a is None):
                mine.pop(gone, None)

    def all(self, kind: type[R]) -> list[R]:
        name = kind.TYPE.name  # type: ignore[attr-defined]
        return [to_record(kind, Entity(tenant=TENANT, id=id, types=(name,), attrs=attrs))
                for id, attrs in sorted(self.attrs.items()) if id.split(":")[2] == name]  # fmt: skip

    def follow(self) -> None:
        waits = sorted((e for e in self.all(PostalEvent) if not e.counted), key=lambda e: (e.happenedAt, e.id))
        for group in following.follow(
            context=CONTEXT, events=waits, parcels=self.all(Parcel), facilities=self.all(PostalFacility),
            days=self.all(PostalDay),
        ):  # fmt: skip
            self.write(group)

    def take_back(self) -> None:
        events = self.all(PostalEvent)
        back = [e for e in events if e.retracted and e.applied]
        for group in withdrawing.take_back(
            context=CONTEXT, events=back, parcels=self.all(Parcel), history=events, facilities=self.all(PostalFacility),
            days=self.all(PostalDay),
        ):  # fmt: skip
            self.write(group)

    def retract(self, id: str) -> None:
        self.attrs[id]["retracted"] = Attribute(value=True)

    def stands(self) -> tuple[Any, ...]:
        days = {(d.facility, d.day, d.sorted, d.mass, d.accepted, d.delivered, d.late) for d in self.all(PostalDay)}
        parcels = [msgspec.structs.replace(p, events=()) for p in self.all(Parcel)]
        return parcels, {d for d in days if any(d[2:])}, [(f.id, f.backlog or 0) for f in self.all(PostalFacility)]


SCANS = st.lists(
    st.tuples(
        st.sampled_from([(ITEM,), (OTHER,), (ITEM, OTHER)]), st.sampled_from([k for k, _ in HAPPENINGS]),
        st.integers(0, 12), st.sampled_from(["A", "B", None]), st.sampled_from([None, 2.0]),
    ),
    min_size=1, max_size=7, unique_by=lambda s: s[2],
)  # fmt: skip


@settings(max_examples=examples(60), deadline=None)
@given(SCANS, st.data())
def test_an_event_taken_back_leaves_nothing_whenever_its_sender_says_so(scans: list[Any], data: st.DataObject) -> None:
    begun = CONTEXT.now - timedelta(days=14)
    events = [
        PostalEvent(id=f"urn:ngsi-ld:PostalEvent:{n}", units=units, kind=kind, told="x", place=place, mass=mass,
                    happenedAt=begun + timedelta(days=day), channel="epcis", origin="A", destination="B", cod=mass)
        for n, (units, kind, day, place, mass) in enumerate(scans)
    ]  # fmt: skip
    wrong = {e.id for e in data.draw(st.lists(st.sampled_from(events), min_size=1, max_size=2))}
    places = [PostalFacility(id=f"urn:ngsi-ld:PostalFacility:{c}", code=c, name=c, kind="hub", region=r)
              for c, r in (("A", "11"), ("B", "1"))]  # fmt: skip
    items = [
        Parcel(id=f"urn:ngsi-ld:Parcel:{code}", code=code, scheme="s10",
               movedAt=min([e.happenedAt for e in events if code in e.units], default=begun))
        for code in (ITEM, OTHER)
    ]  # fmt: skip
    never = Ledger(*places, *items, *(e for e in events if e.id not in wrong))
    never.follow()
    before = Ledger(*places, *items, *events)
    for id in wrong:
        before.retract(id)
    before.follow()
    before.take_back()
    after = Ledger(*places, *items, *events)
    after.follow()
    for id in sorted(wrong):
        after.retract(id)
        after.take_back()
    assert before.stands() == never.stands()
    assert after.stands()[1:] == never.stands()[1:]
    rest = [c for c in (ITEM, OTHER) if any(c in e.units for e in events if e.id not in wrong)]
    for one, other in zip(after.stands()[0], never.stands()[0], strict=True):
        assert one == (other if one.code in rest else msgspec.structs.replace(other, movedAt=one.movedAt))
    assert not any(e.applied for e in after.all(PostalEvent) if e.id in wrong)


def test_what_somebody_did_with_a_parcel_stays_when_an_event_is_taken_back() -> None:
    event = PostalEvent(id="urn:ngsi-ld:PostalEvent:1", units=(ITEM,), kind="delivered", told="x", cod=5.0,
                        happenedAt=CONTEXT.now, channel="epcis")  # fmt: skip
    parcel = Parcel(id=f"urn:ngsi-ld:Parcel:{ITEM}", code=ITEM, scheme="s10", movedAt=CONTEXT.now)
    found = Ledger(parcel, event)
    found.follow()
    assert found.all(Parcel)[0].paid == "collected"
    found.attrs[parcel.id]["paid"] = Attribute(value="handed_over")
    found.retract(event.id)
    found.take_back()
    (one,) = found.all(Parcel)
    assert (one.status, one.deliveredAt, one.cod, one.paid) == ("accepted", None, None, "handed_over")


def test_a_round_takes_as_many_events_as_one_transaction_holds() -> None:
    event = PostalEvent(id="e", units=tuple(str(n) for n in range(300)), kind="sorted", told="x",
                        happenedAt=CONTEXT.now, channel="scan")  # fmt: skip
    assert len(following.taken([event] * 9)) == 2
    assert len(following.taken([event])) == 1


async def send(feeds: Feeds, *scans: Mapping[str, Any]) -> Taken:
    return await feeds.take("postal-scans", json.dumps(scans).encode(), "application/json", SENDER)


async def test_a_day_that_is_over_is_closed_and_one_long_ago_is_not_known(broker: Broker) -> None:
    yesterday = civil_day(now() - timedelta(days=1))
    place = f"urn:ngsi-ld:PostalFacility:over-{yesterday}"
    day = PostalDay(id=following.day_id(place, yesterday), facility=place, day=yesterday, sorted=7, load=70.0)
    old = PostalFacility(id=f"{place}-old", code="OLD", name="x", kind="hub", lastDay="2020-01-01", lastSorted=3)
    ended = PostalFacility(id=place, code="ENDED", name="x", kind="hub", day=yesterday, sorted=7)
    await broker.apply([create(day), create(old), create(ended)], ROOT)
    rounds, one = (
        Rounds(broker, [PACK], parameters_at),
        ROUNDS["closing of postal days"],
    )
    assert await rounds.round(TENANT, PACK, one) == 2
    assert await rounds.round(TENANT, PACK, one) == 0
    known = to_record(PostalFacility, await broker.get(place, ROOT))
    assert (known.day, known.lastDay, known.lastSorted, known.lastLoad) == (None, yesterday, 7, 70.0)
    gone = to_record(PostalFacility, await broker.get(old.id, ROOT))
    assert (gone.lastDay, gone.lastSorted) == (None, None)


async def test_a_parcel_is_followed_from_its_acceptance_to_the_cash(broker: Broker, pool: Pool) -> None:
    """Two offices of the region and one elsewhere; one parcel in time, one late, one that nobody knows the way of."""
    for code, region, kind in (("BD", "11", "hub"), ("TN", "11", "office"), ("HN", "1", "office")):
        facility = PostalFacility(
            id=f"urn:ngsi-ld:PostalFacility:{code}", code=code, name=code, kind=kind, region=region, sortPerDay=2,
            gln=f"urn:gln:{code}",
        )  # fmt: skip
        await broker.apply([create(facility)], ROOT)
    feeds = Feeds(broker, None, (PACK,), parameters_at)  # type: ignore[arg-type]  # they bring no readings
    rounds = Rounds(broker, [PACK], parameters_at)
    end = now().astimezone(CIVIL_ZONE).replace(hour=9, minute=0, second=0, microsecond=0) - timedelta(days=1)

    def scan(code: str, event: str, days: float, place: str = "", **more: Any) -> dict[str, Any]:
        at = {"at": place} if place else {}
        return {"code": code, "event": event, "time": (end - timedelta(days=days)).isoformat(), **at, **more}

    third = "106141412345678908"
    scans = (
        scan(ITEM, "EMA", 1.5, "BD", to="TN", mass=2.0, cod=250_000, recipient="Nguyễn Văn A", phone="0900"),
        scan(ITEM, "sorted", 1.2, "urn:gln:BD"), scan(ITEM, "EMC", 1.0, "BD"), scan(ITEM, "EMG", 0.5, "TN"),
        scan(ITEM, "EDG", 0.2, "TN"), scan(ITEM, "EMI", 0.0, "TN"),
        scan(OTHER, "EMA", 7.0, "BD", to="HN"), scan(OTHER, "EMI", 0.0, "HN"),
        scan(third, "arrived", 0.0, "BD", mass=1_500.0), scan(third, "arrived", 0.0, "BD", weight=3),
    )  # fmt: skip
    taken = await send(feeds, *scans)
    assert [r.field for r in taken.refused] == ["[9].weight"]
    async with pool.acquire() as c:
        assert await c.fetchval("SELECT field FROM dead_letter WHERE tenant = $1", TENANT) == "[9].weight"
    one = PACK.rounds[0]
    assert await rounds.round(TENANT, PACK, one) > 0
    again = await send(feeds, *scans[:9])
    assert not again.refused
    assert await rounds.round(TENANT, PACK, one) == 0, "the same scans twice count once"

    parcel = to_record(Parcel, await broker.get(f"urn:ngsi-ld:Parcel:{ITEM}", ROOT))
    assert (parcel.status, parcel.reach, parcel.onTime, parcel.transitDays) == ("delivered", "region", 100.0, 1.5)
    assert (parcel.paid, parcel.place, parcel.recipient) == ("collected", None, "Nguyễn Văn A")
    late = to_record(Parcel, await broker.get(f"urn:ngsi-ld:Parcel:{OTHER}", ROOT))
    assert (late.reach, late.onTime) == ("between", 0.0)
    waits = to_record(Parcel, await broker.get(f"urn:ngsi-ld:Parcel:{third}", ROOT))
    assert (waits.status, waits.place, waits.onTime) == ("in_transit", "BD", None)
    hub = to_record(PostalFacility, await broker.get("urn:ngsi-ld:PostalFacility:BD", ROOT))
    yesterday = civil_day(end)
    assert (hub.backlog, hub.lastDay, hub.lastMass) == (1, yesterday, 1.5)
    day = to_record(PostalDay, await broker.get(following.day_id("urn:ngsi-ld:PostalFacility:HN", yesterday), ROOT))
    assert (day.delivered, day.late, day.mass) == (1, 1, None)

    clerk = await broker.get(f"urn:ngsi-ld:Parcel:{ITEM}", CLERK)
    assert clerk.value("recipient") is None
    assert clerk.value("phone") is None
    with pytest.raises((NotAllowed, NotFound, NotSignedIn)):
        await broker.get(f"urn:ngsi-ld:Parcel:{ITEM}", anonymous(TENANT))

    await broker.act("parcel.hand_over", ROOT, id=parcel.id, inputs={"receipt": "PC-1"})
    figures = {i.name: await broker.figure(i, ROOT) for i in INDICATORS}
    told = {name: None if f is None else f.counted.value for name, f in figures.items()}
    assert told["post_on_time_region"] == 100
    assert told["post_on_time_between"] == 0
    assert told["postal_days_between_provinces"] == 7
    assert told["post_backlog"] == 1
    assert told["post_mass_day"] == 1.5
    assert told["post_cash_out"] is None, "it was handed over"
    boards = Boards(broker, lambda _tenant: None, parameters_at)  # type: ignore[arg-type, return-value]
    assert [(r.entity.value("code"), r.entity.value("backlog")) for r in await boards.ranked(BOARD, ROOT)][:1] == [
        ("BD", 1)
    ]
    assert await boards.ranked(BOARD, anonymous(TENANT)) == []


async def test_an_error_declaration_takes_the_counts_back(broker: Broker) -> None:
    place = PostalFacility(id="urn:ngsi-ld:PostalFacility:ERR", code="ERR", name="ERR", kind="hub", sortPerDay=10)
    await broker.apply([create(place)], ROOT)
    feeds = Feeds(broker, None, (PACK,), parameters_at)  # type: ignore[arg-type]  # they bring no readings
    rounds = Rounds(broker, [PACK], parameters_at)
    unit = "106141412345678915"
    at = now().astimezone(CIVIL_ZONE).replace(hour=9, minute=0, second=0, microsecond=0) - timedelta(days=1)

    async def send_event(id: str, step: str, minutes: int, **more: Any) -> None:
        event = {
            "type": "ObjectEvent", "eventID": f"urn:uuid:{id}", "eventTimeZoneOffset": "+07:00", "action": "OBSERVE",
            "eventTime": format_instant(at - timedelta(minutes=minutes)), "epcList": [unit], "bizStep": step,
            "bizLocation": {"id": "ERR"}, **more,
        }  # fmt: skip
        taken = await feeds.take("epcis", json.dumps(event).encode(), "application/json", SENDER)
        assert not taken.refused

    async def stands() -> tuple[Any, ...]:
        await rounds.round(TENANT, PACK, ROUNDS["following"])
        await rounds.round(TENANT, PACK, ROUNDS["events taken back"])
        parcel = to_record(Parcel, await broker.get(f"urn:ngsi-ld:Parcel:{unit}", ROOT))
        hub = to_record(PostalFacility, await broker.get(place.id, ROOT))
        day = to_record(PostalDay, await broker.get(following.day_id(place.id, civil_day(at)), ROOT))
        return parcel.status, parcel.place, len(parcel.events), hub.backlog, day.sorted, day.load

    steps = CONTEXT.params["epcis_steps"]
    word = next(w for w, kind in steps.items() if kind == "sorted")
    left = next(w for w, kind in steps.items() if kind == "departed")
    await send_event("1", word, 9)
    await send_event("2", word, 8)
    await send_event("3", left, 7)
    assert await stands() == ("in_transit", None, 3, None, 2, 20.0)
    error = {"errorDeclaration": {"declarationTime": format_instant(at)}}
    await send_event("3", left, 7, **error)
    assert await stands() == ("in_transit", "ERR", 2, 1, 2, 20.0), "it never left"
    await send_event("1", word, 9, **error)
    assert await stands() == ("in_transit", "ERR", 1, 1, 1, 10.0)
    await send_event("1", word, 9)
    assert await stands() == ("in_transit", "ERR", 1, 1, 1, 10.0), "what was taken back does not come again"
