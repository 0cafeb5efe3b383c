"""The watch over the audit: accounts that several people seem to use, and reads far above an account's own habit.

Each minute it looks at what was written last and tells the inspectors (or, where there are none, the administrators) by
notice, at most once in `QUIET` for the same account and matter. It accuses nobody: it says what was seen, and how much.
"""

from __future__ import annotations

import asyncio
import itertools
import logging
import math
import uuid
from collections.abc import Awaitable, Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Final

import asyncpg

from province.broker.database import LOST, Connection, Pool, leadership
from province.identity import audit
from province.identity.limits import address_key
from province.model.actor import system
from province.model.label import Label
from province.model.time import Instant, now
from province.pack import Notice

log = logging.getLogger(__name__)

PAUSE_S: Final = 60.0
QUIET: Final = timedelta(hours=6)
SHARED_WITHIN: Final = timedelta(minutes=15)
SWITCHES: Final = 4
"""Back and forth between two addresses so often within `SHARED_WITHIN`: a person who moves on changes once or twice."""
BULK_LEAST: Final = 300
"""Personal records in an hour that nobody is told about, whatever the habit is."""
BULK_FACTOR: Final = 4.0
HABIT: Final = timedelta(days=30)
_LOCK: Final = 0x57415443  # "WATC"

Deliver = Callable[[Connection, str, Notice, str], Awaitable[bool]]
"""deliver(connection, tenant, notice, event id): puts a notice into an inbox, once for the same event id."""


@dataclass(frozen=True, slots=True)
class Seen:
    """Something that inspectors should look at. matter: `shared` or `bulk`."""

    tenant: str
    account: str
    matter: str
    subject: Label
    body: Label


def switches(addresses: Sequence[str]) -> tuple[int, int]:
    """(different networks, changes from one to another) in the order of time. IPv6 counts by its /64."""
    networks = [address_key(a) for a in addresses if a]
    return len(set(networks)), sum(a != b for a, b in itertools.pairwise(networks))


def limit_of(hours: Iterable[int]) -> int:
    """From how many records in an hour on a read is unusual. hours: sums of the account's earlier hours with reads.

    The busiest hour but the top twentieth of them, times `BULK_FACTOR`; never below `BULK_LEAST`.
    """
    known = sorted(hours)
    if not known:
        return BULK_LEAST
    usual = known[max(0, math.ceil(len(known) * 0.95) - 1)]
    return max(BULK_LEAST, math.ceil(usual * BULK_FACTOR))


