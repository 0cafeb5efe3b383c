"""What health, readiness and metrics ask, bound to the parts of this process."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from pathlib import Path

from starlette.requests import Request

from province.adapters.clock import ClockWatch
from province.adapters.disk import DiskWatch
from province.api.health import Check, Health, Metrics
from province.app.core import Core
from province.broker.stream import STREAM
from province.engines.gateway import STREAM as GATEWAY
from province.errors import Unavailable
from province.identity import policy
from province.identity.authenticate import Authenticator

LAG_S = 60.0
"""A lake or relay further behind than this is reported as failing."""


def disk_watch(core: Core) -> DiskWatch:
    """The folders whose room decides whether anything may be written."""
    lake = core.settings.lake_uri
    return DiskWatch([core.settings.home] + ([] if "://" in lake else [Path(lake)]))


def build(core: Core, disk: DiskWatch, authenticator: Authenticator) -> tuple[Health, Metrics]:
    """Health routes and the metrics that requests are counted in."""

    async def database() -> str:
        async with core.pool.acquire(timeout=1.5) as connection:
            await connection.fetchval("SELECT 1")
        return ""

    async def bus() -> str:
        if not core.nats.is_connected:
            raise Unavailable("NATS is not connected.")
        await core.nats.jetstream().account_info()
        return ""

    async def lake() -> str:
        lag = await lake_lag()
        if lag > LAG_S:
            raise Unavailable(f"the lake is {lag:.0f} s behind.")
        return f"the lake is {lag:.0f} s behind." if lag > LAG_S / 4 else ""

    async def relay() -> str:
        lag = await relay_lag()
        if lag > LAG_S:
            raise Unavailable(f"rules and notices are {lag:.0f} s behind.")
        return ""

    async def database_now() -> datetime:
        async with core.pool.acquire(timeout=1.5) as connection:
            at: datetime = await connection.fetchval("SELECT clock_timestamp()")
        return at

    async def lake_lag() -> float:
        stream = core.nats.jetstream()
        info = await stream.stream_info(STREAM)
        async with core.pool.acquire(timeout=1.5) as connection:
            row = await connection.fetchrow(
                "SELECT sequence, extract(epoch FROM now() - at)::float8 AS age FROM lake_position WHERE stream = $1",
                core.incarnation.name,
            )
        written = row["sequence"] if row else 0
        if info.state.last_seq <= max(written, core.incarnation.floor):
            return 0.0
        return float(row["age"]) if row else 0.0

    async def relay_lag() -> float:
        return float(
            await _number(
                core,
                "SELECT coalesce(extract(epoch FROM now() - min(o.at)), 0) FROM outbox o WHERE (o.xid, o.seq) >"
                " (SELECT coalesce(max(xid), 0), coalesce(max(seq), 0) FROM relay_position WHERE reader = 'relay')",
            )
        )

    async def queues() -> Mapping[str, float]:
        waiting = await _number(
            core,
            "SELECT count(*) FROM outbox o WHERE (o.xid, o.seq) >"
            " (SELECT coalesce(max(xid), 0), coalesce(max(seq), 0) FROM relay_position WHERE reader = 'relay')",
        )
        jobs = await _number(core, "SELECT count(*) FROM procrastinate_jobs WHERE status = 'todo'")
        return {"commit": float(core.committer.waiting), "relay": waiting, "jobs": jobs}

    async def streams() -> Mapping[str, float]:
        found = {}
        for name in (STREAM, GATEWAY):
            found[name] = float((await core.nats.jetstream().stream_info(name)).state.bytes)
        return found

    async def limits() -> Mapping[str, float]:
        found = {}
        for name in (STREAM, GATEWAY):
            found[name] = float((await core.nats.jetstream().stream_info(name)).config.max_bytes or 0)
        return found

    async def free() -> Mapping[str, float]:
        return {str(space.path): float(space.free_bytes) for space in disk.spaces()}

    clock = ClockWatch(database_now)

    async def skew() -> float:
        return (await clock.measure()).database_s

    metrics = Metrics(
        {
            "province_queue_depth": queues,
            "province_stream_bytes": streams,
            "province_stream_limit_bytes": limits,
            "province_lake_lag_seconds": lake_lag,
            "province_relay_lag_seconds": relay_lag,
            "province_audit_lag_seconds": lambda: _number(core, _UNSEALED),
            "province_parked_effects": lambda: _number(core, "SELECT count(*) FROM failed_effect WHERE state = 'open'"),
            "province_dead_letters": lambda: _number(core, "SELECT count(*) FROM dead_letter WHERE state = 'open'"),
            "province_committed_writes": lambda: _number(core, "SELECT coalesce(max(seq), 0) FROM audit"),
            "province_disk_free_bytes": free,
            "province_clock_skew_seconds": skew,
        }
    )
    checks = (
        Check("database", database, "Is PostgreSQL running? See `province status`."),
        Check("nats", bus, "Is NATS running? See `province status`."),
        Check("lake", lake, "Is the process `ingest` running? Its log tells what it waits for."),
        Check("relay", relay, "Is the process `work` running? Its log tells what it waits for."),
        Check("disk", disk.check, "Free some space."),
        Check("clock", clock.check, "Set the clock by a time service."),
    )

    async def may_see(request: Request) -> bool:
        caller = await authenticator.identify(
            core.settings.tenant,
            cookie=request.cookies.get("session"),
            authorization=request.headers.get("authorization"),
        )
        return policy.allows(caller.actor, "system.read")

    return Health(checks, metrics, may_see), metrics


_UNSEALED = (
    "SELECT coalesce(extract(epoch FROM now() - min(a.at)), 0) FROM audit a WHERE (a.xid, a.seq) >"
    " (SELECT coalesce(max(xid), -4611686018427387904), coalesce(max(seq), 0) FROM relay_position"
    "  WHERE reader = 'sealer')"
)
"""Age of the oldest row of the audit that no block holds."""


async def _number(core: Core, sql: str) -> float:
    async with core.pool.acquire(timeout=1.5) as connection:
        return float(await connection.fetchval(sql))
