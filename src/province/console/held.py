"""Records that hold from a day to a day, such as areas and agencies: those that held on one."""

from __future__ import annotations

from province.console.filters import held_on
from province.console.visit import Visit
from province.model.entity import Entity
from province.model.query import Query, Where, pages


async def holding(visit: Visit, type: str, day: str, where: tuple[Where, ...] = ()) -> list[Entity]:
    """All of a type that the reader may see and that held on a day, by name. where: further terms."""
    query = Query(types=(type,), where=(*where, *held_on(day)), order="name", limit=500, latest=False)
    found: list[Entity] = []
    async for page in pages(visit.services.broker.query, query, visit.actor):
        found += page.items
    return found
