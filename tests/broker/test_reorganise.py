"""Orders on a real database: the reform of 2025 replayed, a merger, a split, a transfer; rights, cases, stamps."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Annotated, Any, ClassVar
from uuid import UUID, uuid4

import msgspec
import pytest
import shapely.geometry

from province.broker.broker import Broker
from province.broker.committer import Committer
from province.broker.database import Pool
from province.broker.reorganise import Reorganiser, order_id
from province.errors import Conflict, InvalidInput, NotAllowed, ProvinceError
from province.identity import policy, reach, roles
from province.model.actor import Actor, Grant
from province.model.geometry import Geometry, point
from province.model.label import Label
from province.model.query import Query
from province.model.record import create, move, to_record
from province.model.schema import Field, Record, TypeInfo, describe
from province.model.time import now
from province.model.workflow import Edge, Workflow
from province.territory import replay, store
from province.territory.atlas import Atlas
from province.territory.example import Facts, changes_of, read_facts
from province.territory.land import size_km2
from province.territory.order import Article, Order, Part, Unit
from province.vocab import TYPES
from province.vocab.agency import Agency, agency_id
from province.vocab.area import LOCAL, Area, area_id, civil_day

FOLDER = Path(__file__).parents[2] / "data" / "binh-duong"
TENANT = "t"
ROOT = Actor(tenant=TENANT, id="root", kind="person", grants=(Grant("administrator", frozenset("*")),))
WORD = Label("chữ", "word")
OLD, DAY = "2025-06-30", "2025-07-01"
HIEP_THANH = area_id("25741", "2024-05-01")
"""Divided: a part went to Thủ Dầu Một (25747), a part to Phú Lợi (25750)."""
PHU_CUONG = area_id("25747", "2024-05-01")
"""Went to Thủ Dầu Một whole."""


class Matter(Record, frozen=True, kw_only=True):
    """A case as packs declare them."""

    TYPE: ClassVar = TypeInfo(
        "Matter", WORD, place="location", title="name",
        workflow=Workflow("status", "open", frozenset(("done",)), (Edge("open", "done", "matter.done", WORD),),
                          (("open", WORD), ("done", WORD))),
    )  # fmt: skip
    name: Annotated[str, Field(WORD)]
    location: Annotated[Geometry | None, Field(WORD)] = None
    assignedTo: Annotated[str | None, Field(WORD, ref="Agency")] = None  # noqa: N815
    area: Annotated[str | None, Field(WORD, ref="Area")] = None
    status: Annotated[str, Field(WORD)] = "open"
    dueAt: Annotated[datetime | None, Field(WORD)] = None  # noqa: N815


@dataclass(slots=True)
class Land:
    """A database with the map of 30 June 2025, and what works on it."""

    pool: Pool
    broker: Broker
    committer: Committer
    facts: Facts
    atlas: Atlas | None = None

    async def refresh(self, tenant: str) -> None:
        async with self.pool.acquire() as connection:
            ledger = await store.read(connection, tenant)
        self.atlas = Atlas((await self.all(Area)).values(), now(), ledger)

    async def all(self, record: type[Any]) -> dict[str, Any]:
        found: dict[str, Any] = {}
        after = ""
        while True:
            query = Query(types=(record.TYPE.name,), limit=1000, after=after, latest=False)
            page = await self.broker.query(query, ROOT)
            found |= {e.id: to_record(record, e) for e in page.items}
            if not (after := page.next):
                return found

    @property
    def orders(self) -> Reorganiser:
        return Reorganiser(self.broker, self.committer, self.refresh)

    async def account(self, *grants: tuple[str, str | None, tuple[str, ...]]) -> str:
        """An account with (role, agency, areas)."""
        id = uuid4()
        async with self.pool.acquire() as connection:
            await connection.execute(
                "INSERT INTO account (tenant, id, login, login_folded, name, kind)"
                " VALUES ($1, $2, $3, $3, $3, 'person')",
                TENANT, id, f"a{id.hex[:8]}",
            )  # fmt: skip
            for role, agency, areas in grants:
                await connection.execute(
                    "INSERT INTO grant_ (tenant, id, account, role, agency, areas, valid, granted_by)"
                    " VALUES ($1, $2, $3, $4, $5, $6, tstzrange(now() - interval '1 day', NULL), 'test')",
                    TENANT, uuid4(), id, role, agency, list(areas),
                )  # fmt: skip
        return str(id)

    async def actor(self, account: str) -> Actor:
        async with self.pool.acquire() as connection:
            grants = await roles.grants_of(connection, TENANT, account)
        return Actor(tenant=TENANT, id=account, kind="person", grants=grants)

    async def matter(self, key: str, at: tuple[float, float], agency: str, **values: Any) -> str:
        id = f"urn:ngsi-ld:Matter:{key}"
        given: dict[str, Any] = {"name": key, "location": point(*at), "assignedTo": agency, **values}
        await self.broker.apply([create(Matter(id=id, **given), agency=agency)], ROOT)
        return id


@pytest.fixture
async def land(pool: Pool) -> AsyncIterator[Land]:
    types = {t.name: t for t in map(describe, (*TYPES, Matter))}
    made: list[Land] = []

    def locate(tenant: str, geometry: Geometry) -> str | None:
        atlas = made[0].atlas if made else None
        return atlas.stamp(geometry) if atlas is not None else None

    committer = Committer(pool, types, locate)
    committer.start()

    async def nothing(*_: object) -> dict[str, Any]:
        return {}

    broker = Broker(
        pool, committer, types=types, packs=(), parameters=lambda *_: {}, read_latest=nothing, sign=lambda *_: "0" * 64
    )
    facts = read_facts(FOLDER)
    made.append(Land(pool, broker, committer, facts))
    async with pool.acquire() as connection:
        await connection.execute("INSERT INTO tenant (id, name_vi, name_en) VALUES ($1, 'x', 'x')", TENANT)
        await roles.install(connection, TENANT, {"clerk": ("matter.change",)})
        await store.add(connection, TENANT, replay.pieces(facts), replay.known_belongings(facts, OLD))
        await store.succeed(connection, TENANT, replay.known_successions(facts, OLD))
    for start in range(0, len(old := changes_of(replay.as_known_on(facts, OLD))), 500):
        await broker.apply(old[start : start + 500], ROOT)
    await made[0].refresh(TENANT)
    yield made[0]
    await committer.stop()


def plain(records: dict[str, Any]) -> dict[str, Any]:
    """Without what an order says of itself."""
    return {id: msgspec.structs.replace(r, version=0, source="", sourceDate=None) for id, r in records.items()}


async def test_the_reform_of_2025_replayed_on_the_old_map_is_the_new_map_as_it_ships(land: Land) -> None:
    assert len([a for a in (await land.all(Area)).values() if a.kind in LOCAL and a.validTo is None]) == 91
    order = replay.order_of(land.facts, DAY)
    told = await land.orders.preview(order, ROOT)
    assert len([a for a in (await land.all(Area)).values() if a.validTo is None]) == 101, "a preview writes nothing"
    decided = await land.orders.decide(order, ROOT)
    assert (decided.status, decided.repeated) == ("in_force", False)
    assert decided.touched == told
    assert plain(await land.all(Area)) == plain({a.id: a for a in land.facts.areas})
    assert plain(await land.all(Agency)) == plain({a.id: a for a in land.facts.agencies})
    async with land.pool.acquire() as connection:
        ledger = await store.read(connection, TENANT)
    assert set(ledger.rows) == set(replay.belongings(land.facts))
    again = await land.orders.decide(order, ROOT)
    assert again.repeated
    assert again.id == decided.id
    with pytest.raises(Conflict, match="in force since"):
        await land.orders.withdraw(decided.id, "sai", ROOT)


def inside(facts: Facts, old: str, new: str) -> tuple[float, float]:
    return next(a.position for a in facts.atoms if a.old == area_id(old, "2024-05-01") and a.new == area_id(new, DAY))


async def test_open_cases_find_their_agency_and_keep_their_clock(land: Land) -> None:
    divided, whole = agency_id("ubnd-25741", "2024-05-01"), agency_id("ubnd-25747", "2024-05-01")
    due = datetime(2026, 1, 2, 3, tzinfo=UTC)
    west = await land.matter("west", inside(land.facts, "25741", "25747"), divided, dueAt=due, area=HIEP_THANH)
    east = await land.matter("east", inside(land.facts, "25741", "25750"), divided)
    simple = await land.matter("simple", inside(land.facts, "25747", "25747"), whole)
    done = await land.matter("done", inside(land.facts, "25747", "25747"), whole)
    finished = (await land.all(Matter))[done]
    await land.broker.apply([move(finished, "done", at=now())], ROOT)
    lost = "urn:ngsi-ld:Matter:lost"
    await land.broker.apply([create(Matter(id=lost, name="lost", assignedTo=divided), agency=divided)], ROOT)
    decided = await land.orders.decide(replay.order_of(land.facts, DAY), ROOT)
    found = await land.all(Matter)
    assert found[west].assignedTo == found[simple].assignedTo == agency_id("ubnd-25747", DAY)
    assert found[east].assignedTo == agency_id("ubnd-25750", DAY)
    assert found[west].area == area_id("25747", DAY)
    assert (found[west].dueAt, found[west].status) == (due, "open")
    assert found[done].assignedTo == whole, "what is over stays as it was decided"
    assert found[lost].assignedTo == divided, "without a place nobody can tell; nothing is guessed"
    assert any("1 open cases" in text.en for text in decided.touched.unsettled)
    assert sum(c.count for c in decided.touched.cases if c.to) == 3


async def test_rights_follow_the_land_and_the_agency_and_nobody_gains_any(land: Land) -> None:
    divided, whole = agency_id("ubnd-25741", "2024-05-01"), agency_id("ubnd-25747", "2024-05-01")
    spot = {k: inside(land.facts, *k) for k in (("25741", "25747"), ("25741", "25750"), ("25747", "25747"))}
    mine = await land.matter("mine", spot["25741", "25747"], divided)
    theirs = await land.matter("theirs", spot["25747", "25747"], whole)
    by_agency = await land.account(("clerk", divided, ()))
    by_area = await land.account(("clerk", None, (HIEP_THANH,)))
    other = await land.account(("clerk", whole, ()))
    district = await land.account(("clerk", None, (area_id("718", "2024-05-01"),)))
    dissolved = await land.account(("clerk", agency_id("ubnd-718", "2024-05-01"), ()))

    async def may(account: str) -> set[str]:
        page = await land.broker.query(Query(types=("Matter",), limit=100), await land.actor(account))
        return {e.id.rpartition(":")[2] for e in page.items}

    before = [await may(a) for a in (by_agency, by_area, other, district)]
    assert before == [{"mine"}, {"mine"}, {"theirs"}, {"mine", "theirs"}]
    assert (await land.actor(dissolved)).grants != ()
    await land.orders.decide(replay.order_of(land.facts, DAY), ROOT)
    # The case of the divided unit went to Thủ Dầu Một, which also succeeds Phú Cường.
    assert await may(by_agency) == {"mine"}, "the official of the divided unit keeps its part, and no more"
    assert await may(by_area) == {"mine"}
    assert await may(other) == {"mine", "theirs"}, "Thủ Dầu Một has both now"
    assert await may(district) == {"mine", "theirs"}
    assert (await land.actor(dissolved)).grants == (), "nobody took over from the district"
    new = await land.matter("new", spot["25741", "25750"], agency_id("ubnd-25750", DAY))
    assert "new" in await may(by_agency)
    assert "new" not in await may(other)
    for account, id, expected in ((by_agency, mine, True), (by_agency, theirs, False), (other, new, False)):
        entity = await land.broker.get(id, ROOT)
        allowed = policy.allows(
            await land.actor(account), "matter.change", agency=entity.agency, area=entity.area, entity=id
        )
        assert allowed is expected, (account, id)


async def test_what_was_cut_down_to_an_agency_means_its_successor(land: Land) -> None:
    """A token or a subscription of a dissolved agency, without anybody touching it."""
    divided, whole = agency_id("ubnd-25741", "2024-05-01"), agency_id("ubnd-25747", "2024-05-01")
    everything = (Grant("administrator", frozenset(("*",))),)
    await land.orders.decide(replay.order_of(land.facts, DAY), ROOT)
    async with land.pool.acquire() as connection:
        found = {a: await reach.within(connection, TENANT, a) for a in (None, divided, whole)}
        nobody = await reach.within(connection, TENANT, agency_id("ubnd-718", "2024-05-01"))
    assert found[None] == ((None, None),)
    now_has = {g.agency: g.areas for g in reach.narrow(everything, ("matter.read",), found[whole])}
    assert now_has[agency_id("ubnd-25747", DAY)] == now_has[whole] == frozenset()
    assert now_has[divided] == {"atom:25741-25747"}, "of the divided unit, what came to the successor"
    parts = {g.agency: g.areas for g in reach.narrow(everything, ("matter.read",), found[divided])}
    assert parts[agency_id("ubnd-25750", DAY)] == {"atom:25741-25750"}
    assert parts[agency_id("ubnd-25747", DAY)] == {"atom:25741-25747"}
    assert nobody == ()
    assert reach.narrow(everything, ("*",), nobody) == ()


def halves(facts: Facts, unit: str) -> tuple[Geometry, tuple[float, float], tuple[float, float]]:
    """The western half of a unit's box, and a place in each half."""
    area = next(a for a in facts.areas if a.id == unit)
    shape = shapely.geometry.shape(area.location)
    west, south, east, north = shape.bounds
    middle = (west + east) / 2
    box = shapely.geometry.box(west - 0.01, south - 0.01, middle, north + 0.01)
    left, right = shape.intersection(box).representative_point(), shape.difference(box).representative_point()
    return shapely.geometry.mapping(box), (left.x, left.y), (right.x, right.y)


