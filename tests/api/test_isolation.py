"""Through every door of NGSI-LD: what is another tenant's is as if it were not, and no target is a machine of ours."""

from __future__ import annotations

import pytest

from province.adapters.outbound import Outbound
from province.api.ngsild.table import ROUTES
from province.app.subscribing import contexts
from province.broker.contexts import ContextStore
from province.errors import NotAllowed, Unavailable
from tests.api.conftest import Client, FullBroker

V1 = "/ngsi-ld/v1"
SECRET = "tài liệu mật"
ENTITY, SUBSCRIPTION, SOURCE = "urn:x:1", "urn:x:sub", "urn:x:source"
OURS = (
    "http://localhost/n", "http://127.0.0.1/n", "http://10.1.2.3/n", "http://169.254.169.254/latest", "http://[::1]/n",
    "http://192.168.0.1/n", "http://[::ffff:127.0.0.1]/n", "mqtt://127.0.0.1/t", "mqtts://localhost/t",
)  # fmt: skip


async def furnish(http: Client) -> str:
    """One of everything, each with the secret in it. Returns the id of the stored context."""
    attrs = {"note": {"value": SECRET}, "at": {"object": "urn:x:2"}}
    made = [
        await http.post(f"{V1}/entities", json={"id": ENTITY, "type": "Thing", **attrs}),
        await http.post(f"{V1}/subscriptions", json={
            "id": SUBSCRIPTION, "type": "Subscription", "entities": [{"type": "Thing"}], "description": SECRET,
            "notification": {"endpoint": {"uri": "https://receiver.example/n"}},
        }),
        await http.post(f"{V1}/csourceSubscriptions", json={
            "id": SUBSCRIPTION, "type": "Subscription", "entities": [{"type": "Thing"}], "description": SECRET,
            "notification": {"endpoint": {"uri": "https://receiver.example/n"}},
        }),
        await http.post(f"{V1}/csourceRegistrations", json={
            "id": SOURCE, "type": "ContextSourceRegistration",
            "endpoint": "https://source.example", "description": SECRET,
            "information": [{"entities": [{"type": "Thing"}]}],
        }),
        await http.post(f"{V1}/jsonldContexts", json={"@context": {"secret": "https://secret.example/mat"}}),
    ]  # fmt: skip
    assert [answer.status_code for answer in made] == [201] * len(made), [a.text for a in made]
    return made[-1].headers["Location"].rsplit("/", 1)[1]


async def test_another_tenant_reaches_nothing(http: Client, broker: FullBroker) -> None:
    context = await furnish(http)
    stranger = http.as_("elsewhere")
    places = {"id": ENTITY, "attr": "note", "instance": "urn:ngsi-ld:Instance:1", "contextId": context, "type": "Thing"}
    tried = 0
    for route in ROUTES:
        if route.method == "POST" and "{id}" not in route.path and "query" not in route.path:
            continue  # makes something of one's own
        id = SOURCE if "Registrations" in route.path else SUBSCRIPTION if "ubscriptions" in route.path else ENTITY
        path = route.path.format(**{**places, "id": id})
        lists = "{" not in route.path
        params = {"type": "Thing"} if lists and path.endswith(("entities", "csourceRegistrations", "Maps")) else {}
        if path.endswith("/temporal/entityMaps"):
            params |= {"timerel": "before", "timeAt": "2999-01-01T00:00:00Z"}
        if path.endswith("/snapshots"):
            params = {"q": "snapshotPriority>0"}
        body = {"type": "Query", "entities": [{"type": "Thing"}]} if "query" in path else {
            "note": {"type": "Property", "value": 1}, "type": "Thing"}  # fmt: skip
        given = {} if route.method in ("GET", "DELETE") else {"json": body}
        for headers in ({}, {"NGSILD-Tenant": "t"}):
            answer = await stranger.request(route.method, path, params=params, headers=headers, **given)
            assert answer.status_code in ((200, 201, 204, 404) if lists else (400, 404)), (route.path, answer.text)
            assert SECRET not in answer.text
            assert "secret.example" not in answer.text
            assert ENTITY not in answer.text or answer.status_code == 404
            tried += 1
    assert tried > 60
    assert (await http.get(f"{V1}/entities/{ENTITY}")).json()["note"]["value"] == SECRET
    for kind in ("subscriptions", "csourceSubscriptions"):
        assert (await http.get(f"{V1}/{kind}/{SUBSCRIPTION}")).json()["description"] == SECRET
    assert (await http.get(f"{V1}/csourceRegistrations/{SOURCE}")).json()["description"] == SECRET
    assert (await http.get(f"{V1}/jsonldContexts/{context}")).status_code == 200


@pytest.mark.parametrize("uri", OURS)
async def test_no_notification_goes_to_a_machine_of_ours(http: Client, uri: str) -> None:
    body = {"type": "Subscription", "entities": [{"type": "Thing"}], "notification": {"endpoint": {"uri": uri}}}
    for kind in ("subscriptions", "csourceSubscriptions"):
        answer = await http.post(f"{V1}/{kind}", json=body)
        assert answer.status_code == 403, (uri, answer.text)


@pytest.mark.parametrize("uri", [u for u in OURS if u.startswith("http")])
async def test_no_context_comes_from_a_machine_of_ours(broker: FullBroker, uri: str) -> None:
    found = contexts(Outbound(), ContextStore(broker.pool, "http://door"))
    with pytest.raises((NotAllowed, Unavailable)) as refused:
        await found.read(uri, "t")
    assert "PROVINCE_OUTBOUND_ALLOW" in (refused.value.remedy or "")
