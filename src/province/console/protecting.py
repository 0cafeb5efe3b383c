"""What the pages of data protection need, injected by the composition root. Every callable checks its actor."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass

from province.broker.consents import Consent
from province.broker.erasure import Erasure, Preview
from province.broker.withdrawals import SetAside
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
    give: Callable[[Actor, str, str], Awaitable[Consent]]
    """(actor, purpose, type of the records that rest on it or ""). Raises: Conflict, InvalidInput."""
    withdraw: Callable[[Actor, int], Awaitable[Consent]]
    """It starts at once what the ground says."""
    aside: Callable[[Actor], Awaitable[Sequence[SetAside]]]
    """What was set aside when a consent was withdrawn: what waits first. Raises: NotAllowed."""
    confirm: Callable[[Actor, str], Awaitable[Erasure]]
    """(actor, id) → the erasure of what was set aside. Raises: NotFound, NotAllowed, Conflict."""
    give_back: Callable[[Actor, str, str], Awaitable[SetAside]]
    """(actor, id, the other ground). Raises: as `confirm`, InvalidInput."""