async def test_a_split_and_a_transfer_place_entities_anew_and_yesterdays_map_still_answers(land: Land) -> None:
    await land.orders.decide(replay.order_of(land.facts, DAY), ROOT)
    today = civil_day(now())
    unit = area_id("25813", DAY)  # Bến Cát
    committee = agency_id("ubnd-25813", DAY)
    box, left, right = halves(land.facts, unit)
    west, east = await land.matter("w", left, committee), await land.matter("e", right, committee)
    order = Order(
        effective=today,
        basis="Nghị quyết thử",
        articles=(
            Article(
                kind="split",
                units=(unit,),
                parts=(
                    Part(unit=Unit(code="99001", name="Phường Tây Bến Cát", kind="ward"), boundary=box),
                    Part(unit=Unit(code="99002", name="Phường Đông Bến Cát", kind="ward")),
                ),
            ),
        ),
    )
    told = await land.orders.preview(order, ROOT)
    assert told.parts_divided >= 1
    assert told.restamped >= 2  # an industrial park stands there too
    await land.orders.decide(order, ROOT)
    found = await land.all(Matter)
    assert found[west].assignedTo == agency_id("ubnd-99001", today)
    assert found[east].assignedTo == agency_id("ubnd-99002", today)
    async with land.pool.acquire() as connection:
        ledger = await store.read(connection, TENANT)
        stamps = {
            r["id"]: r["area"] for r in await connection.fetch("SELECT id, area FROM entity WHERE type = 'Matter'")
        }
    yesterday = civil_day(now() - timedelta(days=1))
    assert {ledger.area_on(s, yesterday) for s in stamps.values()} == {unit}
    assert ledger.area_on(stamps[west], today) == area_id("99001", today)
    assert ledger.area_on(stamps[east], today) == area_id("99002", today)
    # What was only known of the whole is shared out by land, and says so.
    shares = ledger.shares(unit, today)
    assert [s.estimate for s in shares] == [True, True]
    assert sum(s.weight for s in shares) == pytest.approx(1)
    areas = await land.all(Area)
    parts = [shapely.geometry.shape(areas[area_id(c, today)].location) for c in ("99001", "99002")]
    assert sum(p.area for p in parts) == pytest.approx(shapely.geometry.shape(areas[unit].location).area, rel=1e-3)


