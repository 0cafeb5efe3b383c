"""The running product, and people who sign in to it with a browser."""

from __future__ import annotations

import re
import uuid
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass

import httpx
import pytest

from province.identity import accounts, roles
from province.identity.passwords import Passwords
from province.model.actor import Actor, system
from tests.exchange.conftest import TENANT, Site, site

__all__ = ["TENANT", "Site", "site"]
PASSWORD = "cá kho tộ 1985 Thủ Dầu Một"


@dataclass(slots=True, repr=False)
class Person:
    """Somebody with a browser."""

    id: str
    login: str
    name: str
    browser: httpx.AsyncClient

    async def see(self, path: str, status: int = 200) -> str:
        """The text of a page."""
        answer = await self.browser.get(path)
        assert answer.status_code == status, (path, answer.status_code, answer.text[-1500:])
        return answer.text

    async def send(self, page: str, path: str, status: int = 303, **form: str) -> httpx.Response:
        """Fill in the form of a page and send it."""
        found = re.search(r'name="csrf" value="([^"]+)"', await self.see(page))
        assert found is not None, page
        answer = await self.browser.post(path, data={"csrf": found[1], **form}, headers={"referer": page})
        assert answer.status_code == status, (path, answer.status_code, answer.text[-1500:])
        return answer


MakePerson = Callable[..., Awaitable[Person]]


@pytest.fixture
async def people(site: Site) -> AsyncIterator[MakePerson]:
    """Make a person with roles, signed in. address: where they sit, as a proxy would tell."""
    browsers: list[httpx.AsyncClient] = []
    hasher = Passwords()
    operator: Actor = system(TENANT, "test")

    async def make(name: str, *held: str, agency: str | None = None) -> Person:
        login = f"p{uuid.uuid4().hex[:10]}"
        async with site.core.pool.acquire() as connection:
            made = await accounts.create(
                connection, operator, hasher, login=login, name=name, password=PASSWORD, agency=agency
            )
            for role in held:
                await roles.grant(connection, operator, made.id, role, agency=agency)
        browser = httpx.AsyncClient(base_url=site.url, headers={"accept-language": "en"}, timeout=60)
        browsers.append(browser)
        await browser.get("/language/en")
        person = Person(made.id, login, name, browser)
        await person.send("/sign-in", "/sign-in", login=login, password=PASSWORD)
        return person

    yield make
    for browser in browsers:
        await browser.aclose()
    hasher.close()
