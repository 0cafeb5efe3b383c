"""How long measured values are kept: declared per type and attribute, with a date and a reason; carried out by upkeep.

Without a declaration everything is kept. For an attribute the most special declaration in force holds (attribute before
type before all), and of equally special ones the newest. Retention removes readings of whole UTC days from the lake;
roll-ups by hour and day, which name no single reading, stay.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from province.broker.database import Pool
from province.errors import InvalidInput
from province.history.compact import rewrite
from province.history.lake import Lake, arrange
from province.identity import audit, policy
from province.model.actor import Actor
from province.model.schema import EntityType
from province.model.time import Instant
from province.vocab.area import civil_day

LONGEST_DAYS: Final = 200 * 366


@dataclass(frozen=True, slots=True)
class Declaration:
    """One declaration. type, attribute: None for all.  keep_days: None for ever."""

    id: int
    type: str | None
    attribute: str | None
    keep_days: int | None
    valid_from: date
    reason: str
    actor: str
    at: Instant


@dataclass(frozen=True, slots=True)
class Expired:
    """Readings of an attribute on days before `before`, which is the first day that is kept."""

    type: str
    attribute: str
    before: date
    readings: int


class Retention:
    """lake_of: tenant → its lake.  types: declared types by name."""

    def __init__(self, pool: Pool, lake_of: Callable[[str], Lake], types: Mapping[str, EntityType]) -> None:
        self._pool = pool
        self._lake_of = lake_of
        self._types = types

    async def declare(
        self, actor: Actor, *, type: str | None, attribute: str | None, keep_days: int | None, valid_from: date,
        reason: str,
    ) -> None:  # fmt: skip
        """Say how long readings are kept from a day on. Raises: NotAllowed, InvalidInput."""
        policy.require(actor, "retention.change")
        if type is not None and (type not in self._types or not self._types[type].observed):
            raise InvalidInput(f"nothing of {type[:64]!r} is measured.", field="type")
        if attribute is not None and (
            type is None or attribute not in {spec.name for spec in self._types[type].observed}
        ):
            raise InvalidInput(
                f"{type} measures no {attribute[:64]!r}.", field="attribute", remedy="Name the type too."
            )
        if keep_days is not None and not 1 <= keep_days <= LONGEST_DAYS:
            raise InvalidInput(f"{keep_days} days.", field="keep_days", remedy=f"1 to {LONGEST_DAYS}, or for ever.")
        reason = reason.strip()
        if not reason or len(reason) > 2000 or "\x00" in reason:
            raise InvalidInput("a reason is needed.", field="reason", remedy="Name the law or the decision.")
        async with self._pool.acquire() as connection, connection.transaction():
            await connection.execute(
                "INSERT INTO retention (tenant, type, attribute, keep_days, valid_from, reason, actor)"
                " VALUES ($1, $2, $3, $4, $5, $6, $7)",
                actor.tenant, type, attribute, keep_days, valid_from, reason, actor.id,
            )  # fmt: skip
            detail = {"type": type, "attribute": attribute, "keep_days": keep_days, "reason": reason,
                      "valid_from": valid_from.isoformat()}  # fmt: skip
            await audit.record(connection, actor, "retention.declared", detail=detail)

    async def declared(self, actor: Actor) -> list[Declaration]:
        """All declarations, newest first. Raises: NotAllowed."""
        policy.require_somewhere(actor, "retention.read")
        rows = await self._pool.fetch("SELECT * FROM retention WHERE tenant = $1 ORDER BY id DESC", actor.tenant)
        return [_declaration(row) for row in rows]

    async def plan(self, tenant: str, today: date) -> list[Expired]:
        """What would be removed now: a dry run."""
        rules = await self._rules(tenant, today)
        if not rules:
            return []
        counts = await asyncio.to_thread(_count, self._lake_of(tenant), rules)
        return [Expired(*key, rules[key], n) for key, n in sorted(counts.items()) if n]

    async def carry_out(self, actor: Actor, today: date) -> list[Expired]:
        """Remove what has expired and audit it. Raises: Conflict, Unavailable; some days may be done."""
        rules = await self._rules(actor.tenant, today)
        removed: dict[tuple[str, str], int] = {}
        if rules:
            try:
                await asyncio.to_thread(_remove, self._lake_of(actor.tenant), rules, removed)
            finally:
                await self._note(actor, rules, removed)
        return [Expired(*key, rules[key], n) for key, n in sorted(removed.items())]

    async def _note(
        self, actor: Actor, rules: Mapping[tuple[str, str], date], removed: Mapping[tuple[str, str], int]
    ) -> None:
        async with self._pool.acquire() as connection:
            for (type, attribute), readings in sorted(removed.items()):
                detail = {"attribute": attribute, "before": rules[type, attribute].isoformat(), "readings": readings}
                await audit.record(connection, actor, "readings.expired", type=type, detail=detail)

    async def _rules(self, tenant: str, today: date) -> dict[tuple[str, str], date]:
        """(type, attribute) → first day that is kept, where anything may expire."""
        rows = await self._pool.fetch(
            "SELECT * FROM retention WHERE tenant = $1 AND valid_from <= $2 ORDER BY id", tenant, today
        )
        declared = [_declaration(row) for row in rows]
        found = {}
        for name, entity_type in self._types.items():
            for spec in entity_type.observed:
                days = keep_days(declared, name, spec.name)
                if days is not None:
                    found[name, spec.name] = today - timedelta(days=days)
        return found


def keep_days(declared: Iterable[Declaration], type: str, attribute: str) -> int | None:
    """Days that readings of an attribute are kept by declarations in force; None: for ever."""
    fitting = [d for d in declared if d.type in (None, type) and d.attribute in (None, attribute)]
    if not fitting:
        return None
    best = max(fitting, key=lambda d: (d.attribute is not None, d.type is not None, d.valid_from, d.id))
    return best.keep_days


def today_of(at: Instant) -> date:
    """The civil day from which days are counted."""
    return date.fromisoformat(civil_day(at))


def _declaration(row: Any) -> Declaration:
    return Declaration(
        *(row[n] for n in ("id", "type", "attribute", "keep_days", "valid_from", "reason", "actor", "at"))
    )


def _old(lake: Lake, rules: Mapping[tuple[str, str], date]) -> Iterator[tuple[date, list[dict[str, Any]]]]:
    """Per UTC day that may hold expired readings its files."""
    files = lake.files()
    if not files.num_rows:
        return
    latest = max(rules.values())
    by_day: dict[date, list[dict[str, Any]]] = {}
    for file in files.select(["path", "size_bytes", "partition.day"]).to_pylist():
        day = date.fromisoformat(str(file["partition.day"])[:10])
        if day < latest:
            by_day.setdefault(day, []).append(file)
    yield from sorted(by_day.items())


def _expiring(rows: pa.Table, day: date, rules: Mapping[tuple[str, str], date]) -> tuple[npt.NDArray[np.bool_], Any]:
    """Which rows have expired, and how many of each (type, attribute)."""
    mask = np.zeros(rows.num_rows, np.bool_)
    counts: dict[tuple[str, str], int] = {}
    pairs = rows.select(["type", "attribute"]).group_by(["type", "attribute"]).aggregate([]).to_pylist()
    for pair in pairs:
        key = (pair["type"], pair["attribute"])
        if key in rules and day < rules[key]:
            both = pc.and_(pc.equal(rows["type"], key[0]), pc.equal(rows["attribute"], key[1]))
            hit = np.asarray(both.combine_chunks().to_numpy(zero_copy_only=False), np.bool_)
            mask |= hit
            counts[key] = int(hit.sum())
    return mask, counts


def _count(lake: Lake, rules: Mapping[tuple[str, str], date]) -> dict[tuple[str, str], int]:
    total: dict[tuple[str, str], int] = {}
    for day, files in _old(lake, rules):
        for file in files:
            rows = lake.dataset([file["path"]]).to_table(columns=["type", "attribute"])
            for key, n in _expiring(rows, day, rules)[1].items():
                total[key] = total.get(key, 0) + n
    return total


def _remove(lake: Lake, rules: Mapping[tuple[str, str], date], removed: dict[tuple[str, str], int]) -> None:
    for day, files in _old(lake, rules):
        changed: list[tuple[dict[str, Any], npt.NDArray[np.bool_]]] = []
        counts: dict[tuple[str, str], int] = {}
        for file in files:
            mask, found = _expiring(lake.dataset([file["path"]]).to_table(columns=["type", "attribute"]), day, rules)
            if mask.any():
                changed.append((file, mask))
                for key, n in found.items():
                    counts[key] = counts.get(key, 0) + n
        if not changed:
            continue
        rewrite(lake, day, [file for file, _ in changed], lambda changed=changed, day=day: _kept(lake, day, changed))  # type: ignore[misc]
        for key, n in counts.items():
            removed[key] = removed.get(key, 0) + n


def _kept(lake: Lake, day: date, changed: Sequence[tuple[Any, npt.NDArray[np.bool_]]]) -> Iterator[pa.Table]:
    for file, mask in changed:
        if mask.all():
            continue
        yield arrange(lake.dataset([file["path"]]).to_table().filter(pa.array(~mask)), day=day)
