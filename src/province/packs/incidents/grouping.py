"""Alerts → incidents: which alerts have one cause, which incident they belong to, and what a new one looks like. Pure.

In one place for all alerts, and not as a rule per alert: a storm is many alerts at once, and a rule sees one.

What an alert hangs on depends on what it tells: silence hangs on the gateway, darkness on the feeder, a flood on the
river. The table `grouping` says so, with how far and how long apart alerts of a kind can be and still be one matter.
"""

from __future__ import annotations

import hashlib
from collections import Counter as Tally
from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Any, Final

import msgspec
import numpy as np

from province.compute.grouping import group
from province.model.change import Change, Counter
from province.model.entity import Entity
from province.model.geometry import bounds, point
from province.model.query import Query, Where
from province.model.record import change, create
from province.model.time import CIVIL_ZONE, Instant, format_instant
from province.pack import Context
from province.packs.incidents.types import Incident
from province.vocab.alert import OPEN, SEVERITIES, Alert

RANK: Final = {name: n for n, (name, _) in enumerate(SEVERITIES)}
"""0 is the gravest."""
DEFAULT: Final = "default"
Answers = Mapping[str, Sequence[Any]]


def alerts_waiting(context: Context, found: Answers) -> Query:
    """Open alerts that belong to no incident, those that were raised first before the others."""
    where = (
        Where("status", "in", list(OPEN)),
        Where("incident", "absent"),
        Where("raisedAt", ">=", format_instant(context.now - reach(context))),
    )
    return Query(types=("Alert",), where=where, order="raisedAt", latest=False)


def alerts_aside(context: Context, found: Answers) -> Query:
    """Alerts that somebody set aside."""
    where = (Where("shelvedUntil", ">", format_instant(context.now)),)
    return Query(types=("Alert",), where=where, latest=False)


def incidents_open(context: Context, found: Answers) -> Query:
    """Incidents that are not over."""
    return Query(types=("Incident",), where=(Where("status", "in", ["new", "handling", "resolved"]),), latest=False)


def alerts_gathered(context: Context, found: Answers) -> Query | None:
    """Alerts of incidents that may draw others to them."""
    if not found["incidents"]:
        return None
    since = format_instant(context.now - reach(context))
    where = (Where("incident", "exists"), Where("raisedAt", ">=", since))
    return Query(types=("Alert",), where=where, order="-raisedAt", latest=False)


def sources_of(context: Context, found: Answers) -> Query | None:
    """What those alerts are about."""
    ids = sorted({a.alertSource for name in ("waiting", "anchors") for a in found[name] if a.alertSource})
    return Query(ids=tuple(ids), latest=False) if ids else None


def gathering(
    *,
    context: Context,
    waiting: Sequence[Alert],
    aside: Sequence[Alert],
    incidents: Sequence[Incident],
    anchors: Sequence[Alert],
    sources: Sequence[Entity],
) -> list[list[Change]]:
    """One round: alerts that are set aside, and those of the same rule and source, stay where they are."""
    names = {a.id for a in aside}
    alike = {(a.alertSource, a.rule) for a in aside if a.alertSource}
    fresh = [a for a in waiting if a.id not in names and (a.alertSource, a.rule) not in alike]
    known = {i.id: i for i in incidents}
    return gather(fresh, [a for a in anchors if a.incident in known], {e.id: e for e in sources}, known, context)


def gather(
    alerts: Sequence[Alert],
    anchors: Sequence[Alert],
    sources: Mapping[str, Entity],
    incidents: Mapping[str, Incident],
    context: Context,
) -> list[list[Change]]:
    """What becomes of alerts that belong to no incident yet: for every group the changes that go together.

    anchors: alerts of an incident that is not over, so that those who follow find it.
    sources: entities by id.  A group whose gravest alert is milder than `least_severity` waits: it calls nobody.
    """
    every = [*anchors, *alerts]
    if not alerts:
        return []
    labels = _labels(every, sources, context)
    groups: dict[int, list[Alert]] = {}
    for alert, label in zip(every, labels, strict=True):
        groups.setdefault(label, []).append(alert)
    least = RANK[context.params["least_severity"]]
    result = []
    for members in groups.values():
        fresh = [a for a in members if a.incident is None]
        if not fresh:
            continue
        known = sorted(
            (incidents[a.incident] for a in members if a.incident is not None and a.incident in incidents),
            key=lambda i: (i.openedAt, i.id),
        )
        if known:
            result.append(_join(known[0], fresh))
        elif min(RANK[a.severity] for a in fresh) <= least:
            result.append(_open(fresh, sources, context))
    return result


def reach(context: Context) -> timedelta:
    """How long ago an alert may lie and still draw another one to its incident."""
    return timedelta(seconds=max(row["gap_s"] for row in context.params["grouping"].values()))


