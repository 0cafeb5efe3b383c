"""Messages that people send to the Zalo Official Account: whether a webhook is Zalo's own, and a simulator of it.

Zalo calls `POST /api/zalo` with a JSON event and the header `X-ZEvent-Signature: mac=<hex>`, where

    mac = SHA-256(app id + body as sent + timestamp of the body + secret key of the Official Account)

The simulator speaks the same over a socket, with the same signature. What it sends says so, inside what is signed
(`"simulator": true`), and counts as simulated wherever it is shown.
"""

from __future__ import annotations

import hashlib
import hmac
import re
from typing import Any, Final

import httpx
import msgspec

from province.errors import InvalidInput, NotAllowed, Unavailable

HEADER: Final = "X-ZEvent-Signature"
PATH: Final = "/api/zalo"
_MAC: Final = re.compile(r"(?:mac=)?([0-9a-fA-F]{64})")


class _Stamped(msgspec.Struct):
    """What the signature needs of an event."""

    timestamp: str | int
    app_id: str | int = ""


class Zalo:
    """The secrets of one Official Account. app: id of the application.  secret: its secret key."""

    def __init__(self, app: str, secret: str) -> None:
        self._app = app
        self._secret = secret

    def sign(self, body: bytes, timestamp: str) -> str:
        """The value of the header for a body."""
        given = self._app.encode() + body + timestamp.encode() + self._secret.encode()
        return f"mac={hashlib.sha256(given).hexdigest()}"

    def check(self, body: bytes, header: str) -> None:
        """Whether Zalo sent this. Raises: NotAllowed without its signature, InvalidInput for what is no event."""
        found = _MAC.fullmatch(header.strip())
        if found is None:
            raise NotAllowed(
                f"the header {HEADER} holds no signature.", field=HEADER, remedy="Only Zalo may call this."
            )
        try:
            event = msgspec.json.decode(body, type=_Stamped)
        except (msgspec.DecodeError, msgspec.ValidationError, UnicodeDecodeError):
            raise InvalidInput(
                "the body is no event of Zalo.", field="body", remedy="Send JSON as Zalo does."
            ) from None
        expected = self.sign(body, str(event.timestamp)).removeprefix("mac=")
        if not hmac.compare_digest(expected, found[1].lower()):
            raise NotAllowed("the signature is not Zalo's.", field=HEADER, remedy="Check app id and secret key.")


def event(name: str, sender: str, message: dict[str, Any], *, app: str, id: str, at_ms: int) -> dict[str, Any]:
    """An event as Zalo forms it, marked as invented."""
    return {
        "app_id": app,
        "sender": {"id": sender},
        "recipient": {"id": "simulated-official-account"},
        "event_name": name,
        "message": {**message, "msg_id": id},
        "timestamp": str(at_ms),
        "simulator": True,
    }


async def simulate(zalo: Zalo, address: str, made: dict[str, Any]) -> int:
    """Send an invented event to an installation, signed as Zalo would. Returns the status. Raises: Unavailable."""
    body = msgspec.json.encode(made)
    headers = {
        "content-type": "application/json",
        "user-agent": "province-zalo-simulator",
        HEADER: zalo.sign(body, str(made["timestamp"])),
    }
    try:
        async with httpx.AsyncClient(trust_env=False, timeout=20) as client:
            answer = await client.post(f"{address.rstrip('/')}{PATH}", content=body, headers=headers)
    except httpx.TransportError as error:
        raise Unavailable(f"{address} does not answer: {error!r}.", remedy="Is it running?") from error
    return answer.status_code
