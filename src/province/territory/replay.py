"""A reform that the facts record, as an order that can be carried out again on the map before it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

import msgspec

from province.errors import InvalidInput
from province.territory import land
from province.territory.atoms import Atom
from province.territory.committees import MIDDLE
from province.territory.example import Facts
from province.territory.ground import Ground
from province.territory.ledger import Belonging, Piece, Succession
from province.territory.order import Article, Office, Order, Unit
from province.vocab.agency import Agency
from province.vocab.area import LOCAL, Area, in_force, parse_day


def atom_id(atom: Atom) -> str:
    """`atom:25741-25747`: the land that went from one unit to the other."""
    return f"atom:{atom.old.split(':')[3]}-{atom.new.split(':')[3]}"


def pieces(facts: Facts) -> list[Piece]:
    """The atoms of the facts."""
    return [Piece(atom_id(a), a.position, a.cell, land.size_km2(a.cell)) for a in facts.atoms]


def belongings(facts: Facts) -> list[Belonging]:
    """Which area of every tier holds which atom, and when."""
    areas = {a.id: a for a in facts.areas}
    found = []
    for atom in facts.atoms:
        for unit in (atom.old, atom.new):
            at: str | None = unit
            local = areas.get(unit)
            while at and at in areas and local is not None:
                area = areas[at]
                since = max(local.validFrom, area.validFrom)
                found.append(Belonging(atom_id(atom), at, at == unit, since, _earlier(local.validTo, area.validTo)))
                at = area.parent
    return found


def successions(facts: Facts) -> list[Succession]:
    """Who took over from which agency; of a unit that was divided, the committees of its parts."""
    found = [Succession(a.id, a.successor, a.validTo) for a in facts.agencies if a.successor is not None and a.validTo]
    committees = {a.area: a for a in facts.agencies if a.kind == "committee" and a.area}
    parts: dict[tuple[str, str, str], list[str]] = {}
    for atom in facts.atoms:
        former, now = committees.get(atom.old), committees.get(atom.new)
        if former is not None and now is not None and former.successor is None and former.validTo:
            parts.setdefault((former.id, now.id, former.validTo), []).append(atom_id(atom))
    return found + [Succession(f, n, day, tuple(sorted(atoms))) for (f, n, day), atoms in parts.items()]


def as_known_on(facts: Facts, day: str) -> Facts:
    """The facts as somebody would have known them on a day: nothing that began later, and no end that lay ahead.

    Raises: InvalidInput for no day.
    """
    parse_day(day, field="day")
    areas = tuple(
        a if a.validTo is not None and a.validTo <= day else msgspec.structs.replace(a, validTo=None, successors=())
        for a in facts.areas
        if a.validFrom <= day
    )
    agencies = tuple(
        a if a.validTo is not None and a.validTo <= day else msgspec.structs.replace(a, validTo=None, successor=None)
        for a in facts.agencies
        if a.validFrom <= day
    )
    known = {a.id for a in areas} | {a.id for a in agencies}
    ground = Ground(
        tuple(r if r.manager in known else msgspec.structs.replace(r, manager=None) for r in facts.ground.roads),
        facts.ground.waterways,
        tuple(p if p.area in known else msgspec.structs.replace(p, area=None) for p in facts.ground.parks),
    )
    return replace(facts, areas=areas, agencies=agencies, ground=ground)


def known_belongings(facts: Facts, day: str) -> list[Belonging]:
    """`belongings` as known on a day."""
    return [replace(r, until=_known(r.until, day)) for r in belongings(facts) if r.since <= day]


def known_successions(facts: Facts, day: str) -> list[Succession]:
    """`successions` as known on a day."""
    return [s for s in successions(facts) if s.since <= day]


def order_of(facts: Facts, day: str) -> Order:
    """The order that turns the map of the day before into that of `day`. Raises: InvalidInput when nothing changed."""
    areas = {a.id: a for a in facts.areas}
    began = [a for a in facts.areas if a.validFrom == day and any(b.validTo == day for b in facts.areas)]
    articles = [
        *_upper(areas.values(), began, day),
        *(_merger(facts.atoms, unit) for unit in _in_order(facts.atoms, began)),
        *_offices(facts, areas, day),
    ]
    if not articles:
        raise InvalidInput(
            f"the facts record no reform of {day}.", field="day", remedy="2025-03-01 and 2025-07-01 are recorded."
        )
    basis = next((a.source for a in began if a.kind in LOCAL), "") or next(
        a.source for a in facts.agencies if a.validFrom == day
    )
    return Order(effective=day, basis=basis, articles=tuple(articles), title=f"Replay of the reform of {day}")


def _upper(areas: Iterable[Area], began: list[Area], day: str) -> list[Article]:
    ended = [a for a in areas if a.validTo == day and a.kind not in LOCAL]
    found = [
        Article(kind="merge", units=tuple(a.id for a in ended if new.id in a.successors), into=_unit(new))
        for new in began
        if new.kind not in LOCAL
    ]
    given_up = tuple(a.id for a in ended if not a.successors)
    return [*found, Article(kind="abolish", units=given_up)] if given_up else found


def _in_order(atoms: Iterable[Atom], began: list[Area]) -> list[Area]:
    """The new units in the order of the table."""
    known = {a.id: a for a in began if a.kind in LOCAL}
    return [known[id] for id in dict.fromkeys(a.new for a in atoms) if id in known]


def _merger(atoms: Iterable[Atom], unit: Area) -> Article:
    mine = [a for a in atoms if a.new == unit.id]
    return Article(
        kind="merge",
        units=tuple(a.old for a in mine if a.whole),
        atoms=tuple(atom_id(a) for a in mine if not a.whole),
        into=_unit(unit),
    )


def _unit(area: Area) -> Unit:
    return Unit(
        code=area.code,
        name=area.name,
        kind=area.kind,
        parent=area.parent or "",
        areaSize=area.areaSize,
        population=area.population,
        populationSource=area.populationSource,
    )


def _offices(facts: Facts, areas: dict[str, Area], day: str) -> list[Article]:
    """Agencies other than the committees of units: those follow from the units."""

    def follows(agency: Agency) -> bool:
        unit = areas.get(agency.area or "")
        return agency.kind == "committee" and unit is not None and (unit.kind in LOCAL or unit.kind in MIDDLE)

    named = [a for a in facts.agencies if not follows(a)]
    ended = [a for a in named if a.validTo == day]
    found = [
        Article(
            kind="agency-merge",
            agencies=tuple(a.id for a in ended if a.successor == new.id),
            office=Office(
                identifier=new.identifier,
                name=new.name,
                kind=new.kind,
                area=new.area or "",
                parent=new.parent or "",
                officialCode=new.officialCode,
                competences=new.competences,
                source=new.source,
                sourceDate=new.sourceDate,
            ),
        )
        for new in named
        if new.validFrom == day
    ]
    made = {a.id for a in named if a.validFrom == day}
    found += [
        Article(kind="agency-merge", agencies=tuple(a.id for a in ended if a.successor == to), to=to)
        for to in dict.fromkeys(a.successor for a in ended if a.successor and a.successor not in made)
    ]
    given_up = tuple(a.id for a in ended if a.successor is None)
    return [*found, Article(kind="abolish", agencies=given_up)] if given_up else found


def _earlier(first: str | None, second: str | None) -> str | None:
    return min((d for d in (first, second) if d is not None), default=None)


def _known(until: str | None, day: str) -> str | None:
    return until if until is not None and until <= day else None


def in_force_on(facts: Facts, day: str) -> list[Area]:
    """The areas of all tiers on a day."""
    return [a for a in facts.areas if in_force(a.validFrom, a.validTo, day)]
