"""Alerts to the public through the running product: taken in, prepared, released, shown, sent to boards, over."""

from __future__ import annotations

import json
import queue
import re
import time
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from importlib.resources import files
from typing import Any

import httpx
import paho.mqtt.client as mqtt
import pytest
from paho.mqtt.enums import CallbackAPIVersion

from province.ingest.credentials import Credential
from province.model.cap import signature, writing
from province.model.cap.message import Info, Message, Reference, Target
from province.model.time import now
from tests.product import Product
from tests.shared import shared

pytestmark = [pytest.mark.slow, pytest.mark.beside(7)]
RING = ((11.0, 106.6), (11.0, 106.7), (11.08, 106.7), (11.08, 106.6), (11.0, 106.6))
WARD = "urn:ngsi-ld:Area:25747:2025-07-01"
PREPARED = {
    "event": "Lũ",
    "headline": "Nước lên nhanh",
    "scale": "flood-2",
    "instruction": "Rời khỏi vùng trũng",
    "areas": [WARD],
    "hours": 2,
}


@pytest.fixture(scope="module")
def product(example: Product) -> Product:
    return example


@pytest.fixture(scope="module")
def officer(product: Product) -> Iterator[httpx.Client]:
    yield from client(product, "alert-officer", "officer")


@pytest.fixture(scope="module")
def second(product: Product) -> Iterator[httpx.Client]:
    yield from client(product, "decision-maker", "second")


@pytest.fixture(scope="module")
def stranger(product: Product) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=product.address, trust_env=False, timeout=60) as made:
        yield made


def client(product: Product, role: str, login: str) -> Iterator[httpx.Client]:
    """A caller with a role."""
    import asyncio
    from concurrent.futures import ThreadPoolExecutor

    with ThreadPoolExecutor(1) as pool:
        token = pool.submit(lambda: asyncio.run(product.make_token(login, role))).result()
    headers = {"Authorization": f"Bearer {token}"}
    with httpx.Client(base_url=product.address, headers=headers, trust_env=False, timeout=60) as made:
        yield made


@pytest.fixture(scope="module")
def administrator(product: Product) -> Iterator[httpx.Client]:
    headers = {"Authorization": f"Bearer {product.token}"}
    with httpx.Client(base_url=product.address, headers=headers, trust_env=False, timeout=60) as made:
        yield made


def act(caller: httpx.Client, action: str, id: str = "", status: int = 200, **inputs: Any) -> Any:
    """Carry out an action."""
    answer = caller.post(f"/api/actions/{action}", json={"inputs": inputs, **({"id": id} if id else {})})
    assert answer.status_code == status, answer.text
    return answer.json()


def prepare(caller: httpx.Client, **inputs: Any) -> str:
    """A prepared alert of which is known whom it reaches."""
    made = act(caller, "publicalert.prepare", **{**PREPARED, **inputs})
    id = str(made["changed"][0]["id"])
    wait(lambda: "location" in value(caller, id), "it is known whom it reaches")
    return id


def value(caller: httpx.Client, id: str) -> dict[str, Any]:
    """An entity in its simple form."""
    answer = caller.get(f"/ngsi-ld/v1/entities/{id}", params={"options": "keyValues"})
    assert answer.status_code == 200, answer.text
    return dict(answer.json())


def wait(true: Callable[[], bool], what: str, seconds: float = 60) -> None:
    """Wait for something."""
    deadline = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < deadline, f"never: {what}"
        time.sleep(0.1)


def test_an_alert_is_released_and_everybody_reads_it_signed(officer: httpx.Client, stranger: httpx.Client) -> None:
    id = prepare(officer, headline="Lũ trên sông Sài Gòn", headline_en="Flood on the Sài Gòn")
    draft = value(officer, id)
    assert draft["areas"] == [WARD] or WARD in draft["areas"]
    assert stranger.get(f"/alerts/cap/{id}.xml").status_code in (401, 404), "nothing leaves before it is released"
    assert "Lũ trên sông Sài Gòn" not in stranger.get("/alerts").text
    act(officer, "publicalert.release", id)
    page = stranger.get("/alerts").text
    assert "Lũ trên sông Sài Gòn" in page
    assert "tel:113" in page
    assert stranger.get(f"/alerts/public/{id}").status_code == 200
    answer = stranger.get(f"/alerts/cap/{id}.xml")
    assert answer.headers["content-type"] == "application/cap+xml"
    message, signer = signature.read_signed(answer.content)
    assert (message.status, message.msg_type, message.infos[0].severity) == ("Actual", "Alert", "Severe")
    assert message.infos[0].areas[0].geocodes[0].value == "25747"
    assert len(message.infos) == 2
    certificate = stranger.get("/alerts/certificate.pem").text
    assert certificate.startswith("-----BEGIN CERTIFICATE")
    assert signer.fingerprint
    feed = stranger.get("/alerts/feed.atom").text
    assert f"/alerts/cap/{id}.xml" in feed
    cancelled = act(officer, "publicalert.cancel", id, reason="Trạm đo hỏng")
    follower = next(c["id"] for c in cancelled["changed"] if c["id"] != id)
    told, _ = signature.read_signed(stranger.get(f"/alerts/cap/{follower}.xml").content)
    assert told.msg_type == "Cancel"
    assert told.references[0].identifier == message.identifier
    assert told.references[0].sent == message.sent
    assert value(officer, id)["status"] == "cancelled"
    assert "Đã huỷ" in stranger.get(f"/alerts/public/{id}").text


