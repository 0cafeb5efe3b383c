"""Addresses as people write them, read and told again on another map: `12/3 hẻm 5 đường Yersin, tổ 4, KP 2, P. Hiệp
Thành, TP Thủ Dầu Một` or `Km 12 QL13, ấp 3, xã Bàu Bàng`. With and without diacritics, with and without commas.

What lies below the unit (house, alley, street, kilometre, group, hamlet) is carried over as it was written: a reform
of units renames none of it. Which unit it is now is told only when the record settles it: a unit that was divided has
several answers, and a place (longitude, latitude) chooses among them.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final

from province.errors import InvalidInput
from province.model.text import fold, nfc
from province.model.time import CIVIL_ZONE, Instant
from province.territory.atlas import Atlas
from province.territory.ledger import Ledger
from province.vocab.area import LOCAL, Area, in_force

LONGEST: Final = 400
_UNIT_WORDS: Final = (
    ("ward", r"phuong|p\.|p(?=\s)"),
    ("commune", r"xa|x\.|x(?=\s)"),
    ("township", r"thi tran|tt\.?"),
)
_UPPER_WORDS: Final = r"thanh pho|tp\.?|thi xa|tx\.?|huyen|h\.|quan|q\.|tinh|t\."
_PARTS: Final = (
    ("km", r"km\s*\d+(?:\s*\+\s*\d+)?.*"),
    ("house", r"(?:so(?:\s+nha)?|nha so)\s*\d[\w/.-]*.*|\d+[a-z]?(?:/\d+[a-z]?)*\b.*"),
    ("alley", r"(?:hem|ngo|ngach|kiet)\b.*"),
    ("street", r"(?:duong|dai lo|d\.|quoc lo|ql\s*\d|tinh lo|dt\s*\d|dx\s*\d|dh\s*\d|pho\b).*"),
    ("group", r"(?:to(?:\s+dan pho)?)\s*\d+.*"),
    ("hamlet", r"(?:khu pho|kp\.?|ap|thon|khom|khu)\s*\S.*"),
)
"""What lies below the unit, by the words it begins with; the first that fits."""
_BREAK: Final = re.compile(
    r"(?<=\S)\s+(?=(?:phuong|p\.|xa|x\.|thi tran|tt\.|thanh pho|tp\.?|thi xa|tx\.|huyen|h\.|tinh|khu pho|kp\.?|ap"
    r"|thon|to(?: dan pho)? \d|km\s*\d)\s*\S)"
)
"""Where an address without commas is divided: before a word that begins a part of it."""


def read_position(lon: str, lat: str) -> tuple[float, float] | None:
    """Longitude and latitude in degrees, as somebody wrote them; None when neither is given. Raises: InvalidInput."""
    if not lon and not lat:
        return None
    try:
        place = (float(lon), float(lat))
    except ValueError:
        place = (math.nan, math.nan)
    if not (-180 <= place[0] <= 180 and -90 <= place[1] <= 90):
        raise InvalidInput(
            f"{lon[:20]!r}, {lat[:20]!r} is no position.", field="lon", remedy="Give lon and lat in degrees."
        )
    return place


@dataclass(frozen=True, slots=True)
class Address:
    """An address, read. below: (kind, as written) of what lies below the unit.  unit, above: as written."""

    below: tuple[tuple[str, str], ...] = ()
    unit: str = ""
    above: tuple[str, ...] = ()
    rest: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Form:
    """The address as it is written on the map of a day. area: the unit of the lowest tier."""

    area: Area
    text: str


@dataclass(frozen=True, slots=True)
class Resolved:
    """What an address means. named: the units that it can name, with the day on which each held.

    forms: on the asked map; one: settled; several: the record cannot choose among them; none: unknown.
    settled_by: `name`, `place`, or empty while it is not.
    """

    address: Address
    named: tuple[Area, ...] = ()
    forms: tuple[Form, ...] = ()
    settled_by: str = ""


@dataclass(frozen=True, slots=True)
class Gazetteer:
    """The names of all areas that ever held, and what became of their land."""

    areas: Mapping[str, Area]
    ledger: Ledger
    _by_name: dict[str, list[Area]] = field(default_factory=dict)

    @classmethod
    def of(cls, areas: Iterable[Area], ledger: Ledger) -> Gazetteer:
        """Index the areas by their bare names."""
        made = cls({a.id: a for a in areas}, ledger)
        for area in made.areas.values():
            made._by_name.setdefault(bare(area.name), []).append(area)
        return made

    def resolve(self, text: str, day: str, *, place: tuple[float, float] | None = None) -> Resolved:
        """Tell an address of any map as it is written on the map of `day`.

        place: (longitude, latitude), where known; it settles what the name leaves open.  Raises: InvalidInput.
        """
        address = read(text, self._is_unit)
        named = self._named(address)
        found = {area for one in named for area in self._became(one, day)}
        if place is not None:
            at = Atlas(self.areas.values(), _noon(day), self.ledger).locate(
                {"type": "Point", "coordinates": list(place)}
            )
            if at is not None and (not found or at in found):
                return Resolved(address, tuple(named), (self._form(address, self.areas[at]),), "place")
        forms = tuple(self._form(address, self.areas[id]) for id in sorted(found, key=lambda i: self.areas[i].name))
        return Resolved(address, tuple(named), forms, "name" if len(forms) == 1 else "")

    def _is_unit(self, name: str) -> bool:
        return any(a.kind in LOCAL for a in self._by_name.get(name, ()))

    def _named(self, address: Address) -> list[Area]:
        """The units of the lowest tier that the words can mean; what stands above them narrows it."""
        kind, name = _kind_and_name(address.unit)
        every = [a for a in self._by_name.get(name, ()) if a.kind in LOCAL]
        found = [a for a in every if not kind or a.kind == kind] or every
        uppers = [_upper(text) for text in address.above]
        kept = [a for a in found if uppers and all(self._lies_in(a, upper) for upper in uppers)]
        return sorted(
            kept or ([] if uppers and self._known_upper(uppers) else found), key=lambda a: (a.validFrom, a.id)
        )

    def _known_upper(self, uppers: Sequence[str]) -> bool:
        """Whether all that stands above is known; then a unit that does not lie there is not meant."""
        return all(any(a.kind not in LOCAL for a in self._by_name.get(u, ())) for u in uppers)

    def _lies_in(self, area: Area, upper: str) -> bool:
        at = area.parent
        while at is not None and at in self.areas:
            if bare(self.areas[at].name) == upper:
                return True
            at = self.areas[at].parent
        return False

    def _became(self, area: Area, day: str) -> set[str]:
        """The units on the map of a day that have land of this one."""
        if in_force(area.validFrom, area.validTo, day):
            return {area.id}
        own = {r.atom for r in self.ledger.rows if r.area == area.id}
        leaves = {atom for piece in own for atom in self.ledger.leaves(piece)}
        return {unit for atom in leaves if (unit := self.ledger.local(atom, day)) is not None and unit in self.areas}

    def _form(self, address: Address, area: Area) -> Form:
        above = []
        at = area.parent
        while at is not None and at in self.areas:
            above.append(self.areas[at].name)
            at = self.areas[at].parent
        parts = [text for _, text in address.below]
        return Form(area, ", ".join([*parts, *address.rest, area.name, *above]))


def read(text: str, is_unit: Callable[[str], bool] = lambda _: False) -> Address:
    """Read an address. is_unit(bare name) → whether it names a unit, for units written without their kind.

    Raises: InvalidInput for one that is empty or too long.
    """
    clean = " ".join(nfc(text).split())
    if not clean or len(clean) > LONGEST or "\x00" in clean:
        raise InvalidInput(
            f"the address has {len(clean)} characters.", field="text", remedy=f"Write 1 to {LONGEST} characters."
        )
    below: list[tuple[str, str]] = []
    above: list[str] = []
    rest: list[str] = []
    unit = ""
    for part in _split(clean):
        plain = _plain(part)
        kind = next((k for k, pattern in _UNIT_WORDS if re.match(rf"(?:{pattern})\s*\S", plain)), "")
        if kind and not unit and not re.match(r"thi xa\b", plain):
            unit = part
        elif re.match(rf"(?:{_UPPER_WORDS})\s*\S", plain):
            above.append(part)
        elif (piece := next((k for k, p in _PARTS if re.fullmatch(p, plain)), "")) and not unit:
            below.append((piece, part))
        elif not unit and is_unit(_squeeze(plain)):
            unit = part
        elif unit:
            above.append(part)
        else:
            rest.append(part)
    return Address(tuple(below), unit, tuple(above), tuple(rest))


def bare(name: str) -> str:
    """A name without its kind, folded: `Phường Phú Cường` → `phu cuong`."""
    return _kind_and_name(name)[1] if _kind_and_name(name)[0] else _upper(name)


def _split(text: str) -> list[str]:
    """The parts of an address: at commas, and before words that begin a part."""
    found: list[str] = []
    for piece in text.split(","):
        piece = piece.strip(" -–;")
        plain = _plain(piece)
        if len(plain) != len(piece):
            found.append(piece)
            continue
        cuts = [m.start() for m in _BREAK.finditer(plain)]
        starts = [0, *cuts]
        found += [piece[a:b].strip() for a, b in zip(starts, [*cuts, len(piece)], strict=True)]
    return [p for p in found if p]


def _kind_and_name(text: str) -> tuple[str, str]:
    plain = _plain(text)
    for kind, pattern in _UNIT_WORDS:
        match = re.match(rf"(?:{pattern})\s*(?=\S)", plain)
        if match:
            return kind, _squeeze(plain[match.end() :])
    return "", _squeeze(plain)


def _upper(text: str) -> str:
    plain = _plain(text)
    match = re.match(rf"(?:{_UPPER_WORDS})\s*(?=\S)", plain)
    return _squeeze(plain[match.end() :] if match else plain)


def _plain(text: str) -> str:
    """Without diacritics and capitals, character for character."""
    return "".join((fold(c) or c) if c.strip() else " " for c in text)


def _squeeze(text: str) -> str:
    return " ".join(re.sub(r"[.\-]", " ", text).split())


def _noon(day: str) -> Instant:
    return datetime.fromisoformat(f"{day}T12:00:00").replace(tzinfo=CIVIL_ZONE)
