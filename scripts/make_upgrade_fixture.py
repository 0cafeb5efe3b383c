"""Write tests/upgrade/VERSION.sql.gz: a small database of the present schema, invented data in every table.

Run it once for each release, on its tag, and commit the file: `test_upgrade.py` brings every such file up to date.
"""

from __future__ import annotations

import asyncio
import gzip
import hashlib
import os
import subprocess
import sys
import tempfile
import uuid
from datetime import UTC, datetime, timedelta
from pathlib import Path

from province.adapters import notices
from province.app.declarations import declarations, parameters_at
from province.broker import deadletter
from province.broker.broker import Broker
from province.broker.committer import Committer
from province.broker.database import Pool, connect
from province.broker.indexes import ensure_indexes
from province.broker.jobs import Jobs
from province.broker.migrate import migrate
from province.engines.facade import Engines
from province.engines.supervisor import Supervisor
from province.history import latest
from province.identity import accounts, bootstrap, roles, sessions, vault
from province.identity.keys import KeyRing
from province.identity.passwords import Passwords
from province.model.actor import system
from province.model.change import Change, Counter, Hold
from province.model.entity import Attribute
from province.model.label import Label
from province.pack import Notice
from province.settings import Settings

TENANT = "upgrade"
AGENCY = "urn:ngsi-ld:Agency:upgrade:1"
PASSWORD = "an invented password 7431"
MASTER_KEY = hashlib.sha256(b"an invented master key of the upgrade test").digest()
ACTOR = system(TENANT, "upgrade")
FOLDER = Path(__file__).parents[1] / "tests" / "upgrade"


async def fill(pool: Pool, dsn: str, secrets: Path) -> None:
    """Data in every table, written by the product's own functions where it has them."""
    declared = declarations()
    async with pool.acquire() as connection:
        await migrate(connection)
        await ensure_indexes(connection, declared.types.values())
        await latest.ensure(connection, declared.types.values())
    hasher = Passwords()
    await bootstrap.prepare(pool, hasher, tenant=TENANT, name=Label("Tỉnh", "Province"), secrets=secrets, extra={})
    await _people(pool, hasher, secrets)
    hasher.close()
    committer = Committer(pool, declared.types, lambda tenant, geometry: None)
    committer.start()

    async def nothing(*_: object) -> dict[str, object]:
        return {}

    broker = Broker(
        pool, committer, types=declared.types, packs=declared.packs, parameters=parameters_at,
        read_latest=nothing, sign=lambda purpose, message: hashlib.sha256(message).hexdigest(),
    )  # fmt: skip
    await _records(broker)
    await committer.stop()
    await _others(pool, dsn)


async def _people(pool: Pool, hasher: Passwords, secrets: Path) -> None:
    (secrets / "master-key").write_bytes(MASTER_KEY)
    (secrets / "master-key").chmod(0o600)
    keys = KeyRing(secrets / "master-key")
    async with pool.acquire() as c:
        account = await accounts.create(
            c, ACTOR, hasher, login="nguyen.an", name="Nguyễn An", password=PASSWORD, agency=AGENCY
        )
        await roles.grant(c, ACTOR, account.id, "operator", agency=AGENCY, areas=("upgrade-1",))
        await sessions.open_session(c, TENANT, account.id, address="192.0.2.1", user_agent="test")
        await vault.put(c, keys, TENANT, "smtp", b"an invented secret")
        await c.execute(
            "INSERT INTO token (tenant, id, token_hash, account, name, permissions)"
            " VALUES ($1, '0123456789abcdef', $2, $3, 'machine', '{report.read}')",
            TENANT, hashlib.sha256(b"token").digest(), uuid.UUID(account.id),
        )  # fmt: skip
        await c.execute(
            "INSERT INTO sign_in_failure VALUES ($1, $2, 3, now(), now())", TENANT, hashlib.sha256(b"x").digest()
        )


