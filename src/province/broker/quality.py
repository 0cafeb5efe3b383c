"""Data quality per source, computed from running data: devices by their readings, senders by what they sent.

The score is 100 less the weighted shares of what is wrong (`WEIGHTS`), the weights scaled to what is known:

    score = 100 × (1 − Σ weight·share / Σ weight),   over the shares that are known

    missing   missing readings / expected readings          (devices with a regular period)
    rejected  refused readings / (refused + received)
    stuck     readings in long runs of one number / received (devices)
    late      readings that came more than an hour late / readings whose arrival is known
    clock     readings measured after they came, or refused for their time / (received + those refused)

A device that sent readings before and none in the window has score 0; one that never sent any has no score.
"""

from __future__ import annotations

import asyncio
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any, Final, Literal

import msgspec
import pyarrow as pa

from province.broker import arrivals
from province.broker.admission import Bound, Columns, admitted
from province.broker.broker import Broker
from province.broker.database import Connection, Pool
from province.errors import NotFound
from province.history import correction
from province.history.correction import Correction, amend
from province.history.lake import Lake, Span
from province.history.latest import table_name
from province.history.quality import COLUMNS, examine, no_text
from province.history.ranges import ranges_of
from province.identity import policy
from province.model.actor import Actor
from province.model.schema import EntityType
from province.model.time import Instant, now

WEIGHTS: Final[Mapping[str, float]] = {"missing": 0.40, "rejected": 0.25, "stuck": 0.20, "late": 0.10, "clock": 0.05}
WINDOW: Final = timedelta(hours=24)
MAX_LETTERS: Final = 100_000
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
Kind = Literal["device", "sender"]
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


def shares_of(inputs: Mapping[str, Any]) -> dict[str, float]:
    """The shares of the formula that the inputs tell."""
    found: dict[str, float] = {}
    received, rejected = inputs.get("received", 0), inputs.get("rejected", 0)
    if inputs.get("expected"):
        found["missing"] = inputs["missing"] / inputs["expected"]
    if received + rejected:
        found["rejected"] = rejected / (received + rejected)
    if received and "stuck" in inputs:
        found["stuck"] = inputs["stuck"] / received
    if inputs.get("dated"):
        found["late"] = inputs["late"] / inputs["dated"]
    wrong = inputs.get("clock_rejected", 0)
    if received + wrong:
        found["clock"] = (inputs.get("early", 0) + wrong) / (received + wrong)
    return {name: min(1.0, max(0.0, share)) for name, share in found.items()}


