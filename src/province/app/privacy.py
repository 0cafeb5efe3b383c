"""Erasure and consent, bound to the rooms that know."""

from __future__ import annotations

import contextlib
import logging
from collections.abc import Sequence
from datetime import timedelta
from typing import Literal, cast

from province.adapters.files import FileStore
from province.adapters.ledger import open_ledger
from province.adapters.tables.copies import FileCopies
from province.adapters.tables.folder import Shelf
from province.app.core import Core
from province.broker import consents
from province.broker.consents import Consent
from province.broker.erasure import Erasure, Erasures, Ground, Preview
from province.broker.withdrawals import Withdrawals
from province.console import protecting as console
from province.errors import InvalidInput, NotFound, ProvinceError
from province.model.actor import Actor
from province.model.time import EARLIEST, Instant, now
from province.vocab.area import civil_day

log = logging.getLogger(__name__)


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
        ledger=open_ledger(settings.audit_heads_location),
        copies=FileCopies(core.pool, Shelf(settings.home / "imports")),
    )  # fmt: skip


def withdrawals(core: Core, service: Erasures) -> Withdrawals:
    """What withdrawn consents start in this installation."""

    async def mark(
        entity: str, attribute: str, kind: Literal["invalid", "restore"], start: Instant, end: Instant, actor: Actor
    ) -> None:
        with contextlib.suppress(NotFound):  # nothing was measured
            await core.corrections.correct(
                entity, attribute, actor, kind=kind, at=start, until=end, dataset=None, reason="consent"
            )

    return Withdrawals(core.broker, core.committer, service, mark)


def build(core: Core, service: Erasures) -> console.Protecting:
    """For the console."""
    withdrawn = withdrawals(core, service)

    async def preview(actor: Actor, subject: str) -> Preview:
        return await service.preview(actor, subject)

    async def decide(actor: Actor, subject: str, ground: str, reference: str) -> Erasure:
        return await service.decide(actor, subject, ground=cast(Ground, ground), reference=reference)

    async def mine(actor: Actor) -> Sequence[Consent]:
        async with core.pool.acquire() as connection:
            return await consents.of_subject(connection, actor, actor.id)

    async def give(actor: Actor, purpose: str, type: str) -> Consent:
        if type:
            declared = core.broker.types[type].processing_on(civil_day(now())) if type in core.broker.types else None
            if declared is None or declared.ground != "consent":
                raise InvalidInput(f"nothing of {type[:60]} rests on consent.", field="type")
            purpose = declared.purpose.vi
        async with core.pool.acquire() as connection:
            return await consents.give(connection, actor, actor.id, purpose, evidence="console", type=type)

    async def withdraw(actor: Actor, id: int) -> Consent:
        async with core.pool.acquire() as connection:
            ended = await consents.withdraw(connection, actor, id)
        try:
            await withdrawn.settle(actor.tenant, id)
        except ProvinceError as error:  # the process `work` does it within seconds
            log.warning("a withdrawn consent waits", extra={"consent": id, "error": repr(error)[:300]})
        return ended

    return console.Protecting(
        preview, decide, service.decisions, mine, give, withdraw, withdrawn.listed, withdrawn.confirm,
        withdrawn.give_back,
    )  # fmt: skip
