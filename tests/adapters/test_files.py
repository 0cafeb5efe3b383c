from __future__ import annotations

import asyncio
import errno
import hashlib
import os
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from province.adapters.files import FileStore, StoredFile, headers
from province.errors import InvalidInput, NotAllowed, NotFound, NotSignedIn, TooLarge, Unavailable
from province.identity.audit import Connection, Pool
from province.model.actor import Actor, Grant, anonymous
from tests.adapters.pictures import picture, stream

PDF = b"%PDF-1.7\n1 0 obj<<>>endobj\ntrailer<<>>\n%%EOF\n"


@pytest.fixture
def store(pool: Pool, tmp_path: Path) -> FileStore:
    return FileStore(tmp_path / "files", pool, quota=1_000_000, largest=300_000)


@pytest.fixture
def an(tenant: str) -> Actor:
    return Actor(tenant=tenant, id="an", kind="person", grants=(Grant("c", frozenset(("file.create",)), "sx"),))


def _contents(store: FileStore) -> list[Path]:
    return [p for p in store._folder.rglob("*") if p.is_file()]


@pytest.mark.parametrize(
    ("content", "media_type"),
    [
        (picture("JPEG"), "image/jpeg"),
        (picture("PNG"), "image/png"),
        (picture("WEBP"), "image/webp"),
        (picture("PNG", mode="RGBA"), "image/png"),
        (PDF, "application/pdf"),
        ("Đường hỏng\nở Thủ Dầu Một".encode(), "text/plain"),
        ("\ufeffmã;tên\n1;Dĩ An\n2;Bến Cát\n".encode(), "text/csv"),
        (b'a,b\n1,"x,y"\n', "text/csv"),
        (b"<script>alert(1)</script>", "text/plain"),
    ],
)
async def test_content_decides_the_type_not_the_name(
    store: FileStore, an: Actor, conn: Connection, content: bytes, media_type: str
) -> None:
    kept = await store.store(an, stream(content), name="virus.exe")
    assert kept.media_type == media_type
    assert kept.sha256 == hashlib.sha256(content).hexdigest()
    found = await store.find(conn, an.tenant, kept.sha256)
    assert store.path(found).read_bytes() == content
    assert store.path(found).parts[-3:-1] == (kept.sha256[:2], kept.sha256[2:4])
    assert store.path(found).stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"\x7fELF\x02\x01\x01\x00",
        b"PK\x03\x04" + bytes(50),
        b"GIF89a" + bytes(50),
        b"MZ\x90\x00",
        b"\xff\xfeh\x00e\x00",
        b"text with \x00 inside",
        b"broken utf-8 \xc3",
        b"%PDF-1.7 cut short",
        b"\xff\xd8\xff but no picture",
        b"\x89PNG\r\n\x1a\n",
        b"RIFF\x00\x00\x00\x00WEBP",
        picture("JPEG")[:4000],
        picture("PNG")[:300],
        picture("WEBP")[:200],
        b"<svg xmlns='http://www.w3.org/2000/svg'/>\x00",
    ],
)
async def test_other_kinds_are_refused_and_leave_nothing(
    store: FileStore, an: Actor, conn: Connection, content: bytes
) -> None:
    with pytest.raises(InvalidInput) as caught:
        await store.store(an, stream(content), name="photo.jpg")
    assert caught.value.field == "file"
    assert caught.value.remedy
    assert _contents(store) == []
    assert await conn.fetchval("SELECT count(*) FROM file WHERE tenant = $1", an.tenant) == 0


async def test_one_content_is_kept_once(store: FileStore, an: Actor, conn: Connection) -> None:
    content = picture()
    both = await asyncio.gather(*(store.store(an, stream(content), name=f"{n}.jpg") for n in range(6)))
    assert len({f.sha256 for f in both}) == 1
    assert len(_contents(store)) == 1
    used = await conn.fetchval("SELECT bytes FROM file_usage WHERE tenant = $1", an.tenant)
    assert used == len(content)


