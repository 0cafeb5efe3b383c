"""From a cookie or an Authorization header to an Actor, and from login and password to a session.

Verified credentials are kept in memory for `CACHE_S` seconds, so a revoked session or token, a disabled account and a
withdrawn grant stop working within that time in every process (at once in the process that did it by this class).
"""

from __future__ import annotations

import hmac
import time
from collections import OrderedDict
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any, Final

import asyncpg
import msgspec

from province.errors import InvalidInput, NotSignedIn, Unavailable
from province.identity import accounts, attempts, audit, breakglass, reach, roles, sessions, tokens
from province.identity.audit import Connection, Pool
from province.identity.limits import Limiter, address_key
from province.identity.passwords import LONGEST, Passwords
from province.model.actor import Actor, anonymous
from province.model.time import Instant

CACHE_S: Final = 5.0
_CACHED: Final = 20_000

_SESSION = """
    SELECT a.id::text AS account, a.name, a.kind, a.must_change, s.last_seen < now() - $4::interval AS stale
    FROM session s JOIN account a ON a.tenant = s.tenant AND a.id = s.account
    WHERE s.tenant = $1 AND s.token_hash = $2 AND s.revoked_at IS NULL AND s.expires_at > now()
      AND s.last_seen > now() - $3::interval AND a.disabled_at IS NULL"""
_BEARER = """
    SELECT a.id::text AS account, a.name, a.kind, t.token_hash, t.permissions, t.agency, t.purpose,
           t.last_used IS NULL OR t.last_used < now() - $3::interval AS stale
    FROM token t JOIN account a ON a.tenant = t.tenant AND a.id = t.account
    WHERE t.tenant = $1 AND t.id = $2 AND t.revoked_at IS NULL AND (t.expires_at IS NULL OR t.expires_at > now())
      AND a.disabled_at IS NULL"""


class Caller(msgspec.Struct, frozen=True):
    """Who calls. must_change: the password was given by somebody else; the door offers nothing but its change.

    token: id of the token, or "" for a session.
    """

    actor: Actor
    must_change: bool = False
    token: str = ""

    @property
    def limit_keys(self) -> tuple[str, ...]:
        """The keys under which a door counts this call: the token and its account, the account, or the address."""
        actor = self.actor
        if actor.kind == "anonymous":
            return (f"address {address_key(actor.address)}",)
        account = f"account {actor.tenant}/{actor.id}"
        return (f"token {actor.tenant}/{self.token}", account) if self.token else (account,)


class SignedIn(msgspec.Struct, frozen=True, kw_only=True):
    """A successful sign-in. cookie: set it HttpOnly, SameSite=Lax, Path=/, and Secure with TLS."""

    cookie: str
    expires_at: Instant
    actor: Actor
    must_change: bool

    def __repr__(self) -> str:
        return f"SignedIn(actor={self.actor.id!r})"


