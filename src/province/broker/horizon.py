"""How far a log of the database may be read: below, nobody writes any more.

Rows of the outbox and of the audit carry the id of their transaction, and are read in the order of (transaction id,
sequence): a sequence number is drawn before its transaction commits, so that the sequence alone is not the order of
commits. They are read below the oldest transaction that still runs.

Of those that run, autovacuum's do not count. It writes into neither log, and one that analyses a large table holds an
id for seconds, while it tidies an index and pauses: everybody would wait for it. A transaction that ended since the
snapshot was taken is not found any more, and counts. Who is no superuser and has not the role `pg_read_all_stats` sees
nothing of autovacuum, and waits for it.
"""

from __future__ import annotations

from typing import Final

SETTLED: Final = (
    "(SELECT coalesce(min(x::text::bigint), pg_snapshot_xmax(pg_current_snapshot())::text::bigint)"
    " FROM pg_snapshot_xip(pg_current_snapshot()) AS x WHERE NOT EXISTS (SELECT FROM pg_stat_activity a"
    " WHERE a.backend_type = 'autovacuum worker' AND a.backend_xid = x::xid))"
)
"""SQL: of transactions with a smaller id all rows are there, and none is to come."""