def score_of(inputs: Mapping[str, Any]) -> float | None:
    """0 to 100 by the formula above; None when nothing is known."""
    shares = shares_of(inputs)
    if not inputs.get("received") and inputs.get("silent"):
        return 0.0
    if not shares:
        return None
    weight = sum(WEIGHTS[name] for name in shares)
    return 100 * (1 - sum(WEIGHTS[name] * share for name, share in shares.items()) / weight)


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
        parts = self._examined(tenant, Span(start=start, end=end), said, end_us, clock)
        while (found := await asyncio.to_thread(next, parts, None)) is not None:
            for chunk in _chunks(found.to_pylist(), 20_000):
                rows = [_device(one, letters) for one in chunk]
                await self._write(tenant, "device", rows, start, end)
                devices += len(rows)
        silent = await self._silent(tenant, letters, start, end, began)
        senders = await self._senders(tenant, letters, start, end)
        async with self._pool.acquire() as connection:
            await connection.execute("DELETE FROM quality WHERE tenant = $1 AND at < $2", tenant, began)
        return {"devices": devices, "without_readings": silent, "senders": senders}

    def _examined(
        self, tenant: str, span: Span, said: Sequence[Correction], end_us: int, clock: Any
    ) -> Iterator[pa.Table]:
        lake = self._lake_of(tenant)
        files = lake.files(span)
        for chosen in ranges_of(lake, files):
            rows = lake.chosen(span, (*COLUMNS, "dataset"), also=chosen)
            rows = rows.filter(rows["dataset"].is_null())
            # Deleted readings do not speak about a device; those marked invalid do.
            rows = amend(rows, said, fold=True)
            yield examine(no_text(rows.select(list(COLUMNS))), end_us, clock)

    async def _silent(self, tenant: str, letters: _Letters, start: Instant, end: Instant, began: Instant) -> int:
        """Registered entities of measured types that sent nothing in the window."""
        count = 0
        for entity_type in self._broker.types.values():
            if not entity_type.observed:
                continue
            newest = ", ".join(f'l."{spec.name}_at"' for spec in entity_type.observed)
            async with self._pool.acquire() as connection:
                rows = await connection.fetch(
                    f"SELECT e.id, e.type, greatest({newest}) AS last FROM entity e"  # noqa: S608 - declared names
                    f" LEFT JOIN {table_name(entity_type)} l ON l.tenant = e.tenant AND l.entity = e.id"
                    " WHERE e.tenant = $1 AND e.type = $2 AND NOT EXISTS (SELECT 1 FROM quality q WHERE"
                    " q.tenant = e.tenant AND q.kind = 'device' AND q.source = e.id AND q.at >= $3)",
                    tenant, entity_type.name, began,
                )  # fmt: skip
            for chunk in _chunks(rows, 20_000):
                made = [_absent(r["id"], r["type"], r["last"], letters) for r in chunk]
                await self._write(tenant, "device", made, start, end)
                count += len(made)
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
            inputs = {**found.get(source, {"received": 0}), **letters.of_sender(source)}
            made.append((source, "", inputs))
        await self._write(tenant, "sender", made, start, end)
        return len(made)

    async def _write(
        self, tenant: str, kind: Kind, rows: Sequence[tuple[str, str, dict[str, Any]]], start: Instant, end: Instant
    ) -> None:
        await self._pool.execute(
            "INSERT INTO quality AS q (tenant, kind, source, type, agency, area, start_at, end_at, score, inputs, at)"
            " SELECT $1, $2, u.source, u.type, e.agency, e.area, $3, $4, u.score, u.inputs::jsonb, clock_timestamp()"
            " FROM unnest($5::text[], $6::text[], $7::real[], $8::text[]) AS u(source, type, score, inputs)"
            " LEFT JOIN entity e ON $2 = 'device' AND e.tenant = $1 AND e.id = u.source"
            " ON CONFLICT (tenant, kind, source) DO UPDATE SET type = EXCLUDED.type, agency = EXCLUDED.agency,"
            " area = EXCLUDED.area, start_at = EXCLUDED.start_at, end_at = EXCLUDED.end_at, score = EXCLUDED.score,"
            " inputs = EXCLUDED.inputs, at = EXCLUDED.at",
            tenant, kind, start, end, [s for s, _, _ in rows], [t for _, t, _ in rows],
            [score_of(i) for _, _, i in rows], [msgspec.json.encode(i).decode() for _, _, i in rows],
        )  # fmt: skip

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

    def of_device(self, device: str) -> dict[str, Any]:
        return _told(self.by_device.get(device))

    def of_sender(self, source: str) -> dict[str, Any]:
        return _told(self.by_sender.get(source))


def _told(found: Counter[tuple[str, str]] | None) -> dict[str, Any]:
    if not found:
        return {"rejected": 0, "clock_rejected": 0}
    reasons = [{"field": f, "reason": r, "readings": n} for (f, r), n in found.most_common(10)]
    clock = sum(n for (f, _), n in found.items() if f.rpartition(".")[2] == "observedAt")
    return {"rejected": found.total(), "clock_rejected": clock, "reasons": reasons}


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


def _device(row: dict[str, Any], letters: _Letters) -> tuple[str, str, dict[str, Any]]:
    inputs: dict[str, Any] = {"received": row["received"], "stuck": row["stuck"], "silent": row["silent"],
                              "last": (_EPOCH + timedelta(microseconds=row["last_us"])).isoformat()}  # fmt: skip
    if row["period_us"] is not None:
        inputs |= {"expected": row["expected"], "missing": row["missing"], "gaps": row["gaps"],
                   "longest_gap_s": row["longest_gap_us"] / 1e6, "period_s": row["period_us"] / 1e6}  # fmt: skip
    if row["dated"]:
        inputs |= {"dated": row["dated"], "late": row["late"], "early": row["early"]}
    return row["entity"], row["type"], {**inputs, **letters.of_device(row["entity"])}


def _absent(id: str, type: str, last: datetime | None, letters: _Letters) -> tuple[str, str, dict[str, Any]]:
    inputs: dict[str, Any] = {"received": 0, **letters.of_device(id)}
    if last is not None:
        inputs |= {"silent": True, "last": last.isoformat()}
    return id, type, inputs


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


def _chunks(rows: Sequence[Any], size: int) -> Iterator[Sequence[Any]]:
    for start in range(0, len(rows), size):
        yield rows[start : start + size]
