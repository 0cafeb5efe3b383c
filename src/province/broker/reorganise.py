"""Orders carried out: previewed without writing, decided, in force from their day in one transaction, withdrawn before.

Who may decide holds the permission of each kind of article over everything: `territory.merge`, `.split`, `.transfer`,
`.abolish`, `agency.merge`. An order that was decided already is not decided again: its id comes from its content.
"""

from __future__ import annotations

import contextlib
import hashlib
import logging
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Final

import msgspec

from province.broker import restamp
from province.broker.broker import Broker
from province.broker.committer import Committer
from province.broker.database import Connection
from province.broker.touched import Case, Reading, Touched
from province.broker.write import Message, Write
from province.errors import AlreadyExists, Conflict, InvalidInput, NotFound, ProvinceError, Unavailable
from province.identity import policy
from province.model.actor import Actor, system
from province.model.change import Change
from province.model.entity import Attribute, Entity
from province.model.geometry import Geometry
from province.model.label import Label
from province.model.query import Query, Where, pages
from province.model.record import R, change, create, move, to_record
from province.model.time import Instant, now
from province.pack import Notice
from province.territory import store
from province.territory.ledger import Ledger, Succession
from province.territory.order import Kind, Order, read_order
from province.territory.plan import Plan, plan
from province.territory.sketch import Sketch, draw
from province.vocab.agency import Agency
from province.vocab.area import Area, civil_day
from province.vocab.reorganisation import Reorganisation

log = logging.getLogger(__name__)

NEEDS: Final[Mapping[Kind, str]] = {
    "merge": "territory.merge",
    "split": "territory.split",
    "transfer": "territory.transfer",
    "abolish": "territory.abolish",
    "agency-merge": "agency.merge",
}
"""Kind of article → the permission that it needs, over all agencies and areas."""
WITHDRAW: Final = "territory.revert"
_TITLES: Final[Mapping[str, Label]] = {
    "merge": Label("Sáp nhập", "Merger"),
    "split": Label("Chia tách", "Split"),
    "transfer": Label("Điều chỉnh địa giới", "Transfer"),
    "abolish": Label("Giải thể", "Abolition"),
    "agency-merge": Label("Sáp nhập cơ quan", "Merger of agencies"),
}
SWEEP_PART: Final = 500
_ATTEMPTS: Final = 3


class Decided(msgspec.Struct, frozen=True, kw_only=True):
    """What became of an order. repeated: it had been decided before, and nothing was done now."""

    id: str
    status: str
    effective: str
    repeated: bool
    touched: Touched


@dataclass(frozen=True, slots=True)
class _Known:
    """The map as it is."""

    areas: Mapping[str, Area]
    agencies: Mapping[str, Agency]
    ledger: Ledger


