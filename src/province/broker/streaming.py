"""Streaming rules: every batch of readings is held against the thresholds that packs declare, on columns.

The lake writer asks `evaluate` for the outcome of a batch, and saves it in the transaction that moves its position.
So state, crossings and position agree whatever is killed when, and a crossing is told once: as an event in the outbox,
`threshold.crossed`, from which the relay makes an alert (`broker.alarms`) by the ordinary door.

Which readings count: numbers without datasetId of the watched field, measured, reported or simulated. Readings are
taken in the order of their time inside a batch; one that is not newer than the last of its source is history and
changes no level (it still counts in a moving mean, while its hour is in the window).
"""

from __future__ import annotations

import asyncio
import logging
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final
from uuid import UUID, uuid5

import msgspec
import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from province.broker.database import Connection, Pool
from province.broker.sources import Saved, SavedBuckets, Sources, instant, save, save_buckets
from province.compute.moving import means
from province.compute.threshold import evaluate
from province.model.actor import system
from province.model.entity import ORIGINS
from province.model.schema import EntityType, describe
from province.model.time import Instant, format_instant
from province.pack import Pack, Parameters, Threshold

log = logging.getLogger(__name__)

CROSSED: Final = "threshold.crossed"
"""Event of a source whose level changed; its payload is a `Crossing`."""
WATCHED: Final = tuple(ORIGINS.index(one) for one in ("measured", "reported", "simulated"))
THREAD_FROM_ROWS = 20_000
_NAMESPACE = UUID("6b1d7f0e-6f0f-5d8e-9a7e-3d1c5a0c7a11")
_HOUR_US = 3_600_000_000
_DAY_US = 24 * _HOUR_US
_CIVIL_US = 7 * _HOUR_US
"""Asia/Ho_Chi_Minh has been UTC+7 without interruption since 13 June 1975."""

Ints = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]
ParametersAt = Callable[[str, Instant], Parameters]