async def test_a_part_goes_over_and_both_units_go_on(land: Land) -> None:
    giver, taker = PHU_CUONG, HIEP_THANH
    box, left, right = halves(land.facts, giver)
    lamp = await land.matter("lamp", left, agency_id("ubnd-25747", "2024-05-01"))
    stays = await land.matter("stays", right, agency_id("ubnd-25747", "2024-05-01"))
    official = await land.account(("clerk", agency_id("ubnd-25741", "2024-05-01"), ()))
    on_land = await land.account(("clerk", None, (giver,)))
    today = civil_day(now())
    order = Order(
        effective=today, basis="Nghị quyết thử",
        articles=(Article(kind="transfer", units=(giver,), to=taker, boundary=box),),
    )  # fmt: skip
    decided = await land.orders.decide(order, ROOT)
    assert decided.touched.handed == 1
    whole = shapely.geometry.shape((await land.all(Area))[giver].location)
    gone = whole.intersection(shapely.geometry.shape(box)).area / whole.area
    assert decided.touched.parts_moved == 1, "a unit that goes on keeps the rest"
    assert decided.touched.land_km2 == pytest.approx(size_km2(shapely.geometry.mapping(whole)) * gone, rel=0.01)
    assert (await land.broker.get(lamp, ROOT)).agency == agency_id("ubnd-25741", "2024-05-01")
    assert (await land.broker.get(stays, ROOT)).agency == agency_id("ubnd-25747", "2024-05-01")
    assert (await land.all(Agency))[agency_id("ubnd-25747", "2024-05-01")].area == area_id("25747", today)
    for account, wanted in ((official, {lamp}), (on_land, {stays})):
        page = await land.broker.query(Query(types=("Matter",), limit=9), await land.actor(account))
        assert {e.id for e in page.items} == wanted