async def test_a_large_file_is_cut_off_while_it_comes(store: FileStore, an: Actor) -> None:
    sent = 0

    async def endless() -> AsyncIterator[bytes]:
        nonlocal sent
        while True:
            sent += 50_000
            yield b"x" * 50_000

    with pytest.raises(TooLarge) as caught:
        await store.store(an, endless(), name="big.txt")
    assert caught.value.field == "file"
    assert sent <= 400_000
    assert _contents(store) == []


async def test_a_broken_upload_leaves_nothing(store: FileStore, an: Actor) -> None:
    async def breaking() -> AsyncIterator[bytes]:
        yield b"half of it"
        raise ConnectionResetError

    with pytest.raises(ConnectionResetError):
        await store.store(an, breaking(), name="x.txt")
    assert _contents(store) == []


@pytest.mark.parametrize("step", ["write", "fsync", "open"])
async def test_a_full_disk_is_told_and_keeps_nothing(
    store: FileStore, an: Actor, monkeypatch: pytest.MonkeyPatch, step: str
) -> None:
    def full(*_: object) -> int:
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(os, step, full)
        with pytest.raises(Unavailable, match="full"):
            await store.store(an, stream(PDF), name="a.pdf")
    assert _contents(store) == []
    assert await store.store(an, stream(PDF), name="a.pdf")


async def test_the_quota_holds_under_parallel_uploads(store: FileStore, an: Actor, conn: Connection) -> None:
    async def upload(n: int) -> bool:
        try:
            await store.store(an, stream(f"{n} ".encode() + b"x" * 250_000), name=f"{n}.txt")
        except TooLarge:
            return False
        return True

    done = await asyncio.gather(*(upload(n) for n in range(6)))
    assert sum(done) == 3
    used = await conn.fetchval("SELECT bytes FROM file_usage WHERE tenant = $1", an.tenant)
    assert used == await conn.fetchval("SELECT sum(bytes) FROM file WHERE tenant = $1", an.tenant) <= 1_000_000
    assert len(_contents(store)) == 3


async def test_strangers_upload_only_through_public_actions(store: FileStore, an: Actor, tenant: str) -> None:
    with pytest.raises(NotSignedIn):
        await store.store(anonymous(tenant), stream(PDF), name="a.pdf")
    with pytest.raises(NotAllowed):
        await store.store(Actor(tenant=tenant, id="b", kind="person"), stream(PDF), name="a.pdf")
    assert await store.store(anonymous(tenant), stream(PDF), name="a.pdf", public=True)


async def test_tenants_do_not_see_each_others_files(store: FileStore, an: Actor, conn: Connection) -> None:
    kept = await store.store(an, stream(PDF), name="a.pdf")
    with pytest.raises(NotFound):
        await store.find(conn, "elsewhere", kept.sha256)
    for bad in ("", "../../etc/passwd", "A" * 64, "g" * 64):
        with pytest.raises(InvalidInput):
            await store.find(conn, an.tenant, bad)


def test_headers_keep_a_browser_from_running_a_file() -> None:
    text = headers(StoredFile(sha256="0" * 64, bytes=1, media_type="text/plain", name='đơn "x"\r\n.txt'))
    assert text["X-Content-Type-Options"] == "nosniff"
    assert "sandbox" in text["Content-Security-Policy"]
    assert text["Content-Disposition"].startswith("attachment;")
    assert not any(c in value for value in text.values() for c in "\r\n")
    assert all(value.isascii() for value in text.values())
    image = headers(StoredFile(sha256="0" * 64, bytes=1, media_type="image/jpeg", name="a.jpg"))
    assert image["Content-Disposition"].startswith("inline;")


async def test_names_lose_folders_and_controls(store: FileStore, an: Actor) -> None:
    kept = await store.store(an, stream(PDF), name="C:\\x\\..\\đơn\x00\n xin.pdf")
    assert kept.name == "đơn xin.pdf"
