"""The PyPI package `ngsildclient`, unmodified, against the running product.

It wants older versions of packages that we use too, so it lives in an environment of its own, made here from
`requirements/clients.lock`.
"""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
from pathlib import Path

import pytest

from tests.product import running_product

ROOT = Path(__file__).parents[2]
STATION = "urn:ngsi-ld:PumpingStation:PS-"


def environment(folder: Path) -> Path:
    """A Python with the locked packages. Returns its program."""
    uv = str(Path(sys.executable).with_name("uv"))
    python = folder / "bin/python"
    subprocess.run([uv, "venv", "--quiet", "--python", sys.executable, folder], check=True)
    lock = ROOT / "requirements/clients.lock"
    subprocess.run(
        [uv, "pip", "install", "--quiet", "--python", python, "--require-hashes", "-r", lock], check=True, timeout=240
    )
    return python


@pytest.mark.slow
@pytest.mark.beside(9)
async def test_create_query_subscribe_and_temporal(tmp_path: Path) -> None:
    python = await asyncio.to_thread(environment, tmp_path / "client")
    with running_product(outbound_allow="127.0.0.1") as product:
        program = await asyncio.create_subprocess_exec(
            python, "-W", "ignore", Path(__file__).with_name("ngsildclient_program.py"),
            product.settings.host, str(product.settings.port), product.token,
            stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE,
        )  # fmt: skip
        said, failed = await asyncio.wait_for(program.communicate(), 120)
    assert program.returncode == 0, failed.decode()[-3000:]
    seen = json.loads(said.decode().strip().splitlines()[-1])
    assert seen == {
        "created": True,
        "exists": [True, False],
        "got": [STATION + "1", "PumpingStation", "Trạm 1", "MTR"],
        "linked": [[106.65, 10.98], "urn:ngsi-ld:Agency:water"],
        "subscribed": "urn:ngsi-ld:Subscription:client",
        "subscription": True,
        "upserted": [4, 0],  # the client counts those that were new
        "queried": [STATION + "4", STATION + "5"],
        "counted": 5,
        "heard": True,
        "told": seen["told"],
        "history": [[1.2, "2026-01-02T03:00:00Z"], [0.5, "2026-01-02T03:05:00Z"]],
        "histories": [STATION + str(n) for n in range(1, 6)],
        "types": seen["types"],
        "deleted": True,
        "unsubscribed": True,
        "dropped": seen["dropped"],
        "left": 0,
    }
    assert set(map(tuple, seen["told"])) <= {(STATION + str(n), n / 2) for n in range(3, 6)}
    assert seen["told"]
