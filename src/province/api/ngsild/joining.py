"""Answers with linked entities (clause 4.5.23): flat, one after another, or inline, inside their relationships."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import msgspec

from province.api.ngsild.view import View
from province.api.route import Call
from province.broker.linking import read_linked, targets
from province.model.entity import Attribute, Entity, Json, split_key
from province.model.representation import LinkedBy


async def show_entities(call: Call, view: View, entities: Sequence[Entity]) -> list[dict[str, Json]]:
    """Entities as the view shows them, with those that they lead to. Raises: TooLarge."""
    if not view.join:
        return [view.show(e) for e in entities]
    seen = [_projected(e, view.pick, view.omit) for e in entities]
    linked = await read_linked(lambda query: call.services.broker.query(query, call.actor), seen, view.join_level)
    if view.join == "inline":
        return [view.show(e, _inline(view, linked, e.id)) for e in entities]
    shown = [view.show(e) for e in entities]
    known = {e.id for e in entities}
    for entity, inner in _flat(view, entities, linked):
        if entity.id not in known:
            known.add(entity.id)
            shown.append(inner.show(entity))
    return shown


def _inline(view: View, linked: Mapping[str, Entity], root: str) -> LinkedBy:
    def show(
        name: str, id: str, inner: View = view, level: int = 1, above: frozenset[str] = frozenset((root,))
    ) -> Json:
        entity = linked.get(id)
        if entity is None or id in above:
            return None
        own = inside(inner, name)
        deeper: LinkedBy | None = None
        if level < view.join_level and targets(entity):
            deeper = lambda n, other: show(n, other, own, level + 1, above | {id})  # noqa: E731
        return replace(own, media="application/json").show(entity, deeper)

    return show


def _flat(view: View, entities: Sequence[Entity], linked: Mapping[str, Entity]) -> list[tuple[Entity, View]]:
    """Linked entities with the view in which each is shown, nearest first."""
    found: list[tuple[Entity, View]] = []
    border = [(e, view) for e in entities]
    for _ in range(view.join_level):
        following: list[tuple[Entity, View]] = []
        for entity, inner in border:
            for key, attribute in _projected(entity, inner.pick, inner.omit).attrs.items():
                if attribute.type not in ("Relationship", "ListRelationship"):
                    continue
                own = inside(inner, split_key(key)[0])
                ids = attribute.value if isinstance(attribute.value, list) else [attribute.value]
                following.extend((linked[id], own) for id in ids if id in linked)
        found += following
        border = following
    return found


def inside(view: View, name: str) -> View:
    """The view of an entity that the relationship `name` leads to."""
    return replace(view, pick=view.pick.get(name, {}), omit=view.omit.get(name, {}))


def _projected(entity: Entity, pick: Mapping[str, Any], omit: Mapping[str, Any]) -> Entity:
    """Without the members that are not shown: what they lead to is not joined either."""
    if not pick and not omit:
        return entity
    attrs: dict[str, Attribute] = {
        k: a for k, a in entity.attrs.items()
        if (not pick or split_key(k)[0] in pick) and (split_key(k)[0] not in omit or omit[split_key(k)[0]])
    }  # fmt: skip
    return msgspec.structs.replace(entity, attrs=attrs)
