"""The broker of the tests: everything in a dictionary."""

from __future__ import annotations

import math
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

import msgspec
import numpy as np

from province.broker.actions import read_inputs, run
from province.broker.broker import Acted
from province.broker.indicators import Valued
from province.broker.marks import Marks
from province.errors import (
    NotFound,
    ProvinceError,
)
from province.identity import policy
from province.model.actor import Actor
from province.model.change import Changed
from province.model.entity import Attribute, Entity
from province.model.geometry import bounds
from province.model.query import AnyOf, Page, Query, Where
from province.model.record import to_record
from province.model.schema import EntityType, describe
from province.model.text import fold
from province.model.time import Instant, now
from province.pack import (
    Context,
    Pack,
    Parameters,
    Silent,
)
from tests.console.sample import PACK

_NO_PARAMETERS: Parameters = {}


def _words(entity: Entity) -> str:
    return fold(f"{entity.value('title')} {entity.value('name')}")


def _holds(entity: Entity, term: Where | AnyOf) -> bool:
    if isinstance(term, AnyOf):
        return any(all(_holds(entity, t) for t in group) for group in term.groups)
    value = entity.value(term.name)
    if term.op == "absent":
        return value is None
    if value is None:
        return False
    return {
        "==": lambda: value == term.value,
        "!=": lambda: value != term.value,
        "in": lambda: value in term.value,
        ">=": lambda: value >= term.value,
        ">": lambda: value > term.value,
        "<=": lambda: value <= term.value,
        "<": lambda: value < term.value,
        "exists": lambda: True,
    }[term.op]()


@dataclass(frozen=True)
class Step:
    """One instance of the history."""

    key: str
    attribute: Attribute | None
    at: Instant
    actor: str
    version: int = 1


@dataclass(frozen=True)
class Past:
    """A history."""

    records: tuple[Step, ...]


@dataclass(frozen=True)
class Columns:
    """A series."""

    data: dict[str, list[Any]]

    def to_pydict(self) -> dict[str, list[Any]]:
        """As pyarrow does."""
        return self.data


@dataclass(frozen=True)
class Member:
    """A silent entity."""

    id: str
    title: str
    last: Instant | None


@dataclass(frozen=True)
class Group:
    """A group of silent entities."""

    values: tuple[Any, ...]
    silent: int
    total: int
    members: tuple[Member, ...]


