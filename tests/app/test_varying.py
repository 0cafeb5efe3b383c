"""A run over variants of a study: each solved with one value changed, one that fails is told, and it can be stopped."""

from __future__ import annotations

import asyncio
from types import SimpleNamespace
from typing import cast

import msgspec
import pytest

from province.app import solving
from province.app.core import Core
from province.app.varying import Varier
from province.errors import InvalidInput, NotAllowed
from province.model.label import Label
from province.model.study import Outcome, Problem, Progress
from tests.app.test_studies import OUTCOME, PLANNER, SYSTEM, TENANT, Broker, Studies, draft, person, run, studies

__all__ = ["studies"]


async def solved(broker: Broker, studies: Studies, monkeypatch: pytest.MonkeyPatch) -> str:
    """Id of a computed study."""

    async def solve(*_: object) -> Outcome:
        return OUTCOME

    monkeypatch.setattr(solving, "solve", solve)
    id = await draft(broker)
    await studies.start(PLANNER, id)
    await run(broker, studies, id)
    return id


async def carry(broker: Broker, studies: Studies, id: str) -> None:
    await Varier(cast(Core, SimpleNamespace(broker=broker)), studies).run(TENANT, {"sensitivity": id}, "event")


async def test_every_variant_is_solved_and_one_that_fails_is_told(
    broker: Broker, studies: Studies, monkeypatch: pytest.MonkeyPatch
) -> None:
    id = await solved(broker, studies, monkeypatch)
    problems: list[Problem] = []

    async def solve(kind: str, problem: Problem, hear: solving.Hear) -> Outcome:
        problems.append(problem)
        await hear(Progress(share=0.5, stage=Label("a", "a")))
        if problem.budget == 2:
            raise InvalidInput("a budget of 2 joins nothing.", field="budget", remedy="Give more.")
        objective = problem.number("attenuation")
        return msgspec.structs.replace(
            OUTCOME, certificate=msgspec.structs.replace(OUTCOME.certificate, objective=objective)
        )

    monkeypatch.setattr(solving, "solve", solve)
    found = await studies.vary(PLANNER, id, "attenuation=±50%; budget=2")
    await carry(broker, studies, found)
    record, spread = await studies.spread(PLANNER, found)
    assert record.status == "computed"
    assert [p.number("attenuation") for p in problems] == [30.0, 90.0, 60.0]
    assert len({p.seed for p in problems}) == 1
    assert [v.objective for v in spread.variants] == [30.0, 90.0, None]
    assert "joins nothing" in spread.variants[2].failure
    assert (spread.objective, spread.computed) == (10.0, 2)
    assert [(p.id, p.kept) for p in spread.picks] == [("s1", 2), ("s2", 2)]
    await carry(broker, studies, found)
    assert len(problems) == 3, "what has ended is not done again"
    assert (await studies.get(id, SYSTEM)).status == "computed"
    assert [r.id for r in await studies.runs(PLANNER, id)] == [found]


async def test_what_cannot_be_varied_fails_with_the_reason(
    broker: Broker, studies: Studies, monkeypatch: pytest.MonkeyPatch
) -> None:
    id = await solved(broker, studies, monkeypatch)
    found = await studies.vary(PLANNER, id, "colour=±50%")
    await carry(broker, studies, found)
    record = await studies.run_of(PLANNER, found)
    assert record.status == "failed"
    assert record.failure is not None
    assert "no assumption 'colour'" in record.failure
    with pytest.raises(NotAllowed):
        await studies.vary(person("reader", "*.read"), id, "attenuation=±5%")


async def test_a_run_over_variants_is_stopped(
    broker: Broker, studies: Studies, monkeypatch: pytest.MonkeyPatch
) -> None:
    id = await solved(broker, studies, monkeypatch)
    monkeypatch.setattr("province.app.studies._LOOK_S", 0.02)
    begun, ended = asyncio.Event(), asyncio.Event()

    async def solve(*_: object) -> Outcome:
        begun.set()
        try:
            await asyncio.Event().wait()
        finally:
            ended.set()
        return OUTCOME

    monkeypatch.setattr(solving, "solve", solve)
    found = await studies.vary(PLANNER, id, "attenuation=±50%")
    work = asyncio.create_task(carry(broker, studies, found))
    await begun.wait()
    await broker.act("sensitivity.stop", PLANNER, id=found)
    await asyncio.wait_for(work, 60)
    assert ended.is_set()
    assert (await studies.run_of(PLANNER, found)).status == "cancelled"


async def test_what_a_stopped_run_has_computed_stays_and_the_next_one_goes_on_from_it(
    broker: Broker, studies: Studies, monkeypatch: pytest.MonkeyPatch
) -> None:
    id = await solved(broker, studies, monkeypatch)
    monkeypatch.setattr("province.app.studies._LOOK_S", 0.02)
    asked: list[float] = []
    third = asyncio.Event()

    async def solve(kind: str, problem: Problem, hear: solving.Hear) -> Outcome:
        asked.append(problem.number("attenuation"))
        if len(asked) == 2:
            third.set()
            await asyncio.Event().wait()
        return OUTCOME

    monkeypatch.setattr(solving, "solve", solve)
    first = await studies.vary(PLANNER, id, "attenuation=±50%")
    work = asyncio.create_task(carry(broker, studies, first))
    await third.wait()
    await broker.act("sensitivity.stop", PLANNER, id=first)
    await asyncio.wait_for(work, 60)
    record, spread = await studies.spread(PLANNER, first)
    assert (record.status, spread.computed, spread.asked) == ("cancelled", 1, 2)
    assert [v.value for v in spread.variants] == [30.0]
    second = await studies.vary(PLANNER, id, "attenuation=±50%; budget=2")
    await carry(broker, studies, second)
    assert asked == [30.0, 90.0, 90.0, 60.0], "what was computed is not computed again"
    _, whole = await studies.spread(PLANNER, second)
    assert (whole.computed, whole.asked) == (3, 3)
    assert [(p.id, p.kept) for p in whole.picks] == [("s1", 3), ("s2", 3)]