def test_the_gravest_needs_two_persons_and_an_exercise_reaches_nobody(
    officer: httpx.Client, second: httpx.Client, stranger: httpx.Client
) -> None:
    id = prepare(officer, scale="flood-3", headline="Sơ tán ngay vùng ven sông")
    act(officer, "publicalert.release", id)
    assert value(officer, id)["status"] == "waiting"
    assert "Sơ tán ngay" not in stranger.get("/alerts").text
    act(officer, "publicalert.confirm", id, status=403)
    act(second, "publicalert.confirm", id)
    assert "Sơ tán ngay" in stranger.get("/alerts").text
    clear = act(officer, "publicalert.all_clear", id, message="Nước đã rút")
    assert value(officer, id)["status"] == "replaced"
    assert len(clear["changed"]) >= 2
    drill = prepare(officer, scale="flood-3", headline="Diễn tập sơ tán", exercise=True)
    act(officer, "publicalert.release", drill)
    assert value(officer, drill)["status"] == "in_force"
    assert "Diễn tập sơ tán" not in stranger.get("/alerts").text + stranger.get("/alerts/feed.atom").text
    assert stranger.get(f"/alerts/cap/{drill}.xml").status_code in (401, 404)


def test_what_is_over_by_its_own_word_ends_without_a_person(officer: httpx.Client, administrator: httpx.Client) -> None:
    """Received a second before its end: shown, and then over."""
    keys = signature.make_key("het-han.example", now())
    at = now().replace(microsecond=0)
    document = received("h-1", keys, at, ends=at + timedelta(seconds=3))
    assert feed(administrator, document).status_code == 200
    id = found(administrator, "h-1")
    wait(lambda: value(administrator, id)["status"] == "expired", "it is over")


def received(identifier: str, keys: tuple[bytes, bytes], at: datetime, *, ends: datetime, **more: Any) -> bytes:
    """A signed alert of another sender."""
    info = Info(
        categories=("Met",), event="Mưa lớn", urgency="Expected", severity="Severe", certainty="Likely", expires=ends,
        headline=f"Mưa lớn {identifier}", language="vi-VN", areas=(Target(description="x", polygons=(RING,)),),
    )  # fmt: skip
    values: dict[str, Any] = {"msg_type": "Alert", "infos": (info,), **more}
    message = Message(
        identifier=identifier, sender="kttv.example.vn", sent=at, status="Actual", scope="Public", **values
    )
    return signature.sign(writing.element(message), *keys)


def feed(caller: httpx.Client, document: bytes) -> httpx.Response:
    """Send a document to the feed."""
    return caller.post("/api/feeds/cap", content=document, headers={"content-type": "application/cap+xml"})


def found(caller: httpx.Client, identifier: str) -> str:
    """Id of the record of a message."""
    answer = caller.get("/ngsi-ld/v1/entities", params={"type": "PublicAlert", "q": f'identifier=="{identifier}"'})
    return str(answer.json()[0]["id"])


def test_a_believed_sender_needs_no_person_and_an_unknown_one_does(
    administrator: httpx.Client, stranger: httpx.Client
) -> None:
    keys = signature.make_key("kttv.example.vn", now())
    at = now().replace(microsecond=0)
    later = at + timedelta(hours=5)
    assert feed(administrator, received("k-1", keys, at, ends=later)).json()["created"] == 1
    assert feed(administrator, received("k-1", keys, at, ends=later)).json()["created"] == 0, "twice is once"
    first = found(administrator, "k-1")
    wait(lambda: bool(value(administrator, first).get("areas")), "judged")
    assert value(administrator, first)["status"] == "prepared"
    assert "Mưa lớn k-1" not in stranger.get("/alerts").text
    act(administrator, "publicalert.trust", first, reason="Công văn")
    assert feed(administrator, received("k-2", keys, at, ends=later)).status_code == 200
    wait(lambda: "Mưa lớn k-2" in stranger.get("/alerts").text, "the believed one is public")
    document = stranger.get(f"/alerts/cap/{found(administrator, 'k-2')}.xml").content
    assert document == received_as_sent(document), "as its sender signed it"
    # The same words under another key change nothing.
    other = signature.make_key("kttv.example.vn", now())
    about = (Reference("kttv.example.vn", "k-2", at),)
    forged = received("k-3", other, at, ends=later, msg_type="Cancel", infos=(), references=about)
    assert feed(administrator, forged).status_code == 200
    third = found(administrator, "k-3")
    wait(lambda: "areas" in value(administrator, third) or value(administrator, third)["status"] != "x", "judged")
    time.sleep(1)
    assert "Mưa lớn k-2" in stranger.get("/alerts").text
    true = received("k-4", keys, at, ends=later, msg_type="Cancel", infos=(), references=about)
    assert feed(administrator, true).status_code == 200
    wait(lambda: value(administrator, found(administrator, "k-2"))["status"] == "cancelled", "the true one counts")
    wait(lambda: alerts(administrator, found(administrator, "k-2")), "the centre has an alert of it")


