"""Every release's database is brought up to date without losing a row, and the present code reads it."""

from __future__ import annotations

import gzip
import importlib.util
import re
import subprocess
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from types import ModuleType

import asyncpg
import pytest

from province.adapters import notices
from province.app.declarations import declarations
from province.broker import deadletter
from province.broker.database import Pool, connect
from province.broker.history import read_instances
from province.broker.indexes import Renewal, declared, ensure_indexes
from province.broker.jobs import Jobs
from province.broker.migrate import available, migrate
from province.broker.rows import COLUMNS, entity_of
from province.engines.postgres import Postgres
from province.errors import ConfigurationError
from province.history import latest
from province.identity import accounts, vault
from province.identity.keys import KeyRing
from province.identity.passwords import Passwords
from province.model.actor import Actor, Grant
from province.settings import Settings

HERE = Path(__file__).parent
RELEASES = sorted(HERE.glob("*.sql.gz"))


def script() -> ModuleType:
    """The script that wrote the files: the names that it invented."""
    path = HERE.parents[1] / "scripts" / "make_upgrade_fixture.py"
    spec = importlib.util.spec_from_file_location("make_upgrade_fixture", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


MADE = script()


async def counts(pool: Pool) -> dict[str, int]:
    tables = await pool.fetch("SELECT tablename AS name FROM pg_tables WHERE schemaname = 'public'")
    return {t["name"]: await pool.fetchval(f'SELECT count(*) FROM "{t["name"]}"') for t in tables}


@pytest.fixture
async def old(
    request: pytest.FixtureRequest, make_database: Callable[[], str], settings: Settings
) -> AsyncIterator[tuple[Pool, dict[str, int], str]]:
    """A database as a release left it, with its number of rows per table."""
    dsn = make_database()
    psql = Postgres(settings).binary("psql")
    done = subprocess.run(
        [str(psql), f"--dbname={dsn}", "--quiet", "--set=ON_ERROR_STOP=1", "--no-psqlrc"],
        input=gzip.decompress(request.param.read_bytes()), capture_output=True, check=False,
        env={"PATH": "/usr/bin:/bin"},
    )  # fmt: skip
    assert done.returncode == 0, done.stderr.decode()
    pool = await connect(dsn, size=4)
    yield pool, await counts(pool), dsn
    await pool.close()


def test_there_is_a_release_to_come_from() -> None:
    assert RELEASES


@pytest.mark.parametrize("old", RELEASES, indirect=True, ids=lambda path: path.name.removesuffix(".sql.gz"))
async def test_a_release_is_brought_up_to_date(old: tuple[Pool, dict[str, int], str], tmp_path: Path) -> None:
    pool, before, dsn = old
    empty = {name for name, rows in before.items() if not rows and not name.startswith("procrastinate_")}
    assert not empty, "the release's file has data in every table"
    async with pool.acquire() as c:
        applied = await migrate(c)
        types = declarations().types.values()
        await ensure_indexes(c, types)
        await latest.ensure(c, types)
        assert await migrate(c) == []
    await Renewal(pool, types).run()
    async with pool.acquire() as c:
        generated = await c.fetch("SELECT indexname FROM pg_indexes WHERE indexname LIKE 'declared\\_%'")
    assert {row["indexname"] for row in generated} == set(declared(types)), "the release's own are gone"
    assert applied == list(range(before["migration"] + 1, len(available()) + 1))
    after = await counts(pool)
    lost = {name: (rows, after.get(name)) for name, rows in before.items() if after.get(name, 0) < rows}
    assert not lost
    await _read_with_present_code(pool, tmp_path)
    jobs = Jobs(dsn, {}, nightly=MADE.rest)
    await jobs.open()
    await jobs.close()


async def _read_with_present_code(pool: Pool, tmp_path: Path) -> None:
    async with pool.acquire() as c:
        row = await c.fetchrow(f"SELECT {COLUMNS} FROM entity WHERE tenant = $1 AND id = $2", MADE.TENANT, MADE.AGENCY)
        assert row is not None
        entity = entity_of(row)
        assert (entity.value("name"), entity.value("officialCode")) == ("Sở Công Thương mới", "H-0001")
        instances = await read_instances(c, MADE.TENANT, MADE.AGENCY, keys=["name"])
        assert [i.attribute.value for i in instances if i.attribute] == ["Sở Công Thương", "Sở Công Thương mới"]

        root = Actor(tenant=MADE.TENANT, id="root", kind="person", grants=(Grant("root", frozenset(("*",))),))
        account = await accounts.find(c, root, "nguyen.an")
        assert account.name == "Nguyễn An"
        stored = await c.fetchval("SELECT password_hash FROM account WHERE login = 'nguyen.an'")
        hasher = Passwords()
        assert await hasher.verify(stored, MADE.PASSWORD)
        hasher.close()
        (tmp_path / "master-key").write_bytes(MADE.MASTER_KEY)
        (tmp_path / "master-key").chmod(0o600)
        secret = await vault.get(c, KeyRing(tmp_path / "master-key"), MADE.TENANT, "smtp")
        assert secret == b"an invented secret"
        reader = Actor(tenant=MADE.TENANT, id="nguyen.an", kind="person")
        (notice,) = await notices.inbox(c, reader)
        assert notice.subject.en == "A new task"
    (letter,) = await deadletter.read(pool, MADE.TENANT)
    assert letter["reason"] == "not JSON"


async def test_a_newer_database_is_refused(make_database: Callable[[], str]) -> None:
    connection = await asyncpg.connect(make_database())
    await migrate(connection)
    newer = len(available()) + 1
    await connection.execute("INSERT INTO migration (number, name, digest) VALUES ($1, 'future', '')", newer)
    with pytest.raises(ConfigurationError, match=re.escape(f"schema {newer}")):
        await migrate(connection)
    await connection.close()


async def test_an_altered_migration_is_refused(make_database: Callable[[], str]) -> None:
    connection = await asyncpg.connect(make_database())
    await migrate(connection)
    await connection.execute("UPDATE migration SET digest = 'other' WHERE number = 1")
    with pytest.raises(ConfigurationError, match="differs"):
        await migrate(connection)
    await connection.close()
