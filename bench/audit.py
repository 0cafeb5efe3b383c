"""The audit: how fast rows are sealed and verified, and whether the sealer keeps up with writers beside it.

    python -m bench.audit [--rows 1000000] [--seconds 20] [--rate 5000]

Against a PostgreSQL of its own with fsync on, this process on the same cores. *keeps up*: writers insert `rate` rows a
second in transactions of 100 while the sealer runs as in the product; what counts is how many rows it is behind at the
end, and that is at most what came within its pause. *seal* and *verify* are one process on one core over all rows.
"""

from __future__ import annotations

import argparse
import asyncio
import tempfile
import time
from pathlib import Path

from tests.conftest import running, temporary_home

from bench.product import Row, write
from province.adapters.heads import HeadFolder
from province.broker.audit_check import check, prove
from province.broker.database import Pool, connect
from province.broker.migrate import migrate
from province.broker.sealer import Sealer
from province.engines.postgres import Postgres
from province.identity.keys import KeyRing
from province.settings import Settings

_WRITE = """INSERT INTO audit (tenant, at, actor, kind, action, entity, type, purpose, request, address, detail)
    SELECT 'binh-duong', clock_timestamp(), '0198c3e2-77aa-7000-8000-' || lpad((n % 500)::text, 12, '0'), 'person',
           'report.changed', 'urn:ngsi-ld:Report:' || n, 'Report', 'xử lý phản ánh', md5(n::text), '10.0.0.1',
           '{"attrs": ["status", "note", "modifiedBy"], "version": 3}'
    FROM generate_series($1::bigint, $1::bigint + $2::bigint - 1) n"""
_BEHIND = "SELECT count(*) FROM audit a, relay_position p WHERE p.reader = 'sealer' AND (a.xid, a.seq) > (p.xid, p.seq)"


async def keeps_up(pool: Pool, sealer: Sealer, rate: int, seconds: float) -> Row:
    """Writers at `rate` rows a second beside the running sealer."""
    task = asyncio.create_task(sealer.run())
    began, written, most = time.perf_counter(), 0, 0
    async with pool.acquire() as connection, pool.acquire() as other:
        await asyncio.sleep(0)
        while (now := time.perf_counter() - began) < seconds:
            if written < rate * now:
                await connection.execute(_WRITE, written, 100)
                written += 100
            else:
                await asyncio.sleep(0.002)
            if written % (rate * 2) == 0:
                most = max(most, await other.fetchval(_BEHIND) or 0)
        wrote_in = time.perf_counter() - began
        most = max(most, await other.fetchval(_BEHIND) or 0)
        while await other.fetchval(_BEHIND):
            await asyncio.sleep(0.05)
        behind_for = time.perf_counter() - began - wrote_in
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    return {
        "what": "sealer beside writers", "rows_per_s": round(written / wrote_in), "most_rows_behind": most,
        "seconds_to_catch_up": round(behind_for, 2),
    }  # fmt: skip


async def measure(dsn: str, folder: Path, rows: int, seconds: float, rate: int) -> list[Row]:
    """All figures."""
    pool = await connect(dsn, size=6)
    heads = HeadFolder(folder / "heads")
    sealer = Sealer(pool, KeyRing.create(folder / "master-key"), heads)
    async with pool.acquire() as connection:
        await migrate(connection)
    found = [await keeps_up(pool, sealer, rate, seconds)]
    async with pool.acquire() as connection:
        left = rows - await connection.fetchval("SELECT count(*) FROM audit")
        for first in range(0, max(left, 0), 100_000):
            await connection.execute(_WRITE, first, min(100_000, left - first), timeout=600)
        began, sealed = time.perf_counter(), 0
        while count := await sealer.step(connection):
            sealed += count
        took = time.perf_counter() - began
        await sealer.export(connection, at_once=True)
        if sealed:
            found.append({"what": "seal what waits", "rows": sealed, "seconds": round(took, 2),
                          "rows_per_s": round(sealed / took)})  # fmt: skip
        began = time.perf_counter()
        report = await check(connection, heads.heads(), heads.public_keys())
        took = time.perf_counter() - began
        assert not report.findings, report.first
        found.append({"what": "verify everything", "rows": report.rows, "blocks": report.blocks,
                      "seconds": round(took, 2), "rows_per_s": round(report.rows / took)})  # fmt: skip
        row = await connection.fetchval("SELECT max(seq) / 2 FROM audit")
        began = time.perf_counter()
        await prove(connection, row)
        found.append({"what": "prove one row", "milliseconds": round((time.perf_counter() - began) * 1000, 1)})
        size = await connection.fetchrow("SELECT pg_total_relation_size('audit') AS audit,"
                                         " pg_total_relation_size('audit_block') AS block")  # fmt: skip
        found.append({"what": "bytes for each row", "audit": round(size["audit"] / report.rows),
                      "blocks": round(size["block"] / report.rows, 1)})  # fmt: skip
    await pool.close()
    return found


def main(rows: int, seconds: float, rate: int) -> None:
    """Measure and print."""
    with temporary_home() as home, tempfile.TemporaryDirectory() as folder:
        postgres = Postgres(Settings(home=home))
        postgres.prepare()
        with running(postgres.command(), home / "postgres.log"):
            found = asyncio.run(measure(postgres.dsn(), Path(folder), rows, seconds, rate))
    write("audit", found, settings={"postgres": "fsync on, synchronous_commit on", "block": "5,000 rows at most"})


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--seconds", type=float, default=20)
    parser.add_argument("--rate", type=int, default=5_000)
    given = parser.parse_args()
    main(given.rows, given.seconds, given.rate)
