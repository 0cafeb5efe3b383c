"""The part of the broker that every door uses, as other rooms name it. Doors that need more extend these."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Protocol

from province.broker.broker import Acted
from province.broker.departed import Departed
from province.broker.history import History
from province.model.actor import Actor
from province.model.entity import Entity, Json
from province.model.query import Page, Query
from province.model.time import Instant


class Reads(Protocol):
    """Records as an actor may see them. Every method checks the actor."""

    async def get(self, id: str, actor: Actor, *, type: str | None = None, latest: bool = True) -> Entity: ...
    async def query(self, query: Query, actor: Actor) -> Page: ...


class Remembers(Reads, Protocol):
    """Records, and what they were."""

    async def history(
        self,
        id: str,
        actor: Actor,
        *,
        attrs: Sequence[str] = (),
        start: Instant | None = None,
        end: Instant | None = None,
        last: int | None = None,
        limit: int = 10_000,
        of: Departed | None = None,
    ) -> History: ...


class Acts(Reads, Protocol):
    """Records, and the actions that change them."""

    async def act(
        self,
        name: str,
        actor: Actor,
        *,
        id: str | None = None,
        inputs: Mapping[str, Json] | None = None,
        files: tuple[str, ...] = (),
        key: str | None = None,
    ) -> Acted: ...
