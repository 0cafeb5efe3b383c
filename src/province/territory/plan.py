"""From an order and the map as it is to everything that changes. Pure: nothing is written, nothing is guessed.

The plan is made for all articles together and checked at the end, so the order of the articles does not matter.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

import msgspec

from province.errors import Conflict, InvalidInput
from province.model.geometry import Geometry
from province.model.label import Label
from province.territory import land
from province.territory.committees import MIDDLE
from province.territory.ledger import Belonging, Ledger, Piece, Succession
from province.territory.order import Article, Office, Order, Unit
from province.vocab.agency import KINDS as AGENCY_KINDS
from province.vocab.agency import Agency, agency_id
from province.vocab.area import KINDS, LOCAL, Area, area_id, in_force, parse_day

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
    drawing = _Drawing(order, day, {a.id: a for a in areas}, {a.id: a for a in agencies}, ledger)
    for number, article in enumerate(order.articles):
        _ARTICLES[article.kind](drawing, article, f"articles.{number}")
    return drawing.finish()


class _Drawing:
    """The map while the articles are carried out on it."""

    def __init__(
        self, order: Order, day: str, areas: Mapping[str, Area], agencies: Mapping[str, Agency], ledger: Ledger
    ) -> None:
        self.order, self.day, self.areas, self.agencies, self.ledger = order, day, areas, agencies, ledger
        self.pieces: dict[str, Piece] = dict(ledger.pieces)
        self.before: dict[str, str] = {}
        """Atom → unit, of the units that the order touches, before it."""
        self.after: dict[str, str] = {}
        self.new_pieces: dict[str, Piece] = {}
        self.self_rows: list[Belonging] = []
        self.divided: list[str] = []
        self.created: dict[str, Area] = {}
        self.gone: dict[str, list[str]] = {}
        """Area that ends → what it became, in the order of the articles."""
        self.partly: dict[str, str] = {}
        """Unit of which a part is taken → the field that says so."""
        self.going_on: dict[str, str] = {}
        """Unit of which a part was taken or to which one was added → its new record."""
        self.committees: dict[str, str] = {}
        """New unit → key of its committee."""
        self.offices: dict[str, Agency] = {}
        self.closed_agencies: dict[str, str | None] = {}
        self.notes: list[Label] = []

    # --- reading the map ---------------------------------------------------------------------------------------------

    def unit(self, id: str, field: str, *, local: bool = True) -> Area:
        """A unit in force that the order may change."""
        area = self.areas.get(id)
        if area is None:
            raise InvalidInput(f"there is no area {id[:120]}.", field=field, remedy="Give the id of a unit in force.")
        if not in_force(area.validFrom, area.validTo, self.day) or area.validTo is not None:
            span = f"from {area.validFrom}" + (f" until {area.validTo}" if area.validTo else "")
            raise InvalidInput(
                f"{area.name} ({id}) holds {span}: it cannot be changed on {self.day}.",
                field=field,
                remedy="Give a unit that is in force on that day and has not ended since.",
            )
        if area.validFrom == self.day:
            raise InvalidInput(
                f"{area.name} begins on {self.day} itself.",
                field="effective",
                remedy="Let the order take effect on a later day, or put all articles into one order.",
            )
        if local and area.kind not in LOCAL:
            raise InvalidInput(
                f"{area.name} is no unit of the lowest tier.", field=field, remedy="Give wards, communes, townships."
            )
        return area

    def atoms_of(self, area: Area, field: str) -> list[str]:
        """The atoms of a unit before the order; a unit without known atoms becomes one of its own."""
        known = [a for a, unit in self.before.items() if unit == area.id and a not in self.divided]
        if known:
            return sorted(known)
        found = [a for a in self.ledger.atoms(area.id, self.day) if self.ledger.local(a, self.day) == area.id]
        if not found:
            if area.location is None:
                raise InvalidInput(
                    f"no boundary of {area.name} is known.", field=field, remedy="Import its boundary first."
                )
            shape = area.location
            piece = Piece(area.id, land.place_inside(shape), shape, land.size_km2(shape))
            self.pieces[piece.id] = self.new_pieces[piece.id] = piece
            for above, is_local in self.chain(area.id):
                since = max(area.validFrom, self.areas[above].validFrom if above in self.areas else area.validFrom)
                self.self_rows.append(Belonging(piece.id, above, is_local, since, None))
            found = [piece.id]
        for atom in found:
            self.before[atom] = area.id
        return sorted(found)

    def chain(self, unit: str) -> list[tuple[str, bool]]:
        """(area, is it of the lowest tier) of a unit and of everything above it."""
        found: list[tuple[str, bool]] = []
        at: str | None = unit
        while at and len(found) < 10:
            area = self.created.get(at) or self.areas.get(at)
            found.append((at, not found))
            at = area.parent if area is not None else None
        return found

    def take(self, atom: str, by: str, field: str) -> None:
        """Give an atom to a unit. Raises: InvalidInput when the order gives it away twice."""
        if atom in self.after:
            other = (self.created.get(self.after[atom]) or self.areas[self.after[atom]]).name
            raise InvalidInput(
                f"the land {atom} is given to {other} and again.", field=field, remedy="Give each part to one unit."
            )
        self.after[atom] = by

    def part(self, atom: str, field: str) -> str:
        """The unit that holds an atom before the order."""
        piece = self.pieces.get(atom)
        unit = self.before.get(atom) or self.ledger.local(atom, self.day)
        if piece is None or piece.divided or unit is None:
            raise InvalidInput(
                f"{atom[:120]} is no part of land of {self.day}.",
                field=field,
                remedy="See the parts of the unit's page.",
            )
        self.atoms_of(self.unit(unit, field), field)
        return unit

    # --- changing it -------------------------------------------------------------------------------------------------

    def found(self, unit: Unit, from_units: Iterable[Area], field: str, *, tier: str = "") -> Area:
        """Enter a new unit."""
        sources = tuple(from_units)
        if unit.kind not in KINDS:
            raise InvalidInput(
                f"{unit.kind[:40]!r} is no kind of area.",
                field=f"{field}.kind",
                remedy=f"One of: {', '.join(KINDS)}.",
            )
        if tier and (unit.kind in LOCAL) != (tier == "local"):
            raise InvalidInput(
                f"a {unit.kind} cannot be made of these units.", field=f"{field}.kind", remedy="Keep to one tier."
            )
        if not unit.code.strip() or not unit.name.strip():
            raise InvalidInput("a new unit needs code and name.", field=f"{field}.code", remedy="Give both.")
        parents = {a.parent for a in sources}
        parent = unit.parent or (parents.pop() if len(parents) == 1 else None)
        if parent is None and parents:
            raise InvalidInput(
                "the units lie in different areas.",
                field=f"{field}.parent",
                remedy="Say of what the new one is a part.",
            )
        area = Area(
            id=area_id(unit.code.strip(), self.day),
            code=unit.code.strip(),
            name=unit.name.strip(),
            kind=unit.kind,
            validFrom=self.day,
            parent=parent,
            location=unit.location,
            areaSize=unit.areaSize,
            population=unit.population,
            populationSource=unit.populationSource,
            approximate=bool(unit.approximate),
            source=self.order.basis,
            sourceDate=self.order.basisDate or self.day,
        )
        if area.id in self.created or area.id in self.areas:
            raise InvalidInput(
                f"the code {area.code} is given to two units from {self.day}.",
                field=f"{field}.code",
                remedy="Give another code.",
            )
        self.created[area.id] = area
        if unit.committee:
            self.committees[area.id] = unit.committee
        return area

    def leave(self, unit: str, successor: str) -> None:
        """Note that a unit, or a part of it, became another."""
        became = self.gone.setdefault(unit, [])
        if successor not in became:
            became.append(successor)

    def agency(self, id: str, field: str) -> Agency:
        """An agency at work that the order may end."""
        agency = self.agencies.get(id)
        if agency is None or not in_force(agency.validFrom, agency.validTo, self.day) or agency.validTo is not None:
            raise InvalidInput(
                f"{id[:120]} is no agency at work on {self.day}.", field=field, remedy="Give one that has not ended."
            )
        if agency.validFrom == self.day:
            raise InvalidInput(
                f"{agency.name} begins on {self.day} itself.", field="effective", remedy="Choose a later day."
            )
        return agency

    def close_agency(self, id: str, successor: str | None, field: str) -> None:
        """End an agency."""
        self.agency(id, field)
        if id in self.closed_agencies:
            raise InvalidInput(f"{id} ends twice.", field=field, remedy="Name each agency once.")
        self.closed_agencies[id] = successor

    # --- the end -----------------------------------------------------------------------------------------------------

    def finish(self) -> Plan:
        """Complete the plan and check the map that comes out of it."""
        self._go_on()
        for atom, unit in self.before.items():
            if atom not in self.divided and atom not in self.after and unit in self.gone:
                raise InvalidInput(
                    f"the part {atom} of {self.areas[unit].name} goes to no unit.",
                    field="articles",
                    remedy="Say where all of its land goes.",
                )
        self._check_codes()
        self._check_children()
        self._draw()
        self._offices()
        moved = {a: (self.before[a], u) for a, u in self.after.items() if self.before[a] != u}
        closed = [(r.atom, r.area) for a in self.before for r in self._open_rows(a)]
        opened = [
            Belonging(atom, area, local, self.day)
            for atom, unit in self.after.items()
            for area, local in self.chain(unit)
        ]
        return Plan(
            day=self.day,
            created=tuple(self.created.values()),
            ended={unit: tuple(became) for unit, became in self.gone.items()},
            agencies_created=tuple(self.offices.values()),
            agencies_ended=dict(self.closed_agencies),
            readdressed=self._readdressed(),
            successions=tuple(self._successions()),
            pieces=tuple(self.new_pieces.values()),
            divided=tuple(self.divided),
            closed=tuple(closed),
            inherited=tuple(self._inherited()),
            opened=tuple(opened),
            going_on=dict(self.going_on),
            handed=self._handed(),
            moved=moved,
            unsettled=tuple(self.notes),
        )

    def _open_rows(self, atom: str) -> list[Belonging]:
        own = [r for r in self.self_rows if r.atom == atom]
        return own or list(self.ledger.open_rows(atom))

    def _inherited(self) -> list[Belonging]:
        """Where new atoms belonged before the order: as what they were cut from, to the day of the order."""
        rows = list(self.self_rows)
        for piece in self.new_pieces.values():
            origin = piece.cut_from
            if origin:
                source = (*self.ledger.all_rows(origin), *(r for r in self.self_rows if r.atom == origin))
                rows += [Belonging(piece.id, r.area, r.local, r.since, r.until or self.day) for r in source]
        return rows

    def _go_on(self) -> None:
        """Units that lose or gain a part go on under code and name, in a record of their own from this day."""
        for unit in list(self.partly):
            left = [a for a, u in self.before.items() if u == unit and a not in self.after and a not in self.divided]
            gained = [a for a, u in self.after.items() if u == unit]
            if not left and not gained:
                continue
            old = self.areas[unit]
            new = msgspec.structs.replace(
                old, id=area_id(old.code, self.day), version=0, validFrom=self.day, location=None, areaSize=None,
                population=None, populationSource="", successors=(), source=self.order.basis,
                sourceDate=self.order.basisDate or self.day,
            )  # fmt: skip
            if new.id in self.created:
                raise InvalidInput(
                    f"the code {old.code} is given away, but {old.name} goes on with what is left of it.",
                    field=self.partly[unit],
                    remedy="Give the new unit another code, or take all of the land.",
                )
            self.created[new.id] = new
            self.going_on[unit] = new.id
            for atom in left:
                self.after[atom] = new.id
            for atom in gained:
                self.after[atom] = new.id
            for giver, became in self.gone.items():
                self.gone[giver] = [new.id if b == unit else b for b in became]
            self.gone[unit] = [new.id, *(b for b in self.gone.get(unit, ()) if b != new.id)]

    def _check_codes(self) -> None:
        taken = {
            (a.code, a.kind in LOCAL): a
            for a in self.areas.values()
            if a.validTo is None and a.id not in self.gone and a.validFrom <= self.day
        }
        for area in self.created.values():
            other = taken.get((area.code, area.kind in LOCAL))
            if other is not None:
                raise Conflict(
                    f"the code {area.code} is that of {other.name}, which goes on.",
                    field="code",
                    remedy="Give another code, or let the same order end that unit.",
                )

    def _check_children(self) -> None:
        for area in self.areas.values():
            if area.parent in self.gone and area.id not in self.gone and area.validTo is None:
                raise InvalidInput(
                    f"{self.areas[area.parent].name} ends, but {area.name} is a part of it.",
                    field="articles",
                    remedy="Let the same order end or move what lies in it.",
                )
        for area in self.created.values():
            above = area.parent
            if (
                above
                and above not in self.created
                and (above not in self.areas or above in self.gone or self.areas[above].validTo is not None)
            ):
                raise InvalidInput(
                    f"{area.name} is a part of {above}, which is not in force on {self.day}.",
                    field="parent",
                    remedy="Name an area that is in force, or make it in the same order.",
                )

    def _draw(self) -> None:
        """The land of every new unit of the lowest tier that brings no boundary of its own: the union of its atoms.

        Of a province only those atoms are known that lie in ours, so nothing is drawn for it.
        """
        lands: dict[str, list[str]] = {}
        for atom, unit in self.after.items():
            lands.setdefault(unit, []).append(atom)
        for id, area in self.created.items():
            if area.location is not None or id not in lands:
                continue
            whole = land.unite(self.pieces[a].land for a in sorted(lands[id]))
            self.created[id] = msgspec.structs.replace(area, location=whole, approximate=True)

    def _offices(self) -> None:
        """Committees: of every new unit of the lowest tier; those of the units that end, end."""
        going_on = set(self._readdressed().values())
        for area in [a for a in self.created.values() if a.kind in LOCAL and a.id not in going_on]:
            key = self.committees.get(area.id, f"ubnd-{area.code}")
            office = Agency(
                id=agency_id(key, self.day),
                identifier=key,
                name=f"Ủy ban nhân dân {area.name[:1].lower()}{area.name[1:]}",
                kind="committee",
                validFrom=self.day,
                area=area.id,
                parent=self._committee_of(area.parent),
                source=self.order.basis,
                sourceDate=self.order.basisDate or self.day,
            )
            if office.id in self.offices or office.id in self.agencies:
                raise InvalidInput(
                    f"the key {key} is given to two agencies from {self.day}.",
                    field="committee",
                    remedy="Give another.",
                )
            self.offices[office.id] = office
        for agency in self.agencies.values():
            unit = self.areas.get(agency.area or "")
            if (
                agency.validTo is not None
                or unit is None
                or unit.id not in self.gone
                or agency.id in self.closed_agencies
            ):
                continue
            if agency.kind != "committee" or not (unit.kind in LOCAL or unit.kind in MIDDLE):
                self.notes.append(
                    Label(
                        f"{agency.name}: {unit.name} kết thúc, chưa có điều nào nói về cơ quan này.",
                        f"{agency.name}: {unit.name} ends, and no article says what becomes of the agency.",
                    )
                )
            elif agency.id not in self._readdressed():
                became = self.gone[unit.id]
                self.closed_agencies[agency.id] = self._committee_of(became[0]) if len(became) == 1 else None
                if not became:
                    self.notes.append(_orphaned(agency))

    def _committee_of(self, area: str | None) -> str | None:
        for agency in (*self.offices.values(), *self.agencies.values()):
            if agency.kind == "committee" and agency.area == area and area and agency.validTo is None:
                return agency.id
        former = next((old for old, new in self.going_on.items() if new == area), None)
        return self._committee_of(former) if former is not None else None

    def _readdressed(self) -> dict[str, str]:
        units = self.going_on
        return {
            a.id: units[a.area]
            for a in self.agencies.values()
            if a.area in units and a.kind == "committee" and a.validTo is None
        }

    def _handed(self) -> dict[str, tuple[str, str]]:
        """Atoms that leave a unit which goes on: its committee stays, and owns nothing there any more."""
        units = self.going_on
        found = {}
        for atom, before in self.before.items():
            after = self.after.get(atom)
            if before in units and after is not None and after != units[before]:
                former, now = self._committee_of(units[before]), self._committee_of(after)
                if former and now:
                    found[atom] = (former, now)
        return found

    def _successions(self) -> Iterable[Succession]:
        for former, successor in self.closed_agencies.items():
            if successor is not None:
                yield Succession(former, successor, self.day)
                continue
            unit = self.agencies[former].area
            parts: dict[str, list[str]] = {}
            for atom, before in self.before.items():
                if before == unit and atom in self.after:
                    office = self._committee_of(self.after[atom])
                    if office is not None:
                        parts.setdefault(office, []).append(atom)
            for office, atoms in parts.items():
                yield Succession(former, office, self.day, tuple(sorted(atoms)))


def _orphaned(agency: Agency) -> Label:
    return Label(f"{agency.name} kết thúc, không có cơ quan kế thừa.", f"{agency.name} ends without a successor.")


def _merge(drawing: _Drawing, article: Article, field: str) -> None:
    if article.into is None:
        raise InvalidInput("the article makes no unit.", field=f"{field}.into", remedy="Describe the new unit.")
    if len(set(article.units)) != len(article.units) or len(set(article.atoms)) != len(article.atoms):
        raise InvalidInput("a unit is named twice.", field=f"{field}.units", remedy="Name each unit once.")
    if not article.units and not article.atoms:
        raise InvalidInput("nothing is merged.", field=f"{field}.units", remedy="Name the units, or parts of units.")
    upper = article.into.kind not in LOCAL
    units = [drawing.unit(id, f"{field}.units", local=not upper) for id in article.units]
    if upper:
        _merge_upper(drawing, article.into, units, article, field)
        return
    holders = {drawing.part(atom, f"{field}.atoms") for atom in article.atoms}
    both = sorted(holders & set(article.units))
    if both:
        raise InvalidInput(
            f"{drawing.areas[both[0]].name} is merged whole and in part.", field=f"{field}.atoms", remedy="Choose one."
        )
    sources = [*units, *(drawing.areas[h] for h in sorted(holders))]
    made = drawing.found(article.into, sources, f"{field}.into", tier="local")
    for unit in units:
        if unit.id in drawing.gone or unit.id in drawing.partly:
            raise InvalidInput(
                f"{unit.name} is given away twice.", field=f"{field}.units", remedy="Name its parts as atoms."
            )
        for atom in drawing.atoms_of(unit, f"{field}.units"):
            drawing.take(atom, made.id, f"{field}.units")
        drawing.leave(unit.id, made.id)
    for atom in article.atoms:
        holder = drawing.part(atom, f"{field}.atoms")
        if holder in drawing.gone and holder not in drawing.partly:
            raise InvalidInput(
                f"{drawing.areas[holder].name} is merged whole and in part.",
                field=f"{field}.atoms",
                remedy="Choose one.",
            )
        drawing.take(atom, made.id, f"{field}.atoms")
        drawing.partly.setdefault(holder, f"{field}.atoms")
        drawing.leave(holder, made.id)


def _merge_upper(drawing: _Drawing, into: Unit, units: list[Area], article: Article, field: str) -> None:
    if article.atoms:
        raise InvalidInput("a province is made of areas.", field=f"{field}.atoms", remedy="Name areas, not parts.")
    made = drawing.found(into, units, f"{field}.into")
    for unit in units:
        drawing.leave(unit.id, made.id)


def _split(drawing: _Drawing, article: Article, field: str) -> None:
    if len(article.units) != 1 or len(article.parts) < 2:
        raise InvalidInput(
            "a split takes one unit and makes two or more.", field=f"{field}.units", remedy="Give one unit, two parts."
        )
    unit = drawing.unit(article.units[0], f"{field}.units")
    if unit.id in drawing.gone:
        raise InvalidInput(f"{unit.name} is given away twice.", field=f"{field}.units", remedy="Name it once.")
    rest = [n for n, p in enumerate(article.parts) if not p.atoms and p.boundary is None]
    if len(rest) > 1:
        raise InvalidInput(
            "two parts say nothing about their land.", field=f"{field}.parts", remedy="Only one can be the rest."
        )
    open_atoms = set(drawing.atoms_of(unit, f"{field}.units"))
    made = [drawing.found(p.unit, [unit], f"{field}.parts.{n}.unit", tier="local") for n, p in enumerate(article.parts)]
    for n, part in enumerate(article.parts):
        where = f"{field}.parts.{n}"
        for atom in part.atoms:
            if atom not in open_atoms:
                raise InvalidInput(
                    f"{atom[:120]} is no part of {unit.name}.", field=f"{where}.atoms",
                    remedy=f"Its parts: {', '.join(sorted(open_atoms)) or 'none is left'}.",
                )  # fmt: skip
            drawing.take(atom, made[n].id, where)
            open_atoms.discard(atom)
    for n, part in enumerate(article.parts):
        if part.boundary is not None:
            inside = _carve(drawing, open_atoms, part.boundary)
            if not inside:
                raise InvalidInput(
                    f"the boundary holds no land of {unit.name}.", field=f"{field}.parts.{n}.boundary",
                    remedy="Draw it inside the unit.",
                )  # fmt: skip
            for atom in inside:
                drawing.take(atom, made[n].id, f"{field}.parts.{n}.boundary")
    if rest:
        for atom in sorted(open_atoms):
            drawing.take(atom, made[rest[0]].id, f"{field}.parts.{rest[0]}")
    for n, one in enumerate(made):
        if one.id not in drawing.after.values():
            raise InvalidInput(f"{one.name} has no land.", field=f"{field}.parts.{n}", remedy="Give it a part.")
        drawing.leave(unit.id, one.id)


def _carve(drawing: _Drawing, atoms: set[str], boundary: Geometry) -> list[str]:
    """Divide atoms along a boundary; what lies inside is taken out of `atoms` and returned."""
    taken: list[str] = []
    for atom in sorted(atoms):
        piece = drawing.pieces[atom]
        inside, outside = land.cut(piece.land, boundary)
        if inside is None:
            continue
        atoms.discard(atom)
        if outside is None:
            taken.append(atom)
            continue
        made = []
        for number, shape in ((1, inside), (2, outside)):
            part = Piece(
                f"{atom}/{drawing.day}.{number}", land.place_inside(shape), shape, land.size_km2(shape), cut_from=atom
            )
            drawing.pieces[part.id] = drawing.new_pieces[part.id] = part
            drawing.before[part.id] = drawing.before[atom]
            made.append(part.id)
        drawing.divided.append(atom)
        taken.append(made[0])
        atoms.add(made[1])
    return taken


def _transfer(drawing: _Drawing, article: Article, field: str) -> None:
    if len(article.units) != 1 or not article.to:
        raise InvalidInput(
            "a transfer goes from one unit to another.",
            field=f"{field}.units",
            remedy="Give one in `units`, one in `to`.",
        )
    giver, taker = drawing.unit(article.units[0], f"{field}.units"), drawing.unit(article.to, f"{field}.to")
    if giver.id == taker.id:
        raise InvalidInput("both units are the same.", field=f"{field}.to", remedy="Give another unit.")
    if bool(article.atoms) == (article.boundary is not None):
        raise InvalidInput(
            "what goes over is not said.", field=f"{field}.boundary", remedy="Give either `atoms` or `boundary`."
        )
    whole = set(drawing.atoms_of(giver, f"{field}.units"))
    drawing.atoms_of(taker, f"{field}.to")
    open_atoms = {a for a in whole if a not in drawing.after}
    if article.boundary is not None:
        going = _carve(drawing, open_atoms, article.boundary)
    else:
        going = list(article.atoms)
        strange = [a for a in going if a not in open_atoms]
        if strange:
            raise InvalidInput(
                f"{strange[0][:120]} is no part of {giver.name} that is left.", field=f"{field}.atoms",
                remedy=f"Its parts: {', '.join(sorted(open_atoms))}.",
            )  # fmt: skip
        open_atoms -= set(going)
    if not going:
        raise InvalidInput(
            f"the boundary holds no land of {giver.name}.", field=f"{field}.boundary", remedy="Draw it inside the unit."
        )
    if not open_atoms:
        raise InvalidInput(
            f"all of {giver.name} would go over.", field=f"{field}.boundary", remedy="That is a merge: use one."
        )
    for atom in going:
        drawing.take(atom, taker.id, f"{field}.atoms")
    drawing.partly.setdefault(giver.id, f"{field}.units")
    drawing.partly.setdefault(taker.id, f"{field}.to")
    drawing.leave(giver.id, taker.id)


def _abolish(drawing: _Drawing, article: Article, field: str) -> None:
    if not article.units and not article.agencies:
        raise InvalidInput("nothing is abolished.", field=f"{field}.units", remedy="Name areas or agencies.")
    for id in article.units:
        area = drawing.unit(id, f"{field}.units", local=False)
        if area.kind in LOCAL:
            raise InvalidInput(
                f"{area.name} has land that must go somewhere.", field=f"{field}.units", remedy="Merge or split it."
            )
        drawing.gone.setdefault(id, [])
    for id in article.agencies:
        drawing.close_agency(id, None, f"{field}.agencies")
        drawing.notes.append(_orphaned(drawing.agencies[id]))


def _merge_agencies(drawing: _Drawing, article: Article, field: str) -> None:
    if (article.office is None) == (not article.to):
        raise InvalidInput(
            "the successor is not said.",
            field=f"{field}.office",
            remedy="Give a new `office`, or an existing agency in `to`.",
        )
    if article.office is not None:
        office = _open_office(drawing, article.office, f"{field}.office")
        successor = office.id
    else:
        successor = drawing.agency(article.to, f"{field}.to").id
        if not article.agencies or successor in article.agencies:
            raise InvalidInput(
                "an agency is merged into itself, or none is named.", field=f"{field}.agencies", remedy="Name others."
            )
        if successor in drawing.closed_agencies:
            raise InvalidInput(f"{successor} ends itself.", field=f"{field}.to", remedy="Name one that goes on.")
    for id in article.agencies:
        drawing.close_agency(id, successor, f"{field}.agencies")


def _open_office(drawing: _Drawing, given: Office, field: str) -> Agency:
    if given.kind not in AGENCY_KINDS:
        raise InvalidInput(
            f"{given.kind[:40]!r} is no kind of agency.",
            field=f"{field}.kind",
            remedy=f"One of: {', '.join(AGENCY_KINDS)}.",
        )
    if not given.identifier.strip() or not given.name.strip():
        raise InvalidInput("a new agency needs key and name.", field=f"{field}.identifier", remedy="Give both.")
    values: dict[str, Any] = {"officialCode": given.officialCode, "competences": given.competences}
    office = Agency(
        id=agency_id(given.identifier.strip(), drawing.day),
        identifier=given.identifier.strip(),
        name=given.name.strip(),
        kind=given.kind,
        validFrom=drawing.day,
        area=given.area or None,
        parent=given.parent or None,
        source=given.source or drawing.order.basis,
        sourceDate=given.sourceDate or drawing.order.basisDate or drawing.day,
        **values,
    )
    if office.id in drawing.offices or office.id in drawing.agencies:
        raise InvalidInput(
            f"the key {office.identifier} is given to two agencies from {drawing.day}.",
            field=f"{field}.identifier",
            remedy="Give another key.",
        )
    drawing.offices[office.id] = office
    return office


_ARTICLES: Final[Mapping[str, Callable[[_Drawing, Article, str], None]]] = {
    "merge": _merge,
    "split": _split,
    "transfer": _transfer,
    "abolish": _abolish,
    "agency-merge": _merge_agencies,
}
