"""Alerts on their way to boards, and their end by the clock. Pure."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from typing import Any, Final

from province.model.change import Change
from province.model.entity import Entity
from province.model.query import Query, Where
from province.model.record import create, move, to_record
from province.model.time import format_instant
from province.pack import Context
from province.packs.alerts.types import AlertBoard, AlertDelivery
from province.vocab.public_alert import PublicAlert, message_of

AT_ONCE: Final = 200
"""Deliveries that are begun in one transaction, and alerts in force that are looked at."""
Answers = Mapping[str, Sequence[Any]]


def over(context: Context, found: Answers) -> Query:
    """Messages whose time is over and that still say otherwise."""
    return Query(
        types=("PublicAlert",),
        where=(
            Where("status", "in", ["prepared", "waiting", "in_force"]),
            Where("endsAt", "<=", format_instant(context.now)),
        ),
        latest=False,
    )


def end(*, context: Context, over: Sequence[PublicAlert]) -> list[list[Change]]:
    """The end of messages by their own word."""
    return [[move(alert, "expired", at=context.now)] for alert in over]


def in_force(context: Context, found: Answers) -> Query:
    """Alerts that people are told of now, the newest first."""
    where = (Where("status", "==", "in_force"), Where("published", "==", True))
    return Query(types=("PublicAlert",), where=where, order="-releasedAt", latest=False)


def boards(context: Context, found: Answers) -> Query | None:
    """Boards in the areas of those alerts that are in service."""
    areas = sorted({area for alert in found["alerts"] for area in alert.areas})
    if not areas:
        return None
    where = (Where("area", "in", areas), Where("lifecycle", "==", "in_service"))
    return Query(types=("AlertBoard",), where=where, latest=False)


def begun(context: Context, found: Answers) -> Query | None:
    """Deliveries of those alerts."""
    if not found["boards"]:
        return None
    ids = [alert.id for alert in found["alerts"]]
    return Query(types=("AlertDelivery",), where=(Where("alert", "in", ids),), latest=False)


def begin(
    *,
    context: Context,
    alerts: Sequence[PublicAlert],
    boards: Sequence[Entity],
    begun: Sequence[AlertDelivery],
) -> list[list[Change]]:
    """A delivery for every board in the areas of an alert that has none yet: new boards are told too."""
    known = {one.id for one in begun}
    there = [(board, to_record(AlertBoard, board).area) for board in boards]
    made = [
        create(
            AlertDelivery(
                id=delivery_id(alert.id, board.id), alert=alert.id, board=board.id, area=area, beganAt=context.now
            ),
            agency=board.agency,
        )
        for alert in alerts
        for board, area in there
        if area in alert.areas and delivery_id(alert.id, board.id) not in known
    ]
    return [made[start : start + AT_ONCE] for start in range(0, len(made), AT_ONCE)]


def delivery_id(alert: str, board: str) -> str:
    """Id of the one delivery of an alert to a board."""
    key = hashlib.sha256(f"{alert}\n{board}".encode()).hexdigest()[:32]
    return f"urn:ngsi-ld:AlertDelivery:{key}"


def tell(alert: Entity | None, context: Context) -> Mapping[str, Any] | None:
    """What a board is sent: what it shows or speaks, how it looks, until when; None: the alert is over."""
    if alert is None or alert.value("status") != "in_force" or alert.value("published") is not True:
        return None
    one = to_record(PublicAlert, alert)
    levels: Mapping[str, Mapping[str, str]] = context.params["levels"]
    return {
        "id": one.id,
        "identifier": one.identifier,
        "type": one.messageType,
        "severity": one.severity,
        "urgency": one.urgency,
        "tone": levels.get(one.scale or "", {}).get("tone", ""),
        "sent": format_instant(one.sentAt),
        "expires": format_instant(one.endsAt) if one.endsAt else None,
        "replaces": one.replaces,
        "texts": [
            {
                "language": info.language,
                "headline": info.headline,
                "description": info.description,
                "instruction": info.instruction,
            }
            for info in message_of(one.message).infos
        ],
    }


def answered(delivery: AlertDelivery, context: Context) -> Change:
    """The board shows it."""
    delay = round((context.now - delivery.beganAt).total_seconds(), 3)
    return move(delivery, "acknowledged", at=context.now, acknowledgedAt=context.now, delay=delay)


def give_up(delivery: AlertDelivery, context: Context) -> Change:
    """The alert was over before the board answered."""
    return move(delivery, "given_up", at=context.now)
