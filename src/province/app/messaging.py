"""Mail and SMS: the carriers that the settings name, and the page that shows what became of each message."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence

from province.adapters import dispatch
from province.adapters.dispatch import Carrier, Dispatcher, Way
from province.adapters.outbound import Outbound
from province.adapters.sms import HttpSms, SimulatedSms
from province.adapters.smtp import Smtp, read_server
from province.app.core import Core
from province.app.declarations import TITLE_EN, TITLE_VI
from province.console.services import SentMessage
from province.identity import policy
from province.model.actor import Actor
from province.model.label import Label
from province.settings import Settings

SIMULATOR = "simulator"


def carriers(settings: Settings, outbound: Outbound) -> dict[Way, Carrier]:
    """The ways out that are set up. Raises: ConfigurationError."""
    found: dict[Way, Carrier] = {}
    if settings.smtp:
        found["mail"] = Smtp(read_server(settings.smtp), settings.mail_sender)
    if settings.sms == SIMULATOR:
        found["sms"] = SimulatedSms()
    elif settings.sms:
        found["sms"] = HttpSms(outbound, settings.sms, settings.sms_token)
    return found


def dispatcher(core: Core, outbound: Outbound) -> Dispatcher:
    """The sender of this installation's messages."""
    settings = core.settings
    return Dispatcher(core.pool, carriers(settings, outbound), site=Label(TITLE_VI, TITLE_EN), url=settings.public_url)


def listed(core: Core) -> Callable[[Actor, str], Awaitable[Sequence[SentMessage]]]:
    """The newest messages; it needs `letter.read`. Addresses are personal: whole only with `letter.personal`."""

    async def messages(actor: Actor, about: str) -> Sequence[SentMessage]:
        policy.require_somewhere(actor, "letter.read")
        whole = not policy.scope(actor, "letter.personal").nothing
        rows = await dispatch.recent(core.pool, actor.tenant, about=about)
        return [
            SentMessage(
                id=str(row["id"]),
                way=row["way"],
                address=row["address"] if whole else masked(row["address"]),
                subject=Label(row["subject_vi"], row["subject_en"]),
                about=row["about"],
                state=row["state"],
                attempts=row["attempts"],
                reason=row["reason"],
                at=row["at"],
            )
            for row in rows
        ]

    return messages


def masked(address: str) -> str:
    """An address that tells its owner from others, and nobody anything more: `…001`, `a…@vi-du.vn`."""
    name, at, domain = address.partition("@")
    return f"{name[:1]}…@{domain}" if at else f"…{address[-3:]}"
