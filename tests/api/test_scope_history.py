"""The scope of an entity in its temporal representation (clauses 4.5.6 and 4.18)."""

from __future__ import annotations

from tests.api.conftest import Client

THING = "urn:ngsi-ld:Thing:1"


async def test_the_scope_has_a_history(http: Client) -> None:
    body = {"id": THING, "type": "Thing", "scope": ["/A", "/B/C"], "name": {"value": "x"}}
    assert (await http.post("/ngsi-ld/v1/temporal/entities", json=body)).status_code == 201
    assert (await http.patch(f"/ngsi-ld/v1/entities/{THING}", json={"scope": "/D"})).status_code == 204
    shown = (await http.get(f"/ngsi-ld/v1/temporal/entities/{THING}")).json()
    assert [one["value"] for one in shown["scope"]] == [["/A", "/B/C"], ["/D"]]
    assert set(shown["scope"][0]) == {"type", "value", "observedAt"}
    for params, has in (({"omit": "scope"}, False), ({"pick": "scope"}, True), ({"attrs": "name"}, False)):
        found = (await http.get(f"/ngsi-ld/v1/temporal/entities/{THING}", params=params)).json()
        assert ("scope" in found, "name" in found) == (has, not has or "pick" not in params)
    assert (await http.delete(f"/ngsi-ld/v1/entities/{THING}/attrs/scope")).status_code == 204

    gone = (await http.get(f"/ngsi-ld/v1/temporal/entities/{THING}", params={"timeproperty": "deletedAt"})).json()
    assert [(one["value"], "deletedAt" in one) for one in gone["scope"]] == [([], True)]
    pairs = await http.get(f"/ngsi-ld/v1/temporal/entities/{THING}", params={"format": "temporalValues"})
    assert [value for value, _ in pairs.json()["scope"]["values"]] == [["/A", "/B/C"], ["/D"]]


async def test_a_reified_scope_is_taken(http: Client) -> None:
    scope = [{"type": "Property", "value": "/Old", "observedAt": "2026-01-01T00:00:00Z"},
             {"type": "Property", "value": ["/New"], "observedAt": "2026-02-01T00:00:00Z"}]  # fmt: skip
    body = {"id": THING, "type": "Thing", "scope": scope, "name": {"value": "x"}}
    assert (await http.post("/ngsi-ld/v1/temporal/entities", json=body)).status_code == 201
    assert (await http.get(f"/ngsi-ld/v1/entities/{THING}")).json()["scope"] == "/New"


async def test_the_scope_is_no_attribute_elsewhere(http: Client) -> None:
    body = {"id": THING, "type": "Thing", "scope": "/A", "name": {"value": "x"}}
    await http.post("/ngsi-ld/v1/entities", json=body)
    aggregates = {"format": "aggregatedValues", "aggrMethods": "totalCount"}
    shown = (await http.get(f"/ngsi-ld/v1/temporal/entities/{THING}", params=aggregates)).json()
    assert "scope" not in shown
    assert "name" in shown
