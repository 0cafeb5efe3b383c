"""Questions that only NGSI-LD asks: scopes, relations of places, paths below full IRIs."""

from __future__ import annotations

from typing import Any

from province.broker.broker import Broker
from province.model.change import Change
from province.model.codec import decode
from province.model.jsonld import Context
from province.model.qlanguage import parse_place, parse_q, parse_scope_q
from province.model.query import Query

from .conftest import TENANT, person

ROOT = person("*", id="root")
CONTEXT = Context({"address": "https://ex.example/address"})


async def put(broker: Broker, name: str, **attrs: Any) -> None:
    entity = decode({"id": f"urn:x:{name}", "type": "Thing", **attrs}, tenant=TENANT, context=CONTEXT)
    change = Change(op="create", id=entity.id, type="Thing", attrs=entity.attrs, scope=entity.scope)
    await broker.apply((change,), ROOT)


async def ids(broker: Broker, **query: Any) -> list[str]:
    return [e.id for e in (await broker.query(Query(types=("Thing",), **query), ROOT)).items]


async def test_scopes_relations_and_paths(broker: Broker) -> None:
    inner = {"type": "Polygon", "coordinates": [[[1, 1], [2, 1], [2, 2], [1, 2], [1, 1]]]}
    outer = {"type": "Polygon", "coordinates": [[[0, 0], [9, 0], [9, 9], [0, 9], [0, 0]]]}
    await put(broker, "a", scope="/A/B", location=inner, address={"value": {"city.name": 1, "city": "TDM"}})
    await put(broker, "b", scope=["/C"], location=outer, speed={"value": 5, "accuracy": {"value": 2}})
    assert await ids(broker, scope=parse_scope_q("/A/#")) == ["urn:x:a"]
    assert await ids(broker, scope=parse_scope_q("(/A/B;/C)|/D")) == []
    assert await ids(broker, scope=parse_scope_q("/#")) == ["urn:x:a", "urn:x:b"]
    middle = [[[0.5, 0.5], [3, 0.5], [3, 3], [0.5, 3], [0.5, 0.5]]]
    for relation, found in (("within", ["urn:x:a"]), ("contains", ["urn:x:b"]), ("intersects", ["urn:x:a", "urn:x:b"]),
                            ("overlaps", []), ("equals", [])):  # fmt: skip
        place = parse_place(relation, "Polygon", middle)
        assert await ids(broker, inside=place.inside, relation=place.relation) == found, relation
    assert await ids(broker, where=parse_q('address[city]=="TDM"', CONTEXT)) == ["urn:x:a"]
    assert await ids(broker, where=parse_q("speed.accuracy<3")) == ["urn:x:b"]
    assert await ids(broker, where=parse_q('address[city]!~="^T"', CONTEXT)) == []
