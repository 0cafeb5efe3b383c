"""Restore a backup into an empty home. It ends with every count compared to the manifest, or in an error.

While it runs the home holds the file `restore-incomplete`; a start refuses such a home (`require_complete`). A restore
that failed is repeated into another empty home: nothing is repaired halfway.
"""

from __future__ import annotations

import asyncio
import dataclasses
import uuid
from pathlib import Path
from typing import Final

import asyncpg
import nats

from province.adapters import backup_database, backup_files, backup_keys, backup_lake, backup_stream
from province.adapters.backup import GATEWAY_FILE, STREAM_FILE, Manifest, Progress, verify
from province.broker.migrate import available
from province.broker.sealer import begin_chain
from province.engines.facade import Engines
from province.engines.place import settle
from province.engines.postgres import Postgres
from province.engines.supervisor import Supervisor
from province.errors import ConfigurationError, Conflict, InvalidInput
from province.settings import Settings

MARKER: Final = "restore-incomplete"


def require_complete(home: Path) -> None:
    """Refuse a home whose restore did not end. Raises: ConfigurationError."""
    if (home / MARKER).exists():
        raise ConfigurationError(
            f"the restore into {home} did not end; its data are not complete.",
            field="PROVINCE_HOME",
            remedy="Remove the folder, and restore again into an empty one.",
        )


async def restore(
    settings: Settings,
    source: Path,
    keys: Path,
    passphrase: Path | None = None,
    *,
    progress: Progress = lambda text: None,
) -> Manifest:
    """Restore the backup in `source`. Returns its manifest, whose counts the restored installation has.

    settings: of the new installation; its home must be empty or absent, an external database empty, an external NATS
    without our streams.  keys: the sealed keys.  passphrase: file with the passphrase of the day of the backup; None:
    the file `backup-passphrase` beside the keys.
    Raises: InvalidInput (the backup is damaged or incomplete, or the keys do not open), ConfigurationError (it is of a
    newer program), Conflict (something is there already), Unavailable.
    """
    home = settings.home
    if home.exists() and any(home.iterdir()):
        raise Conflict(f"the home {home} is not empty.", field="PROVINCE_HOME", remedy="Name a new folder.")
    lake = backup_lake.folder_of(settings.lake_uri)
    if lake.exists() and any(lake.iterdir()):
        raise Conflict(f"the lake {lake} is not empty.", field="PROVINCE_LAKE", remedy="Name a new folder.")
    progress("Checking the backup.")
    manifest = await asyncio.to_thread(verify, source)
    known = len(available())
    if manifest.schema > known:
        raise ConfigurationError(
            f"the backup has schema {manifest.schema}, this program knows {known}.",
            remedy=f"Restore it with Province {manifest.province} or newer.",
        )
    passphrase = passphrase or keys.with_name(backup_keys.PASSPHRASE)
    try:
        word = await asyncio.to_thread(passphrase.read_text)
    except OSError as error:
        raise InvalidInput(
            f"the passphrase {passphrase} cannot be read: {error.strerror}.", field="passphrase"
        ) from None
    secrets = await asyncio.to_thread(backup_keys.unseal, keys, word, manifest.id)
    settle(home)
    (home / MARKER).write_text(f"{source}\n")
    backup_keys.put_back(secrets, settings.secrets)
    backup_keys.put_back({backup_keys.PASSPHRASE: word.strip().encode() + b"\n"}, settings.secrets)
    # Devices must not find a listener before everything is there.
    closed = dataclasses.replace(settings, mqtt_port=0)
    engines = Engines(closed)
    supervisor = Supervisor(engines.commands(), home)
    progress("Starting the engines.")
    await supervisor.start()
    try:
        await _restore_database(closed, engines, source, manifest, progress)
        await _restore_files(settings, lake, source, manifest, progress)
        await _restore_streams(engines, source, manifest, progress)
    finally:
        await supervisor.stop()
    (home / MARKER).unlink()
    progress(f"Restored: {manifest.rows('entity')} entities, {manifest.lake_rows} readings, {manifest.files} files.")
    return manifest


async def _restore_database(
    settings: Settings, engines: Engines, source: Path, manifest: Manifest, progress: Progress
) -> None:
    progress("Restoring the database.")
    dsn = engines.database_dsn()
    program = (engines.postgres or Postgres(settings)).binary("pg_restore")
    await backup_database.load(program, dsn, source / "database")
    connection = await asyncpg.connect(dsn)
    try:
        counts = await backup_database.count(connection)
        wrong = {name: (rows, counts.get(name)) for name, rows in manifest.tables.items() if counts.get(name) != rows}
        _require(not wrong, f"rows (backup, restored) differ: {wrong}")
        await backup_database.rebase(connection)
        if await connection.fetchval("SELECT to_regclass('audit_chain') IS NOT NULL"):  # older ones were never sealed
            await begin_chain(connection)
        await backup_database.release_jobs(connection)
        await connection.execute("ANALYZE")
    finally:
        await connection.close()


async def _restore_files(settings: Settings, lake: Path, source: Path, manifest: Manifest, progress: Progress) -> None:
    progress("Restoring lake and files.")
    await asyncio.to_thread(backup_files.put_back, source / "lake", lake)
    for table in manifest.lake:
        rows = await asyncio.to_thread(backup_lake.rows_of, lake / table.path, table.version)
        _require(rows == table.rows, f"the lake's {table.path} has {rows} rows instead of {table.rows}")
    files = await asyncio.to_thread(backup_files.put_back, source / "files", settings.home / "files")
    _require(files == manifest.files, f"{files} files instead of {manifest.files}")
    imports = await asyncio.to_thread(backup_files.put_back, source / "imports", settings.home / "imports")
    _require(imports == manifest.imports, f"{imports} files of imports instead of {manifest.imports}")


async def _restore_streams(engines: Engines, source: Path, manifest: Manifest, progress: Progress) -> None:
    """The streams begin new lives, with numbers above all that were given before."""
    client = await nats.connect(engines.nats_url(), connect_timeout=5, **engines.nats_options())
    try:
        js = client.jetstream(timeout=10)
        stream, gateway = manifest.stream, manifest.gateway
        if stream is not None:
            progress(f"Playing {manifest.replay} messages back into the stream of observations.")
            fresh = {"incarnation": uuid.uuid4().hex, "floor": "0"}
            await backup_stream.create(js, stream, first=stream.position + 1, metadata=fresh)
            messages = manifest.replayed(backup_stream.read(source / STREAM_FILE))
            stored = await backup_stream.play(js, stream.name, messages, lambda n: None)
            _require(stored == manifest.replay, f"{stored} messages instead of {manifest.replay}")
        if gateway is not None:
            messages = list(backup_stream.read(source / GATEWAY_FILE))
            # Where devices' messages were not taken yet they keep their numbers, for marks in the database name them.
            keep = bool(messages) and not gateway.gaps and gateway.position == messages[-1].sequence
            first = messages[0].sequence if keep else gateway.position + 1
            await backup_stream.create(js, gateway, first=first, metadata={})
            for reader in gateway.readers:
                await backup_stream.create_reader(js, gateway.name, reader)
            stored = await backup_stream.play(js, gateway.name, messages, lambda n: None)
            _require(stored == gateway.messages, f"{stored} messages of devices instead of {gateway.messages}")
    finally:
        await client.close()


def _require(holds: bool, what: str) -> None:
    if not holds:
        raise Conflict(f"the restored installation is not the backup: {what}.", remedy="Keep the backup; report this.")
