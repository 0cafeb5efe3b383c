"""A study solved as a run does it, and what its outcome says."""

from __future__ import annotations

import msgspec

from province.model.study import Outcome, Problem, Progress
from province.pack import StudyKind


def solved(kind: StudyKind, one: Problem) -> Outcome:
    """The outcome. Raises: what the kind raises."""
    told: list[Progress] = []
    found = kind.solve(one, told.append)
    assert [p.share for p in told] == sorted(p.share for p in told)
    return msgspec.json.decode(msgspec.json.encode(found), type=Outcome)  # as it crosses the border of a process


def figure(outcome: Outcome, name: str) -> float:
    """A figure of the outcome, which must be known."""
    value = next(f.value for f in outcome.figures if f.name == name)
    assert value is not None
    return value
