"""What people do with incidents: take on, carry out, log, report, close; set their alerts aside. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Annotated, Any, Final

import msgspec

from province.errors import Conflict, InvalidInput
from province.model.entity import Entity
from province.model.geometry import Geometry
from province.model.label import Label
from province.model.query import Query, Where
from province.model.record import change, create, move
from province.model.schema import Field
from province.model.unit import Unit
from province.pack import Context, Effect, Notice
from province.packs.incidents.entries import derive, entry
from province.packs.incidents.grouping import RANK, number
from province.packs.incidents.reporting import after_action
from province.packs.incidents.types import (
    REASONS,
    EmergencyResource,
    Incident,
    IncidentTask,
    LogEntry,
)
from province.vocab.agency import Agency
from province.vocab.alert import CATEGORIES, SEVERITIES, Alert
from province.vocab.area import civil_day, in_force
from province.vocab.case import STOPPED

MANY: Final = 400
"""Alerts that are acknowledged or closed together with their incident; of a greater storm the rest stays as it is."""
WARD: Final = "ward"
_REASON = Label("Lý do", "Reason")
_NOTE = Label("Ghi chú", "Note")


# --- what is asked before ---------------------------------------------------------------------------------------------


def of_incident(type_name: str) -> Any:
    """The query for everything of a type that belongs to an incident."""

    def query(incident: Entity) -> Query:
        where = (Where("incident", "==", incident.id),)
        return Query(types=(type_name,), where=where, limit=MANY, latest=False)

    return query


def agencies_now(incident: Entity) -> Query:
    """Agencies that have not ended."""
    return Query(types=("Agency",), where=(Where("validTo", "absent"),), limit=1000, latest=False)


# --- incidents --------------------------------------------------------------------------------------------------------


def drill(
    *,
    context: Context,
    title: Annotated[str, Field(Label("Tình huống", "Situation"))],
    category: Annotated[
        str, Field(Label("Lĩnh vực", "Category"), values=tuple(n for n, _ in CATEGORIES), names=CATEGORIES)
    ],
    severity: Annotated[
        str, Field(Label("Mức nghiêm trọng", "Severity"), values=tuple(n for n, _ in SEVERITIES), names=SEVERITIES)
    ] = "Severe",
    event: Annotated[str, Field(Label("Loại sự kiện", "Event"))] = "drill",
    location: Annotated[Geometry | None, Field(Label("Vị trí", "Place"))] = None,
    area: Annotated[str | None, Field(Label("Địa bàn", "Area"), ref="Area")] = None,
    real: Annotated[bool, Field(Label("Sự cố thật do người báo", "A real incident that a person tells of"))] = False,
) -> list[Effect]:
    """Open an incident by hand: an exercise, unless it is said that it is real. An exercise never counts."""
    due = context.now + timedelta(minutes=context.params["accept_minutes"])
    made = Incident(
        id=f"urn:ngsi-ld:Incident:{derive('incident', context)}",
        title=title.strip()[:300],
        category=category,
        event=event.strip() or "drill",
        severity=severity,
        exercise=not real,
        area=area,
        location=location,
        openedAt=context.now,
        dueAt=due,
        nextStepAt=due,
    )
    opened = create(made, agency=context.agency, counters=(number(context.now),))
    return [msgspec.structs.replace(opened, event="incident.opened")]


def accept(
    incident: Incident,
    *,
    context: Context,
    alerts: Sequence[Alert],
    agencies: Sequence[Agency],
    procedure: Annotated[
        str, Field(Label("Quy trình", "Procedure"), hint=Label("Để trống: theo loại sự kiện", "Empty: by the event"))
    ] = "",
) -> list[Effect]:
    """Take it on: its alerts are acknowledged, and the tasks of the procedure go to their agencies with their times.

    Raises: InvalidInput for a procedure that is not declared.
    """
    chosen = find_procedure(incident, procedure, context)
    effects: list[Effect] = [
        move(
            incident,
            "handling",
            at=context.now,
            acceptedAt=context.now,
            acceptedBy=context.actor,
            procedure=chosen["name"],
            assignee=context.actor,
            dueAt=None,
            **STOPPED,
        )
    ]
    effects += [
        move(a, "acknowledged", at=context.now, acknowledgedAt=context.now, acknowledgedBy=context.actor)
        for a in alerts
        if a.status == "raised"
    ]
    for n, row in enumerate(chosen["tasks"], 1):
        agency = find_agency(row["who"], incident, agencies, context)
        task = IncidentTask(
            id=f"urn:ngsi-ld:IncidentTask:{incident.id.rpartition(':')[2]}-{n}",
            incident=incident.id,
            number=n,
            title=row["vi"],
            titleEn=row["en"],
            reason=row["why_vi"],
            reasonEn=row["why_en"],
            assignedTo=agency,
            exercise=incident.exercise,
            beganAt=context.now,
            dueAt=context.now + timedelta(minutes=row["minutes"]),
            nextStepAt=context.now + timedelta(minutes=row["minutes"]),
        )
        effects.append(create(task, agency=agency))
        if agency is not None:
            mark = ("[Diễn tập] ", "[Exercise] ") if incident.exercise else ("", "")
            effects.append(
                Notice(
                    to=agency,
                    subject=Label(
                        f"{mark[0]}Sự cố {incident.code}: {row['vi']}"[:200],
                        f"{mark[1]}{incident.code}: {row['en']}"[:200],
                    ),
                    body=Label(
                        f"Làm trong {row['minutes']} phút. {row['why_vi']}",
                        f"Within {row['minutes']} min. {row['why_en']}",
                    ),
                    about=task.id,
                )
            )
    return effects


def find_procedure(incident: Incident, name: str, context: Context) -> Mapping[str, Any]:
    """The procedure of that name, or the first that fits event, category and severity; the last one fits everything."""
    rows: Sequence[Mapping[str, Any]] = context.params["procedures"]
    if name:
        for row in rows:
            if row["name"] == name:
                return row
        known = ", ".join(str(row["name"]) for row in rows)
        raise InvalidInput(f"there is no procedure {name[:40]!r}.", field="procedure", remedy=f"One of: {known}.")
    for row in rows:
        fits = incident.event in row.get("events", ()) or incident.category in row.get("categories", ())
        if fits and RANK[incident.severity] <= RANK[row.get("least", "Unknown")]:
            return row
    return rows[-1]


def find_agency(who: str, incident: Incident, agencies: Sequence[Agency], context: Context) -> str | None:
    """`ward`: the committee of the incident's area; another word: the first agency in force with that competence."""
    day = civil_day(context.now)
    alive = sorted((a for a in agencies if in_force(a.validFrom, a.validTo, day)), key=lambda a: a.id)
    if who == WARD:
        return next((a.id for a in alive if a.kind == "committee" and a.area and a.area == incident.area), None)
    return next((a.id for a in alive if who in a.competences), context.agency)


