"""What the database cannot decide alone: exact geometry after the box test of its index, and words that one may see."""

from __future__ import annotations

import re
from collections.abc import Mapping

import shapely
import shapely.geometry

from province.broker.conditions import is_placed
from province.model.entity import Entity, split_key
from province.model.qlanguage import Place
from province.model.query import Query
from province.model.schema import EntityType
from province.model.text import fold


def is_spatial(query: Query) -> bool:
    """Whether a question asks for places."""
    return query.inside is not None or query.near is not None or query.box is not None


def refine(entities: list[Entity], query: Query, types: Mapping[str, EntityType]) -> list[Entity]:
    """Exact geometry after the box test of the index; one matching instance of the GeoProperty is enough (4.10)."""
    if not is_spatial(query):
        return entities
    place = Place(near=query.near, inside=query.inside, relation=query.relation)
    box = shapely.box(*query.box) if query.box is not None else None
    result = []
    for e in entities:
        entity_type = types.get(e.type)
        name = query.geoproperty or (entity_type.info.place if entity_type and entity_type.info.place else "location")
        found = [a.value for k, a in e.attrs.items() if split_key(k)[0] == name and a.type == "GeoProperty"]
        if box is not None:
            found = [g for g in found if shapely.intersects(shapely.geometry.shape(g), box)]
        if any(is_placed(g, place) for g in found):
            result.append(e)
    return result


def says(folded: str, text: str) -> bool:
    """Whether a folded text holds all words of a question, the last one as a beginning, as the search index would."""
    known = re.findall(r"\w+", folded)
    wanted = re.findall(r"\w+", fold(text))
    return all(w in known for w in wanted[:-1]) and all(any(k.startswith(w) for k in known) for w in wanted[-1:])