async def test_an_order_waits_for_its_day_can_be_taken_back_and_does_not_overlap(land: Land) -> None:
    later = civil_day(now() + timedelta(days=40))

    def merger(code: str, *units: str, day: str = later) -> Order:
        into = Unit(code=code, name=f"Phường {code}", kind="ward")
        return Order(effective=day, basis="NQ", articles=(Article(kind="merge", units=units, into=into),))

    order = merger("99100", PHU_CUONG, HIEP_THANH)
    kept = await land.orders.decide(order, ROOT)
    assert kept.status == "scheduled"
    assert (await land.all(Area))[PHU_CUONG].validTo is None
    assert await land.orders.due(TENANT) == 0
    with pytest.raises(Conflict, match="also changed by"):
        await land.orders.preview(merger("99101", PHU_CUONG), ROOT)
    assert (await land.orders.withdraw(kept.id, "hoãn", ROOT)).status == "withdrawn"
    assert (await land.orders.withdraw(kept.id, "hoãn", ROOT)).repeated
    assert (await land.orders.decide(order, ROOT)).status == "scheduled", "what was taken back can be decided again"
    async with land.pool.acquire() as connection:  # its day comes
        await connection.execute(
            "UPDATE entity SET attrs = jsonb_set(jsonb_set(attrs, '{effective,value}', to_jsonb($2::text)),"
            " '{order,value,effective}', to_jsonb($2::text)) WHERE id = $1",
            kept.id, civil_day(now()),
        )  # fmt: skip
    assert await land.orders.due(TENANT) == 1
    areas = await land.all(Area)
    made = area_id("99100", civil_day(now()))
    assert areas[PHU_CUONG].successors == areas[HIEP_THANH].successors == (made,)
    assert areas[made].validTo is None


