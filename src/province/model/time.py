"""Instants. Stored and computed in UTC; shown in Asia/Ho_Chi_Minh by the doors."""

from __future__ import annotations

import re
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

from province.errors import InvalidInput

Instant = datetime
"""An aware datetime. Every function here returns it in UTC."""

CIVIL_ZONE = ZoneInfo("Asia/Ho_Chi_Minh")
EARLIEST = datetime(1900, 1, 1, tzinfo=UTC)
_UTC = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:[.,]\d{1,6})?Z", re.ASCII)
FUTURE_TOLERANCE = timedelta(minutes=5)
"""A reading may be this far ahead of our clock (drifting devices) before it is refused as impossible."""


def now() -> Instant:
    """The present instant. Only doors and engines call it: pack logic receives `now`."""
    return datetime.now(UTC)


def parse_instant(text: object, *, field: str | None = None) -> Instant:
    """Parse an ISO 8601 date-time that carries an offset (`2026-11-24T07:00:00Z`, `…+07:00`).

    Raises: InvalidInput when it is not a string, lacks an offset, or lies before 1900.
    """
    if not isinstance(text, str):
        raise InvalidInput(
            f"{text!r} is not a date-time.", field=field, remedy="Give ISO 8601 text such as 2026-11-24T07:00:00Z."
        )
    try:
        value = datetime.fromisoformat(text)
    except ValueError:
        raise InvalidInput(
            f"{text[:64]!r} is not a date-time.", field=field, remedy="Give ISO 8601 text such as 2026-11-24T07:00:00Z."
        ) from None
    if value.tzinfo is None:
        raise InvalidInput(
            f"{text[:64]!r} has no time zone.", field=field, remedy="End it with Z (UTC) or an offset such as +07:00."
        )
    value = value.astimezone(UTC)
    if value < EARLIEST:
        raise InvalidInput(f"{text[:64]!r} lies before 1900.", field=field, remedy="Check the clock of the source.")
    return value


def parse_utc(text: object, *, field: str | None = None) -> Instant:
    """Parse a DateTime as NGSI-LD has it (4.6.3): complete, in UTC, ending with Z.

    Raises: InvalidInput; of a time with an offset it says how to write it.
    """
    value = parse_instant(text, field=field)
    if not _UTC.fullmatch(str(text)):
        raise InvalidInput(
            f"{str(text)[:64]!r} is not a complete date-time in UTC.", field=field,
            remedy=f"Write {format_instant(value)}: times end with Z (4.6.3).",
        )  # fmt: skip
    return value


def format_instant(value: Instant) -> str:
    """ISO 8601 in UTC with a Z and no more digits than needed: `2026-11-24T00:00:00.25Z`."""
    utc = value if value.tzinfo is UTC else value.astimezone(UTC)
    text = utc.isoformat()[:-6]  # without +00:00
    return (text.rstrip("0") if utc.microsecond else text) + "Z"


def civil_date(at: Instant) -> date:
    """The civil day of Vietnam in which an instant lies."""
    return at.astimezone(CIVIL_ZONE).date()


def read_day(text: str, *, field: str) -> date:
    """A civil day that a person typed. Raises: InvalidInput."""
    try:
        return date.fromisoformat(text.strip())
    except ValueError:
        raise InvalidInput(f"{text[:40]!r} is not a day.", field=field, remedy="Write it as 2026-11-25.") from None


def read_past_day(text: str, at: Instant, *, field: str = "day", of: str = "on which it happened") -> date:
    """A civil day that has come by an instant. of: of what it is the day, for the remedy. Raises: InvalidInput."""
    found = read_day(text, field=field)
    if found > civil_date(at):
        raise InvalidInput(f"{found} has not come yet.", field=field, remedy=f"Give the day {of}.")
    return found
