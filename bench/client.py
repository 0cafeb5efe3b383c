"""A lean HTTP/1.1 client over asyncio streams: the generator should cost little beside what it measures."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable

_LIMIT = 1 << 24


class Connection:
    """One keep-alive connection."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, port: int, token: str) -> None:
        self._reader, self._writer, self._port = reader, writer, port
        self._head = f" HTTP/1.1\r\nHost: bench\r\nAuthorization: Bearer {token}\r\n"

    @classmethod
    async def open(cls, port: int, token: str) -> Connection:
        """Connect to the loopback address."""
        return cls(*await asyncio.open_connection("127.0.0.1", port, limit=_LIMIT), port, token)

    async def call(
        self, method: str, path: str, body: bytes = b"", media: str = "application/json"
    ) -> tuple[int, bytes]:
        """(status, body). A connection that the server hung up on while it was idle is opened anew."""
        if self._reader.at_eof() or self._writer.is_closing():
            self._writer.close()
            self._reader, self._writer = await asyncio.open_connection("127.0.0.1", self._port, limit=_LIMIT)
        head = f"{method} {path}{self._head}Content-Type: {media}\r\nContent-Length: {len(body)}\r\n\r\n"
        self._writer.write(head.encode() + body)
        answer = await self._reader.readuntil(b"\r\n\r\n")
        length = 0
        for line in answer.split(b"\r\n")[1:]:
            name, _, value = line.partition(b":")
            if name.lower() == b"content-length":
                length = int(value)
            elif name.lower() == b"transfer-encoding":
                return int(answer[9:12]), await self._chunks()
        return int(answer[9:12]), await self._reader.readexactly(length) if length else b""

    async def _chunks(self) -> bytes:
        parts = []
        while size := int(await self._reader.readline(), 16):
            parts.append(await self._reader.readexactly(size))
            await self._reader.readline()
        await self._reader.readline()
        return b"".join(parts)

    def close(self) -> None:
        """Hang up."""
        self._writer.close()


async def load(
    port: int,
    token: str,
    *,
    clients: int,
    seconds: float,
    call: Callable[[int], tuple[str, str, bytes, str]],
    good: int,
) -> dict[str, object]:
    """Closed loop: every client sends its next call when the last is answered. call(n) → method, path, body, media.

    generator_cores of the answer: how much processor this loop itself took, of the machine that it shares.
    """
    cpu = time.process_time()
    latencies: list[float] = []
    numbers = iter(range(1 << 60))
    until = time.perf_counter() + seconds

    async def work() -> None:
        connection = await Connection.open(port, token)
        while time.perf_counter() < until:
            method, path, body, media = call(next(numbers))
            began = time.perf_counter()
            status, answer = await connection.call(method, path, body, media)
            if status != good:
                raise AssertionError(f"{status} {answer[:300]!r}")
            latencies.append(time.perf_counter() - began)
        connection.close()

    began = time.perf_counter()
    await asyncio.gather(*(work() for _ in range(clients)))
    elapsed = time.perf_counter() - began
    cpu = time.process_time() - cpu
    latencies.sort()
    return {
        "clients": clients,
        "per_s": len(latencies) / elapsed,
        "p50_ms": round(latencies[len(latencies) // 2] * 1000, 1),
        "p95_ms": round(latencies[int(len(latencies) * 0.95)] * 1000, 1),
        "generator_cores": round(cpu / elapsed, 2),
    }
