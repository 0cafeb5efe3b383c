"""Every pack's actions before the real broker: strangers are refused, whoever may is carried out and audited."""

from __future__ import annotations

import secrets
from pathlib import Path
from typing import Any

import msgspec
import pytest

from province.broker.broker import Broker
from province.broker.database import Pool
from province.errors import NotAllowed, NotFound, NotSignedIn
from province.model.actor import Actor, Grant, anonymous, system
from province.model.change import Change
from province.model.record import attributes, create, move, to_record
from province.model.schema import Record, describe
from province.model.workflow import Workflow
from province.pack import Action, Pack
from province.packs import BUILT_IN
from province.vocab import TYPES
from tests.conformance.situation import Situation, read_record
from tests.conformance.test_packs import case_of, every_action

TENANT = "binh-duong"
SYSTEM = system(TENANT, "example")
FOLDER = Path(__file__).parents[2] / "data" / "binh-duong"
KINDS = {describe(t).name: describe(t) for t in (*TYPES, *(t for p in BUILT_IN for t in p.types))}
STRANGER = Actor(tenant=TENANT, id="person:stranger", kind="person")
CLERK = Actor(tenant=TENANT, id="person:clerk", kind="person", grants=(Grant("all", frozenset(("*",))),))


def path(workflow: Workflow, target: str) -> list[str]:
    """States to walk through from the initial one to `target`, by the fewest edges."""
    ways = {workflow.initial: list[str]()}
    queue = [workflow.initial]
    for state in queue:
        for edge in workflow.edges_from(state):
            if edge.target not in ways:
                ways[edge.target] = [*ways[state], edge.target]
                queue.append(edge.target)
    return ways[target]


async def bring_in(broker: Broker, pack: Pack, situation: Situation) -> str:
    """Make the entity of a case, under an id and keys of its own, in the state that the case begins with."""
    assert situation.record is not None
    given = read_record(pack, situation.record)
    kind = describe(type(given))
    mark = secrets.token_hex(8)
    fresh: dict[str, Any] = {"id": f"{given.id}-{mark}", "version": 0}
    fresh |= {name: f"k-{mark}" for key in kind.info.unique for name in key if getattr(given, name) is not None}
    states: list[str] = []
    if kind.info.workflow is not None:
        name = kind.info.workflow.attribute
        states = path(kind.info.workflow, getattr(given, name))
        fresh[name] = kind.info.workflow.initial
    record: Record = msgspec.structs.replace(given, **fresh)
    await broker.apply([create(record)], SYSTEM)
    for state in states:
        present = to_record(type(record), await broker.get(record.id, SYSTEM))
        await broker.apply([move(present, state, at=situation.now)], SYSTEM)
    return record.id


every_private_action = pytest.mark.parametrize(
    ("pack", "action"), [pytest.param(p, a, id=a.name) for p in BUILT_IN for a in p.actions if not a.public]
)


@every_private_action
async def test_action_is_refused_to_strangers(broker: Broker, pool: Pool, pack: Pack, action: Action) -> None:
    situation = case_of(pack, action)
    own = msgspec.structs.replace(situation, record=_typed(situation, action))
    subject = None if action.creates else await bring_in(broker, pack, own)
    for actor in (STRANGER, anonymous(TENANT)):
        with pytest.raises((NotAllowed, NotFound, NotSignedIn)):
            await broker.act(action.name, actor, id=subject, inputs=situation.inputs)


@every_action
async def test_action_is_carried_out_and_audited(broker: Broker, pool: Pool, pack: Pack, action: Action) -> None:
    situation = case_of(pack, action)
    own = msgspec.structs.replace(situation, record=_typed(situation, action))
    subject = None if action.creates else await bring_in(broker, pack, own)
    for row in (row for rows in situation.reads.values() for row in rows):  # what the action asks for is there
        given = read_record(pack, row)
        kind = describe(type(given)).name
        await broker.apply([Change(op="upsert", id=given.id, type=kind, attrs=attributes(given), style="fill")], SYSTEM)
    inputs = {
        name: f"{value}-{secrets.token_hex(4)}" if name == "serial_number" else value
        for name, value in situation.inputs.items()
    }
    actor = anonymous(TENANT) if situation.actor == "anonymous" else CLERK
    acted = await broker.act(action.name, actor, id=subject, inputs=inputs, files=situation.files)
    assert acted.changed
    async with pool.acquire() as connection:
        rows = await connection.fetch(
            "SELECT actor, entity FROM audit WHERE tenant = $1 AND action = $2 AND entity = ANY($3)",
            TENANT,
            action.name,
            [c.id for c in acted.changed],
        )
    assert {row["entity"] for row in rows} == {c.id for c in acted.changed}
    assert {row["actor"] for row in rows} == {actor.id}


def _typed(situation: Situation, action: Action) -> dict[str, Any] | None:
    """The record of a case, as the type that the action is declared for (types of one pack may share their logic)."""
    if situation.record is None:
        return None
    name = describe(action.record).name
    fields = {"type", "id", "version", *describe(action.record).fields}
    return {**{k: v for k, v in situation.record.items() if k in fields}, "type": name}