def _labels(alerts: Sequence[Alert], sources: Mapping[str, Entity], context: Context) -> list[int]:
    table: Mapping[str, Mapping[str, Any]] = context.params["grouping"]
    kinds: dict[tuple[str, bool], int] = {}
    hangs: dict[str, int] = {}
    reach_m: list[float] = []
    gap_s: list[float] = []
    kind = np.empty(len(alerts), np.int64)
    upstream = np.full(len(alerts), -1, np.int64)
    place = np.full((len(alerts), 2), np.nan)
    at = np.empty(len(alerts))
    for n, alert in enumerate(alerts):
        row = table.get(alert.event, table[DEFAULT])
        # What was invented is never grouped with what is real.
        key = (alert.event, alert.basis == "simulated")
        if key not in kinds:
            kinds[key] = len(kinds)
            reach_m.append(float(row["reach_m"]))
            gap_s.append(float(row["gap_s"]))
        kind[n] = kinds[key]
        at[n] = alert.raisedAt.timestamp()
        found = upstream_of(alert, sources, row)
        if found:
            upstream[n] = hangs.setdefault(found, len(hangs))
        if alert.location is not None:
            west, south, east, north = bounds(alert.location)
            place[n] = (west + east) / 2, (south + north) / 2
    made = group(at, place[:, 0], place[:, 1], kind, upstream, np.array(reach_m), np.array(gap_s))
    return [int(label) for label in made]


def upstream_of(alert: Alert, sources: Mapping[str, Entity], row: Mapping[str, Any]) -> str:
    """What the source hangs on, for this kind of alert; "" when nothing is known."""
    source = sources.get(alert.alertSource or "")
    for name in row.get("by", ()):
        found = source.value(name) if source is not None else None
        if isinstance(found, str) and found:
            return f"{name} {found}"
    return ""


def _join(incident: Incident, fresh: Sequence[Alert]) -> list[Change]:
    worst = min((incident.severity, *(a.severity for a in fresh)), key=lambda s: RANK[s])
    last = max((a.raisedAt for a in fresh), default=incident.openedAt)
    grown = change(
        incident,
        event="incident.escalated" if worst != incident.severity else "incident.joined",
        alertCount=incident.alertCount + len(fresh),
        severity=worst,
        lastAlertAt=max(last, incident.lastAlertAt or last),
    )
    return [grown, *(_belong(a, incident.id) for a in fresh)]


def _open(fresh: Sequence[Alert], sources: Mapping[str, Entity], context: Context) -> list[Change]:
    ordered = sorted(fresh, key=lambda a: (a.raisedAt, a.id))
    first = ordered[0]
    gravest = min(ordered, key=lambda a: RANK[a.severity])
    row = context.params["grouping"].get(first.event, context.params["grouping"][DEFAULT])
    shared = upstream_of(first, sources, row)
    areas = Tally(a.area for a in ordered if a.area)
    simulated = first.basis == "simulated"
    title = gravest.title if len(ordered) == 1 else f"{gravest.title} (+{len(ordered) - 1})"
    due = context.now + timedelta(minutes=context.params["accept_minutes"])
    made = Incident(
        id=f"urn:ngsi-ld:Incident:{hashlib.sha256(f'incident {first.id}'.encode()).hexdigest()[:32]}",
        title=title[:300],
        category=gravest.category,
        event=first.event,
        severity=gravest.severity,
        exercise=simulated,
        alertCount=len(ordered),
        shared=shared or None,
        area=areas.most_common(1)[0][0] if areas else None,
        location=_middle(ordered),
        openedAt=first.raisedAt,
        lastAlertAt=ordered[-1].raisedAt,
        dueAt=due,
        nextStepAt=due,
    )
    opened = create(made, counters=(number(context.now),))
    return [msgspec.structs.replace(opened, event="incident.opened"), *(_belong(a, made.id) for a in ordered)]


def number(at: Instant) -> Counter:
    """The next number of the year."""
    year = at.astimezone(CIVIL_ZONE).year
    return Counter(attribute="code", name=f"incident-{year}", template=f"SC-{year}-{{n:05d}}")


def _belong(alert: Alert, incident: str) -> Change:
    return change(alert, event="alert.gathered", incident=incident)


def _middle(alerts: Sequence[Alert]) -> Any:
    boxes = [bounds(a.location) for a in alerts if a.location is not None]
    if not boxes:
        return None
    if len(alerts) == 1:
        return alerts[0].location
    west, south, east, north = (sum(box[n] for box in boxes) / len(boxes) for n in range(4))
    return point(round((west + east) / 2, 6), round((south + north) / 2, 6))
