"""CAP 1.2: real signed alerts and their defects, our own messages there and back, and what strangers may try."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from functools import cache
from importlib.resources import files
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.effort import examples
from tests.shared import shared

from province.errors import DecodeError
from province.model.cap import message as cap
from province.model.cap import reading, signature, writing
from province.model.cap.message import Circle, Info, Message, Named, Reference, Resource, Target

AT = datetime(2026, 10, 20, 7, 30, tzinfo=UTC)
FIELDS = {
    "invalid_certificate": "Signature",
    "invalid_digest": "Signature",
    "invalid_signature": "Signature",
    "no_signature": "Signature",
    "invalid_schema": "",
}


@cache
def keys() -> tuple[bytes, bytes]:
    return signature.make_key("thử nghiệm", AT)


def sample() -> bytes:
    """The alert that stands beside the pack's cases."""
    return files("province.packs.alerts").joinpath("cases", "rain.xml").read_bytes()


def real() -> list[Path]:
    """The real alerts, and each with its defects."""
    return sorted(shared("alerts/cap/tests/data").glob("*/*.xml"))


def test_real_alerts_are_taken_or_refused_as_their_names_say() -> None:
    seen: dict[str, int] = {}
    for path in real():
        seen[path.stem] = seen.get(path.stem, 0) + 1
        if path.stem == "valid":
            message, signer = signature.read_signed(path.read_bytes())
            assert (message.status, message.msg_type, message.scope) == ("Actual", "Alert", "Public")
            assert cap.geometry(message) is not None
            assert signer.subject.startswith("CN=www.meteo")
            continue
        with pytest.raises(DecodeError) as refused:
            signature.read_signed(path.read_bytes())
        assert (refused.value.field or "").startswith(FIELDS[path.stem]), path
        assert "CAP 1.2 §" in str(refused.value), path
    assert set(seen) == {"valid", *FIELDS}


def test_real_alerts_say_what_their_authors_wrote() -> None:
    message, _ = signature.read_signed(shared("alerts/cap/tests/data/sc/valid.xml").read_bytes())
    info = message.infos[0]
    assert info.event == "Strong Winds"
    assert info.expires == datetime.fromisoformat("2024-05-19T23:30:00+04:00")
    assert len(info.areas[0].polygons[0]) == 14


def whole() -> Message:
    """A message that uses every element."""
    info = Info(
        language="vi-VN",
        categories=("Met", "Safety"),
        event="Lũ",
        responses=("Evacuate", "Avoid"),
        urgency="Immediate",
        severity="Extreme",
        certainty="Observed",
        audience="mọi người",
        event_codes=(Named("VN", "BD3"),),
        effective=AT,
        onset=AT,
        expires=AT + timedelta(hours=3),
        sender_name="Ban Chỉ huy",
        headline="Nước lên <nhanh> & mạnh",
        description="Dòng 1\nDòng 2",
        instruction="Rời đi",
        web="https://example.vn/a?b=1&c=2",
        contact="0274",
        parameters=(Named("Province:scale", "flood-3"), Named("rỗng", "")),
        resources=(
            Resource(description="ảnh", media_type="image/png", size=12, uri="https://example.vn/x.png", digest="ab"),
        ),
        areas=(
            Target(
                description="Ven sông",
                polygons=(((11.0, 106.6), (11.0, 106.7), (11.1, 106.7), (11.0, 106.6)),),
                circles=(Circle(11.05, 106.66, 0.0), Circle(-89.99, 179.99, 12.5)),
                geocodes=(Named("VN-DVHC", "25747"),),
                altitude=0.0,
                ceiling=300.5,
            ),
        ),
    )
    return Message(
        identifier="A-1",
        sender="example.vn",
        sent=AT,
        status="Actual",
        msg_type="Update",
        scope="Private",
        source="trực ban",
        restriction="nội bộ",
        addresses=("hai từ", "một"),
        codes=("x", "y"),
        note="ghi chú",
        references=(Reference("example.vn", "A-0", AT - timedelta(hours=1)),),
        incidents=("lũ 2026", "b"),
        infos=(info, info),
    )


def test_every_element_comes_back_as_it_was_sent() -> None:
    document = signature.sign(writing.element(whole()), *keys())
    message, signer = signature.read_signed(document)
    assert message == whole()
    assert signer.subject == "CN=thử nghiệm"
    assert signer.fingerprint == signature.read_signed(signature.sign(writing.element(whole()), *keys()))[1].fingerprint