class Watch:
    """Run with `run()` until cancelled."""

    def __init__(self, pool: Pool, deliver: Deliver) -> None:
        self._pool = pool
        self._deliver = deliver

    async def run(self) -> None:
        """Look each minute; a lost database is waited for. One watch works per database."""
        while True:
            try:
                async with leadership(self._pool, _LOCK) as leader:
                    if leader is not None:
                        await self.step(leader, now())
            except (*LOST, asyncpg.PostgresError) as error:
                log.warning("the watch waits", extra={"error": repr(error)})
            await asyncio.sleep(PAUSE_S)

    async def step(self, connection: Connection, at: Instant) -> list[Seen]:
        """Look once, and tell. Returns what was new."""
        seen = [*await _shared(connection, at), *await _bulk(connection, at)]
        return [one for one in seen if await self._tell(connection, one, at)]

    async def _tell(self, connection: Connection, one: Seen, at: Instant) -> bool:
        told = False
        window = int(at.timestamp() // QUIET.total_seconds())
        async with connection.transaction():
            for inspector in await inspectors(connection, one.tenant):
                event = uuid.uuid5(uuid.NAMESPACE_URL, f"watch/{one.matter}/{one.account}/{window}/{inspector}")
                notice = Notice(to=inspector, subject=one.subject, body=one.body)
                told |= await self._deliver(connection, one.tenant, notice, str(event))
            if told:
                await audit.record(connection, system(one.tenant, "watch"), f"account.{one.matter}-noticed",
                                   detail={"account": one.account})  # fmt: skip
        return told


async def inspectors(connection: Connection, tenant: str) -> list[str]:
    """Accounts that are told: inspectors of all agencies, or else administrators."""
    for role in ("inspector", "administrator"):
        rows = await connection.fetch(
            "SELECT DISTINCT g.account::text AS id FROM grant_ g JOIN account a ON a.tenant = g.tenant"
            " AND a.id = g.account WHERE g.tenant = $1 AND g.role = $2 AND g.valid @> now()"
            " AND a.disabled_at IS NULL AND g.agency IS NULL ORDER BY 1",
            tenant,
            role,
        )
        if rows:
            return [row["id"] for row in rows]
    return []


async def _shared(connection: Connection, at: Instant) -> list[Seen]:
    rows = await connection.fetch(
        "SELECT tenant, actor, array_agg(address ORDER BY seq) AS addresses FROM audit"
        " WHERE at > $1 AND at <= $2 AND kind = 'person' AND address <> '' GROUP BY tenant, actor"
        " HAVING count(DISTINCT address) > 1",
        at - SHARED_WITHIN,
        at,
    )
    found = []
    for row in rows:
        networks, changes = switches(row["addresses"])
        if networks < 2 or changes < SWITCHES:
            continue
        name = await _name(connection, row["tenant"], row["actor"])
        minutes = int(SHARED_WITHIN.total_seconds()) // 60
        found.append(
            Seen(row["tenant"], row["actor"], "shared",
                 Label(f"Tài khoản {name} dùng cùng lúc từ {networks} nơi"[:200],
                       f"Account {name} in use from {networks} places at once"[:200]),
                 Label(f"Trong {minutes} phút, tài khoản {name} được dùng xen kẽ từ {networks} địa chỉ mạng, đổi"
                       f" qua lại {changes} lần. Có thể nhiều người dùng chung. Xem: /audit?who={row['actor']}",
                       f"Within {minutes} minutes the account {name} was in use from {networks} networks in turn,"
                       f" {changes} changes. Several people may share it. See: /audit?who={row['actor']}"))
        )  # fmt: skip
    return found


async def _bulk(connection: Connection, at: Instant) -> list[Seen]:
    rows = await connection.fetch(
        "SELECT tenant, actor, sum((detail ->> 'count')::bigint)::bigint AS records FROM audit"
        " WHERE at > $1 AND at <= $2 AND action IN ('entity.read', 'entity.listed') GROUP BY tenant, actor"
        " HAVING sum((detail ->> 'count')::bigint) >= $3",
        at - timedelta(hours=1),
        at,
        BULK_LEAST,
    )
    found = []
    for row in rows:
        limit = limit_of(await _habit(connection, row, at))
        if row["records"] < limit:
            continue
        name = await _name(connection, row["tenant"], row["actor"])
        found.append(
            Seen(row["tenant"], row["actor"], "bulk",
                 Label(f"Tài khoản {name} xem nhiều hồ sơ bất thường"[:200],
                       f"Account {name} reads unusually many records"[:200]),
                 Label(f"Trong một giờ, tài khoản {name} đã xem {row['records']} hồ sơ có dữ liệu cá nhân; mức báo theo"
                       f" thói quen của chính tài khoản là {limit}. Xem: /audit?who={row['actor']}",
                       f"Within an hour the account {name} was shown {row['records']} records with personal data; by"
                       f" its own habit {limit} are unusual. See: /audit?who={row['actor']}"))
        )  # fmt: skip
    return found


async def _habit(connection: Connection, row: Any, at: Instant) -> list[int]:
    hours = await connection.fetch(
        "SELECT sum((detail ->> 'count')::bigint)::bigint AS records FROM audit WHERE tenant = $1 AND actor = $2"
        " AND action IN ('entity.read', 'entity.listed') AND at > $3 AND at <= $4 GROUP BY date_trunc('hour', at)",
        row["tenant"],
        row["actor"],
        at - HABIT,
        at - timedelta(hours=1),
    )
    return [hour["records"] for hour in hours]


async def _name(connection: Connection, tenant: str, account: str) -> str:
    found: str | None = await connection.fetchval(
        "SELECT name FROM account WHERE tenant = $1 AND id::text = $2", tenant, account
    )
    return found or account
