"""The console's boards, bound to broker, lake and the constants of packs."""

from __future__ import annotations

from collections.abc import Sequence

from province.app.core import Core
from province.app.declarations import constant_at, parameters_at
from province.broker.boards import Boards
from province.broker.streaming import rule_name
from province.console import services as console
from province.model.actor import Actor
from province.model.entity import ORIGINS, Entity
from province.model.time import Instant
from province.pack import Board

READINGS = 500


def build(core: Core) -> console.Boards:
    """Everything that boards and alert pages ask for."""
    boards = Boards(core.broker, core.lake_of, parameters_at)
    packs = core.declared.packs
    rules = {rule_name(pack, one): (pack, one) for pack in packs for one in pack.thresholds}

    async def ranked(board: Board, actor: Actor) -> Sequence[Entity]:
        return [one.entity for one in await boards.ranked(board, actor)]

    def rules_of(board: Board) -> tuple[str, ...]:
        return tuple(name for name, (_, one) in rules.items() if one.of in board.types)

    def constant(rule: str, name: str, at: Instant) -> console.Constant | None:
        found = constant_at(rules[rule][0].name, name, at) if rule in rules else None
        if found is None or not isinstance(found.value, int | float):
            return None
        return console.Constant(name, float(found.value), found.unit, found.source, found.valid_from.isoformat())

    async def readings(
        id: str, attribute: str, start: Instant, end: Instant, actor: Actor
    ) -> Sequence[console.Reading]:
        past = await core.measured.history(id, actor, attrs=(attribute,), start=start, end=end, limit=READINGS)
        table = past.readings
        return [
            console.Reading(at, value, ORIGINS[origin])
            for at, value, origin in zip(
                table["observed_at"].to_pylist(), table["number"].to_pylist(), table["origin"].to_pylist(), strict=True
            )
            if value is not None
        ]

    return console.Boards(
        all={domain: board for domain, (_, board) in boards.all.items()},
        figure=boards.figure,
        ranked=ranked,
        index=boards.index,
        rules=rules_of,
        constant=constant,
        readings=readings,
    )