class Reorganiser:
    """The door of orders. refresh(tenant): told after the map has changed."""

    def __init__(self, broker: Broker, committer: Committer, refresh: Callable[[str], Awaitable[None]]) -> None:
        self._broker, self._committer, self._refresh = broker, committer, refresh

    async def preview(self, order: Order, actor: Actor) -> Touched:
        """What the order would touch. Nothing is written. Raises: NotAllowed, InvalidInput, Conflict."""
        require(actor, order)
        known = await self._know(actor.tenant)
        made = plan(order, known.areas.values(), known.agencies.values(), known.ledger)
        await self._alone(order, made, actor.tenant)
        return await self._report(made, known, actor.tenant)

    async def sketch(self, order: Order, actor: Actor) -> Sketch:
        """The units before and after the order, to be drawn. Raises: as `preview`."""
        require(actor, order)
        known = await self._know(actor.tenant)
        made = plan(order, known.areas.values(), known.agencies.values(), known.ledger)
        return draw(made, known.areas, known.ledger)

    async def decide(self, order: Order, actor: Actor) -> Decided:
        """Carry the order out when its day has come, else keep it for that day. Raises: as `preview`, Unavailable."""
        require(actor, order)
        for _ in range(_ATTEMPTS - 1):
            # What the plan rests on may be written meanwhile: plan anew. What stays refused is refused below.
            with contextlib.suppress(AlreadyExists, Conflict, NotFound):
                return await self._decide(order, actor)
        return await self._decide(order, actor)

    async def _decide(self, order: Order, actor: Actor) -> Decided:
        at, tenant = now(), actor.tenant
        id = order_id(order)
        earlier = await self._find(tenant, id)
        if earlier is not None and earlier.status in ("scheduled", "in_force"):
            return _answer(earlier, repeated=True)
        known = await self._know(tenant)
        made = plan(order, known.areas.values(), known.agencies.values(), known.ledger)
        await self._alone(order, made, tenant)
        touched = await self._report(made, known, tenant)
        wanted = Reorganisation(
            id=id,
            title=title_of(order, known.areas, known.agencies),
            basis=order.basis.strip(),
            basisDate=order.basisDate,
            effective=made.day,
            areas=tuple(sorted({*made.ended, *(a.id for a in made.created)})),
            agencies=tuple(sorted({*made.agencies_ended, *(a.id for a in made.agencies_created)})),
            order=msgspec.to_builtins(order),
            touched=msgspec.to_builtins(touched),
            decidedBy=actor.id,
            decidedAt=at,
        )
        if made.day > civil_day(at):
            again = earlier and move(earlier, "scheduled", at=at, note=order.basis, decidedBy=actor.id, decidedAt=at)
            first = [again] if again else [create(wanted)]
            write = Write(tuple(first), actor, lambda *_: None, action="reorganisation.scheduled")
            await self._committer.submit(write)
        else:
            await self._carry_out(order, made, known, actor, wanted, earlier, at)
        found = await self._find(tenant, id)
        assert found is not None
        return _answer(found, repeated=False)

    async def withdraw(self, id: str, reason: str, actor: Actor) -> Decided:
        """Take back an order before its day. Raises: Conflict once it is in force, NotFound, InvalidInput."""
        policy.require(actor, WITHDRAW)
        if not reason.strip():
            raise InvalidInput("the reason is empty.", field="reason", remedy="Say why it is taken back.")
        found = await self._find(actor.tenant, id)
        if found is None:
            raise NotFound(f"there is no order {id[:120]}.", field="id", remedy="See the list of reorganisations.")
        if found.status == "withdrawn":
            return _answer(found, repeated=True)
        if found.status == "in_force":
            raise Conflict(
                f"the order has been in force since {found.effective}.",
                field="id",
                remedy="Decide a new order that undoes it: what happened under it stays on record.",
            )
        at = now()
        step = move(found, "withdrawn", at=at, note=reason.strip(), reason=reason.strip())
        await self._committer.submit(Write((step,), actor, lambda *_: None, action="reorganisation.withdrawn"))
        after = await self._find(actor.tenant, id)
        assert after is not None
        return _answer(after, repeated=False)

    async def due(self, tenant: str) -> int:
        """Carry out the orders whose day has come; one that can no longer be done says so. Returns how many were."""
        at = now()
        actor = system(tenant, "reorganise")
        where = (Where("status", "==", "scheduled"), Where("effective", "<=", civil_day(at)))
        page = await self._broker.query(
            Query(types=("Reorganisation",), where=where, order="effective", limit=100), actor
        )
        done = 0
        for entity in page.items:
            waiting = to_record(Reorganisation, entity)
            try:
                order = read_order(waiting.order)  # a steward may have written the record without an order
                known = await self._know(tenant)
                made = plan(order, known.areas.values(), known.agencies.values(), known.ledger)
                await self._carry_out(order, made, known, actor, waiting, waiting, at)
                done += 1
            except Unavailable:
                raise
            except ProvinceError as error:
                log.warning("an order cannot be carried out", extra={"order": waiting.id, "error": str(error)})
                failed = move(waiting, "failed", at=at, note=str(error)[:1000], reason=str(error)[:1000])
                told = _notice(
                    waiting.decidedBy, waiting.id,
                    Label("Không thực hiện được quyết định", "An order could not be carried out"),
                    Label(f"{waiting.title}: {error}", f"{waiting.title}: {error}"),
                )  # fmt: skip
                await self._committer.submit(Write((failed,), actor, lambda *_: None, messages=(told,)))
        return done

    async def sweep(self, tenant: str, locate: Callable[[str, Geometry], str | None]) -> int:
        """What came in while an order took effect, with the map of before: give open cases and stamps their due.

        Returns how many were mended. Idempotent.
        """
        async with self._broker.pool.acquire() as connection:
            stale = await restamp.coarse_stamps(connection, tenant)
            mended = 0
            if stale:
                async with connection.transaction():
                    mended = await restamp.restamp(connection, tenant, stale, locate, self._broker.types)
        known = await self._know(tenant)
        today = civil_day(now())
        ended = {a.id: a.successor for a in known.agencies.values() if a.validTo is not None and a.validTo <= today}
        if not ended:
            return mended
        async with self._broker.pool.acquire() as connection:
            rows = await connection.fetch(
                "SELECT former, successor, since::text AS since, atoms FROM agency_succession WHERE tenant = $1"
                " AND since <= $2", tenant, date.fromisoformat(today),
            )  # fmt: skip
            left = Plan(
                day=today,
                agencies_ended=ended,
                successions=tuple(
                    Succession(r["former"], r["successor"], r["since"], r["atoms"] and tuple(r["atoms"])) for r in rows
                ),
                opened=tuple(r for r in known.ledger.rows if r.local and r.on(today)),
            )
            cases = await Reading(connection, tenant, left, known.ledger, self._broker.types).cases()
        changes = [c for case in cases if case.to is not None for c in _pass_on(case, {})][:SWEEP_PART]
        if changes:
            actor = system(tenant, "reorganise")
            await self._committer.submit(Write(tuple(changes), actor, lambda *_: None, action="reorganisation.swept"))
        return mended + len(changes)

    # --- reading -----------------------------------------------------------------------------------------------------

    async def _know(self, tenant: str) -> _Known:
        areas = {a.id: a for a in await self._all(Area, tenant)}
        agencies = {a.id: a for a in await self._all(Agency, tenant)}
        async with self._broker.pool.acquire() as connection:
            return _Known(areas, agencies, await store.read(connection, tenant))

    async def _all(self, record: type[R], tenant: str) -> list[R]:
        found: list[R] = []
        query = Query(types=(record.TYPE.name,), limit=1000, latest=False)  # type: ignore[attr-defined]
        async for page in pages(self._broker.query, query, system(tenant, "reorganise")):
            found += [to_record(record, e) for e in page.items]
        return found

    async def _find(self, tenant: str, id: str) -> Reorganisation | None:
        page = await self._broker.query(
            Query(types=("Reorganisation",), ids=(id,), latest=False), system(tenant, "reorganise")
        )
        entity: Entity | None = next(iter(page.items), None)
        return to_record(Reorganisation, entity) if entity is not None else None

    async def _alone(self, order: Order, made: Plan, tenant: str) -> None:
        """Refuse what overlaps with another order that waits for its day."""
        page = await self._broker.query(
            Query(types=("Reorganisation",), where=(Where("status", "==", "scheduled"),), limit=1000, latest=False),
            system(tenant, "reorganise"),
        )
        mine = {*made.ended, *made.agencies_ended}
        for entity in page.items:
            other = to_record(Reorganisation, entity)
            both = sorted(mine & {*other.areas, *other.agencies})
            if both and other.id != order_id(order):
                raise Conflict(
                    f"{both[0]} is also changed by {other.title!r}, which takes effect on {other.effective}.",
                    field="units",
                    remedy="Withdraw that order first, or put both into one.",
                )

    async def _report(self, made: Plan, known: _Known, tenant: str) -> Touched:
        async with self._broker.pool.acquire() as connection:
            reading = Reading(connection, tenant, made, known.ledger, self._broker.types)
            return await reading.report(known.areas, known.agencies, self._broker.packs)

    # --- writing -----------------------------------------------------------------------------------------------------

    async def _carry_out(
        self, order: Order, made: Plan, known: _Known, actor: Actor, wanted: Reorganisation,
        earlier: Reorganisation | None, at: Instant,
    ) -> None:  # fmt: skip
        tenant = actor.tenant
        async with self._broker.pool.acquire() as connection:
            reading = Reading(connection, tenant, made, known.ledger, self._broker.types)
            touched = await reading.report(known.areas, known.agencies, self._broker.packs)
            cases, handed = await reading.cases(), await reading.handed()
        final = {"touched": msgspec.to_builtins(touched), "carriedOutAt": at}
        if earlier is None:
            own = [create(wanted), move(wanted, "in_force", at=at, note=order.basis, **final)]
        else:
            own = [move(earlier, "in_force", at=at, note=order.basis, **final)]
        changes = [*own, *_map_changes(made, known), *_case_changes(cases), *_handed_changes(handed, cases)]
        messages = tuple(_told(made, touched, known, wanted.id))
        kinds = dict.fromkeys(NEEDS[a.kind] for a in order.articles)
        write = Write(
            tuple(changes), actor, lambda *_: None, messages=messages, action=" ".join(kinds)[:200],
            beside=lambda connection: _beside(connection, tenant, made, reading, self._broker),
        )  # fmt: skip
        await self._committer.submit(write)
        await self._refresh(tenant)


