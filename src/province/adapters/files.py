"""Files by content: `files/ab/cd/<sha256>`, one copy however often it is sent, counted against the tenant's quota.

A file is never executed and never served as anything that a browser would run: see `headers`. Whether a caller may read
it follows from the entity that names it; the door asks that before it opens the file.
"""

from __future__ import annotations

import asyncio
import errno
import hashlib
import os
import re
import secrets
from collections.abc import AsyncIterator, Collection, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager, contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Final
from urllib.parse import quote

import msgspec

from province.adapters import media
from province.errors import InvalidInput, NotFound, TooLarge, Unavailable
from province.identity import policy
from province.identity.audit import Connection, Pool
from province.model.actor import Actor
from province.model.text import nfc

LARGEST: Final = 25 * 1024**2
GRACE: Final = timedelta(days=1)
"""An upload that no record has named after a day is removed by `collect`."""
_LOCK = 0x70727666
_SOME: Final = 500
"""So many are removed while uploads wait."""
_LOOK_S: Final = 3600.0
_NAME: Final = re.compile("[0-9a-f]{64}")
# `named IS NOT TRUE` stands here and below in the words of the index `file_never_named`, so that it is used.
_UNKNOWN: Final = "SELECT EXISTS (SELECT FROM file WHERE tenant = $1 AND named IS NOT TRUE AND named IS NULL)"
_LOOK: Final = r"""
WITH texts AS (
    SELECT attrs::text AS text FROM entity WHERE tenant = $1
    UNION ALL SELECT attribute::text FROM attribute_history WHERE tenant = $1
    UNION ALL SELECT attrs::text FROM change_history WHERE tenant = $1
    UNION ALL SELECT attribute::text FROM history_correction WHERE tenant = $1
    UNION ALL SELECT attrs::text FROM set_aside WHERE tenant = $1
    UNION ALL SELECT past::text FROM set_aside WHERE tenant = $1
), said AS (
    SELECT DISTINCT decode(found[1], 'hex') AS sha256 FROM texts, regexp_matches(text, '"([0-9a-f]{64})"', 'g') AS found
)
UPDATE file SET named = sha256 IN (SELECT sha256 FROM said) WHERE tenant = $1 AND named IS NULL
"""
"""Whether records or their history name the files of before that was kept: looked at once, over all that was ever said.
Studies and imports are records too."""


class StoredFile(msgspec.Struct, frozen=True, kw_only=True):
    """A file of a tenant. sha256: hexadecimal; it is the file's name everywhere."""

    sha256: str
    bytes: int
    media_type: str
    name: str


def headers(file: StoredFile) -> Mapping[str, str]:
    """Response headers that keep a browser from running, sniffing or framing a file. Images are shown in the page."""
    shown = "inline" if file.media_type.startswith("image/") else "attachment"
    plain = "".join(c if c.isascii() and (c.isalnum() or c in "._- ") else "_" for c in file.name)
    charset = "; charset=utf-8" if file.media_type.startswith("text/") else ""
    return {
        "Content-Type": file.media_type + charset,
        "Content-Disposition": f"{shown}; filename=\"{plain}\"; filename*=UTF-8''{quote(file.name, safe='')}",
        "X-Content-Type-Options": "nosniff",
        "Content-Security-Policy": "default-src 'none'; sandbox; frame-ancestors 'none'",
        "Cross-Origin-Resource-Policy": "same-origin",
        "Cache-Control": "private, max-age=31536000, immutable",
        "ETag": f'"{file.sha256}"',
    }


