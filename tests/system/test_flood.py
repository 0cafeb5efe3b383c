"""A drill through the whole product: gauges rise over MQTT, and within seconds the alert stands on the board."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Callable, Iterator

import httpx
import psycopg
import pytest

from province.model.time import parse_instant
from tests.product import Product, installed

pytestmark = pytest.mark.slow
SPEED = 12
SECONDS_S = 20.0
"""From the reading that crosses to the page that shows it; a second or two on a machine that does nothing else."""


@pytest.fixture
def product() -> Iterator[Product]:
    """The product with the example and without its simulator."""
    with installed("--example", "--no-simulate") as made:
        made.start()
        yield made


def test_a_flood_is_on_the_board_within_seconds_and_over_when_it_is_over(product: Product) -> None:
    with product.signed_in() as client:
        assert client.get("/boards").status_code == 200
        assert "diễn tập" not in client.get("/alerts").text
        drill = ("simulate", "--scenario", "flood", "--speed", str(SPEED), "--seed", "1")
        with product.beside(*drill):
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
            over = wait(client, "/alerts?state=cleared", lambda page: len(alerts_on(page)) >= 3, 180)
            assert "Báo động III" in over, "called by the highest level it reached"
    with psycopg.connect(product.engines.database_dsn()) as connection:
        rows = connection.execute(
            "SELECT created_at, attrs -> 'raisedAt' ->> 'value', attrs -> 'title' ->> 'origin',"
            " attrs -> 'status' ->> 'value'"
            " FROM entity WHERE type = 'Alert'"
        ).fetchall()
        told = connection.execute(
            "SELECT sum(abs((payload ->> 'after')::int - (payload ->> 'before')::int))"
            " FROM outbox WHERE name = 'threshold.crossed'"
        ).fetchone()
    assert len(rows) == 3
    assert told is not None
    assert told[0] >= 3 * 6, "three gauges, three levels up and down"
    assert {(origin, status) for _, _, origin, status in rows} == {("simulated", "cleared")}
    delays = [(created - parse_instant(raised)).total_seconds() for created, raised, _, _ in rows]
    assert max(delays) < SECONDS_S, delays


def alerts_on(page: str) -> set[str]:
    """Addresses of the alerts that a page lists."""
    return set(re.findall(r'href="(/alerts/urn:[^"]+)"', page))


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
