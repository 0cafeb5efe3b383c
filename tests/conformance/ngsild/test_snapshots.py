"""What clauses 5.5.15, 5.16 and 6.3.22 of ETSI GS CIM 009 v1.9.1 say of snapshots, one test per clause."""

from __future__ import annotations

from typing import Any

from province.broker.scrub import strip_waiting
from province.model.change import Change
from tests.api.conftest import ACTORS, Client, FullBroker

V1 = "/ngsi-ld/v1"
SNAPSHOT = "NGSILD-Snapshot"


async def put(http: Client, id: str, **attrs: Any) -> None:
    body = {"id": f"urn:x:{id}", "type": "Thing", **attrs}
    assert (await http.post(f"{V1}/entities", json=body)).status_code == 201


async def freeze(http: Client, *queries: dict[str, Any], **members: Any) -> str:
    body = {"type": "Snapshot", "snapshotQueries": queries or [THINGS], **members}
    made = await http.post(f"{V1}/snapshots", json=body)
    assert made.status_code == 201, made.text
    return made.headers["Location"]


THINGS = {"type": "Query", "entities": [{"type": "Thing"}]}


async def names(http: Client, where: str, **params: str) -> list[str]:
    headers = {SNAPSHOT: where.rpartition("/")[2]}
    answer = await http.get(f"{V1}/entities", params={"type": "Thing", **params}, headers=headers)
    assert answer.status_code == 200, answer.text
    assert answer.headers[SNAPSHOT] == headers[SNAPSHOT]
    return [e["id"].removeprefix("urn:x:") for e in answer.json()]


async def test_5_16_1_a_snapshot_keeps_what_was(http: Client) -> None:
    await put(http, "fast", speed=80, at={"type": "Point", "coordinates": [106, 11]}, scope="/A")
    await put(http, "slow", speed=30)
    where = await freeze(http, {**THINGS, "q": "speed>50"}, {**THINGS, "q": "speed>500"}, snapshotLifetime="P9000D")
    told = (await http.get(where)).json()
    assert (told["snapshotStatus"], told["snapshotPriority"]) == ("partial", 5)
    assert [d["resultStatus"] for d in told["snapshotQueriesDetails"]] == ["success", "empty"]
    assert told["createdAt"] == told["lastUsedAt"] < told["expiresAt"] < "2099"
    await http.patch(f"{V1}/entities/urn:x:fast/attrs", json={"speed": 10})
    await put(http, "new", speed=99)
    headers = {SNAPSHOT: told["id"]}
    one = await http.get(f"{V1}/entities/urn:x:fast", headers=headers)
    assert one.json()["speed"]["value"] == 80
    assert await names(http, where) == ["fast"]
    assert await names(http, where, q="speed<50") == []
    assert await names(http, where, scopeQ="/A", idPattern="st$", orderBy="speed") == ["fast"]
    near = {"georel": "near;maxDistance==10", "geometry": "Point", "coordinates": "[106,11]", "geoproperty": "at"}
    assert await names(http, where, **near) == ["fast"]
    await http.delete(f"{V1}/entities/urn:x:fast")
    assert await names(http, where) == ["fast"]
    body = await http.post(f"{V1}/entityOperations/query", json=THINGS, headers=headers)
    assert [e["id"] for e in body.json()] == ["urn:x:fast"]


async def test_5_16_1_what_a_snapshot_may_say(http: Client) -> None:
    past = {**THINGS, "temporalQ": {"timerel": "after", "timeAt": "2020-01-01T00:00:00Z"}}
    for wrong, status in (
        ({}, 400),
        ({"snapshotQueries": []}, 400),
        ({"snapshotQueries": [past]}, 400),
        ({"snapshotQueries": [THINGS], "snapshotPriority": 11}, 400),
        ({"snapshotQueries": [THINGS], "snapshotLifetime": "long"}, 400),
        ({"snapshotQueries": [THINGS], "colour": "red"}, 400),
        ({"snapshotTemporalQueries": [past]}, 422),
    ):
        answer = await http.post(f"{V1}/snapshots", json={"type": "Snapshot", **wrong})
        assert answer.status_code == status, answer.text
    await freeze(http, id="urn:x:snap")
    again = await http.post(
        f"{V1}/snapshots", json={"type": "Snapshot", "id": "urn:x:snap", "snapshotQueries": [THINGS]}
    )
    assert again.status_code == 409


