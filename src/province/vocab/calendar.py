"""Working calendars: one entity per year, entered from the decision that announces its public holidays."""

# ruff: noqa: N815 - NGSI-LD attribute names are camelCase

from __future__ import annotations

import re
from collections.abc import Iterable
from datetime import date, time
from typing import Annotated, ClassVar, Final

from province.errors import InvalidInput
from province.model import calendar
from province.model.label import Label
from province.model.query import Query
from province.model.schema import Field, Record, TypeInfo
from province.model.unit import Unit
from province.vocab.area import parse_day

_SESSION: Final = re.compile(r"([01]\d|2[0-3]):([0-5]\d)-([01]\d|2[0-3]):([0-5]\d)")


class WorkingYear(Record, frozen=True, kw_only=True):
    """What one year decides about days off, days worked instead, counters on Saturdays, and office hours."""

    TYPE: ClassVar[TypeInfo] = TypeInfo(
        "WorkingYear",
        Label("Lịch làm việc", "Working calendar"),
        unique=(("year",),),
        title="name",
        public=True,
        icon="report",
    )

    year: Annotated[
        int, Field(Label("Năm", "Year"), indexed=True, public=True, minimum=1990, maximum=2200), Unit("C62")
    ]
    name: Annotated[str, Field(Label("Tên", "Name"), search=True, public=True)]
    daysOff: Annotated[
        tuple[str, ...],
        Field(
            Label("Ngày nghỉ", "Days off"),
            public=True,
            hint=Label(
                "Lễ, Tết, nghỉ bù và ngày hoán đổi; thứ Bảy, Chủ nhật không cần ghi",
                "Public holidays, days in lieu and swapped days; Saturdays and Sundays need not be named",
            ),
        ),
    ] = ()
    workedDays: Annotated[
        tuple[str, ...],
        Field(
            Label("Ngày làm bù", "Days worked instead"),
            public=True,
            hint=Label("Thứ Bảy, Chủ nhật làm việc bù", "Saturdays and Sundays that are worked in exchange"),
        ),
    ] = ()
    counterDays: Annotated[
        tuple[str, ...],
        Field(
            Label("Ngày trực tiếp nhận", "Days on which counters are open"),
            public=True,
            hint=Label("Ngày nghỉ vẫn tiếp nhận hồ sơ", "Days off on which papers are taken in"),
        ),
    ] = ()
    sessions: Annotated[
        tuple[str, ...],
        Field(Label("Giờ hành chính", "Office hours"), public=True, hint=Label("Như 07:30-11:30", "As 07:30-11:30")),
    ]
    source: Annotated[str, Field(Label("Nguồn", "Source"), public=True)] = ""
    sourceDate: Annotated[str | None, Field(Label("Ngày của nguồn", "Date of the source"), public=True)] = None
    confidence: Annotated[
        str,
        Field(
            Label("Độ tin cậy", "Confidence"),
            indexed=True,
            public=True,
            values=("read", "general", "estimate"),
            names=(
                ("read", Label("đã đọc trong văn bản", "read in a document")),
                ("general", Label("hiểu biết chung, cần xác nhận", "general knowledge, to be confirmed")),
                ("estimate", Label("ước tính", "estimate")),
            ),
        ),
    ] = "general"


def year_id(year: int) -> str:
    """Id of the calendar of a year."""
    return f"urn:ngsi-ld:WorkingYear:{year}"


def every_year(_: object) -> Query:
    """The question for all calendars: what a rule or an action declares as a `Read`."""
    return Query(types=("WorkingYear",), limit=200)


def calendar_of(years: Iterable[WorkingYear]) -> calendar.Calendar:
    """The calendar that these years make. Raises: InvalidInput naming the year whose entries do not fit."""
    return calendar.Calendar(_year(one) for one in years)


def _year(one: WorkingYear) -> calendar.Year:
    return calendar.Year(
        one.year,
        sessions=tuple(_session(text, one) for text in one.sessions),
        off=_days(one.daysOff),
        worked=_days(one.workedDays),
        counters=_days(one.counterDays),
    )


def _days(texts: Iterable[str]) -> frozenset[date]:
    return frozenset(date.fromisoformat(parse_day(text, field="calendar")) for text in texts)


def _session(text: str, one: WorkingYear) -> calendar.Session:
    found = _SESSION.fullmatch(text.strip())
    if found is None:
        raise InvalidInput(
            f"{text[:20]!r} are no office hours.", field=f"calendar of {one.year}", remedy="Write 07:30-11:30."
        )
    a, b, c, d = (int(part) for part in found.groups())
    return time(a, b), time(c, d)
