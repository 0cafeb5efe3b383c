"""One consistent cut of a running installation. Nothing is paused.

A reading moves: gateway stream ($MQTT_msgs) → stream of observations (OBS) → lake; a record is in PostgreSQL at once.
Everybody deletes at the source only after the next place holds it durably. So, taking the places in the direction in
which things move, nothing can slip through: what left a place before it was copied had arrived in the next one, which
is copied later. The order is

1. the gateway: wait until ingest has taken everything that was there at the start (when ingest is stopped: copy it);
2. PostgreSQL: one exported snapshot gives the dump, the counts, and which files are named. Records acknowledged before
   the backup began are in it. It comes before the stream, because a dead letter that is retried moves from PostgreSQL
   into the stream;
3. the stream: every message from the first sequence to the last one at that moment;
4. the lake: the newest version of each table, with the stream position *c* that its log holds in the same commit.

*No reading is lost.* One acknowledged before the start was in the stream by step 3 (or had left it). If it was still
there it is in the copy. If not, it was purged, and the writer purges only what the lake holds; the lake is copied
later. A message purged *while* step 3 copies must be covered by *c*: this is checked, and steps 3 and 4 are repeated if
it is not so.

*No reading comes twice.* A message whose sequence is at or below its tenant's *c* is in the copied lake, by the
atomicity of a lake commit, and is not played back; one above *c* is not in the copied lake, and is.

The restored stream is a new life of the stream: another incarnation, whose numbers begin above all that were ever
given, so that no position that was written down can be mistaken for one of its own. That its first number lies above
every known position tells the lake writer to make the latest values anew from the lake.

Files are named by rows of the snapshot, and a file outlives its last row by a grace period: they are copied after it.
What imports keep on disk says how far each has come: it is copied before the snapshot, so that it never says more than
the database holds. A restored import goes on from there, and what it does again changes nothing.
"""

from __future__ import annotations

import asyncio
import os
import secrets
from collections.abc import Callable, Iterable
from datetime import UTC, datetime
from pathlib import Path
from typing import Final
from urllib.parse import unquote

import asyncpg
import msgspec
import nats
import nats.errors
from nats.js import JetStreamContext

from province import __version__
from province.adapters import backup_database, backup_files, backup_keys, backup_lake, backup_stream
from province.adapters.backup_files import Digest
from province.adapters.backup_stream import Copied, Message
from province.broker import stream
from province.engines import gateway
from province.engines.facade import Engines
from province.engines.postgres import Postgres
from province.errors import Conflict, InvalidInput, Unavailable
from province.settings import Settings

FORMAT: Final = 1
MANIFEST: Final = "manifest.json"
STREAM_FILE: Final = "stream/observations.messages"
GATEWAY_FILE: Final = "stream/gateway.messages"
_ATTEMPTS: Final = 3

Progress = Callable[[str], None]
"""Receives one sentence for each step."""


class LakeTable(msgspec.Struct, frozen=True, kw_only=True):
    """A table of the lake at the cut. committed: stream position that its version holds."""

    path: str
    version: int
    rows: int
    committed: int | None
    bytes: int


class Manifest(msgspec.Struct, frozen=True, kw_only=True):
    """What a backup holds. tables: rows by table of the database.  replay: messages that a restore plays back.

    files, file_bytes: content-addressed files; missing: SHA-256 of those that rows name and the store does not have.
    digests: [SHA-256, bytes] of every file of the folder but this one.
    """

    format: int
    id: str
    made_at: datetime
    province: str
    schema: int
    postgres: str
    tables: dict[str, int]
    lake: list[LakeTable]
    stream: Copied | None
    gateway: Copied | None
    replay: int
    files: int
    file_bytes: int
    missing: list[str]
    digests: dict[str, tuple[str, int]]
    imports: int = 0
    """Files of imports: as they were sent, how far they have come, what was refused."""

    def rows(self, table: str) -> int:
        """Rows of a table of the public schema."""
        return self.tables.get(f"public.{table}", 0)

    @property
    def lake_rows(self) -> int:
        """Readings in the lake."""
        return sum(table.rows for table in self.lake)

    def replayed(self, messages: Iterable[Message]) -> Iterable[Message]:
        """Those messages of the stream that the copied lake does not hold."""
        return _beyond(messages, self.lake)


