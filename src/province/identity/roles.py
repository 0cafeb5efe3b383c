"""Roles and grants: which permissions an account has, over which agency and areas, and since when."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Final
from uuid import uuid4

import msgspec

from province.errors import ConfigurationError, InvalidInput, NotAllowed
from province.identity import audit, policy, reach
from province.identity.audit import Connection
from province.identity.line import absent, check_line, parse_id
from province.model.actor import Actor, Grant
from province.model.label import Label
from province.model.time import Instant, now

CORE: Final[Mapping[str, tuple[Label, tuple[str, ...]]]] = {
    "administrator": (Label("Quản trị viên", "Administrator"), ("*",)),
    "operator": (Label("Điều hành viên", "Operator"), ("*.read", "file.create")),
    "clerk": (Label("Cán bộ thụ lý", "Clerk"), ("*.read", "file.create")),
    "steward": (
        Label("Cán bộ quản lý dữ liệu", "Data steward"),
        (
            "*.read",
            "*.create",
            "*.change",
            "*.delete",
            "*.correct",
            # Brings in what was measured, by file or by a source that was registered and given its credential.
            "*.observe",
            "*.provision",
            "file.create",
            "subscription.create",
            "context.create",
            "registration.*",
        ),
    ),
    "viewer": (Label("Người xem", "Viewer"), ("*.read",)),
    "device-manager": (
        Label("Quản lý thiết bị", "Device manager"),
        ("*.read", "*.observe", "*.provision", "device.*", "devicemodel.*"),
    ),
    "integrator": (
        Label("Hệ thống kết nối", "Connected system"),
        ("*.observe", "subscription.create", "context.create"),
    ),
    "inspector": (Label("Thanh tra truy cập", "Inspector of access"), ("audit.read",)),
    "duty-officer": (Label("Trực ban khẩn cấp", "Duty officer for emergencies"), ("breakglass.open",)),
    "decision-maker": (Label("Lãnh đạo quyết định", "Decision maker"), ("*.read",)),
    "alert-officer": (Label("Cán bộ cảnh báo", "Alert officer"), ("*.read", "file.create")),
    "centre-administrator": (Label("Quản trị trung tâm điều hành", "Administrator of the centre"), ("*.read",)),
    "emergency-commander": (Label("Chỉ huy khẩn cấp", "Emergency commander"), ("*.read", "file.create")),
    "resident": (Label("Người dân", "Resident"), ("file.create",)),
}
"""Core roles. None but the administrator sees personal data: a pack adds `<type>.personal` where its work needs it."""


class Granted(msgspec.Struct, frozen=True, kw_only=True):
    """One grant of a role as stored."""

    id: str
    role: str
    agency: str | None
    areas: tuple[str, ...]
    since: Instant | None
    until: Instant | None


async def install(conn: Connection, tenant: str, extra: Mapping[str, tuple[str, ...]]) -> None:
    """Bring the core roles to what core and packs declare; called at each start, so an unplugged pack takes its
    permissions along. Roles made by administrators stay. Raises: ConfigurationError for an unknown role."""
    for name, permissions in extra.items():
        if name not in CORE:
            raise ConfigurationError(
                f"A pack adds permissions to the role {name!r}.", field=name, remedy=f"Roles: {', '.join(CORE)}."
            )
        for permission in permissions:
            policy.check_pattern(permission, field=f"roles.{name}")
    rows = [
        (tenant, name, label.vi, label.en, sorted({*permissions, *extra.get(name, ())}))
        for name, (label, permissions) in CORE.items()
    ]
    await conn.executemany(
        """INSERT INTO role (tenant, name, label_vi, label_en, permissions, built_in) VALUES ($1, $2, $3, $4, $5, true)
           ON CONFLICT (tenant, name) DO UPDATE SET label_vi = excluded.label_vi, label_en = excluded.label_en,
               permissions = excluded.permissions, built_in = true""",
        rows,
    )


async def define(conn: Connection, actor: Actor, name: str, label: Label, permissions: Iterable[str]) -> None:
    """Make or change a role of one's own making. Nobody can put more into it than they hold everywhere."""
    policy.require(actor, "role.change")
    name = check_line(name, field="name", longest=60)
    label = Label(check_line(label.vi, field="label.vi"), check_line(label.en, field="label.en"))
    wanted = frozenset(policy.check_pattern(p, field="permissions") for p in permissions)
    _require_holding(actor, (Grant(name, wanted),))
    async with conn.transaction():
        done = await conn.fetchval(
            """INSERT INTO role (tenant, name, label_vi, label_en, permissions) VALUES ($1, $2, $3, $4, $5)
               ON CONFLICT (tenant, name) DO UPDATE SET label_vi = excluded.label_vi, label_en = excluded.label_en,
                   permissions = excluded.permissions WHERE NOT role.built_in RETURNING name""",
            actor.tenant,
            name,
            label.vi,
            label.en,
            sorted(wanted),
        )
        if done is None:
            raise NotAllowed(f"The role {name!r} is built in.", field="name", remedy="Make a role with another name.")
        await audit.record(conn, actor, "role.changed", detail={"role": name, "permissions": sorted(wanted)})