def log(
    incident: Incident,
    *,
    context: Context,
    text: Annotated[str, Field(Label("Nội dung", "What"))],
    decision: Annotated[bool, Field(Label("Là quyết định", "It is a decision"))] = False,
) -> list[Effect]:
    """Write an entry into the log of the incident."""
    return [entry(context, "decision" if decision else "note", text, incident=incident.id)]


def quick_report(
    incident: Incident,
    *,
    context: Context,
    situation: Annotated[str, Field(Label("Tình hình", "Situation"))],
    to: Annotated[str, Field(Label("Gửi cơ quan", "To the agency"), ref="Agency")],
    damage: Annotated[str, Field(Label("Thiệt hại", "Damage"))] = "",
    response: Annotated[str, Field(Label("Đã xử lý", "What was done"))] = "",
    proposal: Annotated[str, Field(Label("Đề nghị", "What is asked for"))] = "",
) -> list[Effect]:
    """Send a quick report (báo cáo nhanh) to an agency, and keep it in the log."""
    parts = (("Tình hình", situation), ("Thiệt hại", damage), ("Đã xử lý", response), ("Đề nghị", proposal))
    text = "\n".join(f"{name}: {said.strip()}" for name, said in parts if said.strip())
    mark = ("[Diễn tập] ", "[Exercise] ") if incident.exercise else ("", "")
    name = incident.code or incident.title
    return [
        entry(context, "quick_report", text, incident=incident.id),
        Notice(
            to=to,
            subject=Label(f"{mark[0]}Báo cáo nhanh {name}", f"{mark[1]}Quick report {name}"),
            body=Label(text, text),
            about=incident.id,
        ),
    ]


