"""The plan on a day, put together from records, declared checks and what the system measures, for every door."""

from __future__ import annotations

import asyncio
import hashlib
import logging
from collections.abc import Coroutine, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, TypeVar

import asyncpg
import msgspec
import shapely
import shapely.geometry

from province.adapters.pdf import Printer
from province.adapters.studies.service import achieved
from province.app.annex_print import TEMPLATE, document
from province.app.core import Core
from province.app.declarations import TITLE_EN, TITLE_VI, parameters_at
from province.broker.database import LOST
from province.broker.indicators import types_of
from province.errors import NotFound, ProvinceError
from province.identity import policy
from province.model.actor import Actor, system
from province.model.annex import AnnexView, LineView, ReportView
from province.model.change import Change
from province.model.goal import Achieved, Measured
from province.model.label import Label
from province.model.query import Query, pages
from province.model.record import attributes, to_record
from province.model.schema import Record, describe
from province.model.time import format_instant, now
from province.pack import Indicator
from province.packs.plan.annex import Known, Parts, Records, view
from province.packs.plan.types import (
    Commitment,
    PlanLine,
    PlanMeasurement,
    PlanOwner,
    PlanPlace,
    PlanTarget,
    Project,
    TransformationIndex,
)
from province.vocab.area import LOCAL, Area, civil_day, in_force
from province.vocab.milestone import Milestone

log = logging.getLogger(__name__)

PRINTED = 16
"""So many printed reports are kept."""
FRESH_S = 30.0
"""A measured value is shown for this long before it is computed again, in the background."""
FACTS_S = 10.0
"""A change of lines, targets or owners is on the pages at the first visit after this long, or the second."""
OLD_S = 60.0
"""Older facts are shown to nobody."""
WAIT_S = 0.25
"""The first visitors after a start wait this long for a number that nobody has computed yet."""
COST = 50.0
"""A computation that took t seconds is not repeated before 50 t: a million devices are counted at 2% of a core."""

HOUR_S = 3600.0
_PASSING = (ProvinceError, *LOST, asyncpg.PostgresError)
"""What may go wrong today and be well tomorrow: background work says so and goes on."""
R = TypeVar("R", bound=Record)


@dataclass(slots=True)
class _Value:
    measured: Measured
    next: float


@dataclass(frozen=True, slots=True)
class _Facts:
    """What every caller may see alike: all fields of these types are public. at: loop time of the reading."""

    lines: Sequence[PlanLine]
    commitments: Sequence[Commitment]
    targets: Sequence[PlanTarget]
    owners: Sequence[PlanOwner]
    places: Sequence[PlanPlace]
    indices: Sequence[TransformationIndex]
    measurements: Sequence[PlanMeasurement]
    names: Mapping[str, str]
    areas: Sequence[Area]
    at: float


