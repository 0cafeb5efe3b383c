"""What the pages of posts need, injected by the composition root."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import date

from province.identity.posts import Post
from province.model.actor import Actor
from province.model.time import Instant


@dataclass(frozen=True, slots=True)
class Appointment:
    """A role given to somebody for a period, under the name of a post."""

    login: str
    role: str
    agency: str
    area: str
    post: str
    concurrent: bool
    since: Instant | None
    until: Instant | None


@dataclass(frozen=True, slots=True)
class Posts:
    """Questions about posts. Every callable checks the actor that it is given."""

    held: Callable[[Actor, date], Awaitable[Sequence[Post]]]
    name: Callable[[Actor, str, str, bool], Awaitable[None]]
    """(actor, grant, name of the post, held besides another one)."""
    appoint: Callable[[Actor, Appointment], Awaitable[None]]
    delegate: Callable[[Actor, str, str, Instant | None, Instant, str], Awaitable[None]]
    """(actor, grant, login, since, until, reason)."""
    revoke: Callable[[Actor, str], Awaitable[None]]
