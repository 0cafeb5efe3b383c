"""Dated constants: what a file may say, and which value holds on which day."""

from __future__ import annotations

from datetime import UTC, date, datetime

import pytest

from province.errors import ConfigurationError
from province.model.parameters import at, parse

TEXT = """
- {name: limit, value: 100, unit: MTR, source: Decision 1, valid_from: 2024-01-01, valid_to: 2025-07-01}
- {name: limit, value: 150, unit: MTR, source: Decision 2, valid_from: 2025-07-01}
- {name: routes, value: {road: ward}, source: Decision 3, valid_from: 2025-07-01, valid_to: 2026-01-01}
"""


def test_value_changes_at_midnight_in_vietnam() -> None:
    found = parse(TEXT)
    assert at(found, datetime(2025, 6, 30, 16, 59, 59, tzinfo=UTC)) == {"limit": 100}
    assert at(found, datetime(2025, 6, 30, 17, 0, tzinfo=UTC)) == {"limit": 150, "routes": {"road": "ward"}}
    assert at(found, datetime(2026, 1, 1, tzinfo=UTC)) == {"limit": 150}
    assert at(found, datetime(2020, 1, 1, tzinfo=UTC)) == {}
    assert found[0].valid_to == date(2025, 7, 1)


def test_empty_file_has_no_parameters() -> None:
    assert parse("") == parse("[]") == parse("# nothing") == ()


@pytest.mark.parametrize(
    ("row", "says"),
    [
        ("- {name: a, value: 1, source: s, valid_from: 2025-01-01}", r"params.yaml\[0\].unit"),
        ("- {name: a, value: 1, unit: XYZ, source: s, valid_from: 2025-01-01}", "XYZ"),
        ("- {name: a, value: x, unit: MTR, source: s, valid_from: 2025-01-01}", "not a number"),
        ("- {name: a, value: true, unit: C62, source: s, valid_from: 2025-01-01}", "not a number"),
        ("- {name: a, value: 1, unit: MTR, source: ' ', valid_from: 2025-01-01}", "no source"),
        ("- {name: a, value: 1, unit: MTR, valid_from: 2025-01-01}", "source"),
        ("- {name: a, value: 1, unit: MTR, source: s}", "valid_from"),
        ("- {name: a, value: 1, unit: MTR, source: s, valid_from: 2025-13-01}", "month must be"),
        ("- {name: a, value: 1, unit: MTR, source: s, valid_from: 2025-02-01, valid_to: 2025-02-01}", "ends before"),
        ("- {name: a, value: 1, unit: MTR, source: s, valid_from: 2025-01-01, colour: red}", "colour"),
        ("- {name: a, value: .inf, unit: MTR, source: s, valid_from: 2025-01-01}", "finite"),
        ("a: 1", "expected a list"),
        ("- [", "not YAML"),
        ("- just text", r"params.yaml\[0\]"),
    ],
)
def test_mistake_is_named(row: str, says: str) -> None:
    with pytest.raises(ConfigurationError, match=says):
        parse(row)


def test_two_values_on_one_day_are_refused() -> None:
    row = "- {{name: a, value: 1, unit: MTR, source: s, valid_from: {}, valid_to: {}}}\n"
    parse(row.format("2025-01-01", "2025-02-01") + row.format("2025-02-01", "2025-03-01"))
    with pytest.raises(ConfigurationError, match="two values on 2025-01-31"):
        parse(row.format("2025-01-01", "2025-02-01") + row.format("2025-01-31", "2025-03-01"))
