"""Which tenants there are, for strangers who name one."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from time import monotonic
from typing import Final

from province.errors import NotFound

AGE_S: Final = 10.0
"""For so long a list of tenants is believed."""


class Tenants:
    """read: the tenants that there are."""

    def __init__(self, read: Callable[[], Awaitable[Sequence[str]]]) -> None:
        self._read = read
        self._known: tuple[float, frozenset[str]] = (-AGE_S, frozenset())

    async def require(self, tenant: str) -> None:
        """Refuse a tenant that does not exist (NGSI-LD, 5.5.10). Raises: NotFound."""
        if monotonic() - self._known[0] >= AGE_S:
            self._known = (monotonic(), frozenset(await self._read()))
        if tenant not in self._known[1]:
            raise NotFound(
                f"there is no tenant {tenant[:60]!r} for you.", field="NGSILD-Tenant", remedy="Leave it out."
            )
