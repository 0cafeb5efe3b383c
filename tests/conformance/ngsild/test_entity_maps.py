"""What clauses 5.5.9.3 and 5.14 of ETSI GS CIM 009 v1.9.1 say of entity maps, one test per clause."""

from __future__ import annotations

from tests.api.conftest import Client

V1 = "/ngsi-ld/v1"
MAP = "NGSILD-EntityMap"


async def put(http: Client, *names: str, **attrs: object) -> None:
    for name in names:
        body = {"id": f"urn:x:{name}", "type": "Thing", "n": 1, **attrs}
        assert (await http.post(f"{V1}/entities", json=body)).status_code == 201


def shown(answer: object) -> list[str]:
    return [e["id"].removeprefix("urn:x:") for e in answer.json()]  # type: ignore[attr-defined]


async def test_5_14_4_a_map_holds_what_a_query_finds(http: Client) -> None:
    await put(http, "a", "b")
    await put(http, "c", n=2)
    made = await http.get(f"{V1}/entityMaps", params={"type": "Thing", "q": "n==1"})
    assert made.status_code == 201
    assert made.json()["entityMap"] == {"urn:x:a": ["@none"], "urn:x:b": ["@none"]}
    assert made.headers[MAP] == f"{V1}/entityMaps/{made.json()['id']}"
    query = {"type": "Query", "entities": [{"type": "Thing"}], "q": "n==2"}
    assert list((await http.post(f"{V1}/entityMaps", json=query)).json()["entityMap"]) == ["urn:x:c"]
    assert (await http.get(f"{V1}/entityMaps", params={"id": "urn:x:a"})).status_code == 400
    wrong = {"type": "Thing", "entityMapLifetime": "1hour"}
    assert (await http.get(f"{V1}/entityMaps", params=wrong)).status_code == 400


async def test_5_5_9_3_pages_of_a_map_lose_and_repeat_nothing(http: Client) -> None:
    await put(http, "b", "d", "f", "h", "j")
    first = await http.get(f"{V1}/entities", params={"type": "Thing", "limit": "2", "entityMap": "true"})
    assert (first.status_code, shown(first)) == (201, ["b", "d"])
    headers = {MAP: first.headers[MAP]}
    await http.delete(f"{V1}/entities/urn:x:b")
    await http.delete(f"{V1}/entities/urn:x:f")
    await put(http, "a", "e")
    second = await http.get(first.links["next"]["url"], headers=headers)
    assert (second.status_code, shown(second)) == (200, ["h", "j"])
    assert second.headers[MAP] == first.headers[MAP]
    assert "next" not in second.links
    again = await http.get(f"{V1}/entities", params={"type": "Thing", "limit": "2", "count": "true"}, headers=headers)
    assert (shown(again), again.headers["NGSILD-Results-Count"]) == (["d", "h"], "3")
    ordered = await http.get(f"{V1}/entities", params={"type": "Thing", "orderBy": "id;desc"}, headers=headers)
    assert shown(ordered) == ["j", "h", "d"]
    left = await http.get(first.headers[MAP])
    assert list(left.json()["entityMap"]) == ["urn:x:d", "urn:x:h", "urn:x:j"]


async def test_5_7_2_4_a_map_that_is_not_there_is_made_anew(http: Client) -> None:
    await put(http, "a")
    dead = {MAP: "urn:ngsi-ld:EntityMap:dead"}
    answer = await http.get(f"{V1}/entities", params={"type": "Thing"}, headers=dead)
    assert answer.status_code == 201
    assert "dead" not in answer.headers[MAP]
    one = await http.get(f"{V1}/entities/urn:x:a", params={"entityMap": "true"})
    assert one.status_code == 200
    assert list((await http.get(one.headers[MAP])).json()["entityMap"]) == ["urn:x:a"]


async def test_5_14_1_to_3_a_map_is_read_prolonged_and_removed(http: Client) -> None:
    await put(http, "a")
    asked = {"type": "Thing", "entityMapLifetime": "P3650D"}
    where = (await http.get(f"{V1}/entityMaps", params=asked)).headers[MAP]
    before = (await http.get(where)).json()["expiresAt"]
    change = {"expiresAt": "2099-01-01T00:00:00Z", "entityMap": {"urn:x:z": ["@none"]}}
    assert (await http.patch(where, json=change)).status_code == 204
    after = (await http.get(where)).json()
    assert before <= after["expiresAt"] < "2099"
    assert list(after["entityMap"]) == ["urn:x:a"]
    assert (await http.patch(where, json={"expiresAt": "tomorrow"})).status_code == 400
    assert (await http.patch(where, json={"expiresAt": "2000-01-01T00:00:00Z"})).status_code == 204
    for answer in (await http.get(where), await http.delete(where)):
        assert (answer.status_code, answer.json()["type"].rpartition("/")[2]) == (404, "ResourceNotFound")
    assert (await http.get(f"{V1}/entityMaps/none")).status_code == 400


async def test_a_map_shows_nothing_that_its_reader_may_not_see(http: Client) -> None:
    await put(http, "a")
    where = (await http.get(f"{V1}/entityMaps", params={"type": "Thing"})).headers[MAP]
    other = http.as_("device")
    assert (await other.get(where)).status_code == 404
    assert (await other.delete(where)).status_code == 404
    answer = await other.get(f"{V1}/entities", params={"type": "Thing"}, headers={MAP: where})
    assert answer.headers.get(MAP) != where
    stranger = await http.as_("").get(f"{V1}/entities", params={"type": "Device", "entityMap": "true"})
    assert MAP not in stranger.headers
    await http.delete(f"{V1}/entities/urn:x:a")
    assert (await http.get(where)).json()["entityMap"] == {}


async def test_5_14_5_a_map_of_histories(http: Client) -> None:
    for name, value, at in (("a", 5, "01"), ("b", 50, "01"), ("c", 50, "03")):
        history = {"value": value, "observedAt": f"2026-03-{at}T12:00:00Z"}
        body = {"id": f"urn:x:{name}", "type": "Thing", "speed": [history]}
        assert (await http.post(f"{V1}/temporal/entities", json=body)).status_code == 201
    assert (await http.get(f"{V1}/temporal/entityMaps", params={"type": "Thing"})).status_code == 400
    period = {"type": "Thing", "timerel": "before", "timeAt": "2026-03-02T00:00:00Z"}
    made = await http.get(f"{V1}/temporal/entityMaps", params={**period, "q": "speed>10"})
    assert (made.status_code, list(made.json()["entityMap"])) == (201, ["urn:x:b"])
    found = await http.get(f"{V1}/temporal/entities", params=period, headers={MAP: made.headers[MAP]})
    assert (found.status_code, shown(found)) == (200, ["b"])
    fixed = await http.get(f"{V1}/temporal/entities", params={**period, "entityMap": "true", "limit": "1"})
    assert (fixed.status_code, shown(fixed)) == (201, ["a"])
    following = await http.get(fixed.links["next"]["url"], headers={MAP: fixed.headers[MAP]})
    assert (following.status_code, shown(following)) == (200, ["b"])
