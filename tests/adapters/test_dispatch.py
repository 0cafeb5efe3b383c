"""Mail against a real SMTP server, SMS against a real HTTP server: what leaves, what waits, what a person must see."""

from __future__ import annotations

import asyncio
import email
import os
import signal
import ssl
import subprocess
import sys
import uuid
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from email.message import EmailMessage
from pathlib import Path
from typing import Any

import asyncpg
import msgspec
import pytest
from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, AuthResult, Envelope, LoginPassword, Session
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from province.adapters import dispatch
from province.adapters.dispatch import Carrier, Dispatcher, Outgoing, Taken, enqueue
from province.adapters.outbound import Outbound
from province.adapters.sms import HttpSms, SimulatedSms, number
from province.adapters.smtp import Smtp, read_server
from province.broker.subscriptions.delivery import Refused
from province.errors import ConfigurationError, NotFound, Unavailable
from province.identity.audit import Connection, Pool
from province.model.label import Label
from province.pack import Notice
from tests.ports import free_port

SITE = Label("Bình Dương số", "Digital Bình Dương")
SENDER = "Bình Dương số <khong-tra-loi@province.test>"
OVER = Notice(
    to="mailto:an@vi-du.vn",
    subject=Label("Đã xử lý phản ánh: PA-2026-000001", "Your report is resolved: PA-2026-000001"),
    body=Label("Đã vá ổ gà $ngày 24/11.", "The pothole is mended."),
    about="urn:ngsi-ld:Report:a",
)


class Office:
    """A mail server's mind: what it got, and what it answers next."""

    def __init__(self) -> None:
        self.got: list[EmailMessage] = []
        self.envelopes: list[tuple[str, list[str]]] = []
        self.answers: list[str] = []
        self.signed_in: list[bool] = []

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:  # noqa: N802
        answer = self.answers.pop(0) if self.answers else "250 taken"
        if answer.startswith("250"):
            content = envelope.content
            assert isinstance(content, bytes)
            self.got.append(email.message_from_bytes(content, policy=email.policy.default))  # type: ignore[arg-type]
            self.envelopes.append((envelope.mail_from or "", list(envelope.rcpt_tos)))
            self.signed_in.append(session.authenticated)
        return answer


@pytest.fixture
def office() -> Iterator[tuple[Office, Controller]]:
    mind = Office()
    controller = Controller(mind, hostname="127.0.0.1", port=free_port(), decode_data=False)
    controller.start()
    yield mind, controller
    controller.stop()


def port_of(controller: Controller) -> int:
    return int(controller.port)


def mail_to(controller: Controller) -> Smtp:
    return Smtp(read_server(f"smtp://127.0.0.1:{port_of(controller)}"), SENDER)


@pytest.fixture
async def clean(pool: Pool) -> Pool:
    """No message of another test waits."""
    await pool.execute("DELETE FROM dispatch")
    return pool


def sender(pool: Pool, **carriers: Carrier) -> Dispatcher:
    return Dispatcher(pool, carriers, site=SITE, url="https://province.test")  # type: ignore[arg-type]


async def rows(pool: Pool, tenant: str) -> list[asyncpg.Record]:
    return await pool.fetch("SELECT * FROM dispatch WHERE tenant = $1 ORDER BY way, address", tenant)


async def account(conn: Connection, tenant: str, name: str, agency: str, **columns: Any) -> str:
    made = uuid.uuid4()
    await conn.execute(
        "INSERT INTO account (tenant, id, login, login_folded, name, kind, agency, email, phone, disabled_at)"
        " VALUES ($1, $2, $3, $3, $3, 'person', $4, $5, $6, $7)",
        tenant, made, name, agency, columns.get("email"), columns.get("phone"), columns.get("disabled_at"),
    )  # fmt: skip
    return str(made)