WARD = Unit(code="1", name="x", kind="ward")
PROVINCIAL = agency_id("bd-ubnd", "2024-05-01")


UNFIT = (
    (Article(kind="merge", units=(PHU_CUONG, "urn:ngsi-ld:Area:nowhere")), "articles.0.into"),
    (Article(kind="merge", units=("urn:x",), into=WARD), "articles.0.units"),
    (Article(kind="merge", units=(PHU_CUONG, PHU_CUONG), into=WARD), "articles.0.units"),
    (Article(kind="merge", units=(PHU_CUONG,), into=Unit(code="1", name="x", kind="land")),
     "articles.0.into.kind"),
    (Article(kind="merge", units=(PHU_CUONG,), atoms=("atom:25747-25747",),
             into=WARD), "articles.0.atoms"),
    (Article(kind="merge", units=(PHU_CUONG,), into=Unit(code="25741", name="x", kind="ward")), "code"),
    (Article(kind="split", units=(PHU_CUONG,)), "articles.0.units"),
    (Article(kind="transfer", units=(PHU_CUONG,), to=PHU_CUONG), "articles.0.to"),
    (Article(kind="transfer", units=(PHU_CUONG,), to=HIEP_THANH, atoms=("atom:25741-25747",)),
     "articles.0.atoms"),
    (Article(kind="transfer", units=(PHU_CUONG,), to=HIEP_THANH), "articles.0.boundary"),
    (Article(kind="abolish", units=(area_id("718", "2024-05-01"),)), "articles"),
    (Article(kind="agency-merge", agencies=("urn:none",), to=PROVINCIAL), "articles.0.agencies"),
)  # fmt: skip


