"""Log lines: readable by machines, tied to their request, free of secrets."""

from __future__ import annotations

import io
import json
import logging
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from province import logs
from province.errors import ConfigurationError
from province.settings import Settings

SECRETS = st.text(st.characters(codec="ascii", exclude_characters=" ", categories=("L", "N", "P", "S")), min_size=8)
QUOTABLE = st.text(st.characters(exclude_characters="\"'\\\n\r", exclude_categories=("C",)), min_size=8)
WORDS = st.sampled_from(
    ["password", "PASSWORD", "client_secret", "secret", "access_token", "X-Auth-Token", "Authorization", "Cookie",
     "set-cookie", "backup-passphrase"]
)  # fmt: skip


@pytest.fixture
def written() -> Iterator[io.StringIO]:
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    access = logging.getLogger("uvicorn.access")
    stream = io.StringIO()
    logs.configure(Settings(log_level="debug"), "serve", stream=stream)
    yield stream
    logging.captureWarnings(False)
    root.handlers[:], access.propagate = handlers, True
    root.setLevel(level)


def lines(stream: io.StringIO) -> list[dict[str, Any]]:
    return [json.loads(line) for line in stream.getvalue().splitlines()]


def formatted(message: object, **extra: object) -> str:
    record = logging.makeLogRecord({"name": "x", "levelname": "INFO", "msg": message, **extra})
    return logs.JsonLine("p").format(record)


def test_a_line_tells_when_where_and_for_whom(written: io.StringIO) -> None:
    with logs.bind(request="r-1", tenant="binh-duong"):
        logging.getLogger("province.x").warning("đèn %s", "hỏng", extra={"writes": 3, "rate": float("nan")})
    logging.getLogger("province.x").debug("after")
    first, second = lines(written)
    assert first["time"].endswith("Z")
    assert {k: first[k] for k in first if k != "time"} == {
        "level": "WARNING", "process": "serve", "logger": "province.x", "message": "đèn hỏng", "request": "r-1",
        "tenant": "binh-duong", "writes": 3, "rate": "nan",
    }  # fmt: skip
    assert "request" not in second


def test_an_exception_is_one_field_of_one_line(written: io.StringIO) -> None:
    try:
        raise ValueError("postgresql://province:hunter2@db/x\nsecond line")
    except ValueError:
        logging.getLogger("x").exception("it failed")
    (line,) = lines(written)
    assert "Traceback" in line["exception"]
    assert "second line" in line["exception"]
    assert "hunter2" not in written.getvalue()


def test_a_wrong_format_string_does_not_cost_the_line() -> None:
    assert json.loads(formatted("%d readings", args=("many",)))["message"] == "%d readings ('many',)"


def test_extra_fields_do_not_forge_ours(written: io.StringIO) -> None:
    with logs.bind(request="true"):
        logging.getLogger("x").info("m", extra={"request": "forged", "level": "DEBUG"})
    (line,) = lines(written)
    assert (line["request"], line["extra_request"], line["level"]) == ("true", "forged", "INFO")


def test_the_access_log_of_the_server_is_silent(written: io.StringIO) -> None:
    logging.getLogger("uvicorn.access").info("GET /files/1?key=abc")
    logging.getLogger("uvicorn.error").info("started")
    assert [line["message"] for line in lines(written)] == ["started"]


def test_an_unknown_level_is_refused() -> None:
    with pytest.raises(ConfigurationError, match="LOUD"):
        logs.configure(Settings(log_level="LOUD"), "serve")


@given(key=WORDS, secret=SECRETS, around=st.sampled_from([("", ""), ("GET /x?", " 200"), ("{", "} and more")]))
def test_values_of_secret_names_never_appear_in_messages(key: str, secret: str, around: tuple[str, str]) -> None:
    for sign in ("=", ": ", " = ", "': '"):
        assert secret not in json.loads(formatted(f"{around[0]}{key}{sign}{secret} {around[1]}"))["message"]


@given(key=WORDS, secret=QUOTABLE, quote=st.sampled_from("'\""))
def test_quoted_secrets_never_appear_even_with_spaces(key: str, secret: str, quote: str) -> None:
    message = json.loads(formatted(f"said {{{quote}{key}{quote}: {quote}{secret}{quote}, 'a': 1}}"))["message"]
    assert secret not in message


@given(key=WORDS, secret=SECRETS)
def test_secret_fields_are_dropped_however_deep(key: str, secret: str) -> None:
    whole = formatted("m", facts=[{"a": {key: secret, "list": [{key: [secret]}]}}], **{f"x_{key}": secret})
    shown = json.loads(whole)
    assert shown["facts"] == [{"a": {key: logs.REDACTED, "list": [{key: logs.REDACTED}]}}]
    assert shown[f"x_{key}"] == logs.REDACTED


@given(
    password=st.text(st.characters(codec="ascii", categories=("L", "N", "P", "S")), min_size=1),
    scheme=st.sampled_from(["postgresql", "postgres", "nats", "tls", "https", "amqp+ssl"]),
    user=st.from_regex(r"[a-z0-9_.-]{0,12}", fullmatch=True),
)
def test_passwords_of_connection_strings_never_appear(password: str, scheme: str, user: str) -> None:
    message = json.loads(formatted(f"cannot reach {scheme}://{user}:{password}@10.0.0.1:5432/province now"))["message"]
    assert message == f"cannot reach {scheme}://{user}:{logs.REDACTED}@10.0.0.1:5432/province now"


@given(secret=st.from_regex(r"[0-9a-f]{16}_[A-Za-z0-9_-]{43}", fullmatch=True), before=st.sampled_from(["", "x", '"']))
def test_access_tokens_never_appear(secret: str, before: str) -> None:
    assert secret not in formatted(f"refused {before}prv_{secret}, sorry", where={"urls": [f"/x/prv_{secret}"]})


@given(st.text())
def test_any_text_becomes_one_valid_line(text: str) -> None:
    line = formatted(text, given=text, **{"odd key": text})
    assert "\n" not in line
    json.loads(line)


def test_lone_surrogates_and_foreign_objects_are_written() -> None:
    shown = json.loads(formatted("name \udc80", thing=object(), raw=b"password=x1y2z3"))
    assert shown["message"] == "name \\udc80"
    assert "x1y2z3" not in str(shown["raw"])


def test_ordinary_words_stay() -> None:
    text = "sensor 12 at 10.98,106.65 sent 3 readings; see http://127.0.0.1:8800/a and a@b.vn"
    assert logs.redact(text) == text
