"""Rate limits: one token bucket per key (address, account, token), in memory and bounded.

Each process counts for itself: with N server processes the real limit is up to N times the one set here.
"""

from __future__ import annotations

import ipaddress
import time
from collections import OrderedDict
from collections.abc import Callable

from province.errors import ConfigurationError, RateLimited


def address_key(address: str) -> str:
    """The key of an address: IPv4 as it is, IPv6 by its /64 (one subscriber owns that many), text otherwise."""
    try:
        parsed = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return address[:64]
    if isinstance(parsed, ipaddress.IPv6Address):
        if parsed.ipv4_mapped is not None:
            return str(parsed.ipv4_mapped)
        return str(ipaddress.ip_network((parsed, 64), strict=False))
    return str(parsed)


class Limiter:
    """Token buckets. rate: calls per second that flow in.  burst: calls at once from rest.

    keys: buckets kept; beyond it the one unused longest is forgotten, which is then most likely full anyway.
    """

    def __init__(
        self, *, rate: float, burst: float, keys: int = 50_000, clock: Callable[[], float] = time.monotonic
    ) -> None:
        if rate <= 0 or burst < 1 or keys < 1:
            raise ConfigurationError(f"rate {rate}, burst {burst}, keys {keys}: expected rate > 0, burst and keys ≥ 1.")
        self._rate = rate
        self._burst = burst
        self._keys = keys
        self._clock = clock
        self._buckets: OrderedDict[str, tuple[float, float]] = OrderedDict()

    @property
    def known(self) -> int:
        """Number of keys in memory."""
        return len(self._buckets)

    def retry_after(self, key: str, cost: float = 1.0) -> float:
        """Take `cost` calls and return 0, or take nothing and return the seconds until it would succeed."""
        now = self._clock()
        level, since = self._buckets.get(key, (self._burst, now))
        level = min(self._burst, level + (now - since) * self._rate)
        # A call dearer than the bucket passes from a full one, else it would wait for ever.
        price = min(cost, self._burst)
        wait = 0.0 if level >= price else (price - level) / self._rate
        self._buckets[key] = (level if wait else level - price, now)
        self._buckets.move_to_end(key)
        if len(self._buckets) > self._keys:
            self._buckets.popitem(last=False)
        return wait

    def take(self, key: str, cost: float = 1.0, *, what: str = "calls") -> None:
        """`retry_after` or raise. Raises: RateLimited with the seconds to wait."""
        wait = self.retry_after(key, cost)
        if wait:
            raise RateLimited(
                f"More than {self._rate:g} {what} per second.",
                retry_after_s=wait,
                remedy=f"Try again in {max(1, round(wait))} s.",
            )
