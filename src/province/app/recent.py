"""Answers that cost something and that many ask for at once: computed once in a while for each set of rights."""

from __future__ import annotations

import asyncio
import math
import time
from collections import OrderedDict
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any, Final, Generic, TypeVar

from province.model.actor import Actor

Answer = TypeVar("Answer")

KEPT_S: Final = 5.0
"""An answer older than this is computed again."""
SHOWN_S: Final = 120.0
"""While that goes on, the old one is still shown up to this age: nobody waits for a count over a million entities."""
READERS: Final = 200
"""Sets of rights whose answers are kept."""


@dataclass(slots=True)
class _Kept(Generic[Answer]):
    running: asyncio.Task[Answer] | None = None
    answer: Answer | None = None
    at: float = -math.inf


class Recent(Generic[Answer]):
    """ask(actor), at most once in `KEPT_S` seconds for readers with equal rights; those who must wait share one answer.

    What is shown says when it was computed, so that an old answer is no lie.
    """

    def __init__(self, ask: Callable[[Actor], Awaitable[Answer]]) -> None:
        self._ask = ask
        self._kept: OrderedDict[Any, _Kept[Answer]] = OrderedDict()

    async def __call__(self, actor: Actor) -> Answer:
        """The answer, a few seconds old, or older while it is computed again."""
        key = (actor.tenant, actor.kind, actor.grants, actor.id if actor.kind == "device" else "")
        kept = self._kept.setdefault(key, _Kept())
        self._kept.move_to_end(key)
        while len(self._kept) > READERS:
            self._kept.popitem(last=False)
        age = time.monotonic() - kept.at
        if age > KEPT_S and kept.running is None:
            kept.running = asyncio.create_task(self._renew(kept, actor))
            kept.running.add_done_callback(_looked_at)
        if kept.running is not None and (kept.answer is None or age > SHOWN_S):
            return await asyncio.shield(kept.running)
        assert kept.answer is not None
        return kept.answer

    async def _renew(self, kept: _Kept[Answer], actor: Actor) -> Answer:
        try:
            kept.answer = await self._ask(actor)
            kept.at = time.monotonic()
            return kept.answer
        finally:
            kept.running = None


def _looked_at(task: asyncio.Task[Any]) -> None:
    """A renewal that failed while nobody waited is tried again by the next reader; it is no warning."""
    if not task.cancelled():
        task.exception()