async def backup(settings: Settings, engines: Engines, folder: Path, *, progress: Progress = lambda text: None) -> Path:
    """Write a backup into a new folder inside `folder`, and its keys beside it. Returns the new folder.

    Until it is complete its name ends in `.partial`. Raises: Unavailable, Conflict, Unsupported, ConfigurationError.
    """
    now = datetime.now(UTC)
    name = f"{now:%Y%m%dT%H%M%SZ}-{secrets.token_hex(2)}"
    lake = backup_lake.folder_of(settings.lake_uri)
    partial = _begin(folder, name)
    word, made = backup_keys.passphrase(settings.secrets)
    secret = backup_keys.collect(settings.secrets)
    try:
        client = await nats.connect(
            engines.nats_url(), connect_timeout=5, max_reconnect_attempts=1, **engines.nats_options()
        )
    except (OSError, nats.errors.Error) as error:
        raise Unavailable(f"NATS does not answer: {error!r}", remedy="Is the server up?") from error
    try:
        js = client.jetstream(timeout=10)
        manifest = await _collect(settings, engines, js, lake, partial, name, now, progress)
    finally:
        await client.close()
    if backup_keys.collect(settings.secrets) != secret:
        # A rotation seals rows anew while the database is dumped: which keys the dump needs could not be said.
        raise Conflict("a secret of the installation changed while the backup ran.", remedy="Repeat the backup.")
    keys = folder / f"keys-{name}.enc"
    await asyncio.to_thread(backup_keys.seal, secret, keys, word, name)
    if made:
        progress(
            f"A passphrase for the keys was made: {settings.secrets / backup_keys.PASSPHRASE}."
            " Keep a copy of it apart from the backups; without it no backup can be restored."
        )
    await asyncio.to_thread(backup_files.sync_folders, partial)
    (partial / MANIFEST).write_bytes(msgspec.json.format(msgspec.json.encode(manifest), indent=1))
    await asyncio.to_thread(backup_files.sync_folders, partial)
    target = partial.with_suffix("")
    partial.rename(target)
    _sync(folder)
    progress(f"Backup {target} is complete; its keys are in {keys}.")
    return target


def verify(folder: Path) -> Manifest:
    """Check every file of a backup against the manifest. Raises: InvalidInput naming what is wrong."""
    manifest = read_manifest(folder)
    digests = {name: Digest(*pair) for name, pair in manifest.digests.items()}
    backup_files.check(folder, digests, except_for=(MANIFEST,))
    return manifest


def read_manifest(folder: Path) -> Manifest:
    """The manifest alone. Raises: InvalidInput when the folder holds no complete backup, or one of another format."""
    try:
        raw = (folder / MANIFEST).read_bytes()
    except FileNotFoundError:
        raise InvalidInput(
            f"{folder} holds no complete backup: it has no {MANIFEST}.", remedy="Give a folder that `backup` finished."
        ) from None
    try:
        known = msgspec.json.decode(raw)
        if isinstance(known, dict) and known.get("format") != FORMAT:
            raise InvalidInput(
                f"the backup {folder} has format {known.get('format')!r}, this program knows {FORMAT}.",
                remedy="Restore it with the program that made it or a newer one.",
            )
        return msgspec.convert(known, Manifest)
    except msgspec.MsgspecError as error:
        raise InvalidInput(f"{folder / MANIFEST} is damaged: {error}", remedy="Use another backup.") from error


async def _collect(
    settings: Settings, engines: Engines, js: JetStreamContext, lake: Path, partial: Path, name: str, now: datetime,
    progress: Progress,
) -> Manifest:  # fmt: skip
    digests: dict[str, Digest] = {}
    store = settings.home / "files"
    devices = await _drain(js, partial, progress)
    shelf = settings.home / "imports"
    _require_room(partial, backup_files.size(shelf))
    held = await asyncio.to_thread(backup_files.copy_tree, shelf, partial / "imports")
    async with backup_database.cut(engines.database_dsn()) as cut:
        _require_room(partial, await _needed(js, cut.bytes, lake, store))
        progress(f"Dumping the database ({cut.bytes // 1024**2} MiB, {sum(cut.counts.values())} rows).")
        program = (engines.postgres or Postgres(settings)).binary("pg_dump")
        await backup_database.dump(program, engines.database_dsn(), cut.snapshot, partial / "database")
    copied, tables, replay = await _readings(js, lake, partial, progress)
    if devices is not None:
        await _require_unambiguous(engines, devices, partial)
        devices.position = max(devices.position, (await js.stream_info(gateway.STREAM)).state.last_seq)
    progress(f"Copying {len(cut.files)} files.")
    contents, files = await asyncio.to_thread(backup_files.copy_contents, store, partial / "files", cut.files)
    if contents.missing or contents.damaged:
        progress(f"WARNING: {len(contents.missing)} files are missing and {len(contents.damaged)} are damaged.")
    for table in tables:
        digests |= {f"lake/{path}": digest for path, digest in table.digests.items()}
    digests |= {f"files/{path}": digest for path, digest in files.items()}
    digests |= {f"imports/{path}": digest for path, digest in held.items()}
    for path in [*backup_files.walk(partial / "database"), *backup_files.walk(partial / "stream")]:
        digests[str(path.relative_to(partial))] = await asyncio.to_thread(backup_files.digest_of, path)
    return Manifest(
        format=FORMAT, id=name, made_at=now, province=__version__, schema=cut.schema, postgres=cut.server,
        tables=cut.counts,
        lake=[_entry(t) for t in tables],
        stream=copied, gateway=devices, replay=replay, files=contents.count, file_bytes=contents.bytes,
        missing=sorted(contents.missing + contents.damaged),
        digests={path: (digest.sha256, digest.bytes) for path, digest in sorted(digests.items())},
        imports=len(held),
    )  # fmt: skip