async def test_a_notice_leaves_as_mail_in_both_languages(
    clean: Pool, conn: Connection, tenant: str, office: tuple[Office, Controller]
) -> None:
    mind, controller = office
    assert await enqueue(conn, tenant, OVER, "e1") == 1
    assert await enqueue(conn, tenant, OVER, "e1") == 0, "an event that is delivered again puts nothing in twice"
    assert await sender(clean, mail=mail_to(controller)).step() == 1
    [mail] = mind.got
    assert mind.envelopes == [("khong-tra-loi@province.test", ["an@vi-du.vn"])]
    assert mail["Subject"] == OVER.subject.vi
    assert mail["Auto-Submitted"] == "auto-generated"
    text = mail.get_content()
    assert text.index("Đã vá ổ gà $ngày 24/11.") < text.index("The pothole is mended.")
    assert "/entity/" not in text, "a resident has no way to the officials' page"
    [row] = await rows(clean, tenant)
    assert (row["state"], row["attempts"], row["reference"]) == ("sent", 1, mail["Message-ID"])
    assert await sender(clean, mail=mail_to(controller)).step() == 0


async def test_an_agency_is_told_by_the_ways_that_its_people_have(
    clean: Pool, conn: Connection, tenant: str, office: tuple[Office, Controller]
) -> None:
    mind, controller = office
    desk = "urn:ngsi-ld:Agency:a"
    await account(conn, tenant, "an", desk, email="an@so.vn", phone="0903000001")
    await account(conn, tenant, "binh", desk, phone="0903 000 002")
    await account(conn, tenant, "chi", desk, email="chi@so.vn", disabled_at=datetime.now(UTC))
    await account(conn, tenant, "dung", "urn:ngsi-ld:Agency:b", email="dung@so.vn")
    notice = msgspec.structs.replace(OVER, to=desk, channels=("mail", "sms"), language="en")
    assert await enqueue(conn, tenant, notice, "e2") == 3
    assert await enqueue(conn, tenant, msgspec.structs.replace(notice, channels=()), "e3") == 0, "the inbox alone"
    await sender(clean, mail=mail_to(controller), sms=SimulatedSms()).step()
    assert [(r["way"], r["address"], r["state"]) for r in await rows(clean, tenant)] == [
        ("mail", "an@so.vn", "sent"),
        ("sms", "0903 000 002", "simulated"),
        ("sms", "0903000001", "simulated"),
    ]
    [mail] = mind.got
    assert mail["Subject"] == OVER.subject.en
    assert "https://province.test/entity/urn:ngsi-ld:Report:a" in mail.get_content()
    assert "Đã vá" not in mail.get_content()


@pytest.mark.parametrize(("answer", "state"), [("451 come again", "waiting"), ("554 no such mind", "open")])
async def test_a_refusal_of_the_moment_waits_and_one_for_good_goes_to_a_person(
    clean: Pool, conn: Connection, tenant: str, office: tuple[Office, Controller], answer: str, state: str
) -> None:
    mind, controller = office
    mind.answers.append(answer)
    await enqueue(conn, tenant, OVER, "e1")
    out = sender(clean, mail=mail_to(controller))
    await out.step()
    [row] = await rows(clean, tenant)
    assert row["state"] == state
    assert answer[:3] in row["reason"]
    assert await out.step() == 0, "not before its turn"
    if state == "waiting":
        assert row["due"] > datetime.now(UTC) + timedelta(seconds=10)
        await clean.execute("UPDATE dispatch SET due = now() WHERE tenant = $1", tenant)
    else:
        await dispatch.retry(clean, tenant, row["id"])
    await out.step()
    [row] = await rows(clean, tenant)
    assert row["state"] == "sent"
    assert len(mind.got) == 1
    with pytest.raises(NotFound):
        await dispatch.dismiss(clean, tenant, row["id"])


async def test_after_the_last_attempt_a_person_sees_it(clean: Pool, conn: Connection, tenant: str) -> None:
    class Away:
        async def send(self, message: Outgoing) -> Taken:
            raise Unavailable("nobody is there.")

    await enqueue(conn, tenant, OVER, "e1")
    pauses = []
    for _ in range(dispatch.ATTEMPTS):
        await clean.execute("UPDATE dispatch SET due = now() WHERE tenant = $1", tenant)
        assert await sender(clean, mail=Away()).step() == 1
        [row] = await rows(clean, tenant)
        pauses.append(row["due"] - datetime.now(UTC))
    assert pauses[:-1] == sorted(pauses[:-1]), "each pause is longer than the one before"
    assert (row["state"], row["attempts"]) == ("open", dispatch.ATTEMPTS)
    assert "nobody is there" in row["reason"]


