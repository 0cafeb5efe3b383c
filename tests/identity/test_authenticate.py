from __future__ import annotations

import statistics
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

import asyncpg
import pytest

from province.broker.database import connect
from province.errors import NotAllowed, NotFound, NotSignedIn, RateLimited, Unavailable
from province.identity import accounts, attempts, bootstrap, policy, roles, sessions, tokens
from province.identity.accounts import Account
from province.identity.audit import Connection, Pool
from province.identity.authenticate import CACHE_S, Authenticator
from province.identity.limits import Limiter
from province.identity.passwords import Passwords
from province.model.actor import Actor
from province.model.label import Label

GOOD = "mot cau du dai"


class Clock:
    now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def door(pool: Pool, hasher: Passwords, clock: Clock) -> Authenticator:
    def generous() -> Limiter:
        return Limiter(rate=1000, burst=1000)

    return Authenticator(pool, hasher, by_address=generous(), by_login=generous(), clock=clock)


@pytest.fixture
async def an(conn: Connection, root: Actor, hasher: Passwords) -> Account:
    made = await accounts.create(conn, root, hasher, login="an.ng", name="An", password=GOOD, agency="sx")
    await roles.grant(conn, root, made.id, "clerk", agency="sx")
    return made


async def test_sign_in_gives_a_session_with_rights(door: Authenticator, tenant: str, an: Account) -> None:
    opened = await door.sign_in(tenant, "AN.NG", GOOD, address="203.0.113.5", user_agent="test")
    caller = await door.identify(tenant, cookie=opened.cookie, address="203.0.113.5", request="r1", purpose="work")
    assert caller.actor.id == an.id
    assert caller.actor.session == sessions.session_id(opened.cookie)
    assert (caller.actor.address, caller.actor.request, caller.actor.purpose) == ("203.0.113.5", "r1", "work")
    assert policy.allows(caller.actor, "report.change", agency="sx")
    assert not policy.allows(caller.actor, "report.change", agency="sy")
    assert opened.cookie not in repr(opened)


async def test_the_database_never_holds_the_cookie(
    door: Authenticator, tenant: str, an: Account, conn: Connection
) -> None:
    opened = await door.sign_in(tenant, "an.ng", GOOD)
    rows = await conn.fetch("SELECT s::text FROM session s WHERE tenant = $1", tenant)
    assert len(rows) == 1
    assert opened.cookie not in rows[0][0]


async def test_strangers_are_anonymous(door: Authenticator, tenant: str) -> None:
    for cookie in (None, "", "x", "é" * 20, "y" * 5000):
        caller = await door.identify(tenant, cookie=cookie, address="2001:db8::7")
        assert caller.actor.kind == "anonymous"
        assert caller.limit_keys == ("address 2001:db8::/64",)


@pytest.mark.parametrize("header", ["", "Bearer", "Bearer x", "Basic YTpi", "Bearer prv_0_0", "prv_" + "0" * 16])
async def test_a_bad_header_is_told_so(door: Authenticator, tenant: str, header: str) -> None:
    with pytest.raises(NotSignedIn):
        await door.identify(tenant, authorization=header)


async def test_a_cookie_of_one_tenant_opens_no_other(door: Authenticator, tenant: str, an: Account) -> None:
    opened = await door.sign_in(tenant, "an.ng", GOOD)
    assert (await door.identify("elsewhere", cookie=opened.cookie)).actor.kind == "anonymous"


async def test_sign_in_renews_the_session(door: Authenticator, tenant: str, an: Account) -> None:
    first = await door.sign_in(tenant, "an.ng", GOOD)
    assert (await door.identify(tenant, cookie=first.cookie)).actor.id == an.id
    second = await door.sign_in(tenant, "an.ng", GOOD, cookie=first.cookie)
    assert first.cookie != second.cookie
    assert (await door.identify(tenant, cookie=first.cookie)).actor.kind == "anonymous"
    assert (await door.identify(tenant, cookie=second.cookie)).actor.id == an.id


async def test_sign_out_acts_at_once(door: Authenticator, tenant: str, an: Account) -> None:
    opened = await door.sign_in(tenant, "an.ng", GOOD)
    caller = await door.identify(tenant, cookie=opened.cookie)
    await door.sign_out(caller.actor)
    assert (await door.identify(tenant, cookie=opened.cookie)).actor.kind == "anonymous"


