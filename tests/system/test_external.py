"""The grown shape on one machine: PostgreSQL, NATS and the lake's S3 storage stand outside the installation."""

from __future__ import annotations

import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator

import httpx
import pytest
from deltalake import DeltaTable

from province.engines.nats import Nats
from province.settings import Settings
from tests.conftest import free_port
from tests.product import Product, installed

pytestmark = pytest.mark.slow
BUCKET = "province-lake"


@pytest.fixture(scope="module")
def s3() -> Iterator[dict[str, str]]:
    """A real S3 endpoint on loopback, with one bucket. Gives the environment that names it."""
    port = free_port()
    endpoint = f"http://127.0.0.1:{port}"
    # A process of its own: a client library that holds the interpreter's lock would wait for itself.
    command = [sys.executable, "-m", "moto.server", "-H", "127.0.0.1", "-p", str(port)]
    server = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    environment = {
        "AWS_ENDPOINT_URL": endpoint,
        "AWS_ACCESS_KEY_ID": "test-key",
        "AWS_SECRET_ACCESS_KEY": "test-secret",
        "AWS_REGION": "ap-southeast-1",
        "AWS_ALLOW_HTTP": "true",
    }
    try:
        _make_bucket(endpoint)
        yield environment
    finally:
        server.terminate()
        server.wait(20)


def _make_bucket(endpoint: str) -> None:
    deadline = time.monotonic() + 60
    while True:
        try:
            assert httpx.put(f"{endpoint}/{BUCKET}", trust_env=False).status_code == 200
            return
        except httpx.TransportError:
            assert time.monotonic() < deadline, "the S3 endpoint did not start"
            time.sleep(0.1)


@pytest.fixture
def installation(
    s3: dict[str, str], make_database: Callable[[], str], nats_server: Nats, settings: Settings
) -> Iterator[Product]:
    """`province run` that starts no engine of its own."""
    with installed(
        "--example", "--simulate", mqtt_port=settings.mqtt_port, database=make_database(), nats=nats_server.url(),
        lake=f"s3://{BUCKET}/lake",
    ) as product:  # fmt: skip
        secrets = product.settings.secrets
        secrets.mkdir(parents=True, mode=0o700)
        for name in ("nats-callout", "nats-service"):  # as an operator puts them there for an external server
            shutil.copy(settings.secrets / name, secrets / name)
        product.environment = {**product.environment, **s3}
        product.start()
        yield product


def test_readings_reach_a_lake_on_s3_through_external_engines(installation: Product, s3: dict[str, str]) -> None:
    home = installation.settings.home
    assert not (home / "postgres").exists()
    assert not (home / "nats").exists()
    with httpx.Client(base_url=installation.address, trust_env=False) as client:
        assert client.get("/readyz").status_code == 200
        types = client.get("/ngsi-ld/v1/entities", params={"type": "AirQualityObserved", "limit": 3})
        assert len(types.json()) == 3
    table = f"s3://{BUCKET}/lake/binh-duong/observations"
    deadline = time.monotonic() + 60
    rows = 0
    while not rows:
        assert time.monotonic() < deadline, "no simulated reading reached the lake"
        time.sleep(0.5)
        if DeltaTable.is_deltatable(table, s3):
            rows = DeltaTable(table, storage_options=s3).to_pyarrow_table(columns=["entity"]).num_rows
    status = installation.command("status")
    said = (status.stdout + status.stderr).decode()
    assert status.returncode == 0, said
    assert "postgres" not in said