def require(actor: Actor, order: Order) -> None:
    """Refuse who may not decide such an order. Raises: NotSignedIn, NotAllowed."""
    kinds: tuple[Kind, ...] = tuple(a.kind for a in order.articles) or ("merge",)
    for kind in dict.fromkeys(kinds):
        policy.require(actor, NEEDS[kind])


def order_id(order: Order) -> str:
    """The same order has the same id, however often it is sent."""
    digest = hashlib.sha256(msgspec.json.encode(order, order="deterministic")).hexdigest()
    return f"urn:ngsi-ld:Reorganisation:{digest[:24]}"


def title_of(order: Order, areas: Mapping[str, Area], agencies: Mapping[str, Agency]) -> str:
    """The order in a few words: its own, or the first article's."""
    if order.title.strip():
        return order.title.strip()[:300]
    first = order.articles[0]
    made = [first.into.name] if first.into else [p.unit.name for p in first.parts]
    made += [first.office.name] if first.office else []
    made += [areas[first.to].name] if first.to in areas else [agencies[first.to].name] if first.to in agencies else []
    names = [areas[u].name for u in first.units if u in areas] + [
        agencies[a].name for a in first.agencies if a in agencies
    ]
    more = f" (+{len(order.articles) - 1})" if len(order.articles) > 1 else ""
    arrow = f" → {', '.join(made)}" if made else ""
    return f"{_TITLES[first.kind].vi}: {', '.join(names)[:200]}{arrow}{more}"[:300]


