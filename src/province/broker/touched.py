"""What an order touches, counted before anything is written: entities, open cases, rights, tokens, subscriptions."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import msgspec
import shapely
import shapely.geometry

from province.broker.database import Connection
from province.model.geometry import Geometry
from province.model.label import Label
from province.model.schema import EntityType
from province.pack import Pack
from province.territory.ledger import Ledger
from province.territory.plan import Plan
from province.vocab.agency import Agency
from province.vocab.area import Area


class Named(msgspec.Struct, frozen=True, kw_only=True):
    """An area or an agency with what it becomes. became: (id, name)."""

    id: str
    name: str
    kind: str
    code: str
    became: tuple[tuple[str, str], ...] = ()


class Counted(msgspec.Struct, frozen=True, kw_only=True):
    """How many of what. measured: a type of devices."""

    what: str
    count: int
    measured: bool = False


class OpenCases(msgspec.Struct, frozen=True, kw_only=True):
    """Open work of one type that passes from one agency to another. to: empty where a person must decide."""

    type: str
    former: str
    to: str
    count: int


class Touched(msgspec.Struct, frozen=True, kw_only=True):
    """The report of a preview.

    begins, ends: areas; agencies_begin, agencies_end: agencies.  land_km2, parts_moved, parts_divided: land that
    changes its unit.  entities: what stands on it, by type.  handed: entities whose owner changes because their land
    went to another unit.  references: fields of other entities that go on naming what ends.  unsettled: what a person
    must decide.
    """

    effective: str
    begins: tuple[Named, ...] = ()
    ends: tuple[Named, ...] = ()
    agencies_begin: tuple[Named, ...] = ()
    agencies_end: tuple[Named, ...] = ()
    land_km2: float = 0.0
    parts_moved: int = 0
    parts_divided: int = 0
    entities: tuple[Counted, ...] = ()
    cases: tuple[OpenCases, ...] = ()
    handed: int = 0
    restamped: int = 0
    grants: tuple[Counted, ...] = ()
    grants_ending: int = 0
    accounts: int = 0
    tokens: int = 0
    subscriptions: int = 0
    indicators: tuple[str, ...] = ()
    references: tuple[Counted, ...] = ()
    views: int = 0
    unsettled: tuple[Label, ...] = ()


@dataclass(frozen=True, slots=True)
class Case:
    """An open case that names an agency that ends. field: where.  to: its new agency; None: nobody can tell."""

    id: str
    type: str
    field: str
    former: str
    owner: str | None
    to: str | None
    area_field: str
    area: str | None


class Reading:
    """Looks at everything that a plan touches; writes nothing."""

    def __init__(
        self, connection: Connection, tenant: str, plan: Plan, ledger: Ledger, types: Mapping[str, EntityType]
    ) -> None:
        self._connection, self._tenant, self._plan, self._types = connection, tenant, plan, types
        self._ledger = ledger
        self._after = {r.atom: r.area for r in plan.opened if r.local}
        self._heirs: dict[str, dict[str, str]] = {}
        """Former agency → atom → its agency now; the atom "" stands for all."""
        for s in plan.successions:
            for atom in s.atoms or ("",):
                self._heirs.setdefault(s.former, {})[atom] = s.successor
        self._parts: dict[str, list[tuple[str, Any]]] = {}
        for piece in plan.pieces:
            if piece.cut_from:
                self._parts.setdefault(piece.cut_from, []).append((piece.id, shapely.geometry.shape(piece.land)))

    @property
    def stamps(self) -> list[str]:
        """Stamps of entities on the land that the order touches."""
        return sorted({atom for atom, _ in self._plan.closed} | set(self._plan.ended))

    def stamp(self, stamp: str | None, geometry: Geometry | None) -> str | None:
        """The stamp of an entity after the order."""
        if stamp is None or stamp not in self._parts or geometry is None:
            return stamp
        point = shapely.geometry.shape(geometry).representative_point()
        near = min(self._parts[stamp], key=lambda p: (p[1].distance(point), p[0]))
        return self.stamp(near[0], geometry)

    def area(self, stamp: str | None) -> str | None:
        """The unit in which a stamp lies after the order; None where it cannot tell or the order does not touch it."""
        if stamp is None:
            return None
        if stamp in self._after:
            return self._after[stamp]
        became = self._plan.ended.get(stamp, ())
        return became[0] if len(became) == 1 else None

    def heir(self, former: str | None, stamp: str | None) -> str | None:
        """The agency that has now what a former one had there; None: the former goes on, or nobody can tell."""
        heirs = self._heirs.get(former or "", {})
        return heirs.get("") or heirs.get(stamp or "-")

    async def cases(self) -> list[Case]:
        """Open cases that name an agency that ends."""
        ended = list(self._plan.agencies_ended)
        found: list[Case] = []
        for kind in self._types.values():
            workflow = kind.info.workflow
            fields = [s for s in kind.fields.values() if s.field.ref == "Agency" and not s.many]
            if workflow is None or not fields or not ended or kind.name in ("Agency", "Reorganisation"):
                continue
            area_field = next((s.name for s in kind.fields.values() if s.field.ref == "Area" and not s.many), "")
            place = kind.info.place or "location"
            for spec in fields:
                rows = await self._connection.fetch(
                    "SELECT id, agency, area, attrs -> $4 ->> 'value' AS former, attrs -> $5 ->> 'value' AS shown,"
                    " (attrs -> $6 -> 'value')::text AS place FROM entity WHERE tenant = $1 AND type = $2"
                    " AND attrs -> $4 ->> 'value' = ANY($3::text[])"
                    " AND NOT coalesce(attrs -> $7 ->> 'value', '') = ANY($8::text[]) ORDER BY id",
                    self._tenant, kind.name, ended, spec.name, area_field, place, workflow.attribute,
                    list(workflow.final),
                )  # fmt: skip
                for row in rows:
                    geometry = msgspec.json.decode(row["place"]) if row["place"] else None
                    stamp = self.stamp(row["area"], geometry)
                    area = self.area(stamp) or self.area(row["shown"])
                    found.append(
                        Case(row["id"], kind.name, spec.name, row["former"], row["agency"],
                             self.heir(row["former"], stamp), area_field, area)
                    )  # fmt: skip
        return found

    async def handed(self) -> list[tuple[str, str, str]]:
        """(id, type, new owner) of entities owned by a committee that goes on, on land that left its unit."""
        found: list[tuple[str, str, str]] = []
        sources = {p.cut_from: p for p in self._plan.pieces if p.cut_from}
        stamps = sorted(set(self._plan.handed) | set(sources))
        owners = sorted({former for former, _ in self._plan.handed.values()})
        if not owners:
            return found
        rows = await self._connection.fetch(
            "SELECT id, type, agency, area, attrs::text AS attrs FROM entity WHERE tenant = $1"
            " AND area = ANY($2::text[]) AND agency = ANY($3::text[]) ORDER BY id",
            self._tenant, stamps, owners,
        )  # fmt: skip
        for row in rows:
            kind = self._types.get(row["type"])
            place = msgspec.json.decode(row["attrs"]).get((kind.info.place if kind else "") or "location")
            stamp = self.stamp(row["area"], place.get("value") if isinstance(place, dict) else None)
            former, now = self._plan.handed.get(stamp or "", ("", ""))
            if former and former == row["agency"]:
                found.append((row["id"], row["type"], now))
        return found

    async def report(self, areas: Mapping[str, Area], agencies: Mapping[str, Agency], packs: Sequence[Pack]) -> Touched:
        """Everything counted."""
        plan, tenant, fetch = self._plan, self._tenant, self._connection.fetch
        every = {**areas, **{a.id: a for a in plan.created}}
        offices = {**agencies, **{a.id: a for a in plan.agencies_created}}
        ended_agencies, ended_areas = list(plan.agencies_ended), list(plan.ended)
        standing = await fetch(
            "SELECT type, count(*) AS n FROM entity WHERE tenant = $1 AND area = ANY($2::text[]) AND type <> 'Area'"
            " GROUP BY type ORDER BY type",
            tenant, self.stamps,
        )  # fmt: skip
        cases = await self.cases()
        passed = Counter((c.type, c.former, c.to or "") for c in cases)
        orphaned = [a for a, s in plan.agencies_ended.items() if s is None and a not in self._heirs]
        grants = await fetch(
            "SELECT role, count(*) AS n FROM grant_ WHERE tenant = $1"
            " AND (upper(valid) IS NULL OR upper(valid) > now()) AND (agency = ANY($2::text[]) OR areas && $3::text[])"
            " GROUP BY role ORDER BY role",
            tenant, ended_agencies, ended_areas,
        )  # fmt: skip
        count = self._connection.fetchval
        patterns = [f"%{id}%" for id in (*ended_agencies, *ended_areas)]
        stale = list(plan.divided)
        # A unit that goes on has a new record, and keeps its land all the same.
        gone_over = [atom for atom, (former, now) in plan.moved.items() if plan.going_on.get(former) != now]
        return Touched(
            effective=plan.day,
            begins=tuple(Named(id=a.id, name=a.name, kind=a.kind, code=a.code) for a in plan.created),
            ends=tuple(
                Named(
                    id=id, name=areas[id].name, kind=areas[id].kind, code=areas[id].code,
                    became=tuple((b, every[b].name) for b in became),
                )
                for id, became in plan.ended.items()
            ),
            agencies_begin=tuple(
                Named(id=a.id, name=a.name, kind=a.kind, code=a.identifier) for a in plan.agencies_created
            ),
            agencies_end=tuple(
                Named(
                    id=id, name=agencies[id].name, kind=agencies[id].kind, code=agencies[id].identifier,
                    became=tuple((h, offices[h].name) for h in dict.fromkeys(self._heirs.get(id, {}).values())),
                )
                for id in plan.agencies_ended
            ),
            land_km2=round(sum(self._size(a) for a in gone_over), 3),
            parts_moved=len(gone_over),
            parts_divided=len(plan.divided),
            entities=tuple(
                Counted(what=r["type"], count=r["n"], measured=bool(self._types[r["type"]].observed))
                if r["type"] in self._types
                else Counted(what=r["type"], count=r["n"])
                for r in standing
            ),
            cases=tuple(OpenCases(type=t, former=f, to=to, count=n) for (t, f, to), n in sorted(passed.items())),
            handed=len(await self.handed()),
            restamped=await count(
                "SELECT count(*) FROM entity WHERE tenant = $1 AND area = ANY($2::text[])", tenant, stale
            ),
            grants=tuple(Counted(what=r["role"], count=r["n"]) for r in grants),
            grants_ending=await count(
                "SELECT count(*) FROM grant_ WHERE tenant = $1 AND agency = ANY($2::text[])"
                " AND (upper(valid) IS NULL OR upper(valid) > now())",
                tenant, orphaned,
            ),
            accounts=await count(
                "SELECT count(*) FROM account WHERE tenant = $1 AND agency = ANY($2::text[])", tenant, ended_agencies
            ),
            tokens=await count(
                "SELECT count(*) FROM token WHERE tenant = $1 AND agency = ANY($2::text[]) AND revoked_at IS NULL",
                tenant, ended_agencies,
            ),
            subscriptions=await count(
                "SELECT count(*) FROM subscription WHERE tenant = $1"
                " AND (document::text LIKE ANY($2::text[]) OR owner::text LIKE ANY($2::text[]))",
                tenant, patterns,
            ),
            indicators=tuple(i.name for p in packs for i in p.indicators if i.by == "area"),
            references=await self._references(ended_areas, ended_agencies, cases),
            views=await count(
                "SELECT count(*) FROM saved_view WHERE tenant = $1 AND query LIKE ANY($2::text[])",
                tenant, [p.replace(":", "%") for p in patterns],
            ),
            unsettled=(*plan.unsettled, *self._undecided(cases, agencies)),
        )  # fmt: skip

    def _size(self, atom: str) -> float:
        piece = next((p for p in self._plan.pieces if p.id == atom), None) or self._ledger.pieces.get(atom)
        return piece.size_km2 if piece is not None else 0.0

    def _undecided(self, cases: Sequence[Case], agencies: Mapping[str, Agency]) -> list[Label]:
        left = Counter(c.former for c in cases if c.to is None)
        return [
            Label(
                f"{n} việc đang mở của {agencies[f].name} chưa có cơ quan tiếp nhận: cần giao.",
                f"{n} open cases of {agencies[f].name} have no new agency: assign them.",
            )
            for f, n in sorted(left.items())
        ]

    async def _references(
        self, areas: Sequence[str], agencies: Sequence[str], cases: Sequence[Case]
    ) -> tuple[Counted, ...]:
        """Fields of entities that name what ends, and go on doing so as the record of their time."""
        moving = Counter(f"{c.type}.{c.field}" for c in cases if c.to is not None)
        found = []
        for kind in self._types.values():
            if kind.name in ("Area", "Agency", "Reorganisation"):
                continue
            for spec in kind.fields.values():
                ids = {"Area": areas, "Agency": agencies}.get(spec.field.ref, ())
                if not ids or spec.many:
                    continue
                n = await self._connection.fetchval(
                    "SELECT count(*) FROM entity WHERE tenant = $1 AND type = $2"
                    " AND attrs -> $3 ->> 'value' = ANY($4::text[])",
                    self._tenant, kind.name, spec.name, list(ids),
                )  # fmt: skip
                name = f"{kind.name}.{spec.name}"
                if n - moving.get(name, 0) > 0:
                    found.append(Counted(what=name, count=n - moving.get(name, 0)))
        return tuple(found)
