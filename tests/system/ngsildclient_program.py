"""A program of somebody who uses the PyPI package `ngsildclient`, run by its own Python with that package alone.

Arguments: host, port, token. Prints what it saw as one JSON object. The package is used as it is published.
"""

# mypy: ignore-errors
from __future__ import annotations

import json
import sys
import threading
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, HTTPServer

from ngsildclient import Client, Entity, SubscriptionBuilder
from requests.auth import AuthBase


class Bearer(AuthBase):
    def __init__(self, token):
        self.token = token

    def __call__(self, request):
        request.headers["Authorization"] = "Bearer " + self.token
        return request


class Receiver(BaseHTTPRequestHandler):
    told: list = []  # noqa: RUF012 - one receiver only
    heard = threading.Event()

    def do_POST(self):
        Receiver.told.append(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
        self.send_response(200)
        self.end_headers()
        Receiver.heard.set()

    def log_message(self, *_):
        pass


def station(number, level, minute):
    made = Entity("PumpingStation", f"PS-{number}")
    made.prop("name", f"Trạm {number}")
    made.prop("waterLevel", level, unitcode="MTR", observedat=datetime(2026, 1, 2, 3, minute, tzinfo=UTC))
    made.loc((10.98, 106.65))
    made.rel("operatedBy", "Agency:water")
    return made


def main(host, port, token):
    server = HTTPServer(("127.0.0.1", 0), Receiver)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    seen = {}
    with Client(hostname=host, port=int(port), custom_auth=Bearer(token), verbose=False) as client:
        first = station(1, 1.2, 0)
        seen["created"] = client.create(first)
        seen["exists"] = [client.exists(first), client.exists("urn:ngsi-ld:PumpingStation:none")]
        got = client.get(first)
        seen["got"] = [got.id, got.type, got["name"]["value"], got["waterLevel"]["unitCode"]]
        seen["linked"] = [got["location"]["value"]["coordinates"], got["operatedBy"]["object"]]

        about = (SubscriptionBuilder(f"http://127.0.0.1:{server.server_port}/told").id("urn:ngsi-ld:Subscription:client")
                 .name("levels").select_type("PumpingStation").watch(["waterLevel"]).query("waterLevel>1.3")
                 .notif(["waterLevel"]).build())  # fmt: skip
        seen["subscribed"] = client.subscriptions.create(about)
        seen["subscription"] = client.subscriptions.exists("urn:ngsi-ld:Subscription:client")

        batch = client.batch.upsert([station(n, n / 2, 5) for n in range(1, 6)])
        seen["upserted"] = [batch.n_ok, batch.n_err]
        seen["queried"] = sorted(e.id for e in client.query(type="PumpingStation", q="waterLevel>=2"))
        seen["counted"] = client.count(type="PumpingStation")
        seen["heard"] = Receiver.heard.wait(20)
        seen["told"] = sorted((e["id"], e["waterLevel"]["value"]) for n in list(Receiver.told) for e in n["data"])

        history = client.temporal.get(first, attrs=["waterLevel"])
        seen["history"] = history["waterLevel"]["values"]
        seen["histories"] = sorted(e["id"] for e in client.temporal.query(type="PumpingStation", attrs=["waterLevel"]))
        seen["types"] = client.types.list()
        seen["deleted"] = client.delete(first)
        seen["unsubscribed"] = client.subscriptions.delete("levels")
        seen["dropped"] = client.drop("PumpingStation")
        seen["left"] = client.count(type="PumpingStation")
    print(json.dumps(seen))


main(*sys.argv[1:])
