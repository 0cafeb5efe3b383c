"""A real S3 endpoint on loopback, for what a site keeps on object storage."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager

import httpx

from tests.ports import free_port


@contextmanager
def object_store(buckets: Mapping[str, int]) -> Iterator[dict[str, str]]:
    """An endpoint. Gives the environment that names it. buckets: name → days of retention by Object Lock; 0: none."""
    port = free_port()
    endpoint = f"http://127.0.0.1:{port}"
    # A process of its own: a client library that holds the interpreter's lock would wait for itself.
    command = [sys.executable, "-m", "moto.server", "-H", "127.0.0.1", "-p", str(port)]
    server = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        for name, lock_days in buckets.items():
            _make_bucket(f"{endpoint}/{name}", lock_days)
        yield {
            "AWS_ENDPOINT_URL": endpoint,
            "AWS_ACCESS_KEY_ID": "test-key",
            "AWS_SECRET_ACCESS_KEY": "test-secret",
            "AWS_REGION": "ap-southeast-1",
            "AWS_ALLOW_HTTP": "true",
        }
    finally:
        server.terminate()
        server.wait(20)


def _make_bucket(address: str, lock_days: int) -> None:
    headers = {"x-amz-bucket-object-lock-enabled": "true"} if lock_days else {}
    deadline = time.monotonic() + 60
    while True:
        try:
            assert httpx.put(address, headers=headers, trust_env=False).status_code == 200
            break
        except httpx.TransportError:
            assert time.monotonic() < deadline, "the S3 endpoint did not start"
            time.sleep(0.1)
    if lock_days:
        rule = (
            "<ObjectLockConfiguration><ObjectLockEnabled>Enabled</ObjectLockEnabled><Rule><DefaultRetention>"
            f"<Mode>COMPLIANCE</Mode><Days>{lock_days}</Days></DefaultRetention></Rule></ObjectLockConfiguration>"
        )
        assert httpx.put(f"{address}?object-lock", content=rule.encode(), trust_env=False).status_code == 200
