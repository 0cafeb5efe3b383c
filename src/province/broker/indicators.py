"""Indicators that packs declare, computed over what somebody may read, or over everything for a plan."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from province.broker.access import Access, Rights
from province.broker.database import Pool
from province.broker.figures import Figure, Under, divided, figure, from_figure, shared, together
from province.broker.select import compile_query, place_of
from province.model.actor import Actor, system
from province.model.goal import Measured
from province.model.query import Query
from province.model.schema import EntityType
from province.model.time import Instant, now
from province.pack import Indicator, Pack
from province.territory import store
from province.vocab.area import civil_day

Valued = tuple[Indicator, float | None, Instant, Mapping[str, int]]
"""An indicator, its value, when it was computed, and how many of the counted are simulated, estimated or forecast."""


class Indicators:
    """The indicators of one installation."""

    def __init__(self, pool: Pool, types: Mapping[str, EntityType], rights: Rights) -> None:
        self._pool = pool
        self._types = types
        self._rights = rights

    async def all(self, packs: Sequence[Pack], actor: Actor) -> list[Valued]:
        """Every indicator of the packs over what the caller may read; None where there is nothing to compute it from.

        Entities are counted whatever their origin, and it is said how many would not count; values of machines are not.
        """
        result: list[Valued] = []
        for pack in packs:
            for indicator in pack.indicators:
                found = await self.figure(indicator, actor)
                if found is not None:
                    value = found.counted.value
                    if indicator.measure == "count" and indicator.base is None:
                        value = (value or 0.0) + (found.uncounted.value or 0.0)
                    unreal = found.excluded if indicator.measure == "count" and indicator.base is None else {}
                    result.append((indicator, value, found.at, unreal))
        return result

    async def figure(self, indicator: Indicator, actor: Actor, day: str = "") -> Figure | None:
        """An indicator over what the caller may read, what counts and what does not apart; None when it is nothing.

        day: civil day of the map by whose areas it is told; empty: today.
        """
        names = _summed(indicator)
        used = [n for n in (indicator.field, indicator.limit) if n]
        used += [w.name for w in indicator.where]
        access = [a.narrowed(used) for a in self._rights.readable(actor, names)]
        access = [a for a in access if all(a.shows(n) for n in used)]
        if not access:
            return None
        told = replace(indicator, by="") if indicator.by and not all(_tells_areas(a) for a in access) else indicator
        found = await self._figure(told, names, access, actor.tenant, day=day)
        if indicator.base is None:
            return found
        base = await self.figure(replace(indicator.base, by=told.by), actor, day)
        return None if base is None else divided(found, base)

    async def measured(self, indicator: Indicator, tenant: str) -> Measured:
        """An indicator over everything, as a plan counts it: an entity with a simulated, estimated or forecast value
        is left out whole. For the composition root: whose eyes the number is for, is decided there.
        """
        return from_figure(await self._whole(indicator, tenant))

    async def _whole(self, indicator: Indicator, tenant: str) -> Figure:
        names = _summed(indicator)
        access = self._rights.readable(system(tenant, "plan"), names)
        found = await self._figure(indicator, names, access, tenant, whole=True)
        return found if indicator.base is None else divided(found, await self._whole(indicator.base, tenant))

    async def _figure(
        self,
        indicator: Indicator,
        names: Sequence[str],
        access: list[Access],
        tenant: str,
        *,
        day: str = "",
        whole: bool = False,
    ) -> Figure:
        parts, at = [], now()
        under = await self._under(tenant, day) if indicator.by == "area" else _as_named
        using = [n for n in (indicator.field, indicator.limit, "area" if indicator.by else "") if n]
        for name in names:
            query = Query(types=(name,), where=indicator.where, limit=0, count=True)
            statement = compile_query(tenant, query, access, self._types, many_typed=False, using=using)
            async with self._pool.acquire() as connection:
                parts.append(
                    await figure(
                        connection, tenant, indicator, self._types[name], statement.count_sql,
                        statement.parameters[: statement.counted], at, under, whole=whole,
                    )
                )  # fmt: skip
        return shared(together(parts))

    async def _under(self, tenant: str, day: str) -> Under:
        """Under which area of the map of a day an entity is told: the one it names, if that held; else by its land."""
        async with self._pool.acquire() as connection:
            ledger = await store.read(connection, tenant, shapes=False)
        on = day or civil_day(now())

        def under(named: str | None, stamp: str | None) -> str | None:
            if named is not None and (found := ledger.area_on(named, on)) is not None:
                return found
            return ledger.area_on(stamp, on) if stamp is not None else None

        return under


def _tells_areas(access: Access) -> bool:
    """Whether the caller may see where each entity of the type is: in which area, and at which place."""
    declared = access.type.fields if access.type is not None else {}
    return all(access.shows(n) for n in ("area", place_of(access.type)) if n in declared)


def _as_named(named: str | None, stamp: str | None) -> str | None:
    return named


def types_of(indicator: Indicator) -> tuple[str, ...]:
    """Names of the types that an indicator is computed from, with those of what it is a percentage of."""
    below = types_of(indicator.base) if indicator.base is not None else ()
    return tuple(dict.fromkeys((*_summed(indicator), *below)))


def _summed(indicator: Indicator) -> tuple[str, ...]:
    return tuple(r.TYPE.name for r in (indicator.of, *indicator.also))  # type: ignore[attr-defined]