@given(
    headline=st.text(st.characters(exclude_categories=("Cs", "Cc")), max_size=40),
    latitude=st.floats(-90, 90),
    longitude=st.floats(-180, 180),
    radius=st.floats(0, 500),
    offset=st.integers(-12, 13),
    number=st.integers(0, 3),
)
@settings(max_examples=examples(100), deadline=None)
def test_what_is_written_is_read_the_same(
    headline: str, latitude: float, longitude: float, radius: float, offset: int, number: int
) -> None:
    target = Target(
        description="x", circles=(Circle(round(latitude, 9), round(longitude, 9), round(radius, 9)),) * number
    )
    info = Info(
        categories=("Met",),
        event="e",
        urgency="Past",
        severity="Minor",
        certainty="Likely",
        headline=headline,
        areas=(target,),
        expires=(AT + timedelta(hours=offset)),
    )
    made = Message(identifier="i", sender="s", sent=AT, status="Test", msg_type="Alert", scope="Public", infos=(info,))
    assert reading.read(reading.parse(etree_bytes(made))) == made


def etree_bytes(message: Message) -> bytes:
    """Unsigned XML."""
    from lxml import etree

    return bytes(etree.tostring(writing.element(message), encoding="UTF-8"))


BASE = etree_bytes(
    Message(
        identifier="i",
        sender="s",
        sent=AT,
        status="Actual",
        msg_type="Alert",
        scope="Public",
        infos=(
            Info(
                categories=("Met",),
                event="e",
                urgency="Past",
                severity="Minor",
                certainty="Likely",
                expires=AT,
                areas=(
                    Target(description="x", circles=(Circle(1, 2, 3),), polygons=(((0, 0), (0, 1), (1, 1), (0, 0)),)),
                ),
            ),
        ),
    )
).decode()


@pytest.mark.parametrize(
    ("old", "new", "field", "clause"),
    [
        ("<identifier>i<", "<identifier>i j<", "identifier", "§3.2.1"),
        ("<identifier>i<", "<identifier>i,j<", "identifier", "§3.2.1"),
        ("<sender>s</sender>", "", "sender", "§3.4"),
        ("+07:00</sent>", "Z</sent>", "sent", "§3.3.2"),
        ("+07:00</sent>", ".5+07:00</sent>", "sent", "§3.3.2"),
        ("2026-10-20T14:30:00+07:00</sent>", "2026-02-30T14:30:00+07:00</sent>", "sent", "§3.3.2"),
        (">Actual<", ">Real<", "status", "§3.2.1"),
        (">Actual<", "> Actual<", "status", "§3.2.1"),
        (">Alert<", ">Update<", "references", "§3.2.1"),
        (">Public<", ">Restricted<", "restriction", "§3.2.1"),
        (">Public<", ">Private<", "addresses", "§3.2.1"),
        ("<scope>Public</scope>", "<scope>Public</scope><references>a,b</references>", "references", "§3.2.1"),
        ("<scope>Public</scope>", "<scope>Public</scope><scope>Public</scope>", "scope", "§3.4"),
        ("<scope>Public</scope>", "<scope>Public</scope><extra/>", "alert", "§3.4"),
        ("<scope>Public</scope>", "<scope lang='vi'>Public</scope>", "scope", "§3.4"),
        ("<scope>Public</scope>", "<scope>Public</scope>text", "alert", "§3.4"),
        ("<category>Met</category>", "", "info[0].category", "§3.4"),
        ("<category>Met<", "<category>Weather<", "info[0].category", "§3.2.2"),
        ("<event>e</event>", "<event> </event>", "info[0].event", "§3.2"),
        (
            "<severity>Minor</severity>",
            "<certainty>Likely</certainty><severity>Minor</severity>",
            "info[0].severity",
            "§3.4",
        ),
        ("<language>en-US<", "<language>en_US<", "info[0].language", "§3.2.2"),
        ("1,2 3<", "1,2<", "info[0].area[0].circle[0]", "§3.2.4"),
        ("1,2 3<", "91,2 3<", "info[0].area[0].circle[0]", "§3.2.4"),
        ("1,2 3<", "1,2 -3<", "info[0].area[0].circle[0]", "§3.2.4"),
        ("0,0 0,1 1,1 0,0", "0,0 0,1 0,0", "info[0].area[0].polygon[0]", "§3.2.4"),
        ("0,0 0,1 1,1 0,0", "0,0 0,1 1,1 0,2", "info[0].area[0].polygon[0]", "§3.2.4"),
        ("0,0 0,1 1,1 0,0", "0,0 0,181 1,1 0,0", "info[0].area[0].polygon[0]", "§3.2.4"),
        ("</area>", "<ceiling>3</ceiling></area>", "info[0].area[0].ceiling", "§3.2.4"),
        ("<areaDesc>x</areaDesc>", "", "info[0].area[0].areaDesc", "§3.4"),
        ("cap:1.2", "cap:1.1", "alert", "§3.4"),
    ],
)
def test_a_broken_rule_is_named_with_its_clause(old: str, new: str, field: str, clause: str) -> None:
    assert old in BASE
    with pytest.raises(DecodeError) as refused:
        reading.read(reading.parse(BASE.replace(old, new, 1).encode()))
    assert refused.value.field == field
    assert clause in str(refused.value)


