"""The seal of the running product: kill -9 of the sealer under load loses and repeats nothing; tampering is found."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest

from province.identity.blocks import Block
from tests.product import Product, count, running_product, until
from tests.system.load import Load

pytestmark = pytest.mark.fault
BEHIND = "SELECT count(*) FROM audit a, relay_position p WHERE p.reader = 'sealer' AND (a.xid, a.seq) > (p.xid, p.seq)"


@pytest.fixture(scope="module")
def own() -> Iterator[Product]:
    with running_product() as product:
        yield product


async def test_killed_in_the_middle_of_blocks_it_seals_every_row_once(own: Product) -> None:
    load = Load(own)
    await load.prepare()
    await load.start()
    try:
        for _ in range(3):
            await asyncio.sleep(2.3)
            await own.kill("work")
    finally:
        await load.stop()

    async def settled() -> bool:
        return await count(own, BEHIND) == 0

    await until(settled, "everything is sealed", timeout_s=60, pause_s=0.3)
    blocks = await own.database(lambda c: c.fetch("SELECT block::text AS block FROM audit_block ORDER BY number"))
    runs = [run for row in blocks for run in msgspec.json.decode(row["block"], type=Block).seqs]
    sealed = [n for first, last in runs for n in range(first, last + 1)]
    assert len(sealed) == len(set(sealed)), "no row twice"
    rows = await own.database(lambda c: c.fetch("SELECT seq FROM audit WHERE seq <= $1", max(sealed)))
    assert {r["seq"] for r in rows} == set(sealed), "none skipped"
    done = own.command("audit", "verify", "--values")
    assert done.returncode == 0, done.stdout + done.stderr
    assert b"whole" in done.stdout


async def test_the_command_names_the_row_that_was_changed_and_proofs_need_no_server(
    own: Product, tmp_path: Path
) -> None:
    row = await count(own, "SELECT seq FROM audit ORDER BY seq OFFSET 20 LIMIT 1")
    proof = tmp_path / "row.json"
    assert own.command("audit", "prove", str(row), "--output", str(proof)).returncode == 0
    keys = own.settings.audit_heads_folder / "keys.json"
    kept = await own.database(lambda c: c.fetchval("SELECT actor FROM audit WHERE seq = $1", row))
    await own.database(lambda c: c.execute("UPDATE audit SET actor = 'nobody' WHERE seq = $1", row))
    try:
        done = own.command("audit", "verify")
        assert done.returncode == 1
        assert f"row {row} is not what was sealed" in done.stdout.decode().splitlines()[1]
        late = own.command("audit", "verify", "--json", "--from", "2")
        assert json.loads(late.stdout)["blocks"] > 0
    finally:
        await own.database(lambda c: c.execute("UPDATE audit SET actor = $2 WHERE seq = $1", row, kept))
    own.stop()
    done = own.command("audit", "check-proof", str(proof), "--keys", str(keys))
    assert (done.returncode, done.stdout[:6]) == (0, b"proven"), done.stdout + done.stderr
    proof.write_text(proof.read_text().replace(kept, "nobody"))
    assert own.command("audit", "check-proof", str(proof), "--keys", str(keys)).returncode == 1
