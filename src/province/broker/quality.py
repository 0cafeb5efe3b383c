"""Data quality per source, computed from running data: devices by their readings, senders by what they sent.

`broker.score` says how the score follows. Devices are looked at a range of ids at a time, so that memory stays bounded,
and in a thread, on columns: a million of them must not hold up what else this process does.
"""

from __future__ import annotations

import asyncio
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any, Final, Literal

import msgspec
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from province.broker import arrivals
from province.broker.admission import Bound, Columns, admitted
from province.broker.broker import Broker
from province.broker.database import Connection, Pool
from province.broker.score import REFUSED, SCORED, score_devices, score_of, shares_of
from province.errors import NotFound
from province.history import correction
from province.history.correction import Correction, amend
from province.history.lake import Lake, Span
from province.history.latest import table_name
from province.history.quality import COLUMNS, Clock, examine, no_text
from province.history.ranges import ranges_of
from province.identity import policy
from province.model.actor import Actor
from province.model.schema import EntityType
from province.model.time import Instant, now

WINDOW: Final = timedelta(hours=24)
MAX_LETTERS: Final = 100_000
READINGS: Final = 1_000_000
"""Looked at at a time: about 700 MB at most, where four million took 1.9 GB and no less time each."""
AT_ONCE: Final = 20_000
"""Sources written in one statement."""
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
Kind = Literal["device", "sender"]
_WRITE: Final = (
    "INSERT INTO quality AS q (tenant, kind, source, type, agency, area, start_at, end_at, score, inputs, at)"
    " SELECT $1, $2, u.source, u.type, e.agency, e.area, $3, $4, u.score, u.inputs::jsonb, clock_timestamp()"
    " FROM unnest($5::text[], $6::text[], $7::real[], $8::text[]) AS u(source, type, score, inputs)"
    " LEFT JOIN entity e ON $2 = 'device' AND e.tenant = $1 AND e.id = u.source"
    " ON CONFLICT (tenant, kind, source) DO UPDATE SET type = EXCLUDED.type, agency = EXCLUDED.agency,"
    " area = EXCLUDED.area, start_at = EXCLUDED.start_at, end_at = EXCLUDED.end_at, score = EXCLUDED.score,"
    " inputs = EXCLUDED.inputs, at = EXCLUDED.at"
)
_SOURCES: Final = Columns(agency="q.agency", area="q.area", id="q.source")


@dataclass(frozen=True, slots=True)
class Source:
    """A source and its figures. score: None when nothing is known.  shares: the known ones by name."""

    kind: Kind
    source: str
    type: str
    start: Instant
    end: Instant
    score: float | None
    shares: Mapping[str, float]
    inputs: Mapping[str, Any]
    title: str = ""


@dataclass(frozen=True, slots=True)
class Summary:
    """The sources of a type (or the senders: type ""). mean: of those with a score."""

    kind: Kind
    type: str
    sources: int
    mean: float | None
    poor: int
    silent: int
    unknown: int
    at: Instant