def received_as_sent(document: bytes) -> bytes:
    """The document, when its signature holds."""
    signature.read_signed(document)
    return document


def alerts(caller: httpx.Client, cause: str) -> bool:
    """Whether the operations centre has an alert of a message."""
    listed = caller.get("/ngsi-ld/v1/entities", params={"type": "Alert", "options": "keyValues", "limit": 100}).json()
    return any(cause in json.dumps(one.get("evidence")) for one in listed)


def test_real_alerts_and_their_defects_at_the_door(administrator: httpx.Client) -> None:
    """Taken or refused as their names say; what is refused lies among the dead letters with its reason."""
    for path in sorted(shared("alerts/cap/tests/data").glob("*/*.xml")):
        answer = feed(administrator, path.read_bytes())
        assert answer.status_code == (200 if path.stem == "valid" else 400), (path, answer.text)
        if path.stem != "valid":
            assert "CAP 1.2 §" in answer.text, path
    assert (
        feed(administrator, files("province.packs.alerts").joinpath("cases", "rain.xml").read_bytes()).status_code
        == 200
    )
    assert (
        administrator.post("/api/feeds/cap", content=b"{}", headers={"content-type": "application/json"}).status_code
        == 422
    )


class Board:
    """A board as its maker would build it: it listens, shows, and answers."""

    def __init__(self, product: Product, credential: Credential) -> None:
        self.shown: queue.Queue[dict[str, Any]] = queue.Queue()
        self.answers = True
        self._login = credential.login
        self._client = mqtt.Client(CallbackAPIVersion.VERSION2, client_id=credential.login, protocol=mqtt.MQTTv311)
        self._client.username_pw_set(credential.login, credential.secret)
        self._client.on_connect = self._connected
        self._client.on_message = self._told
        self._client.connect("127.0.0.1", product.settings.mqtt_port)
        self._client.loop_start()

    def _connected(self, made: mqtt.Client, *_: Any) -> None:
        made.subscribe(f"devices/{self._login}/commands/#", qos=0)

    def _told(self, made: mqtt.Client, _: Any, message: mqtt.MQTTMessage) -> None:
        body = json.loads(message.payload)
        self.shown.put(body)
        if self.answers:
            made.publish(f"devices/{self._login}/acks", json.dumps({"id": body["id"]}), qos=1)

    def close(self) -> None:
        """Go away."""
        self._client.disconnect()
        self._client.loop_stop()


async def test_a_board_is_told_until_it_answers(
    product: Product, administrator: httpx.Client, officer: httpx.Client
) -> None:
    board = "urn:ngsi-ld:AlertBoard:test-1"
    far = "urn:ngsi-ld:AlertBoard:test-2"
    for id, area in ((board, WARD), (far, "urn:ngsi-ld:Area:25750:2025-07-01")):
        body = {"id": id, "type": "AlertBoard", "name": "Bảng thử", "area": {"type": "Relationship", "object": area}}
        made = administrator.post("/ngsi-ld/v1/entities", json=body)
        assert made.status_code == 201, made.text
    credentials = await product.issue([board])
    id = prepare(officer, headline="Cho bảng điện tử")
    act(officer, "publicalert.release", id)
    deliveries = lambda: administrator.get(  # noqa: E731
        "/ngsi-ld/v1/entities", params={"type": "AlertDelivery", "q": f'alert=="{id}"', "options": "keyValues"}
    ).json()
    wait(lambda: len(deliveries()) == 1, "a delivery to the board of the ward, and to no other")
    assert deliveries()[0]["status"] == "sending"
    device = Board(product, credentials[0])
    try:
        told = []
        while not told or told[-1]["id"] != id:  # it is told whatever else is in force in its ward
            told.append(device.shown.get(timeout=75))
        body = told[-1]
        assert body["texts"][0]["headline"] == "Cho bảng điện tử"
        assert body["tone"] == "orange"
        wait(lambda: deliveries()[0]["status"] == "acknowledged", "the board answered")
        assert deliveries()[0]["delay"] > 0
        time.sleep(3)
        later = [device.shown.get()["id"] for _ in range(device.shown.qsize())]
        assert id not in later, "and is not told again"
    finally:
        device.close()
    letters = administrator.get("/api/dead-letters")
    assert "acks" not in letters.text, "an answer is no reading that could not be read"


def test_pages_in_both_languages_and_links(stranger: httpx.Client) -> None:
    assert "Cảnh báo cho người dân" in stranger.get("/alerts/public").text
    english = stranger.get("/alerts/public", headers={"cookie": "lang=en"}).text
    assert "Alerts to the public" in english
    for href in re.findall(r'href="(/alerts/public/urn:[^"]+)"', english)[:3]:
        assert stranger.get(href).status_code == 200
