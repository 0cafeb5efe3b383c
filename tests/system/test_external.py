"""The grown shape on one machine: PostgreSQL, NATS and the lake's S3 storage stand outside the installation."""

from __future__ import annotations

import shutil
import time
from collections.abc import Callable, Iterator
from secrets import token_hex

import httpx
import pytest
from deltalake import DeltaTable

from province.adapters.heads import HeadBucket
from province.adapters.s3 import Bucket
from province.engines.nats import Nats
from province.settings import Settings
from tests.product import Product, installed
from tests.storage import object_store

pytestmark = pytest.mark.slow
BUCKET, LOCKED = "province-lake", "province-heads"


@pytest.fixture(scope="module")
def s3() -> Iterator[dict[str, str]]:
    """A real S3 endpoint, with a bucket for the lake and one with Object Lock."""
    with object_store({BUCKET: 0, LOCKED: 1}) as environment:
        yield environment


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
        product.environment = {**product.environment, **s3, "PROVINCE_AUDIT_HEADS": f"s3://{LOCKED}/{token_hex(4)}"}
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


def test_heads_of_the_audit_leave_for_a_locked_bucket(installation: Product, s3: dict[str, str]) -> None:
    kept = HeadBucket(Bucket(installation.environment["PROVINCE_AUDIT_HEADS"], s3))
    deadline = time.monotonic() + 60
    while not kept.heads():
        assert time.monotonic() < deadline, "no head left the database"
        time.sleep(0.5)
    assert kept.public_keys()
    assert not (installation.settings.home / "audit" / "heads").exists()
    checked = installation.command("audit", "verify")
    said = (checked.stdout + checked.stderr).decode()
    assert checked.returncode == 0, said
    assert " 0 exported heads" not in said
