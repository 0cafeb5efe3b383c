"""Incidents: the page from which a duty officer does everything, and the after-action report as a page and a PDF."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Mapping, Sequence
from typing import Any, Final

from starlette.responses import Response

from province.console import forms
from province.console.boards import alert_line
from province.console.display import entity_href, show, title_of
from province.console.entity import actions_of, choices, steps_of
from province.console.lists import titles_of
from province.console.visit import Visit
from province.errors import NotFound
from province.model.entity import Entity
from province.model.label import Label
from province.model.query import Query, Where
from province.model.time import Instant, now, parse_instant

HOME: Final = "/incidents"
SHEET: Final = "annual_report"
"""The template for sections of rows."""
ALERTS: Final = 50
FACTS: Final = (
    "code", "severity", "category", "alertCount", "shared", "area", "openedAt", "dueAt", "acceptedAt", "acceptedBy",
    "procedure", "resolvedAt", "closedAt", "closingReason", "camera",
)  # fmt: skip
KINDS: Final = {
    "alert": Label("Cảnh báo", "Alert"),
    "cleared": Label("Cảnh báo đã hết", "Alert cleared"),
    "accept": Label("Tiếp nhận", "Taken on"),
    "accepted": Label("Tiếp nhận", "Taken on"),
    "finished": Label("Đã xong", "Done"),
    "skipped": Label("Bỏ qua", "Skipped"),
    "note": Label("Nhật ký", "Log"),
    "decision": Label("Quyết định", "Decision"),
    "quick_report": Label("Báo cáo nhanh", "Quick report"),
    "hand_over": Label("Giao ca", "Hand-over"),
    "resolved": Label("Đã khống chế", "Under control"),
    "closed": Label("Kết thúc", "Closed"),
}


async def incident(visit: Visit) -> Response:
    """One incident with its tasks, alerts, log and resources, and what can be done now."""
    found = await visit.services.broker.get(visit.request.path_params["id"], visit.actor, type="Incident", latest=False)
    broker, words = visit.services.broker, visit.words
    kind = broker.types["Incident"]
    tasks, alerts, entries, resources = await asyncio.gather(
        _of(visit, "IncidentTask", found.id, "number"),
        _of(visit, "Alert", found.id, "-raisedAt", ALERTS),
        _of(visit, "LogEntry", found.id, "-at"),
        _of(visit, "EmergencyResource", found.id, "name"),
    )
    history = await broker.history(found.id, visit.actor, attrs=("status", "severity"), limit=200)
    records = list(history.records)
    people = await _people(visit, [found, *tasks, *entries], {r.actor for r in records})
    titles = await titles_of(visit, (found,), [kind.fields["area"]])
    owners = await titles_of(visit, tuple(tasks), [broker.types["IncidentTask"].fields["assignedTo"]]) if tasks else {}
    shown = [
        (
            name,
            words.label(kind.fields[name].field.label),
            show(found.attrs.get(name), words, spec=kind.fields[name], type=kind, titles={**titles, **people}),
        )
        for name in FACTS
        if found.value(name) is not None
    ]
    offered = actions_of(visit, found)
    options = [await choices(visit, action) for action in offered]
    values = {
        "entity": found,
        "title": title_of(found, kind),
        "state": words.label(dict(kind.info.workflow.names)[found.value("status")]) if kind.info.workflow else "",
        "status": found.value("status"),
        "exercise": bool(found.value("exercise")),
        "shade": str(found.value("severity")).lower(),
        "facts": [(label, people.get(s.text, s.text), s) for name, label, s in shown if name != "camera"],
        "camera": found.value("camera"),
        "tasks": [await _task(visit, t, owners, people) for t in tasks],
        "alerts": [alert_line(visit, e) for e in alerts],
        "more_alerts": int(found.value("alertCount") or 0) - len(alerts),
        "entries": [_entry(visit, e, people) for e in entries],
        "resources": [(title_of(e, broker.types.get(e.type)), entity_href(e.id)) for e in resources],
        "forms": [forms.form_of(a, words, visit.services.bounds, o) for a, o in zip(offered, options, strict=True)],
        "steps": steps_of(visit, kind, records, people, titles),
        "place": found.value("location"),
        "bounds": visit.services.bounds,
        "report": f"{HOME}/{found.id}/report" if found.value("report") else "",
        "prepare": f"/new/publicalert.prepare?event={title_of(found, kind)[:200]}"
        if visit.services.may(visit.actor, "publicalert.prepare")
        else "",
        "key": secrets.token_hex(16),
        "href": entity_href(found.id),
        "late": _late(found),
    }
    return visit.page("incident.html", values)


async def report(visit: Visit) -> Response:
    """The after-action report."""
    found, content = await _report(visit)
    return visit.page("incident_report.html", {"entity": found, "home": f"{HOME}/{found.id}", **content})


async def report_pdf(visit: Visit) -> Response:
    """The same as a PDF."""
    if visit.services.print is None:
        raise NotFound("nothing is printed here.", field="report")
    found, content = await _report(visit)
    words = visit.words

    def cell(text: str, *, strong: bool = False, soft: bool = False) -> dict[str, Any]:
        return {"text": text, "strong": strong, "soft": soft}

    def column(text: str, width: int) -> dict[str, Any]:
        return {"title": text, "width": width}

    nothing = words("no data")
    sections = [
        {
            "title": words("Times against targets"),
            "note": "",
            "empty": nothing,
            "columns": [
                column(words("What"), 6),
                column(words("Agency"), 4),
                column(words("Due"), 3),
                column(words("Done"), 3),
                column(words("Result"), 4),
            ],
            "rows": [
                [
                    [cell(t["what"], strong=t["late"])],
                    [cell(t["agency"] or nothing, soft=not t["agency"])],
                    [cell(t["due"])],
                    [cell(t["done"] or nothing), *([cell(words("late"), strong=True)] if t["late"] else [])],
                    [cell(t["result"])],
                ]
                for t in content["targets"]
            ],
        },
        {
            "title": words("Course of events"),
            "note": "",
            "empty": nothing,
            "columns": [
                column(words("Time"), 3),
                column(words("What"), 3),
                column(words("Text"), 10),
                column(words("Who"), 3),
            ],
            "rows": [
                [[cell(r["at"])], [cell(r["kind"])], [cell(r["text"])], [cell(r["who"])]] for r in content["timeline"]
            ],
        },
        {
            "title": words("Resources"),
            "note": "",
            "empty": nothing,
            "columns": [column(words("What"), 6), column(words("Quantity"), 2), column(words("Sent"), 3)],
            "rows": [[[cell(r["name"])], [cell(r["quantity"])], [cell(r["sent"])]] for r in content["resources"]],
        },
        {
            "title": words("Evidence"),
            "note": "",
            "empty": nothing,
            "columns": [column("SHA-256", 1)],
            "rows": [[[cell(h)]] for h in content["evidence"]],
        },
    ]
    data = {
        "lang": visit.language,
        "title": f"{words('After-action report')} {found.value('code') or ''}".strip(),
        "author": words.label(visit.services.title),
        "kicker": content["title"],
        "state": content["conclusion"] or nothing,
        "sums": [{"figure": figure, "label": label} for label, figure in content["figures"]],
        "sections": sections,
        "footer": f"{words('Exercise')} · " * content["exercise"] + words.instant(now()),
    }
    headers = {"content-disposition": f'inline; filename="{found.value("code") or "report"}.pdf"'}
    return Response(await visit.services.print(SHEET, data), media_type="application/pdf", headers=headers)


async def _report(visit: Visit) -> tuple[Entity, dict[str, Any]]:
    found = await visit.services.broker.get(visit.request.path_params["id"], visit.actor, type="Incident", latest=False)
    told = found.value("report")
    if not isinstance(told, Mapping):
        raise NotFound("this incident has no report yet.", field="report", remedy="Close it first.")
    words = visit.words
    people = await visit.services.people(visit.actor, sorted({r["who"] for r in told["timeline"] if r["who"]}))
    ids = tuple(sorted({t["agency"] for t in told["targets"] if t["agency"]}))
    agencies: dict[str, str] = {}
    if ids:
        page = await visit.services.broker.query(
            Query(ids=ids, types=("Agency",), limit=100, latest=False), visit.actor
        )
        agencies = {e.id: str(e.value("name") or e.id) for e in page.items}
    figures = told["figures"]
    kind = visit.services.broker.types["Incident"]
    content = {
        "title": title_of(found, kind),
        "code": found.value("code") or "",
        "exercise": bool(found.value("exercise")),
        "conclusion": told["conclusion"],
        "timeline": [
            {
                "at": words.instant(parse_instant(r["at"])),
                "kind": words.label(KINDS[r["kind"]]) if r["kind"] in KINDS else r["kind"],
                "text": r["text"],
                "who": people.get(r["who"], r["who"]),
            }
            for r in told["timeline"]
        ],
        "targets": [
            {
                "what": t["vi"] if visit.language == "vi" else t["en"],
                "agency": agencies.get(t["agency"], t["agency"]),
                "due": words.instant(parse_instant(t["dueAt"])) if t["dueAt"] else "",
                "done": words.instant(parse_instant(t["doneAt"])) if t["doneAt"] else "",
                "late": bool(t["late"]),
                "result": t["result"],
            }
            for t in told["targets"]
        ],
        "resources": [
            {
                "name": r["name"],
                "quantity": f"{words.number(r['quantity'], 1)} {r['measure']}".strip(),
                "sent": words.instant(parse_instant(r["sentAt"])) if r["sentAt"] else "",
            }
            for r in told["resources"]
        ],
        "evidence": list(told["evidence"]),
        "figures": [
            (words("alerts"), words.number(figures["alerts"], 0)),
            (words("tasks"), words.number(figures["tasks"], 0)),
            (words("late"), words.number(figures["late"], 0)),
            (words("minutes in all"), words.number(figures["durationSeconds"] / 60, 0)),
        ],
    }
    return found, content


async def _of(visit: Visit, type_name: str, incident_id: str, order: str, limit: int = 200) -> Sequence[Entity]:
    where = (Where("incident", "==", incident_id),)
    query = Query(types=(type_name,), where=where, order=order, limit=limit, latest=False)
    return (await visit.services.broker.query(query, visit.actor)).items


async def _people(visit: Visit, entities: Sequence[Entity], more: set[str]) -> dict[str, str]:
    names = ("acceptedBy", "endedBy", "author", "officer", "signedBy")
    ids = {str(e.value(n)) for e in entities for n in names if e.value(n)} | more
    return {id: id for id in ids} | dict(await visit.services.people(visit.actor, sorted(ids)))


async def _task(visit: Visit, task: Entity, owners: Mapping[str, str], people: Mapping[str, str]) -> dict[str, Any]:
    kind = visit.services.broker.types["IncidentTask"]
    vietnamese = visit.language == "vi"
    offered = actions_of(visit, task)
    return {
        "id": task.id,
        "href": entity_href(task.id),
        "number": task.value("number"),
        "title": task.value("title") if vietnamese else task.value("titleEn") or task.value("title"),
        "reason": task.value("reason") if vietnamese else task.value("reasonEn") or task.value("reason"),
        "agency": owners.get(str(task.value("assignedTo")), ""),
        "due": parse_instant(str(task.value("dueAt"))),
        "ended": parse_instant(str(task.value("endedAt"))) if task.value("endedAt") else None,
        "who": people.get(str(task.value("endedBy")), ""),
        "result": task.value("result") or "",
        "state": visit.words.label(dict(kind.info.workflow.names)[task.value("status")]) if kind.info.workflow else "",
        "open": task.value("status") == "open",
        "late": _late(task),
        "forms": [forms.form_of(a, visit.words, visit.services.bounds, await choices(visit, a)) for a in offered],
    }


def _late(entity: Entity) -> bool:
    """Past its time and not done."""
    due = entity.value("dueAt")
    return entity.value("status") in ("new", "open") and due is not None and parse_instant(str(due)) < now()


def _entry(visit: Visit, entry: Entity, people: Mapping[str, str]) -> dict[str, Any]:
    at: Instant = parse_instant(str(entry.value("at")))
    kind = str(entry.value("kind"))
    return {
        "at": at,
        "kind": visit.words.label(KINDS[kind]) if kind in KINDS else kind,
        "text": entry.value("text"),
        "who": people.get(str(entry.value("author")), str(entry.value("author"))),
    }