def _answer(found: Reorganisation, *, repeated: bool) -> Decided:
    touched = msgspec.convert(found.touched or {"effective": found.effective}, Touched)
    return Decided(id=found.id, status=found.status, effective=found.effective, repeated=repeated, touched=touched)


def _map_changes(made: Plan, known: _Known) -> list[Change]:
    changes = [create(area) for area in made.created]
    changes += [
        change(known.areas[id], event="area.ended", validTo=made.day, successors=became)
        for id, became in made.ended.items()
    ]
    changes += [create(agency) for agency in made.agencies_created]
    changes += [
        change(known.agencies[id], event="agency.ended", validTo=made.day, successor=successor)
        for id, successor in made.agencies_ended.items()
    ]
    changes += [
        change(known.agencies[id], event="agency.readdressed", area=area) for id, area in made.readdressed.items()
    ]
    return changes


def _case_changes(cases: Sequence[Case]) -> list[Change]:
    found: dict[str, Change] = {}
    for case in cases:
        if case.to is not None:
            earlier = found.get(case.id)
            found[case.id] = _pass_on(case, earlier.attrs if earlier else {})[0]
    return list(found.values())


def _pass_on(case: Case, attrs: Mapping[str, Attribute | None]) -> list[Change]:
    """The case goes on with its new agency; its state and its clock stay as they are."""
    values: dict[str, Attribute | None] = dict(attrs)
    values[case.field] = Attribute(type="Relationship", value=case.to, origin="reported")
    if case.area_field and case.area and case.area_field != case.field:
        values[case.area_field] = Attribute(type="Relationship", value=case.area, origin="reported")
    return [
        Change(
            op="merge", id=case.id, type=case.type, attrs=values, event=f"{case.type.lower()}.succeeded",
            agency=case.to if case.owner == case.former else None,
        )
    ]  # fmt: skip


