"""Who may open a road, and that it is opened once: applications, what else lies near, permits, mending. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, timedelta
from typing import Annotated, Final

import msgspec

from province.errors import Conflict, InvalidInput
from province.model.entity import Entity
from province.model.geometry import Geometry, positions
from province.model.label import Label
from province.model.query import Near, Query, Where
from province.model.record import change, create, move
from province.model.schema import Field
from province.model.time import civil_date, read_day, read_past_day
from province.pack import Context, Effect, Notice, Parameters, Read, step_effects
from province.packs.ducts.types import PURPOSES, DuctSection, RoadOpening
from province.vocab.agency import Agency
from province.vocab.calendar import WorkingYear, every_year
from province.vocab.case import STOPPED, clock_from, require_state, require_text, step_from, the_agency, with_files

_DAY: Final = Label("Dạng 2026-11-25", "As 2026-11-25")
_REASON: Final = Label("Lý do", "Reason")
_WIDEST_M: Final = 1_000.0
_MOST: Final = 50


def _around(opening: Entity, type: str, *where: Where) -> Query:
    shape = opening.value("location")
    lon, lat, *_ = next(iter(positions(shape)))
    return Query(types=(type,), where=where, near=Near((float(lon), float(lat)), _WIDEST_M, 0.0, shape), limit=_MOST)


def planned_near(opening: Entity) -> Query:
    """Duct sections that are planned where a road is to be opened."""
    return _around(opening, "DuctSection", Where("status", "==", "planned"))


def opened_near(opening: Entity) -> Query:
    """Where the same road was opened and mended."""
    return _around(opening, "RoadOpening", Where("status", "==", "mended"))


def as_near(query: Query, parameters: Parameters) -> Query:
    """As far as the dated constant says."""
    assert query.near is not None
    near = msgspec.structs.replace(query.near, max_m=min(_WIDEST_M, float(parameters["opening_near"])))
    return msgspec.structs.replace(query, near=near)


YEARS: Final = Read("years", every_year, WorkingYear)
AGENCIES: Final = Read("agencies", the_agency, Agency)
PLANNED: Final = Read("planned", planned_near, DuctSection, narrow=as_near)
BEFORE: Final = Read("before", opened_near, RoadOpening, narrow=as_near)


def apply_opening(
    *,
    context: Context,
    title: Annotated[str, Field(Label("Công việc", "Works"))],
    applicant: Annotated[str, Field(Label("Đơn vị đề nghị", "Applicant"))],
    purpose: Annotated[str, Field(Label("Mục đích", "Purpose"), values=tuple(p for p, _ in PURPOSES), names=PURPOSES)],
    location: Annotated[Geometry, Field(Label("Đoạn đường", "Stretch of road"))],
    begins: Annotated[str, Field(Label("Muốn đào từ ngày", "From"), hint=_DAY)],
    ends: Annotated[str, Field(Label("Đến ngày", "Until"), hint=_DAY)],
) -> list[Effect]:
    """Apply to open a road. Raises: InvalidInput naming what is missing."""
    for name, text in (("title", title), ("applicant", applicant)):
        require_text(text, name, "An application needs it.")
    first, last = read_day(begins, field="begins"), read_day(ends, field="ends")
    _require_span(first, last, context)
    made = RoadOpening(
        id=f"urn:ngsi-ld:RoadOpening:{context.nonce[:24]}", title=title.strip(), applicant=applicant.strip(),
        purpose=purpose, location=location, begins=first.isoformat(), ends=last.isoformat(), appliedAt=context.now,
    )  # fmt: skip
    return [create(made, agency=context.agency)]


def look_around(
    opening: RoadOpening, *, context: Context, planned: Sequence[DuctSection], before: Sequence[RoadOpening]
) -> list[Effect]:
    """Write down what is planned in the same road, and when it was mended last: whoever decides must see it."""
    since = _mended_since(before, context)
    if not planned and since is None:
        return []
    return [
        change(
            opening, event="roadopening.looked_around", planned=tuple(s.id for s in planned),
            mendedBefore=None if since is None else since.mendedOn,
        )
    ]  # fmt: skip


def examine(
    opening: RoadOpening,
    *,
    context: Context,
    years: Sequence[WorkingYear],
    agency: Annotated[str, Field(Label("Cơ quan", "Agency"), ref="Agency")],
) -> list[Effect]:
    """Give the application to the agency that decides, within its time limit. Raises: Conflict."""
    require_state(opening.status, "applied")
    clock = clock_from(context.params, years, context.now, term="opening_term", steps="opening_escalation")
    subject = Label(f"Xin đào đường: {opening.title}"[:200], f"To open a road: {opening.title}"[:200])
    body = Label("Đơn chờ xét.", "The application waits for a decision.")
    told = Notice(to=agency, about=opening.id, subject=subject, body=body)
    return [change(opening, event="roadopening.taken_on", agency=agency, assignedTo=agency, **clock), told]


def share(
    opening: RoadOpening, *, context: Context, who: Annotated[str, Field(Label("Đơn vị cùng đặt", "Who joins in"))]
) -> list[Effect]:
    """Whoever lays cables or pipes in the same trench. Raises: Conflict, InvalidInput."""
    require_state(opening.status, "applied", "permitted")
    require_text(who, "who", "Name the organisation.")
    if who.strip() in opening.sharers:
        raise Conflict(f"{who.strip()} joins in already.", field="who", remedy="Nothing is left to do.")
    return [change(opening, event="roadopening.shared", sharers=(*opening.sharers, who.strip()))]


def permit(
    opening: RoadOpening,
    *,
    context: Context,
    planned: Sequence[DuctSection],
    before: Sequence[RoadOpening],
    number: Annotated[str, Field(Label("Số giấy phép", "Permit"))],
    begins: Annotated[str, Field(Label("Được đào từ ngày", "From"), hint=_DAY)],
    ends: Annotated[str, Field(Label("Đến ngày", "Until"), hint=_DAY)],
    reason: Annotated[
        str,
        Field(
            Label("Vì sao không đào chung, hoặc đào lại", "Why alone, or again"),
            hint=Label(
                "Bắt buộc khi ở đó có tuyến ống dự kiến mà chưa ai đặt chung, hoặc đường vừa hoàn trả",
                "Needed where ducts are planned and nobody joins in, or the road was mended lately",
            ),
        ),
    ] = "",
) -> list[Effect]:
    """Permit it between two days. A road is dug once: where ducts are planned somebody joins in, and what was mended
    lately stays closed, or the permit says why not.

    Raises: Conflict, InvalidInput naming the field.
    """
    require_text(number, "number", "Give the number of the permit.")
    first, last = read_day(begins, field="begins"), read_day(ends, field="ends")
    _require_span(first, last, context)
    since = _mended_since(before, context)
    if since is not None and not reason.strip():
        raise InvalidInput(
            f"the road was mended on {since.mendedOn} ({since.title}).", field="reason",
            remedy="Wait, or say why it must be opened again.",
        )  # fmt: skip
    if planned and not opening.sharers and not reason.strip():
        raise InvalidInput(
            f"{len(planned)} duct sections are planned here ({planned[0].name}), and nobody joins in.", field="reason",
            remedy="Let their owner share the trench, or say why not.",
        )  # fmt: skip
    return [
        move(
            opening, "permitted", at=context.now, note=reason.strip(), permit=number.strip(), begins=first.isoformat(),
            ends=last.isoformat(), remark=reason.strip() or None, planned=tuple(s.id for s in planned),
            evidence=with_files(opening, context.files), **STOPPED,
        )
    ]  # fmt: skip


def refuse(opening: RoadOpening, *, context: Context, reason: Annotated[str, Field(_REASON)]) -> list[Effect]:
    """Refuse the application, and say why. Raises: Conflict, InvalidInput."""
    require_text(reason, "reason", "Say why.")
    return [move(opening, "refused", at=context.now, note=reason.strip(), remark=reason.strip(), **STOPPED)]


def begin(
    opening: RoadOpening,
    *,
    context: Context,
    day: Annotated[str, Field(Label("Bắt đầu đào ngày", "Begun on"), hint=_DAY)],
) -> list[Effect]:
    """The road is open, within the days of the permit. Raises: Conflict, InvalidInput."""
    found = read_past_day(day, context.now)
    if not opening.begins <= found.isoformat() <= opening.ends:
        raise InvalidInput(f"{found} lies outside {opening.begins} to {opening.ends}.", field="day",
                           remedy="The permit holds between these days.")  # fmt: skip
    return [move(opening, "open", at=context.now, openedOn=found.isoformat())]


def mend(
    opening: RoadOpening,
    *,
    context: Context,
    day: Annotated[str, Field(Label("Hoàn trả mặt đường ngày", "Mended on"), hint=_DAY)],
) -> list[Effect]:
    """The road is closed and mended. Raises: Conflict, InvalidInput."""
    found = read_past_day(day, context.now)
    if opening.openedOn is not None and found.isoformat() < opening.openedOn:
        raise InvalidInput(f"{found} lies before {opening.openedOn}.", field="day", remedy="It was opened on that day.")
    evidence = with_files(opening, context.files)
    return [move(opening, "mended", at=context.now, mendedOn=found.isoformat(), evidence=evidence)]


def withdraw(opening: RoadOpening, *, context: Context, reason: Annotated[str, Field(_REASON)]) -> list[Effect]:
    """The road is not opened after all. Raises: Conflict, InvalidInput."""
    require_text(reason, "reason", "Say why.")
    return [move(opening, "withdrawn", at=context.now, note=reason.strip(), remark=reason.strip(), **STOPPED)]


def escalate(
    opening: RoadOpening, *, context: Context, years: Sequence[WorkingYear], agencies: Sequence[Agency]
) -> list[Effect]:
    """Take the step that an application has come to: remind, say that it is overdue, tell the level above."""
    reached = step_from(
        opening, context.params, years, context.now, agencies=agencies, label=opening.title, steps="opening_escalation"
    )
    return step_effects(reached)


def _mended_since(before: Sequence[RoadOpening], context: Context) -> RoadOpening | None:
    """The latest opening there that was mended within the pause of the road."""
    today = civil_date(context.now)
    since = (today - timedelta(days=float(context.params["opening_pause"]))).isoformat()
    late = [one for one in before if one.mendedOn is not None and one.mendedOn > since]
    return max(late, key=lambda one: str(one.mendedOn), default=None)


def _require_span(first: date, last: date, context: Context) -> None:
    most = int(context.params["opening_longest"])
    if not 0 <= (last - first).days < most:
        raise InvalidInput(
            f"from {first} until {last}.", field="ends", remedy=f"1 to {most} days, the first day first."
        )
    if last < civil_date(context.now):
        raise InvalidInput(f"{last} is over.", field="ends", remedy="Give days to come.")
