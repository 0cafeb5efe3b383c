"""Smart Data Models examples come in by the API and are given back as they were sent."""

from __future__ import annotations

import json
from urllib.parse import quote

import pytest

from tests.model.test_codec import DATA, DEFECTIVE, same

from .conftest import Client
from .test_entities import LD, V1


@pytest.mark.skipif(not DATA.is_dir(), reason="the Smart Data Models examples are not beside this checkout")
async def test_examples_there_and_back(http: Client) -> None:
    taken = 0
    for path in sorted(DATA.glob("*/*/examples/example-normalized.jsonld")):
        body = json.loads(path.read_text())
        answer = await http.post(f"{V1}/entities", json=body, headers=LD)
        name = f"{path.parts[-4]}/{path.parts[-3]}"
        if name in DEFECTIVE:
            assert (answer.status_code, answer.json()["field"]) == (400, DEFECTIVE[name]), answer.text
            continue
        assert answer.status_code == 201, (name, answer.text)
        taken += 1
        context = body["@context"]
        url = next((c for c in ([context] if isinstance(context, str) else context) if "uri.etsi.org" not in c), None)
        link = {"Link": f'<{url}>; rel="http://www.w3.org/ns/json-ld#context"'} if url else {}
        one = f"{V1}/entities/{quote(body['id'], safe='')}"
        back = (await http.get(one, headers=link)).json()
        assert (await http.delete(one)).status_code == 204  # two of the examples have the same id
        body.pop("@context")
        if url and isinstance(context, str):
            assert same(body, back), name
        assert len(back) == len(body), name
    assert taken == 33


async def test_ids_and_names_that_are_addresses(http: Client) -> None:
    id, name = "https://ex.example/things/attrs", "https://ex.example/speed"
    assert (await http.post(f"{V1}/entities", json={"id": id, "type": "T", name: 5})).status_code == 201
    one = f"{V1}/entities/{quote(id, safe='')}"
    assert (await http.get(one)).json()["id"] == id
    attr = f"{one}/attrs/{quote(name, safe='')}"
    assert (await http.patch(attr, json={"value": 6})).status_code == 204
    assert (await http.get(one, params={"format": "simplified"})).json()[name] == 6
    assert (await http.delete(attr)).status_code == 204
    assert (await http.delete(one)).status_code == 204


async def test_how_an_answer_can_look(http: Client) -> None:
    place = {"type": "Point", "coordinates": [106.6, 11.0]}
    body = {
        "id": "urn:x:1",
        "type": ["A", "B"],
        "location": place,
        "title": {"languageMap": {"vi": "Đường", "en": "Road"}},
    }
    assert (await http.post(f"{V1}/entities", json=body)).status_code == 201
    one = f"{V1}/entities/urn:x:1"
    assert (await http.head(one)).status_code == 200
    full = (await http.get(one, params={"options": "sysAttrs"})).json()
    assert {"createdAt", "modifiedAt"} <= full.keys() & full["location"].keys()
    assert (await http.get(one, params={"format": "concise"})).json() == body
    geo = await http.get(one, headers={"Accept": "application/geo+json"}, params={"format": "simplified", "lang": "en"})
    assert geo.json()["geometry"] == place
    assert geo.json()["properties"]["title"] == "Road"
    many = await http.get(f"{V1}/entities?type=B", headers={"Accept": "application/ld+json;q=0.9"})
    assert many.headers["Content-Type"] == "application/ld+json"
    assert "ngsi-ld-core-context" in many.json()[0]["@context"]
    merged = await http.patch(one, content=b'{"title": null}', headers={"Content-Type": "application/merge-patch+json"})
    assert merged.status_code == 204
    assert (await http.get(one, params={"omit": "location,type"})).json() == {"id": "urn:x:1"}
