"""Reading the server's question and answering it; the real server's opinion of the answers is in test_gateway."""

from __future__ import annotations

import base64
import json
import os
from typing import Any

import nkeys
import pytest
from hypothesis import given
from hypothesis import strategies as st

from province.engines import callout
from province.errors import InvalidInput

SEED: str = nkeys.encode_seed(os.urandom(32), nkeys.PREFIX_BYTE_ACCOUNT).decode()


def pack(value: object) -> bytes:
    return base64.urlsafe_b64encode(json.dumps(value).encode()).rstrip(b"=")


def question(user: str = "lamp-1", password: str = "right", client_id: str = "lamp-1", kind: str = "mqtt") -> bytes:
    body = {
        "client_info": {"mqtt_id": client_id, "type": kind, "host": "192.0.2.1"},
        "connect_opts": {"user": user, "pass": password},
        "user_nkey": "UKEY",
        "server_id": {"id": "NSERVER"},
    }
    return b".".join((pack({"alg": "ed25519-nkey"}), pack({"nats": body}), b"signature"))


def claims(token: bytes | str) -> dict[str, Any]:
    text = token if isinstance(token, str) else token.decode()
    body = text.split(".")[1]
    found: dict[str, Any] = json.loads(base64.urlsafe_b64decode(body + "=" * (-len(body) % 4)))
    return found


def decide(request: callout.Request) -> callout.Permissions | None:
    return callout.device_permissions(request.user) if request.password == "right" else None


def test_the_right_password_gets_its_own_subjects_only() -> None:
    answer = claims(callout.respond(question(), decide, SEED))
    assert answer["aud"] == "NSERVER"
    assert answer["sub"] == "UKEY"
    user = claims(answer["nats"]["jwt"])
    assert user["aud"] == "PROVINCE"
    assert user["nats"]["pub"] == {"allow": ["devices.lamp-1.>"]}
    assert all(subject.startswith("devices.lamp-1.commands") for subject in user["nats"]["sub"]["allow"])
    assert user["nats"]["allowed_connection_types"] == ["MQTT"]


def test_the_answer_is_signed_by_the_issuer() -> None:
    head, body, signature = callout.respond(question(), decide, SEED).split(b".")
    raw = base64.urlsafe_b64decode(signature + b"=" * (-len(signature) % 4))
    assert nkeys.from_seed(SEED.encode()).verify(head + b"." + body, raw)


@pytest.mark.parametrize(
    "asked", [question(password="wrong"), question(client_id="lamp-2"), question(client_id="")], ids=str
)
def test_others_are_refused(asked: bytes) -> None:
    answer = claims(callout.respond(asked, decide, SEED))["nats"]
    assert answer["error"]
    assert "jwt" not in answer


def test_no_permission_is_written_as_a_denial() -> None:
    request = callout.read_request(question())
    nothing = callout.Permissions(name="x", publish=(), subscribe=(), expires=4102444800)
    user = claims(claims(callout.grant(request, nothing, SEED))["nats"]["jwt"])
    assert user["nats"]["pub"] == user["nats"]["sub"] == {"deny": [">"]}
    assert user["exp"] == 4102444800


@given(st.text())
def test_no_identifier_reaches_beyond_its_own_subjects(device: str) -> None:
    try:
        permissions = callout.device_permissions(device)
    except InvalidInput:
        return
    assert permissions.publish == (f"devices.{device}.>",)
    assert not set(device) & set(".*> /+#$\0")


@given(
    st.one_of(st.binary(), st.recursive(st.none() | st.integers() | st.text(), st.lists).map(lambda v: b"." + pack(v)))
)
def test_mutilated_questions_are_refused(token: bytes) -> None:
    with pytest.raises(InvalidInput):
        callout.read_request(token)