async def test_without_a_way_out_messages_wait_and_are_given_up_when_stale(
    clean: Pool, conn: Connection, tenant: str
) -> None:
    await enqueue(conn, tenant, OVER, "e1")
    assert await sender(clean, sms=SimulatedSms()).step() == 0
    assert [r["state"] for r in await rows(clean, tenant)] == ["waiting"]
    await clean.execute("UPDATE dispatch SET at = now() - interval '8 days' WHERE tenant = $1", tenant)
    await sender(clean, sms=SimulatedSms()).step()
    [row] = await rows(clean, tenant)
    assert row["state"] == "open"
    assert "PROVINCE_SMTP" in row["reason"]


def certificate(folder: Path) -> tuple[Path, Path]:
    """A certificate for 127.0.0.1 that signs itself, and its key."""
    import ipaddress

    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "office")])
    at = datetime.now(UTC)
    made = (
        x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(key.public_key())
        .serial_number(1).not_valid_before(at - timedelta(days=1)).not_valid_after(at + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]), False)
        .sign(key, hashes.SHA256())
    )  # fmt: skip
    (folder / "c.pem").write_bytes(made.public_bytes(serialization.Encoding.PEM))
    (folder / "k.pem").write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )
    return folder / "c.pem", folder / "k.pem"


async def test_starttls_is_checked_and_the_password_never_goes_without_it(tmp_path: Path) -> None:
    cert, key = certificate(tmp_path)
    serving = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    serving.load_cert_chain(cert, key)

    def admit(server: SMTP, session: Session, envelope: Envelope, mechanism: str, data: LoginPassword) -> AuthResult:
        return AuthResult(success=(data.login, data.password) == (b"province", b"a p@ss:word"))

    mind = Office()
    controller = Controller(
        mind, hostname="127.0.0.1", port=free_port(), tls_context=serving, require_starttls=True, authenticator=admit,
        auth_required=True,
    )  # fmt: skip
    controller.start()
    try:
        trusting = ssl.create_default_context(cafile=str(cert))
        good = read_server(f"smtp+starttls://province:a%20p%40ss%3Aword@127.0.0.1:{port_of(controller)}")
        message = Outgoing(uuid.uuid4(), "an@vi-du.vn", "Xin chào", "Nội dung\n")
        await Smtp(good, SENDER, context=trusting).send(message)
        assert mind.signed_in == [True]
        with pytest.raises(Unavailable, match="CERTIFICATE_VERIFY_FAILED"):
            await Smtp(good, SENDER).send(message)
        plain = read_server(f"smtp://127.0.0.1:{port_of(controller)}")
        with pytest.raises(Refused, match="530"):
            await Smtp(plain, SENDER).send(message)
        assert len(mind.got) == 1
    finally:
        controller.stop()


def test_settings_that_cannot_be_are_refused_without_repeating_the_password() -> None:
    for url in ("http://host", "smtp://", "smtps://a:geheim@host:port", "smtps://a:geheim%C3%A9@host"):
        with pytest.raises(ConfigurationError) as caught:
            read_server(url)
        assert "geheim" not in str(caught.value)
    with pytest.raises(ConfigurationError, match="sender"):
        Smtp(read_server("smtp://host"), "nobody")
    assert "geheim" not in repr(read_server("smtps://a:geheim@host"))


async def test_an_address_that_would_forge_a_header_is_refused() -> None:
    carrier = Smtp(read_server("smtp://127.0.0.1:1"), SENDER)
    with pytest.raises(Refused):
        await carrier.send(Outgoing(uuid.uuid4(), "a@b.vn\r\nBcc: c@d.vn", "x", "y"))


@pytest.mark.parametrize(
    ("typed", "full"),
    [("0274 382 2222", "+842743822222"), ("+84 90-300.0001", "+84903000001"), ("(0903) 000 001", "+84903000001")],
)
def test_numbers_are_brought_into_one_form(typed: str, full: str) -> None:
    assert number(typed) == full


@pytest.mark.parametrize("wrong", ["113", "gọi tôi", "+0123456789", "090300000100000000"])
def test_what_is_no_number_is_refused(wrong: str) -> None:
    with pytest.raises(Refused):
        number(wrong)


