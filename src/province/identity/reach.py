"""What the agency and the areas of a grant mean today. Rights are always today's; no grant is rewritten by a reform.

An agency reaches to what its predecessors owned. A grant in an agency that ended holds in its successor, and nowhere
when it has none; where the unit of the agency was divided, only on the land that went to each successor. An area is
the atoms that make it up today; one that ended is the land of its last day, or the unit as which it goes on.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any

from province.identity import policy
from province.identity.audit import Connection
from province.model.actor import Grant
from province.model.time import CIVIL_ZONE, now

Land = frozenset[str] | None
"""Atoms; None: everywhere."""


@dataclass(frozen=True, slots=True)
class Takeover:
    """`successor` took over from `former`; land: only what stands there."""

    former: str
    successor: str
    land: Land


class Heirs:
    """Who took over from whom, up to today."""

    def __init__(self, rows: Iterable[Takeover]) -> None:
        self._after: dict[str, list[Takeover]] = {}
        self._before: dict[str, list[Takeover]] = {}
        for row in rows:
            self._after.setdefault(row.former, []).append(row)
            self._before.setdefault(row.successor, []).append(row)

    def today(self, agency: str, land: Land = None, depth: int = 0) -> list[tuple[str, Land]]:
        """The agencies at work that have its tasks now: itself, or its successors with the land that each has."""
        following = self._after.get(agency, ())
        if not following or depth > 20:
            return [(agency, land)]
        return [one for row in following for one in self.today(row.successor, meet(land, row.land), depth + 1)]

    def formers(self, agency: str, land: Land = None, depth: int = 0) -> list[tuple[str, Land]]:
        """The agencies that it has taken over, with the land that came from each."""
        found: list[tuple[str, Land]] = []
        for row in self._before.get(agency, ()) if depth <= 20 else ():
            both = meet(land, row.land)
            found += [(row.former, both), *self.formers(row.former, both, depth + 1)]
        return found

    def reach(self, agency: str) -> list[tuple[str, Land]]:
        """Everything that whoever was put into `agency` reaches today, as (owner, land): first those at work."""
        heirs = self.today(agency)
        return [*heirs, *(f for heir, land in heirs for f in self.formers(heir, land))]


def meet(first: Land, second: Land) -> Land:
    """The land that lies in both."""
    if first is None or second is None:
        return second if first is None else first
    return first & second


async def read_heirs(conn: Connection, tenant: str) -> Heirs:
    """The takeovers that are in force today. Parts of land that were divided since stand for all of their parts."""
    rows = await conn.fetch(
        "SELECT former, successor, atoms FROM agency_succession WHERE tenant = $1 AND since <= $2", tenant, today()
    )
    parts = {a for r in rows for a in r["atoms"] or ()}
    inside = await _inside(conn, tenant, parts)
    return Heirs(
        Takeover(r["former"], r["successor"], None if r["atoms"] is None else frozenset(_all(inside, r["atoms"])))
        for r in rows
    )


async def dissolved(conn: Connection, tenant: str, agencies: Iterable[str]) -> set[str]:
    """Those of the agencies that have ended by today."""
    rows = await conn.fetch(
        "SELECT id FROM entity WHERE tenant = $1 AND id = ANY($2::text[]) AND type = 'Agency'"
        " AND attrs -> 'validTo' ->> 'value' <= $3",
        tenant,
        list(agencies),
        today().isoformat(),
    )
    return {row["id"] for row in rows}


async def land_of(conn: Connection, tenant: str, areas: Iterable[str]) -> Mapping[str, frozenset[str]]:
    """The stamps that each area means today; an id of which no atoms are known means itself."""
    wanted = list(dict.fromkeys(areas))
    if not wanted:
        return {}
    at = today()
    rows = await conn.fetch(
        """WITH RECURSIVE now_is (asked, area, depth) AS (
               SELECT a, a COLLATE "C", 0 FROM unnest($2::text[]) a
               UNION ALL
               SELECT n.asked, g.area, n.depth + 1 FROM now_is n
               JOIN area_going_on g ON g.tenant = $1 AND g.former = n.area AND g.since <= $3 WHERE n.depth < 50
           ), last AS (SELECT DISTINCT ON (asked) asked, area FROM now_is ORDER BY asked, depth DESC)
           SELECT l.asked, m.atom, m.until FROM last l JOIN atom_area m ON m.tenant = $1 AND m.area = l.area
           WHERE m.since <= $3""",
        tenant,
        wanted,
        at,
    )
    found: dict[str, list[Any]] = {}
    for row in rows:
        found.setdefault(row["asked"], []).append(row)
    chosen: dict[str, set[str]] = {}
    for area, held in found.items():
        open_ = {r["atom"] for r in held if r["until"] is None or r["until"] > at}
        last = max((r["until"] for r in held if r["until"] is not None), default=None)
        chosen[area] = open_ or {r["atom"] for r in held if r["until"] == last}
    inside = await _inside(conn, tenant, {a for atoms in chosen.values() for a in atoms})
    return {area: frozenset(_all(inside, chosen[area])) if area in chosen else frozenset((area,)) for area in wanted}


async def expand(conn: Connection, tenant: str, grants: Iterable[Grant]) -> tuple[Grant, ...]:
    """Grants as given → as they hold today, the agencies at work first."""
    given = tuple(grants)
    land = await land_of(conn, tenant, (a for g in given for a in g.areas))
    named = {g.agency for g in given if g.agency}
    heirs = await read_heirs(conn, tenant) if named else Heirs(())
    ended = await dissolved(conn, tenant, named) if named else set()
    first: list[Grant] = []
    after: list[Grant] = []
    for grant in given:
        areas: Land = frozenset().union(*(land[a] for a in grant.areas)) if grant.areas else None
        if areas is not None and not areas:
            continue  # no land is nowhere; a grant without areas would be everywhere
        if grant.agency is None:
            first.append(Grant(grant.role, grant.permissions, None, areas or frozenset()))
            continue
        at_work = heirs.today(grant.agency)
        if at_work == [(grant.agency, None)] and grant.agency in ended:
            continue  # dissolved, and nobody took over
        for number, (owner, where) in enumerate(heirs.reach(grant.agency)):
            both = meet(areas, where)
            if both is None or both:
                made = Grant(grant.role, grant.permissions, owner, both or frozenset())
                (first if number < len(at_work) else after).append(made)
    return (*first, *dict.fromkeys(after))


async def within(
    conn: Connection, tenant: str, agency: str | None, stamps: Iterable[str] = ()
) -> tuple[tuple[str | None, Land], ...]:
    """What a token or subscription that was cut down to an agency, or to stamps of land, reaches today.

    ((None, None),): it was not.  stamps: as a grant of then held them; what was divided since stands for its parts.
    """
    given = tuple(stamps)
    land: Land = frozenset(_all(await _inside(conn, tenant, given), given)) if given else None
    if agency is None:
        return ((None, land),)
    heirs = await read_heirs(conn, tenant)
    if heirs.today(agency) == [(agency, None)] and agency in await dissolved(conn, tenant, (agency,)):
        return ()
    return tuple((owner, meet(where, land)) for owner, where in heirs.reach(agency))


def narrow(
    grants: Iterable[Grant], permissions: Iterable[str], reached: Iterable[tuple[str | None, Land]]
) -> tuple[Grant, ...]:
    """The grants cut down to permissions and to what `within` found."""
    given, wanted = tuple(grants), tuple(permissions)
    found: list[Grant] = []
    for agency, land in reached:
        for grant in policy.narrow(given, wanted, agency):
            both = meet(grant.areas or None, land)
            if both is None or both:
                found.append(Grant(grant.role, grant.permissions, grant.agency, both or frozenset()))
    return tuple(dict.fromkeys(found))


def today() -> date:
    """The civil day of Vietnam."""
    return now().astimezone(CIVIL_ZONE).date()


async def _inside(conn: Connection, tenant: str, atoms: Iterable[str]) -> Mapping[str, tuple[str, ...]]:
    """The parts of each atom, to any depth."""
    wanted = list(atoms)
    if not wanted:
        return {}
    rows = await conn.fetch(
        """WITH RECURSIVE part (origin, id) AS (
               SELECT cut_from, id FROM atom WHERE tenant = $1 AND cut_from = ANY($2::text[])
               UNION ALL SELECT p.origin, a.id FROM part p JOIN atom a ON a.tenant = $1 AND a.cut_from = p.id
           ) SELECT origin, array_agg(id) AS ids FROM part GROUP BY origin""",
        tenant,
        wanted,
    )
    return {row["origin"]: tuple(row["ids"]) for row in rows}


def _all(inside: Mapping[str, tuple[str, ...]], atoms: Iterable[str]) -> set[str]:
    return {one for atom in atoms for one in (atom, *inside.get(atom, ()))}