class Authenticator:
    """Knows callers. by_address and by_login limit sign-ins of this process; `attempts` counts across all."""

    def __init__(
        self,
        pool: Pool,
        hasher: Passwords,
        *,
        by_address: Limiter | None = None,
        by_login: Limiter | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._pool = pool
        self._hasher = hasher
        # A desk of people behind one address signs in within a minute; a guesser gets one try each two seconds.
        self._by_address = Limiter(rate=0.5, burst=30) if by_address is None else by_address
        self._by_login = Limiter(rate=0.2, burst=10) if by_login is None else by_login
        self._clock = clock
        self._cache: OrderedDict[tuple[str, str], tuple[float, Caller]] = OrderedDict()

    async def identify(
        self,
        tenant: str,
        *,
        cookie: str | None = None,
        authorization: str | None = None,
        address: str = "",
        request: str = "",
        purpose: str = "",
    ) -> Caller:
        """Who sends this request. A header wins over a cookie; a cookie that ended is an anonymous caller.

        Raises: NotSignedIn for a header that is no valid token (a program must learn that its token ended);
        Unavailable while PostgreSQL is away: a caller who cannot be checked is not taken for a stranger.
        """
        found: Caller | None = None
        if authorization is not None:
            found = await self._by_token(tenant, authorization)
        elif cookie and len(cookie) <= 128:
            found = await self._by_cookie(tenant, cookie)
        if found is None:
            return Caller(anonymous(tenant, address=address, request=request))
        actor = msgspec.structs.replace(
            found.actor, address=address, request=request, purpose=purpose or found.actor.purpose
        )
        return Caller(actor, found.must_change, found.token)

    async def sign_in(
        self,
        tenant: str,
        login: str,
        password: str,
        *,
        address: str = "",
        user_agent: str = "",
        request: str = "",
        cookie: str | None = None,
    ) -> SignedIn:
        """Check login and password and open a session. cookie: of the former session, which ends.

        Wrong password, unknown login and disabled account answer alike and take the same time.
        Raises: NotSignedIn, RateLimited, Unavailable.
        """
        async with _answering():
            return await self._sign_in(tenant, login, password, address, user_agent, request, cookie)

    async def _sign_in(
        self, tenant: str, login: str, password: str, address: str, user_agent: str, request: str, cookie: str | None
    ) -> SignedIn:
        folded = accounts.fold_login(login[:LONGEST])
        key = attempts.login_hash(folded)
        self._by_address.take(address_key(address), what="sign-ins")
        self._by_login.take(f"{tenant}/{key.hex()}", what="sign-ins")
        stranger = anonymous(tenant, address=address, request=request)
        async with self._pool.acquire() as conn:
            count = await attempts.reserve(conn, tenant, key)
            row = await _account(conn, tenant, login)
        stored = None if row is None or row["disabled"] or len(password) > LONGEST else row["password_hash"]
        # No connection is held while the hash is computed: a storm of sign-ins must not starve the pool.
        if not await self._hasher.verify(stored, password[:LONGEST]) or row is None:
            known = None if row is None else row["account"]
            async with self._pool.acquire() as conn:
                await audit.record(conn, stranger, "session.refused", detail={"account": known, "attempts": count})
            raise NotSignedIn("The login or the password is wrong.", remedy="Check both and try again.")
        fresh = await self._hasher.hash(password) if self._hasher.outdated(row["password_hash"]) else None
        async with self._pool.acquire() as conn, conn.transaction():
            await attempts.clear(conn, tenant, key)
            if fresh is not None:
                await conn.execute(
                    "UPDATE account SET password_hash = $3 WHERE tenant = $1 AND id = $2::text::uuid",
                    tenant,
                    row["account"],
                    fresh,
                )
            if cookie:
                await sessions.revoke(conn, tenant, sessions.session_id(cookie))
            opened = await sessions.open_session(
                conn, tenant, row["account"], address=address, user_agent=user_agent.replace("\0", "")
            )
            actor = Actor(
                tenant=tenant,
                id=row["account"],
                kind=row["kind"],
                name=row["name"],
                grants=await roles.grants_of(conn, tenant, row["account"]),
                request=request,
                address=address,
                session=opened.id,
            )
            await audit.record(conn, actor, "session.opened", detail={"account": actor.id})
        if cookie:
            self._cache.pop((tenant, sessions.session_id(cookie)), None)
        return SignedIn(cookie=opened.cookie, expires_at=opened.expires_at, actor=actor, must_change=row["must_change"])

    async def sign_out(self, actor: Actor) -> None:
        """End the session of this request; without one, nothing happens."""
        if not actor.session:
            return
        async with self._pool.acquire() as conn, conn.transaction():
            if await sessions.revoke(conn, actor.tenant, actor.session):
                await audit.record(conn, actor, "session.closed", detail={"account": actor.id})
        self._cache.pop((actor.tenant, actor.session), None)

    async def change_password(self, actor: Actor, old: str, new: str) -> None:
        """Change one's own password; wrong old ones count like failed sign-ins. Raises: as `accounts`, RateLimited."""
        if not actor.session:
            raise NotSignedIn("Passwords are changed by people who are signed in.", remedy="Sign in.")
        async with self._pool.acquire() as conn:
            account = await accounts.get(conn, actor, actor.id)
            key = attempts.login_hash(accounts.fold_login(account.login))
            await attempts.reserve(conn, actor.tenant, key)
            await accounts.change_password(conn, actor, self._hasher, old[:LONGEST], new)
            await attempts.clear(conn, actor.tenant, key)
        self.forget(actor.tenant, actor.id)

    def forget(self, tenant: str, account: str) -> None:
        """Drop what this process remembers of an account, so that a change of its rights acts here at once."""
        for key, (_, caller) in list(self._cache.items()):
            if key[0] == tenant and caller.actor.id == account:
                del self._cache[key]

    def forget_all(self) -> None:
        """Drop everything that this process remembers: the map has changed, and with it what grants mean."""
        self._cache.clear()

    async def _by_cookie(self, tenant: str, cookie: str) -> Caller | None:
        name = sessions.session_id(cookie)
        known = self._remembered((tenant, name))
        if known is not None:
            return known
        async with _answering(), self._pool.acquire() as conn:
            row = await conn.fetchrow(_SESSION, tenant, bytes.fromhex(name), sessions.IDLE, sessions.TOUCH)
            if row is None:
                return None
            if row["stale"]:
                await sessions.touch(conn, tenant, name)
            grants = await roles.grants_of(conn, tenant, row["account"])
            grants += await breakglass.grants_of(conn, tenant, row["account"])
        actor = Actor(tenant=tenant, id=row["account"], kind=row["kind"], name=row["name"], grants=grants, session=name)
        return self._remember((tenant, name), Caller(actor, row["must_change"]))

    async def _by_token(self, tenant: str, authorization: str) -> Caller:
        scheme, _, text = authorization.partition(" ")
        parts = tokens.parse(text.strip()) if scheme.lower() == "bearer" else None
        if parts is None:
            raise NotSignedIn(
                "The Authorization header holds no token of this system.", remedy="Send: Authorization: Bearer prv_…"
            )
        name, digest = parts
        key = (tenant, f"{name}/{digest.hex()}")
        known = self._remembered(key)
        if known is not None:
            return known
        async with _answering(), self._pool.acquire() as conn:
            row = await conn.fetchrow(_BEARER, tenant, name, sessions.TOUCH)
            if not hmac.compare_digest(digest, bytes(32) if row is None else row["token_hash"]) or row is None:
                raise NotSignedIn("The token is unknown, expired or revoked.", remedy="Make a new token.")
            if row["stale"]:
                await conn.execute("UPDATE token SET last_used = now() WHERE tenant = $1 AND id = $2", tenant, name)
            grants = await roles.grants_of(conn, tenant, row["account"])
            within = await reach.within(conn, tenant, row["agency"])
        actor = Actor(
            tenant=tenant,
            id=row["account"],
            kind=row["kind"],
            name=row["name"],
            grants=reach.narrow(grants, row["permissions"], within),
            purpose=row["purpose"],
        )
        return self._remember(key, Caller(actor, token=name))

    def _remembered(self, key: tuple[str, str]) -> Caller | None:
        until, caller = self._cache.get(key, (0.0, None))
        if caller is None or until <= self._clock():
            return None
        self._cache.move_to_end(key)
        return caller

    def _remember(self, key: tuple[str, str], caller: Caller) -> Caller:
        self._cache[key] = (self._clock() + CACHE_S, caller)
        self._cache.move_to_end(key)
        if len(self._cache) > _CACHED:
            self._cache.popitem(last=False)
        return caller


@asynccontextmanager
async def _answering() -> AsyncIterator[None]:
    """Tell a database that is away from a caller who is unknown."""
    try:
        yield
    except (
        OSError,
        TimeoutError,
        asyncpg.InterfaceError,
        asyncpg.InternalClientError,
        asyncpg.PostgresConnectionError,
        asyncpg.OperatorInterventionError,
        asyncpg.InsufficientResourcesError,
    ) as error:
        raise Unavailable(
            f"Callers cannot be checked now ({type(error).__name__}).", remedy="Try again in a few seconds."
        ) from error


async def _account(conn: Connection, tenant: str, login: str) -> Any:
    try:
        folded = accounts.fold_login(accounts.check_login(login))
    except InvalidInput:
        return None
    return await conn.fetchrow(
        """SELECT id::text AS account, name, kind, password_hash, must_change, disabled_at IS NOT NULL AS disabled
           FROM account WHERE tenant = $1 AND login_folded = $2""",
        tenant,
        folded,
    )
