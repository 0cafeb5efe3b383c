"""From an order and the map as it is to everything that changes. Pure: nothing is written, nothing is guessed.

The plan is made for all articles together and checked at the end, so the order of the articles does not matter.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Final

from province.errors import InvalidInput
from province.model.label import Label
from province.territory.articles import ARTICLES
from province.territory.completion import check_children, check_codes, draw, go_on
from province.territory.drawing import Drawing
from province.territory.ledger import Belonging, Ledger, Piece, Succession
from province.territory.offices import handed, open_committees, readdressed, successions
from province.territory.order import Order
from province.vocab.agency import Agency
from province.vocab.area import Area, parse_day

MOST_ARTICLES: Final = 1000


@dataclass(frozen=True, slots=True)
class Plan:
    """What an order does, in full.

    created, agencies_created: new records.  ended: area → the units it became.  agencies_ended: agency → its one
    successor or None.  readdressed: committee of a unit that goes on with another boundary → the unit's new record.
    pieces: atoms that are new; divided: those they were cut from.  closed: (atom, area) that end.  opened: those that
    begin.  inherited: where new atoms belonged before.  going_on: unit → its new record.  handed: atom → (committee
    that has it no more though it goes on, committee that has it now).  moved: atom → (unit before, unit after).
    unsettled: what a person has to decide, in words.
    """

    day: str
    created: tuple[Area, ...] = ()
    ended: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    agencies_created: tuple[Agency, ...] = ()
    agencies_ended: Mapping[str, str | None] = field(default_factory=dict)
    readdressed: Mapping[str, str] = field(default_factory=dict)
    successions: tuple[Succession, ...] = ()
    pieces: tuple[Piece, ...] = ()
    divided: tuple[str, ...] = ()
    closed: tuple[tuple[str, str], ...] = ()
    inherited: tuple[Belonging, ...] = ()
    opened: tuple[Belonging, ...] = ()
    going_on: Mapping[str, str] = field(default_factory=dict)
    handed: Mapping[str, tuple[str, str]] = field(default_factory=dict)
    moved: Mapping[str, tuple[str, str]] = field(default_factory=dict)
    unsettled: tuple[Label, ...] = ()


def plan(order: Order, areas: Iterable[Area], agencies: Iterable[Agency], ledger: Ledger) -> Plan:
    """What the order does to the map. Raises: InvalidInput, Conflict, naming field and remedy."""
    day = parse_day(order.effective, field="effective")
    if not order.basis.strip():
        raise InvalidInput(
            "the order names no document.", field="basis", remedy="Cite the resolution, such as 1685/NQ-UBTVQH15."
        )
    if not 1 <= len(order.articles) <= MOST_ARTICLES:
        raise InvalidInput(
            f"{len(order.articles)} articles.", field="articles", remedy=f"Give 1 to {MOST_ARTICLES} articles."
        )
    drawing = Drawing(order, day, {a.id: a for a in areas}, {a.id: a for a in agencies}, ledger)
    for number, article in enumerate(order.articles):
        ARTICLES[article.kind](drawing, article, f"articles.{number}")
    return _finish(drawing)


def _finish(drawing: Drawing) -> Plan:
    """Complete the plan and check the map that comes out of it."""
    go_on(drawing)
    for atom, unit in drawing.before.items():
        if atom not in drawing.divided and atom not in drawing.after and unit in drawing.gone:
            raise InvalidInput(
                f"the part {atom} of {drawing.areas[unit].name} goes to no unit.",
                field="articles",
                remedy="Say where all of its land goes.",
            )
    check_codes(drawing)
    check_children(drawing)
    draw(drawing)
    open_committees(drawing)
    moved = {a: (drawing.before[a], u) for a, u in drawing.after.items() if drawing.before[a] != u}
    closed = [(r.atom, r.area) for a in drawing.before for r in drawing.open_rows(a)]
    opened = [
        Belonging(atom, area, local, drawing.day)
        for atom, unit in drawing.after.items()
        for area, local in drawing.chain(unit)
    ]
    return Plan(
        day=drawing.day,
        created=tuple(drawing.created.values()),
        ended={unit: tuple(became) for unit, became in drawing.gone.items()},
        agencies_created=tuple(drawing.offices.values()),
        agencies_ended=dict(drawing.closed_agencies),
        readdressed=readdressed(drawing),
        successions=tuple(successions(drawing)),
        pieces=tuple(drawing.new_pieces.values()),
        divided=tuple(drawing.divided),
        closed=tuple(closed),
        inherited=tuple(_inherited(drawing)),
        opened=tuple(opened),
        going_on=dict(drawing.going_on),
        handed=handed(drawing),
        moved=moved,
        unsettled=tuple(drawing.notes),
    )


def _inherited(drawing: Drawing) -> list[Belonging]:
    """Where new atoms belonged before the order: as what they were cut from, to the day of the order."""
    rows = list(drawing.self_rows)
    for piece in drawing.new_pieces.values():
        origin = piece.cut_from
        if origin:
            source = (*drawing.ledger.all_rows(origin), *(r for r in drawing.self_rows if r.atom == origin))
            rows += [Belonging(piece.id, r.area, r.local, r.since, r.until or drawing.day) for r in source]
    return rows