class Quality:
    """broker: entities and rights.  lake_of: tenant → its lake."""

    def __init__(self, broker: Broker, lake_of: Callable[[str], Lake]) -> None:
        self._broker = broker
        self._pool: Pool = broker.pool
        self._lake_of = lake_of

    # --- the job ---------------------------------------------------------------------------------------------------

    async def compute(self, tenant: str, end: Instant | None = None) -> Mapping[str, Any] | None:
        """Look at the window before `end` (None: now) and write down every source."""
        end = end or now()
        start = end - WINDOW
        async with self._pool.acquire() as connection:
            letters = await _letters(connection, tenant, start, end)
            clock = await arrivals.clock(connection, tenant, start)
            said = await correction.read(connection, tenant, start=start, end=end)
        began = now()
        devices = 0
        end_us = (end - _EPOCH) // timedelta(microseconds=1)
        refused = await asyncio.to_thread(_table, letters.by_device)
        parts = self._examined(tenant, Span(start=start, end=end), said, end_us, clock, refused)
        while (found := await asyncio.to_thread(next, parts, None)) is not None:
            await self._write(tenant, "device", found, start, end)
            devices += found.num_rows
        silent = await self._silent(tenant, refused, start, end, began)
        senders = await self._senders(tenant, letters, start, end)
        async with self._pool.acquire() as connection:
            await connection.execute("DELETE FROM quality WHERE tenant = $1 AND at < $2", tenant, began)
        return {"devices": devices, "without_readings": silent, "senders": senders}

    def _examined(
        self, tenant: str, span: Span, said: Sequence[Correction], end_us: int, clock: Clock, refused: pa.Table
    ) -> Iterator[pa.Table]:
        lake = self._lake_of(tenant)
        files = lake.files(span)
        for chosen in ranges_of(lake, files, rows=READINGS):
            rows = lake.chosen(span, (*COLUMNS, "dataset"), also=chosen)
            rows = rows.filter(rows["dataset"].is_null())
            # Deleted readings do not speak about a device; those marked invalid do.
            rows = amend(rows, said, fold=True)
            yield score_devices(examine(no_text(rows.select(list(COLUMNS))), end_us, clock), refused)

    async def _silent(self, tenant: str, refused: pa.Table, start: Instant, end: Instant, began: Instant) -> int:
        """Registered entities of measured types that sent nothing in the window."""
        count = 0
        for entity_type in self._broker.types.values():
            if not entity_type.observed:
                continue
            newest = ", ".join(f'l."{spec.name}_at"' for spec in entity_type.observed)
            after = ""
            while rows := await self._pool.fetch(
                f"SELECT e.id, greatest({newest}) AS last FROM entity e"  # noqa: S608 - declared names
                f" LEFT JOIN {table_name(entity_type)} l ON l.tenant = e.tenant AND l.entity = e.id"
                " WHERE e.tenant = $1 AND e.type = $2 AND e.id > $4 AND NOT EXISTS (SELECT 1 FROM quality q WHERE"
                " q.tenant = e.tenant AND q.kind = 'device' AND q.source = e.id AND q.at >= $3)"
                f" ORDER BY e.id LIMIT {AT_ONCE}",
                tenant, entity_type.name, began, after,
            ):  # fmt: skip
                after = rows[-1]["id"]
                made = await asyncio.to_thread(_absent, rows, entity_type.name, refused)
                await self._write(tenant, "device", made, start, end)
                count += made.num_rows
        return count

    async def _senders(self, tenant: str, letters: _Letters, start: Instant, end: Instant) -> int:
        rows = await self._pool.fetch(
            "SELECT door || ' ' || sender AS source, sum(readings)::bigint AS received, sum(late)::bigint AS late,"
            " sum(early)::bigint AS early, max(at) AS last FROM arrival WHERE tenant = $1 AND at >= $2 AND at < $3"
            " GROUP BY 1", tenant, start, end,
        )  # fmt: skip
        found = {
            r["source"]: {"received": r["received"], "dated": r["received"], "late": r["late"], "early": r["early"],
                          "last": r["last"].isoformat()}
            for r in rows
        }  # fmt: skip
        made = []
        for source in {*found, *letters.by_sender}:
            inputs = {**found.get(source, {"received": 0}), **_told(letters.by_sender.get(source))}
            made.append((source, "", score_of(inputs), msgspec.json.encode(inputs).decode()))
        await self._write(tenant, "sender", _in_columns(made, SCORED), start, end)
        return len(made)

    async def _write(self, tenant: str, kind: Kind, rows: pa.Table, start: Instant, end: Instant) -> None:
        """Write down SCORED rows."""
        for first in range(0, rows.num_rows, AT_ONCE):
            columns = await asyncio.to_thread(rows.slice(first, AT_ONCE).to_pydict)
            await self._pool.execute(_WRITE, tenant, kind, start, end, *(columns[name] for name in SCORED.names))

    # --- reading ---------------------------------------------------------------------------------------------------

    async def summary(self, actor: Actor) -> list[Summary]:
        """Figures per type of devices, and of the senders, that the caller may see. Raises: NotAllowed."""
        policy.require_somewhere(actor, "quality.read")
        found = []
        async with self._pool.acquire() as connection:
            for kind, name, condition, given in self._visible(actor):
                row = await connection.fetchrow(
                    "SELECT count(*) AS n, avg(score) AS mean, count(*) FILTER (WHERE score < 60) AS poor,"  # noqa: S608
                    " count(*) FILTER (WHERE (inputs ->> 'silent')::boolean) AS silent,"
                    " count(*) FILTER (WHERE score IS NULL) AS unknown, max(end_at) AS at FROM quality q"
                    f" WHERE tenant = $1 AND kind = $2 AND type = $3 AND {condition}",
                    actor.tenant, kind, name, *given,
                )  # fmt: skip
                if row is not None and row["n"]:
                    mean = None if row["mean"] is None else float(row["mean"])
                    found.append(
                        Summary(kind, name, row["n"], mean, row["poor"], row["silent"], row["unknown"], row["at"])
                    )
        return found

    async def worst(
        self, actor: Actor, kind: Kind, type: str = "", *, limit: int = 100, offset: int = 0
    ) -> tuple[list[Source], bool]:
        """Sources, the worst first and those without a score last; and whether there are more."""
        policy.require_somewhere(actor, "quality.read")
        for known, name, condition, given in self._visible(actor):
            if (known, name) != (kind, type):
                continue
            async with self._pool.acquire() as connection:
                rows = await connection.fetch(
                    f"SELECT q.*, {_title(self._broker.types.get(type))} AS title FROM quality q LEFT JOIN entity e"  # noqa: S608
                    " ON q.kind = 'device' AND e.tenant = q.tenant AND e.id = q.source"
                    f" WHERE q.tenant = $1 AND q.kind = $2 AND q.type = $3 AND {condition}"
                    f" ORDER BY q.score NULLS LAST, q.source LIMIT {int(limit) + 1} OFFSET {int(offset)}",
                    actor.tenant, kind, type, *given,
                )  # fmt: skip
            return [_source(r) for r in rows[:limit]], len(rows) > limit
        return [], False

    async def one(self, actor: Actor, kind: Kind, source: str) -> Source:
        """One source. Raises: NotFound, NotAllowed."""
        policy.require_somewhere(actor, "quality.read")
        title = ""
        if kind == "device":
            entity = await self._broker.get(source, actor, latest=False)
            entity_type = self._broker.types.get(entity.type)
            title = str((entity_type and entity_type.info.title and entity.value(entity_type.info.title)) or "")
        else:
            policy.require(actor, "letter.read")
        row = await self._pool.fetchrow(
            "SELECT *, $4::text AS title FROM quality WHERE tenant = $1 AND kind = $2 AND source = $3",
            actor.tenant, kind, source, title,
        )  # fmt: skip
        if row is None:
            raise NotFound(f"nothing is known of {source[:120]} yet.", field="source", remedy="Wait for the next look.")
        return _source(row)

    def _visible(self, actor: Actor) -> Iterable[tuple[Kind, str, str, list[Any]]]:
        """(kind, type, condition over q, its parameters from $4 on) of what the caller may see."""
        for name, entity_type in self._broker.types.items():
            if not entity_type.observed:
                continue
            access = self._broker.access(actor, name)
            if access is None or access.read.nothing:
                continue
            given = Bound([None] * 3)
            condition = admitted((replace(access, public=False),), _SOURCES, given.bind, self._broker.types)
            yield "device", name, condition, given.values[3:]
        if policy.scope(actor, "letter.read").all:
            yield "sender", "", "true", []


