"""What keeps the lake in order while the product runs: merging, roll-ups, folding, retention, removal.

One process does it (advisory lock). Every few seconds it looks what is due; once a night, in the small hours of
Vietnam, the thorough work is done. Everything here works beside the lake writer: its appends never conflict with a
merge, and what a merge loses to another is done at the next turn. Each run that did something is written down
(`upkeep`), where the console shows it.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any, Final

import asyncpg
import msgspec
import pyarrow as pa
import pyarrow.compute as pc

from province.broker import arrivals
from province.broker.database import LOST, Connection, Pool, leadership
from province.broker.retention import Retention, today_of
from province.errors import Conflict, ProvinceError, Unavailable
from province.history import correction
from province.history.compact import compact, vacuum
from province.history.compact import settle as settle_day
from province.history.days import Days, settle
from province.history.fold import fold
from province.history.hours import Hours, advance, compact_hours
from province.history.lake import Lake
from province.identity import policy
from province.model.actor import Actor, system
from province.model.time import Instant, now

log = logging.getLogger(__name__)

TICK_S: Final = 10.0
MANY_FILES: Final = 8
"""Files of about one size in a day, from which they are merged by day."""
MANY_PARTS: Final = 16
"""Files of roll-ups in a day, from which they are added up: that writes all of the day's again."""
AT_NIGHT: Final = 4
"""The same, at night."""
HOURS_EVERY: Final = timedelta(minutes=5)
VACUUM_EVERY: Final = timedelta(hours=1)
NIGHT: Final = timedelta(hours=19, minutes=17)
"""02:17 in Vietnam, counted from midnight UTC."""
FOLD_AFTER: Final = timedelta(days=1)
"""A correction can be taken back for a day; erasures are folded at once."""
OFTEN: Final = timedelta(minutes=15)
LITTLE: Final = 1_000_000
"""Readings of a day, up to which the further work of a night is done that often."""
KEEP_RUNS_DAYS: Final = 90
_LOCK: Final = 0x55504B50
_LOST: Final = (*LOST, asyncpg.PostgresError)

Nightly = Callable[[str], Awaitable[Mapping[str, Any] | None]]
"""Further work of a night: tenant → what it did, or None."""


@dataclass(frozen=True, slots=True)
class Run:
    """One run of a task. outcome: done, or failed; then detail holds the reason."""

    task: str
    began: Instant
    ended: Instant
    outcome: str
    detail: Mapping[str, Any]


