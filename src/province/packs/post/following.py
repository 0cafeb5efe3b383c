"""Events → where every parcel is, what every facility handled, and whether it was in time. Pure.

In one place for all events, and not as a rule per event: many parcels pass one facility, and its counts are exact only
when one hand writes them. Every event is told once, in the order in which it happened, in the same transaction as what
follows from it; one that comes late counts for its day, and does not move a parcel back.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any, Final

import msgspec

from province.model.change import Change
from province.model.query import AnyOf, Query, Where
from province.model.record import attributes, change, move
from province.model.time import Instant
from province.pack import Context
from province.packs.post.types import PARCEL, Parcel, PostalDay, PostalEvent, PostalFacility
from province.vocab.area import civil_day

Answers = Mapping[str, Sequence[Any]]
MOST_CHANGES: Final = 800
"""Of one round, so that it is one transaction; the rest waits a second."""
_KEPT_EVENTS: Final = 300
"""Of a parcel: a correction looks at no more."""
_HOLDS: Final = ("accepted", "sorted", "arrived", "failed")
"""Events after which a parcel is where they happened."""
_MOVES: Final[Mapping[str, str]] = {
    "sorted": "in_transit", "departed": "in_transit", "arrived": "in_transit", "failed": "in_transit",
    "out_for_delivery": "out_for_delivery", "delivered": "delivered", "returned": "returned",
}  # fmt: skip


def waiting(context: Context, found: Answers) -> Query:
    """Events that nobody has counted, those that happened first before the others."""
    return Query(types=("PostalEvent",), where=(Where("counted", "==", False),), order="happenedAt", latest=False)


def parcels_of(context: Context, found: Answers) -> Query | None:
    """The parcels that they are about."""
    ids = sorted({f"urn:ngsi-ld:Parcel:{unit}" for event in taken(found["events"]) for unit in event.units})
    return Query(types=("Parcel",), ids=tuple(ids), latest=False) if ids else None


def facilities_of(context: Context, found: Answers) -> Query | None:
    """The facilities where they happened, and between which the parcels travel."""
    codes = {code for e in taken(found["events"]) for code in (e.place, e.origin, e.destination) if code}
    codes |= {code for p in found["parcels"] for code in (p.place, p.origin, p.destination) if code}
    if not codes:
        return None
    listed = sorted(codes)
    either = AnyOf(((Where("code", "in", listed),), (Where("gln", "in", listed),)))
    return Query(types=("PostalFacility",), where=(either,), latest=False)


def days_of(context: Context, found: Answers) -> Query | None:
    """What these facilities have handled until now on the days of the events."""
    days = {civil_day(e.happenedAt) for e in taken(found["events"])}
    ids = sorted(day_id(f.id, day) for f in found["facilities"] for day in days)
    return Query(types=("PostalDay",), ids=tuple(ids), latest=False) if ids else None


def taken(found: Sequence[PostalEvent]) -> list[PostalEvent]:
    """The first events, as many as fit into one round."""
    most = MOST_CHANGES
    kept: list[PostalEvent] = []
    for event in found:
        most -= 3 + len(event.units)
        if most < 0 and kept:
            break
        kept.append(event)
    return kept


def follow(
    *,
    context: Context,
    events: Sequence[PostalEvent],
    parcels: Sequence[Parcel],
    facilities: Sequence[PostalFacility],
    days: Sequence[PostalDay],
) -> list[list[Change]]:
    """One round: the events, their parcels, facilities and days, changed together."""
    book = Book(context, parcels, facilities, days)
    told: list[Change] = []
    for event in taken(events):
        if not event.retracted:
            book.tell(event)
        told.append(change(event, event="postalevent.counted", counted=True, applied=not event.retracted))
    return [[*book.changes(), *told]]


def over(context: Context, found: Answers) -> Query:
    """Facilities whose running day has ended, or whose last whole day is longer ago than yesterday."""
    today, yesterday = _today(context), _yesterday(context)
    either = AnyOf(((Where("day", "<", today),), (Where("lastDay", "<", yesterday),)))
    return Query(types=("PostalFacility",), where=(either,), latest=False)


def days_ended(context: Context, found: Answers) -> Query | None:
    """What they handled on that day."""
    ids = sorted(day_id(f.id, f.day) for f in found["facilities"] if f.day is not None)
    return Query(types=("PostalDay",), ids=tuple(ids), latest=False) if ids else None


def close_days(
    *, context: Context, facilities: Sequence[PostalFacility], days: Sequence[PostalDay]
) -> list[list[Change]]:
    """The day that ended becomes the last whole day; a day without any event is not known, and not nought."""
    known = {(d.facility, d.day): d for d in days}
    groups: list[list[Change]] = []
    for one in facilities:
        day = known.get((one.id, one.day or ""))
        values: dict[str, Any] = {}
        if one.day is not None and one.day < _today(context):
            values = {"day": None, "sorted": None, "mass": None}
        if day is not None and one.day == _yesterday(context):
            values |= _last(day)
        elif one.lastDay is not None and one.lastDay < _yesterday(context):
            values |= {"lastDay": None, "lastSorted": None, "lastMass": None, "lastLoad": None}
        if values:
            groups.append([change(one, event="postalfacility.closed", **values)])
    return groups


def day_id(facility: str, day: str) -> str:
    """The entity of a facility's day."""
    return f"urn:ngsi-ld:PostalDay:{hashlib.sha256(facility.encode()).hexdigest()[:20]}:{day}"


