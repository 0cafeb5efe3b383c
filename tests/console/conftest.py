"""A browser without a browser: requests to the console over an in-memory world."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Any

import httpx
import pytest
from starlette.applications import Starlette

from province.console.routes import routes
from tests.console.world import World, world

Open = Callable[..., AbstractAsyncContextManager[httpx.AsyncClient]]


@pytest.fixture
def small() -> World:
    """A world of a few entities."""
    return world()


@pytest.fixture
def browse() -> Open:
    """open(world, language, signed_in) → client of the console."""

    @asynccontextmanager
    async def open_client(
        world: World, *, language: str = "vi", signed_in: bool = True, **changes: Any
    ) -> AsyncIterator[httpx.AsyncClient]:
        app = Starlette(routes=routes(world.services(**changes)))
        cookies = {"lang": language, "visitor": "stranger"} | ({"session": "cookie"} if signed_in else {})
        transport = httpx.ASGITransport(app=app)
        async with httpx.AsyncClient(transport=transport, base_url="http://province.test", cookies=cookies) as client:
            yield client

    return open_client


def csrf(signed_in: bool = True) -> str:
    """The token that the fake accepts."""
    return "token-of-session-1" if signed_in else "token-of-stranger"
