"""Clocks against an oracle that knows no shortcut: it walks through single days and single minutes."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, date, datetime, time, timedelta

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from province.errors import InvalidInput, NotFound
from province.model.calendar import Calendar, Term, TermUnit, Year, due, resumed, shifted
from province.model.time import CIVIL_ZONE

SESSIONS = ((time(7, 30), time(11, 30)), (time(13), time(17)))
DAYS = [date(2025, 1, 1) + timedelta(days=n) for n in range(730)]


def years(off: Sequence[date], worked: Sequence[date], counters: Sequence[date]) -> list[Year]:
    return [
        Year(
            n,
            SESSIONS,
            off=frozenset(d for d in off if d.year == n),
            worked=frozenset(d for d in worked if d.year == n),
            counters=frozenset(d for d in counters if d.year == n),
        )
        for n in (2025, 2026)
    ]


@st.composite
def calendars(draw: st.DrawFn) -> tuple[Calendar, set[date], set[date]]:
    """A calendar of two years, the days that it works, and the days on which something is taken in."""
    weekdays = [d for d in DAYS if d.weekday() < 5]
    weekend = [d for d in DAYS if d.weekday() >= 5]
    off = draw(st.lists(st.sampled_from(weekdays), max_size=60, unique=True))
    worked = draw(st.lists(st.sampled_from(weekend), max_size=20, unique=True))
    counters = draw(st.lists(st.sampled_from(weekend), max_size=40, unique=True))
    works = {d for d in weekdays if d not in off} | set(worked)
    return Calendar(years(off, worked, counters)), works, works | set(counters)


def instants(first: date = date(2025, 1, 1), days: int = 330) -> st.SearchStrategy[datetime]:
    start = datetime.combine(first, time(), CIVIL_ZONE)
    return st.integers(0, days * 24 * 60).map(lambda minutes: start + timedelta(minutes=minutes))


def civil(at: datetime) -> date:
    return at.astimezone(CIVIL_ZONE).date()


def close(day: date) -> datetime:
    return datetime.combine(day, time(17), CIVIL_ZONE)


@given(calendars(), instants(), st.integers(1, 30), st.sampled_from((None, time(17), time(11, 30))))
def test_working_days_are_those_that_a_clerk_would_tick_off(
    given_: tuple[Calendar, set[date], set[date]], received: datetime, amount: int, late: time | None
) -> None:
    calendar, works, taken = given_
    day = civil(received)
    if late is not None and (received.astimezone(CIVIL_ZONE).time() > late or day not in taken):
        day += timedelta(days=1)
        while day not in taken:
            day += timedelta(days=1)
    ticked = 0
    while ticked < amount:
        day += timedelta(days=1)
        if day in works:
            ticked += 1
    assert due(calendar, received, Term(amount, "working_days", late)) == close(day)


@given(calendars(), instants(), st.integers(1, 60))
def test_calendar_days_end_on_a_working_day(
    given_: tuple[Calendar, set[date], set[date]], received: datetime, amount: int
) -> None:
    calendar, works, _ = given_
    day = civil(received) + timedelta(days=amount)
    while day not in works:
        day += timedelta(days=1)
    assert due(calendar, received, Term(amount, "days")) == close(day)


def office_minutes(works: set[date], start: datetime, end: datetime) -> int:
    """Whole minutes of office hours between two instants, counted one by one."""
    found, at = 0, start
    while at < end:
        local = at.astimezone(CIVIL_ZONE)
        found += local.date() in works and any(a <= local.time() < b for a, b in SESSIONS)
        at += timedelta(minutes=1)
    return found


@given(calendars(), instants(), st.integers(1, 24))
def test_working_hours_pass_minute_by_minute(
    given_: tuple[Calendar, set[date], set[date]], received: datetime, hours: int
) -> None:
    calendar, works, _ = given_
    end = due(calendar, received, Term(hours, "working_hours"))
    assume(end - received < timedelta(days=20))
    assert office_minutes(works, received, end) == hours * 60
    assert office_minutes(works, received, end - timedelta(minutes=1)) == hours * 60 - 1
    assert calendar.seconds(received, end) == hours * 3600


@given(instants(), st.integers(1, 500))
def test_hours_run_day_and_night_without_any_calendar(received: datetime, hours: int) -> None:
    assert due(Calendar(), received, Term(hours, "hours")) == received + timedelta(hours=hours)


@given(calendars(), instants(days=200), st.integers(1, 20), st.integers(0, 80_000), st.integers(0, 80_000))
def test_a_pause_costs_no_working_day_and_gives_none(
    given_: tuple[Calendar, set[date], set[date]], received: datetime, amount: int, before: int, length: int
) -> None:
    calendar, works, _ = given_
    end = due(calendar, received, Term(amount, "working_days"))
    paused = received + timedelta(minutes=before)
    again = paused + timedelta(minutes=length)
    found = resumed(calendar, end, paused, again, "working_days")
    if paused >= end:
        assert found == end, "what is over stays over"
        return
    left = sum(1 for d in DAYS if civil(paused) < d <= civil(end) and d in works)
    after = sum(1 for d in DAYS if civil(again) < d <= civil(found) and d in works)
    if civil(again) == civil(paused):
        assert found == end
    elif left:
        assert after == left, "as many days are left after the pause as before it"
    else:
        assert found > again
        assert after <= 1, "the rest of the last day, and no more"
    assert found >= end


@given(calendars(), instants(days=100), st.integers(1, 40), st.integers(0, 20_000), st.integers(0, 20_000))
def test_a_pause_moves_office_hours_exactly(
    given_: tuple[Calendar, set[date], set[date]], received: datetime, hours: int, before: int, length: int
) -> None:
    calendar, _, _ = given_
    end = due(calendar, received, Term(hours, "working_hours"))
    paused = received + timedelta(minutes=before)
    again = paused + timedelta(minutes=length)
    found = resumed(calendar, end, paused, again, "working_hours")
    left = calendar.seconds(paused, end) if paused < end else 0
    assert calendar.seconds(again, found) == left if paused < end else found == end
    whole = resumed(calendar, end, paused, again, "hours")
    assert whole == (end + (again - paused) if paused < end else end)


@given(calendars(), instants(first=date(2025, 6, 1), days=100), st.integers(-10, 10))
def test_steps_lie_whole_working_days_from_the_end(
    given_: tuple[Calendar, set[date], set[date]], received: datetime, days: int
) -> None:
    calendar, works, _ = given_
    end = due(calendar, received, Term(5, "working_days"))
    at = shifted(calendar, end, days)
    low, high = sorted((civil(at), civil(end)))
    assert (at > end) == (days > 0)
    assert civil(at) in works
    assert sum(1 for d in works if low < d <= high) == abs(days)


def test_year_without_data_is_refused_with_the_remedy_and_never_guessed() -> None:
    calendar = Calendar(years([], [], []))
    with pytest.raises(NotFound, match=r"2027.*known years: 2025, 2026"):
        due(calendar, datetime(2026, 12, 29, 2, tzinfo=UTC), Term(7, "working_days"))
    with pytest.raises(NotFound, match="none"):
        due(Calendar(), datetime(2026, 12, 29, 2, tzinfo=UTC), Term(1, "days"))


@pytest.mark.parametrize(
    "wrong",
    [
        {"off": frozenset([date(2024, 1, 1)])},
        {"off": frozenset([date(2025, 1, 4)]), "worked": frozenset([date(2025, 1, 4)])},
        {"worked": frozenset([date(2025, 1, 6)])},
        {"sessions": ()},
        {"sessions": ((time(13), time(17)), (time(7), time(11)))},
    ],
)
def test_year_that_contradicts_itself_is_refused(wrong: dict[str, object]) -> None:
    with pytest.raises(InvalidInput):
        Year(2025, **{"sessions": SESSIONS, **wrong})  # type: ignore[arg-type]


@pytest.mark.parametrize("unit", ["working_days", "days", "working_hours", "hours"])
def test_a_term_of_nothing_is_none(unit: TermUnit) -> None:
    with pytest.raises(InvalidInput):
        Term(0, unit)
