"""Whom an alert reaches, what becomes of one that was received, whom to believe, and who gets mail. Pure."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Sequence
from typing import Annotated, Any, Final

import msgspec
import shapely

from province.errors import Conflict, InvalidInput
from province.model.cap import message as cap
from province.model.cap.message import Named, Target
from province.model.change import Change
from province.model.entity import Entity
from province.model.geometry import Geometry, bounds, box_around
from province.model.label import Label
from province.model.query import Query, Where
from province.model.record import change, create, move
from province.model.schema import Field
from province.model.time import Instant
from province.pack import Context, Effect, Notice
from province.packs.alerts.types import AlertSubscriber, TrustedSender
from province.vocab.alert import Alert
from province.vocab.area import LOCAL, Area, civil_day, in_force
from province.vocab.public_alert import PublicAlert, message_of

AREA_CODES: Final = "VN-DVHC"
"""Name of the list of codes of Vietnam's administrative units in `geocode`."""
_SIMPLIFY: Final = 0.0003
"""Degrees, about 30 m: how far the edge of a ward may be moved to be told in fewer corners."""
_LEAST_OVERLAP: Final = 1e-7
"""Square degrees, about 0.1 ha: neighbours that only touch are not reached."""
MAILS: Final = 400
"""Subscribers by mail; webhooks, the feed and boards have no such limit."""
_ADDRESS = re.compile(r"[^@\s<>,;:]{1,64}@[A-Za-z0-9](?:[A-Za-z0-9.-]{0,252}[A-Za-z0-9])?")
_REASON = Label("Lý do", "Reason")


def trust(alert: PublicAlert, *, context: Context, reason: Annotated[str, Field(_REASON)]) -> list[Effect]:
    """Believe this sender when this key signs: what it sends from now on is passed on without a person.

    Raises: Conflict for a message that nobody signed.
    """
    if alert.signerKey is None:
        raise Conflict("the message is not signed.", field="signerKey", remedy="Only a key can be believed.")
    key = hashlib.sha256(f"{alert.sender}\n{alert.signerKey}".encode()).hexdigest()[:32]
    sender = TrustedSender(
        id=f"urn:ngsi-ld:TrustedSender:{key}",
        sender=alert.sender,
        signerKey=alert.signerKey,
        signerName=alert.signerName or "",
        reason=reason,
        trustedAt=context.now,
        trustedBy=context.actor,
    )
    return [create(sender, agency=context.agency)]


def withdraw(sender: TrustedSender, *, context: Context, reason: Annotated[str, Field(_REASON)]) -> list[Effect]:
    """Believe a sender's key no longer."""
    return [move(sender, "withdrawn", at=context.now, note=reason)]


def subscribe(
    *,
    context: Context,
    name: Annotated[str, Field(Label("Tên", "Name"))],
    address: Annotated[str, Field(Label("Địa chỉ thư", "Mail address"), personal=True)],
    areas: Annotated[tuple[str, ...], Field(Label("Địa bàn", "Areas"), ref="Area")] = (),
) -> list[Effect]:
    """Enter who asked to get alerts by mail. Raises: InvalidInput for what is no address."""
    if not _ADDRESS.fullmatch(address):
        raise InvalidInput("this is no mail address.", field="address", remedy="Give name@domain.")
    key = hashlib.sha256(f"subscriber {address.lower()}".encode()).hexdigest()[:32]
    made = AlertSubscriber(
        id=f"urn:ngsi-ld:AlertSubscriber:{key}", name=name.strip(), address=address, areas=areas, since=context.now
    )
    return [create(made, agency=context.agency)]


def unsubscribe(subscriber: AlertSubscriber, *, context: Context) -> list[Effect]:
    """Send it nothing any more."""
    return [move(subscriber, "ended", at=context.now)]


# --- what is asked before ---------------------------------------------------------------------------------------------


def replaced_by(alert: Entity) -> Query:
    """The message that this one takes the place of."""
    return Query(types=("PublicAlert",), ids=(str(alert.value("replaces") or "urn:none"),), limit=1, latest=False)


def areas_chosen(alert: Entity) -> Query:
    """The areas that were chosen."""
    return Query(types=("Area",), ids=tuple(alert.value("areas") or ("urn:none",)), limit=1000, latest=False)


def areas_around(alert: Entity) -> Query:
    """Areas whose boundary may lie in the polygons and circles."""
    place = alert.value("location")
    box = bounds(place) if place else box_around((0.0, 0.0), 1.0)
    return Query(types=("Area",), where=(Where("validTo", "absent"),), box=box, limit=1000, latest=False)


def believed(alert: Entity) -> Query:
    """The keys of this sender that are believed."""
    where = (Where("sender", "==", alert.value("sender")), Where("status", "==", "trusted"))
    return Query(types=("TrustedSender",), where=where, limit=100, latest=False)


def referred(alert: Entity) -> Query:
    """The messages that a received one speaks of, of the same sender."""
    names = [r["identifier"] for r in alert.value("message", {}).get("references", [])]
    where = (Where("sender", "==", alert.value("sender")), Where("identifier", "in", names or [""]))
    return Query(types=("PublicAlert",), where=where, limit=100, latest=False)


# --- rules ------------------------------------------------------------------------------------------------------------