async def _drain(js: JetStreamContext, partial: Path, progress: Progress) -> Copied | None:
    progress("Waiting until ingest has taken what devices have sent.")
    devices = await backup_stream.drain(js, gateway.STREAM, partial / GATEWAY_FILE)
    if devices is not None and devices.messages:
        progress(f"Ingest does not work; {devices.messages} messages of devices were copied.")
    return devices


async def _require_unambiguous(engines: Engines, devices: Copied, partial: Path) -> None:
    """What was copied from the gateway is in no message of the stream: marks say how far each tenant's batches reach.

    Ingest that was killed between the stream's acknowledgement and its own leaves messages that are in both.
    """
    if not devices.messages:
        return
    connection = await asyncpg.connect(engines.database_dsn())
    try:
        marks = [row["mark"] for row in await connection.fetch("SELECT mark FROM source_mark")]
    finally:
        await connection.close()
    if (partial / STREAM_FILE).exists():
        marks += [m.headers.get("Mark", "") for m in backup_stream.read(partial / STREAM_FILE)]
    places = [mark.partition("/")[2] for mark in marks if mark.partition("/")[0] == devices.life]
    if any(int(place) >= devices.first for place in places):
        raise Unavailable(
            "ingest was stopped in the middle of a batch: some messages of devices are in the stream already.",
            remedy="Start ingest, and repeat the backup.",
        )


async def _readings(
    js: JetStreamContext, lake: Path, partial: Path, progress: Progress
) -> tuple[Copied | None, list[backup_lake.Table], int]:
    """Stream, then lake, until the second covers what was purged from the first while it was copied."""
    for _ in range(_ATTEMPTS):
        progress("Copying the stream of observations.")
        copied = await backup_stream.copy(js, stream.STREAM, partial / STREAM_FILE)
        progress("Copying the lake.")
        tables = await asyncio.to_thread(_copy_lake, lake, partial / "lake", application_of(copied))
        furthest = max((t.committed or 0 for t in tables), default=0)
        if copied is None:
            return None, tables, 0
        copied.position = max(copied.last, furthest)
        if all(last <= furthest for _, last in copied.gaps):
            replay = sum(1 for _ in _beyond(backup_stream.read(partial / STREAM_FILE), [_entry(t) for t in tables]))
            return copied, tables, replay
        progress("The stream was purged further than the copied lake reaches; both are copied again.")
    raise Unavailable(
        "stream and lake did not fit together in any attempt.",
        remedy="Are messages deleted from the stream by hand? Look at the lake writer's log.",
    )


def application_of(copied: Copied | None) -> str:
    """Name under which the lake keeps its position in this life of the stream."""
    metadata = (copied.config.get("metadata") if copied else None) or {}
    return stream.Incarnation(metadata.get("incarnation", "")).name


def _copy_lake(lake: Path, target: Path, application: str) -> list[backup_lake.Table]:
    return [backup_lake.copy_table(lake, path, target, application) for path in backup_lake.find(lake)]


def _entry(table: backup_lake.Table) -> LakeTable:
    return LakeTable(
        path=table.path, version=table.version, rows=table.rows, committed=table.committed, bytes=table.bytes
    )


def _beyond(messages: Iterable[Message], lake: list[LakeTable]) -> Iterable[Message]:
    committed = {backup_lake.tenant_of(table.path): table.committed or 0 for table in lake}
    return (m for m in messages if m.sequence > committed.get(unquote(m.headers.get("Tenant", "")), 0))


async def _needed(js: JetStreamContext, database: int, lake: Path, store: Path) -> int:
    """Bytes of what is still to be copied. A dump is smaller than its database: an upper estimate."""
    streams: int = sum(info.state.bytes for info in await js.streams_info())
    return database + backup_lake.size(lake) + backup_files.size(store) + streams


def _require_room(partial: Path, needed: int) -> None:
    """Refuse before the disk of the target is filled."""
    free = backup_files.free_bytes(partial)
    if needed > free:
        raise Conflict(
            f"the backup needs up to {needed // 1024**2} MiB, {partial.parent} has {free // 1024**2} MiB free.",
            field="folder",
            remedy="Remove old backups, or name a folder on another disk.",
        )


def _begin(folder: Path, name: str) -> Path:
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    partial = folder / f"province-{name}.partial"
    partial.mkdir(mode=0o700)
    return partial


def _sync(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
