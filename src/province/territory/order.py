"""An order: what a resolution decides about areas and agencies, article by article, in force from one civil day.

All articles take effect together or not at all, so a reform whose articles hang together (a code that is used again,
a unit of which two others take a part) is one order.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import time
from typing import Any, Literal

import msgspec

from province.errors import InvalidInput
from province.model.geometry import Geometry
from province.model.time import CIVIL_ZONE, parse_instant
from province.vocab.area import civil_day

Kind = Literal["merge", "split", "transfer", "abolish", "agency-merge"]


class Unit(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A new unit of territory. parent: id of an area; empty: that of the units it is made of."""

    code: str
    name: str
    kind: str
    parent: str = ""
    areaSize: float | None = None  # noqa: N815 - as the attribute is called
    population: int | None = None
    populationSource: str = ""  # noqa: N815
    location: Geometry | None = None
    """Its boundary, where a better one is known than the union of its atoms."""
    approximate: bool | None = None
    committee: str = ""
    """Key of its People's Committee; empty: `ubnd-<code>`."""


class Part(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One of the units that a split makes: of whole atoms, of what lies inside a boundary, or (neither) of the rest."""

    unit: Unit
    atoms: tuple[str, ...] = ()
    boundary: Geometry | None = None


class Office(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A new agency. area, parent: ids; empty: none."""

    identifier: str
    name: str
    kind: str
    area: str = ""
    parent: str = ""
    officialCode: str | None = None  # noqa: N815
    competences: tuple[str, ...] = ()
    source: str = ""
    sourceDate: str | None = None  # noqa: N815


class Article(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One article. Which fields it takes, by kind:

    merge: `units` (whole) and `atoms` (parts of others) become the new unit `into`.
    split: `units` names one, which becomes the units of `parts`.
    transfer: `atoms`, or what lies inside `boundary`, goes from the unit `units[0]` to the unit `to`; both go on under
    their codes and names, with a new day of validity.
    abolish: `units` end and nothing takes their place (a tier that is given up); `agencies` end without a successor.
    agency-merge: `agencies` are succeeded by the new one `office`, or by the existing one `to`.
    """

    kind: Kind
    units: tuple[str, ...] = ()
    atoms: tuple[str, ...] = ()
    into: Unit | None = None
    parts: tuple[Part, ...] = ()
    boundary: Geometry | None = None
    to: str = ""
    agencies: tuple[str, ...] = ()
    office: Office | None = None


class Order(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """effective: civil day from 00:00 of which it holds.  basis: the document that decides it, as it is cited."""

    effective: str
    basis: str
    articles: tuple[Article, ...]
    basisDate: str | None = None  # noqa: N815
    title: str = ""


def read_order(given: Mapping[str, Any]) -> Order:
    """An order from JSON. `effective` may also be the instant at which its day begins. Raises: InvalidInput."""
    effective = given.get("effective")
    if isinstance(effective, str) and "T" in effective:
        given = {**given, "effective": day_of(effective)}
    try:
        return msgspec.convert(given, Order)
    except msgspec.ValidationError as error:
        text, _, path = str(error).partition(" - at `$.")
        raise InvalidInput(
            f"the order cannot be read: {text}.",
            field=path.rstrip("`") or "order",
            remedy="Give effective, basis and articles; see the guide for administrators.",
        ) from None


def day_of(instant: str) -> str:
    """The civil day that begins at an instant.

    Areas, agencies and posts hold from a day to a day, as resolutions name them and as their identity (code, day) is
    made: an order cannot begin within one. Raises: InvalidInput.
    """
    at = parse_instant(instant, field="effective").astimezone(CIVIL_ZONE)
    if at.time() != time():
        raise InvalidInput(
            f"{instant} lies within a day: areas and agencies hold from 00:00 of a day, Vietnam time.",
            field="effective",
            remedy=f"Give the day that the document names, such as {civil_day(at)}.",
        )
    return civil_day(at)