def _handed_changes(handed: Sequence[tuple[str, str, str]], cases: Sequence[Case]) -> list[Change]:
    passed = {c.id for c in cases if c.to is not None}
    return [
        Change(op="merge", id=id, type=type, event=f"{type.lower()}.handed", agency=owner)
        for id, type, owner in handed
        if id not in passed
    ]


def _told(made: Plan, touched: Touched, known: _Known, about: str) -> list[Message]:
    """Every new agency learns what it took over."""
    names = {a.id: a.name for a in (*known.agencies.values(), *made.agencies_created)}
    taken: dict[str, list[str]] = {}
    for s in made.successions:
        taken.setdefault(s.successor, []).append(names[s.former])
    open_cases: dict[str, int] = {}
    for c in touched.cases:
        open_cases[c.to] = open_cases.get(c.to, 0) + c.count
    found = []
    for agency, formers in taken.items():
        n = open_cases.get(agency, 0)
        found.append(
            _notice(
                agency, about,
                Label(f"Tiếp nhận nhiệm vụ từ ngày {made.day}", f"Tasks taken over from {made.day}"),
                Label(
                    f"{names[agency]} kế thừa: {'; '.join(formers)}. Việc đang mở chuyển sang: {n}.",
                    f"{names[agency]} succeeds: {'; '.join(formers)}. Open cases passed on: {n}.",
                ),
            )
        )  # fmt: skip
    return found


def _notice(to: str, about: str, subject: Label, body: Label) -> Message:
    notice = Notice(to=to, subject=subject, body=body, about=about)
    return Message("notice", "notice", msgspec.to_builtins(notice), about)


async def _beside(connection: Connection, tenant: str, made: Plan, reading: Reading, broker: Broker) -> None:
    """The core's own tables, in the same transaction as the entities."""
    await store.add(connection, tenant, made.pieces, made.inherited)
    await store.divide(connection, tenant, made.divided)
    await store.end(connection, tenant, made.closed, made.day)
    await store.add(connection, tenant, (), made.opened)
    await store.succeed(connection, tenant, made.successions)
    await store.go_on(connection, tenant, made.going_on, made.day)
    whole = {s.former: s.successor for s in made.successions if s.atoms is None}
    await connection.execute(
        "UPDATE account a SET agency = n.now FROM unnest($2::text[], $3::text[]) AS n (former, now)"
        " WHERE a.tenant = $1 AND a.agency = n.former",
        tenant, list(whole), list(whole.values()),
    )  # fmt: skip
    for stamp in made.divided:
        await restamp.restamp(connection, tenant, [stamp], _within(reading, stamp), broker.types)


def _within(reading: Reading, stamp: str) -> Callable[[str, Geometry], str | None]:
    """Which part of a divided atom holds a place."""
    return lambda _, geometry: reading.stamp(stamp, geometry)
