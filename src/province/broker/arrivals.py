"""Who sent what, and when it came in: from a reading's place in the stream to its sender.

The lake keeps of each reading the position of the message that brought it. Per batch of the lake writer, door and
sender, one row here tells which positions were theirs, and how late and how early their readings were.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final

import numpy as np
import pyarrow as pa

from province.broker.database import Connection, Pool
from province.broker.stream import Envelope
from province.history.quality import Clock

LATE_US: Final = 3_600_000_000
"""A reading that came this long after it was measured is late."""
KEEP_DAYS: Final = 400


@dataclass(slots=True)
class _Row:
    at: int
    messages: list[int] = field(default_factory=list)
    readings: int = 0
    late: int = 0
    early: int = 0


async def record(connection: Connection, stream: str, last: int, parts: Sequence[tuple[Envelope, pa.Table]]) -> None:
    """Write down the messages of a batch that ended at position `last`. A second time changes nothing."""
    found: dict[tuple[str, str, str], _Row] = {}
    for envelope, table in parts:
        row = found.setdefault((envelope.tenant, envelope.source, envelope.actor), _Row(envelope.at))
        row.messages.append(envelope.sequence)
        lag = envelope.at - table["observed_at"].cast(pa.int64()).to_numpy()
        row.readings += table.num_rows
        row.late += int(np.count_nonzero(lag > LATE_US))
        row.early += int(np.count_nonzero(lag < 0))
    rows = list(found.values())
    await connection.execute(
        "INSERT INTO arrival (tenant, stream, last, door, sender, at, messages, readings, late, early)"
        " SELECT tenant, $1, $2, door, sender, timestamptz 'epoch' + at * interval '1 microsecond',"
        " messages::int8multirange, readings, late, early"
        " FROM unnest($3::text[], $4::text[], $5::text[], $6::bigint[], $7::text[], $8::bigint[], $9::bigint[],"
        " $10::bigint[]) AS u(tenant, door, sender, at, messages, readings, late, early) ON CONFLICT DO NOTHING",
        stream, last, *([key[n] for key in found] for n in range(3)), [r.at for r in rows],
        [_ranges(r.messages) for r in rows], [r.readings for r in rows], [r.late for r in rows],
        [r.early for r in rows],
    )  # fmt: skip


@dataclass(frozen=True, slots=True)
class Arrival:
    """Messages of one sender in one batch. positions: (first, last) of each run, both included."""

    stream: str
    door: str
    sender: str
    at: datetime
    positions: tuple[tuple[int, int], ...]


async def find(connection: Connection, tenant: str, positions: Sequence[int]) -> list[Arrival]:
    """The arrivals that hold any of these positions. Two lives of the stream may both know a position."""
    if not positions:
        return []
    rows = await connection.fetch(
        "SELECT stream, door, sender, at, messages::text AS messages FROM arrival"
        " WHERE tenant = $1 AND messages && $2::text::int8multirange ORDER BY at, door, sender LIMIT 10000",
        tenant, _ranges(sorted(set(positions))),
    )  # fmt: skip
    return [Arrival(r["stream"], r["door"], r["sender"], r["at"], _runs(r["messages"])) for r in rows]


async def clock(connection: Connection, tenant: str, since: datetime) -> Clock:
    """(position of a batch, its arrival in µs), in order, of batches that came since: to date readings by position."""
    rows = await connection.fetch(
        "SELECT last, extract(epoch FROM min(at))::float8 AS at FROM arrival WHERE tenant = $1 AND at >= $2"
        " GROUP BY stream, last ORDER BY last", tenant, since,
    )  # fmt: skip
    return np.array([r["last"] for r in rows], np.int64), np.array([int(r["at"] * 1e6) for r in rows], np.int64)


async def remove_old(pool: Pool, *, keep_days: int = KEEP_DAYS) -> int:
    """Forget the senders of long ago. Returns rows removed."""
    done = await pool.execute("DELETE FROM arrival WHERE at < now() - make_interval(days => $1)", keep_days)
    return int(done.split()[-1])


def _ranges(positions: Sequence[int]) -> str:
    """Ordered positions as text of an int8multirange."""
    given = np.asarray(positions, np.int64)
    breaks = np.flatnonzero(np.diff(given) > 1)
    firsts, lasts = given[np.append(0, breaks + 1)], given[np.append(breaks, len(given) - 1)]
    return "{" + ",".join(f"[{a},{b}]" for a, b in zip(firsts.tolist(), lasts.tolist(), strict=True)) + "}"


def _runs(text: str) -> tuple[tuple[int, int], ...]:
    """Inverse of `_ranges`, from PostgreSQL's own form `{[1,4),[7,8)}`."""
    if text == "{}":
        return ()
    pairs = (run.strip("[)").split(",") for run in text.strip("{}").replace("),[", ")|[").split("|"))
    return tuple((int(a), int(b) - 1) for a, b in pairs)
