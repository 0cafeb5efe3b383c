"""Linked entities (clause 4.5.23): what relationships lead to, read level by level with the caller's rights."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from typing import Final

import msgspec

from province.broker.conditions import meets
from province.errors import TooLarge
from province.model.entity import Entity, split_key
from province.model.qlanguage import Term
from province.model.query import AnyOf, Linked, Page, Query

MAX_LINKED: Final = 1_000
Ask = Callable[[Query], Awaitable[Page]]
"""Answers a query with the caller's rights."""


def targets(entity: Entity) -> list[str]:
    """The ids that an entity's relationships name."""
    found: list[str] = []
    for attribute in entity.attrs.values():
        if attribute.type in ("Relationship", "ListRelationship"):
            found.extend(attribute.value if isinstance(attribute.value, list) else [attribute.value])
    return list(dict.fromkeys(found))


async def read_linked(ask: Ask, entities: Iterable[Entity], level: int) -> dict[str, Entity]:
    """Entities within `level` steps of relationships, by id; those that the caller may not read are left out.

    Raises: TooLarge for more than MAX_LINKED.
    """
    found: dict[str, Entity] = {}
    border = list(entities)
    seen = {e.id for e in border}
    for _ in range(level):
        wanted = [id for id in dict.fromkeys(t for e in border for t in targets(e)) if id not in found]
        fresh = [id for id in wanted if id not in seen or id not in found]
        if not fresh:
            break
        if len(found) + len(fresh) > MAX_LINKED:
            raise TooLarge(
                f"the answer would take in {len(found) + len(fresh)} linked entities.",
                field="joinLevel",
                remedy=f"At most {MAX_LINKED}: ask for fewer entities or a lower joinLevel.",
            )
        page = await ask(Query(ids=tuple(fresh), limit=1_000))
        border = [e for e in page.items if e.id not in found]
        found.update({e.id: e for e in border})
    return found


async def linked_meet(ask: Ask, entity: Entity, terms: Sequence[Term]) -> bool:
    """Whether all terms hold, those over linked entities as far as the caller may see these (4.9)."""
    for term in terms:
        if isinstance(term, AnyOf):
            holds = False
            for group in term.groups:
                holds = holds or await linked_meet(ask, entity, group)
        elif isinstance(term, Linked):
            ids = _led_to(entity, term.name)
            query = Query(ids=tuple(ids), types=term.types, where=term.terms, limit=1, latest=False)
            holds = bool(ids and (await ask(query)).items) != term.none
        else:
            holds = meets(entity, (term,))
        if not holds:
            return False
    return True


def _led_to(entity: Entity, name: str) -> list[str]:
    """The ids that one relationship names."""
    own = {k: a for k, a in entity.attrs.items() if split_key(k)[0] == name}
    return targets(msgspec.structs.replace(entity, attrs=own))


def flatten(entities: Iterable[Entity], linked: Mapping[str, Entity]) -> list[Entity]:
    """`join=flat`: the entities, then those that they lead to, each once."""
    first = list(entities)
    known = {e.id for e in first}
    return [*first, *(e for id, e in linked.items() if id not in known)]
