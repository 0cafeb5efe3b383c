"""What all cases share: a clock that starts, stands still, runs again, and steps that are taken in their order."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from province.errors import Conflict, InvalidInput
from province.model.calendar import Calendar, Term, Year
from province.model.time import Instant
from province.vocab.agency import Agency
from province.vocab.calendar import WorkingYear, calendar_of
from province.vocab.case import (
    STOPPED,
    Step,
    Task,
    pause_clock,
    restart_clock,
    resume_clock,
    start_clock,
    steps_of,
    take_step,
    term_of,
    with_files,
)

AT = datetime(2026, 11, 24, 2, tzinfo=UTC)
CALENDAR = Calendar(
    [Year(2026, ((time(7, 30), time(11, 30)), (time(13), time(17))), off=frozenset([date(2026, 9, 2)]))]
)
STEPS = (Step("reminder", -1, ("desk",)), Step("overdue", 0, ("person", "desk")), Step("superior", 2, ("superior",)))
TERM = Term(5, "working_days")
DESK, ABOVE = "urn:ngsi-ld:Agency:a:2025-07-01", "urn:ngsi-ld:Agency:b:2025-07-01"
AGENCIES = (
    Agency(id=DESK, identifier="a", name="A", kind="office", validFrom="2025-07-01", parent=ABOVE),
    Agency(id=ABOVE, identifier="b", name="B", kind="office", validFrom="2025-07-01"),
)


def case(**values: Any) -> Task:
    given_ = {"title": "Việc", "case": "urn:x:1", "openedAt": AT, "assignedTo": DESK, "version": 1, **values}
    return Task(id="urn:ngsi-ld:Task:1", **given_)


def begun(**values: Any) -> Task:
    return case(**{**start_clock(CALENDAR, AT, TERM, STEPS), **values})


def written(one: Task, fields: dict[str, Any]) -> Task:
    return msgspec.structs.replace(one, **fields)


@given(st.lists(st.integers(0, 60 * 24 * 14), min_size=1, max_size=12))
def test_every_step_is_taken_once_and_in_order_whenever_somebody_looks(minutes: list[int]) -> None:
    one, taken = begun(), []
    looks = sorted(minutes) + [60 * 24 * 20] * 4
    for minute in looks:
        at = AT + timedelta(minutes=minute)
        reached = take_step(one, CALENDAR, at, STEPS, agencies=AGENCIES, label="X")
        if reached is None:
            continue
        taken.append(reached.step.name)
        values = {k: None if a is None else a.value for k, a in reached.change.attrs.items()}
        if reached.step.days >= 0:
            assert one.dueAt is not None
            assert at >= one.dueAt
        following = {k: datetime.fromisoformat(v) if isinstance(v, str) else v for k, v in values.items()}
        one = written(one, following)
    assert taken in (["reminder", "overdue", "superior"], ["overdue", "superior"])
    assert one.nextStepAt is None
    assert one.overdueSince == one.dueAt


def test_who_is_told_depends_on_the_step_and_on_who_has_it() -> None:
    late = AT + timedelta(days=10)
    overdue = take_step(begun(assignee="person:an"), CALENDAR, late, STEPS, agencies=AGENCIES)
    assert overdue is not None
    assert overdue.recipients == ("person:an", DESK)
    alone = take_step(begun(), CALENDAR, late, STEPS, agencies=AGENCIES)
    assert alone is not None
    assert alone.recipients == (DESK,), "each once"
    above = take_step(begun(escalationLevel=2), CALENDAR, late, STEPS, agencies=AGENCIES)
    assert above is not None
    assert above.recipients == (ABOVE,)
    unknown = take_step(begun(escalationLevel=2), CALENDAR, late, STEPS, agencies=())
    assert unknown is not None
    assert unknown.recipients == (DESK,), "without one above, the desk itself"


@pytest.mark.parametrize("values", [{"pausedSince": AT}, {"dueAt": None}, {"escalationLevel": 3}, STOPPED])
def test_a_clock_that_does_not_run_takes_no_step(values: dict[str, Any]) -> None:
    one = begun(**{**values, **({"dueAt": None} if values is STOPPED else {})})
    assert take_step(one, CALENDAR, AT + timedelta(days=30), STEPS) is None


def test_a_pause_keeps_what_was_left_and_the_steps_move_along() -> None:
    one = begun()
    paused = written(one, pause_clock(one, AT + timedelta(days=1), "Chờ bổ sung"))
    assert paused.nextStepAt is None
    assert take_step(paused, CALENDAR, AT + timedelta(days=30), STEPS) is None
    again = resume_clock(paused, CALENDAR, AT + timedelta(days=3), "working_days", STEPS)
    assert one.dueAt is not None
    assert again["dueAt"] == again["openDueAt"] == one.dueAt + timedelta(days=2)
    assert again["nextStepAt"] == one.nextStepAt + timedelta(days=2)  # type: ignore[operator]
    assert [p["reason"] for p in again["pauses"]] == ["Chờ bổ sung"]


def test_a_pause_needs_a_reason_and_a_running_clock() -> None:
    one = begun()
    with pytest.raises(InvalidInput):
        pause_clock(one, AT, "  ")
    with pytest.raises(Conflict):
        pause_clock(case(), AT, "Chờ")
    with pytest.raises(Conflict):
        pause_clock(written(one, pause_clock(one, AT, "Chờ")), AT, "Chờ")
    with pytest.raises(Conflict):
        resume_clock(one, CALENDAR, AT, "working_days", STEPS)


def test_without_a_calendar_there_is_no_limit_and_it_begins_when_the_calendar_comes() -> None:
    late = datetime(2026, 12, 29, 2, tzinfo=UTC)
    fields = start_clock(CALENDAR, late, TERM, STEPS)
    assert (fields["dueAt"], fields["nextStepAt"]) == (None, None)
    assert "2027" in fields["clockProblem"]
    one = case(clockProblem=fields["clockProblem"])
    assert restart_clock(one, CALENDAR, late, TERM, STEPS) == {}
    both = Calendar([CALENDAR.year(date(2026, 1, 1)), Year(2027, ((time(8), time(17)),))])
    begun_ = restart_clock(one, both, late, TERM, STEPS)
    assert begun_["dueAt"] > late
    assert begun_["clockProblem"] is None
    assert restart_clock(begun(), both, late, TERM, STEPS) == {}, "a clock that runs is left alone"


def test_a_limit_whose_last_step_lies_in_an_unknown_year_still_runs() -> None:
    near: Instant = datetime(2026, 12, 24, 2, tzinfo=UTC)
    fields = start_clock(CALENDAR, near, TERM, STEPS)
    assert fields["dueAt"] is not None
    one = case(**{**fields, "escalationLevel": 1})
    reached = take_step(one, CALENDAR, fields["dueAt"], STEPS, agencies=AGENCIES)
    assert reached is not None
    assert reached.step.name == "overdue"
    problem = reached.change.attrs["clockProblem"]
    assert problem is not None
    assert "2027" in str(problem.value)


def test_tables_of_parameters_are_read_and_checked() -> None:
    assert term_of({"amount": 7, "unit": "days", "late_after": "16:30"}) == Term(7, "days", time(16, 30))
    rows = [{"step": "b", "days": 1, "to": ["desk"]}, {"step": "a", "days": -1, "to": ["person"], "channels": ["sms"]}]
    assert [s.name for s in steps_of(rows)] == ["a", "b"]
    for wrong in ([{"step": "a", "days": 0, "to": []}], [{"step": "a", "days": 0, "to": ["mayor"]}]):
        with pytest.raises(InvalidInput):
            steps_of(wrong)
    with pytest.raises(InvalidInput, match="office hours"):
        calendar_of([WorkingYear(id="urn:x", year=2026, name="x", sessions=("8-17",))])


def test_evidence_is_kept_once() -> None:
    assert with_files(case(), ()) is None
    assert with_files(case(evidence=("a", "b")), ("b", "c")) == ("a", "b", "c")
