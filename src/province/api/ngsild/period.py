"""The period that a question about the past is about (clause 4.11)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from province.api.route import Call, Param
from province.errors import InvalidInput
from province.history.aggregate import METHODS
from province.model.entity import Attribute
from province.model.evolution import TimeProperty, read_time_property, time_of
from province.model.time import Instant, parse_utc

MAX_INSTANCES: Final = 100_000
"""Instances of an attribute that are looked at for one answer."""

TEMPORAL_PARAMS: Final = (
    Param("timerel", "before, after or between.", {"type": "string", "enum": ["before", "after", "between"]}),
    Param("timeAt", "Start (or, with before, end) of the period.", {"type": "string", "format": "date-time"}),
    Param("endTimeAt", "End of the period, with between.", {"type": "string", "format": "date-time"}),
    Param("timeproperty", "observedAt (default), createdAt or modifiedAt."),
    Param("lastN", "Only the newest N instances of each attribute.", {"type": "integer", "minimum": 1}),
    Param("aggrMethods", f"Any of {', '.join(METHODS)}, separated by commas."),
    Param("aggrPeriodDuration", "Length of each aggregated period, such as PT1H; PT0S for the whole."),
)


@dataclass(frozen=True, slots=True)
class Period:
    """Which instances are wanted. start is inclusive, end exclusive."""

    relation: str = ""
    start: Instant | None = None
    end: Instant | None = None
    property: TimeProperty = "observedAt"
    last: int | None = None

    def holds(self, attribute: Attribute) -> bool:
        """Whether an instance lies in the period; without a period all do."""
        at = time_of(attribute, self.property)
        if not self.relation:
            return at is not None or self.property != "deletedAt"
        return at is not None and (self.start is None or at >= self.start) and (self.end is None or at < self.end)


def read_period(call: Call) -> Period:
    """From the parameters. Raises: InvalidInput naming the parameter."""
    last = call.number("lastN", 0, least=1, most=MAX_INSTANCES) if "lastN" in call.params else None
    return make_period(call.params, last)


def make_period(given: Mapping[str, str], last: int | None) -> Period:
    """From timerel, timeAt, endTimeAt and timeproperty. Raises: InvalidInput naming the member."""
    relation = given.get("timerel", "")
    times = {name: parse_utc(given[name], field=name) for name in ("timeAt", "endTimeAt") if name in given}
    if relation not in ("", "before", "after", "between"):
        raise InvalidInput(f"{relation[:40]!r} is not a relation.", field="timerel", remedy="before, after or between.")
    if relation and "timeAt" not in times:
        raise InvalidInput("timerel needs timeAt.", field="timeAt", remedy="Add it.")
    if not relation and times:
        raise InvalidInput("timeAt needs timerel.", field="timerel", remedy="before, after or between.")
    if (relation == "between") != ("endTimeAt" in times):
        raise InvalidInput("endTimeAt goes with timerel=between.", field="endTimeAt")
    start = None if relation == "before" else times.get("timeAt")
    end = times.get("timeAt") if relation == "before" else times.get("endTimeAt")
    if start is not None and end is not None and start >= end:
        raise InvalidInput(
            "the period ends before it starts.", field="endTimeAt", remedy="Exchange timeAt and endTimeAt."
        )
    return Period(relation, start, end, read_time_property(given.get("timeproperty", "observedAt")), last)


def read_temporal_q(given: Mapping[str, Any]) -> Period:
    """The period of a `temporalQ` (5.2.21). Raises: InvalidInput."""
    texts = {k: v for k, v in given.items() if isinstance(v, str)}
    last = given.get("lastN")
    if last is not None and (isinstance(last, bool) or not isinstance(last, int) or not 0 < last <= MAX_INSTANCES):
        raise InvalidInput(f"{str(last)[:40]!r} is not a number of instances.", field="temporalQ.lastN")
    return make_period(texts, last)
