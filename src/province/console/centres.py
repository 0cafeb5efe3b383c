"""The operations centre on one page: incidents, late tasks, alerts by severity, who is on duty; of all, or one area."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import Any, Final

from starlette.responses import Response

from province.console.boards import alert_line
from province.console.display import entity_href, show, title_of
from province.console.incidents import HOME as INCIDENTS
from province.console.visit import Visit
from province.errors import NotFound
from province.model.entity import Entity
from province.model.query import Query, Where
from province.model.time import format_instant, now, parse_instant
from province.vocab.alert import OPEN, SEVERITIES

HOME: Final = "/centres"
SHOWN: Final = 30
RUNNING: Final = ("new", "handling", "resolved")


@dataclass(frozen=True, slots=True)
class Room:
    """What the centre has to look at. totals: open alerts by severity: (name, shade, how many)."""

    incidents: list[dict[str, Any]]
    late: list[dict[str, Any]]
    alerts: list[dict[str, Any]]
    totals: list[tuple[str, str, int]]
    shifts: list[dict[str, Any]]


async def centres(visit: Visit) -> Response:
    """The centre of the whole province, and the list of those for an area."""
    query = Query(types=("OperationsCentre",), order="name", limit=200, latest=False)
    page, room = await asyncio.gather(visit.services.broker.query(query, visit.actor), room_of(visit, ""))
    values = {
        "room": room,
        "words_of": visit.words,
        "centre": None,
        "others": [(title_of(e, visit.services.broker.types.get(e.type)), f"{HOME}/{_key(e)}") for e in page.items],
        "may_establish": visit.services.may(visit.actor, "operationscentre.establish"),
        "wall": "/wall?board=centre&board=alerts&board=map",
    }
    return visit.page("centre.html", values)


async def centre(visit: Visit) -> Response:
    """The centre of one area."""
    key = visit.request.path_params["area"]
    id = f"urn:ngsi-ld:OperationsCentre:{key}"
    found = await visit.services.broker.get(id, visit.actor, type="OperationsCentre", latest=False)
    room = await room_of(visit, str(found.value("area")), found.id)
    values = {
        "room": room,
        "words_of": visit.words,
        "centre": found,
        "title": title_of(found, visit.services.broker.types.get(found.type)),
        "href": entity_href(found.id),
        "others": [],
        "may_establish": False,
        "wall": f"/wall?board=centre&board=alerts&board=map&centre={key}",
    }
    return visit.page("centre.html", values)


async def area_of(visit: Visit, key: str) -> tuple[str, str]:
    """(area, id) of a centre by the end of its address; ("", "") for none. Raises: NotFound."""
    if not key:
        return "", ""
    id = f"urn:ngsi-ld:OperationsCentre:{key}"
    found = await visit.services.broker.get(id, visit.actor, type="OperationsCentre", latest=False)
    return str(found.value("area")), id


async def room_of(visit: Visit, area: str, centre_id: str = "") -> Room:
    """Everything that goes on: in one area, or everywhere."""
    broker, words = visit.services.broker, visit.words
    if "Incident" not in broker.types:
        raise NotFound("there is no operations centre here.", field="centre")
    here = (Where("area", "==", area),) if area else ()
    at = format_instant(now())
    incidents, alerts = await asyncio.gather(
        _ask(visit, "Incident", (Where("status", "in", list(RUNNING)), *here), "-openedAt"),
        _ask(visit, "Alert", (Where("status", "in", list(OPEN)), *here), "-raisedAt"),
    )
    mine = [e.id for e in incidents]
    late_where: tuple[Where, ...] = (Where("status", "==", "open"), Where("dueAt", "<", at))
    if area:
        late_where = (*late_where, Where("incident", "in", mine or ["urn:none"]))
    duty: tuple[Where, ...] = (Where("status", "in", ["on_duty", "handing_over", "planned"]), Where("endsAt", ">", at))
    if centre_id:
        duty = (*duty, Where("centre", "==", centre_id))
    late, shifts = await asyncio.gather(
        _ask(visit, "IncidentTask", late_where, "dueAt"), _ask(visit, "DutyShift", duty, "startsAt", 6)
    )
    totals = await asyncio.gather(
        *(
            broker.query(
                Query(
                    types=("Alert",),
                    where=(Where("status", "in", list(OPEN)), Where("severity", "==", name), *here),
                    limit=0,
                    count=True,
                    latest=False,
                ),
                visit.actor,
            )
            for name, _ in SEVERITIES
        )
    )
    officers = sorted({str(e.value("officer")) for e in shifts if e.value("officer")})
    people = {id: id for id in officers} | dict(await visit.services.people(visit.actor, officers))
    return Room(
        incidents=[_incident(visit, e) for e in incidents],
        late=[
            {
                "title": e.value("title") if visit.language == "vi" else e.value("titleEn") or e.value("title"),
                "href": f"{INCIDENTS}/{e.value('incident')}",
                "due": parse_instant(str(e.value("dueAt"))),
                "exercise": bool(e.value("exercise")),
            }
            for e in late
        ],
        alerts=[alert_line(visit, e) for e in alerts],
        totals=[
            (words.label(label), name.lower(), page.total or 0)
            for (name, label), page in zip(SEVERITIES, totals, strict=True)
        ],
        shifts=[
            {
                "name": e.value("name"),
                "href": entity_href(e.id),
                "state": show(
                    e.attrs.get("status"), words, spec=broker.types[e.type].fields["status"], type=broker.types[e.type]
                ).text,
                "officer": people.get(str(e.value("officer")), ""),
                "duty": e.value("status") != "planned",
                "from": parse_instant(str(e.value("startsAt"))),
                "until": parse_instant(str(e.value("endsAt"))),
            }
            for e in shifts
        ],
    )


def _incident(visit: Visit, entity: Entity) -> dict[str, Any]:
    words = visit.words
    kind = visit.services.broker.types["Incident"]
    due = entity.value("dueAt")
    return {
        "href": f"{INCIDENTS}/{entity.id}",
        "code": entity.value("code") or "",
        "title": title_of(entity, kind),
        "severity": show(entity.attrs.get("severity"), words, spec=kind.fields["severity"], type=kind).text,
        "shade": str(entity.value("severity")).lower(),
        "state": show(entity.attrs.get("status"), words, spec=kind.fields["status"], type=kind).text,
        "alerts": entity.value("alertCount") or 0,
        "opened": parse_instant(str(entity.value("openedAt"))),
        "exercise": bool(entity.value("exercise")),
        "late": entity.value("status") == "new" and due is not None and parse_instant(str(due)) < now(),
    }


async def _ask(
    visit: Visit, type_name: str, where: tuple[Where, ...], order: str, limit: int = SHOWN
) -> tuple[Entity, ...]:
    query = Query(types=(type_name,), where=where, order=order, limit=limit, latest=False)
    return (await visit.services.broker.query(query, visit.actor)).items


def _key(entity: Entity) -> str:
    return entity.id.removeprefix("urn:ngsi-ld:OperationsCentre:")
