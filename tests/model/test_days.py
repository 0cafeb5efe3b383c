"""Days that people type: read as written, and in the past by the clock of Vietnam."""

from __future__ import annotations

from datetime import UTC, date, datetime

import pytest

from province.errors import InvalidInput
from province.model.time import civil_date, read_day, read_past_day

MORNING = datetime(2026, 11, 24, 17, 30, tzinfo=UTC)
"""Half past midnight of the 25th in Vietnam."""


def test_a_day_is_read_as_it_is_written() -> None:
    assert read_day(" 2026-11-25 ", field="begins") == date(2026, 11, 25)
    for wrong in ("", "25/11/2026", "2026-02-30", "tháng sau"):
        with pytest.raises(InvalidInput) as caught:
            read_day(wrong, field="begins")
        assert caught.value.field == "begins"
        assert caught.value.remedy


def test_today_is_the_day_of_vietnam_and_tomorrow_has_not_come() -> None:
    assert civil_date(MORNING) == date(2026, 11, 25)
    assert read_past_day("2026-11-25", MORNING) == date(2026, 11, 25)
    with pytest.raises(InvalidInput, match="has not come yet") as caught:
        read_past_day("2026-11-26", MORNING, field="laid", of="on which it was laid")
    assert caught.value.field == "laid"
    assert caught.value.remedy == "Give the day on which it was laid."