@pytest.mark.parametrize(
    "prologue",
    [
        '<!DOCTYPE alert [<!ENTITY a "b">]>',
        '<!DOCTYPE alert SYSTEM "file:///etc/passwd">',
        '<!DOCTYPE alert [<!ENTITY % a SYSTEM "http://127.0.0.1:9/x"> %a;]>',
    ],
)
def test_a_document_type_is_refused_unread(prologue: str) -> None:
    with pytest.raises(DecodeError) as refused:
        reading.parse((prologue + BASE).encode())
    assert refused.value.field == "body"


def test_an_entity_bomb_ends_at_once() -> None:
    bomb = "<!DOCTYPE z [<!ENTITY a0 'ha'>" + "".join(f"<!ENTITY a{n} '{f'&a{n - 1};' * 10}'>" for n in range(1, 40))
    with pytest.raises(DecodeError):
        reading.parse(f"{bomb}]><z>&a39;</z>".encode())


def test_deep_nesting_and_sheer_size_are_refused() -> None:
    with pytest.raises(DecodeError):
        reading.parse(b"<a>" * 100_000)
    with pytest.raises(DecodeError) as refused:
        reading.parse(b" " * (reading.LARGEST + 1))
    assert refused.value.field == "body"


def changed(pattern: str, replacement: str) -> bytes:
    """The sample with one piece changed."""
    text, count = re.subn(pattern, replacement, sample().decode(), count=1, flags=re.DOTALL)
    assert count == 1, pattern
    return text.encode()


@pytest.mark.parametrize(
    ("pattern", "replacement"),
    [
        (r"kê cao", "kéo cao"),
        (r"<severity>Severe", "<severity>Minor"),
        (r'URI=""', 'URI="#x"'),
        (r"#ecdsa-sha256", "#ecdsa-sha1"),
        (r"xmlenc#sha256", "xmldsig#sha1"),
        (r"enveloped-signature", "base64"),
        (r"<ds:X509Certificate>.*</ds:X509Certificate>", ""),
        (r"<ds:X509Certificate>.{40}", "<ds:X509Certificate>AAAA"),
        (r"</alert>", "<ds:Signature xmlns:ds='http://www.w3.org/2000/09/xmldsig#'/></alert>"),
    ],
)
def test_an_altered_message_or_a_weak_signature_is_refused(pattern: str, replacement: str) -> None:
    signature.read_signed(sample())
    with pytest.raises(DecodeError) as refused:
        signature.read_signed(changed(pattern, replacement))
    assert (refused.value.field or "").startswith("Signature"), refused.value


def test_a_signature_cannot_be_moved_to_another_message() -> None:
    """The signed alert wrapped as an ornament of a forged one: its signature is not that of the whole."""
    text = sample().decode()
    stolen = re.search(r"<ds:Signature.*</ds:Signature>", text, re.DOTALL)
    assert stolen is not None
    forged = BASE.replace("</alert>", stolen[0] + "</alert>")
    with pytest.raises(DecodeError) as refused:
        signature.read_signed(forged.encode())
    assert refused.value.field == "Signature"


def test_indentation_after_signing_does_no_harm_and_words_do() -> None:
    indented = sample().decode().replace("><", ">\n  <")
    message, _ = signature.read_signed(indented.encode())
    assert message == signature.read_signed(sample())[0]
    with pytest.raises(DecodeError):
        signature.read_signed(indented.replace("Severe", "Minor").encode())
