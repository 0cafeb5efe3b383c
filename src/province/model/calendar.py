"""Clocks of the law: terms in working days, days or hours, by a calendar that is data of each year. Pure.

A calendar knows the years that somebody entered, and nothing of the others: what falls into a year without data is an
error that names the remedy, never a guess. Days are civil days of Vietnam.

The rules, after the Civil Code (91/2015/QH13), articles 147 and 148: the first day is not counted; a term ends with
its last day, here with the end of office hours; a last day that is a day off passes the end to the next working day.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime, time, timedelta
from itertools import pairwise
from typing import Final, Literal

from province.errors import InvalidInput, NotFound
from province.model.time import CIVIL_ZONE, Instant

TermUnit = Literal["working_days", "days", "working_hours", "hours"]
TERM_UNITS: Final[tuple[TermUnit, ...]] = ("working_days", "days", "working_hours", "hours")
Session = tuple[time, time]
_ONE: Final = timedelta(days=1)
_WEEKEND: Final = (5, 6)


@dataclass(frozen=True, slots=True)
class Term:
    """How much time something may take.

    late_after: what comes in after this hour, or on a day when nothing is taken in, counts as of the next day on which
    it is; None: it counts as of its own day.  `hours` run day and night, `working_hours` in office hours alone.
    """

    amount: int
    unit: TermUnit
    late_after: time | None = None

    def __post_init__(self) -> None:
        if self.unit not in TERM_UNITS:
            raise InvalidInput(f"{self.unit!r} is no unit of a term.", remedy=f"One of: {', '.join(TERM_UNITS)}.")
        if self.amount < 1:
            raise InvalidInput(f"a term of {self.amount} {self.unit}.", remedy="Give 1 or more.")


@dataclass(frozen=True, slots=True)
class Year:
    """What a year decides. off: days off besides Saturdays and Sundays.  worked: weekend days that are worked instead.

    counters: days off on which counters take in, though no term counts them.  sessions: office hours of a working day.
    """

    year: int
    sessions: tuple[Session, ...]
    off: frozenset[date] = field(default_factory=frozenset)
    worked: frozenset[date] = field(default_factory=frozenset)
    counters: frozenset[date] = field(default_factory=frozenset)

    def __post_init__(self) -> None:
        name = f"calendar of {self.year}"
        for day in self.off | self.worked | self.counters:
            if day.year != self.year:
                raise InvalidInput(f"{day} is no day of {self.year}.", field=name)
        for day in self.off & self.worked:
            raise InvalidInput(f"{day} is both worked and off.", field=name)
        for day in self.worked:
            if day.weekday() not in _WEEKEND:
                raise InvalidInput(f"{day} is worked anyway.", field=name, remedy="Name only Saturdays and Sundays.")
        edges = [edge for session in self.sessions for edge in session]
        if not edges or any(a >= b for a, b in pairwise(edges)):
            raise InvalidInput("office hours must be there, in order and apart.", field=name)

    def works(self, day: date) -> bool:
        """Whether terms count the day."""
        return day in self.worked or (day.weekday() not in _WEEKEND and day not in self.off)


class Calendar:
    """The years that are known."""

    def __init__(self, years: Iterable[Year] = ()) -> None:
        self._years: Mapping[int, Year] = {one.year: one for one in years}

    def year(self, day: date) -> Year:
        """The year of a day. Raises: NotFound."""
        found = self._years.get(day.year)
        if found is None:
            known = ", ".join(str(y) for y in sorted(self._years)) or "none"
            raise NotFound(
                f"there is no working calendar of {day.year}; known years: {known}.",
                field="calendar",
                remedy=f"Enter the public holidays and swapped days of {day.year} in the register of calendars.",
            )
        return found

    def works(self, day: date) -> bool:
        """Whether terms count the day. Raises: NotFound."""
        return self.year(day).works(day)

    def takes_in(self, day: date) -> bool:
        """Whether something handed in on the day is taken in that day. Raises: NotFound."""
        year = self.year(day)
        return year.works(day) or day in year.counters

    def next_working(self, day: date) -> date:
        """The day itself when it is worked, else the next one that is. Raises: NotFound."""
        return next(self._working_from(day))

    def add(self, day: date, working_days: int) -> date:
        """The working day that is the n-th after a day, which is not counted; 0 or less: the n-th before.

        Of 0: the day itself. Raises: NotFound.
        """
        step = _ONE if working_days > 0 else -_ONE
        left = abs(working_days)
        while left:
            day += step
            left -= self.works(day)
        return day

    def between(self, after: date, until: date) -> int:
        """How many working days lie after one day, up to another and with it. Raises: NotFound."""
        return sum(self.works(after + _ONE * n) for n in range(1, (until - after).days + 1))

    def closes(self, day: date) -> Instant:
        """The end of office hours of a day, as an instant. Raises: NotFound."""
        return _instant(day, self.year(day).sessions[-1][1])

    def seconds(self, start: Instant, end: Instant) -> float:
        """Office time between two instants. Raises: NotFound."""
        return sum(
            max(0.0, (min(b, end) - max(a, start)).total_seconds())
            for day in _days(start, end)
            if self.works(day)
            for a, b in self._sessions(day)
        )

    def after_seconds(self, start: Instant, seconds: float) -> Instant:
        """The instant at which so much office time has passed. Raises: NotFound."""
        left = seconds
        for day in self._working_from(_civil(start)):
            for a, b in self._sessions(day):
                begin = max(a, start)
                usable = (b - begin).total_seconds()
                if usable <= 0:
                    continue
                if left <= usable:
                    return begin + timedelta(seconds=left)
                left -= usable
        raise AssertionError("working days never end")  # pragma: no cover - `_working_from` raises at the last year

    def _working_from(self, day: date) -> Iterator[date]:
        while True:
            if self.works(day):
                yield day
            day += _ONE

    def _sessions(self, day: date) -> Iterator[tuple[Instant, Instant]]:
        for a, b in self.year(day).sessions:
            yield _instant(day, a), _instant(day, b)


def due(calendar: Calendar, received: Instant, term: Term) -> Instant:
    """When a term ends that began to run as something was received. Raises: NotFound for a year without data.

    Checked against: a walk through single minutes, written apart, in `tests/model/test_calendar.py`.
    """
    if term.unit == "hours":
        return received + timedelta(hours=term.amount)
    if term.unit == "working_hours":
        return calendar.after_seconds(received, term.amount * 3600)
    return _end(calendar, _first(calendar, received, term.late_after), term.amount, term.unit)


def resumed(calendar: Calendar, due_at: Instant, paused: Instant, again: Instant, unit: TermUnit) -> Instant:
    """When a term ends that stood still from `paused` until `again`: what was left of it then runs from `again` on.

    Of days, the day of the pause is used up and the day on which it runs again is not counted, as the first one is not;
    a term that was paused on its last day has the rest of that day. One that was over when it was paused stays over.
    Raises: NotFound.
    """
    if again < paused:
        raise InvalidInput("a pause ends before it begins.", field="again")
    if due_at <= paused:
        return due_at
    if unit == "hours":
        return due_at + (again - paused)
    if unit == "working_hours":
        return calendar.after_seconds(again, calendar.seconds(paused, due_at))
    first, last = _civil(paused), _civil(due_at)
    left = calendar.between(first, last) if unit == "working_days" else (last - first).days
    day = _civil(again)
    if day == first:
        return due_at
    if left:
        return _end(calendar, day, left, unit)
    end = calendar.closes(calendar.next_working(day))
    return end if end > again else calendar.closes(calendar.add(day, 1))


def shifted(calendar: Calendar, due_at: Instant, working_days: int) -> Instant:
    """So many working days after the end of a term (negative: before), at the close of that day. 0: the end itself.

    Raises: NotFound.
    """
    return due_at if working_days == 0 else calendar.closes(calendar.add(_civil(due_at), working_days))


def _first(calendar: Calendar, received: Instant, late_after: time | None) -> date:
    """The day that is not counted."""
    local = received.astimezone(CIVIL_ZONE)
    day = local.date()
    if late_after is None:
        return day
    if local.timetz().replace(tzinfo=None) > late_after:
        day += _ONE
    while not calendar.takes_in(day):
        day += _ONE
    return day


def _end(calendar: Calendar, first: date, amount: int, unit: TermUnit) -> Instant:
    if unit == "working_days":
        return calendar.closes(calendar.add(first, amount))
    return calendar.closes(calendar.next_working(first + _ONE * amount))


def _civil(at: Instant) -> date:
    return at.astimezone(CIVIL_ZONE).date()


def _instant(day: date, at: time) -> Instant:
    return datetime.combine(day, at, CIVIL_ZONE)


def _days(start: Instant, end: Instant) -> Iterator[date]:
    first, last = _civil(start), _civil(end)
    yield from (first + _ONE * n for n in range((last - first).days + 1))
