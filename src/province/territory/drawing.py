"""The map while the articles of an order are carried out on it: read, checked, changed. Nothing is written."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from province.errors import InvalidInput
from province.model.label import Label
from province.territory import land
from province.territory.ledger import Belonging, Ledger, Piece
from province.territory.order import Order, Unit
from province.vocab.agency import Agency
from province.vocab.area import KINDS, LOCAL, Area, area_id, in_force


class Drawing:
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

    def open_rows(self, atom: str) -> list[Belonging]:
        """Where an atom belonged until the order."""
        own = [r for r in self.self_rows if r.atom == atom]
        return own or list(self.ledger.open_rows(atom))

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