async def test_disabling_acts_within_the_cache_time(
    door: Authenticator, tenant: str, an: Account, conn: Connection, root: Actor, clock: Clock
) -> None:
    opened = await door.sign_in(tenant, "an.ng", GOOD)
    await door.identify(tenant, cookie=opened.cookie)
    await accounts.disable(conn, root, an.id)
    clock.now += CACHE_S
    assert (await door.identify(tenant, cookie=opened.cookie)).actor.kind == "anonymous"
    with pytest.raises(NotSignedIn):
        await door.sign_in(tenant, "an.ng", GOOD)
    await accounts.enable(conn, root, an.id)
    assert (await door.identify(tenant, cookie=opened.cookie)).actor.kind == "anonymous"


@pytest.mark.parametrize(
    "age",
    ["last_seen = now() - interval '8 hours 1 second'", "expires_at = now() - interval '1 second'"],
)
async def test_sessions_end(door: Authenticator, tenant: str, an: Account, conn: Connection, age: str) -> None:
    opened = await door.sign_in(tenant, "an.ng", GOOD)
    await conn.execute(f"UPDATE session SET {age} WHERE tenant = $1", tenant)
    assert (await door.identify(tenant, cookie=opened.cookie)).actor.kind == "anonymous"


async def test_use_keeps_a_session_alive(door: Authenticator, tenant: str, an: Account, conn: Connection) -> None:
    opened = await door.sign_in(tenant, "an.ng", GOOD)
    await conn.execute("UPDATE session SET last_seen = now() - interval '7 hours' WHERE tenant = $1", tenant)
    await door.identify(tenant, cookie=opened.cookie)
    assert await conn.fetchval("SELECT last_seen > now() - interval '1 minute' FROM session WHERE tenant = $1", tenant)


async def test_old_sessions_are_swept_away(door: Authenticator, tenant: str, an: Account, conn: Connection) -> None:
    await door.sign_in(tenant, "an.ng", GOOD)
    await conn.execute("UPDATE session SET expires_at = now() - interval '2 days' WHERE tenant = $1", tenant)
    assert await sessions.purge(conn) == 1


async def test_failures_are_audited_and_tell_nothing(
    door: Authenticator, tenant: str, an: Account, conn: Connection
) -> None:
    messages = set()
    for login, password in (("an.ng", "wrong password"), ("nobody", GOOD), ("a\0\ud800", "\ud800"), ("", "")):
        with pytest.raises(NotSignedIn) as caught:
            await door.sign_in(tenant, login, password, address="203.0.113.5")
        messages.add(str(caught.value))
    assert len(messages) == 1
    rows = await conn.fetch(
        "SELECT action, address, detail::text FROM audit WHERE tenant = $1 AND action LIKE 'session%'", tenant
    )
    assert [r["action"] for r in rows] == ["session.refused"] * 4
    assert {r["address"] for r in rows} == {"203.0.113.5"}
    assert "wrong" not in " ".join(r["detail"] for r in rows)
    assert "nobody" not in " ".join(r["detail"] for r in rows)


async def test_unknown_logins_take_as_long_as_known_ones(door: Authenticator, tenant: str, an: Account) -> None:
    async def cost(login: str) -> float:
        started = time.process_time()
        with pytest.raises(NotSignedIn):
            await door.sign_in(tenant, login, "wrong password")
        return time.process_time() - started

    # CPU time, not wall time: other work on the machine must not decide.
    known = statistics.median([await cost("an.ng") for _ in range(4)])
    unknown = statistics.median([await cost(f"nobody{n}") for n in range(4)])
    assert 0.5 < unknown / known < 2


async def test_guessing_locks_the_login_known_or_not(door: Authenticator, tenant: str, an: Account) -> None:
    for login in ("an.ng", "nobody"):
        for _ in range(attempts.FREE):
            with pytest.raises(NotSignedIn):
                await door.sign_in(tenant, login, "")
        with pytest.raises(RateLimited) as caught:
            await door.sign_in(tenant, login, GOOD)
        assert 1 <= caught.value.retry_after_s <= attempts.FIRST_WAIT_S


