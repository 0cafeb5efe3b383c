"""What the database cannot decide alone: exact geometry after the box test of its index, and words that one may see."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt
import shapely
import shapely.geometry

from province.broker.conditions import RELATED, is_placed
from province.model.entity import Entity, split_key
from province.model.geometry import EARTH_RADIUS_M
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
        instances = [a for k, a in e.attrs.items() if split_key(k)[0] == name and a.type == "GeoProperty"]
        if query.roaming and any(a.observed_at is not None for a in instances):
            result.append(e)
            continue
        if query.roaming == "only":
            continue
        found = [a.value for a in instances]
        if box is not None:
            found = [g for g in found if shapely.intersects(shapely.geometry.shape(g), box)]
        if any(is_placed(g, place) for g in found):
            result.append(e)
    return result


def refine_points(lon: npt.NDArray[np.float64], lat: npt.NDArray[np.float64], query: Query) -> npt.NDArray[np.bool_]:
    """`refine` for many places that are points: which of them a question finds. Degrees."""
    found = np.ones(len(lon), np.bool_)
    points = shapely.points(lon, lat)
    if query.box is not None:
        found &= shapely.intersects(points, shapely.box(*query.box))
    if query.inside is not None:
        other = shapely.geometry.shape(query.inside)
        other = other if other.is_valid else shapely.make_valid(other)
        shapely.prepare(other)
        # Of two shapes the first is the entity's; a prepared one is quick on either side.
        found &= RELATED[query.relation](points, other)
    if query.near is not None:
        if query.near.shape is None:
            away = _distances_m(lon, lat, *query.near.position)
            found &= (query.near.min_m <= away) & (away <= query.near.max_m)
        else:
            place = Place(near=query.near)
            shown = [{"type": "Point", "coordinates": [x, y]} for x, y in zip(lon, lat, strict=True)]
            found &= np.fromiter((is_placed(one, place) for one in shown), np.bool_, len(shown))
    return found


def _distances_m(lon: npt.NDArray[np.float64], lat: npt.NDArray[np.float64], x: float, y: float) -> npt.NDArray[Any]:
    """`model.geometry.distance_m` of many."""
    lon1, lat1, lon2, lat2 = np.radians(lon), np.radians(lat), np.radians(x), np.radians(y)
    h = np.sin((lat2 - lat1) / 2) ** 2 + np.cos(lat1) * np.cos(lat2) * np.sin((lon2 - lon1) / 2) ** 2
    return np.asarray(2 * EARTH_RADIUS_M * np.arcsin(np.minimum(1.0, np.sqrt(h))))


def says(folded: str, text: str) -> bool:
    """Whether a folded text holds all words of a question, the last one as a beginning, as the search index would."""
    known = re.findall(r"\w+", folded)
    wanted = re.findall(r"\w+", fold(text))
    return all(w in known for w in wanted[:-1]) and all(any(k.startswith(w) for k in known) for w in wanted[-1:])