class Crossing(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """A source went from one level to another.

    value: what was held against the limits, in `unit_code`.  reading: the reading that did it, which differs from
    `value` for a moving mean.  limits: of each level, None where the source has none.  since: first reading of the run.
    """

    rule: str
    attribute: str
    before: int
    after: int
    value: float
    reading: float
    unit_code: str
    limits: list[float | None]
    hysteresis: float
    at: Instant
    since: Instant
    origin: str


@dataclass(slots=True)
class Outcome:
    """What a batch did to one tenant. Nothing of it is stored until `save`."""

    tenant: str
    states: list[Saved] = field(default_factory=list)
    buckets: list[SavedBuckets] = field(default_factory=list)
    crossings: list[tuple[str, str, Crossing]] = field(default_factory=list)
    """(entity, type, crossing), in order of time per entity."""

    async def save(self, connection: Connection) -> None:
        """Write states and events, inside the caller's transaction."""
        for one in self.states:
            await save(connection, self.tenant, one)
        for part in self.buckets:
            await save_buckets(connection, self.tenant, part)
        if self.crossings:
            actor = system(self.tenant, "streaming").id
            await connection.execute(
                "INSERT INTO outbox (tenant, id, kind, name, entity, type, payload, depth, actor, at)"
                " SELECT $1, u.id, 'event', $2, u.entity, u.type, u.payload, 0, $3, now() FROM"
                " unnest($4::uuid[], $5::text[], $6::text[], $7::jsonb[]) WITH ORDINALITY"
                " AS u(id, entity, type, payload, place)"
                # A commit whose answer was lost is repeated: what is told already is not told again.
                " WHERE NOT EXISTS (SELECT 1 FROM outbox o WHERE o.tenant = $1 AND o.entity = u.entity AND o.id = u.id)"
                " ORDER BY u.place",
                self.tenant,
                CROSSED,
                actor,
                [_id(self.tenant, entity, crossing) for entity, _, crossing in self.crossings],
                [entity for entity, _, _ in self.crossings],
                [type_name for _, type_name, _ in self.crossings],
                [msgspec.json.encode(crossing).decode() for _, _, crossing in self.crossings],
            )


@dataclass(frozen=True, slots=True)
class _Rule:
    name: str
    pack: str
    threshold: Threshold
    type: EntityType


class Watcher:
    """One per lake writer. packs: whose thresholds are watched.  parameters: (pack name, instant) → dated constants."""

    def __init__(self, pool: Pool, packs: Sequence[Pack], parameters: ParametersAt) -> None:
        self._pool = pool
        self._parameters = parameters
        self._rules = [
            _Rule(rule_name(pack, one), pack.name, one, describe(one.of)) for pack in packs for one in pack.thresholds
        ]
        self._sources: dict[tuple[str, str], Sources] = {}
        self.crossed = 0
        self.failed = 0

    def forget(self) -> None:
        """What is in memory may be ahead of what is stored: load it again."""
        self._sources.clear()

    async def evaluate(self, tenant: str, rows: pa.Table) -> Outcome:
        """Hold a batch (columns of `history.lake.stage`) against every rule; memory moves on with the answer.

        A rule that fails over a defect or an impossible constant is logged and left out: it must not stop the lake.
        """
        outcome = Outcome(tenant)
        if not self._rules or rows.num_rows == 0:
            return outcome
        batch = _Batch.of(rows)
        ready = []
        for rule in self._rules:
            chosen = batch.choose(rule.type.name, rule.threshold.field)
            if not len(chosen):
                continue
            sources = self._sources.setdefault(
                (tenant, rule.name), Sources(tenant, rule.name, rule.threshold, rule.type)
            )
            entity, ids = batch.entities(chosen)
            async with self._pool.acquire() as connection:
                places = await sources.rows(connection, ids)
            ready.append((rule, sources, places[entity], batch, chosen))
        # Everything is loaded: from here on nothing waits for the database, so that no batch is watched by halves.
        for one in ready:
            try:
                if len(one[-1]) >= THREAD_FROM_ROWS:
                    await asyncio.to_thread(self._watch, outcome, *one)
                else:
                    self._watch(outcome, *one)
            except (ArithmeticError, ValueError, TypeError, LookupError):
                self.failed += 1
                log.exception("a streaming rule failed", extra={"rule": one[0].name, "tenant": tenant})
        self.crossed += len(outcome.crossings)
        return outcome

    def _watch(self, outcome: Outcome, rule: _Rule, sources: Sources, place: Ints, batch: _Batch, rows: Ints) -> None:
        threshold = rule.threshold
        at, number = batch.at[rows], batch.number[rows]
        order = np.lexsort((rows, at, place))  # rows ascend in the order of arrival
        place, at, number, rows = place[order], at[order], number[order], rows[order]
        known, local = np.unique(place, return_inverse=True)
        last = sources.last_us[place]
        single = at != last
        single[1:] &= (place[1:] != place[:-1]) | (at[1:] != at[:-1])
        window = sources.buckets.take(known)
        value = number
        if threshold.mean is not None:
            value = np.full(len(number), np.nan)
            value[single] = means(
                local[single], at[single], number[single], window, bucket_us=_HOUR_US, least=threshold.mean.least
            )
        fresh = single & (at > last)
        place, local, at, rows = place[fresh], local[fresh], at[fresh], rows[fresh]
        number, value = number[fresh], value[fresh]
        state = sources.latches.take(known)
        sign = 1.0 if threshold.direction == "above" else -1.0
        limits, width = self._limits(rule, sources, place, at)
        found, after = evaluate(
            local, at, sign * value, sign * limits, width, state,
            readings=threshold.readings, lasts_us=threshold.lasts_s * 1_000_000,
        )  # fmt: skip
        newest = sources.last_us[known].copy()
        np.maximum.at(newest, local, at)
        changed = after.differs(state)
        for n in np.flatnonzero(found.before != found.after):
            crossing = Crossing(
                rule=rule.name,
                attribute=threshold.field,
                before=int(found.before[n]),
                after=int(found.after[n]),
                value=float(value[n]),
                reading=float(number[n]),
                unit_code=rule.type.fields[threshold.field].unit,
                limits=[None if math.isnan(x) else float(x) for x in limits[n]],
                hysteresis=float(width[n]),
                at=instant(int(at[n])),
                since=instant(int(found.since_us[n])),
                origin=ORIGINS[int(batch.origin[rows[n]])],
            )
            outcome.crossings.append((sources.ids[int(place[n])], rule.type.name, crossing))
        sources.last_us[known] = newest
        sources.latches.put(known, after)
        if changed.any():
            outcome.states.append(sources.saved(known[changed]))
        if threshold.mean is not None:
            moved, columns = window.changed(sources.buckets.take(known))
            sources.buckets.put(known, window)
            outcome.buckets.append(sources.saved_buckets(known[moved], columns))

    def _limits(self, rule: _Rule, sources: Sources, place: Ints, at: Ints) -> tuple[Floats, Floats]:
        """Limits and hysteresis of each reading: the constants of its civil day, or the entity's own fields."""
        days, day = np.unique((at + _CIVIL_US) // _DAY_US, return_inverse=True)
        constants = [self._parameters(rule.pack, instant(int(d) * _DAY_US - _CIVIL_US)) for d in days]
        levels = rule.threshold.levels
        limits = sources.own_limits[place]
        for n, level in enumerate(levels):
            if level.parameter:
                limits[:, n] = np.array([_constant(c, level.parameter) for c in constants])[day]
        width = np.array([_constant(c, rule.threshold.hysteresis) for c in constants])[day]
        return limits, np.nan_to_num(width, nan=0.0)


@dataclass(frozen=True, slots=True)
class _Batch:
    """The columns that rules look at."""

    types: Mapping[str, int]
    type: Ints
    attributes: Mapping[str, int]
    attribute: Ints
    entity: pa.Array
    usable: npt.NDArray[np.bool_]
    at: Ints
    number: Floats
    origin: Ints

    @staticmethod
    def of(rows: pa.Table) -> _Batch:
        rows = rows.combine_chunks()
        types, type_code = _codes(rows["type"])
        attributes, attribute = _codes(rows["attribute"])
        origin = rows["origin"].to_numpy().astype(np.int64)
        number = pc.fill_null(rows["number"], np.nan).to_numpy()
        plain = pc.is_null(rows["dataset"]).to_numpy()
        usable = plain & np.isfinite(number) & np.isin(origin, WATCHED)
        at = rows["observed_at"].cast(pa.int64()).to_numpy()
        return _Batch(types, type_code, attributes, attribute, rows["entity"], usable, at, number, origin)

    def choose(self, type_name: str, attribute: str) -> Ints:
        """Rows of a field that a rule may look at."""
        t, a = self.types.get(type_name), self.attributes.get(attribute)
        if t is None or a is None:
            return np.empty(0, np.int64)
        return np.flatnonzero((self.type == t) & (self.attribute == a) & self.usable)

    def entities(self, rows: Ints) -> tuple[Ints, list[str]]:
        """Distinct entities of some rows, and which of them each row is about."""
        encoded = self.entity.take(pa.array(rows)).combine_chunks().dictionary_encode()
        return encoded.indices.to_numpy().astype(np.int64), encoded.dictionary.to_pylist()


def rule_name(pack: Pack, threshold: Threshold) -> str:
    """`environment.flood_level`."""
    return f"{pack.name}.{threshold.name}"


def _codes(column: pa.ChunkedArray) -> tuple[Mapping[str, int], Ints]:
    encoded = column.combine_chunks()
    if not pa.types.is_dictionary(encoded.type):
        encoded = encoded.dictionary_encode()
    names = {name: n for n, name in enumerate(encoded.dictionary.to_pylist())}
    return names, encoded.indices.to_numpy().astype(np.int64)


def _constant(parameters: Mapping[str, Any], name: str) -> float:
    value = parameters.get(name)
    return float(value) if isinstance(value, int | float) and not isinstance(value, bool) else math.nan


def _id(tenant: str, entity: str, crossing: Crossing) -> UUID:
    """The same crossing has the same id, however often it is worked out."""
    return uuid5(_NAMESPACE, f"{tenant}\n{crossing.rule}\n{entity}\n{format_instant(crossing.at)}\n{crossing.after}")