async def test_an_sms_goes_with_its_key_and_the_gateway_decides() -> None:
    seen: list[tuple[dict[str, str], bytes]] = []
    statuses = [200, 503, 422]

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = (await reader.readuntil(b"\r\n\r\n")).decode().split("\r\n")
        headers = {k.lower(): v.strip() for k, _, v in (line.partition(":") for line in head[1:] if line)}
        seen.append((headers, await reader.readexactly(int(headers["content-length"]))))
        body = b'{"id": "g-7"}'
        status = statuses.pop(0)
        writer.write(f"HTTP/1.1 {status} X\r\nContent-Length: {len(body)}\r\nConnection: close\r\n\r\n".encode() + body)
        await writer.drain()
        writer.close()

    server = await asyncio.start_server(answer, "127.0.0.1", 0)
    outbound = Outbound("127.0.0.1")
    try:
        url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/sms"
        carrier = HttpSms(outbound, url, "bí mật".encode().hex())
        message = Outgoing(uuid.uuid4(), "0903 000 001", "", "Đã xử lý")
        assert await carrier.send(message) == Taken("g-7")
        with pytest.raises(Unavailable):
            await carrier.send(message)
        with pytest.raises(Refused):
            await carrier.send(message)
    finally:
        await outbound.close()
        server.close()
    assert {h["idempotency-key"] for h, _ in seen} == {str(message.id)}, "a repeated SMS has the same key"
    assert msgspec.json.decode(seen[0][1]) == {"to": "+84903000001", "text": "Đã xử lý"}


_CHILD = """
import asyncio, sys
from province.adapters.dispatch import Dispatcher
from province.adapters.smtp import Smtp, read_server
from province.broker.database import connect
from province.model.label import Label

async def main():
    pool = await connect(sys.argv[1], size=2)
    carrier = Smtp(read_server(sys.argv[2]), "a@province.test")
    await Dispatcher(pool, {"mail": carrier}, site=Label("S", "S")).run()

asyncio.run(main())
"""


@pytest.mark.fault
@pytest.mark.parametrize("when", ["before it is taken", "after it is taken"])
async def test_a_killed_sender_loses_no_mail_and_a_second_copy_is_known_by_its_id(
    clean: Pool, conn: Connection, dsn: str, tenant: str, when: str
) -> None:
    stuck = asyncio.Event()
    loop = asyncio.get_running_loop()

    class Slow(Office):
        async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:  # noqa: N802
            if not self.got:
                if when == "after it is taken":
                    await super().handle_DATA(server, session, envelope)
                loop.call_soon_threadsafe(stuck.set)
                await asyncio.sleep(3600)
            return await super().handle_DATA(server, session, envelope)

    class Copies(Slow):
        async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:  # noqa: N802
            if stuck.is_set():
                return await Office.handle_DATA(self, server, session, envelope)
            return await super().handle_DATA(server, session, envelope)

    mind = Copies()
    controller = Controller(mind, hostname="127.0.0.1", port=free_port(), decode_data=False)
    controller.start()
    try:
        await enqueue(conn, tenant, OVER, "e1")
        child = subprocess.Popen(
            [sys.executable, "-c", _CHILD, dsn, f"smtp://127.0.0.1:{port_of(controller)}"], env=dict(os.environ)
        )
        try:
            await asyncio.wait_for(stuck.wait(), 60)
        finally:
            child.send_signal(signal.SIGKILL)
            child.wait()
        [row] = await rows(clean, tenant)
        assert row["state"] == "sending"
        out = sender(clean, mail=mail_to(controller))
        assert await out.step() == 0, "while the lease runs nobody else takes it"
        await clean.execute("UPDATE dispatch SET due = now() WHERE tenant = $1", tenant)
        assert await out.step() == 1
    finally:
        controller.stop(no_assert=True)
    [row] = await rows(clean, tenant)
    assert (row["state"], row["attempts"]) == ("sent", 2)
    assert len(mind.got) == (1 if when == "before it is taken" else 2)
    assert len({m["Message-ID"].partition("@")[0] for m in mind.got}) == 1, "one identity, however many copies"