class Upkeep:
    """Run with `run()` until cancelled. nightly: further tasks of a night, by name; often: those that are done several
    times an hour as well where there is little to look at."""

    def __init__(
        self, pool: Pool, lake_of: Callable[[str], Lake], retention: Retention, *,
        often: Mapping[str, Nightly], nightly: Mapping[str, Nightly] | None = None,
    ) -> None:  # fmt: skip
        self._pool = pool
        self._lake_of = lake_of
        self._retention = retention
        self._often = dict(often)
        self._nightly = {**self._often, **(nightly or {})}
        self._due: dict[tuple[str, str], datetime] = {}

    async def run(self) -> None:
        """Keep order until cancelled; a lost database is waited for."""
        while True:
            try:
                async with leadership(self._pool, _LOCK) as leader:
                    if leader is not None:
                        await self._lead(leader)
            except _LOST as error:
                log.warning("upkeep waits", extra={"error": repr(error)[:500]})
            await asyncio.sleep(TICK_S)

    async def _lead(self, leader: Connection) -> None:
        while not leader.is_closed():
            for tenant in [r["id"] for r in await leader.fetch("SELECT id FROM tenant ORDER BY id")]:
                await self.turn(tenant, now())
            await asyncio.sleep(TICK_S)

    async def turn(self, tenant: str, at: Instant) -> None:
        """Do what is due for a tenant."""
        await self._task(tenant, "merge", self.merge)
        if self._is_due(tenant, "hours", at, HOURS_EVERY):
            await self._task(tenant, "hours", self.hours)
            await self._task(tenant, "erase", self.erase)
        if self._is_due(tenant, "vacuum", at, VACUUM_EVERY):
            await self._task(tenant, "vacuum", self.vacuum)
        if self._is_due(tenant, "often", at, OFTEN):
            await self._look_often(tenant, at)
        if await self._night_is_due(tenant, at):
            await self.night(tenant)

    async def _look_often(self, tenant: str, at: Instant) -> None:
        """The further work of a night, several times an hour where there is little to look at."""
        files = await asyncio.to_thread(self._lake_of(tenant).files)
        if not files.num_rows:
            self._due[tenant, "often"] = at  # the first readings are worth a look
            return
        newest = files.filter(pc.equal(files["partition.day"].cast(pa.string()), str(now().date())))
        if (pc.sum(newest["num_records"]).as_py() or 0) <= LITTLE:
            for name, task in self._often.items():
                await self._task(tenant, name, task)

    async def night(self, tenant: str) -> None:
        """The thorough work, one task after the other; a task that fails does not hold up the next."""
        began = now()
        await self._task(tenant, "hours", self.hours)
        for name, task in (
            ("retention", self.retain),
            ("fold", self.fold),
            ("merge", self.merge_thoroughly),
            ("settle", self.settle),
            ("days", self.days),
            ("vacuum", self.vacuum),
            ("tidy", self.tidy),
            *self._nightly.items(),
        ):
            await self._task(tenant, name, task)
        await self._write(tenant, Run("night", began, now(), "done", {}))

    # --- tasks: tenant → what was done, or None when nothing was ---------------------------------------------------

    async def merge(self, tenant: str, *, at_least: int = MANY_FILES) -> Mapping[str, Any] | None:
        """Merge small files of readings, the newest day first."""
        lake = self._lake_of(tenant)
        before = await asyncio.to_thread(lake.files)
        fewer = 0
        for day in _crowded(before, at_least):
            fewer += await asyncio.to_thread(compact, lake, day, at_least=at_least)
        if not fewer:
            return None
        after = await asyncio.to_thread(lake.files)
        return {"files_before": before.num_rows, "files": after.num_rows, "bytes_before": _bytes(before),
                "bytes": _bytes(after)}  # fmt: skip

    async def merge_thoroughly(self, tenant: str) -> Mapping[str, Any] | None:
        """Merge readings and roll-ups so that a day is a few files."""
        hours = Hours(self._lake_of(tenant))
        fewer = 0
        for day in _crowded(await asyncio.to_thread(hours.files), 2):
            fewer += await asyncio.to_thread(compact_hours, hours, day)
        found = dict(await self.merge(tenant, at_least=AT_NIGHT) or {})
        if fewer:
            found["hour_files_fewer"] = fewer
        return found or None

    async def settle(self, tenant: str) -> Mapping[str, Any] | None:
        """Put the readings of days that are over in the order of their devices, the newest day first."""
        lake = self._lake_of(tenant)
        over = [d for d in _crowded(await asyncio.to_thread(lake.files), 2) if d < now().date()]
        done = [d.isoformat() for d in over if await asyncio.to_thread(settle_day, lake, d)]
        return {"days": done[:40], "count": len(done)} if done else None

    async def hours(self, tenant: str) -> Mapping[str, Any] | None:
        """Bring the roll-ups by hour up to date; add up today's parts when there are many files of them."""
        hours = Hours(self._lake_of(tenant))
        async with self._pool.acquire() as connection:
            said = await correction.read(connection, tenant)
        done = await asyncio.to_thread(advance, hours, said)
        for day in _crowded(await asyncio.to_thread(hours.files), MANY_PARTS):
            await asyncio.to_thread(compact_hours, hours, day)
        if not done.readings and not done.corrections:
            return None
        return msgspec.to_builtins(done)  # type: ignore[no-any-return]

    async def days(self, tenant: str) -> Mapping[str, Any] | None:
        """Make the roll-ups of the civil days that are over."""
        made = await asyncio.to_thread(settle, Days(Hours(self._lake_of(tenant))), now())
        return {"days": [d.isoformat() for d in made[:40]], "count": len(made)} if made else None

    async def fold(self, tenant: str) -> Mapping[str, Any] | None:
        """Fold corrections that are older than a day into the files."""
        return await self._fold(tenant, "at < now() - $3::interval", FOLD_AFTER)

    async def erase(self, tenant: str) -> Mapping[str, Any] | None:
        """Fold erasures: what was to go is gone from the files, and after an hour from the disk."""
        return await self._fold(
            tenant, "attribute IS NULL AND kind = 'delete' AND $3::interval IS NOT NULL", FOLD_AFTER
        )

    async def _fold(self, tenant: str, which: str, age: timedelta) -> Mapping[str, Any] | None:
        lake = self._lake_of(tenant)
        positions, _ = await asyncio.to_thread(Hours(lake).state)
        async with self._pool.acquire() as connection:
            rows = await connection.fetch(
                "SELECT id FROM correction WHERE tenant = $1 AND id <= $2 AND folded_at IS NULL"  # noqa: S608 - constants
                f" AND kind IN ('value', 'delete') AND {which}",
                tenant, positions["corrections"] or 0, age,
            )  # fmt: skip
            if not rows:
                return None
            said = await correction.read(connection, tenant)
        ids = [row["id"] for row in rows]
        done = await asyncio.to_thread(fold, lake, said, ids)
        await self._pool.execute(
            "UPDATE correction SET folded_at = now() WHERE tenant = $1 AND id = ANY($2)", tenant, ids
        )
        return {"corrections": len(ids), "files": done.files, "readings_removed": done.readings}

    async def retain(self, tenant: str) -> Mapping[str, Any] | None:
        """Remove what is no longer to be kept."""
        removed = await self._retention.carry_out(system(tenant, "retention"), today_of(now()))
        return (
            {"readings_removed": sum(one.readings for one in removed), "attributes": len(removed)} if removed else None
        )

    async def vacuum(self, tenant: str) -> Mapping[str, Any] | None:
        """Remove files that nothing needs: the lake's only once the roll-ups have read them."""
        lake = self._lake_of(tenant)
        hours = Hours(lake)
        positions, _ = await asyncio.to_thread(hours.state)
        if positions["lake"] != await asyncio.to_thread(lake.version):
            await self.hours(tenant)
        files = 0
        for table in (lake, hours, Days(hours)):
            files += await asyncio.to_thread(vacuum, table)
        return {"files_removed": files} if files else None

    async def tidy(self, tenant: str) -> Mapping[str, Any] | None:
        """Forget senders and runs of long ago."""
        removed = await arrivals.remove_old(self._pool)
        runs = await self._pool.execute(
            "DELETE FROM upkeep WHERE ended < now() - make_interval(days => $1)", KEEP_RUNS_DAYS
        )
        runs_removed = int(runs.split()[-1])
        return {"arrivals": removed, "runs": runs_removed} if removed or runs_removed else None

    # --- when and what ---------------------------------------------------------------------------------------------

    def _is_due(self, tenant: str, task: str, at: Instant, every: timedelta) -> bool:
        due = self._due.setdefault((tenant, task), at)
        if at < due:
            return False
        self._due[tenant, task] = at + every
        return True

    async def _night_is_due(self, tenant: str, at: Instant) -> bool:
        midnight = at.replace(hour=0, minute=0, second=0, microsecond=0)
        last = midnight + NIGHT if at >= midnight + NIGHT else midnight - timedelta(days=1) + NIGHT
        done = await self._pool.fetchval("SELECT max(began) FROM upkeep WHERE tenant = $1 AND task = 'night'", tenant)
        if done is None:  # the first start: the next night is early enough
            await self._write(tenant, Run("night", at, at, "skipped", {}))
            return False
        return bool(done < last)

    async def _task(self, tenant: str, name: str, act: Nightly) -> None:
        began = now()
        try:
            detail = await act(tenant)
        except Conflict as error:
            log.info("upkeep was overtaken", extra={"task": name, "error": str(error)[:300]})
            return
        except (ProvinceError, *_LOST) as error:
            log.warning("upkeep failed", extra={"task": name, "error": repr(error)[:500]})
            detail = {"error": str(error)[:500]}
            await self._write(tenant, Run(name, began, now(), "failed", detail))
            return
        if detail is not None:
            await self._write(tenant, Run(name, began, now(), "done", detail))

    async def _write(self, tenant: str, run: Run) -> None:
        try:
            await self._pool.execute(
                "INSERT INTO upkeep (tenant, task, began, ended, outcome, detail)"
                " VALUES ($1, $2, $3, $4, $5, $6::text::jsonb)",
                tenant, run.task, run.began, run.ended, run.outcome, msgspec.json.encode(run.detail).decode(),
            )  # fmt: skip
        except _LOST as error:
            raise Unavailable(f"the run cannot be written down: {error!r}") from error


async def runs(pool: Pool, actor: Actor, *, limit: int = 100) -> list[Run]:
    """The newest runs. Raises: NotAllowed."""
    policy.require_somewhere(actor, "lake.read")
    rows = await pool.fetch(
        "SELECT task, began, ended, outcome, detail FROM upkeep WHERE tenant = $1 AND outcome <> 'skipped'"
        " ORDER BY id DESC LIMIT $2",
        actor.tenant, limit,
    )  # fmt: skip
    return [Run(r["task"], r["began"], r["ended"], r["outcome"], msgspec.json.decode(r["detail"])) for r in rows]


def _crowded(files: pa.Table, at_least: int) -> list[date]:
    """Days of at least so many files, the newest first."""
    if not files.num_rows:
        return []
    counted = files["partition.day"].cast(pa.string()).value_counts()
    days = [one["values"].as_py() for one in counted if one["counts"].as_py() >= at_least]
    return sorted((date.fromisoformat(d[:10]) for d in days), reverse=True)


def _bytes(files: pa.Table) -> int:
    return int(pc.sum(files["size_bytes"]).as_py() or 0) if files.num_rows else 0
