"""What becomes of a report by itself: routed, linked to what it repeats, followed, reminded of its clock. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from typing import Any, Final

import msgspec

from province.compute.text import similarity
from province.model.entity import Entity
from province.model.geometry import Geometry, box_around, distance_m
from province.model.query import Near, Query, Where
from province.model.record import change, move
from province.model.time import Instant, format_instant, parse_instant
from province.pack import Context, Effect, Parameters, step_effects
from province.packs.reports import urgency
from province.packs.reports.marks import missing_number
from province.packs.reports.telling import tell_agency, tell_author, tell_desk
from province.packs.reports.types import (
    LEGAL,
    OPEN,
    Report,
)
from province.vocab.agency import Agency
from province.vocab.area import LOCAL, Area, civil_day, in_force, local_area
from province.vocab.calendar import WorkingYear, calendar_of
from province.vocab.case import (
    STOPPED,
    clock_from,
    restart_clock,
    step_from,
    steps_of,
    term_of,
)
from province.vocab.mandate import Mandate, in_charge

LOOK_AROUND_M: Final = 1000.0
"""Ceiling of the search for duplicates; the parameter `duplicate_distance` narrows it."""
LOOK_BACK_DAYS: Final = 30
"""Ceiling of the search for duplicates; the parameter `duplicate_days` narrows it."""
LOOK_AT: Final = 200
"""Reports that are compared: of a storm of them any few name the first one."""
WARD: Final = "ward"
"""The word in the table `routes` for the People's Committee of the place."""
_TOGETHER: Final = 240
"""Linked reports that one step of their shared matter moves; the last of them moves the next ones."""


def areas_here(report: Entity) -> Query:
    """Local areas, of whatever day, whose boundary may hold the report's place."""
    return Query(
        types=("Area",),
        where=(Where("kind", "in", sorted(LOCAL)),),
        box=box_around(position(report.value("location")), 1.0),
        limit=100,
    )


def agencies_now(report: Entity) -> Query:
    """Agencies that have not ended."""
    return Query(types=("Agency",), where=(Where("validTo", "absent"),), limit=1000)


def mandates_now(report: Entity) -> Query:
    """Mandates that have not ended."""
    return Query(types=("Mandate",), where=(Where("validTo", "absent"),), limit=1000)


def reports_around(report: Entity) -> Query:
    """Reports near, not later and not over, within the ceilings; `within_limits` narrows them."""
    at = parse_instant(report.value("reportedAt"))
    return Query(
        types=("Report",),
        where=(
            Where("reportedAt", "<=", format_instant(at)),
            Where("reportedAt", ">=", format_instant(at - timedelta(days=LOOK_BACK_DAYS))),
            Where("status", "in", [*OPEN, "resolved"]),
        ),
        near=Near(position(report.value("location")), LOOK_AROUND_M),
        order="any",
        limit=LOOK_AT,
        latest=False,
    )


def within_limits(query: Query, params: Parameters) -> Query:
    """The search for duplicates, as near and as recent as the constants say."""
    assert query.near is not None
    until, since, *rest = (one for one in query.where if isinstance(one, Where))
    earliest = parse_instant(until.value) - timedelta(days=params["duplicate_days"])
    return msgspec.structs.replace(
        query,
        where=(until, msgspec.structs.replace(since, value=format_instant(earliest)), *rest),
        near=msgspec.structs.replace(query.near, max_m=float(params["duplicate_distance"])),
    )


def route(
    report: Report,
    *,
    context: Context,
    areas: Sequence[Area],
    agencies: Sequence[Agency],
    around: Sequence[Report],
    years: Sequence[WorkingYear],
    mandates: Sequence[Mandate] = (),
) -> list[Effect]:
    """Give a new report to the agency in charge of its place and category, and point at a likely duplicate.

    A report that came by a feed gets its number here. Without an agency in force, without a category that anybody is
    sure of, and for a complaint or a denunciation the report stays new, with what is known: a person decides, nothing
    is guessed.
    """
    if report.status != "new":
        return []
    day = civil_day(context.now)
    area = local_area(areas, position(report.location), day)
    twin = find_duplicate(report, around, context)
    known: dict[str, Any] = {}
    if area is not None:
        known["area"] = area.id
    if twin is not None:
        known["duplicateOf"] = twin
    if report.proposedMatter is None and report.channel == "system" and not report.suspected:
        report = urgency.suspected(report, context, None)  # a feed has no classifier at hand
        if report.suspected:
            known |= {"suspected": True, "dangerWords": report.dangerWords}
    desk = competent(context.params["desk"], agencies, day)
    seen_first = urgency.tell_desk(report, desk.id if desk else None)
    agency = find_agency(report.category, area, agencies, context, mandates)
    urgent = report.matter == "emergency"
    if agency is not None and report.matter not in LEGAL and (report.categoryBy != "nobody" or urgent):
        return [*seen_first, *assign_to(report, agency.id, context, years, known)]
    waiting = change(report, event="report.unrouted", agency=desk.id if desk else None, **known)
    told = [] if desk is None else seen_first or [tell_desk(report, desk.id)]
    return [msgspec.structs.replace(waiting, counters=missing_number(report)), *told]


def competent(competence: str, agencies: Sequence[Agency], day: str) -> Agency | None:
    """The first agency in force that has a competence."""
    alive = sorted((a for a in agencies if in_force(a.validFrom, a.validTo, day)), key=lambda a: a.id)
    return next((a for a in alive if competence in a.competences), None)