async def test_waiting_times_double_to_a_ceiling_and_success_clears(
    door: Authenticator, tenant: str, an: Account, conn: Connection
) -> None:
    waits = []
    for _ in range(20):
        try:
            await attempts.reserve(conn, tenant, attempts.login_hash("an.ng"))
        except RateLimited as error:
            waits.append(round(error.retry_after_s))
            await conn.execute("UPDATE sign_in_failure SET locked_until = now() WHERE tenant = $1", tenant)
    assert waits[:4] == [15, 30, 60, 120]
    await conn.execute("UPDATE sign_in_failure SET attempts = 40 WHERE tenant = $1", tenant)
    await conn.execute("UPDATE sign_in_failure SET locked_until = now() WHERE tenant = $1", tenant)
    await attempts.reserve(conn, tenant, attempts.login_hash("an.ng"))
    with pytest.raises(RateLimited) as caught:
        await attempts.reserve(conn, tenant, attempts.login_hash("an.ng"))
    assert round(caught.value.retry_after_s) == attempts.LONGEST_WAIT_S
    await conn.execute("UPDATE sign_in_failure SET locked_until = now() WHERE tenant = $1", tenant)
    await door.sign_in(tenant, "an.ng", GOOD)
    assert await conn.fetchval("SELECT count(*) FROM sign_in_failure WHERE tenant = $1", tenant) == 0


async def test_one_address_is_slowed_down(pool: Pool, hasher: Passwords, tenant: str, an: Account) -> None:
    door = Authenticator(pool, hasher, by_address=Limiter(rate=0.01, burst=2))
    for n in range(2):
        with pytest.raises(NotSignedIn):
            await door.sign_in(tenant, f"n{n}", "x", address="203.0.113.5")
    with pytest.raises(RateLimited):
        await door.sign_in(tenant, "an.ng", GOOD, address="203.0.113.5")
    await door.sign_in(tenant, "an.ng", GOOD, address="203.0.113.6")


async def test_hashes_rise_with_the_parameters(door: Authenticator, tenant: str, an: Account, conn: Connection) -> None:
    import argon2

    weak = argon2.PasswordHasher(time_cost=1, memory_cost=1024, parallelism=1).hash(GOOD)
    await conn.execute("UPDATE account SET password_hash = $2 WHERE tenant = $1", tenant, weak)
    await door.sign_in(tenant, "an.ng", GOOD)
    stored = await conn.fetchval("SELECT password_hash FROM account WHERE tenant = $1", tenant)
    assert "m=32768,t=2" in stored
    await door.sign_in(tenant, "an.ng", GOOD)


async def test_change_of_password_ends_the_other_sessions(door: Authenticator, tenant: str, an: Account) -> None:
    here = await door.sign_in(tenant, "an.ng", GOOD)
    there = await door.sign_in(tenant, "an.ng", GOOD)
    with pytest.raises(NotAllowed):
        await door.change_password(here.actor, "not it at all", "mot cau khac han")
    await door.change_password(here.actor, GOOD, "mot cau khac han")
    assert (await door.identify(tenant, cookie=here.cookie)).actor.id == an.id
    assert (await door.identify(tenant, cookie=there.cookie)).actor.kind == "anonymous"
    with pytest.raises(NotSignedIn):
        await door.sign_in(tenant, "an.ng", GOOD)


async def test_a_token_narrows_its_account(
    door: Authenticator, tenant: str, an: Account, conn: Connection, root: Actor
) -> None:
    made = await tokens.create(conn, root, an.id, name="export", purpose="report", permissions=("report.read",))
    caller = await door.identify(tenant, authorization=f"Bearer {made}")
    actor = caller.actor
    assert caller.limit_keys == (f"token {tenant}/{made.split('_')[1]}", f"account {tenant}/{an.id}")
    assert actor.id == an.id
    assert actor.purpose == "report"
    assert actor.session == ""
    assert policy.allows(actor, "report.read", agency="sx")
    assert not policy.allows(actor, "report.change", agency="sx")
    assert not policy.allows(actor, "report.read", agency="sy")
    with pytest.raises(NotAllowed, match="cannot make tokens"):
        await tokens.create(conn, actor, an.id, name="child")


async def test_a_token_ends_by_revocation_and_by_date(
    door: Authenticator, tenant: str, an: Account, conn: Connection, root: Actor, clock: Clock
) -> None:
    made = await tokens.create(conn, root, an.id, name="a")
    await door.identify(tenant, authorization=f"Bearer {made}")
    (row,) = await tokens.list_of(conn, root, an.id)
    assert row.last_used is not None
    await tokens.revoke(conn, root, row.id)
    clock.now += CACHE_S
    with pytest.raises(NotSignedIn):
        await door.identify(tenant, authorization=f"Bearer {made}")
    gone = await tokens.create(conn, root, an.id, name="b", expires_at=datetime.now(UTC) - timedelta(seconds=1))
    with pytest.raises(NotSignedIn):
        await door.identify(tenant, authorization=f"Bearer {gone}")
    wrong = made[:-1] + ("A" if made[-1] != "A" else "B")
    with pytest.raises(NotSignedIn):
        await door.identify(tenant, authorization=f"Bearer {wrong}")


