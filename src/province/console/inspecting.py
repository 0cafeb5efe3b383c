"""What the pages about access and its audit need, injected by the composition root. Every callable checks its actor."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from dataclasses import dataclass

from province.broker.access import Explanation
from province.broker.audit_search import Asked, Entry
from province.identity.breakglass import Glass
from province.model.actor import Actor
from province.model.entity import Entity


@dataclass(frozen=True, slots=True)
class Explained:
    """Why an account can or cannot. name: of the account.  disabled: it cannot even sign in.  roles: names now held."""

    account: str
    name: str
    disabled: bool
    entity: str
    explanation: Explanation


@dataclass(frozen=True, slots=True)
class Mine:
    """What is kept about a person, and who looked. records: the record itself, for its owner.  looks: newest first."""

    records: Sequence[Entity]
    looks: Sequence[Entry]


@dataclass(frozen=True, slots=True)
class Opening:
    """A broken glass with the name of who broke it."""

    glass: Glass
    name: str


@dataclass(frozen=True, slots=True)
class Inspecting:
    """The services of these pages."""

    search: Callable[[Actor, Asked, int], Awaitable[Sequence[Entry]]]
    """(actor, asked, number of the last row seen, or 0) → a page. The search itself is audited."""
    export: Callable[[Actor, Asked], Awaitable[AsyncIterator[bytes]]]
    """(actor, asked) → CSV in pieces. Audited too."""
    mine: Callable[[Actor], Awaitable[Mine]]
    explain: Callable[[Actor, str, str], Awaitable[Explained]]
    """(actor, login or id of an account, entity). Raises: NotFound, NotAllowed."""
    open_glass: Callable[[Actor, str, str, int], Awaitable[Glass]]
    """(actor, entity, reason, minutes). Raises: NotFound, NotAllowed, InvalidInput, Conflict: it is open already."""
    close_glass: Callable[[Actor, str], Awaitable[None]]
    openings: Callable[[Actor], Awaitable[Sequence[Opening]]]
