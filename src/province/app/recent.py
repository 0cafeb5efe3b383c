"""Answers that cost something and that many ask for at once: computed once in a while for each set of rights."""

from __future__ import annotations

import asyncio
import time
from collections import OrderedDict
from collections.abc import Awaitable, Callable
from typing import Any, Final, Generic, TypeVar

from province.model.actor import Actor

Answer = TypeVar("Answer")

KEPT_S: Final = 5.0
READERS: Final = 200
"""Sets of rights whose answers are kept."""


class Recent(Generic[Answer]):
    """ask(actor), at most once in `KEPT_S` seconds for readers with equal rights; those who wait share one answer."""

    def __init__(self, ask: Callable[[Actor], Awaitable[Answer]]) -> None:
        self._ask = ask
        self._kept: OrderedDict[Any, tuple[float, asyncio.Task[Answer]]] = OrderedDict()

    async def __call__(self, actor: Actor) -> Answer:
        """The answer, at most `KEPT_S` seconds old."""
        key = (actor.tenant, actor.kind, actor.grants, actor.id if actor.kind == "device" else "")
        until, task = self._kept.get(key, (0.0, None))
        if task is None or (task.done() and (time.monotonic() > until or task.exception() is not None)):
            task = asyncio.create_task(self._answer(actor))
            self._kept[key] = (time.monotonic() + KEPT_S, task)
            self._kept.move_to_end(key)
            while len(self._kept) > READERS:
                self._kept.popitem(last=False)
        return await asyncio.shield(task)

    async def _answer(self, actor: Actor) -> Answer:
        return await self._ask(actor)
