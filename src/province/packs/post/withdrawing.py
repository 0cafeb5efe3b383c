"""Events that their sender took back (EPCIS `errorDeclaration`) after they were counted: what they did is undone. Pure.

A parcel is folded twice from the events that it was told, with those that are taken back and without. Where the two
differ, and the parcel is as the first says, it becomes as the second says; what somebody changed meanwhile stays. The
days of facilities lose what the first counted and the second does not, so a delivery that is late no longer, because
its acceptance was an error, counts as such.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, Final

from province.model.change import Change
from province.model.query import AnyOf, Query, Where
from province.model.record import change, move
from province.pack import Context
from province.packs.post.following import Book, Day, Item, day_id, taken
from province.packs.post.types import Parcel, PostalDay, PostalEvent, PostalFacility
from province.vocab.area import civil_day

Answers = Mapping[str, Sequence[Any]]
_NEVER: Final = datetime(1970, 1, 1, tzinfo=UTC)
_DERIVED: Final = (
    "acceptedAt", "deliveredAt", "origin", "destination", "area", "reach", "mass", "transitDays", "onTime", "cod",
    "paid",
)  # fmt: skip


def withdrawn(context: Context, found: Answers) -> Query:
    """Events that are taken back, and still in the counts."""
    where = (Where("retracted", "==", True), Where("applied", "==", True))
    return Query(types=("PostalEvent",), where=where, order="any", latest=False)


def history_of(context: Context, found: Answers) -> Query | None:
    """Everything that their parcels were told."""
    ids = {e for parcel in found["parcels"] for e in parcel.events}
    return Query(types=("PostalEvent",), ids=tuple(sorted(ids)), latest=False) if ids else None


def facilities_of(context: Context, found: Answers) -> Query | None:
    """The facilities of all these events and parcels."""
    codes = {code for e in (*taken(found["events"]), *found["history"], *found["parcels"])
             for code in (e.place, e.origin, e.destination) if code}  # fmt: skip
    if not codes:
        return None
    either = AnyOf(((Where("code", "in", sorted(codes)),), (Where("gln", "in", sorted(codes)),)))
    return Query(types=("PostalFacility",), where=(either,), latest=False)


def days_of(context: Context, found: Answers) -> Query | None:
    """What these facilities have handled on the days of these events."""
    days = {civil_day(e.happenedAt) for e in (*taken(found["events"]), *found["history"])}
    ids = sorted(day_id(f.id, day) for f in found["facilities"] for day in days)
    return Query(types=("PostalDay",), ids=tuple(ids), latest=False) if ids else None


def take_back(
    *,
    context: Context,
    events: Sequence[PostalEvent],
    parcels: Sequence[Parcel],
    history: Sequence[PostalEvent],
    facilities: Sequence[PostalFacility],
    days: Sequence[PostalDay],
) -> list[list[Change]]:
    """One round: the events, their parcels, facilities and days, corrected together."""
    back = taken(events)
    gone = {e.id for e in back}
    told = {e.id: e for e in (*history, *back) if e.applied}
    order = sorted(told.values(), key=lambda e: (e.happenedAt, e.id))
    was = _folded(context, parcels, facilities, order)
    now = _folded(context, parcels, facilities, [e for e in order if e.id not in gone])
    book = Book(context, (), facilities, days)
    for key in {**was.days, **now.days}:
        more = _difference(was.days.get(key), now.days.get(key))
        if more != Day(more.before):
            book.add(*key, more)
    corrected = [_corrected(p, was.items[p.code], now.items[p.code], gone, context, book) for p in parcels]
    undone = [change(e, event="postalevent.withdrawn", applied=False) for e in back]
    return [[*corrected, *book.changes(), *undone]]


def _folded(
    context: Context, parcels: Iterable[Parcel], facilities: Sequence[PostalFacility], events: Iterable[PostalEvent]
) -> Book:
    """What the events make of new parcels, and count."""
    blank = [Parcel(id=p.id, code=p.code, scheme=p.scheme, movedAt=_NEVER) for p in parcels]
    book = Book(context, blank, facilities, ())
    for event in events:
        book.tell(event)
    return book


def _difference(was: Day | None, now: Day | None) -> Day:
    """What is to be added to a day."""
    one = now if now is not None else was
    assert one is not None
    a, b = was or Day(one.before), now or Day(one.before)
    mass = (b.mass or 0.0) - (a.mass or 0.0)
    return Day(one.before, b.sorted - a.sorted, mass or None, b.accepted - a.accepted, b.delivered - a.delivered,
               b.late - a.late)  # fmt: skip


def _corrected(parcel: Parcel, was: Item, now: Item, gone: set[str], context: Context, book: Book) -> Change:
    values: dict[str, Any] = {"events": tuple(e for e in parcel.events if e not in gone)}
    for name in _DERIVED:
        before, after = was.get(name), now.get(name)
        if before != after and getattr(parcel, name) == before:
            values[name] = after
    if was.place != now.place and parcel.place == was.place:
        values["place"] = now.place
        book.wait(was.place, -1)
        book.wait(now.place, 1)
    if parcel.movedAt == was.moved and now.moved > _NEVER:
        values["movedAt"] = now.moved
    if was.status != now.status and parcel.status == was.status:
        return move(parcel, now.status, at=context.now, **values)
    return change(parcel, event="parcel.corrected", **values)
