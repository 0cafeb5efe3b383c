"""The part of the broker that every door uses, as other rooms name it. Doors that need more extend these."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol

from province.broker.broker import Acted
from province.model.actor import Actor
from province.model.entity import Entity, Json
from province.model.query import Page, Query


class Reads(Protocol):
    """Records as an actor may see them. Every method checks the actor."""

    async def get(self, id: str, actor: Actor, *, type: str | None = None, latest: bool = True) -> Entity: ...
    async def query(self, query: Query, actor: Actor) -> Page: ...


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
