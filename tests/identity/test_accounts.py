from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from province.errors import AlreadyExists, ConfigurationError, InvalidInput, NotAllowed, NotFound, ProvinceError
from province.identity import accounts, policy, roles, tokens
from province.identity.audit import Connection
from province.identity.passwords import Passwords, generate
from province.model.actor import Actor
from province.model.label import Label

GOOD = "mot cau du dai"


async def _actor(conn: Connection, account: accounts.Account, tenant: str) -> Actor:
    grants = await roles.grants_of(conn, tenant, account.id)
    return Actor(tenant=tenant, id=account.id, kind="person", name=account.name, grants=grants)


async def test_logins_are_one_whatever_their_diacritics(conn: Connection, root: Actor, hasher: Passwords) -> None:
    made = await accounts.create(conn, root, hasher, login="Hùng.Đỗ", name="Đỗ Hùng", password=GOOD)
    assert (await accounts.find(conn, root, "hung.do")).id == made.id
    with pytest.raises(AlreadyExists) as caught:
        await accounts.create(conn, root, hasher, login="HUNG.DO", name="X", password=GOOD)
    assert caught.value.field == "login"


@pytest.mark.parametrize("login", ["", "a", "a b", "x" * 65, "a\0b", "a/b", "...", "a\nb", "<script>"])
async def test_bad_logins_are_refused(conn: Connection, root: Actor, hasher: Passwords, login: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        await accounts.create(conn, root, hasher, login=login, name="X")
    assert caught.value.field == "login"


@pytest.mark.parametrize("password", ["short", "x" * 201, "aaaaaaaaaaaaa", "my-binh-password"])
async def test_weak_passwords_are_refused(conn: Connection, root: Actor, hasher: Passwords, password: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        await accounts.create(conn, root, hasher, login="bình", name="X", password=password)
    assert caught.value.field == "password"


async def test_tenants_do_not_see_each_other(conn: Connection, root: Actor, hasher: Passwords) -> None:
    made = await accounts.create(conn, root, hasher, login="an.nguyen", name="An")
    stranger = Actor(tenant="elsewhere", id="x", kind="system", grants=root.grants)
    with pytest.raises(NotFound):
        await accounts.get(conn, stranger, made.id)
    with pytest.raises(NotFound):
        await accounts.get(conn, stranger, "no uuid")


async def test_an_agency_administrator_stays_in_the_agency(
    conn: Connection, tenant: str, root: Actor, hasher: Passwords
) -> None:
    chief = await accounts.create(conn, root, hasher, login="chief", name="Chief", agency="sx")
    await roles.grant(conn, root, chief.id, "administrator", agency="sx")
    boss = await accounts.create(conn, root, hasher, login="boss", name="Boss", agency="sx", password=GOOD)
    await roles.grant(conn, root, boss.id, "administrator")
    other = await accounts.create(conn, root, hasher, login="other", name="Other", agency="sy")
    actor = await _actor(conn, chief, tenant)

    mine = await accounts.create(conn, actor, hasher, login="clerk", name="Clerk", agency="sx")
    await roles.grant(conn, actor, mine.id, "clerk", agency="sx")
    assert [a.login for a in await accounts.list_page(conn, actor)] == ["boss", "chief", "clerk"]
    with pytest.raises(NotAllowed):
        await accounts.create(conn, actor, hasher, login="abroad", name="X", agency="sy")
    with pytest.raises(NotAllowed):
        await roles.grant(conn, actor, mine.id, "clerk")
    with pytest.raises(NotFound):
        await accounts.get(conn, actor, other.id)
    # Resetting the password of one who has more rights would be a way to climb.
    with pytest.raises(NotAllowed, match="rights that Chief lacks"):
        await accounts.reset_password(conn, actor, hasher, boss.id)
    assert len(await accounts.reset_password(conn, actor, hasher, mine.id)) > 20


async def test_grants_hold_in_their_time(conn: Connection, tenant: str, root: Actor, hasher: Passwords) -> None:
    made = await accounts.create(conn, root, hasher, login="temp", name="Temp")
    now = datetime.now(UTC)
    await roles.grant(conn, root, made.id, "clerk", since=now + timedelta(days=1))
    await roles.grant(conn, root, made.id, "viewer", until=now - timedelta(seconds=1), since=now - timedelta(days=1))
    current = await roles.grant(conn, root, made.id, "operator", agency="sx", areas=("w2", "w1"))
    grants = await roles.grants_of(conn, tenant, made.id)
    assert [(g.role, g.agency, g.areas) for g in grants] == [("operator", "sx", frozenset(("w1", "w2")))]
    await roles.withdraw(conn, root, current)
    assert await roles.grants_of(conn, tenant, made.id) == ()
    assert {g.role for g in await roles.granted(conn, root, made.id)} >= {"clerk", "viewer"}


async def test_packs_add_permissions_and_take_them_along(
    conn: Connection, tenant: str, root: Actor, hasher: Passwords
) -> None:
    made = await accounts.create(conn, root, hasher, login="one", name="One")
    await roles.grant(conn, root, made.id, "clerk")
    assert policy.allows(await _actor(conn, made, tenant), "report.change")
    await roles.install(conn, tenant, {})
    assert not policy.allows(await _actor(conn, made, tenant), "report.change")
    with pytest.raises(ConfigurationError, match="no-such"):
        await roles.install(conn, tenant, {"no-such": ("a.b",)})


async def test_own_roles(conn: Connection, tenant: str, root: Actor, hasher: Passwords) -> None:
    await roles.define(conn, root, "auditor", Label("Kiểm toán", "Auditor"), ("audit.read",))
    made = await accounts.create(conn, root, hasher, login="aud", name="Aud")
    await roles.grant(conn, root, made.id, "auditor")
    actor = await _actor(conn, made, tenant)
    assert policy.allows(actor, "audit.read")
    with pytest.raises(NotAllowed):
        await roles.define(conn, actor, "mine", Label("a", "a"), ("*",))
    with pytest.raises(NotAllowed, match="built in"):
        await roles.define(conn, root, "viewer", Label("a", "a"), ("*",))
    with pytest.raises(NotFound):
        await roles.grant(conn, root, made.id, "no-such")


async def test_what_is_done_is_audited_without_secrets(
    conn: Connection, tenant: str, root: Actor, hasher: Passwords
) -> None:
    made = await accounts.create(conn, root, hasher, login="bob.le", name="Bob", password=GOOD)
    fresh = await accounts.reset_password(conn, root, hasher, made.id)
    await accounts.disable(conn, root, made.id)
    await accounts.enable(conn, root, made.id)
    rows = await conn.fetch("SELECT action, detail::text FROM audit WHERE tenant = $1 ORDER BY seq", tenant)
    assert [r["action"] for r in rows] == [
        "account.created",
        "account.password_reset",
        "account.disabled",
        "account.enabled",
    ]
    everything = " ".join(r["detail"] for r in rows)
    assert GOOD not in everything
    assert fresh not in everything
    assert "argon2" not in everything


def test_generated_passwords_differ() -> None:
    assert len({generate() for _ in range(50)}) == 50


JUNK = ["", "a\0b", "\ud800", "x" * 300, "two\nlines", "\u202eevil", "../../x", "' OR 1=1 --", "💥" * 300]


@pytest.mark.parametrize("junk", JUNK)
async def test_junk_anywhere_gives_a_proper_error(
    conn: Connection, tenant: str, root: Actor, hasher: Passwords, junk: str
) -> None:
    an = await accounts.create(conn, root, hasher, login="an.ng", name="An")
    attempts = (
        lambda: accounts.create(conn, root, hasher, login=junk, name="X"),
        lambda: accounts.create(conn, root, hasher, login="b1", name=junk),
        lambda: accounts.create(conn, root, hasher, login="b2", name="X", email=junk, phone=junk, agency=junk),
        lambda: accounts.create(conn, root, hasher, login="b3", name="X", password=junk),
        lambda: accounts.get(conn, root, junk),
        lambda: accounts.find(conn, root, junk),
        lambda: accounts.list_page(conn, root, after=junk),
        lambda: accounts.disable(conn, root, junk),
        lambda: roles.grant(conn, root, junk, "viewer"),
        lambda: roles.grant(conn, root, an.id, junk),
        lambda: roles.grant(conn, root, an.id, "viewer", agency=junk, areas=(junk,)),
        lambda: roles.withdraw(conn, root, junk),
        lambda: roles.granted(conn, root, junk),
        lambda: roles.define(conn, root, junk, Label(junk, junk), (junk,)),
        lambda: tokens.create(conn, root, junk, name="t"),
        lambda: tokens.create(conn, root, an.id, name=junk, purpose=junk, agency=junk, permissions=(junk,)),
        lambda: tokens.revoke(conn, root, junk),
    )
    messages: list[str] = []
    for attempt in attempts:
        try:
            await attempt()
        except ProvinceError as error:
            messages.append(str(error))
    assert len(messages) >= 10
    assert not any("\0" in m or "\ud800" in m for m in messages)
    # The connection is still good.
    assert await accounts.get(conn, root, an.id) == an


async def test_a_grant_ends_after_it_begins(conn: Connection, root: Actor, hasher: Passwords) -> None:
    an = await accounts.create(conn, root, hasher, login="an.ng", name="An")
    with pytest.raises(InvalidInput, match="ends before"):
        await roles.grant(conn, root, an.id, "viewer", until=datetime.now(UTC) - timedelta(days=1))
