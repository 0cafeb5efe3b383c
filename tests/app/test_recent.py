"""One answer for equal readers, another for others; errors are not kept."""

from __future__ import annotations

import asyncio

import pytest

from province.app import recent
from province.app.recent import Recent
from province.errors import Unavailable
from province.model.actor import Actor, Grant, anonymous


def person(*permissions: str, id: str = "a") -> Actor:
    return Actor(tenant="t", id=id, kind="person", grants=(Grant("r", frozenset(permissions)),))


async def test_equal_rights_share_one_answer_and_others_do_not() -> None:
    asked: list[str] = []

    async def ask(actor: Actor) -> int:
        asked.append(actor.id)
        await asyncio.sleep(0.01)
        return len(asked)

    kept = Recent(ask)
    assert await asyncio.gather(kept(person("x.read")), kept(person("x.read", id="b"))) == [1, 1]
    assert await kept(person("*", id="c")) == 2
    assert await kept(anonymous("t")) == 3
    assert await kept(person("x.read", id="d")) == 1
    assert asked == ["a", "c", "anonymous"]


async def test_an_old_answer_is_shown_while_it_is_computed_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(recent, "KEPT_S", -1.0)
    count = 0
    ready = asyncio.Event()
    ready.set()

    async def ask(actor: Actor) -> int:
        nonlocal count
        await ready.wait()
        count += 1
        return count

    kept = Recent(ask)
    assert await kept(person()) == 1
    ready.clear()
    assert await kept(person()) == 1, "nobody waits"
    ready.set()
    async with asyncio.timeout(60):
        while await kept(person()) == 1:
            await asyncio.sleep(0)
    monkeypatch.setattr(recent, "SHOWN_S", -1.0)
    before = count
    assert await kept(person()) > before, "too old to be shown"


async def test_a_failure_is_asked_again() -> None:
    answers = iter([Unavailable("down."), 7])

    async def ask(actor: Actor) -> int:
        found = next(answers)
        if isinstance(found, Exception):
            raise found
        return found

    kept = Recent(ask)
    with pytest.raises(Unavailable):
        await kept(person())
    assert await kept(person()) == 7
