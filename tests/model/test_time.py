"""DateTime as NGSI-LD has it (4.6.3)."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from province.errors import InvalidInput
from province.model.time import parse_utc


@pytest.mark.parametrize(
    ("text", "microsecond"),
    [("2026-03-01T05:00:00Z", 0), ("2026-03-01T05:00:00.25Z", 250_000), ("2026-03-01T05:00:00,000001Z", 1)],
)
def test_4_6_3_a_time_is_complete_and_in_utc(text: str, microsecond: int) -> None:
    assert parse_utc(text) == datetime(2026, 3, 1, 5, microsecond=microsecond, tzinfo=UTC)


@pytest.mark.parametrize(
    "text", ["2026-03-01T12:00:00+07:00", "2026-03-01T05:00:00+00:00", "2026-03-01T05:00Z", "20260301T050000Z"]
)
def test_4_6_3_anything_else_is_refused_with_how_to_write_it(text: str) -> None:
    with pytest.raises(InvalidInput) as refused:
        parse_utc(text, field="observedAt")
    assert refused.value.field == "observedAt"
    assert "2026-03-01T05:00:00Z" in refused.value.remedy
