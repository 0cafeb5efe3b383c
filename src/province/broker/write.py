"""One write: the changes of one call, which take effect together or not at all."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from province.broker.database import Connection
from province.model.actor import Actor
from province.model.change import Change, Changed
from province.model.entity import Entity


@dataclass(frozen=True, slots=True)
class Message:
    """A notice or a job that leaves with the changes: `payload` must be JSON."""

    kind: str
    name: str
    payload: Mapping[str, Any]
    entity: str | None = None


Check = Callable[[Change, Entity | None, str | None], None]
"""check(change, entity before or None, owning agency after) raises NotAllowed. Called inside the transaction, on the
row as locked, so that a right cannot be outrun by a concurrent change of owner."""


Hides = Callable[[Entity], Callable[[str], bool]]
"""hides(entity as locked)(attribute name): the writer may not see it, and so a replacement does not remove it."""


def hides_nothing(_: Entity) -> Callable[[str], bool]:
    """For writers who see everything."""
    return lambda _: False


Beside = Callable[[Connection], Awaitable[None]]
"""What the core writes to its own tables in the same transaction, after the changes."""


@dataclass(slots=True, eq=False)
class Write:
    """changes, in order; check: the policy door.  key: idempotency key.  depth: how many rules led here.

    hides: what of an entity its writer may not see.
    grounded: it brings back what is held on another ground than a consent that was withdrawn.

    beside: for operations of the core that are more than entities; such a write may have any number of changes.
    """

    changes: tuple[Change, ...]
    actor: Actor
    check: Check
    key: str | None = None
    messages: tuple[Message, ...] = ()
    action: str = ""
    depth: int = 0
    beside: Beside | None = None
    hides: Hides = hides_nothing
    grounded: bool = False
    done: asyncio.Future[tuple[Changed, ...]] = field(
        default_factory=lambda: asyncio.get_running_loop().create_future()
    )

    alone: bool = field(init=False)
    """Needs locks or statements of its own: not grouped with others."""

    def __post_init__(self) -> None:
        self.alone = self.beside is not None or any(c.holds or c.limits for c in self.changes)
