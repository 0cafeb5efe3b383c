"""Erasure and consent, bound to the rooms that know."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from typing import cast

from province.adapters.files import FileStore
from province.adapters.ledger import ErasureLedger
from province.app.core import Core
from province.broker import consents
from province.broker.consents import Consent
from province.broker.erasure import Erasure, Erasures, Ground, Preview
from province.console import protecting as console
from province.errors import NotFound
from province.model.actor import Actor
from province.model.time import EARLIEST, now


def erasures(core: Core) -> Erasures:
    """The erasures of this installation."""
    settings = core.settings
    files = FileStore(settings.home / "files", core.pool, quota=settings.file_quota_bytes)

    async def erase_readings(entity: str, attributes: Sequence[str], actor: Actor) -> int:
        removed = 0
        for name in attributes:
            try:
                said = await core.corrections.correct(
                    entity, name, actor, kind="delete", at=EARLIEST, until=now() + timedelta(microseconds=1),
                    dataset=None, reason="erasure",
                )  # fmt: skip
            except NotFound:
                continue  # the record is gone, and its readings went before it
            removed += said.readings
        return removed

    return Erasures(
        core.broker, core.committer, remove_files=files.remove, erase_readings=erase_readings,
        ledger=ErasureLedger(settings.audit_heads_folder),
    )  # fmt: skip


def build(core: Core, service: Erasures) -> console.Protecting:
    """For the console."""

    async def preview(actor: Actor, subject: str) -> Preview:
        return await service.preview(actor, subject)

    async def decide(actor: Actor, subject: str, ground: str, reference: str) -> Erasure:
        return await service.decide(actor, subject, ground=cast(Ground, ground), reference=reference)

    async def mine(actor: Actor) -> Sequence[Consent]:
        async with core.pool.acquire() as connection:
            return await consents.of_subject(connection, actor, actor.id)

    async def give(actor: Actor, purpose: str) -> Consent:
        async with core.pool.acquire() as connection:
            return await consents.give(connection, actor, actor.id, purpose, evidence="console")

    async def withdraw(actor: Actor, id: int) -> Consent:
        async with core.pool.acquire() as connection:
            return await consents.withdraw(connection, actor, id)

    return console.Protecting(preview, decide, service.decisions, mine, give, withdraw)