class FileStore:
    """The files of one installation. quota: bytes per tenant.  largest: bytes per file."""

    def __init__(self, folder: Path, pool: Pool, *, quota: int, largest: int = LARGEST) -> None:
        self._folder = folder
        self._pool = pool
        self._quota = quota
        self._largest = largest
        # Decoding an image takes memory: two at a time, the others wait their turn.
        self._checks = asyncio.Semaphore(2)

    async def store(
        self, actor: Actor, chunks: AsyncIterator[bytes], *, name: str, public: bool = False, known: str = ""
    ) -> StoredFile:
        """Take in a file. It is on disk and in the database, durably, when this returns.

        public: the door found the action open to everybody and has limited the rate; else `file.create` is needed.
        known: media type of bytes that we made ourselves; of all others it is found out.
        Raises: NotSignedIn, NotAllowed; TooLarge for file or quota and InvalidInput for its kind, field `file`.
        """
        if not public:
            policy.require_somewhere(actor, "file.create")
        label = _clean_name(name)
        async with self.receive(chunks) as (path, size, digest):
            media_type = known
            if not known:
                async with self._checks:
                    media_type = await asyncio.to_thread(media.detect, path)
            file = StoredFile(sha256=digest, bytes=size, media_type=media_type, name=label)
            async with self._pool.acquire() as conn, conn.transaction():
                # Shared with other uploads, exclusive for the sweep: no file is swept between its two halves.
                await conn.execute("SELECT pg_advisory_xact_lock_shared($1)", _LOCK)
                return await self._keep(conn, actor, file, path)

    @asynccontextmanager
    async def receive(
        self, chunks: AsyncIterator[bytes], *, durable: bool = True
    ) -> AsyncIterator[tuple[Path, int, str]]:
        """Write a stream to a temporary file: (path, bytes, SHA-256). The file is gone when the block ends.

        durable: it is on disk for good, to be moved to its place.  Raises: TooLarge as soon as the limit is passed.
        """
        with _refusing_when_full():
            async with self._receive(chunks, durable) as received:
                yield received

    @asynccontextmanager
    async def _receive(self, chunks: AsyncIterator[bytes], durable: bool) -> AsyncIterator[tuple[Path, int, str]]:
        waiting = self._folder / "incoming"
        await asyncio.to_thread(waiting.mkdir, mode=0o700, parents=True, exist_ok=True)
        path = waiting / secrets.token_hex(16)
        digest, size = hashlib.sha256(), 0
        handle = await asyncio.to_thread(os.open, path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        try:
            try:
                async for chunk in chunks:
                    size += len(chunk)
                    if size > self._largest:
                        raise TooLarge(
                            f"The file has more than {self._largest} bytes.",
                            field="file",
                            remedy=f"Send at most {self._largest // 1024**2} MiB.",
                        )
                    await asyncio.to_thread(_write, handle, chunk, digest)
                if durable:
                    await asyncio.to_thread(os.fsync, handle)
            finally:
                os.close(handle)
            yield path, size, digest.hexdigest()
        finally:
            await asyncio.to_thread(path.unlink, missing_ok=True)

    async def find(self, conn: Connection, tenant: str, sha256: str) -> StoredFile:
        """What is known of a file. Raises: NotFound. The caller has checked the entity that names it."""
        row = await conn.fetchrow(
            "SELECT bytes, media_type, name FROM file WHERE tenant = $1 AND sha256 = $2", tenant, _digest(sha256)
        )
        if row is None:
            raise _absent(sha256)
        return StoredFile(sha256=sha256, **dict(row))

    def path(self, file: StoredFile) -> Path:
        """Where its content stands. Raises: NotFound when the disk has lost it."""
        found = self._place(file.sha256)
        if not found.is_file():
            raise NotFound(
                f"The content of {file.name!r} is missing on disk.",
                field="file",
                remedy="Restore the folder of files from a backup.",
            )
        return found

    def preview_path(self, file: StoredFile) -> Path:
        """Where a smaller copy of a picture stands, if there is one: whoever takes the picture away takes it along."""
        return self._place(file.sha256).with_suffix(".preview")

    async def keep_preview(self, file: StoredFile, small: bytes) -> None:
        """Keep a smaller copy of a picture. It counts for no quota: it can be made again at any time."""

        def write() -> None:
            place = self.preview_path(file)
            made = place.with_suffix(f".{secrets.token_hex(8)}")
            made.write_bytes(small)
            if self._place(file.sha256).exists():
                made.replace(place)
            else:  # the picture was erased meanwhile
                made.unlink()

        with _refusing_when_full():
            await asyncio.to_thread(write)

    async def remove(self, tenant: str, hashes: Sequence[str]) -> int:
        """Remove files that no record of any tenant names any more. Returns the contents removed."""
        removed = 0
        async with self._pool.acquire() as conn, self._swept(conn):
            for sha256 in hashes:
                named = await conn.fetchval(
                    "SELECT EXISTS (SELECT 1 FROM entity WHERE position($1 IN attrs::text) > 0)",
                    sha256,
                    timeout=300,
                )
                if named:
                    continue
                freed = await conn.fetchval(
                    "DELETE FROM file WHERE tenant = $1 AND sha256 = $2 RETURNING bytes", tenant, _digest(sha256)
                )
                if freed is not None:
                    await conn.execute(
                        "UPDATE file_usage SET bytes = greatest(bytes - $2, 0) WHERE tenant = $1", tenant, freed
                    )
                elsewhere = await conn.fetchval("SELECT EXISTS (SELECT 1 FROM file WHERE sha256 = $1)", _digest(sha256))
                if not elsewhere and await asyncio.to_thread(_unlink, self._place(sha256)):
                    removed += 1
        return removed

    async def collect(self, tenant: str, *, older_than: timedelta = GRACE) -> int:
        """Remove the tenant's files that no record ever named and that are older than `older_than`, and contents on
        disk that stand in no row. Returns the contents removed.

        A record that names a file says so in its own transaction, and waits for this one or is waited for. An upload
        makes the file young again.
        """
        async with self._pool.acquire() as conn:
            if await conn.fetchval(_UNKNOWN, tenant):
                await conn.execute(_LOOK, tenant, timeout=_LOOK_S)
            removed = 0
            while gone := await self._remove_unnamed(conn, tenant, older_than):
                removed += gone
            return removed + await self._sweep(conn, older_than)

    async def _remove_unnamed(self, conn: Connection, tenant: str, older_than: timedelta) -> int:
        """Remove some. Returns how many; 0 when there are no more."""
        async with self._swept(conn):
            rows = await conn.fetch(
                """WITH old AS (SELECT sha256 FROM file WHERE tenant = $1 AND named IS NOT TRUE AND NOT named
                                AND at < now() - $2::interval ORDER BY at LIMIT $3),
                        gone AS (DELETE FROM file f USING old WHERE f.tenant = $1 AND f.sha256 = old.sha256
                                 AND NOT f.named AND f.at < now() - $2::interval RETURNING f.sha256, f.bytes),
                        freed AS (UPDATE file_usage u SET bytes = greatest(u.bytes - (SELECT sum(bytes) FROM gone), 0)
                                  WHERE u.tenant = $1 AND EXISTS (SELECT FROM gone))
                   SELECT encode(sha256, 'hex') AS name FROM gone""",
                tenant, older_than, _SOME,
            )  # fmt: skip
            # The rows are gone for good: one without its content would be a lost file, the reverse is only waste.
            await self._unlink_unless_kept(conn, [row["name"] for row in rows])
            return len(rows)

    async def _sweep(self, conn: Connection, older_than: timedelta) -> int:
        """Contents that a process which died left behind."""
        removed = 0
        old = await asyncio.to_thread(self._old, older_than.total_seconds())
        for start in range(0, len(old), _SOME):
            async with self._swept(conn):
                removed += await self._unlink_unless_kept(conn, old[start : start + _SOME], older_than.total_seconds())
        return removed

    @asynccontextmanager
    async def _swept(self, conn: Connection) -> AsyncIterator[None]:
        """No upload stands between its content and its row meanwhile."""
        await conn.execute("SELECT pg_advisory_lock($1)", _LOCK)
        try:
            yield
        finally:
            await conn.execute("SELECT pg_advisory_unlock($1)", _LOCK)

    async def _unlink_unless_kept(self, conn: Connection, names: Sequence[str], older_than_s: float = 0.0) -> int:
        rows = await conn.fetch(
            "SELECT DISTINCT encode(sha256, 'hex') AS name FROM file WHERE sha256 = ANY($1::bytea[])",
            [bytes.fromhex(name) for name in names],
        )
        going = set(names).difference(row["name"] for row in rows)
        return await asyncio.to_thread(self._remove_contents, going, older_than_s)

    async def _keep(self, conn: Connection, actor: Actor, file: StoredFile, path: Path) -> StoredFile:
        known = await conn.fetchrow(
            """UPDATE file SET at = now() WHERE tenant = $1 AND sha256 = $2
               RETURNING bytes, media_type, name""",
            actor.tenant,
            bytes.fromhex(file.sha256),
        )
        if known is not None:
            await asyncio.to_thread(_place, path, self._place(file.sha256))
            return StoredFile(sha256=file.sha256, **dict(known))
        used = await conn.fetchval(
            """INSERT INTO file_usage AS u (tenant, bytes) SELECT $1, $2::bigint WHERE $2::bigint <= $3
               ON CONFLICT (tenant) DO UPDATE SET bytes = u.bytes + excluded.bytes WHERE u.bytes + excluded.bytes <= $3
               RETURNING bytes""",
            actor.tenant,
            file.bytes,
            self._quota,
        )
        if used is None:
            raise TooLarge(
                f"The files of this tenant would pass {self._quota} bytes.",
                field="file",
                remedy="Ask the operator to raise PROVINCE_FILE_QUOTA_BYTES or to remove files.",
            )
        await asyncio.to_thread(_place, path, self._place(file.sha256))
        # Two uploads of one content at a time: file_usage's row lock made the second one wait; it finds the first here.
        status = await conn.execute(
            """INSERT INTO file (tenant, sha256, bytes, media_type, name, uploaded_by) VALUES ($1, $2, $3, $4, $5, $6)
               ON CONFLICT DO NOTHING""",
            actor.tenant,
            bytes.fromhex(file.sha256),
            file.bytes,
            file.media_type,
            file.name,
            actor.id,
        )
        if status == "INSERT 0 0":
            await conn.execute("UPDATE file_usage SET bytes = bytes - $2 WHERE tenant = $1", actor.tenant, file.bytes)
        return file

    def _place(self, sha256: str) -> Path:
        return self._folder / sha256[:2] / sha256[2:4] / sha256

    def _old(self, older_than_s: float) -> list[str]:
        """Names of the contents of that age. What uploads left in their waiting room that long ago goes at once."""
        newest = _now_of(self._folder) - older_than_s
        for path in self._folder.glob("incoming/*"):
            # Left behind by a killed process; an upload never takes as long as an hour.
            if _is_old(path, newest - 3600):
                path.unlink(missing_ok=True)
        found = self._folder.glob("[0-9a-f][0-9a-f]/[0-9a-f][0-9a-f]/*")
        return sorted({p.stem for p in found if _NAME.fullmatch(p.stem) and _is_old(p, newest)})

    def _remove_contents(self, names: Collection[str], older_than_s: float) -> int:
        newest = _now_of(self._folder) - older_than_s
        removed = 0
        for place in map(self._place, names):
            if not place.exists() or _is_old(place, newest):
                removed += _unlink(place)
        return removed


@contextmanager
def _refusing_when_full() -> Iterator[None]:
    try:
        yield
    except OSError as error:
        if error.errno not in (errno.ENOSPC, errno.EDQUOT):
            raise
        raise Unavailable(
            "The disk of the files is full; nothing was kept.", field="file", remedy="Tell the operator."
        ) from None


def _write(handle: int, chunk: bytes, digest: hashlib._Hash) -> None:
    digest.update(chunk)
    view = memoryview(chunk)
    while view:
        view = view[os.write(handle, view) :]


def _place(source: Path, target: Path) -> None:
    """Move into the store so that after a crash the content is there whole or not at all."""
    target.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    # A copy in another tenant's name is replaced by the same bytes: its age starts anew, so the sweep leaves it alone.
    source.replace(target)
    for folder in (target.parent, target.parent.parent, target.parent.parent.parent):
        handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)