def watch(
    incident: Incident, *, context: Context, camera: Annotated[str, Field(Label("Liên kết camera", "Link of a camera"))]
) -> list[Effect]:
    """Put the link of a camera that sees the place. Raises: InvalidInput for what is no web address."""
    if not camera.startswith(("https://", "http://", "/")):
        raise InvalidInput("this is no web address.", field="camera", remedy="Begin with https://.")
    return [change(incident, event="incident.changed", camera=camera)]


def resolve(incident: Incident, *, context: Context, note: Annotated[str, Field(_NOTE)] = "") -> list[Effect]:
    """Say that it is under control; tasks may still run."""
    return [move(incident, "resolved", at=context.now, note=note, resolvedAt=context.now)]


def reopen(incident: Incident, *, context: Context, reason: Annotated[str, Field(_REASON)]) -> list[Effect]:
    """It goes on after all."""
    return [move(incident, "handling", at=context.now, note=reason, resolvedAt=None)]


def dismiss(
    incident: Incident,
    *,
    context: Context,
    alerts: Sequence[Alert],
    reason: Annotated[str, Field(_REASON, values=tuple(n for n, _ in REASONS if n != "handled"), names=REASONS)],
    note: Annotated[str, Field(_NOTE)] = "",
) -> list[Effect]:
    """It is none: a false alarm, or a duplicate. Its alerts are closed for the same reason."""
    if reason not in dict(REASONS) or reason == "handled":
        raise InvalidInput(f"{reason[:40]!r} is no reason here.", field="reason", remedy="Take it on, then close it.")
    return [
        move(
            incident,
            "closed",
            at=context.now,
            note=note,
            closedAt=context.now,
            closingReason=reason,
            dueAt=None,
            **STOPPED,
        ),
        *_close_alerts(alerts, context, reason),
    ]


def close(
    incident: Incident,
    *,
    context: Context,
    tasks: Sequence[IncidentTask],
    entries: Sequence[LogEntry],
    alerts: Sequence[Alert],
    resources: Sequence[EmergencyResource],
    note: Annotated[str, Field(Label("Kết luận", "Conclusion"))] = "",
) -> list[Effect]:
    """Close it: the after-action report is written, resources are free again, its alerts are closed.

    Raises: Conflict while a task of the procedure is neither carried out nor skipped with a reason.
    """
    undone = [task for task in tasks if task.status == "open"]
    if undone:
        raise Conflict(
            f"{len(undone)} tasks are not settled: {', '.join(str(t.number) for t in undone)}.",
            field="tasks",
            remedy="Finish them, or skip them with a reason.",
        )
    reason = "exercise" if incident.exercise else "handled"
    report = after_action(
        incident, tasks, entries, alerts, resources, context.now, note, context.params["accept_minutes"]
    )
    closed = move(
        incident,
        "closed",
        at=context.now,
        note=note,
        closedAt=context.now,
        resolvedAt=incident.resolvedAt or context.now,
        closingReason=reason,
        report=report,
        dueAt=None,
        **STOPPED,
    )
    free = [change(one, event="emergencyresource.returned", incident=None, sentAt=None) for one in resources]
    return [closed, *free, *_close_alerts(alerts, context, reason)]


def _close_alerts(alerts: Sequence[Alert], context: Context, reason: str) -> list[Effect]:
    return [
        move(a, "closed", at=context.now, closedAt=context.now, closingReason=reason)
        for a in alerts
        if a.status in ("raised", "acknowledged", "cleared")
    ]


def tell(incident: Incident, *, context: Context, agencies: Sequence[Agency]) -> list[Effect]:
    """Tell the committee of the place and the emergency command that there is an incident, or that it grew worse."""
    mark = ("[Diễn tập] ", "[Exercise] ") if incident.exercise else ("", "")
    desks = {find_agency(WARD, incident, agencies, context), find_agency("emergency", incident, agencies, context)}
    return [
        Notice(
            to=to,
            subject=Label(
                f"{mark[0]}Sự cố {incident.code}: {incident.title}"[:200],
                f"{mark[1]}Incident {incident.code}: {incident.title}"[:200],
            ),
            body=Label("Mở sự cố để tiếp nhận.", "Open it to take it on."),
            about=incident.id,
        )
        for to in sorted(d for d in desks if d)
    ]