@dataclass
class Memory:
    """The broker of the tests: everything in a dictionary, rights by type."""

    entities: dict[str, Entity]
    packs: tuple[Pack, ...] = (PACK,)
    asked: list[Query] = field(default_factory=list)
    acted: list[tuple[str, Mapping[str, Any], tuple[str, ...], str | None]] = field(default_factory=list)
    broken: ProvinceError | None = None

    @property
    def types(self) -> Mapping[str, EntityType]:
        return {describe(t).name: describe(t) for pack in self.packs for t in pack.types}

    async def act(
        self,
        name: str,
        actor: Actor,
        *,
        id: str | None = None,
        inputs: Mapping[str, Any] | None = None,
        files: tuple[str, ...] = (),
        key: str | None = None,
    ) -> Acted:
        action = next(a for p in self.packs for a in p.actions if a.name == name)
        values = read_inputs(action, inputs or {})
        self.acted.append((name, values, files, key))
        context = Context(now=now(), params=_NO_PARAMETERS, actor=actor.id, files=files, nonce="0" * 32)
        if id is None:
            made = run(action.do, context=context, **values).changes
            return Acted(changed=tuple(Changed(id=c.id, type=c.type, version=1) for c in made))
        found = self.entities[id]
        effects = run(action.do, to_record(action.record, found), context=context, **values)
        changed = []
        for change in effects.changes:
            attrs = {**found.attrs, **{k: v for k, v in change.attrs.items() if v is not None}}
            self.entities[id] = msgspec.structs.replace(found, attrs=attrs, version=found.version + 1)
            changed.append(Changed(id=id, type=found.type, version=found.version + 1))
        return Acted(changed=tuple(changed), answers=effects.answers)

    def _sees(self, actor: Actor, entity: Entity) -> bool:
        spec = self.types.get(entity.type)
        return (spec is not None and spec.info.public) or policy.allows(actor, f"{entity.type.lower()}.read")

    async def get(self, id: str, actor: Actor, *, type: str | None = None, latest: bool = True) -> Entity:
        if self.broken is not None:
            raise self.broken
        found = self.entities.get(id)
        if found is None or not self._sees(actor, found):
            raise NotFound(f"there is no entity {id}.", field="id")
        return found

    async def query(self, query: Query, actor: Actor) -> Page:
        self.asked.append(query)
        found = [e for e in self.entities.values() if self._sees(actor, e)]
        if query.types:
            found = [e for e in found if e.type in query.types]
        if query.ids:
            found = [e for e in found if e.id in query.ids]
        for term in query.where:
            found = [e for e in found if _holds(e, term)]
        if query.text:
            found = [e for e in found if all(w in _words(e) for w in fold(query.text).split())]
        found.sort(key=lambda e: e.id)
        total = len(found) if query.count else None
        found = [e for e in found if e.id > query.after]
        items = tuple(found[: query.limit])
        return Page(items=items, next=items[-1].id if len(found) > query.limit and items else "", total=total)

    async def history(self, id: str, actor: Actor, **_: Any) -> Past:
        found = await self.get(id, actor)
        observed = {s.name for s in self.types[found.type].observed}
        made = found.created_at or now()
        return Past(tuple(Step(k, a, made, "account-1") for k, a in found.attrs.items() if k not in observed))

    async def series(
        self, id: str, attr: str, actor: Actor, *, start: Instant, end: Instant, points: int = 800
    ) -> Columns:
        await self.get(id, actor)
        if attr != "pm25" and attr not in self.types[self.entities[id].type].fields:
            raise NotFound(f"no {attr}.")
        many = (end - start) > timedelta(days=1)
        step = (end - start) / 288
        times = [start + step * i for i in range(288) if not 120 < i < 150]
        values = [24 + 9 * math.sin(i / 23) + 4 * math.sin(i * 1.7) for i in range(288) if not 120 < i < 150]
        spread = 5.0 if many else 0.0
        return Columns(
            {
                "t": times,
                "avg": values,
                "min": [v - spread - (i % 3 if many else 0) for i, v in enumerate(values)],
                "max": [v + spread + (i % 5 if many else 0) for i, v in enumerate(values)],
                "count": [12 if many else 1] * len(values),
            }
        )

    async def silent(self, panel: Silent, actor: Actor) -> Sequence[Group]:
        name = describe(panel.of).name
        kind = self.types[name]
        observed = [o.name for o in kind.observed]
        found = [e for e in self.entities.values() if e.type == name]
        result = []
        for position, shared in enumerate(panel.by):
            for value in dict.fromkeys(e.value(shared) for e in found):
                members = [e for e in found if e.value(shared) == value]
                quiet = [e for e in members if not any(o in e.attrs for o in observed)]
                if quiet:
                    values = tuple(value if i == position else None for i in range(len(panel.by)))
                    shown = tuple(Member(e.id, str(e.value("name") or e.id), None) for e in quiet)
                    result.append(Group(values, len(quiet), len(members), shown))
        return result

    async def marks(self, type_name: str, field: str, where: tuple[Where, ...], actor: Actor) -> Marks:
        kind = self.types[type_name]
        mine = [e for e in self.entities.values() if e.type == type_name and self._sees(actor, e)]
        found = sorted(
            (e for e in mine if e.value("location") and all(_holds(e, w) for w in where)), key=lambda e: e.id
        )
        shapes = [bounds(e.value("location")) for e in found]
        numeric = field in kind.fields and kind.fields[field].value in ("number", "integer")
        values = [e.value(field) for e in found]
        names: dict[str, int] = {"": 0}
        times = [a.observed_at if (a := e.attrs.get(field)) else None for e in found]
        return Marks(
            tuple(e.id for e in found),
            np.array([(b[0] + b[2]) / 2 for b in shapes], float),
            np.array([(b[1] + b[3]) / 2 for b in shapes], float),
            np.array([b[0] != b[2] for b in shapes], bool),
            np.array([0 if numeric else names.setdefault(str(v or ""), len(names)) for v in values], np.int64),
            tuple(names),
            np.array([v if numeric and v is not None else math.nan for v in values], float),
            np.array([t.timestamp() if t else math.nan for t in times], float),
            np.array([a.origin == "simulated" if (a := e.attrs.get(field)) else False for e in found], bool),
            field,
            time.time(),
        )

    async def counts(self, actor: Actor) -> list[tuple[str, int, tuple[str, ...]]]:
        counts: dict[str, int] = {}
        for e in self.entities.values():
            counts[e.type] = counts.get(e.type, 0) + 1
        return [(name, n, ()) for name, n in sorted(counts.items())]

    async def trends(self, actor: Actor, start: Instant) -> dict[str, list[tuple[Instant, float]]]:
        at = now().replace(minute=0, second=0, microsecond=0)
        return {"cases": [(at - timedelta(hours=h), 9.0 if h == 0 else 7.0) for h in range(36, -1, -1)]}

    async def indicators(self, actor: Actor) -> list[Valued]:
        result: list[Valued] = []
        for indicator in (i for p in self.packs for i in p.indicators):
            found = [e for e in self.entities.values() if e.type == describe(indicator.of).name]
            if indicator.measure == "count":
                found = [e for e in found if all(_holds(e, w) for w in indicator.where)]
                title = describe(indicator.of).info.title
                unreal = sum(1 for e in found if title in e.attrs and e.attrs[title].origin == "simulated")
                result.append((indicator, float(len(found)), now(), {"simulated": unreal} if unreal else {}))
            else:
                known = [v for e in found if (v := e.value(indicator.field)) is not None]
                result.append((indicator, sum(known) / len(known) if known else None, now(), {}))
        return result
