"""Hourly averages per area over HTTP."""

from __future__ import annotations

from typing import Any

import pytest

from .conftest import Client, FullBroker

URL = "/api/observations/area-hours"
GIVEN = {"type": "Station", "attribute": "temperature", "start": "2026-01-01T00:00:00Z", "end": "2026-01-02T00:00:00Z"}


async def test_an_average_with_its_number_of_readings(http: Client, broker: FullBroker) -> None:
    answer = await http.get(URL, params=GIVEN | {"origins": "measured,reported", "of": "readings"})
    assert answer.json() == [
        {
            "start": "2026-01-01T00:00:00Z",
            "area": None,
            "average": 2.5,
            "readings": 4,
            "deviation": pytest.approx(1.118, 1e-3),
        }
    ]
    assert broker.said[0]["origins"] == ["measured", "reported"]
    assert broker.said[0]["stored"] is False


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"type": ""}, "type"), ({"start": "now"}, "start"), ({"end": "2025-01-01T00:00:00Z"}, "end"),
        ({"end": "2090-01-01T00:00:00Z"}, "end"), ({"origins": "guessed"}, "origins"), ({"of": "dreams"}, "of"),
    ],
)  # fmt: skip
async def test_impossible_questions(http: Client, change: dict[str, Any], field: str) -> None:
    answer = await http.get(URL, params=GIVEN | change)
    assert (answer.status_code, answer.json()["field"]) == (400, field)
