"""Checking the sealed audit of a database, and proving that one row is in it."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime
from typing import Any, Final
from zoneinfo import ZoneInfo

from province.broker.corrections import commit
from province.broker.database import Connection
from province.broker.sealer import READER, sealed_of
from province.errors import NotFound
from province.identity import blocks, commitment, merkle, signing
from province.identity.blocks import Head, Key, Proof
from province.identity.checking import Checker, Finding, Report, Sealed

_BLOCK: Final = "SELECT block::text AS block, hash, signature, leaves FROM audit_block"
_ROWS: Final = (
    f"SELECT {blocks.COLUMNS}, xid FROM audit WHERE tenant = ANY($1::text[]) AND seq BETWEEN $2 AND $3"  # noqa: S608 - constants
    " ORDER BY seq"
)
_VALUES: Final = """
SELECT c.seq, c.entity, c.version, c.attr, c.commitment, h.salts, h.texts FROM (
    SELECT a.tenant, a.seq, a.entity, (a.detail ->> 'version')::bigint AS version, n.attr, n.commitment
    FROM audit a, LATERAL (
        SELECT * FROM ROWS FROM (jsonb_array_elements_text(a.detail -> 'attrs'),
                                 jsonb_array_elements_text(a.detail -> 'commitments')) AS u (attr, commitment)) n
    WHERE a.detail ? 'commitments' AND a.entity IS NOT NULL) c,
    LATERAL (SELECT coalesce(array_agg(h.salt), '{}') AS salts,
                    coalesce(array_agg(coalesce(h.attribute::text, 'null')), '{}') AS texts
             FROM attribute_instance h
             WHERE h.tenant = c.tenant AND h.entity = c.entity AND h.version = c.version AND h.attr = c.attr) h
