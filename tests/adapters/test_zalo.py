"""Zalo's signature, over what was really sent, and the simulator that signs the same way over a socket."""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
from collections.abc import AsyncIterator

import msgspec
import pytest

from province.adapters.zalo import HEADER, Zalo, event, simulate
from province.app import zalo as app
from province.errors import ConfigurationError, InvalidInput, NotAllowed, Unavailable
from province.model.actor import anonymous
from province.settings import Settings

ACCOUNT = Zalo("360846524940903967", "secret-of-the-account")
BODY = msgspec.json.encode(
    {"app_id": "360846524940903967", "event_name": "user_send_text", "timestamp": "1795651440000"}
)


def test_the_signature_is_the_one_that_zalo_documents() -> None:
    expected = hashlib.sha256(b"360846524940903967" + BODY + b"1795651440000" + b"secret-of-the-account").hexdigest()
    assert ACCOUNT.sign(BODY, "1795651440000") == f"mac={expected}"
    ACCOUNT.check(BODY, f"mac={expected}")
    ACCOUNT.check(BODY, expected.upper())


@pytest.mark.parametrize("header", ["", "mac=", "mac=" + "0" * 64, "mac=" + "g" * 64, "0" * 65])
def test_without_it_nobody_comes_in(header: str) -> None:
    with pytest.raises(NotAllowed):
        ACCOUNT.check(BODY, header)


def test_what_was_altered_or_signed_by_somebody_else_is_refused() -> None:
    signed = ACCOUNT.sign(BODY, "1795651440000")
    for body, account in ((BODY.replace(b"text", b"file"), ACCOUNT), (BODY, Zalo("360846524940903967", "another"))):
        with pytest.raises(NotAllowed):
            account.check(body, signed)
    for body in (b"", b"[]", b"{}", b"\xff", b'{"timestamp": {}}'):
        with pytest.raises(InvalidInput):
            ACCOUNT.check(body, signed)


def test_it_is_off_unless_it_is_configured_whole() -> None:
    assert app.door(Settings()) is None
    for half in ({"zalo_app": "1"}, {"zalo_secret": "s"}):
        with pytest.raises(ConfigurationError):
            app.account(Settings(**half))  # type: ignore[arg-type]
    door = app.door(Settings(zalo_app="1", zalo_secret="s"))
    assert door is not None
    actor = door(BODY, Zalo("1", "s").sign(BODY, "1795651440000"), anonymous("t"))
    assert (actor.id, actor.kind, actor.tenant) == (app.WHO, "service", "t")
    assert "secret" not in repr(Settings(zalo_app="1", zalo_secret="secret"))


@contextlib.asynccontextmanager
async def listening() -> AsyncIterator[tuple[str, list[tuple[dict[str, str], bytes]]]]:
    """A server that takes one request after the other: its address, and (headers, body) of what came."""
    came: list[tuple[dict[str, str], bytes]] = []

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = (await reader.readuntil(b"\r\n\r\n")).decode().split("\r\n")
        headers = {n.lower(): v.strip() for n, _, v in (line.partition(":") for line in head[1:] if line)}
        came.append((headers, await reader.readexactly(int(headers["content-length"]))))
        writer.write(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\nconnection: close\r\n\r\n")
        await writer.drain()
        writer.close()

    server = await asyncio.start_server(answer, "127.0.0.1", 0)
    try:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}", came
    finally:
        server.close()
        await server.wait_closed()


async def test_the_simulator_signs_as_zalo_does_and_says_what_it_is() -> None:
    made = event("user_send_text", "simulated-resident", {"text": "Ngập"}, app="360846524940903967", id="m1", at_ms=5)
    async with listening() as (address, came):
        assert await simulate(ACCOUNT, address, made) == 200
    ((headers, body),) = came
    ACCOUNT.check(body, headers[HEADER.lower()])
    assert msgspec.json.decode(body)["simulator"] is True
    assert headers["user-agent"] == "province-zalo-simulator"
    with pytest.raises(Unavailable):
        await simulate(ACCOUNT, address, made)