async def test_6_3_22_a_snapshot_is_read_and_never_written(http: Client) -> None:
    where = await freeze(http)
    headers = {SNAPSHOT: where.rpartition("/")[2]}
    for method, path in (("POST", "entities"), ("GET", "types"), ("GET", "temporal/entities?type=Thing")):
        body = {"id": "urn:x:1", "type": "Thing"} if method == "POST" else None
        assert (await http.request(method, f"{V1}/{path}", headers=headers, json=body)).status_code == 422
    unknown = await http.get(f"{V1}/entities", params={"type": "Thing"}, headers={SNAPSHOT: "urn:x:none"})
    assert unknown.status_code == 404


async def test_5_16_2_to_7_clone_change_delete_purge(http: Client) -> None:
    await put(http, "a")
    where = await freeze(http)
    changed = await http.patch(where, json={"snapshotPriority": 2, "snapshotStatus": "failure"})
    assert (changed.status_code, changed.json()["snapshotPriority"]) == (200, 2)
    assert changed.json()["snapshotStatus"] == "success"
    assert (await http.patch(where, json={"snapshotQueries": []})).status_code == 400
    cloned = await http.post(f"{where}/clone", json={"type": "Snapshot", "snapshotPriority": 9})
    assert cloned.status_code == 201
    await http.delete(f"{V1}/entities/urn:x:a")
    assert (await http.delete(f"{V1}/snapshots", params={"q": "speed>50"})).status_code == 400
    assert (await http.delete(f"{V1}/snapshots")).status_code == 400
    assert (await http.delete(f"{V1}/snapshots", params={"q": "snapshotPriority{a}==1"})).status_code == 400
    assert (await http.delete(f"{V1}/snapshots", params={"q": "snapshotPriority<5"})).status_code == 204
    assert (await http.get(where)).status_code == 404
    assert await names(http, cloned.headers["Location"]) == ["a"]
    assert (await http.delete(cloned.headers["Location"])).status_code == 204
    assert (await http.delete(cloned.headers["Location"])).status_code == 404


async def test_a_snapshot_shows_only_what_its_reader_may_see_now(http: Client, broker: FullBroker) -> None:
    station = {"id": "urn:x:s", "type": "Station", "name": "S", "shown": True, "keeper_phone": "0274"}
    assert (await http.post(f"{V1}/entities", json=station)).status_code == 201
    query = {"type": "Query", "entities": [{"type": "Station"}]}
    mine = await freeze(http, query)
    guest = http.as_("guest")
    assert (await guest.get(mine)).status_code == 404
    theirs = await freeze(guest, query)
    headers = {SNAPSHOT: theirs.rpartition("/")[2]}

    async def seen(who: Client, where: str) -> list[set[str]]:
        told = {SNAPSHOT: where.rpartition("/")[2]}
        found = (await who.get(f"{V1}/entities", params={"type": "Station"}, headers=told)).json()
        return [set(e) - {"id", "type"} for e in found]

    assert await seen(guest, theirs) == [{"name"}]
    await http.patch(f"{V1}/entities/urn:x:s/attrs", json={"shown": False})  # no longer public
    assert await seen(guest, theirs) == []
    assert (await guest.get(f"{V1}/entities/urn:x:s", headers=headers)).status_code == 404
    assert await seen(http, mine) == [{"name", "shown", "keeper_phone"}]
    async with broker.pool.acquire() as connection:  # a consent is withdrawn
        await strip_waiting(connection, "t", "urn:x:s", ["keeper_phone"])
    assert await seen(http, mine) == [{"name", "shown"}]
    await broker.apply((Change(op="delete", id="urn:x:s", type=""),), ACTORS["root"])
    assert await seen(guest, theirs) == []
