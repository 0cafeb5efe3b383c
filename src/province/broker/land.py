"""What the doors ask about land: orders, their sketch, addresses on either map, sums told again by other areas."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass

from province.broker.reorganise import Decided
from province.broker.touched import Touched
from province.model.actor import Actor
from province.territory.address import Resolved
from province.territory.ledger import Piece
from province.territory.order import Order
from province.territory.regroup import Part
from province.territory.sketch import Sketch


@dataclass(frozen=True, slots=True)
class Land:
    """Every callable looks at the actor that it is given. day: of the map; empty: today."""

    preview: Callable[[Order, Actor], Awaitable[Touched]]
    sketch: Callable[[Order, Actor], Awaitable[Sketch]]
    """The units before and after, to be drawn."""
    decide: Callable[[Order, Actor], Awaitable[Decided]]
    withdraw: Callable[[str, str, Actor], Awaitable[Decided]]
    """(order, reason, actor)."""
    recorded: Callable[[str], Awaitable[Order]]
    """(day) → the reform of that day that the facts of the example record, as an order. Raises: NotFound."""
    parts: Callable[[str, str, Actor], Awaitable[Sequence[Piece]]]
    """(area, day, actor) → the parts of land of which it consisted. Raises: NotFound."""
    former: Callable[[Sequence[str], str, Actor], Awaitable[Mapping[str, str]]]
    """(parts of land, day, actor) → the name of the unit to which each belonged before that of the day."""
    resolve: Callable[[str, str, tuple[float, float] | None, Actor], Awaitable[Resolved]]
    """(address, day, position, actor)."""
    regroup: Callable[[Sequence[tuple[str | None, Sequence[float]]], str, Actor], Awaitable[Sequence[Part]]]
    """(rows of sums by stamp, day, actor) → by area."""
    stamps: Callable[[str, str, Actor], Awaitable[Sequence[str]]]
    """(area, day, actor) → what entities inside it are stamped with, for `Query.area`."""
    names: Callable[[Sequence[str], Actor], Awaitable[Mapping[str, str]]]
    """(ids of areas, actor) → their names."""