async def _records(broker: Broker) -> None:
    start = datetime(2026, 11, 24, 1, tzinfo=UTC)
    hold = Hold(resource="hall", start=start, end=start + timedelta(hours=2))
    attrs = {
        "identifier": Attribute(value="upgrade-1"), "name": Attribute(value="Sở Công Thương"),
        "kind": Attribute(value="department"), "validFrom": Attribute(value="2025-07-01"),
    }  # fmt: skip
    number = Counter(attribute="officialCode", name="agencies", template="H-{n:04d}")
    created = Change(
        op="create", id=AGENCY, type="Agency", attrs=attrs, agency=AGENCY, counters=(number,), holds=(hold,)
    )
    await broker.apply([created], ACTOR, key="upgrade-key")
    renamed = Change(op="merge", id=AGENCY, type="Agency", attrs={"name": Attribute(value="Sở Công Thương mới")})
    await broker.apply([renamed], ACTOR)


async def _others(pool: Pool, dsn: str) -> None:
    event = await pool.fetchval("SELECT id FROM outbox ORDER BY seq LIMIT 1")
    async with pool.acquire() as c:
        notice = Notice(to="nguyen.an", subject=Label("Có việc mới", "A new task"), body=Label("Xem", "Look"))
        await notices.deliver(c, TENANT, notice, str(event))
        letter = deadletter.Letter(TENANT, "mqtt", "d1", "application/json", b"{", "not JSON", key="k")
        await deadletter.bury(c, [letter])
        content = hashlib.sha256(b"a file").digest()
        await c.execute(
            "INSERT INTO file (tenant, sha256, bytes, media_type, name, uploaded_by)"
            " VALUES ($1, $2, 6, 'text/plain', 'a.txt', 'nguyen.an')", TENANT, content,
        )  # fmt: skip
        await c.execute("INSERT INTO file_usage (tenant, bytes) VALUES ($1, 6)", TENANT)
        await c.execute(
            "INSERT INTO failed_effect (tenant, id, handler, event, reason, attempts)"
            " VALUES ($1, $2, 'reports.route', '{}', 'invented', 1)", TENANT, event,
        )  # fmt: skip
        await c.execute("INSERT INTO relay_position (reader, xid, seq) VALUES ('relay', 5, 1)")
        await c.execute("INSERT INTO lake_position (stream, sequence) VALUES ('obs-invented', 12)")
        await c.execute("INSERT INTO source_mark (tenant, source, mark) VALUES ($1, 'mqtt', 'life/7')", TENANT)
        await c.execute(
            "INSERT INTO device_credential (tenant, device, login, secret_hash, created_by)"
            " VALUES ($1, 'urn:ngsi-ld:Device:1', 'd1', $2, 'nguyen.an')", TENANT, content,
        )  # fmt: skip
        for entity_type in declarations().types.values():
            if entity_type.observed:
                name = latest.table_name(entity_type)
                await c.execute(f"INSERT INTO {name} (tenant, entity) VALUES ($1, 'urn:ngsi-ld:X:1')", TENANT)
    jobs = Jobs(dsn, {}, nightly=rest)
    await jobs.open()
    await jobs.defer(TENANT, "invented", {"arguments": {"n": 1}}, event)
    await jobs.close()


async def rest() -> None:
    """Housekeeping that finds nothing to do."""


async def make(version: str) -> Path:
    """Fill a fresh embedded database and dump it."""
    target = FOLDER / f"{version}.sql.gz"
    with tempfile.TemporaryDirectory(dir="/tmp", ignore_cleanup_errors=True) as name:
        os.chmod(name, 0o711)  # the engines run as another user
        settings = Settings(home=Path(name) / "home", mqtt_port=0)
        engines = Engines(settings)
        assert engines.postgres is not None
        supervisor = Supervisor([engines.postgres.command()], settings.home)
        await supervisor.start()
        try:
            dsn = engines.database_dsn()
            pool = await connect(dsn, size=4)
            await fill(pool, dsn, settings.secrets)
            await pool.close()
            program = engines.postgres.binary("pg_dump")
            dump = await asyncio.to_thread(
                subprocess.run,
                [str(program), f"--dbname={dsn}", "--no-owner", "--no-privileges"],
                check=True, capture_output=True, env={"PATH": "/usr/bin:/bin"},
            )  # fmt: skip
        finally:
            await supervisor.stop()
    # No time stamp: the same content gives the same file.
    target.write_bytes(gzip.compress(dump.stdout, 9, mtime=0))
    return target


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit("usage: python scripts/make_upgrade_fixture.py VERSION")
    print(asyncio.run(make(sys.argv[1])))
