"""What rights cost: a page with its exact total, for a role that sees three of 36 wards and not one of the fields.

    python -m bench.rights [--entities 1000000] [--rounds 30]

Beside it stands the unrestricted query that returns the same page: the same three wards, asked for by somebody who may
see everything. Two more rows ask for everything, and for what one agency owns in the wards. Real PostgreSQL with
fsync; no HTTP and no sign-in; both readers are written into the audit, since the type holds personal fields. The two
are asked in turn, so that what else the machine does falls on both.
"""

from __future__ import annotations

import argparse
import asyncio
import hashlib
import statistics
import time
from typing import Annotated, Any, ClassVar, Final

from tests.conftest import running, temporary_home

from bench.product import write
from province.broker.broker import Broker
from province.broker.committer import Committer
from province.broker.database import Pool, connect
from province.broker.indexes import ensure_indexes
from province.broker.migrate import migrate
from province.engines.postgres import Postgres
from province.model.actor import Actor, Grant
from province.model.label import Label
from province.model.query import Page, Query, Where
from province.model.schema import Field, Record, TypeInfo, describe
from province.settings import Settings

TENANT: Final = "bench"
WARDS: Final = tuple(f"atom-{n:02d}" for n in range(36))
MINE: Final = WARDS[7:10]
AGENCIES: Final = 20
LABEL: Final = Label("hồ sơ", "file")
TARGET: Final = 0.15
Row = dict[str, object]


class Household(Record, frozen=True, kw_only=True):
    """Something of a ward, with one field that few may see."""

    TYPE: ClassVar[TypeInfo] = TypeInfo("Household", LABEL, title="name")

    name: Annotated[str, Field(LABEL, indexed=True, search=True)]
    status: Annotated[str, Field(LABEL, indexed=True, values=("new", "done"))] = "new"
    phone: Annotated[str | None, Field(LABEL, personal=True)] = None


KIND: Final = describe(Household)
_FILL: Final = """
INSERT INTO entity (tenant, id, type, attrs, agency, area, version, created_at, modified_at, sort_key)
SELECT $1, 'urn:ngsi-ld:Household:' || lpad(i::text, 8, '0'), 'Household',
    jsonb_build_object('name', jsonb_build_object('type', 'Property', 'value', 'Hộ số ' || i),
        'status', jsonb_build_object('type', 'Property', 'value', CASE WHEN i % 5 = 0 THEN 'new' ELSE 'done' END),
        'phone', jsonb_build_object('type', 'Property', 'value', '0274 ' || i)),
    'agency-' || (i / 36 % $4), ($5::text[])[1 + i % 36], 1, now(), now(), lpad(i::text, 8, '0')
FROM generate_series($2::int, $3::int) i"""


def reader(name: str, *permissions: str, areas: tuple[str, ...] = (), agency: str | None = None) -> Actor:
    """Somebody with one grant."""
    return Actor(
        tenant=TENANT, id=name, kind="person",
        grants=(Grant("reader", frozenset(permissions), agency, frozenset(areas)),),
    )  # fmt: skip


async def fill(pool: Pool, entities: int) -> None:
    """The population, in pieces, and statistics of it."""
    async with pool.acquire() as connection:
        await migrate(connection)
        await ensure_indexes(connection, [KIND])
        for start in range(0, entities, 100_000):
            last = min(start + 100_000, entities) - 1
            await connection.execute(_FILL, TENANT, start, last, AGENCIES, list(WARDS), timeout=600)
        await connection.execute("VACUUM (ANALYZE) entity", timeout=600)


async def compare(broker: Broker, what: str, free: tuple[Actor, Query], bound: tuple[Actor, Query], rounds: int) -> Row:
    """Medians of both, asked in turn. Both must give the same page, but for the hidden field."""
    pages: dict[int, Page] = {}
    took: list[list[float]] = [[], []]
    for n in range(rounds + 3):
        for side in (n % 2, 1 - n % 2):  # now one goes first, now the other
            actor, query = (free, bound)[side]
            began = time.perf_counter()
            pages[side] = await broker.query(query, actor)
            if n >= 3:  # the first ones warm up
                took[side].append(time.perf_counter() - began)
    theirs, ours = pages[0], pages[1]
    assert [e.id for e in ours.items] == [e.id for e in theirs.items], what
    assert ours.total == theirs.total, (what, ours.total, theirs.total)
    assert all("phone" in e.attrs for e in theirs.items)
    assert not any("phone" in e.attrs for e in ours.items)
    first, second = (statistics.median(side) * 1000 for side in took)
    return {
        "what": what, "total": ours.total, "unrestricted_ms": round(first, 2), "restricted_ms": round(second, 2),
        "more": round(second / first - 1, 3),
    }  # fmt: skip


async def measure(dsn: str, entities: int, rounds: int) -> list[Row]:
    """All rows."""
    pool = await connect(dsn, size=4)
    await fill(pool, entities)
    types = {KIND.name: KIND}
    committer = Committer(pool, types, lambda *_: None)

    async def nothing(*_: object) -> dict[str, Any]:
        return {}

    broker = Broker(
        pool, committer, types=types, packs=(), parameters=lambda *_: {}, read_latest=nothing,
        sign=lambda purpose, message: hashlib.sha256(purpose.encode() + message).hexdigest(),
    )  # fmt: skip
    everything = reader("everybody", "*")
    wards = reader("wards", "household.read", areas=MINE)
    blind = reader("blind", "household.read")
    office = reader("office", "household.read", areas=MINE, agency="agency-3")
    page = {"types": (KIND.name,), "count": True, "limit": 20}
    new = (Where("status", "==", "new"),)
    found = []
    for what, actor, free, bound in (
        ("three of 36 wards", wards, {"area": MINE}, {}),
        ("three of 36 wards, of one state", wards, {"area": MINE, "where": new}, {"where": new}),
        ("three of 36 wards, newest first", wards, {"area": MINE, "order": "-modified"}, {"order": "-modified"}),
        ("everything, one field hidden", blind, {}, {}),
        ("one agency in three wards", office, {"area": MINE, "agency": ("agency-3",)}, {}),
    ):
        free_query, bound_query = Query(**page, **free), Query(**page, **bound)  # type: ignore[arg-type]
        found.append(await compare(broker, what, (everything, free_query), (actor, bound_query), rounds))
    await pool.close()
    return found


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--entities", type=int, default=1_000_000)
    parser.add_argument("--rounds", type=int, default=30)
    parser.add_argument("--seconds", type=float, help="Accepted for `make bench`; rounds say how long it takes.")
    given = parser.parse_args()
    with temporary_home() as home:
        postgres = Postgres(Settings(home=home))
        postgres.prepare()
        with running(postgres.command(), home / "postgres.log"):
            results = asyncio.run(measure(postgres.dsn(), given.entities, given.rounds))
    for row in results:
        took = f"{row['unrestricted_ms']:>9} ms → {row['restricted_ms']:>9} ms"
        print(f"{row['what']:34} total {row['total']:>9,}   {took}   {row['more']:+.1%}")
    write("rights", results, settings={
        "postgres": "fsync on, synchronous_commit on", "entities": given.entities, "target": f"{TARGET:.0%} more",
        "process": "broker and generator in one process; no HTTP and no sign-in",
    })  # fmt: skip
