"""Posts and delegations, as the pages of administration ask for them."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date

from province.app.core import Core
from province.console.appointing import Appointment, Posts
from province.identity import accounts, posts, roles
from province.identity.authenticate import Authenticator
from province.identity.posts import Post
from province.model.actor import Actor
from province.model.time import Instant


def build(core: Core, authenticator: Authenticator) -> Posts:
    """What the pages ask. A change of rights acts at once in this process, within seconds in the others."""
    pool = core.pool

    async def held(actor: Actor, day: date) -> Sequence[Post]:
        async with pool.acquire() as connection:
            return await posts.held_on(connection, actor, day)

    async def name(actor: Actor, grant: str, post: str, concurrent: bool) -> None:
        async with pool.acquire() as connection:
            await posts.name(connection, actor, grant, post, concurrent=concurrent)

    async def appoint(actor: Actor, given: Appointment) -> None:
        async with pool.acquire() as connection, connection.transaction():
            account = await accounts.find(connection, actor, given.login)
            made = await roles.grant(
                connection, actor, account.id, given.role, agency=given.agency or None,
                areas=(given.area,) if given.area else (), since=given.since, until=given.until,
            )  # fmt: skip
            if given.post:
                await posts.name(connection, actor, made, given.post, concurrent=given.concurrent)
        authenticator.forget(actor.tenant, account.id)

    async def delegate(
        actor: Actor, grant: str, login: str, since: Instant | None, until: Instant, reason: str
    ) -> None:
        async with pool.acquire() as connection:
            await posts.delegate(connection, actor, grant, login, since=since, until=until, reason=reason)

    async def revoke(actor: Actor, grant: str) -> None:
        async with pool.acquire() as connection:
            await posts.revoke(connection, actor, grant)

    return Posts(held=held, name=name, appoint=appoint, delegate=delegate, revoke=revoke)