async def test_what_does_not_fit_is_refused_with_field_and_remedy(land: Land) -> None:
    for article, field in UNFIT:  # on one map: what is refused changes nothing
        with pytest.raises(ProvinceError) as refused:
            await land.orders.decide(Order(effective=civil_day(now()), basis="NQ", articles=(article,)), ROOT)
        assert refused.value.field == field, article
        assert refused.value.remedy, article
        assert all(a.validTo is None for a in (await land.all(Area)).values()), article


async def test_who_lacks_the_right_is_refused_before_anything_is_told(land: Land) -> None:
    order = Order(effective=DAY, basis="NQ", articles=(Article(kind="abolish", agencies=("urn:x",)),))
    clerk = await land.actor(await land.account(("clerk", None, ())))
    for act in (land.orders.preview, land.orders.decide):
        with pytest.raises(NotAllowed, match=r"territory\.abolish"):
            await act(order, clerk)
    with pytest.raises(NotAllowed):
        await land.orders.withdraw(order_id(order), "x", clerk)


async def test_what_came_in_with_the_old_map_is_mended(land: Land) -> None:
    divided = agency_id("ubnd-25741", "2024-05-01")
    await land.orders.decide(replay.order_of(land.facts, DAY), ROOT)
    late = await land.matter("late", inside(land.facts, "25741", "25750"), divided)
    assert land.atlas is not None
    assert await land.orders.sweep(TENANT, lambda _, g: land.atlas.stamp(g)) == 1  # type: ignore[union-attr]
    assert (await land.all(Matter))[late].assignedTo == agency_id("ubnd-25750", DAY)
    assert await land.orders.sweep(TENANT, lambda _, g: land.atlas.stamp(g)) == 0  # type: ignore[union-attr]


async def test_a_delegation_ends_with_the_right_that_it_is_of(land: Land) -> None:
    giver = await land.account(("clerk", None, ()))
    taker = await land.account()
    async with land.pool.acquire() as connection:
        own = await connection.fetchval("SELECT id FROM grant_ WHERE account = $1", UUID(giver))
        await connection.execute(
            "INSERT INTO grant_ (tenant, id, account, role, areas, valid, granted_by, delegated_from)"
            " VALUES ($1, $2, $3, 'clerk', '{}', tstzrange(now() - interval '1 hour', NULL), $4, $5)",
            TENANT, uuid4(), UUID(taker), giver, own,
        )  # fmt: skip
    assert (await land.actor(taker)).grants
    async with land.pool.acquire() as connection:
        await connection.execute("UPDATE account SET disabled_at = now() WHERE id = $1", UUID(giver))
    assert (await land.actor(taker)).grants == ()


async def test_an_order_that_cannot_be_read_names_the_field() -> None:
    from province.territory.order import read_order

    with pytest.raises(InvalidInput) as refused:
        read_order({"effective": "2026-01-01", "basis": "x", "articles": [{"kind": "conquer"}]})
    assert "articles" in (refused.value.field or "")