@dataclass(slots=True)
class _Letters:
    """Refused readings of the window: by device, and by door and sender; reasons by number of readings."""

    by_device: dict[str, Counter[tuple[str, str]]]
    by_sender: dict[str, Counter[tuple[str, str]]]


def _told(found: Counter[tuple[str, str]] | None) -> dict[str, Any]:
    if not found:
        return {"rejected": 0, "clock_rejected": 0}
    reasons = [{"field": f, "reason": r, "readings": n} for (f, r), n in found.most_common(10)]
    clock = sum(n for (f, _), n in found.items() if f.rpartition(".")[2] == "observedAt")
    return {"rejected": found.total(), "clock_rejected": clock, "reasons": reasons}


def _table(found: Mapping[str, Counter[tuple[str, str]]]) -> pa.Table:
    """As REFUSED rows."""
    rows = [(source, told["rejected"], told["clock_rejected"], msgspec.json.encode(told["reasons"]).decode())
            for source, counts in found.items() if (told := _told(counts)).get("reasons")]  # fmt: skip
    return _in_columns(rows, REFUSED)


def _in_columns(rows: Sequence[tuple[Any, ...]], schema: pa.Schema) -> pa.Table:
    return pa.table([list(c) for c in zip(*rows, strict=True)] if rows else schema.empty_table().columns, schema=schema)


def _absent(rows: Sequence[Any], type: str, refused: pa.Table) -> pa.Table:
    """SCORED rows of registered devices without readings in the window. rows: id, last."""
    ids = pa.array([row["id"] for row in rows], pa.string())
    last = pa.array([row["last"] for row in rows], pa.timestamp("us", tz="UTC")).cast(pa.int64())
    silent = pc.if_else(pc.is_valid(last), True, None)
    found = {"entity": ids, "type": pa.repeat(type, len(ids)), "received": pa.array(np.zeros(len(ids), np.int64)),
             "last_us": last, "silent": silent}  # fmt: skip
    return score_devices(pa.table(found), refused)


async def _letters(connection: Connection, tenant: str, start: Instant, end: Instant) -> _Letters:
    rows = await connection.fetch(
        "SELECT door, source, field, reason, readings, left(encode(payload, 'escape'), 2000) AS payload"
        " FROM dead_letter WHERE tenant = $1 AND at >= $2 AND at < $3 ORDER BY at DESC LIMIT $4",
        tenant, start, end, MAX_LETTERS,
    )  # fmt: skip
    by_device: dict[str, Counter[tuple[str, str]]] = defaultdict(Counter)
    by_sender: dict[str, Counter[tuple[str, str]]] = defaultdict(Counter)
    for row in rows:
        key = (row["field"], row["reason"][:200])
        by_sender[f"{row['door']} {row['source']}"][key] += row["readings"]
        device = _device_in(row["payload"]) or row["source"]
        by_device[device][key] += row["readings"]
    return _Letters(by_device, by_sender)


class _Named(msgspec.Struct):
    entity: str = ""


_NAMED = msgspec.json.Decoder(_Named)


def _device_in(payload: str) -> str:
    """The entity that a refused reading names, if it is a reading at all."""
    try:
        return _NAMED.decode(payload).entity
    except (msgspec.DecodeError, msgspec.ValidationError, UnicodeError):
        return ""


def _source(row: Any) -> Source:
    inputs = msgspec.json.decode(row["inputs"])
    return Source(
        row["kind"], row["source"], row["type"], row["start_at"], row["end_at"], row["score"], shares_of(inputs),
        inputs, row["title"] or "",
    )  # fmt: skip


def _title(entity_type: EntityType | None) -> str:
    if entity_type is None or not entity_type.info.title:
        return "''"
    return f"e.attrs -> '{entity_type.info.title}' ->> 'value'"
