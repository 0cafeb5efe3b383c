"""Protection of forms: a token bound to the session, which a foreign page can neither read nor make.

Callers with a bearer token need none: a browser never sends that by itself.
"""

from __future__ import annotations

from province.errors import NotAllowed
from province.identity.keys import KeyRing
from province.model.actor import Actor

_PURPOSE = "csrf"


def csrf_token(keys: KeyRing, actor: Actor) -> str:
    """The token that every form and htmx request of this session carries; "" without a session."""
    return keys.sign(_PURPOSE, _message(actor)) if actor.session else ""


def check_csrf(keys: KeyRing, actor: Actor, given: str | None) -> None:
    """Refuse a change that a foreign page may have sent. Raises: NotAllowed."""
    if actor.session and not keys.verify(_PURPOSE, _message(actor), given or ""):
        raise NotAllowed(
            "The form is not from this session.", field="csrf", remedy="Reload the page and send it again."
        )


def _message(actor: Actor) -> bytes:
    return f"{actor.tenant}/{actor.session}".encode()