def whose(alert: Entity) -> Query:
    """The incident that an alert belongs to."""
    return Query(types=("Incident",), ids=(str(alert.value("incident") or "urn:none"),), limit=1, latest=False)


def worsen(alert: Alert, *, context: Context, incidents: Sequence[Incident]) -> list[Effect]:
    """An alert rose to a higher level: its incident is as grave as the gravest of its alerts."""
    return [
        change(one, event="incident.escalated", severity=alert.severity, lastAlertAt=context.now)
        for one in incidents
        if one.status != "closed" and RANK[alert.severity] < RANK[one.severity]
    ]


# --- tasks ------------------------------------------------------------------------------------------------------------


def finish(
    task: IncidentTask, *, context: Context, result: Annotated[str, Field(Label("Kết quả", "Result"))] = ""
) -> list[Effect]:
    """Carried out; photos are its evidence."""
    return [
        move(
            task,
            "finished",
            at=context.now,
            note=result,
            endedAt=context.now,
            endedBy=context.actor,
            result=result or None,
            evidence=(*(task.evidence or ()), *context.files),
            **STOPPED,
        )
    ]


def skip(task: IncidentTask, *, context: Context, reason: Annotated[str, Field(_REASON)]) -> list[Effect]:
    """Not needed this time, for a reason that the report tells."""
    return [
        move(
            task,
            "skipped",
            at=context.now,
            note=reason,
            endedAt=context.now,
            endedBy=context.actor,
            result=reason,
            **STOPPED,
        )
    ]


def late(task: IncidentTask, *, context: Context) -> list[Effect]:
    """Its time is over: it is marked, and its agency is told once, by SMS too."""
    if task.status != "open" or task.dueAt is None:
        return []
    marked = change(task, event="incidenttask.overran", overdueSince=task.dueAt)
    mark = ("[Diễn tập] ", "[Exercise] ") if task.exercise else ("", "")
    if task.assignedTo is None:
        return [marked]
    return [
        marked,
        Notice(
            to=task.assignedTo,
            subject=Label(
                f"{mark[0]}Quá giờ: {task.title}"[:200], f"{mark[1]}Late: {task.titleEn or task.title}"[:200]
            ),
            body=Label("Việc xử lý sự cố đã quá giờ.", "The time of this task of an incident is over."),
            about=task.id,
            channels=() if task.exercise else ("mail", "sms"),
        ),
    ]


def waits(incident: Incident, *, context: Context, agencies: Sequence[Agency]) -> list[Effect]:
    """Nobody took it on in time: the same desks are told again, louder."""
    if incident.status != "new":
        return []
    told = [
        msgspec.structs.replace(
            one,
            subject=Label(f"CHƯA TIẾP NHẬN: {one.subject.vi}"[:200], f"NOT TAKEN ON: {one.subject.en}"[:200]),
            channels=() if incident.exercise else ("mail", "sms"),
        )
        for one in tell(incident, context=context, agencies=agencies)
        if isinstance(one, Notice)
    ]
    return [change(incident, event="incident.overran", overdueSince=incident.dueAt), *told]


# --- alerts that are set aside ----------------------------------------------------------------------------------------


def shelve(
    alert: Alert,
    *,
    context: Context,
    reason: Annotated[str, Field(_REASON)],
    hours: Annotated[float, Field(Label("Trong", "For"), minimum=0.25, maximum=168), Unit("HUR")] = 8.0,
) -> list[Effect]:
    """Set it aside until a time: it stays on record, opens no incident, and comes back by itself."""
    until = context.now + timedelta(hours=hours)
    return [change(alert, event="alert.shelved", shelvedUntil=until, shelvedReason=reason)]


def unshelve(alert: Alert, *, context: Context) -> list[Effect]:
    """Bring it back at once."""
    return [change(alert, event="alert.unshelved", shelvedUntil=None, shelvedReason=None)]
