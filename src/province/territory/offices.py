"""Agencies under an order: committees follow their units, merged agencies have a successor."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from province.errors import InvalidInput
from province.model.label import Label
from province.territory.committees import MIDDLE
from province.territory.drawing import Drawing
from province.territory.ledger import Succession
from province.territory.order import Article, Office
from province.vocab.agency import KINDS as AGENCY_KINDS
from province.vocab.agency import Agency, agency_id
from province.vocab.area import LOCAL


def open_committees(drawing: Drawing) -> None:
    """Committees: of every new unit of the lowest tier; those of the units that end, end."""
    going_on = set(readdressed(drawing).values())
    for area in [a for a in drawing.created.values() if a.kind in LOCAL and a.id not in going_on]:
        key = drawing.committees.get(area.id, f"ubnd-{area.code}")
        office = Agency(
            id=agency_id(key, drawing.day),
            identifier=key,
            name=f"Ủy ban nhân dân {area.name[:1].lower()}{area.name[1:]}",
            kind="committee",
            validFrom=drawing.day,
            area=area.id,
            parent=committee_of(drawing, area.parent),
            source=drawing.order.basis,
            sourceDate=drawing.order.basisDate or drawing.day,
        )
        if office.id in drawing.offices or office.id in drawing.agencies:
            raise InvalidInput(
                f"the key {key} is given to two agencies from {drawing.day}.",
                field="committee",
                remedy="Give another.",
            )
        drawing.offices[office.id] = office
    for agency in drawing.agencies.values():
        unit = drawing.areas.get(agency.area or "")
        if (
            agency.validTo is not None
            or unit is None
            or unit.id not in drawing.gone
            or agency.id in drawing.closed_agencies
        ):
            continue
        if agency.kind != "committee" or not (unit.kind in LOCAL or unit.kind in MIDDLE):
            drawing.notes.append(
                Label(
                    f"{agency.name}: {unit.name} kết thúc, chưa có điều nào nói về cơ quan này.",
                    f"{agency.name}: {unit.name} ends, and no article says what becomes of the agency.",
                )
            )
        elif agency.id not in readdressed(drawing):
            became = drawing.gone[unit.id]
            drawing.closed_agencies[agency.id] = committee_of(drawing, became[0]) if len(became) == 1 else None
            if not became:
                drawing.notes.append(orphaned(agency))


def committee_of(drawing: Drawing, area: str | None) -> str | None:
    """The committee of a unit after the order, or of the record that it goes on from."""
    for agency in (*drawing.offices.values(), *drawing.agencies.values()):
        if agency.kind == "committee" and agency.area == area and area and agency.validTo is None:
            return agency.id
    former = next((old for old, new in drawing.going_on.items() if new == area), None)
    return committee_of(drawing, former) if former is not None else None


def readdressed(drawing: Drawing) -> dict[str, str]:
    """Committees of units that go on → the new record of the unit."""
    units = drawing.going_on
    return {
        a.id: units[a.area]
        for a in drawing.agencies.values()
        if a.area in units and a.kind == "committee" and a.validTo is None
    }


def handed(drawing: Drawing) -> dict[str, tuple[str, str]]:
    """Atoms that leave a unit which goes on: its committee stays, and owns nothing there any more."""
    units = drawing.going_on
    found = {}
    for atom, before in drawing.before.items():
        after = drawing.after.get(atom)
        if before in units and after is not None and after != units[before]:
            former, now = committee_of(drawing, units[before]), committee_of(drawing, after)
            if former and now:
                found[atom] = (former, now)
    return found


def successions(drawing: Drawing) -> Iterable[Succession]:
    """Who takes over from each agency that ends: one, or where the unit was divided each on its land."""
    for former, successor in drawing.closed_agencies.items():
        if successor is not None:
            yield Succession(former, successor, drawing.day)
            continue
        unit = drawing.agencies[former].area
        parts: dict[str, list[str]] = {}
        for atom, before in drawing.before.items():
            if before == unit and atom in drawing.after:
                office = committee_of(drawing, drawing.after[atom])
                if office is not None:
                    parts.setdefault(office, []).append(atom)
        for office, atoms in parts.items():
            yield Succession(former, office, drawing.day, tuple(sorted(atoms)))


def orphaned(agency: Agency) -> Label:
    """What a person is told of an agency that nobody succeeds."""
    return Label(f"{agency.name} kết thúc, không có cơ quan kế thừa.", f"{agency.name} ends without a successor.")


def merge_agencies(drawing: Drawing, article: Article, field: str) -> None:
    """Let agencies be succeeded by a new one or by one that goes on. Raises: InvalidInput."""
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


def _open_office(drawing: Drawing, given: Office, field: str) -> Agency:
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