@dataclass(slots=True)
class Day:
    """What is added to a day, or was there."""

    before: PostalDay
    sorted: int = 0
    mass: float | None = None
    accepted: int = 0
    delivered: int = 0
    late: int = 0

    def weigh(self, kilograms: Sequence[float]) -> None:
        """Parcels came, of which so many are known by mass."""
        if kilograms:
            self.mass = (self.mass or 0.0) + sum(kilograms) / 1000.0


@dataclass(slots=True)
class Item:
    """A parcel, and what becomes of it."""

    before: Parcel
    status: str
    place: str | None
    moved: Instant
    values: dict[str, Any] = field(default_factory=dict)

    def get(self, name: str) -> Any:
        """A field as it will be."""
        return self.values.get(name, getattr(self.before, name))


class Book:
    """Everything that one round changes."""

    def __init__(
        self, context: Context, parcels: Iterable[Parcel], facilities: Sequence[PostalFacility],
        days: Iterable[PostalDay],
    ) -> None:  # fmt: skip
        self._context = context
        self.items = {p.code: Item(p, p.status, p.place, p.movedAt) for p in parcels}
        self._by_code = {f.gln: f for f in facilities if f.gln} | {f.code: f for f in facilities}
        self._facilities = {f.id: f for f in facilities}
        self._waiting = dict.fromkeys(self._facilities, 0)
        self.days = {(d.facility, d.day): Day(d) for d in days}

    def tell(self, event: PostalEvent) -> None:
        """One event, to all of its parcels and to the facility where it happened."""
        facility = self._by_code.get(event.place or "")
        items = [self.items[u] for u in event.units if u in self.items]
        late = sum(self._move(item, event) for item in items)
        if facility is None or event.kind == "other":
            return
        day = self._day(facility, civil_day(event.happenedAt))
        masses = [m for item in items if (m := item.get("mass")) is not None]
        match event.kind:
            case "sorted":
                day.sorted += len(items)
            case "arrived":
                day.weigh(masses)
            case "accepted":
                day.accepted += len(items)
                day.weigh(masses)
            case "delivered":
                day.delivered += len(items)
                day.late += late

    def add(self, facility: str, day: str, more: Day) -> None:
        """What is added to a day of a facility, or taken from it."""
        one = self._day(self._facilities[facility], day)
        one.sorted += more.sorted
        one.accepted += more.accepted
        one.delivered += more.delivered
        one.late += more.late
        if more.mass is not None:
            one.mass = (one.mass or 0.0) + more.mass

    def wait(self, code: str | None, more: int) -> None:
        """More parcels wait at a facility, or fewer."""
        if (facility := self._by_code.get(code or "")) is not None:
            self._waiting[facility.id] += more

    def changes(self) -> list[Change]:
        """Of parcels, days and facilities."""
        found = [
            _parcel_change(item) for item in self.items.values() if item.values or item.moved != item.before.movedAt
        ]
        news: dict[str, dict[str, Any]] = {id: {} for id in self._facilities}
        for (id, day), one in self.days.items():
            made = self._made(one)
            if made != one.before or made.version == 0:
                lost = {"mass": None} if made.mass is None and one.before.mass is not None else {}
                found.append(Change(op="upsert", id=made.id, type="PostalDay", attrs={**attributes(made), **lost}))
            if day == _today(self._context):
                news[id] |= {"day": day, "sorted": made.sorted, "mass": made.mass}
            elif day == _yesterday(self._context):
                news[id] |= _last(made)
        for id, facility in self._facilities.items():
            if self._waiting[id]:
                news[id]["backlog"] = max(0, (facility.backlog or 0) + self._waiting[id])
            values = {n: v for n, v in news[id].items() if v != getattr(facility, n)}
            if values:
                found.append(change(facility, event="postalfacility.counted", **values))
        return found

    def _move(self, item: Item, event: PostalEvent) -> bool:
        """What an event makes of a parcel. Returns whether it was delivered late."""
        item.values["events"] = (*(e for e in item.get("events") if e != event.id), event.id)[-_KEPT_EVENTS:]
        for name in ("origin", "destination", "area", "cod", "mass"):
            given = getattr(event, name)
            if given is not None and item.get(name) is None:
                item.values[name] = given
        if item.get("cod") and item.get("paid") is None:
            item.values["paid"] = "due"
        if event.kind == "accepted" and (item.get("acceptedAt") or event.happenedAt) >= event.happenedAt:
            item.values["acceptedAt"] = event.happenedAt
            item.values.setdefault("origin", item.before.origin or event.place)
        if event.happenedAt < item.moved or item.status in PARCEL.final:
            return False
        item.moved = event.happenedAt
        if event.kind != "other":
            self._place(item, event.place if event.kind in _HOLDS else None)
        item.status = _MOVES.get(event.kind, item.status)
        if event.kind == "delivered":
            return self._delivered(item, event)
        return False

    def _place(self, item: Item, code: str | None) -> None:
        """The parcel is at a facility, or on the road."""
        self.wait(item.place, -1)
        self.wait(code, 1)
        item.place = code
        item.values["place"] = code

    def _delivered(self, item: Item, event: PostalEvent) -> bool:
        item.values["deliveredAt"] = event.happenedAt
        if item.get("paid") == "due":
            item.values["paid"] = "collected"
        if item.get("destination") is None and event.place is not None:
            item.values["destination"] = event.place
        begun = item.get("acceptedAt")
        if begun is None:
            return False
        days = (event.happenedAt - begun) / timedelta(days=1)
        item.values["transitDays"] = round(days, 3)
        scope = self._scope(item.get("origin"), item.get("destination"))
        if scope is None:
            return False
        target = float(self._context.params[f"target_days_{scope}"])
        item.values |= {"reach": scope, "onTime": 100.0 if days <= target else 0.0}
        return bool(days > target)

    def _scope(self, origin: str | None, destination: str | None) -> str | None:
        """Inside the region when both ends belong to it; None when an end is not registered with its region."""
        ends = [self._by_code.get(code or "") for code in (origin, destination)]
        regions = [None if f is None else f.region for f in ends]
        if None in regions:
            return None
        return "region" if regions[0] == regions[1] == str(self._context.params["region"]) else "between"

    def _day(self, facility: PostalFacility, day: str) -> Day:
        key = (facility.id, day)
        if key not in self.days:
            self.days[key] = Day(PostalDay(id=day_id(*key), facility=facility.id, day=day, area=facility.area))
        return self.days[key]

    def _made(self, one: Day) -> PostalDay:
        capacity = self._facilities[one.before.facility].sortPerDay
        count = max(0, one.before.sorted + one.sorted)
        known = [m for m in (one.before.mass, one.mass) if m is not None]
        mass = round(sum(known), 6) if known else None
        return msgspec.structs.replace(
            one.before, sorted=count, mass=None if mass is not None and mass <= 0 and (one.mass or 0) < 0 else mass,
            accepted=max(0, one.before.accepted + one.accepted),
            delivered=max(0, one.before.delivered + one.delivered), late=max(0, one.before.late + one.late),
            load=round(100.0 * count / capacity, 2) if capacity else None,
        )  # fmt: skip


def _parcel_change(item: Item) -> Change:
    values = {**item.values, "movedAt": item.moved}
    if item.status != item.before.status:
        return move(item.before, item.status, at=item.moved, **values)
    return change(item.before, event="parcel.told", **values)


def _last(day: PostalDay) -> dict[str, Any]:
    return {"lastDay": day.day, "lastSorted": day.sorted, "lastMass": day.mass, "lastLoad": day.load}


def _today(context: Context) -> str:
    return civil_day(context.now)


def _yesterday(context: Context) -> str:
    return civil_day(context.now - timedelta(days=1))
