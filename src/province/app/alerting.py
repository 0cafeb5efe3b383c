"""Alerts to the public as signed XML for the doors."""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import Mapping
from typing import Final

from province.app.core import Core
from province.app.declarations import TITLE_VI, declarations, parameters_at
from province.errors import NotFound
from province.identity import vault
from province.model.actor import Actor, system
from province.model.cap import signature, writing
from province.model.entity import Entity
from province.model.time import Instant, now
from province.vocab.public_alert import message_of

KEY: Final = "cap-signing-key"
COMMAND: Final = "alert"
_KEPT: Final = 200
"""Signed documents that are kept, so that many readers of an alert cost one signature."""
_LOCK: Final = 0x70726361


class Signing:
    """The installation's key for alerts, made at the first use, and documents signed with it."""

    def __init__(self, core: Core) -> None:
        self._core = core
        self._keys: dict[str, tuple[bytes, bytes]] = {}
        self._documents: OrderedDict[tuple[str, int], bytes] = OrderedDict()

    async def certificate(self, tenant: str) -> bytes:
        """The certificate, PEM, that others check our alerts with."""
        return (await self._key(tenant))[1]

    async def document(self, id: str, actor: Actor) -> bytes:
        """An alert as signed CAP XML: as it came when it came so, else under our signature. Raises: NotFound."""
        entity = await self._core.broker.get(id, actor, type="PublicAlert", latest=False)
        original = await self._original(entity)
        if original:
            return original
        key = (f"{entity.tenant} {id}", entity.version)
        if key not in self._documents:
            message = message_of(entity.value("message"))
            private, certificate = await self._key(entity.tenant)
            document = await asyncio.to_thread(signature.sign, writing.element(message), private, certificate)
            self._documents[key] = document
            while len(self._documents) > _KEPT:
                self._documents.popitem(last=False)
        self._documents.move_to_end(key)
        return self._documents[key]

    async def _original(self, entity: Entity) -> bytes:
        """What the sender signed. Whoever may see the message may see it as it was sent."""
        if entity.value("direction") != "received":
            return b""
        whole = await self._core.broker.get(entity.id, system(entity.tenant, "alerts"), latest=False)
        return str(whole.value("original") or "").encode()

    async def _key(self, tenant: str) -> tuple[bytes, bytes]:
        if tenant not in self._keys:
            async with self._core.pool.acquire() as connection, connection.transaction():
                await connection.execute("SELECT pg_advisory_xact_lock($1)", _LOCK)
                try:
                    kept = await vault.get(connection, self._core.keys, tenant, KEY)
                except NotFound:
                    kept = b"\0".join(signature.make_key(TITLE_VI, now()))
                    await vault.put(connection, self._core.keys, tenant, KEY, kept)
            private, _, certificate = kept.partition(b"\0")
            self._keys[tenant] = (private, certificate)
        return self._keys[tenant]


def tones(at: Instant) -> Mapping[str, str]:
    """The colour of every level, by name, of the pack that brings alerts to boards."""
    found: dict[str, str] = {}
    for pack in declarations().packs:
        if any(command.name == COMMAND for command in pack.commands):
            levels: Mapping[str, Mapping[str, str]] = parameters_at(pack.name, at).get("levels", {})
            found |= {name: str(one["tone"]) for name, one in levels.items()}
    return found
