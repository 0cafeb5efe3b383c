"""The duty room: centres, rosters, shifts and their signed hand-over. Pure."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from datetime import datetime, time, timedelta
from typing import Annotated

from province.errors import Conflict, NotAllowed
from province.model.entity import Entity
from province.model.label import Label
from province.model.query import Query, Where
from province.model.record import create, move
from province.model.schema import Field
from province.model.time import CIVIL_ZONE, Instant, civil_date, format_instant
from province.model.unit import Unit
from province.pack import Context, Effect
from province.packs.incidents.entries import entry
from province.packs.incidents.types import (
    DutyShift,
    Incident,
    OperationsCentre,
)

_REASON = Label("Lý do", "Reason")


def shifts_of_centre(shift: Entity) -> Query:
    """Shifts of the same centre that run or wait for a signature."""
    where = (
        Where("centre", "==", shift.value("centre")),
        Where("status", "in", ["on_duty", "handing_over"]),
    )
    return Query(types=("DutyShift",), where=where, limit=10, latest=False)


def open_incidents(_: Entity) -> Query:
    """Incidents that are not over, the newest first."""
    where = (Where("status", "in", ["new", "handling", "resolved"]), Where("exercise", "==", False))
    return Query(types=("Incident",), where=where, order="-openedAt", limit=100, latest=False)


def establish(
    *,
    context: Context,
    area: Annotated[str, Field(Label("Địa bàn", "Area"), ref="Area")],
    name: Annotated[str, Field(Label("Tên trung tâm", "Name of the centre"))],
    days: Annotated[int, Field(Label("Lập lịch trực", "Roster for"), minimum=1, maximum=31), Unit("DAY")] = 7,
) -> list[Effect]:
    """Open an operations centre for an area from the template: its page and wall, and the roster of its shifts."""
    centre = OperationsCentre(
        id=f"urn:ngsi-ld:OperationsCentre:{area.removeprefix('urn:ngsi-ld:Area:')}",
        name=name.strip(),
        area=area,
        openedAt=context.now,
        openedBy=context.actor,
    )
    return [create(centre, agency=context.agency), *_roster(centre.id, context.now, days, context)]


def roster(
    centre: OperationsCentre,
    *,
    context: Context,
    start: Annotated[Instant, Field(Label("Từ ngày", "From"))],
    days: Annotated[int, Field(Label("Số ngày", "Days"), minimum=1, maximum=31), Unit("DAY")] = 7,
) -> list[Effect]:
    """Write the roster of further days."""
    return list(_roster(centre.id, start, days, context))


def _roster(centre: str, start: Instant, days: int, context: Context) -> list[Effect]:
    """Shifts of the template, from the one that runs at `start` on."""
    effects: list[Effect] = []
    first = civil_date(start) - timedelta(days=1)
    for day in range(days + 2):
        for row in context.params["shifts"]:
            begins = datetime.combine(first + timedelta(days=day), time.fromisoformat(row["from"]), CIVIL_ZONE)
            ends = begins + timedelta(hours=row["hours"])
            if ends <= start or begins >= start + timedelta(days=days):
                continue
            key = hashlib.sha256(f"{centre}\n{begins.isoformat()}".encode()).hexdigest()[:32]
            shift = DutyShift(
                id=f"urn:ngsi-ld:DutyShift:{key}",
                name=f"{row['name']} {begins:%d/%m/%Y}",
                centre=centre,
                startsAt=begins,
                endsAt=ends,
            )
            effects.append(create(shift, agency=context.agency))
    return effects


def begin(shift: DutyShift, *, context: Context, running: Sequence[DutyShift]) -> list[Effect]:
    """Go on duty. The officer before must have signed the hand-over; this signature accepts it.

    Raises: Conflict while somebody is on duty who has not signed; NotAllowed for who signed the other side.
    """
    others = [one for one in running if one.id != shift.id]
    if any(one.status == "on_duty" for one in others):
        raise Conflict("an officer is on duty.", field="status", remedy="The hand-over must be signed first.")
    waiting = [one for one in others if one.status == "handing_over"]
    if any(one.signedBy == context.actor for one in waiting):
        raise NotAllowed("who hands over cannot accept it.", field="actor", remedy="The next officer signs.")
    return [
        move(shift, "on_duty", at=context.now, officer=context.actor, beganAt=context.now),
        *(
            move(
                one,
                "handed_over",
                at=context.now,
                acceptedBy=context.actor,
                acceptedAt=context.now,
                seal=seal(one, context.actor, context.now),
            )
            for one in waiting
        ),
    ]


def hand_over(
    shift: DutyShift,
    *,
    context: Context,
    unfinished: Sequence[Incident],
    summary: Annotated[str, Field(Label("Nội dung bàn giao", "What is handed over"))],
) -> list[Effect]:
    """Sign the hand-over (giao ca): what happened, and what is not over. Raises: NotAllowed for another officer."""
    if shift.officer != context.actor:
        raise NotAllowed("only the officer on duty signs.", field="actor", remedy="Let the officer on duty sign in.")
    return [
        move(
            shift,
            "handing_over",
            at=context.now,
            summary=summary,
            openIncidents=tuple(i.id for i in unfinished),
            signedBy=context.actor,
            signedAt=context.now,
        ),
        entry(context, "hand_over", summary, shift=shift.id),
    ]


def seal(shift: DutyShift, incoming: str, at: Instant) -> str:
    """One hash over all that both officers signed: changed afterwards, it would not fit any more."""
    parts = (
        shift.id,
        shift.summary or "",
        *shift.openIncidents,
        shift.signedBy or "",
        format_instant(shift.signedAt) if shift.signedAt else "",
        incoming,
        format_instant(at),
    )
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()


def drop(shift: DutyShift, *, context: Context, reason: Annotated[str, Field(_REASON)]) -> list[Effect]:
    """Take a shift off the roster."""
    return [move(shift, "dropped", at=context.now, note=reason)]


def note(shift: DutyShift, *, context: Context, text: Annotated[str, Field(Label("Nội dung", "What"))]) -> list[Effect]:
    """Write an entry into the log of the shift (nhật ký trực)."""
    return [entry(context, "note", text, shift=shift.id)]