@dataclass(slots=True)
class Annex:
    """Questions about the plan. Values are shared between callers; who may see one is decided per caller."""

    core: Core
    wait_s: float = WAIT_S
    _values: dict[tuple[str, str], _Value] = field(default_factory=dict)
    _running: dict[tuple[str, str], asyncio.Task[None]] = field(default_factory=dict)
    _facts: dict[str, _Facts] = field(default_factory=dict)
    _printer: Printer = field(default_factory=Printer)
    _printed: dict[str, bytes] = field(default_factory=dict)
    _lock: asyncio.Lock = field(default_factory=asyncio.Lock)

    async def view(self, actor: Actor, day: str = "") -> AnnexView:
        """The plan as it stands on a day, as the caller may see it. day: empty for today."""
        today = civil_day(now())
        day = day or today
        found = await self._records(actor, day)
        indicators = self._indicators()
        checks = tuple(c for p in self.core.declared.packs for c in p.checks)
        rows = {i.name: i.row or p.row for p in self.core.declared.packs for i in p.indicators}
        served = {row for _, row in found.rows()}
        wanted = {t.indicator for t in found.targets} | {n for c in checks for n in c.indicators}
        wanted |= {name for name, row in rows.items() if row in served and indicators[name].public}
        names = sorted(wanted & indicators.keys())
        values = await asyncio.gather(*(self._value(indicators[name], actor) for name in names))
        pending = frozenset(n for n, v in zip(names, values, strict=True) if v == "pending")
        known = Known(
            indicators=indicators,
            rows=rows,
            checks=checks,
            measured={n: v for n, v in zip(names, values, strict=True) if v != "pending"},
            pending=pending,
            params=parameters_at("plan", now()),
        )
        return view(found, known, day, today=today)

    async def line(self, actor: Actor, code: str, day: str = "") -> tuple[AnnexView, LineView]:
        """One line or commitment. Raises: NotFound."""
        whole = await self.view(actor, day)
        for one in whole.everything:
            if one.code == code:
                return whole, one
        raise NotFound(f"the plan has no line {code[:40]!r}.", field="code", remedy="See /phu-luc-xiv for all codes.")

    async def report(self, actor: Actor, year: int) -> ReportView:
        """The report of a year. Raises: NotFound for a year before the plan or after today."""
        at = now()
        today = civil_day(at)
        if not 2024 <= year <= int(today[:4]):
            raise NotFound(f"there is no report of {year}.", field="year", remedy=f"2024 to {today[:4]}.")
        end = f"{year}-12-31"
        whole = await self.view(actor, min(end, today))
        return ReportView(year=year, complete=end < today, written_at=format_instant(at), annex=whole)

    async def print(self, report: ReportView, language: str) -> bytes:
        """The report as a PDF. One that was just set is given again: nothing in it can have changed but the minute."""
        data = document(report, language, Label(TITLE_VI, TITLE_EN))
        digest = hashlib.sha256(msgspec.json.encode({**data, "footer": ""})).hexdigest()
        if digest not in self._printed:
            made = await self._printer.print(TEMPLATE, data)
            while len(self._printed) >= PRINTED:
                self._printed.pop(next(iter(self._printed)))
            self._printed[digest] = made
        return self._printed[digest]

    async def keep(self, tenant: str) -> int:
        """Write today's value of every indicator that a target names. Twice on a day gives one row, the later value."""
        actor = system(tenant, "plan")
        targets = await self._all(PlanTarget, actor)
        indicators = self._indicators()
        changes = []
        for name in sorted({t.indicator for t in targets} & indicators.keys()):
            measured = await self.core.broker.measured(indicators[name], tenant)
            if measured.value is None:
                continue
            row = PlanMeasurement(
                id=f"urn:ngsi-ld:PlanMeasurement:{name}:{civil_day(measured.at)}",
                indicator=name,
                day=civil_day(measured.at),
                at=measured.at,
                quantity={"value": measured.value, "unit": measured.unit},
                counted=measured.counted,
                excluded=dict(measured.excluded),
            )
            attrs = attributes(row, origin="measured")
            changes.append(Change(op="upsert", id=row.id, type=describe(PlanMeasurement).name, attrs=attrs))
        await self.core.broker.apply(changes, actor)
        return len(changes)

    def _indicators(self) -> Mapping[str, Indicator]:
        return {i.name: i for p in self.core.declared.packs for i in p.indicators}

    async def _value(self, indicator: Indicator, actor: Actor) -> Measured | Literal["pending"] | None:
        """The number for this caller: None when neither it is public nor the caller may read everything behind it.

        Nobody waits long for a number: it is computed in the background, and until it is there it is pending.
        """
        nouns = [self.core.broker.types[name].noun for name in types_of(indicator)]
        if not indicator.public and not all(policy.scope(actor, f"{noun}.read").all for noun in nouns):
            return None
        key = (actor.tenant, indicator.name)
        if key not in self._values:
            if key not in self._running:
                self._in_background(key, self._refresh(indicator, actor.tenant))
            await asyncio.wait((self._running[key],), timeout=self.wait_s)
            found = self._values.get(key)
            return "pending" if found is None else found.measured
        if asyncio.get_running_loop().time() >= self._values[key].next and key not in self._running:
            self._in_background(key, self._refresh(indicator, actor.tenant))
        return self._values[key].measured

    async def _refresh(self, indicator: Indicator, tenant: str) -> None:
        loop = asyncio.get_running_loop()
        began = loop.time()
        measured = await self.core.broker.measured(indicator, tenant)
        took = loop.time() - began
        self._values[(tenant, indicator.name)] = _Value(measured, loop.time() + max(FRESH_S, COST * took))

    async def _records(self, actor: Actor, day: str) -> Records:
        facts = await self._shared(actor.tenant)
        projects, milestones = await asyncio.gather(self._all(Project, actor), self._all(Milestone, actor))
        return Records(
            achieved=await self._achieved(milestones, actor),
            lines=facts.lines,
            commitments=facts.commitments,
            targets=facts.targets,
            owners=facts.owners,
            places=facts.places,
            measurements=facts.measurements,
            indices=facts.indices,
            projects=projects,
            milestones=milestones,
            names=facts.names,
            parts=parts_of({p.area for p in facts.places if p.area}, facts.areas, day),
        )

    async def _achieved(self, milestones: Sequence[Milestone], actor: Actor) -> Mapping[str, Achieved]:
        """Of adopted studies, what stands of what they build; without those whose number the caller may not see."""
        kinds = {k.name: k for p in self.core.declared.packs for k in p.studies}
        wanted = {m.study: m for m in milestones if m.study and m.planned and m.measures in kinds}
        found: dict[str, Achieved] = {}
        for study, one in wanted.items():
            adoption = kinds[one.measures or ""].adoption
            value = await self._value(adoption.measure(study), actor) if adoption is not None else None
            if adoption is not None and value is not None and value != "pending":
                found[study] = achieved(adoption, value, float((one.planned or {})["value"]))
        return found

    async def _shared(self, tenant: str) -> _Facts:
        """The facts, read again in the background when they are a little old, and at once when they are very old."""
        age = asyncio.get_running_loop().time() - found.at if (found := self._facts.get(tenant)) else OLD_S
        if found is None or age >= OLD_S:
            async with self._lock:
                return await self._renewed(tenant, found)
        if age >= FACTS_S and not self._lock.locked():
            self._in_background((tenant, ""), self._renew(tenant, found))
        return found

    async def _renew(self, tenant: str, old: _Facts) -> None:
        async with self._lock:
            await self._renewed(tenant, old)

    async def _renewed(self, tenant: str, old: _Facts | None) -> _Facts:
        """Read the facts unless somebody did while we waited."""
        found = self._facts.get(tenant)
        if found is None or found is old:
            found = self._facts[tenant] = await self._read_facts(system(tenant, "plan"))
        return found

    def _in_background(self, key: tuple[str, str], work: Coroutine[Any, Any, None]) -> None:
        async def quietly() -> None:
            try:
                await work
            except _PASSING as error:
                log.warning("what the plan shows is old", extra={"key": key, "error": repr(error)})

        task = asyncio.create_task(quietly(), name="plan")
        self._running[key] = task
        task.add_done_callback(lambda _: self._running.pop(key, None))

    async def _read_facts(self, actor: Actor) -> _Facts:
        owners, places = await self._all(PlanOwner, actor), await self._all(PlanPlace, actor)
        return _Facts(
            lines=await self._all(PlanLine, actor),
            commitments=await self._all(Commitment, actor),
            targets=await self._all(PlanTarget, actor),
            owners=owners,
            places=places,
            indices=await self._all(TransformationIndex, actor),
            measurements=await self._all(PlanMeasurement, actor),
            names=await self._names(actor, {o.agency for o in owners}),
            areas=await self._all(Area, actor),
            at=asyncio.get_running_loop().time(),
        )

    async def _all(self, kind: type[R], actor: Actor) -> Sequence[R]:
        query = Query(types=(describe(kind).name,), limit=1000, latest=False)
        found: list[R] = []
        async for page in pages(self.core.broker.query, query, actor):
            for entity in page.items:
                try:
                    found.append(to_record(kind, entity))
                except ProvinceError as error:
                    # Somebody stored what does not fit: the rest of the plan is shown all the same.
                    log.warning("a record of the plan cannot be read", extra={"id": entity.id, "error": str(error)})
        return found

    async def _names(self, actor: Actor, ids: set[str]) -> Mapping[str, str]:
        if not ids:
            return {}
        page = await self.core.broker.query(Query(ids=tuple(sorted(ids)), limit=1000, latest=False), actor)
        return {e.id: str(e.value("name")) for e in page.items if e.value("name")}


