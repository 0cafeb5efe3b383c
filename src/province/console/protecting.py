"""What the pages of data protection need, injected by the composition root. Every callable checks its actor."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass

from province.broker.consents import Consent
from province.broker.erasure import Erasure, Preview
from province.model.actor import Actor


@dataclass(frozen=True, slots=True)
class Protecting:
    """The services of these pages."""

    preview: Callable[[Actor, str], Awaitable[Preview]]
    """(actor, id of a record, or login) → what an erasure would remove. Raises: NotFound, NotAllowed."""
    decide: Callable[[Actor, str, str, str], Awaitable[Erasure]]
    """(actor, subject, ground, reference). Raises: NotFound, NotAllowed, InvalidInput."""
    erasures: Callable[[Actor], Awaitable[Sequence[Erasure]]]
    consents: Callable[[Actor], Awaitable[Sequence[Consent]]]
    """One's own."""
    give: Callable[[Actor, str], Awaitable[Consent]]
    """(actor, purpose). Raises: Conflict, InvalidInput."""
    withdraw: Callable[[Actor, int], Awaitable[Consent]]
