"""What clause 4.9 of ETSI GS CIM 009 v1.9.1 says of `q` over linked entities (examples 13 and 14)."""

from __future__ import annotations

from typing import Any

import pytest

from province.errors import InvalidInput
from province.model.qlanguage import format_q, goes, parse_q
from province.model.query import Linked, Where
from tests.api.conftest import Client, FullBroker

V1 = "/ngsi-ld/v1"


def test_4_9_the_path_into_a_linked_entity() -> None:
    humid = Where("humidity", "==", 40)
    assert parse_q("sensor{humidity}==40") == (Linked("sensor", (humid,)),)
    assert parse_q("sensor{Device,Probe:humidity}==40") == (Linked("sensor", (humid,), ("Device", "Probe")),)
    assert parse_q("room{sensor{Device:humidity}}==40") == (Linked("room", (Linked("sensor", (humid,), ("Device",)),)),)
    assert parse_q("!sensor{humidity}") == (Linked("sensor", (Where("humidity", "exists"),), none=True),)
    assert goes(parse_q("a==1|room{sensor{humidity}}>4")) == 2
    for wrong in ("sensor{humidity", "sensor{humidity==40}", "sensor{}", "sensor{Device:}==1"):
        with pytest.raises(InvalidInput):
            parse_q(wrong)


@pytest.mark.parametrize("q", [
    "sensor{humidity}==10..20;n>1", "a|!room{Room:sensor{humidity}}", "sensor{https://ex.example/x}~=\"^a\"",
    "sensor{(humidity>1;(n==2|m))}",
])  # fmt: skip
def test_a_stored_q_is_read_as_it_was_written(q: str) -> None:
    terms = parse_q(q)
    assert parse_q(format_q(terms)) == terms


async def put(http: Client, id: str, type: str, **attrs: Any) -> None:
    answer = await http.post(f"{V1}/entities", json={"id": f"urn:x:{id}", "type": type, **attrs})
    assert answer.status_code == 201, answer.text


async def found(http: Client, q: str, level: int = 1) -> list[str]:
    params = {"type": "Room", "q": q, "join": "inline", "joinLevel": str(level), "count": "true"}
    answer = await http.get(f"{V1}/entities", params=params)
    assert answer.status_code == 200, answer.text
    assert answer.headers["NGSILD-Results-Count"] == str(len(answer.json()))
    return [e["id"].removeprefix("urn:x:") for e in answer.json()]


async def test_4_9_q_follows_relationships(http: Client) -> None:
    for name, humidity in (("wet", 80), ("dry", 20)):
        await put(http, name, "Device", humidity=humidity, maker={"object": f"urn:x:m{name}"})
        await put(http, f"m{name}", "Maker", name=name)
        await put(http, f"in{name}", "Room", sensor={"object": f"urn:x:{name}"})
    await put(http, "both", "Room", sensor={"objectList": ["urn:x:wet", "urn:x:dry"], "type": "ListRelationship"})
    await put(http, "none", "Room", sensor={"value": "urn:x:wet"})
    assert await found(http, "sensor{humidity}>50") == ["both", "inwet"]
    assert await found(http, "sensor{Device:humidity}<50") == ["both", "indry"]
    assert await found(http, "sensor{Other:humidity}>50") == []
    assert await found(http, "!sensor{humidity}") == ["none"]
    assert await found(http, "sensor{(humidity>50;humidity<60)}|sensor{humidity}==20") == ["both", "indry"]
    assert await found(http, 'sensor{maker{name}}=="wet"', level=2) == ["both", "inwet"]
    for q, join in (("sensor{humidity}>5", "@none"), ('sensor{maker{name}}=="wet"', "inline")):  # 5.7.2.4: too deep
        answer = await http.get(f"{V1}/entities", params={"type": "Room", "q": q, "join": join})
        assert answer.status_code == 400


async def test_q_tells_nothing_of_linked_entities_that_may_not_be_seen(http: Client) -> None:
    for n, shown in enumerate((True, False)):
        await put(http, f"s{n}", "Station", name=f"S{n}", shown=shown, keeper_phone="0274")
        await put(http, f"r{n}", "Room", sensor={"object": f"urn:x:s{n}"})
    assert await found(http, "sensor{shown}==false") == ["r1"]
    assert await found(http, 'sensor{Station:keeper_phone}=="0274"') == ["r0", "r1"]
    guest = http.as_("guest")  # reads rooms, and of stations what is public
    assert await found(guest, 'sensor{Station:name}~="^S"') == ["r0"]
    assert await found(guest, "sensor{shown}==true") == []
    assert await found(guest, 'sensor{keeper_phone}=="0274"') == []


async def test_what_is_measured_is_asked_of_the_latest_values(http: Client, broker: FullBroker) -> None:
    for name in ("hot", "cold"):
        await put(http, name, "Station", name=name)
        await put(http, f"in{name}", "Room", sensor={"object": f"urn:x:{name}"})
    async with broker.pool.acquire() as connection:
        for name, degrees in (("hot", 39.0), ("cold", 9.0)):
            await connection.execute(
                "INSERT INTO latest_station (tenant, entity, temperature) VALUES ('t', $1, $2)",
                f"urn:x:{name}",
                degrees,
            )
    assert await found(http, "sensor{temperature}>30") == ["inhot"]
    assert await found(http, "sensor{Station:temperature}<30") == ["incold"]