def parts_of(ended: Iterable[str], areas: Sequence[Area], day: str) -> Mapping[str, Parts]:
    """Area that has ended by a day → the units in force that took in a part of it, by the table of conversions.

    Where no conversion is known, the wards and communes whose middle lies inside it: as approximate as the boundaries.
    """
    by_id = {a.id: a for a in areas}
    inside: dict[str, list[Area]] = {}
    for area in areas:
        if area.parent:
            inside.setdefault(area.parent, []).append(area)
    found: dict[str, Parts] = {}
    for area in (by_id[id] for id in set(ended) if id in by_id):
        if area.validTo is None or area.validTo > day:
            continue
        units = _became(area, by_id, inside, day)
        names = units or _in_the_middle(area, areas, day)
        if names:
            found[area.id] = Parts(names=tuple(sorted(names)), approximate=not units)
    return found


def _became(area: Area, by_id: Mapping[str, Area], inside: Mapping[str, Sequence[Area]], day: str) -> set[str]:
    """Names of the local units in force that an area, or what lay inside it, became; however many reforms later."""
    names: set[str] = set()
    seen: set[str] = set()
    waiting = [area]
    while waiting:
        unit = waiting.pop()
        if unit.id in seen:
            continue
        seen.add(unit.id)
        if unit.kind in LOCAL and in_force(unit.validFrom, unit.validTo, day):
            names.add(unit.name)
        elif unit.validTo is not None and unit.validTo <= day:
            waiting += [by_id[id] for id in unit.successors if id in by_id]
            waiting += inside.get(unit.id, ())
    return names


def _in_the_middle(area: Area, areas: Sequence[Area], day: str) -> set[str]:
    if area.location is None:
        return set()
    shape = shapely.geometry.shape(area.location)
    return {
        a.name
        for a in areas
        if a.kind in LOCAL
        and a.location is not None
        and in_force(a.validFrom, a.validTo, day)
        and shape.covers(shapely.geometry.shape(a.location).representative_point())
    }


async def keep_always(annex: Annex) -> None:
    """Write the day's values of every tenant again and again, until cancelled; the last ones of a day stay."""
    while True:
        try:
            for tenant in await annex.core.tenants():
                await annex.keep(tenant)
        except _PASSING as error:
            log.warning("the values of the plan were not kept", extra={"error": repr(error)})
        await asyncio.sleep(HOUR_S)
