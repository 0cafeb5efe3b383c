"""What endpoints were told and is not counted yet: who reads a subscription waits for that, shortly.

Outcomes are written a moment after an endpoint answered (`settle`), by another process than the one that is read from.
A notification stays in its table until then, and leaves it in the transaction that counts it.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Final

from province.broker.database import Connection

if TYPE_CHECKING:
    from province.broker.subscriptions.store import Kept

PAUSES_S: Final = (0.002, 0.005, 0.01, 0.02, 0.04, 0.08, 0.16)
"""Between two looks, a third of a second together: an endpoint that takes longer to answer is not waited for."""
_FIRST: Final = 1_000
"""So many of what waits for an endpoint are looked at: it is told of the oldest first."""


async def newest_uncounted(connection: Connection, several: Sequence[Kept], until: int | None) -> int | None:
    """The newest notification of these subscriptions that is due and was never settled, up to `until`; None for none.

    An endpoint that failed with what waits for it has none: it is left in peace, and nobody waits for it. All
    subscriptions are of one tenant and kind. The look and the counters must be of one snapshot.
    """
    if not several:
        return None
    newest: int | None = await connection.fetchval(
        "SELECT max(newest) FROM (SELECT max(n.seq) FILTER (WHERE n.tenant = $2 AND n.kind = $3"
        " AND n.subscription = ANY($4::text[]) AND ($5::bigint IS NULL OR n.seq <= $5)) AS newest"
        " FROM unnest($1::text[]) AS u (uri) CROSS JOIN LATERAL (SELECT tenant, kind, subscription, seq, attempts"
        " FROM notification WHERE uri = u.uri AND state = 'waiting' AND due <= now() ORDER BY seq LIMIT $6) AS n"
        " GROUP BY u.uri HAVING NOT bool_or(n.attempts > 0)) AS of_endpoints",
        sorted({kept.subscription.uri for kept in several}),
        several[0].tenant,
        several[0].kind,
        [kept.id for kept in several],
        until,
        _FIRST,
    )
    return newest
