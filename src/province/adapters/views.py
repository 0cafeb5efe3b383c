"""Saved views of lists: a person's own, and those that somebody shared with their agency."""

from __future__ import annotations

import re
from typing import Final

import msgspec

from province.errors import InvalidInput, NotFound, TooLarge
from province.identity.audit import Connection
from province.model.actor import Actor
from province.model.text import nfc

MOST: Final = 100
"""Views of one person of one type."""
LONGEST_NAME: Final = 80
LONGEST_QUERY: Final = 4000
_UNSTORABLE = re.compile(r"[\x00-\x1f\ud800-\udfff]")
_HOME: Final = "(SELECT agency FROM account WHERE tenant = $1 AND id::text = $2 AND agency IS NOT NULL)"


class SavedView(msgspec.Struct, frozen=True, kw_only=True):
    """A view. query: as in the address of the list.  mine: its reader made it, and may remove it.

    shared: everybody of the agency sees it.
    """

    id: int
    name: str
    query: str
    mine: bool
    shared: bool


async def views(conn: Connection, actor: Actor, type_name: str) -> tuple[SavedView, ...]:
    """One's own views of a type and those shared with the home agency, by name."""
    rows = await conn.fetch(
        f"""SELECT id, name, query, owner = $2 AS mine, agency IS NOT NULL AS shared FROM saved_view
            WHERE tenant = $1 AND type = $3 AND (owner = $2 OR agency IN {_HOME})
            ORDER BY lower(name), id LIMIT $4""",  # noqa: S608 - a constant subquery
        actor.tenant,
        actor.id,
        type_name,
        2 * MOST,
    )
    return tuple(SavedView(**dict(r)) for r in rows)


async def save(conn: Connection, actor: Actor, type_name: str, name: str, query: str, *, share: bool) -> int:
    """Keep a view; one's own of the same name is replaced. Returns its id.

    Raises: InvalidInput for an empty name, or to share without a home agency; TooLarge for too many.
    """
    name = nfc(name).strip()
    if not name or len(name) > LONGEST_NAME or _UNSTORABLE.search(name):
        raise InvalidInput(f"a view needs a name of at most {LONGEST_NAME} characters.", field="name")
    if len(query) > LONGEST_QUERY or _UNSTORABLE.search(query):
        raise InvalidInput("the view cannot be read.", field="query", remedy="Save it from the list itself.")
    agency = await conn.fetchval(f"SELECT {_HOME}", actor.tenant, actor.id) if share else None
    if share and agency is None:
        raise InvalidInput("your account belongs to no agency.", field="share", remedy="Save it for yourself.")
    async with conn.transaction():
        # One at a time for each person, so that the limit holds.
        await conn.execute("SELECT pg_advisory_xact_lock(hashtextextended($1, 7))", f"{actor.tenant} {actor.id}")
        await conn.execute(
            "DELETE FROM saved_view WHERE tenant = $1 AND owner = $2 AND type = $3 AND name = $4",
            actor.tenant,
            actor.id,
            type_name,
            name,
        )
        count = await conn.fetchval(
            "SELECT count(*) FROM saved_view WHERE tenant = $1 AND owner = $2 AND type = $3",
            actor.tenant,
            actor.id,
            type_name,
        )
        if count >= MOST:
            raise TooLarge(f"you have {MOST} views of this list.", remedy="Remove one that you no longer need.")
        made: int = await conn.fetchval(
            """INSERT INTO saved_view (tenant, owner, agency, type, name, query)
               VALUES ($1, $2, $3, $4, $5, $6) RETURNING id""",
            actor.tenant,
            actor.id,
            agency,
            type_name,
            name,
            query,
        )
    return made


async def remove(conn: Connection, actor: Actor, view: int) -> None:
    """Remove one's own view. Raises: NotFound for another's."""
    status = await conn.execute(
        "DELETE FROM saved_view WHERE tenant = $1 AND owner = $2 AND id = $3", actor.tenant, actor.id, view
    )
    if status != "DELETE 1":
        raise NotFound(f"you have no view {view}.", field="view")