def look_up(alert: PublicAlert, *, context: Context, chosen: Sequence[Area], around: Sequence[Area]) -> list[Effect]:
    """Find out whom a prepared alert reaches, on the map of the day: areas, their people, the land itself."""
    if alert.direction != "issued" or alert.status != "prepared" or alert.messageType != "Alert":
        return []
    message = message_of(alert.message)
    named = [area for area in chosen if area.location is not None]
    targets = tuple(_target(area) for area in named)
    infos = tuple(msgspec.structs.replace(info, areas=(*info.areas, *targets)) for info in message.infos)
    message = msgspec.structs.replace(message, infos=infos)
    reached = {area.id: area for area in (*chosen, *touched(around, alert.location, context.now))}
    return [
        change(
            alert,
            event="publicalert.completed",
            message=msgspec.to_builtins(message),
            location=cap.geometry(message),
            areas=tuple(sorted(reached)),
            population=_people(reached.values()),
        )
    ]


def judge(
    alert: PublicAlert,
    *,
    context: Context,
    senders: Sequence[TrustedSender],
    earlier: Sequence[PublicAlert],
    around: Sequence[Area],
) -> list[Effect]:
    """What becomes of a received message. One that a believed key signed takes effect; any other waits for a person.

    An update or a cancellation counts against earlier messages of the same sender that the same key signed, or when its
    key is believed. What touches our land also becomes an alert of the operations centre.
    """
    if alert.direction != "received":
        return []
    trusted = any(sender.signerKey == alert.signerKey for sender in senders)
    reached = touched(around, alert.location, context.now)
    values: dict[str, Any] = {"areas": tuple(sorted(a.id for a in reached)), "population": _people(reached)}
    effects: list[Effect] = []
    actual = alert.messageStatus == "Actual" and message_of(alert.message).scope == "Public"
    over = alert.endsAt is not None and alert.endsAt <= context.now
    if trusted and actual and not over and alert.messageType in ("Alert", "Update", "Cancel"):
        effects.append(move(alert, "in_force", at=context.now, published=True, releasedAt=context.now, **values))
    else:
        effects.append(change(alert, event="publicalert.judged", **values))
    if alert.messageType in ("Update", "Cancel"):
        target = "cancelled" if alert.messageType == "Cancel" else "replaced"
        effects += [
            move(one, target, at=context.now, note=alert.title)
            for one in earlier
            if one.id != alert.id
            and one.status in ("prepared", "in_force")
            and one.direction == "received"
            and (trusted or (alert.signerKey is not None and one.signerKey == alert.signerKey))
        ]
    if actual and reached and not over and alert.messageType in ("Alert", "Update") and alert.severity != "Unknown":
        effects.append(_alert(alert, context, reached, trusted))
    return effects


def touched(areas: Iterable[Area], place: Geometry | None, at: Instant) -> list[Area]:
    """The wards and communes of the day that share ground with a place."""
    if place is None:
        return []
    day = civil_day(at)
    ground = shapely.make_valid(shapely.from_geojson(msgspec.json.encode(place)))
    found = []
    for area in areas:
        if area.kind not in LOCAL or area.location is None or not in_force(area.validFrom, area.validTo, day):
            continue
        land = shapely.make_valid(shapely.from_geojson(msgspec.json.encode(area.location)))
        if ground.intersection(land).area > _LEAST_OVERLAP:
            found.append(area)
    return found


def subscribers(_: Entity) -> Query:
    """Who gets alerts by mail."""
    return Query(types=("AlertSubscriber",), where=(Where("status", "==", "active"),), limit=MAILS, latest=False)


def mail(alert: PublicAlert, *, context: Context, subscribed: Sequence[AlertSubscriber]) -> list[Effect]:
    """What is in force and public leaves by mail for those who asked for it, in both languages."""
    if alert.status != "in_force" or not alert.published:
        return []
    message = message_of(alert.message)
    said = {language: cap.info_in(message, language) for language in ("vi", "en")}

    def text(language: str) -> str:
        info = said[language]
        parts = (info.headline, info.description, info.instruction, info.sender_name) if info else (alert.title,)
        return "\n\n".join(part for part in parts if part)

    return [
        Notice(
            to=f"mailto:{one.address}",
            subject=Label(f"Cảnh báo: {alert.title}"[:200], f"Alert: {alert.title}"[:200]),
            body=Label(text("vi"), text("en")),
            about=alert.id,
            channels=("mail",),
        )
        for one in subscribed
        if not one.areas or set(one.areas) & set(alert.areas)
    ]


# --- pieces -----------------------------------------------------------------------------------------------------------


def _alert(alert: PublicAlert, context: Context, reached: Sequence[Area], trusted: bool) -> Change:
    key = hashlib.sha256(f"cap\n{alert.id}".encode()).hexdigest()[:32]
    made = Alert(
        id=f"urn:ngsi-ld:Alert:{key}",
        title=f"{alert.event}: {alert.title}"[:300],
        category=alert.category,
        event="cap",
        severity=alert.severity,
        urgency=alert.urgency,
        certainty=alert.certainty,
        rule="alerts.cap",
        basis="imported",
        area=reached[0].id,
        location=alert.location,
        raisedAt=context.now,
        evidence={"cap": alert.id, "sender": alert.sender, "identifier": alert.identifier, "believed": trusted},
    )
    raised = create(made, agency=context.agency, origin="imported")
    return msgspec.structs.replace(raised, event="alert.raised")


def _target(area: Area) -> Target:
    """An area as CAP has it: its name, its code, and its boundary in as many corners as it takes."""
    land = shapely.make_valid(shapely.from_geojson(msgspec.json.encode(area.location))).simplify(_SIMPLIFY)
    parts = getattr(land, "geoms", (land,))
    rings = tuple(
        tuple((round(y, 6), round(x, 6)) for x, y, *_ in part.exterior.coords)
        for part in parts
        if part.geom_type == "Polygon"
    )
    return Target(description=area.name, polygons=rings, geocodes=(Named(AREA_CODES, area.code),))


def _people(areas: Iterable[Area]) -> int | None:
    known = [area.population for area in areas]
    return sum(n for n in known if n is not None) if known and None not in known else None
