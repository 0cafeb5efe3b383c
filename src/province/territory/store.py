"""Atoms and where they belong, in PostgreSQL."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import date
from typing import TYPE_CHECKING

import asyncpg
import msgspec
from asyncpg.pool import PoolConnectionProxy

from province.territory.ledger import Belonging, Ledger, Piece, Succession

if TYPE_CHECKING:
    Connection = asyncpg.Connection[asyncpg.Record] | PoolConnectionProxy[asyncpg.Record]
else:
    Connection = asyncpg.Connection | PoolConnectionProxy


async def read(connection: Connection, tenant: str, *, shapes: bool = True) -> Ledger:
    """Everything that is known of a tenant's land. shapes: with the polygons, which only drawing and placing need."""
    drawn = "land::text" if shapes else "'{}'"
    atoms = await connection.fetch(
        f"SELECT id, lon, lat, {drawn} AS land, size_km2, coalesce(cut_from, '') AS cut_from, divided"  # noqa: S608
        " FROM atom WHERE tenant = $1 ORDER BY id",
        tenant,
    )
    rows = await connection.fetch(
        "SELECT atom, area, local, since::text AS since, until::text AS until FROM atom_area WHERE tenant = $1"
        " ORDER BY atom, since, local DESC, area",
        tenant,
    )
    return Ledger(
        (
            Piece(a["id"], (a["lon"], a["lat"]), msgspec.json.decode(a["land"]), a["size_km2"], a["cut_from"],
                  a["divided"])
            for a in atoms
        ),
        (Belonging(r["atom"], r["area"], r["local"], r["since"], r["until"]) for r in rows),
    )  # fmt: skip


async def add(connection: Connection, tenant: str, pieces: Iterable[Piece], rows: Iterable[Belonging]) -> int:
    """Add atoms and belongings that are not there yet; of those that stand, an end is filled in where there is none.

    Returns how many atoms are new.
    """
    made = 0
    for p in pieces:
        status = await connection.execute(
            "INSERT INTO atom (tenant, id, lon, lat, land, size_km2, cut_from, divided)"
            " VALUES ($1, $2, $3, $4, $5::text::jsonb, $6, nullif($7, ''), $8) ON CONFLICT DO NOTHING",
            tenant, p.id, p.position[0], p.position[1], msgspec.json.encode(p.land).decode(), p.size_km2, p.cut_from,
            p.divided,
        )  # fmt: skip
        made += status == "INSERT 0 1"
    await connection.executemany(
        "INSERT INTO atom_area AS a (tenant, atom, area, local, since, until) VALUES ($1, $2, $3, $4, $5, $6)"
        " ON CONFLICT (tenant, atom, area, since) DO UPDATE SET until = excluded.until"
        " WHERE a.until IS NULL AND excluded.until IS NOT NULL",
        [(tenant, r.atom, r.area, r.local, _day(r.since), _day(r.until)) for r in rows],
    )
    return made


async def end(connection: Connection, tenant: str, rows: Iterable[tuple[str, str]], day: str) -> None:
    """End open belongings (atom, area) on a day."""
    await connection.executemany(
        "UPDATE atom_area SET until = $4 WHERE tenant = $1 AND atom = $2 AND area = $3 AND until IS NULL",
        [(tenant, atom, area, _day(day)) for atom, area in rows],
    )


async def divide(connection: Connection, tenant: str, atoms: Sequence[str]) -> None:
    """Flag atoms that a new map divided."""
    await connection.execute(
        "UPDATE atom SET divided = true WHERE tenant = $1 AND id = ANY($2::text[])", tenant, list(atoms)
    )


async def succeed(connection: Connection, tenant: str, rows: Iterable[Succession]) -> None:
    """Note who took over what an agency owned and could do."""
    await connection.executemany(
        "INSERT INTO agency_succession (tenant, former, successor, since, atoms) VALUES ($1, $2, $3, $4, $5)"
        " ON CONFLICT (tenant, former, successor) DO NOTHING",
        [(tenant, r.former, r.successor, _day(r.since), None if r.atoms is None else list(r.atoms)) for r in rows],
    )


async def go_on(connection: Connection, tenant: str, units: Mapping[str, str], day: str) -> None:
    """Note the new records of units that go on under code and name."""
    await connection.executemany(
        "INSERT INTO area_going_on (tenant, former, area, since) VALUES ($1, $2, $3, $4) ON CONFLICT DO NOTHING",
        [(tenant, former, area, _day(day)) for former, area in units.items()],
    )


def _day(text: str | None) -> date | None:
    return None if text is None else date.fromisoformat(text)
