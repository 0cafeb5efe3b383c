"""Answers to the NATS server's question "may this client in, and what may it do?" (the auth callout).

The server sends a signed request (a JWT) to `SUBJECT`; the answer is a JWT too, signed with the account seed that the
server's configuration names. Everything here is pure except for the signature's time stamp: reading a request, deciding
and answering are separate steps, so that a service may look up the device between them, alone or in batches::

    request = read_request(message.data)
    answer = grant(request, device_permissions(id), seed) or refuse(request, "wrong password", seed)
"""

from __future__ import annotations

import base64
import hashlib
import json
import re
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import nkeys

from province.errors import InvalidInput

SUBJECT = "$SYS.REQ.USER.AUTH"
"""Where the server asks; services that share the work subscribe to it with one queue group."""
_HEADER = base64.urlsafe_b64encode(b'{"typ":"JWT","alg":"ed25519-nkey"}').rstrip(b"=")
_DEVICE = re.compile(r"[A-Za-z0-9_:-]{1,128}")


@dataclass(frozen=True, slots=True)
class Request:
    """Who knocks. `user_key` and `server` go back in the answer; the server checks them against replays.

    kind: "mqtt" for devices, "nats" or "websocket" for others.  client_id: the MQTT client identifier, "" for others.
    """

    user: str
    password: str
    client_id: str
    kind: str
    host: str
    user_key: str
    server: str


@dataclass(frozen=True, slots=True)
class Permissions:
    """What a client may do: NATS subjects, `*` and `>` permitted. An empty tuple permits nothing.

    name: shown by the server's monitor in place of the user name.
    client_id: the only MQTT client identifier that may be used, or None for any. A second connection with the same
    identifier ends the first, so without it one device could push another off.
    expires: second since 1970 when the server ends the connection, or None.
    """

    name: str
    publish: tuple[str, ...]
    subscribe: tuple[str, ...]
    client_id: str | None = None
    expires: int | None = None


Decide = Callable[[Request], Permissions | None]


def device_permissions(device: str, *, expires: int | None = None) -> Permissions:
    """A device's own subjects: it publishes under `devices/<device>/` and hears `devices/<device>/commands/`.

    It cannot subscribe with QoS 1 (the server would have to keep a consumer for each): commands are QoS 0, answered
    and repeated by us. Raises InvalidInput for an identifier that would reach beyond its own subjects.
    """
    if not _DEVICE.fullmatch(device):
        raise InvalidInput(
            f"{device!r} cannot name a device.", field="device", remedy="Use 1–128 of A–Z a–z 0–9 _ : - only."
        )
    return Permissions(
        name=device,
        publish=(f"devices.{device}.>",),
        subscribe=(f"devices.{device}.commands", f"devices.{device}.commands.>"),
        client_id=device,
        expires=expires,
    )


def read_request(token: bytes | str) -> Request:
    """Read the server's question. Raises InvalidInput when it is not one."""
    text = token.decode("ascii", errors="replace") if isinstance(token, bytes) else token
    parts = text.split(".")
    try:
        claims = json.loads(_unpack(parts[1]))
        body = claims["nats"]
        client, options = body["client_info"], body["connect_opts"]
        return Request(
            user=options.get("user", ""),
            password=options.get("pass", ""),
            client_id=client.get("mqtt_id", ""),
            kind=client.get("type", "nats"),
            host=client.get("host", ""),
            user_key=body["user_nkey"],
            server=body["server_id"]["id"],
        )
    except (IndexError, KeyError, TypeError, ValueError, AttributeError) as error:
        raise InvalidInput(f"not an authorization request of the server: {error!r}.", field="request") from error


def grant(request: Request, permissions: Permissions, seed: str, *, account: str = "PROVINCE") -> bytes:
    """Let the client in with these permissions, over the kind of connection that it asked from.

    seed: the account seed of the callout's issuer.  Refuses when the MQTT client identifier is not the permitted one.
    """
    if permissions.client_id is not None and request.client_id != permissions.client_id:
        return refuse(request, "the client identifier is not the device's", seed)
    user = {
        "type": "user",
        "version": 2,
        "pub": _rule(permissions.publish),
        "sub": _rule(permissions.subscribe),
        "subs": -1,
        "data": -1,
        "payload": -1,
        "allowed_connection_types": [{"mqtt": "MQTT", "websocket": "WEBSOCKET"}.get(request.kind, "STANDARD")],
    }
    claims: dict[str, Any] = {"aud": account, "name": permissions.name, "sub": request.user_key, "nats": user}
    if permissions.expires is not None:
        claims["exp"] = permissions.expires
    return _answer(request, {"jwt": _sign(claims, seed).decode()}, seed)


def refuse(request: Request, reason: str, seed: str) -> bytes:
    """Keep the client out. The reason goes to the server's log, never to the client."""
    return _answer(request, {"error": reason}, seed)


def respond(token: bytes | str, decide: Decide, seed: str) -> bytes:
    """Read a request, decide, and answer it. Raises InvalidInput when the message is no request."""
    request = read_request(token)
    permissions = decide(request)
    if permissions is None:
        return refuse(request, "wrong user or password", seed)
    return grant(request, permissions, seed)


def _rule(subjects: tuple[str, ...]) -> dict[str, list[str]]:
    # To the server an absent list means "everything", so nothing at all must be said as a denial.
    return {"allow": list(subjects)} if subjects else {"deny": [">"]}


def _answer(request: Request, body: dict[str, Any], seed: str) -> bytes:
    nats = {"type": "authorization_response", "version": 2, **body}
    return _sign({"aud": request.server, "sub": request.user_key, "nats": nats}, seed)


@lru_cache(maxsize=4)
def _key(seed: str) -> tuple[Any, str]:
    pair = nkeys.from_seed(seed.encode())
    return pair, pair.public_key.decode()


def _sign(claims: dict[str, Any], seed: str) -> bytes:
    pair, issuer = _key(seed)
    claims = {**claims, "iss": issuer, "iat": int(time.time())}
    plain = json.dumps(claims, separators=(",", ":"), sort_keys=True).encode()
    claims["jti"] = base64.b32encode(hashlib.sha256(plain).digest()).rstrip(b"=").decode()
    signed = _HEADER + b"." + _pack(json.dumps(claims, separators=(",", ":")).encode())
    signature: bytes = pair.sign(signed)
    return signed + b"." + _pack(signature)


def _pack(raw: bytes) -> bytes:
    return base64.urlsafe_b64encode(raw).rstrip(b"=")


def _unpack(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