async def grant(
    conn: Connection,
    actor: Actor,
    account: str,
    role: str,
    *,
    agency: str | None = None,
    areas: Iterable[str] = (),
    since: Instant | None = None,
    until: Instant | None = None,
) -> str:
    """Give an account a role, from `since` (None: now) until `until` (None: open). Returns the grant's id.

    Raises: NotAllowed unless the actor may grant in that agency and holds all that the role gives there; NotFound.
    """
    policy.require(actor, "grant.create", agency=agency)
    name = check_line(role, field="role")
    kept = frozenset(check_line(area, field="areas") for area in areas)
    if agency is not None:
        check_line(agency, field="agency")
    if until is not None and until <= (since or now()):
        raise InvalidInput("The grant ends before it begins.", field="until", remedy="Give a later time.")
    permissions = await conn.fetchval(
        "SELECT permissions FROM role WHERE tenant = $1 AND name = $2", actor.tenant, name
    )
    if permissions is None:
        raise absent(role, what="role")
    land = await reach.land_of(conn, actor.tenant, kept)
    there: frozenset[str] = frozenset().union(*land.values()) if kept else frozenset()
    _require_holding(actor, (Grant(role, frozenset(permissions), agency, there),))
    made = uuid4()
    async with conn.transaction():
        found = await conn.fetchval(
            """INSERT INTO grant_ (tenant, id, account, role, agency, areas, valid, granted_by)
               SELECT tenant, $3, id, $4, $5, $6, tstzrange(coalesce($7, now()), $8), $9
               FROM account WHERE tenant = $1 AND id = $2 RETURNING id""",
            actor.tenant,
            parse_id(account, what="account"),
            made,
            role,
            agency,
            sorted(kept),
            since,
            until,
            actor.id,
        )
        if found is None:
            raise absent(account, what="account")
        await audit.record(
            conn,
            actor,
            "grant.created",
            detail={"account": account, "role": role, "agency": agency, "areas": sorted(kept)},
        )
    return str(made)


async def withdraw(conn: Connection, actor: Actor, grant_id: str) -> None:
    """End a grant now; the row stays as history. Raises: NotFound, NotAllowed."""
    async with conn.transaction():
        row = await conn.fetchrow(
            "SELECT account, role, agency FROM grant_ WHERE tenant = $1 AND id = $2 FOR UPDATE",
            actor.tenant,
            parse_id(grant_id, what="grant"),
        )
        if row is None:
            raise absent(grant_id, what="grant")
        policy.require(actor, "grant.delete", agency=row["agency"])
        await conn.execute(
            """UPDATE grant_ SET valid = tstzrange(lower(valid), greatest(lower(valid), least(now(), upper(valid))))
               WHERE tenant = $1 AND id = $2""",
            actor.tenant,
            parse_id(grant_id, what="grant"),
        )
        detail = {"account": str(row["account"]), "role": row["role"], "agency": row["agency"]}
        await audit.record(conn, actor, "grant.withdrawn", detail=detail)


async def grants_of(conn: Connection, tenant: str, account: str) -> tuple[Grant, ...]:
    """The grants that hold now, with the permissions of their roles, and the map, as they are now.

    A delegated one holds only while the grant that it is of holds, and its giver's account is not disabled.
    """
    rows = await conn.fetch(
        """SELECT g.role, r.permissions, g.agency, g.areas
           FROM grant_ g JOIN role r ON r.tenant = g.tenant AND r.name = g.role
           WHERE g.tenant = $1 AND g.account = $2 AND g.valid @> now() AND (g.delegated_from IS NULL OR EXISTS (
               SELECT FROM grant_ o JOIN account a ON a.tenant = o.tenant AND a.id = o.account
               WHERE o.tenant = g.tenant AND o.id = g.delegated_from AND o.valid @> now() AND a.disabled_at IS NULL))
           ORDER BY g.role, g.agency""",
        tenant,
        parse_id(account, what="account"),
    )
    given = [Grant(r["role"], frozenset(r["permissions"]), r["agency"], frozenset(r["areas"])) for r in rows]
    return await reach.expand(conn, tenant, given)


async def holders(conn: Connection, tenant: str, permission: str) -> list[str]:
    """Accounts that hold a permission everywhere today, sorted."""
    rows = await conn.fetch(
        "SELECT DISTINCT g.account::text AS id, r.permissions FROM grant_ g JOIN role r ON r.tenant = g.tenant"
        " AND r.name = g.role JOIN account a ON a.tenant = g.tenant AND a.id = g.account WHERE g.tenant = $1"
        " AND g.valid @> now() AND g.agency IS NULL AND g.areas = '{}' AND a.disabled_at IS NULL ORDER BY 1",
        tenant,
    )
    return list(dict.fromkeys(r["id"] for r in rows if any(policy.matches(p, permission) for p in r["permissions"])))


async def granted(conn: Connection, actor: Actor, account: str) -> tuple[Granted, ...]:
    """All grants of an account, past and future ones too. One's own are always seen."""
    if account != actor.id:
        policy.require(actor, "grant.read")
    rows = await conn.fetch(
        """SELECT id, role, agency, areas, lower(valid) AS since, upper(valid) AS until FROM grant_
           WHERE tenant = $1 AND account = $2 AND NOT isempty(valid) ORDER BY lower(valid), role""",
        actor.tenant,
        parse_id(account, what="account"),
    )
    return tuple(
        Granted(
            id=str(r["id"]),
            role=r["role"],
            agency=r["agency"],
            areas=tuple(r["areas"]),
            since=r["since"],
            until=r["until"],
        )
        for r in rows
    )


def _require_holding(actor: Actor, grants: tuple[Grant, ...]) -> None:
    if not policy.holds(actor, grants):
        names = sorted({p for g in grants for p in g.permissions})
        raise NotAllowed(
            f"{actor.name or actor.id} does not hold all of {', '.join(names)} there.",
            field="role",
            remedy="Nobody can give more than they have: ask an administrator of all agencies.",
        )
