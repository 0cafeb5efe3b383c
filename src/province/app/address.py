"""Whether our server answers, and who calls it behind a proxy."""

from __future__ import annotations

import asyncio
import ipaddress
from functools import lru_cache

from starlette.requests import Request

from province.errors import ConfigurationError
from province.settings import Settings


async def serves(settings: Settings) -> bool:
    """Does the port accept connections? The server listens only once it can serve."""
    try:
        _, writer = await asyncio.wait_for(asyncio.open_connection(settings.host, settings.port), 1.0)
    except (OSError, TimeoutError):
        return False
    writer.close()
    return True


class Callers:
    """Addresses of callers: that of the connection, or the last one that a trusted proxy saw."""

    def __init__(self, trusted_proxies: str) -> None:
        """trusted_proxies: comma-separated addresses or networks. Raises: ConfigurationError."""
        self._trusted = []
        for text in filter(None, (t.strip() for t in trusted_proxies.split(","))):
            try:
                self._trusted.append(ipaddress.ip_network(text, strict=False))
            except ValueError:
                raise ConfigurationError(f"{text!r} is no address.", field="PROVINCE_TRUSTED_PROXIES") from None
        self._is_trusted = lru_cache(1024)(self._lies_in)

    def __call__(self, request: Request) -> str:
        """The caller's address."""
        address = request.client.host if request.client else ""
        if not self._is_trusted(address):
            return address
        # From the right: each trusted proxy appended the address that it saw; beyond them anybody may have written.
        for hop in reversed(request.headers.get("x-forwarded-for", "").split(",")):
            candidate = hop.strip()
            if not candidate:
                break
            address = candidate
            if not self._is_trusted(candidate):
                break
        return address[:64]

    def _lies_in(self, address: str) -> bool:
        try:
            parsed = ipaddress.ip_address(address)
        except ValueError:
            return False
        return any(parsed in network for network in self._trusted)
