"""Rounds: everything that waits is looked at together; a look that changed nothing is not repeated for nothing."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from province.broker.broker import Broker
from province.broker.rounds import Rounds
from province.model.actor import system
from province.model.change import Change
from province.model.entity import Entity
from province.model.label import Label
from province.model.query import Query, Where
from province.model.record import change, create
from province.pack import Ask, Context, Pack, Round
from tests.broker.conftest import TENANT, Lamp, lamp, lamp_id

WORD = Label("chữ", "word")
ACTOR = system(TENANT, "test")
Answers = Mapping[str, Sequence[Any]]


def uncoloured(context: Context, found: Answers) -> Query:
    return Query(types=("Lamp",), where=(Where("colour", "absent"),), latest=False)


def the_same(context: Context, found: Answers) -> Query | None:
    """The waiting ones once more, as entities: by id."""
    return Query(ids=tuple(one.id for one in found["waiting"]), latest=False)


def pack_of(one: Round) -> Pack:
    return Pack(name="p", title=WORD, row="", types=(Lamp,), rounds=(one,))


async def looked(broker: Broker, one: Round, *, rounds: Rounds | None = None) -> int:
    pack = pack_of(one)
    return await (rounds or Rounds(broker, [pack], lambda name, at: {})).round(TENANT, pack, one)


async def test_all_that_waits_is_given_at_once_whatever_the_size_of_a_page(broker: Broker) -> None:
    seen: list[tuple[int, int]] = []

    def do(*, context: Context, waiting: Sequence[Lamp], again: Sequence[Entity]) -> list[list[Change]]:
        seen.append((len(waiting), len(again)))
        return [[change(one, colour="amber") for one in waiting]]

    await broker.apply_each([create(lamp(n)) for n in range(1_200)], ACTOR)
    one = Round("colouring", do, (Ask("waiting", uncoloured, Lamp), Ask("again", the_same, None)))
    assert await looked(broker, one) == 1_200
    assert await looked(broker, one) == 0, "nothing waits any more"
    assert seen == [(1_200, 1_200)]


async def test_a_group_in_which_somebody_was_faster_is_given_up_and_the_others_are_not(broker: Broker) -> None:
    await broker.apply([create(lamp(n)) for n in range(2)], ACTOR)

    def do(*, context: Context, waiting: Sequence[Lamp]) -> list[list[Change]]:
        stale = [msgspec.structs.replace(one, version=one.version + (one.id == lamp_id(0))) for one in waiting]
        return [[change(one, colour="amber")] for one in stale]

    assert await looked(broker, Round("colouring", do, (Ask("waiting", uncoloured, Lamp),))) == 1
    assert (await broker.get(lamp_id(0), ACTOR)).value("colour") is None
    assert (await broker.get(lamp_id(1), ACTOR)).value("colour") == "amber"


async def test_what_is_left_alone_is_looked_at_again_only_when_it_changed(broker: Broker) -> None:
    looks = 0

    def do(*, context: Context, waiting: Sequence[Lamp]) -> list[list[Change]]:
        nonlocal looks
        looks += 1
        return []

    one = Round("watching", do, (Ask("waiting", uncoloured, Lamp),), settled=1)
    rounds = Rounds(broker, [pack_of(one)], lambda name, at: {})
    await broker.apply([create(lamp("a"))], ACTOR)
    for _ in range(3):
        await looked(broker, one, rounds=rounds)
    assert looks == 1
    found = await broker.get(lamp_id("a"), ACTOR)
    await broker.apply([change(lamp("a", version=found.version), height=3.0)], ACTOR)
    await looked(broker, one, rounds=rounds)
    assert looks == 2
