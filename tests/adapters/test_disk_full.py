"""A disk that is really full: nothing that was acknowledged is lost, and with room again everything goes on."""

from __future__ import annotations

import asyncio
import random
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import asyncpg
import nats
import nats.errors
import pytest
from nats.js.errors import APIError

from province.adapters.disk import DiskWatch
from province.broker import stream
from province.engines.facade import Engines
from province.errors import Unavailable
from province.settings import Settings

from .installation import engines_of, folder

pytestmark = [pytest.mark.fault, pytest.mark.slow]
MIB = 1024**2


@pytest.fixture
def small() -> Iterator[Path]:
    """A home on a file system of 320 MiB."""
    with folder() as place:
        disk = place / "disk"
        disk.mkdir()
        command = ["mount", "-t", "tmpfs", "-o", "size=320m,mode=0711", "tmpfs", str(disk)]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode != 0:
            pytest.skip(f"a file system cannot be mounted here: {done.stderr.strip()}")
        yield disk / "home"
        subprocess.run(["umount", str(disk)], check=True)


def fill(path: Path, spare: int) -> None:
    """Leave `spare` bytes of the disk."""
    with path.open("wb") as file:
        for _ in range(10_000):
            if shutil.disk_usage(path).free <= spare:
                return
            try:
                file.write(bytes(MIB // 4))
                file.flush()
            except OSError:
                return


async def insert(engines: Engines, text: str) -> None:
    connection = await asyncpg.connect(engines.database_dsn(), timeout=5)
    try:
        await connection.execute("INSERT INTO noted (text) VALUES ($1)", text)
    finally:
        await connection.close()


@pytest.mark.parametrize("spare", [0, 24 * MIB], ids=["full at once", "full while they write"])
async def test_engines_survive_a_full_disk_and_keep_what_they_acknowledged(small: Path, spare: int) -> None:
    settings = Settings(home=small, mqtt_port=0, stream_max_bytes=1024 * MIB)
    async with engines_of(settings) as engines:
        watch = DiskWatch([small], low_bytes=64 * MIB, critical_bytes=32 * MIB, hold_s=0)
        watch.require_space()
        connection = await asyncpg.connect(engines.database_dsn())
        await connection.execute("CREATE TABLE noted (text text)")
        await connection.close()
        client = await nats.connect(engines.nats_url(), **engines.nats_options())  # type: ignore[arg-type]
        js = client.jetstream(timeout=5)
        await stream.ensure_stream(js, max_bytes=512 * MIB)

        filler = small.parent / "filler"
        fill(filler, spare)
        with pytest.raises(Unavailable):
            watch.require_space()

        texts, numbers = await _fill_up(engines, js)
        print(f"acknowledged on a full disk: {len(texts)} records, {len(numbers)} messages")

        filler.unlink()
        watch.require_space()
        async with asyncio.timeout(60):
            while True:
                try:
                    await insert(engines, "after")
                    break
                except (OSError, asyncpg.PostgresError, asyncpg.InterfaceError):
                    await asyncio.sleep(0.2)
            while True:
                try:
                    await js.publish("obs.t.http", b"after")
                    break
                except (nats.errors.Error, APIError):
                    await asyncio.sleep(0.2)
        connection = await asyncpg.connect(engines.database_dsn())
        kept = [row["text"] for row in await connection.fetch("SELECT text FROM noted")]
        await connection.close()
        assert set(texts) <= set(kept)
        assert len(kept) == len(set(kept))
        state = (await js.stream_info(stream.STREAM)).state
        found = [(await js.get_msg(stream.STREAM, seq=n)).data for n in range(state.first_seq, state.last_seq + 1)]
        assert {str(n).encode() for n in numbers} <= {(data or b"").split(b" ")[0] for data in found}
        assert found[-1] == b"after"
        await client.close()


async def _fill_up(engines: Engines, js: nats.js.JetStreamContext) -> tuple[list[str], list[int]]:
    """Write until neither takes any more. Returns what was acknowledged."""
    texts: list[str] = []
    numbers: list[int] = []
    refused_records = refused_messages = 0
    for n in range(400):
        if refused_records < 3:
            try:
                text = f"{n} {random.randbytes(50_000).hex()}"
                await insert(engines, text)
                texts.append(text)
            except (OSError, asyncpg.PostgresError, asyncpg.InterfaceError) as error:
                refused_records += 1
                print(f"record {n}: {error!r}")
        if refused_messages < 3:
            try:
                await js.publish("obs.t.http", f"{n} ".encode() + bytes(100_000))
                numbers.append(n)
            except (nats.errors.Error, APIError) as error:
                refused_messages += 1
                print(f"message {n}: {error!r}")
    assert refused_records, "PostgreSQL refused"
    assert refused_messages, "NATS refused"
    return texts, numbers
