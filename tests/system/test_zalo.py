"""A message by Zalo, from the signed webhook to a report under the usual numbers; unsigned ones are refused."""

from __future__ import annotations

import json

import pytest

from tests.product import Product, count, until

pytestmark = [pytest.mark.slow, pytest.mark.beside(8)]
WAITING = "SELECT count(*) FROM entity WHERE type = 'DeskMessage' AND attrs #>> '{suspected,value}' = 'true'"


async def test_from_the_simulated_account_to_the_desk_and_into_a_report(example: Product) -> None:
    said = example.command("simulate-zalo", "Cháy nhà trong hẻm, có người kẹt", "--at", "10.9752,106.6648")
    assert said.returncode == 0, said.stderr
    assert b"simulated message sent; the server answered 200" in said.stdout

    async def put_before_the_desk() -> bool:
        return await count(example, WAITING) == 1

    await until(put_before_the_desk, "the desk has the message, as one that tells of danger")
    async with example.http() as client:
        params = {"type": "DeskMessage", "format": "simplified"}
        (message,) = (await client.get("/ngsi-ld/v1/entities", params=params)).json()
        stored = (await client.get(f"/ngsi-ld/v1/entities/{message['id']}")).json()
        assert "simulated" in json.dumps(stored["title"]), "it says what it is"
        entered = await client.post("/api/actions/deskmessage.enter", json={"id": message["id"], "inputs": {}})
        assert entered.status_code == 200, entered.text
        report = (await client.get("/ngsi-ld/v1/entities", params={**params, "type": "Report"})).json()[0]
        assert (report["channel"], report["code"][:3]) == ("zalo", "PA-")
        forged = await client.post(
            "/api/zalo", json={"timestamp": "1"}, headers={"X-ZEvent-Signature": "mac=" + "0" * 64}
        )
        assert forged.status_code == 403
