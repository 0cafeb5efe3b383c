"""The end of an order: units that go on with less or more land, and the checks of the map that comes out."""

from __future__ import annotations

import msgspec

from province.errors import Conflict, InvalidInput
from province.territory import land
from province.territory.drawing import Drawing
from province.vocab.area import LOCAL, area_id


def go_on(drawing: Drawing) -> None:
    """Units that lose or gain a part go on under code and name, in a record of their own from this day."""
    for unit in list(drawing.partly):
        left = [
            a for a, u in drawing.before.items() if u == unit and a not in drawing.after and a not in drawing.divided
        ]
        gained = [a for a, u in drawing.after.items() if u == unit]
        if not left and not gained:
            continue
        old = drawing.areas[unit]
        new = msgspec.structs.replace(
            old, id=area_id(old.code, drawing.day), version=0, validFrom=drawing.day, location=None, areaSize=None,
            population=None, populationSource="", successors=(), source=drawing.order.basis,
            sourceDate=drawing.order.basisDate or drawing.day,
        )  # fmt: skip
        if new.id in drawing.created:
            raise InvalidInput(
                f"the code {old.code} is given away, but {old.name} goes on with what is left of it.",
                field=drawing.partly[unit],
                remedy="Give the new unit another code, or take all of the land.",
            )
        drawing.created[new.id] = new
        drawing.going_on[unit] = new.id
        for atom in left:
            drawing.after[atom] = new.id
        for atom in gained:
            drawing.after[atom] = new.id
        for giver, became in drawing.gone.items():
            drawing.gone[giver] = [new.id if b == unit else b for b in became]
        drawing.gone[unit] = [new.id, *(b for b in drawing.gone.get(unit, ()) if b != new.id)]


def check_codes(drawing: Drawing) -> None:
    """Refuse a code that a unit which goes on has. Raises: Conflict."""
    taken = {
        (a.code, a.kind in LOCAL): a
        for a in drawing.areas.values()
        if a.validTo is None and a.id not in drawing.gone and a.validFrom <= drawing.day
    }
    for area in drawing.created.values():
        other = taken.get((area.code, area.kind in LOCAL))
        if other is not None:
            raise Conflict(
                f"the code {area.code} is that of {other.name}, which goes on.",
                field="code",
                remedy="Give another code, or let the same order end that unit.",
            )


def check_children(drawing: Drawing) -> None:
    """Refuse areas that would be part of nothing. Raises: InvalidInput."""
    for area in drawing.areas.values():
        if area.parent in drawing.gone and area.id not in drawing.gone and area.validTo is None:
            raise InvalidInput(
                f"{drawing.areas[area.parent].name} ends, but {area.name} is a part of it.",
                field="articles",
                remedy="Let the same order end or move what lies in it.",
            )
    for area in drawing.created.values():
        above = area.parent
        if (
            above
            and above not in drawing.created
            and (above not in drawing.areas or above in drawing.gone or drawing.areas[above].validTo is not None)
        ):
            raise InvalidInput(
                f"{area.name} is a part of {above}, which is not in force on {drawing.day}.",
                field="parent",
                remedy="Name an area that is in force, or make it in the same order.",
            )


def draw(drawing: Drawing) -> None:
    """The land of every new unit of the lowest tier that brings no boundary of its own: the union of its atoms.

    Of a province only those atoms are known that lie in ours, so nothing is drawn for it.
    """
    lands: dict[str, list[str]] = {}
    for atom, unit in drawing.after.items():
        lands.setdefault(unit, []).append(atom)
    for id, area in drawing.created.items():
        if area.location is not None or id not in lands:
            continue
        whole = land.unite(drawing.pieces[a].land for a in sorted(lands[id]))
        drawing.created[id] = msgspec.structs.replace(area, location=whole, approximate=True)
