"""The running product in its operators' hands: TLS with own certificates, key rotation, status, a clean end."""

from __future__ import annotations

import asyncio
import ipaddress
import json
import os
import signal
import socket
import ssl
import warnings
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import httpx
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from tests.product import Product, count, installed, running_product, until
from tests.system.load import TYPE, Device

pytestmark = pytest.mark.slow
SENSOR = f"urn:ngsi-ld:{TYPE}:upkeep"


def certificate(folder: Path) -> tuple[Path, Path]:
    """A certificate of this machine's loopback address, signed by itself, and its key."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "province.test")])
    now = datetime.now(UTC)
    made = (
        x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(key.public_key())
        .serial_number(x509.random_serial_number()).not_valid_before(now - timedelta(hours=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .sign(key, hashes.SHA256())
    )  # fmt: skip
    paths = folder / "tls.crt", folder / "tls.key"
    paths[0].write_bytes(made.public_bytes(serialization.Encoding.PEM))
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    paths[1].write_bytes(private)
    paths[1].chmod(0o600)
    return paths


@pytest.fixture(scope="module")
def secured(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Product]:
    """With its own certificate on both doors."""
    crt, key = certificate(tmp_path_factory.mktemp("tls"))
    with running_product(tls_certificate=str(crt), tls_key=str(key)) as product:
        yield product


async def test_both_doors_speak_tls(secured: Product) -> None:
    """HTTPS and MQTT over TLS from end to end; without TLS, or with another's trust, nobody gets in."""
    async with secured.http() as client:
        made = await client.post("/ngsi-ld/v1/entities", json={"id": SENSOR, "type": TYPE})
        assert made.status_code == 201, made.text
        page = await client.get("/sign-in")
        assert all("secure" in cookie.lower() for cookie in page.headers.get_list("set-cookie"))
    (credential,) = await secured.issue([SENSOR])
    device = Device(secured, credential, SENSOR, set())
    device.connect()
    at = datetime.now(UTC).replace(microsecond=0)
    try:
        await until(device.client.is_connected, "the device is connected")
        device.publish(at, 21.0)
        await until(lambda: bool(device.acknowledged), "the reading is acknowledged")
    finally:
        device.end()
    await secured.written()
    assert secured.lake.count() == 1
    for port in (secured.settings.port, secured.settings.mqtt_port):
        with pytest.raises(ssl.SSLCertVerificationError), socket.create_connection(("127.0.0.1", port)) as plain:
            ssl.create_default_context().wrap_socket(plain, server_hostname="127.0.0.1")
        trusted = ssl.create_default_context(cafile=secured.settings.tls_certificate)
        with (
            socket.create_connection(("127.0.0.1", port)) as plain,
            trusted.wrap_socket(plain, server_hostname="127.0.0.1") as secure,
        ):
            assert secure.version() in ("TLSv1.2", "TLSv1.3")
        old = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        old.check_hostname, old.verify_mode = False, ssl.CERT_NONE
        with warnings.catch_warnings(action="ignore", category=DeprecationWarning):  # that it is old is the point
            old.minimum_version = old.maximum_version = ssl.TLSVersion.TLSv1_1
        with socket.create_connection(("127.0.0.1", port)) as plain, pytest.raises((ssl.SSLError, OSError)):
            old.wrap_socket(plain)
    async with httpx.AsyncClient(trust_env=False) as client:
        with pytest.raises(httpx.TransportError):
            await client.get(f"http://127.0.0.1:{secured.settings.port}/healthz")


async def test_the_command_line_over_tls(secured: Product) -> None:
    done = await asyncio.to_thread(secured.command, "get", SENSOR, token=secured.token)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["id"] == SENSOR


async def test_the_master_key_changes_while_everything_runs(secured: Product) -> None:
    """Tokens, sign-ins and devices go on; the former key is gone; a second change and a restart work too."""
    before = (secured.settings.secrets / "master-key").read_bytes()
    pids = {name: child["pid"] for name, child in secured.children().items()}
    for _ in range(2):
        done = await asyncio.to_thread(secured.command, "rotate-key")
        assert done.returncode == 0, done.stderr
        async with secured.http() as client:
            assert (await client.get(f"/ngsi-ld/v1/entities/{SENSOR}")).status_code == 200
            form = await client.get("/sign-in")
            assert form.status_code == 200
    after = (secured.settings.secrets / "master-key").read_bytes()
    assert before.strip() not in after
    assert pids == {name: child["pid"] for name, child in secured.children().items()}
    backup = await asyncio.to_thread(secured.command, "backup", str(secured.settings.home.parent / "backups"))
    assert backup.returncode == 0, backup.stderr
    secured.stop()
    secured.start()
    async with secured.http() as client:
        assert (await client.get(f"/ngsi-ld/v1/entities/{SENSOR}")).status_code == 200


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM], ids=["SIGINT", "SIGTERM"])
async def test_a_clean_end_leaves_nothing(number: signal.Signals) -> None:
    """Every process ends, the ports are free, and the same home starts again; `status` tells all along."""
    with installed() as product:
        assert product.command("status").returncode == 3
        product.start()
        status = product.command("status", "--json")
        assert status.returncode == 0, status.stderr
        assert json.loads(status.stdout)["healthy"] is True
        assert len(product.pids()) >= 6
        second = product.command("run", "--no-example", "--no-simulate")
        assert second.returncode == 1
        assert b"in use" in second.stderr
        assert b"Traceback" not in second.stderr
        assert product.stop(number) == 0
        assert product.pids() == []
        for port in (product.settings.port, product.settings.mqtt_port):
            with socket.socket() as probe:
                probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                probe.bind(("127.0.0.1", port))
        assert product.command("status").returncode == 3


@pytest.mark.fault
async def test_a_killed_supervisor_takes_its_processes_along() -> None:
    """kill -9 of `province run` itself: its processes end by themselves, and the next start is not in their way."""
    with installed() as product:
        product.start()
        for _ in range(2):
            assert product.child is not None
            os.kill(product.child.pid, signal.SIGKILL)
            product.child.wait()
            await until(lambda: not product.pids(), "everything ended", timeout_s=60)
            assert product.command("status").returncode == 3
            product.start()
        assert await count(product, "SELECT count(*) FROM tenant") == 1


async def test_status_tells_of_a_process_that_does_not_run(secured: Product) -> None:
    os.kill(secured.children()["ingest"]["pid"], signal.SIGSTOP)
    try:
        os.kill(secured.children()["serve"]["pid"], signal.SIGKILL)
        await until(lambda: secured.children()["serve"]["state"] != "ready", "the end of serve is noticed")
        assert secured.command("status").returncode == 3
    finally:
        os.kill(secured.children()["ingest"]["pid"], signal.SIGCONT)
    await until(lambda: secured.command("status").returncode == 0, "all is well again", timeout_s=60, pause_s=0.5)
