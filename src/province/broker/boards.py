"""What a board of one domain shows, with the caller's rights over every number."""

from __future__ import annotations

import asyncio
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from province.broker.broker import Broker, ParametersAt
from province.broker.figures import Figure
from province.broker.select import compile_query
from province.errors import NotAllowed, NotFound, NotSignedIn
from province.history.lake import Lake, Span
from province.history.latest import table_name
from province.model.actor import Actor
from province.model.entity import COUNTS_TOWARDS_PLAN, ORIGINS, Entity
from province.model.query import Query, Where, pages
from province.model.schema import describe
from province.model.time import Instant, now
from province.pack import Board, Index, Indicator, Pack

RANKED = 10
_HOUR_US = 3_600_000_000
MAX_INDEXED = 2_000
"""Entities for which an index is computed when a board is opened."""


@dataclass(frozen=True, slots=True)
class Ranked:
    """A sensor with its latest value, the worst first."""

    entity: Entity


@dataclass(frozen=True, slots=True)
class Indexed:
    """A sensor with its index. value: None without inputs.  origin: one that does not count, if any is in it."""

    entity: Entity
    value: float | None
    origin: str
    until: Instant
    """End of the newest hour in it."""


class Boards:
    """broker: for rights.  lake_of: tenant → its lake.  parameters: (pack name, instant) → dated constants."""

    def __init__(self, broker: Broker, lake_of: Callable[[str], Lake], parameters: ParametersAt) -> None:
        self._broker = broker
        self._lake_of = lake_of
        self._parameters = parameters
        self.all: dict[str, tuple[Pack, Board]] = {
            panel.domain: (pack, panel) for pack in broker.packs for panel in pack.panels if isinstance(panel, Board)
        }

    async def figure(self, indicator: Indicator, actor: Actor, day: str = "") -> Figure | None:
        """An indicator over what the caller may read; None when that is nothing. day: of the map; empty: today."""
        return await self._broker.figure(indicator, actor, day)

    async def ranked(self, board: Board, actor: Actor, *, limit: int = RANKED) -> list[Ranked]:
        """The sensors at the bad end of the board's field, by their latest values that are not too old; or records."""
        kind = describe(board.of)
        if not kind.fields[board.field].field.observed:
            return await self._records(board, kind.name, actor, limit)
        access = self._broker.access(actor, kind.name)
        access = access.narrowed((board.field,)) if access is not None else None
        if access is None or not access.shows(board.field):
            return []
        query = Query(types=(kind.name,), where=board.where, limit=0, count=True)
        types, using = self._broker.types, (board.field,)
        statement = compile_query(actor.tenant, query, [access], types, many_typed=False, using=using)
        chosen = statement.count_sql.replace("SELECT count(*)", "SELECT e.id", 1)
        parameters = statement.parameters[: statement.counted]
        n = len(parameters)
        direction = "DESC" if board.worst == "highest" else "ASC"
        name = board.field
        rows = await self._broker.pool.fetch(
            f"WITH m AS ({chosen}) SELECT m.id FROM m JOIN {table_name(kind)} l"  # noqa: S608 - names of declarations
            f" ON l.tenant = ${n + 1} AND l.entity = m.id"
            f' WHERE l."{name}_at" >= now() - make_interval(secs => ${n + 2})'
            f' ORDER BY l."{name}" {direction}, m.id LIMIT ${n + 3}',
            *parameters,
            actor.tenant,
            board.within_s,
            limit,
        )
        ids = tuple(row["id"] for row in rows)
        if not ids:
            return []
        page = await self._broker.query(Query(types=(kind.name,), ids=ids, limit=limit), actor)
        entities = {e.id: e for e in page.items}
        return [Ranked(entities[one]) for one in ids if one in entities]

    async def _records(self, board: Board, type_: str, actor: Actor, limit: int) -> list[Ranked]:
        """Whoever may not see the field gets none: the order would tell it."""
        order = f"-{board.field}" if board.worst == "highest" else board.field
        where = (*board.where, Where(board.field, "exists"))
        try:
            page = await self._broker.query(Query(types=(type_,), where=where, order=order, limit=limit), actor)
        except (NotAllowed, NotSignedIn):
            return []
        return [Ranked(e) for e in page.items]

    async def index(self, board: Board, actor: Actor) -> list[Indexed]:
        """The board's index for each of its sensors that the caller may see, the greatest first, unknown ones last."""
        index = board.index
        if index is None:
            return []
        entities = [
            e for e in await self._entities(index, actor) if all(map(self._broker.visible(e, actor), index.fields))
        ]
        pack = next((p for p, b in self.all.values() if b is board), None)
        if pack is None:
            raise NotFound(f"there is no board {board.domain!r}.", field="domain")
        until = now().replace(minute=0, second=0, microsecond=0)
        start = until - timedelta(hours=index.hours)
        span = Span(attributes=list(index.fields), start=start, end=until, datasets=(None,))
        rows = await asyncio.to_thread(
            self._lake_of(actor.tenant).read, span, columns=("entity", "attribute", "observed_at", "number", "origin")
        )
        means, worst = await asyncio.to_thread(_hours, rows, index, start)
        constants = self._parameters(pack.name, until)
        unknown = [math.nan] * index.hours
        found = []
        for entity in entities:
            hours = {name: means.get((entity.id, name), unknown) for name in index.fields}
            value = index.do(hours, constants)
            found.append(Indexed(entity, value, worst.get(entity.id, "measured"), until))
        return sorted(found, key=lambda i: (i.value is None, -(i.value or 0), i.entity.id))

    async def _entities(self, index: Index, actor: Actor) -> Sequence[Entity]:
        found: list[Entity] = []
        query = Query(types=(describe(index.of).name,), limit=1000, latest=False)
        async for page in pages(self._broker.query, query, actor):
            found += page.items
            if len(found) >= MAX_INDEXED:
                break
        return found


def _hours(
    rows: pa.Table, index: Index, start: Instant
) -> tuple[Mapping[tuple[str, str], list[float]], Mapping[str, str]]:
    """Hourly means per (entity, field), newest first; and per entity an origin that does not count, if it has one."""
    rows = rows.filter(pc.is_valid(rows["number"]))
    at = rows["observed_at"].cast(pa.int64()).to_numpy()
    hour = (at - int(start.timestamp()) * 1_000_000) // _HOUR_US
    table = pa.table({"e": rows["entity"], "a": rows["attribute"], "h": hour, "n": rows["number"], "o": rows["origin"]})
    grouped = table.group_by(["e", "a", "h"]).aggregate([("n", "mean")])
    means: dict[tuple[str, str], list[float]] = {}
    for entity, attribute, n, mean in zip(
        grouped["e"].to_pylist(), grouped["a"].to_pylist(), grouped["h"].to_pylist(), grouped["n_mean"].to_pylist(),
        strict=True,
    ):  # fmt: skip
        hours = means.setdefault((entity, attribute), [math.nan] * index.hours)
        hours[index.hours - 1 - n] = mean
    counting = [n for n, one in enumerate(ORIGINS) if one in COUNTS_TOWARDS_PLAN]
    unreal = table.filter(pa.array(~np.isin(table["o"].to_numpy(), counting)))
    worst = {e: ORIGINS[o] for e, o in zip(unreal["e"].to_pylist(), unreal["o"].to_pylist(), strict=True)}
    return means, worst
