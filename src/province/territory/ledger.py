"""Which area an atom of land belongs to, on any civil day. A merge changes rows here and nothing else.

An id of an area of which no atoms are known stands for its own land: it belongs to itself while it is in force.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from province.model.geometry import Geometry
from province.vocab.area import in_force


@dataclass(frozen=True, slots=True)
class Piece:
    """An atom: a part of land that every known map leaves whole, unless a later map divided it (`divided`).

    position: (longitude, latitude) of a place inside.  cut_from: the atom that was divided into this one and others.
    """

    id: str
    position: tuple[float, float]
    land: Geometry
    size_km2: float
    cut_from: str = ""
    divided: bool = False


@dataclass(frozen=True, slots=True)
class Belonging:
    """An atom belongs to an area from `since` to `until` (excluded; None: open). local: of the lowest tier."""

    atom: str
    area: str
    local: bool
    since: str
    until: str | None = None

    def on(self, day: str) -> bool:
        """Whether it holds on a civil day."""
        return in_force(self.since, self.until, day)


@dataclass(frozen=True, slots=True)
class Succession:
    """`successor` took over what the agency `former` owned and could do, from `since` on.

    atoms: only what stands there, because the unit of the former was divided; None: everything.
    """

    former: str
    successor: str
    since: str
    atoms: tuple[str, ...] | None = None


@dataclass(frozen=True, slots=True)
class Share:
    """A part of something that happened on the land of an atom: `weight` of it belongs to `area`.

    estimate: the part is by size of land, because the atom was divided afterwards.
    """

    area: str | None
    weight: float
    estimate: bool = False


class Ledger:
    """All atoms of a tenant with where they belong. Immutable: read another when the map changes."""

    def __init__(self, pieces: Iterable[Piece], rows: Iterable[Belonging]) -> None:
        self.pieces: Mapping[str, Piece] = {p.id: p for p in pieces}
        self.rows = tuple(rows)
        self._of_atom: dict[str, list[Belonging]] = {}
        self._of_area: dict[str, list[Belonging]] = {}
        for row in self.rows:
            self._of_atom.setdefault(row.atom, []).append(row)
            self._of_area.setdefault(row.area, []).append(row)
        self._parts: dict[str, list[str]] = {}
        for piece in self.pieces.values():
            if piece.cut_from:
                self._parts.setdefault(piece.cut_from, []).append(piece.id)

    def knows(self, area: str) -> bool:
        """Whether atoms of this area are known."""
        return area in self._of_area

    def local(self, atom: str, day: str) -> str | None:
        """The area of the lowest tier that held the atom on that day; None when the record does not say."""
        return next((r.area for r in self._of_atom.get(atom, ()) if r.local and r.on(day)), None)

    def before(self, atom: str, day: str) -> str | None:
        """The area of the lowest tier that held the atom before the one of that day; None where none is on record."""
        earlier = [r for r in self._of_atom.get(atom, ()) if r.local and r.until is not None and r.until <= day]
        return max(earlier, key=lambda r: r.until or "").area if earlier else None

    def atoms(self, area: str, day: str) -> tuple[str, ...]:
        """The undivided atoms of an area of any tier on that day, sorted."""
        held = {r.atom for r in self._of_area.get(area, ()) if r.on(day)}
        return tuple(sorted(a for a in held if not self.pieces[a].divided))

    def stamps(self, area: str, day: str) -> tuple[str, ...]:
        """What entities inside the area may be stamped with: its atoms, divided ones too, or the area itself."""
        if area not in self._of_area:
            return (area,)
        return tuple(sorted({r.atom for r in self._of_area[area] if r.on(day)}))

    def open_rows(self, atom: str) -> tuple[Belonging, ...]:
        """Where the atom belongs without an end."""
        return tuple(r for r in self._of_atom.get(atom, ()) if r.until is None)

    def all_rows(self, atom: str) -> tuple[Belonging, ...]:
        """Where the atom ever belonged."""
        return tuple(self._of_atom.get(atom, ()))

    def areas_of(self, atom: str, day: str) -> tuple[str, ...]:
        """The areas of all tiers that held the atom on that day."""
        return tuple(r.area for r in self._of_atom.get(atom, ()) if r.on(day))

    def shares(self, stamp: str, day: str) -> tuple[Share, ...]:
        """Where on the map of `day` belongs what was stamped so: one area, or parts by land where the atom was divided.

        An id of an area that ended and whose atoms are known goes where its atoms went: whole, or by size of land.
        One share without an area: the record cannot tell.
        """
        if stamp in self._of_atom:
            area = self.local(stamp, day)
            if area is not None:
                return (Share(area, 1.0),)
            return self._by_land([a for part in self._parts.get(stamp, ()) for a in self.leaves(part)], day)
        if stamp not in self._of_area:
            return (Share(stamp, 1.0),)
        rows = self._of_area[stamp]
        if any(r.on(day) for r in rows):
            return (Share(stamp, 1.0),)
        return self._by_land(sorted({leaf for r in rows for leaf in self.leaves(r.atom)}), day)

    def area_on(self, stamp: str, day: str) -> str | None:
        """The one area of the lowest tier to which a stamp belongs on the map of `day`; None: several, or unknown."""
        shares = self.shares(stamp, day)
        return shares[0].area if len(shares) == 1 and not shares[0].estimate else None

    def leaves(self, atom: str) -> list[str]:
        """The undivided atoms of which an atom consists today."""
        parts = self._parts.get(atom)
        return [atom] if not parts else [leaf for part in parts for leaf in self.leaves(part)]

    def _by_land(self, atoms: Sequence[str], day: str) -> tuple[Share, ...]:
        """Parts by size of land; exact when all of them lie in one area."""
        sizes: dict[str | None, float] = {}
        for atom in atoms:
            area = self.local(atom, day)
            sizes[area] = sizes.get(area, 0.0) + self.pieces[atom].size_km2
        total = sum(sizes.values())
        if not sizes or total <= 0:
            return (Share(None, 1.0),)
        if len(sizes) == 1:
            return (Share(next(iter(sizes)), 1.0),)
        return tuple(Share(area, size / total, True) for area, size in sorted(sizes.items(), key=lambda i: i[0] or ""))
