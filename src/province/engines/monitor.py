"""Asking an engine's monitor on the loopback interface. Nothing else is reached from here."""

from __future__ import annotations

import asyncio
import json
from typing import Any

from province.errors import Unavailable


async def fetch_json(port: int, path: str, *, timeout_s: float = 2.0) -> dict[str, Any]:
    """GET http://127.0.0.1:port/path and read its JSON object. Raises Unavailable."""
    try:
        async with asyncio.timeout(timeout_s):
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            try:
                writer.write(f"GET {path} HTTP/1.0\r\nHost: 127.0.0.1\r\n\r\n".encode())
                answer = await reader.read()
            finally:
                writer.close()
                await writer.wait_closed()
        body = json.loads(answer.partition(b"\r\n\r\n")[2])
    except (OSError, TimeoutError, ValueError) as error:
        raise Unavailable(f"the monitor on port {port} does not answer {path}: {error}.") from error
    if not isinstance(body, dict):
        raise Unavailable(f"the monitor on port {port} answered {path} with no JSON object.")
    return body