async def test_the_secret_of_a_token_is_nowhere(tenant: str, an: Account, conn: Connection, root: Actor) -> None:
    made = await tokens.create(conn, root, an.id, name="a")
    secret = made.split("_", 2)[2]
    stored = await conn.fetch(
        "SELECT t::text FROM token t WHERE tenant = $1 UNION ALL SELECT a::text FROM audit a WHERE tenant = $1", tenant
    )
    assert secret not in " ".join(r[0] for r in stored)


async def test_tokens_for_others_need_their_rights(
    door: Authenticator, tenant: str, an: Account, conn: Connection, root: Actor, hasher: Passwords
) -> None:
    chief = await accounts.create(conn, root, hasher, login="chief", name="Chief", agency="sx", password=GOOD)
    await roles.grant(conn, root, chief.id, "administrator", agency="sx")
    boss = await accounts.create(conn, root, hasher, login="boss", name="Boss", agency="sx")
    await roles.grant(conn, root, boss.id, "administrator")
    actor = (await door.sign_in(tenant, "chief", GOOD)).actor
    assert await tokens.create(conn, actor, an.id, name="ok")
    with pytest.raises(NotAllowed):
        await tokens.create(conn, actor, boss.id, name="climb")
    clerk = (await door.sign_in(tenant, "an.ng", GOOD)).actor
    assert await tokens.create(conn, clerk, an.id, name="own")
    with pytest.raises(NotFound):
        await tokens.create(conn, clerk, boss.id, name="climb")


async def test_first_run_makes_one_administrator(
    pool: Pool, door: Authenticator, hasher: Passwords, tmp_path: Path, conn: Connection
) -> None:
    async def prepare() -> bool:
        return await bootstrap.prepare(
            pool, hasher, tenant="fresh", name=Label("Bình Dương", "Binh Duong"), secrets=tmp_path, extra={}
        )

    # A crash before the commit leaves the file: the next start uses the secret that stands in it.
    (tmp_path / "administrator").write_text("left-by-a-crash-1234")
    (tmp_path / "administrator").chmod(0o600)
    assert await prepare()
    assert not await prepare()
    assert (tmp_path / "administrator").stat().st_mode & 0o777 == 0o600
    opened = await door.sign_in("fresh", "administrator", "left-by-a-crash-1234")
    assert opened.must_change
    assert policy.allows(opened.actor, "account.create")
    stored = await conn.fetch("SELECT a::text FROM audit a WHERE tenant = 'fresh'")
    assert "left-by" not in " ".join(r[0] for r in stored)


async def test_first_run_draws_a_secret(pool: Pool, hasher: Passwords, tmp_path: Path, door: Authenticator) -> None:
    name = Label("Tỉnh", "Province")
    await bootstrap.prepare(pool, hasher, tenant="fresh-2", name=name, secrets=tmp_path / "s", extra={})
    secret = (tmp_path / "s" / "administrator").read_text()
    assert len(secret) >= 20
    assert (await door.sign_in("fresh-2", "administrator", secret)).must_change


async def test_without_a_database_nobody_is_taken_for_a_stranger(hasher: Passwords) -> None:
    async with asyncpg.create_pool("postgresql://x@127.0.0.1:1/x", min_size=0) as away:
        door = Authenticator(away, hasher)
        with pytest.raises(Unavailable):
            await door.identify("t", cookie="c" * 43)
        with pytest.raises(Unavailable):
            await door.sign_in("t", "an", GOOD)
        assert (await door.identify("t")).actor.kind == "anonymous"


async def test_lost_connections_are_replaced(
    database: str, hasher: Passwords, tenant: str, an: Account, pool: Pool, clock: Clock
) -> None:
    mine = await connect(database, size=4, name="to be lost")  # other tests want theirs
    try:
        door = Authenticator(mine, hasher, clock=clock)
        opened = await door.sign_in(tenant, "an.ng", GOOD)
        lost = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'to be lost'"
        assert await pool.fetch(lost)
        for _ in range(10):
            clock.now += CACHE_S
            try:
                caller = await door.identify(tenant, cookie=opened.cookie)
            except Unavailable:
                continue
            assert caller.actor.id == an.id
        caller = await door.identify(tenant, cookie=opened.cookie)
        assert caller.actor.id == an.id
    finally:
        await mine.close()
