"""Zalo, as the settings name it: off without them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

import msgspec

from province.adapters.zalo import Zalo
from province.errors import ConfigurationError
from province.model.actor import Actor, Grant
from province.settings import Settings

WHO: Final = "service:zalo"
"""Actor id in the audit of what came by Zalo."""
_RIGHTS: Final = Grant("zalo", frozenset(("report.feed",)))


def account(settings: Settings) -> Zalo | None:
    """The Official Account; None without one. Raises: ConfigurationError when only half of it is named."""
    if not settings.zalo_app and not settings.zalo_secret:
        return None
    if not settings.zalo_app or not settings.zalo_secret:
        raise ConfigurationError(
            "Zalo needs an app id and the secret key of the Official Account.",
            field="PROVINCE_ZALO_SECRET" if settings.zalo_app else "PROVINCE_ZALO_APP",
            remedy="Set both, or neither.",
        )
    return Zalo(settings.zalo_app, settings.zalo_secret)


def door(settings: Settings) -> Callable[[bytes, str, Actor], Actor] | None:
    """Who may act for Zalo: whoever signs as it does."""
    known = account(settings)
    if known is None:
        return None

    def admit(body: bytes, header: str, stranger: Actor) -> Actor:
        known.check(body, header)
        return msgspec.structs.replace(stranger, id=WHO, kind="service", name="Zalo", grants=(_RIGHTS,))

    return admit
