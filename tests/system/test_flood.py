"""A drill through the whole product: gauges rise over MQTT, and within seconds the alert stands on the board."""

from __future__ import annotations

import contextlib
import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import httpx
import psycopg
import pytest

from province.engines.facade import Engines
from province.model.time import parse_instant
from province.settings import Settings
from tests.conftest import free_port, temporary_home

pytestmark = pytest.mark.slow
SPEED = 12
SECONDS_S = 20.0
"""From the reading that crosses to the page that shows it; a second or two on a machine that does nothing else."""


@contextlib.contextmanager
def running(environment: dict[str, str], log: Path, *arguments: str) -> Iterator[subprocess.Popen[bytes]]:
    command = [sys.executable, "-m", "province", *arguments]
    with log.open("wb") as output:
        child = subprocess.Popen(command, env=environment, stdout=output, stderr=output, process_group=0)
    try:
        yield child
    finally:
        child.send_signal(signal.SIGINT)
        child.wait(60)


@pytest.fixture
def product(tmp_path: Path) -> Iterator[tuple[str, dict[str, str], Path]]:
    """`province run` with the example and without its simulator. Gives address, environment, home."""
    with temporary_home() as home:
        port = free_port()
        environment = {k: v for k, v in os.environ.items() if not k.startswith("PROVINCE_")}
        environment |= {
            "PROVINCE_HOME": str(home), "PROVINCE_PORT": str(port), "PROVINCE_MQTT_PORT": str(free_port()),
        }  # fmt: skip
        log = tmp_path / "run.log"
        with running(environment, log, "run", "--example", "--no-simulate") as child:
            deadline = time.monotonic() + 180
            while "is ready" not in log.read_text():
                assert child.poll() is None, log.read_text()[-3000:]
                assert time.monotonic() < deadline, log.read_text()[-3000:]
                time.sleep(0.1)
            yield f"http://127.0.0.1:{port}", environment, home


def sign_in(client: httpx.Client, password: str, fresh: str) -> None:
    """As a browser does it: the first password must be changed."""
    token = re.search(r'name="csrf" value="([^"]+)"', client.get("/sign-in").text)
    assert token
    client.post("/sign-in", data={"login": "administrator", "password": password, "csrf": token[1], "next": "/boards"})
    token = re.search(r'name="csrf" value="([^"]+)"', client.get("/account/password").text)
    assert token
    given = {"old": password, "new": fresh, "again": fresh, "csrf": token[1]}
    assert client.post("/account/password", data=given).status_code == 200


def test_a_flood_is_on_the_board_within_seconds_and_over_when_it_is_over(
    product: tuple[str, dict[str, str], Path], tmp_path: Path
) -> None:
    address, environment, home = product
    password = (home / "secrets" / "administrator").read_text().strip()
    with httpx.Client(base_url=address, trust_env=False, follow_redirects=True, timeout=60) as client:
        sign_in(client, password, "Mat-khau-dien-tap-2026")
        assert client.get("/boards").status_code == 200
        assert "diễn tập" not in client.get("/alerts").text
        drill = ("simulate", "--scenario", "flood", "--speed", str(SPEED), "--seed", "1")
        with running(environment, tmp_path / "drill.log", *drill):
            listed = wait(client, "/alerts", lambda page: page.count("diễn tập") >= 3, 180)
            assert "mô phỏng" in listed
            href = re.search(r'href="(/alerts/urn:[^"]+)"', listed)
            assert href
            page = client.get(href[1]).text
            assert "Báo động I" in page
            assert "0,05" in page, "the hysteresis"
            assert "diễn tập" in client.get("/boards/environment").text
            # The map gathers its marks every few seconds.
            wait(client, "/console/map/Alert.json?bbox=106,10,107,12&zoom=10", lambda body: total(body) >= 3, 60)
            wait(client, "/alerts", lambda page: "Cực kỳ nghiêm trọng" in page, 120)
            over = wait(client, "/alerts?state=cleared", lambda page: page.count("diễn tập") >= 3, 180)
            assert "Báo động III" in over, "called by the highest level it reached"
    settings = Settings(home=home, port=int(address.rpartition(":")[2]))
    with psycopg.connect(Engines(settings).database_dsn()) as connection:
        rows = connection.execute(
            "SELECT created_at, attrs -> 'raisedAt' ->> 'value', attrs -> 'title' ->> 'origin',"
            " attrs -> 'status' ->> 'value'"
            " FROM entity WHERE type = 'Alert'"
        ).fetchall()
        told = connection.execute("SELECT count(*) FROM outbox WHERE name = 'threshold.crossed'").fetchone()
    assert len(rows) == 3
    assert told is not None
    assert told[0] >= 3 * 6, "three gauges, three levels up and down"
    assert {(origin, status) for _, _, origin, status in rows} == {("simulated", "cleared")}
    delays = [(created - parse_instant(raised)).total_seconds() for created, raised, _, _ in rows]
    assert max(delays) < SECONDS_S, delays


def total(body: str) -> int:
    """How many marks an answer of the map speaks of."""
    return int(json.loads(body)["total"])


def wait(client: httpx.Client, path: str, true: Callable[[str], bool], seconds: float) -> str:
    """Look at a page again and again until it says what is awaited."""
    deadline = time.monotonic() + seconds
    while True:
        page = client.get(path).text
        if true(page):
            return page
        assert time.monotonic() < deadline, f"{path} never showed it: {page[-2000:]}"
        time.sleep(0.5)
