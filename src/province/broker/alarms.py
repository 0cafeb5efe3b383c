"""From a crossing to an alert: raised, raised to a higher level, lowered, cleared. Pure.

There is at most one open alert of a rule and a source. A person who closed it is not contradicted: the same level does
not open another one, only a higher one or the next episode does. A source that is not in service raises nothing.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from typing import Any

import msgspec

from province.broker.streaming import Crossing
from province.model.change import Change
from province.model.entity import Attribute, Entity, Origin
from province.model.label import Label
from province.model.query import Query, Where
from province.model.record import change, create, move
from province.model.time import format_instant
from province.pack import Threshold
from province.vocab.alert import OPEN, Alert


def open_alerts(source: str, rule: str) -> Query:
    """The open alert of a rule and a source, the newest first should there be several."""
    where = (Where("alertSource", "==", source), Where("rule", "==", rule), Where("status", "in", list(OPEN)))
    return Query(types=("Alert",), where=where, order="-raisedAt", limit=10, latest=False)


def decide(crossing: Crossing, threshold: Threshold, source: Entity, alerts: Sequence[Alert]) -> list[Change]:
    """What the crossing changes. alerts: the open ones of this rule and source."""
    origin: Origin = crossing.origin  # type: ignore[assignment]
    if crossing.after == 0:
        return [_stamp(_clear(alert, crossing, threshold, source), origin) for alert in alerts]
    if not alerts:
        if crossing.after < crossing.before or source.value("lifecycle", "in_service") != "in_service":
            return []
        return [_raise(crossing, threshold, source, origin)]
    alert = alerts[0]
    if crossing.after == alert.level:
        return []
    values: dict[str, Any] = {
        **_level(crossing.after, threshold, source),
        "highestLevel": max(alert.highestLevel, crossing.after),
        "value": _value(crossing),
        "evidence": _evidence(crossing, threshold),
    }
    if crossing.after > alert.level:
        return [_stamp(move(alert, "raised", at=crossing.at, **values), origin)]
    return [_stamp(change(alert, event="alert.lowered", **values), origin)]


def _raise(crossing: Crossing, threshold: Threshold, source: Entity, origin: Origin) -> Change:
    key = hashlib.sha256(f"{crossing.rule}\n{source.id}\n{format_instant(crossing.at)}".encode()).hexdigest()[:32]
    alert = Alert(
        id=f"urn:ngsi-ld:Alert:{key}",
        category=threshold.category,
        event=threshold.name,
        certainty="Observed",
        **_level(crossing.after, threshold, source),
        highestLevel=crossing.after,
        alertSource=source.id,
        attribute=crossing.attribute,
        rule=crossing.rule,
        value=_value(crossing),
        evidence=_evidence(crossing, threshold),
        basis=crossing.origin,
        area=source.value("area"),
        location=source.value("location"),
        raisedAt=crossing.at,
    )
    made = create(alert, agency=source.agency, origin=origin)
    return msgspec.structs.replace(made, event="alert.raised")


def _clear(alert: Alert, crossing: Crossing, threshold: Threshold, source: Entity) -> Change:
    """It is over: what it is called by then is the highest level that it reached."""
    named = _level(max(1, min(alert.highestLevel, len(threshold.levels))), threshold, source)
    return move(
        alert, "cleared", at=crossing.at, clearedAt=crossing.at, value=_value(crossing), **{**named, "level": 0}
    )


def _level(number: int, threshold: Threshold, source: Entity) -> dict[str, Any]:
    level = threshold.levels[number - 1]
    name = source.value("name") or source.id
    return {
        "title": f"{threshold.title.vi}: {level.label.vi} – {name}",
        "level": number,
        "levelName": level.label.vi,
        "severity": level.severity,
        "urgency": level.urgency,
    }


def _value(crossing: Crossing) -> dict[str, Any]:
    return {"number": crossing.value, "unitCode": crossing.unit_code, "observedAt": format_instant(crossing.at)}


def _evidence(crossing: Crossing, threshold: Threshold) -> dict[str, Any]:
    """Everything that is needed to see why: limits and where they come from, the run of readings that crossed."""
    return {
        "rule": crossing.rule,
        "attribute": crossing.attribute,
        "direction": threshold.direction,
        "reading": crossing.reading,
        "unitCode": crossing.unit_code,
        "since": format_instant(crossing.since),
        "at": format_instant(crossing.at),
        "hysteresis": crossing.hysteresis,
        "readings": threshold.readings,
        "lastsSeconds": threshold.lasts_s,
        "meanHours": threshold.mean.hours if threshold.mean else 0,
        "levels": [
            {"name": _both(level.label), "limit": limit, "parameter": level.parameter, "field": level.field}
            for level, limit in zip(threshold.levels, crossing.limits, strict=True)
        ],
    }


def _both(label: Label) -> dict[str, str]:
    return {"vi": label.vi, "en": label.en}


def _stamp(made: Change, origin: Origin) -> Change:
    """What a machine decides has the origin of the readings it decided by."""
    attrs: dict[str, Attribute | None] = {
        key: None if a is None else msgspec.structs.replace(a, origin=origin) for key, a in made.attrs.items()
    }
    return msgspec.structs.replace(made, attrs=attrs)
