"""Entities that fell silent, and what they share: the gateway, the area or the agency that most of them have."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TypeAlias

import asyncpg

from province.history.area_hours import Admit, everything
from province.history.latest import table_name
from province.model.schema import EntityType

Connection: TypeAlias = "asyncpg.Connection[asyncpg.Record] | asyncpg.pool.PoolConnectionProxy[asyncpg.Record]"

_COLUMNS = frozenset(("agency", "area"))


@dataclass(frozen=True, slots=True)
class Last:
    """An entity and when its newest reading was measured; None when it never sent one."""

    id: str
    at: datetime | None


@dataclass(frozen=True, slots=True)
class Silence:
    """count: silent entities.  never: those among them that never sent.  oldest: never sent first, then longest ago.

    groups: per grouping (value or None, silent, all entities with that value), most silent first. A value of which
    nearly all are silent is a likely cause.
    """

    count: int
    never: int
    oldest: tuple[Last, ...]
    groups: Mapping[str, tuple[tuple[str | None, int, int], ...]]


async def silent(
    connection: Connection,
    tenant: str,
    entity_type: EntityType,
    since: datetime,
    *,
    by: Sequence[str] = (),
    limit: int = 100,
    admit: Admit = everything,
    observed: Sequence[str] | None = None,
) -> Silence:
    """Registered entities of a type whose newest reading was measured before `since`, or that never sent one.

    by: `agency`, `area`, or names of attributes, whose values are counted.  limit: of `oldest` and of each group.
    admit: the caller's rights over rows of the table `entity`, which is called e.
    observed: the attributes whose readings count; None: all that are measured.
    """
    given: list[object] = [tenant, entity_type.name, since, limit]

    def bind(value: object) -> str:
        given.append(value)
        return f"${len(given)}"

    names = [spec.name for spec in entity_type.observed] if observed is None else observed
    newest = "greatest(" + ", ".join(f'l."{name}_at"' for name in names) + ")"
    keys = ", ".join(
        (f"e.{name}" if name in _COLUMNS else f"e.attrs -> {_literal(name)} ->> 'value'") + f" AS k{n}"
        for n, name in enumerate(by)
    )
    # One pass over register and latest values; everything else is counted from its result.
    seen = (
        f"SELECT e.id, {newest} AS at{', ' + keys if keys else ''} FROM entity e LEFT JOIN {table_name(entity_type)} l"  # noqa: S608
        " ON l.tenant = e.tenant AND l.entity = e.id WHERE e.tenant = $1 AND e.type = $2"
        f" AND {admit(bind)}"
    )
    quiet = "at IS NULL OR at < $3"
    total = (
        f"SELECT 'sum' AS part, NULL AS label, NULL::timestamptz AS at, count(*) FILTER (WHERE {quiet}) AS n,"  # noqa: S608
        " count(*) FILTER (WHERE at IS NULL) AS m FROM seen"
    )
    oldest = f"(SELECT 'id', id, at, 0, 0 FROM seen WHERE {quiet} ORDER BY at NULLS FIRST, id LIMIT $4)"  # noqa: S608
    groups = [
        f"(SELECT 'k{n}', k{n}, NULL, count(*) FILTER (WHERE {quiet}) AS quiet, count(*) FROM seen GROUP BY k{n}"  # noqa: S608
        f" HAVING count(*) FILTER (WHERE {quiet}) > 0 ORDER BY quiet DESC, k{n} LIMIT $4)"
        for n in range(len(by))
    ]
    rows = await connection.fetch(
        f"WITH seen AS MATERIALIZED ({seen}) {' UNION ALL '.join([total, oldest, *groups])}",
        *given,
    )
    whole = next(row for row in rows if row["part"] == "sum")
    return Silence(
        count=whole["n"],
        never=whole["m"],
        oldest=tuple(Last(row["label"], row["at"]) for row in rows if row["part"] == "id"),
        groups={
            name: tuple((row["label"], row["n"], row["m"]) for row in rows if row["part"] == f"k{n}")
            for n, name in enumerate(by)
        },
    )


def _literal(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"
