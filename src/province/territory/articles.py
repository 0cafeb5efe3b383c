"""What each kind of article does to the map."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final

from province.errors import InvalidInput
from province.model.geometry import Geometry
from province.territory import land
from province.territory.drawing import Drawing
from province.territory.ledger import Piece
from province.territory.offices import merge_agencies, orphaned
from province.territory.order import Article, Unit
from province.vocab.area import LOCAL, Area


def _merge(drawing: Drawing, article: Article, field: str) -> None:
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


def _merge_upper(drawing: Drawing, into: Unit, units: list[Area], article: Article, field: str) -> None:
    if article.atoms:
        raise InvalidInput("a province is made of areas.", field=f"{field}.atoms", remedy="Name areas, not parts.")
    made = drawing.found(into, units, f"{field}.into")
    for unit in units:
        drawing.leave(unit.id, made.id)


def _split(drawing: Drawing, article: Article, field: str) -> None:
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


def _carve(drawing: Drawing, atoms: set[str], boundary: Geometry) -> list[str]:
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


def _transfer(drawing: Drawing, article: Article, field: str) -> None:
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


def _abolish(drawing: Drawing, article: Article, field: str) -> None:
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
        drawing.notes.append(orphaned(drawing.agencies[id]))


ARTICLES: Final[Mapping[str, Callable[[Drawing, Article, str], None]]] = {
    "merge": _merge,
    "split": _split,
    "transfer": _transfer,
    "abolish": _abolish,
    "agency-merge": merge_agencies,
}
