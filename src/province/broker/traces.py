"""Traces of a person outside the records about them: in what others wrote, in files of imports, in the queue of jobs.

A trace is a place and what it shows, never the value. Most are for a person to look at: a text that names somebody may
have to. What is surely a copy is erased with the record: see `certain`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final, Literal, Protocol

import asyncpg
import msgspec

from province.broker.database import Connection, Pool
from province.broker.identifiers import UNIQUE, Identifier, any_of, kinds_in
from province.errors import Unavailable
from province.identity import policy
from province.model.actor import Actor
from province.model.schema import EntityType

MOST: Final = 200
TYPE_S: Final = 60.0
"""So long one type is searched; a million short records take some seconds."""
Where = Literal["text", "import", "refused", "job"]


class Trace(msgspec.Struct, frozen=True, kw_only=True):
    """A place. entity: the record, or the import.  field: of the record.  kinds: name, phone, mail, other.

    count: rows of a file, or jobs.  certain: it is surely a copy, and goes with the record.
    """

    where: Where
    entity: str = ""
    type: str = ""
    field: str = ""
    kinds: tuple[str, ...] = ()
    count: int = 1
    certain: bool = False


class Traces(msgspec.Struct, frozen=True, kw_only=True):
    """What was found. hidden: traces in records that the asker may not read.  unsearched: what could not be looked at:
    names of types, ids of imports.  more: there are more than are listed."""

    found: tuple[Trace, ...] = ()
    hidden: int = 0
    unsearched: tuple[str, ...] = ()
    more: bool = False


class Copies(Protocol):
    """Files of imports, as an adapter keeps them."""

    async def find(
        self, tenant: str, ids: Sequence[str], identifiers: Sequence[Identifier]
    ) -> tuple[list[Trace], list[str]]:
        """(traces in files of imports, imports whose file could not be searched). ids: of the records that go."""
        ...

    async def erase(self, tenant: str, ids: Sequence[str], identifiers: Sequence[Identifier]) -> int:
        """Remove what is certain. Returns how many files and refused rows went."""
        ...


async def in_texts(
    pool: Pool, types: Mapping[str, EntityType], actor: Actor, identifiers: Sequence[Identifier],
    going: Mapping[str, Sequence[str]],
) -> Traces:  # fmt: skip
    """Fields of records that name the person. going: record → its fields that are erased anyway."""
    if not identifiers:
        return Traces()
    found: list[Trace] = []
    unsearched: list[str] = []
    hidden = 0
    pattern = any_of(identifiers)
    for kind in types.values():
        fields = written(kind)
        if not fields:
            continue
        try:
            async with pool.acquire() as connection, connection.transaction(readonly=True):
                rows = await connection.fetch(
                    "SELECT e.id, e.agency, e.area, f.name, e.attrs -> f.name ->> 'value' AS text"
                    " FROM entity e CROSS JOIN unnest($3::text[]) AS f (name) WHERE e.tenant = $1 AND e.type = $2"
                    " AND e.attrs -> f.name ->> 'value' ~* $4 LIMIT $5",
                    actor.tenant, kind.name, fields, pattern, MOST + 1, timeout=TYPE_S,
                )  # fmt: skip
        except (TimeoutError, asyncpg.QueryCanceledError):
            unsearched.append(kind.name)
            continue
        for row in rows:
            if row["name"] in going.get(row["id"], ()):
                continue
            if policy.allows(actor, f"{kind.noun}.read", agency=row["agency"], area=row["area"], entity=row["id"]):
                kinds = kinds_in(row["text"], identifiers)
                found.append(Trace(where="text", entity=row["id"], type=kind.name, field=row["name"], kinds=kinds))
            else:
                hidden += 1
    return Traces(
        found=tuple(found[:MOST]), hidden=hidden, unsearched=tuple(unsearched), more=len(found) > MOST
    )  # fmt: skip


def written(kind: EntityType) -> list[str]:
    """The fields of a type into which people write what they like."""
    return [
        s.name for s in kind.fields.values()
        if s.value in ("text", "json") and not (s.field.values or s.field.ref or s.field.observed or s.field.concealed)
    ]  # fmt: skip


async def in_jobs(
    connection: Connection, tenant: str, ids: Sequence[str], identifiers: Sequence[Identifier]
) -> list[Trace]:
    """Jobs, queued or done, whose arguments hold something of the person."""
    rows = await _jobs(connection, tenant, ids, identifiers)
    sure = [r for r in rows if r["sure"]]
    found = [Trace(where="job", count=len(sure), certain=True)] if sure else []
    return found + ([Trace(where="job", count=len(rows) - len(sure))] if len(rows) > len(sure) else [])


async def erase_jobs(connection: Connection, tenant: str, ids: Sequence[str], identifiers: Sequence[Identifier]) -> int:
    """Empty the arguments of jobs that surely hold a copy; one that waits is cancelled. Returns how many.

    Raises: Unavailable while one of them runs; its arguments can be emptied when it is over.
    """
    sure = [r["id"] for r in await _jobs(connection, tenant, ids, identifiers) if r["sure"]]
    if not sure:
        return 0
    if await connection.fetchval(
        "SELECT EXISTS (SELECT 1 FROM procrastinate_jobs WHERE id = ANY($1::bigint[]) AND status = 'doing')", sure
    ):
        raise Unavailable("a job with data of the person runs just now.", remedy="It is waited for.")
    status = await connection.execute(
        "UPDATE procrastinate_jobs SET args = jsonb_set(args, '{arguments}', '{}'),"
        " status = CASE status WHEN 'todo' THEN 'cancelled' ELSE status END"
        " WHERE id = ANY($1::bigint[])",
        sure,
    )
    return int(status.split()[-1])


async def _jobs(
    connection: Connection, tenant: str, ids: Sequence[str], identifiers: Sequence[Identifier]
) -> list[asyncpg.Record]:
    """(id, sure) of jobs that hold one. Sure is: a telephone or mail address; or anything beside the record's id."""
    if not identifiers or not await connection.fetchval("SELECT to_regclass('procrastinate_jobs') IS NOT NULL"):
        return []
    unique = [i for i in identifiers if i.kind in UNIQUE]
    return list(
        await connection.fetch(
            "SELECT id, ($4 <> '' AND args ->> 'arguments' ~* $4) OR EXISTS (SELECT 1 FROM unnest($2::text[]) i"
            "  WHERE position(i IN args ->> 'arguments') > 0) AS sure"
            " FROM procrastinate_jobs WHERE args ->> 'tenant' = $1 AND args ->> 'arguments' ~* $3 LIMIT 10000",
            tenant, list(ids), any_of(identifiers), any_of(unique) if unique else "",
        )
    )  # fmt: skip