def find_agency(
    category: str,
    area: Area | None,
    agencies: Sequence[Agency],
    context: Context,
    mandates: Sequence[Mandate] = (),
) -> Agency | None:
    """The agency for a category at a place: the one with a mandate for it there, else the one competent by the table
    `routes`, else the ward's committee."""
    day = civil_day(context.now)
    alive = sorted((a for a in agencies if in_force(a.validFrom, a.validTo, day)), key=lambda a: a.id)
    here = [id for id in (area.id, area.parent) if id] if area is not None else []
    charged = in_charge(mandates, category, here, day)
    for agency in alive:
        if agency.id == charged:
            return agency
    competence = context.params["routes"].get(category, WARD)
    if competence != WARD and (found := competent(competence, agencies, day)) is not None:
        return found
    if area is None:
        return None
    return next((a for a in alive if a.kind == "committee" and a.area == area.id), None)


def find_duplicate(report: Report, around: Sequence[Report], context: Context) -> str | None:
    """Id of the first report of the same matter: near, recent, still open, and of the same category or in nearly the
    same words. A hint for a person."""
    here = position(report.location)
    since = report.reportedAt - timedelta(days=context.params["duplicate_days"])
    near = [
        r
        for r in around
        if r.status not in ("closed", "rejected", "referred")
        and since <= r.reportedAt
        and (r.reportedAt, r.id) < (report.reportedAt, report.id)
        and distance_m(here, position(r.location)) <= context.params["duplicate_distance"]
        and (r.category == report.category or _alike(report, r) >= context.params["duplicate_likeness"])
    ]
    first = min(near, key=lambda r: (r.reportedAt, r.id), default=None)
    return None if first is None else first.duplicateOf or first.id


def _alike(a: Report, b: Report) -> float:
    return similarity(f"{a.title} {a.description}", f"{b.title} {b.description}")


def linked_to(report: Entity) -> Query:
    """Reports that wait for the outcome of the same matter: linked to the first one, or to this one itself."""
    first = report.value("duplicateOf") or report.id
    return Query(
        types=("Report",),
        where=(Where("duplicateOf", "in", sorted({first, report.id})), Where("status", "==", "linked")),
        limit=_TOGETHER,
    )


def follow(report: Report, *, context: Context, together: Sequence[Report]) -> list[Effect]:
    """What the shared matter came to holds for every report that is linked to it, and every author is told."""
    if report.status not in ("resolved", "rejected") or not report.answer:
        return []
    effects: list[Effect] = []
    for one in together:
        ended = answered(context) if report.status == "resolved" else STOPPED
        effects.append(move(one, report.status, at=context.now, note=report.answer, answer=report.answer, **ended))
        effects += tell_author(one, "Đã có kết quả", "There is an outcome", report.answer)
    return effects


def step(report: Report, *, context: Context, years: Sequence[WorkingYear], agencies: Sequence[Agency]) -> list[Effect]:
    """What time brings: a reminder, overdue, the level above; and the end of an outcome that nobody disputed."""
    if report.status == "resolved":
        return [move(report, "closed", at=context.now, note="Hết thời gian ý kiến lại", **STOPPED)]
    if report.status not in OPEN or report.status == "linked":
        return []
    label = f"{report.code or ''} {report.title}".strip()
    return step_effects(step_from(report, context.params, years, context.now, agencies=agencies, label=label))


def without_clock(_: Entity) -> Query:
    """Reports whose clock waits for the calendar of a year."""
    return Query(types=("Report",), where=(Where("clockProblem", "exists"),), limit=400)


def start_waiting_clocks(
    year: WorkingYear, *, context: Context, years: Sequence[WorkingYear], waiting: Sequence[Report]
) -> list[Effect]:
    """A calendar came in: reports that had no time limit for want of it get theirs, from when they were given out."""
    effects: list[Effect] = []
    term, steps = term_of(context.params["resolution_term"]), steps_of(context.params["escalation"])
    for report in waiting:
        if report.status in OPEN and report.status not in ("new", "linked"):
            values = restart_clock(report, calendar_of(years), report.reportedAt, term, steps)
            if values:
                effects.append(change(report, event="report.clocked_in", **values))
    return effects


def assign_to(
    report: Report,
    agency: str,
    context: Context,
    years: Sequence[WorkingYear],
    known: dict[str, Any],
    reason: str = "",
) -> list[Effect]:
    clock = {"dueAt": report.dueAt} if report.dueAt else clock_of(report, context, years, since=context.now)
    moved = move(report, "assigned", at=context.now, note=reason, assignedTo=agency, assignee=None, **clock, **known)
    return [
        msgspec.structs.replace(moved, agency=agency, counters=missing_number(report)),
        tell_agency(report, agency),
    ]


def clock_of(report: Report, context: Context, years: Sequence[WorkingYear], *, since: Instant) -> dict[str, Any]:
    """A clock that begins anew."""
    kind = "emergency_term" if report.matter == "emergency" else "resolution_term"
    return clock_from(context.params, years, since, term=kind)


def answered(context: Context) -> dict[str, Any]:
    """The clock of a report with an answer: it waits for the author, then closes by itself."""
    return {**STOPPED, "nextStepAt": context.now + timedelta(days=context.params["dispute_days"])}


def position(location: Geometry) -> tuple[float, float]:
    """The position of a Point; of any other geometry, its first position."""
    node: Any = location["coordinates"]
    while not isinstance(node[0], int | float):
        node = node[0]
    return float(node[0]), float(node[1])