ORDER BY c.seq"""
"""An id may live again after a deletion with the same versions: any of the values that fits is enough."""
_ENTERED: Final = """
SELECT a.seq, c.entity, c.attribute, c.number, c.text, c.salt, a.detail ->> 'commitment' AS commitment
FROM audit a JOIN correction c ON c.tenant = a.tenant AND c.id = (a.detail ->> 'correction')::bigint
WHERE a.action = 'reading.corrected' AND a.detail ? 'commitment' ORDER BY a.seq"""
"""Corrections of readings. Rows from before 2026-11-26 hold the value itself and no commitment: sealed as they are."""
_OVERLAP: Final = 50
"""Blocks before the first one whose rows may stand among its rows: a slow transaction is passed by quick ones."""
_LEAST, _MOST = -(2**63), 2**63 - 1


async def check(
    connection: Connection, heads: Sequence[Head], keys: Sequence[Key], *, since: date | int | None = None
) -> Report:
    """Check the audit from the beginning, or from a civil day or the number of a block on.

    heads, keys: as exported. The first exported key is the one that is trusted; without any, the database's first.
    """
    async with connection.transaction(isolation="repeatable_read", readonly=True):
        first = await _first(connection, since)
        known = await signing.public_keys(connection)
        merged = {k.id: k for k in known} | {k.id: k for k in keys}
        trusted = blocks.trusted(list(merged.values()), {k.id for k in keys[:1]} or {k.id for k in known[:1]})
        before, covered = await _before(connection, first)
        checker = Checker(trusted, heads, before=before, covered=covered)
        tenants = await _tenants(connection)
        async for record in connection.cursor(f"{_BLOCK} WHERE number >= $1 ORDER BY number", first, prefetch=20):
            sealed = sealed_of(record)
            low, high = checker.window(sealed)
            rows = await connection.fetch(_ROWS, tenants, low, high)
            checker.block(sealed, [tuple(row) for row in rows])
        position = await connection.fetchrow("SELECT xid, seq FROM relay_position WHERE reader = $1", READER)
        newest = await connection.fetchval("SELECT pg_snapshot_xmax(pg_current_snapshot())::text::bigint")
        rest = await connection.fetch(_ROWS, tenants, max(checker.next_row, _LEAST), _MOST)
        checker.tail(
            [tuple(row) for row in rest], (position["xid"], position["seq"]) if position else (_LEAST, 0), newest
        )
    return checker.report()


async def check_values(connection: Connection) -> tuple[list[Finding], int, int]:
    """Compare what is kept with what the audit committed to: (findings, values that agree, values that are gone).

    Looked at are the history of records and the values that were entered in place of readings.

    A value that is gone was erased, which the law permits; one that differs was changed behind the product's back.
    """
    findings: list[Finding] = []
    agree = gone = 0
    async with connection.transaction(isolation="repeatable_read", readonly=True):
        async for row in connection.cursor(_VALUES, prefetch=1_000):
            known = [(salt, text) for salt, text in zip(row["salts"], row["texts"], strict=True) if salt is not None]
            if not known:
                gone += 1
            elif any(commitment.holds(row["commitment"], salt, row["attr"], text) for salt, text in known):
                agree += 1
            else:
                text = f"{row['attr']} of {row['entity']} in version {row['version']} is not what was written"
                findings.append(Finding(what="changed", text=text, row=row["seq"]))
        async for row in connection.cursor(_ENTERED, prefetch=1_000):
            if row["salt"] is None:
                gone += 1
            elif commit(row["salt"], row["attribute"], row["number"], row["text"]) == row["commitment"]:
                agree += 1
            else:
                text = f"the correction of {row['attribute']} of {row['entity']} is not what was written"
                findings.append(Finding(what="changed", text=text, row=row["seq"]))
    return findings, agree, gone


async def prove(connection: Connection, row: int) -> Proof:
    """That the row with this number is in a signed block. Raises: NotFound: no such row, or not sealed yet."""
    found: Sealed | None = None
    index: int | None = None
    for record in await connection.fetch(
        f"{_BLOCK} WHERE last_seq >= $1 AND first_seq <= $1 ORDER BY last_seq LIMIT $2", row, _OVERLAP
    ):
        one = sealed_of(record)
        index = blocks.position_of(one.block.seqs, row)
        if index is not None:
            found = one
            break
    told = await connection.fetchrow(f"SELECT {blocks.COLUMNS} FROM audit WHERE seq = $1", row)  # noqa: S608 - constants
    if told is None:
        raise NotFound(f"there is no row {row} in the audit.", field="row", remedy="Search the audit for its number.")
    if found is None or index is None:
        raise NotFound(f"row {row} is in no block yet.", field="row", remedy="Rows are sealed every second: try again.")
    leaves = [found.leaves[i : i + 32] for i in range(0, len(found.leaves), 32)]
    return Proof(
        row=list(told),
        index=index,
        path=[one.hex() for one in merkle.path(leaves, index)],
        block=found.block,
        head=found.head,
        keys=await signing.public_keys(connection),
    )


async def _first(connection: Connection, since: date | int | None) -> int:
    if since is None:
        return 1
    if isinstance(since, int):
        return max(since, 1)
    day = datetime(since.year, since.month, since.day, tzinfo=ZoneInfo("Asia/Ho_Chi_Minh"))
    found: int | None = await connection.fetchval("SELECT min(number) FROM audit_block WHERE at >= $1", day)
    if found is None:
        raise NotFound(f"no block was sealed on {since} or later.", field="from", remedy="Give an earlier day.")
    return found


async def _before(connection: Connection, first: int) -> tuple[Sealed | None, list[tuple[int, int]]]:
    """The block before the first one, and what the blocks before it hold."""
    if first <= 1:
        return None, []
    records = await connection.fetch(
        "SELECT block::text AS block, hash, signature, ''::bytea AS leaves FROM audit_block"
        " WHERE number < $1 ORDER BY number DESC LIMIT $2",
        first,
        _OVERLAP,
    )
    found = [sealed_of(record) for record in records]
    return (found[0] if found else None), [run for one in found for run in one.block.seqs]


async def _tenants(connection: Connection) -> list[str]:
    """Every tenant of the audit, by jumping along the primary key."""
    rows: list[Any] = await connection.fetch(
        "WITH RECURSIVE t AS ((SELECT min(tenant) AS tenant FROM audit) UNION ALL"
        " SELECT (SELECT min(a.tenant) FROM audit a WHERE a.tenant > t.tenant) FROM t WHERE t.tenant IS NOT NULL)"
        " SELECT tenant FROM t WHERE tenant IS NOT NULL"
    )
    return [row["tenant"] for row in rows]