def _is_old(path: Path, newest: float) -> bool:
    """Whether it is there, and no younger."""
    try:
        return path.stat().st_mtime <= newest
    except FileNotFoundError:  # its upload ended
        return False


def _now_of(folder: Path) -> float:
    """The clock of the file system, which may be another machine's: the time it gives to a file made now."""
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    probe = folder / f".clock-{secrets.token_hex(8)}"
    probe.touch(mode=0o600)
    try:
        return probe.stat().st_mtime
    finally:
        probe.unlink()


def _clean_name(name: str) -> str:
    last = nfc(name).replace("\\", "/").rpartition("/")[2]
    return "".join(c for c in last if c.isprintable()).strip()[:120] or "file"


def _digest(sha256: str) -> bytes:
    if len(sha256) != 64 or set(sha256) - set("0123456789abcdef"):
        raise InvalidInput(f"{sha256[:80]!r} is no SHA-256.", field="file", remedy="Give 64 hexadecimal digits.")
    return bytes.fromhex(sha256)


def _unlink(path: Path) -> bool:
    path.with_suffix(".preview").unlink(missing_ok=True)
    if not path.exists():
        return False
    path.unlink(missing_ok=True)
    return True


def _absent(sha256: str) -> NotFound:
    return NotFound(f"There is no file {sha256}.", field="file", remedy="Upload it first.")
