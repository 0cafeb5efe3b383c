"""Working calendars of a folder of facts: the rows of `calendar.csv`, one entity per year."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from datetime import date, timedelta
from pathlib import Path
from typing import Final

from province.errors import ConfigurationError
from province.territory.rows import Row, find_source, read_rows, read_sources, words
from province.vocab.calendar import WorkingYear, calendar_of, year_id

KINDS: Final = ("off", "worked", "counter")
HOURS: Final = ("07:30-11:30", "13:00-17:00")
_HOURS_FROM: Final = "office-hours"


def working_years(folder: Path) -> list[WorkingYear]:
    """One calendar per year that the rows name. Raises: ConfigurationError naming the row."""
    path = folder / "calendar.csv"
    sources = read_sources(folder)
    days: dict[int, dict[str, list[str]]] = defaultdict(lambda: {kind: [] for kind in KINDS})
    named: dict[int, dict[str, None]] = defaultdict(lambda: {_HOURS_FROM: None})
    for row in read_rows(path):
        find_source(sources, row["source"], path)
        for day in _days(row, path):
            days[day.year][row["kind"]].append(day.isoformat())
            named[day.year][row["source"]] = None
    years = []
    for year, kinds in sorted(days.items()):
        credits = [find_source(sources, name, path) for name in named[year]]
        off = set(kinds["off"])
        years.append(
            WorkingYear(
                id=year_id(year),
                year=year,
                name=f"Lịch làm việc năm {year}",
                daysOff=tuple(sorted(off)),
                workedDays=tuple(sorted(kinds["worked"])),
                counterDays=tuple(d for d in sorted(kinds["counter"]) if d not in off),
                sessions=HOURS,
                source=" ".join(words(one) for one in credits),
                sourceDate=max(one.date for one in credits).isoformat(),
                confidence="read" if all(one.confidence == "read" for one in credits) else "general",
            )
        )
    calendar_of(years)  # refuses a year whose rows contradict each other
    return years


def _days(row: Row, path: Path) -> Iterator[date]:
    """The days of a row; of a counter, the Saturdays between its two days."""
    try:
        first, last = date.fromisoformat(row["first"]), date.fromisoformat(row["last"])
    except ValueError as error:
        raise ConfigurationError(f"{row['name']}: {error}.", field=str(path)) from None
    if row["kind"] not in KINDS or last < first:
        raise ConfigurationError(
            f"{row['name']}: {row['kind']!r} from {first} to {last} is not understood.",
            field=str(path),
            remedy=f"A kind is one of {', '.join(KINDS)}; the first day stands before the last.",
        )
    for n in range((last - first).days + 1):
        day = first + timedelta(days=n)
        if row["kind"] != "counter" or day.weekday() == 5:
            yield day
