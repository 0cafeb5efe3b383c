"""Which entities exist, of what type and whose they are: what every reading is checked against.

The answers are kept in memory. `forget` drops entities that were written; besides, everything is asked anew after
`max_age_s`, because another process may have written it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from time import monotonic
from typing import NamedTuple

import asyncpg

from province.broker.database import LOST, Pool
from province.errors import Unavailable


class Owner(NamedTuple):
    """What rights depend on."""

    type: str
    agency: str | None
    area: str | None


class Known:
    """Cache over the table `entity`. size: entities kept per generation, of which there are two."""

    def __init__(self, pool: Pool, *, max_age_s: float = 300.0, size: int = 2_000_000) -> None:
        self._pool = pool
        self._half_life_s = max_age_s / 2
        self._size = size
        self._young: dict[str, dict[str, int]] = {}
        self._old: dict[str, dict[str, int]] = {}
        self._turned = monotonic()
        self._codes: dict[Owner, int] = {}
        self._forgotten = 0
        self.owners: list[Owner] = []
        """Owner by code."""

    async def codes(self, tenant: str, ids: Sequence[str]) -> list[int]:
        """For each id the position of its owner in `owners`, or -1 when no such entity exists.

        Raises: Unavailable when the database does not answer.
        """
        self._turn()
        young, old = self._young.setdefault(tenant, {}), self._old.get(tenant, {})
        found = list(map(young.get, ids))
        if None not in found:
            return found  # type: ignore[return-value]
        for n in [n for n, code in enumerate(found) if code is None]:
            found[n] = old.get(ids[n])
        absent = [n for n, code in enumerate(found) if code is None and "\0" not in ids[n]]  # no id holds a NUL
        loaded = await self._load(tenant, [ids[n] for n in absent]) if absent else {}
        for n in absent:
            found[n] = loaded.get(ids[n], -1)
        return [-1 if code is None else code for code in found]

    def forget(self, tenant: str, ids: Iterable[str]) -> None:
        """These entities were written or deleted: ask again next time."""
        self._forgotten += 1
        for one in ids:
            for generation in (self._young, self._old):
                generation.get(tenant, {}).pop(one, None)

    async def _load(self, tenant: str, ids: list[str]) -> Mapping[str, int]:
        before = self._forgotten
        try:
            rows = await self._pool.fetch(
                "SELECT type, agency, area, array_agg(id) FROM entity WHERE tenant = $1 AND id = ANY($2::text[])"
                " GROUP BY type, agency, area", tenant, ids,
            )  # fmt: skip
        except (*LOST, asyncpg.PostgresError) as error:
            raise Unavailable("the register of entities does not answer.", remedy="Try again shortly.") from error
        result: dict[str, int] = {}
        for type_name, agency, area, found in rows:
            owner = Owner(type_name, agency, area)
            code = self._codes.get(owner)
            if code is None:
                code = self._codes[owner] = len(self.owners)
                self.owners.append(owner)
            result |= dict.fromkeys(found, code)
        if before == self._forgotten:  # else the answer may be older than the write that was announced meanwhile
            self._young.setdefault(tenant, {}).update(result)
        return result

    def _turn(self) -> None:
        if monotonic() - self._turned > self._half_life_s or sum(map(len, self._young.values())) > self._size:
            self._old, self._young = self._young, {}
            self._turned = monotonic()
