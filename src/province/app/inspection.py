"""The pages about access and its audit, bound to the rooms that know."""

from __future__ import annotations

import uuid
from collections.abc import AsyncIterator, Callable, Sequence

from province.adapters import notices
from province.adapters.tables.writers import csv_lines
from province.app.core import Core
from province.broker import audit_search, watch
from province.broker.audit_search import Asked, Entry
from province.console import inspecting as console
from province.errors import Conflict, NotFound
from province.identity import accounts, audit, breakglass, policy, roles
from province.identity.audit import Connection
from province.identity.breakglass import Glass
from province.model.actor import Actor
from province.model.label import Label
from province.model.time import format_instant
from province.pack import Notice

_MOST_PAGES = 2_000
"""Pages of an export: 100,000 rows. Whoever needs more asks for shorter times."""


def build(core: Core, forget: Callable[[str, str], None]) -> console.Inspecting:
    """All of them. forget: drops what this process remembers of an account's rights."""
    pool, broker = core.pool, core.broker

    async def search(actor: Actor, asked: Asked, after: int) -> Sequence[Entry]:
        async with pool.acquire() as connection:
            found = await audit_search.search(connection, actor, asked, after=after)
            await _watched(connection, actor, "audit.searched", asked, len(found))
        return found

    async def export(actor: Actor, asked: Asked) -> AsyncIterator[bytes]:
        async with pool.acquire() as connection:
            first = await audit_search.search(connection, actor, asked)
            await _watched(connection, actor, "audit.exported", asked, len(first))

        async def pieces() -> AsyncIterator[bytes]:
            page, head = first, True
            for _ in range(_MOST_PAGES):
                for line in csv_lines(_COLUMNS if head else (), (_cells(e) for e in page), bom=head):
                    yield line
                if len(page) < audit_search.PAGE:
                    return
                head = False
                async with pool.acquire() as connection:
                    page = await audit_search.search(connection, actor, asked, after=page[-1].seq)

        return pieces()

    async def mine(actor: Actor) -> console.Mine:
        async with pool.acquire() as connection:
            records = await audit_search.own_records(connection, broker.types, actor.tenant, actor.id)
            ids = [e.id for e in records]
            looks = await audit_search.looks(connection, actor.tenant, ids, but=actor.id) if ids else []
        return console.Mine(records, looks)

    async def explain(actor: Actor, account: str, entity: str) -> console.Explained:
        async with pool.acquire() as connection:
            row = await connection.fetchrow(
                "SELECT id::text AS id, name, kind, agency, disabled_at IS NOT NULL AS disabled FROM account"
                " WHERE tenant = $1 AND (id::text = $2 OR login_folded = $3)",
                actor.tenant,
                account,
                accounts.fold_login(account),
            )
            if row is None or not _may_ask(actor, row["id"], row["agency"]):
                raise NotFound(f"there is no account {account[:60]!r} that you may ask about.", field="account")
            held = await roles.grants_of(connection, actor.tenant, row["id"])
            held += await breakglass.grants_of(connection, actor.tenant, row["id"])
        if row["id"] == actor.id and not _inspects(actor):
            await broker.get(entity, actor, latest=False)  # one's own rights tell nobody that a hidden record exists
        other = Actor(tenant=actor.tenant, id=row["id"], kind=row["kind"], name=row["name"], grants=held)
        found = await broker.explain(entity, other)
        async with pool.acquire() as connection:
            await audit.record(
                connection, actor, "access.explained", entity=entity, type=found.type, detail={"account": row["id"]}
            )
        return console.Explained(row["id"], row["name"], row["disabled"], entity, found)

    async def open_glass(actor: Actor, entity: str, reason: str, minutes: int) -> Glass:
        policy.require_somewhere(actor, breakglass.PERMISSION)
        found = await broker.explain(entity, actor)
        if found.reads and not found.public and not found.hidden:
            raise Conflict("you may read this record already.", field="entity", remedy="Open it; no glass need break.")
        entity_type = broker.types.get(found.type)
        noun = entity_type.noun if entity_type else "entity"
        async with pool.acquire() as connection, connection.transaction():
            glass = await breakglass.open_glass(
                connection, actor, entity=entity, type=found.type, noun=noun, agency=found.agency, area=found.area,
                reason=reason, minutes=minutes,
            )  # fmt: skip
            told = await watch.inspectors(connection, actor.tenant)
            for to in dict.fromkeys([*told, *([found.agency] if found.agency else [])]):
                event = uuid.uuid5(uuid.UUID(glass.id), to)
                await notices.deliver(connection, actor.tenant, _notice(to, actor, glass), str(event))
        forget(actor.tenant, actor.id)
        return glass

    async def close_glass(actor: Actor, glass: str) -> None:
        async with pool.acquire() as connection:
            await breakglass.close_glass(connection, actor, glass)
        forget(actor.tenant, actor.id)

    async def openings(actor: Actor) -> Sequence[console.Opening]:
        if policy.scope(actor, breakglass.PERMISSION).nothing and not _inspects(actor):
            policy.require(actor, breakglass.PERMISSION)
        async with pool.acquire() as connection:
            found = await breakglass.openings(connection, actor)
            rows = await connection.fetch(
                "SELECT id::text AS id, name FROM account WHERE tenant = $1 AND id::text = ANY($2::text[])",
                actor.tenant,
                [g.account for g in found],
            )
        names = {row["id"]: row["name"] for row in rows}
        return [console.Opening(g, names.get(g.account, g.account)) for g in found]

    return console.Inspecting(search, export, mine, explain, open_glass, close_glass, openings)


def _inspects(actor: Actor) -> bool:
    return not policy.scope(actor, "audit.read").nothing


def _may_ask(actor: Actor, account: str, agency: str | None) -> bool:
    """About oneself; about others with the right to see their grants, or to inspect them."""
    return account == actor.id or any(policy.allows(actor, p, agency=agency) for p in ("grant.read", "audit.read"))


async def _watched(connection: Connection, actor: Actor, action: str, asked: Asked, rows: int) -> None:
    """Whoever looks into the audit is in it."""
    detail = {"filters": asked.used, "who": asked.who, "rows": rows}
    await audit.record(connection, actor, action, entity=asked.entity or None, type=asked.type or None, detail=detail)


def _notice(to: str, actor: Actor, glass: Glass) -> Notice:
    name, until = actor.name or actor.id, format_instant(glass.until)
    return Notice(
        to=to,
        subject=Label(f"{name} mở khẩn cấp một hồ sơ"[:200], f"{name} broke the glass on a record"[:200]),
        body=Label(
            f"Hồ sơ {glass.entity} được mở đến {until}. Lý do: {glass.reason}",
            f"The record {glass.entity} is open until {until}. Reason: {glass.reason}",
        ),
        about=glass.entity,
    )


_COLUMNS = ("row", "at", "account", "name", "kind", "action", "entity", "type", "records", "personal fields",
            "written attributes", "purpose", "address", "request")  # fmt: skip


def _cells(e: Entry) -> tuple[object, ...]:
    return (e.seq, format_instant(e.at), e.actor, e.name, e.kind, e.action, e.entity or "", e.type or "", e.count or "",
            " ".join(e.fields), " ".join(e.attrs), e.purpose, e.address, e.request)  # fmt: skip
