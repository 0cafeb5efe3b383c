"""The after-action report: what happened when, what was to be done by when, and what there is to show for it. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from typing import Any

from province.model.time import Instant, format_instant
from province.packs.incidents.types import EmergencyResource, Incident, IncidentTask, LogEntry
from province.vocab.alert import Alert

ALERTS_TOLD = 20
"""Alerts that the timeline tells one by one; of more it tells the number."""


def after_action(
    incident: Incident,
    tasks: Sequence[IncidentTask],
    entries: Sequence[LogEntry],
    alerts: Sequence[Alert],
    resources: Sequence[EmergencyResource],
    at: Instant,
    conclusion: str,
    accept_minutes: float,
) -> dict[str, Any]:
    """The report as JSON: `timeline` by time, `targets` with their times, `resources`, `evidence`, `figures`."""
    timeline: list[tuple[Instant, str, str, str]] = []
    ordered = sorted(alerts, key=lambda a: (a.raisedAt, a.id))
    timeline += [(a.raisedAt, "alert", a.title, "") for a in ordered[:ALERTS_TOLD]]
    timeline += [(a.clearedAt, "cleared", a.title, "") for a in ordered[:ALERTS_TOLD] if a.clearedAt is not None]
    if incident.acceptedAt is not None:
        timeline.append((incident.acceptedAt, "accepted", incident.title, incident.acceptedBy or ""))
    timeline += [(t.endedAt, t.status, t.title, t.endedBy or "") for t in tasks if t.endedAt is not None]
    timeline += [(entry.at, entry.kind, entry.text, entry.author) for entry in entries]
    if incident.resolvedAt is not None:
        timeline.append((incident.resolvedAt, "resolved", incident.title, ""))
    timeline.append((at, "closed", conclusion, ""))
    targets = [_target(task) for task in sorted(tasks, key=lambda t: t.number)]
    accepted = incident.acceptedAt
    if accepted is not None:
        due = incident.openedAt + timedelta(minutes=accept_minutes)
        targets.insert(0, _row("accept", "Tiếp nhận", "Taken on", "", due, accepted))
    return {
        "timeline": [
            {"at": format_instant(when), "kind": kind, "text": text, "who": who}
            for when, kind, text, who in sorted(timeline, key=lambda row: row[0])
        ],
        "targets": targets,
        "resources": [
            {
                "name": one.name,
                "kind": one.kind,
                "quantity": one.quantity,
                "measure": one.measure,
                "sentAt": format_instant(one.sentAt) if one.sentAt else None,
            }
            for one in resources
        ],
        "evidence": [hash for task in tasks for hash in task.evidence or ()],
        "conclusion": conclusion,
        "figures": {
            "alerts": incident.alertCount,
            "alertsTold": min(len(ordered), ALERTS_TOLD),
            "tasks": len(tasks),
            "late": sum(1 for row in targets if row["late"]),
            "durationSeconds": round((at - incident.openedAt).total_seconds()),
        },
    }


def _target(task: IncidentTask) -> dict[str, Any]:
    return _row(
        task.status, task.title, task.titleEn, task.assignedTo or "", task.dueAt, task.endedAt, task.result or ""
    )


def _row(
    kind: str, vi: str, en: str, agency: str, due: Instant | None, done: Instant | None, result: str = ""
) -> dict[str, Any]:
    return {
        "kind": kind,
        "vi": vi,
        "en": en or vi,
        "agency": agency,
        "dueAt": format_instant(due) if due else None,
        "doneAt": format_instant(done) if done else None,
        "late": due is not None and (done is None or done > due),
        "result": result,
    }
