"""What people and rules do with alerts to the public: prepared, released, replaced, cancelled, believed. Pure."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Sequence
from datetime import timedelta
from typing import Annotated, Any, Final

import msgspec
import shapely

from province.errors import Conflict, InvalidInput, NotAllowed
from province.model.cap import message as cap
from province.model.cap.message import Circle, Info, Message, Named, Reference, Target
from province.model.change import Change
from province.model.entity import Entity
from province.model.geometry import Geometry, bounds, box_around
from province.model.label import Label
from province.model.query import Query, Where
from province.model.record import change, create, move
from province.model.schema import Field
from province.model.time import Instant
from province.model.unit import Unit
from province.pack import Context, Effect, Notice
from province.packs.alerts.feeds import message_id
from province.packs.alerts.types import AlertSubscriber, TrustedSender
from province.vocab.alert import CATEGORIES, CERTAINTIES, SEVERITIES, URGENCIES, Alert
from province.vocab.area import LOCAL, Area, civil_day, in_force
from province.vocab.public_alert import SCALES, PublicAlert, message_of

AREA_CODES: Final = "VN-DVHC"
"""Name of the list of codes of Vietnam's administrative units in `geocode`."""
TAG: Final = "Province:scale"
"""Name of the parameter that carries Vietnam's own level."""
_SIMPLIFY: Final = 0.0003
"""Degrees, about 30 m: how far the edge of a ward may be moved to be told in fewer corners."""
_LEAST_OVERLAP: Final = 1e-7
"""Square degrees, about 0.1 ha: neighbours that only touch are not reached."""
MAILS: Final = 400
"""Subscribers by mail; webhooks, the feed and boards have no such limit."""
_ADDRESS = re.compile(r"[^@\s<>,;:]{1,64}@[A-Za-z0-9](?:[A-Za-z0-9.-]{0,252}[A-Za-z0-9])?")
_REASON = Label("Lý do", "Reason")


def prepare(
    *,
    context: Context,
    event: Annotated[str, Field(Label("Hiện tượng", "What happens"))],
    headline: Annotated[str, Field(Label("Tiêu đề", "Headline"))],
    scale: Annotated[
        str | None,
        Field(
            Label("Cấp", "Level"),
            values=tuple(n for n, _ in SCALES),
            names=SCALES,
            hint=Label("Cấp quyết định mức nghiêm trọng và màu", "The level decides severity and colour"),
        ),
    ] = None,
    description: Annotated[str, Field(Label("Diễn biến", "Description"))] = "",
    instruction: Annotated[str, Field(Label("Người dân cần làm gì", "What people must do"))] = "",
    headline_en: Annotated[str, Field(Label("Tiêu đề tiếng Anh", "Headline in English"))] = "",
    instruction_en: Annotated[str, Field(Label("Hướng dẫn tiếng Anh", "Instruction in English"))] = "",
    areas: Annotated[tuple[str, ...], Field(Label("Địa bàn", "Areas"), ref="Area")] = (),
    centre: Annotated[Geometry | None, Field(Label("Tâm vòng tròn", "Centre of a circle"))] = None,
    radius: Annotated[
        float | None, Field(Label("Bán kính", "Radius of the circle"), minimum=0.05, maximum=200), Unit("KMT")
    ] = None,
    polygon: Annotated[
        str,
        Field(
            Label("Đa giác", "Polygon"),
            hint=Label("vĩ độ,kinh độ cách nhau bằng dấu cách", "latitude,longitude pairs with spaces between"),
        ),
    ] = "",
    hours: Annotated[float, Field(Label("Hiệu lực", "In force for"), minimum=0.25), Unit("HUR")] = 12.0,
    severity: Annotated[
        str | None,
        Field(
            Label("Mức nghiêm trọng khi không theo cấp", "Severity, without a level"),
            values=tuple(n for n, _ in SEVERITIES),
            names=SEVERITIES,
        ),
    ] = None,
    urgency: Annotated[
        str | None, Field(Label("Độ khẩn", "Urgency"), values=tuple(n for n, _ in URGENCIES), names=URGENCIES)
    ] = None,
    certainty: Annotated[
        str, Field(Label("Độ chắc chắn", "Certainty"), values=tuple(n for n, _ in CERTAINTIES), names=CERTAINTIES)
    ] = "Likely",
    category: Annotated[
        str | None, Field(Label("Lĩnh vực", "Category"), values=tuple(n for n, _ in CATEGORIES), names=CATEGORIES)
    ] = None,
    exercise: Annotated[bool, Field(Label("Diễn tập", "Exercise"))] = False,
    cause: Annotated[str | None, Field(Label("Từ cảnh báo", "Because of the alert"), ref="Alert")] = None,
) -> list[Effect]:
    """Prepare an alert to the public: nothing leaves before it is released. Who is reached is looked up at once.

    Raises: InvalidInput naming the field.
    """
    level = context.params["levels"].get(scale, {}) if scale else {}
    if not level and severity is None:
        raise InvalidInput("neither a level nor a severity is given.", field="scale", remedy="Choose one of them.")
    if hours > context.params["hours_at_most"]:
        raise InvalidInput(
            f"{hours} hours are too long.", field="hours", remedy=f"At most {context.params['hours_at_most']}."
        )
    circles, rings = _circle(centre, radius), _rings(polygon)
    if not areas and not circles and not rings:
        raise InvalidInput(
            "the alert is for nobody.", field="areas", remedy="Choose areas, or give a polygon, or a circle."
        )
    own = (Target(description=_described(circles, rings), polygons=rings, circles=circles),) if circles or rings else ()
    common: dict[str, Any] = {
        "categories": (category or level.get("category", "Other"),),
        "event": event.strip(),
        "urgency": urgency or level.get("urgency", "Unknown"),
        "severity": level.get("severity") or severity,
        "certainty": certainty,
        "effective": context.now,
        "expires": context.now + timedelta(hours=hours),
        "sender_name": context.params["sender_name"],
        "parameters": (Named(TAG, scale),) if scale else (),
        "event_codes": (Named("VN-18/2021", level["code"]),) if level else (),
        "areas": own,
    }
    infos = [
        Info(language="vi-VN", headline=headline.strip(), description=description, instruction=instruction, **common)
    ]
    if headline_en or instruction_en:
        infos.append(Info(language="en-US", headline=headline_en.strip(), instruction=instruction_en, **common))
    message = _message(context, "Alert", tuple(infos), exercise=exercise)
    return [create(_record(message, context, areas=areas, scale=scale, cause=cause), agency=context.agency)]


def revise(
    alert: PublicAlert,
    *,
    context: Context,
    headline: Annotated[str, Field(Label("Tiêu đề", "Headline"))],
    scale: Annotated[
        str | None, Field(Label("Cấp mới", "New level"), values=tuple(n for n, _ in SCALES), names=SCALES)
    ] = None,
    description: Annotated[str, Field(Label("Diễn biến", "Description"))] = "",
    instruction: Annotated[str, Field(Label("Người dân cần làm gì", "What people must do"))] = "",
    hours: Annotated[float, Field(Label("Hiệu lực thêm", "In force for"), minimum=0.25), Unit("HUR")] = 12.0,
) -> list[Effect]:
    """Prepare an update for the same places; once released it takes the place of this alert. Raises: InvalidInput."""
    _require_own(alert)
    if hours > context.params["hours_at_most"]:
        raise InvalidInput(
            f"{hours} hours are too long.", field="hours", remedy=f"At most {context.params['hours_at_most']}."
        )
    former = message_of(alert.message)
    scale = scale or alert.scale
    level = context.params["levels"].get(scale, {}) if scale else {}
    first = former.infos[0]
    info = msgspec.structs.replace(
        first,
        headline=headline.strip(),
        description=description or first.description,
        instruction=instruction or first.instruction,
        severity=level.get("severity", first.severity),
        urgency=level.get("urgency", first.urgency),
        effective=context.now,
        expires=context.now + timedelta(hours=hours),
        parameters=(Named(TAG, scale),) if scale else first.parameters,
        event_codes=(Named("VN-18/2021", level["code"]),) if level else first.event_codes,
    )
    message = _message(context, "Update", (info,), exercise=former.status == "Exercise", about=alert)
    made = _record(message, context, areas=alert.areas, scale=scale, cause=alert.cause, former=alert)
    return [create(made, agency=context.agency)]


def release(alert: PublicAlert, *, context: Context, former: Sequence[PublicAlert] = ()) -> list[Effect]:
    """Send it out. One of the gravest severity waits for a second person; an exercise never reaches the public.

    Raises: Conflict while it is not known who is reached, or when its time is over.
    """
    _require_ready(alert, context)
    grave = alert.severity in context.params["two_persons_from"]
    if grave and alert.messageStatus == "Actual" and alert.direction == "issued":
        return [
            move(alert, "waiting", at=context.now, releasedBy=context.actor),
            *_tell(alert, context, "Cần người thứ hai đồng ý", "A second person must agree"),
        ]
    return _send(alert, context, former, releasedBy=context.actor)


def confirm(alert: PublicAlert, *, context: Context, former: Sequence[PublicAlert] = ()) -> list[Effect]:
    """Agree, as the second person, that it is sent out. Raises: NotAllowed for who prepared or released it."""
    if context.actor in (alert.releasedBy, alert.preparedBy):
        raise NotAllowed(
            "the second person must be another one.", field="actor", remedy="Ask a colleague who holds the same right."
        )
    _require_ready(alert, context)
    return _send(alert, context, former, confirmedBy=context.actor)


def discard(alert: PublicAlert, *, context: Context, reason: Annotated[str, Field(_REASON)]) -> list[Effect]:
    """Give up what was not released."""
    return [move(alert, "discarded", at=context.now, note=reason)]


def cancel(alert: PublicAlert, *, context: Context, reason: Annotated[str, Field(_REASON)]) -> list[Effect]:
    """Take it back because it was wrong: a cancellation goes the way that the alert went."""
    _require_own(alert)
    former = message_of(alert.message)
    infos = tuple(
        msgspec.structs.replace(info, headline=f"HUỶ: {info.headline}"[:300], description=reason, instruction="")
        for info in former.infos
    )
    return _follow(alert, context, "Cancel", infos, "cancelled", reason)


def all_clear(
    alert: PublicAlert, *, context: Context, message: Annotated[str, Field(Label("Thông báo", "What is said"))]
) -> list[Effect]:
    """Tell the same people that the danger is over."""
    _require_own(alert)
    first = message_of(alert.message).infos[0]
    info = msgspec.structs.replace(
        first,
        headline=f"HẾT NGUY HIỂM: {first.event}"[:300],
        description=message,
        instruction="",
        responses=("AllClear",),
        urgency="Past",
        severity="Minor",
        certainty="Observed",
        effective=context.now,
        expires=context.now + timedelta(hours=context.params["all_clear_hours"]),
        parameters=(),
        event_codes=(),
    )
    return _follow(alert, context, "Update", (info,), "replaced", message)


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


def _message(
    context: Context, kind: str, infos: tuple[Info, ...], *, exercise: bool, about: PublicAlert | None = None
) -> Message:
    if len(context.nonce) < 32:
        raise InvalidInput("the call carries no fresh nonce.", field="nonce", remedy="Draw 16 random bytes per call.")
    before = message_of(about.message) if about is not None else None
    return Message(
        identifier=f"VN-{context.nonce[:24]}",
        sender=str(context.params["sender"]),
        sent=context.now.replace(microsecond=0),
        status="Exercise" if exercise else "Actual",
        msg_type=kind,
        scope="Public",
        note="Diễn tập: không phải cảnh báo thật" if exercise else "",
        references=(Reference(before.sender, before.identifier, before.sent),) if before is not None else (),
        infos=infos,
    )


def _record(
    message: Message,
    context: Context,
    *,
    areas: tuple[str, ...],
    scale: str | None,
    cause: str | None,
    former: PublicAlert | None = None,
) -> PublicAlert:
    info = cap.worst(message.infos)
    return PublicAlert(
        id=message_id(message),
        title=message.infos[0].headline or info.event,
        event=info.event,
        scale=scale,
        severity=info.severity,
        urgency=info.urgency,
        certainty=info.certainty,
        category=info.categories[0],
        areas=areas,
        population=former.population if former else None,
        effectiveAt=info.effective,
        endsAt=cap.expiry(message),
        location=cap.geometry(message),
        direction="issued",
        messageType=message.msg_type,
        messageStatus=message.status,
        sender=message.sender,
        identifier=message.identifier,
        sentAt=message.sent,
        replaces=former.id if former else None,
        cause=cause,
        message=msgspec.to_builtins(message),
        preparedBy=context.actor,
    )


def _send(alert: PublicAlert, context: Context, former: Sequence[PublicAlert], **values: Any) -> list[Effect]:
    """Into force; what it takes the place of is over at the same moment."""
    sent = context.now.replace(microsecond=0)
    message = message_of(alert.message)
    if alert.direction == "issued":
        message = msgspec.structs.replace(message, sent=sent)
        values |= {"sentAt": sent, "message": msgspec.to_builtins(message)}
    effects: list[Effect] = [
        move(
            alert,
            "in_force",
            at=context.now,
            published=alert.messageStatus == "Actual" and message.scope == "Public",
            releasedAt=context.now,
            **values,
        )
    ]
    effects += [move(one, "replaced", at=context.now) for one in former if one.status == "in_force"]
    return effects


def _follow(
    alert: PublicAlert, context: Context, kind: str, infos: tuple[Info, ...], becomes: str, note: str
) -> list[Effect]:
    """A message about an alert in force, in force at once, and the end of that alert."""
    if alert.endsAt is not None and alert.endsAt <= context.now:
        raise Conflict("the alert is over by itself.", field="endsAt", remedy="Nothing needs to be taken back.")
    message = _message(context, kind, infos, exercise=alert.messageStatus == "Exercise", about=alert)
    made = _record(message, context, areas=alert.areas, scale=None, cause=alert.cause, former=alert)
    begun = create(made, agency=context.agency)
    shown = move(
        made,
        "in_force",
        at=context.now,
        published=alert.published,
        releasedAt=context.now,
        releasedBy=context.actor,
    )
    return [begun, shown, move(alert, becomes, at=context.now, note=note)]


def _require_own(alert: PublicAlert) -> None:
    if alert.direction != "issued":
        raise Conflict(
            "this message is another sender's.", field="direction", remedy="Prepare an alert of your own instead."
        )


def _require_ready(alert: PublicAlert, context: Context) -> None:
    if alert.endsAt is not None and alert.endsAt <= context.now:
        raise Conflict("its time is over.", field="endsAt", remedy="Prepare it anew.")
    if alert.location is None:
        raise Conflict(
            "it is not known whom it reaches.",
            field="location",
            remedy="Choose areas with a boundary, or wait a moment.",
        )


def _tell(alert: PublicAlert, context: Context, vi: str, en: str) -> list[Notice]:
    if context.agency is None:
        return []
    return [
        Notice(
            to=context.agency,
            subject=Label(f"{vi}: {alert.title}", f"{en}: {alert.title}"),
            body=Label("Mở bản tin để xem và đồng ý, hoặc bỏ.", "Open it to agree, or to discard it."),
            about=alert.id,
        )
    ]


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


def _circle(centre: Geometry | None, radius: float | None) -> tuple[Circle, ...]:
    if centre is None:
        return ()
    if centre.get("type") != "Point":
        raise InvalidInput("the centre of a circle is one point.", field="centre", remedy="Give a Point.")
    if radius is None:
        raise InvalidInput("the circle has no radius.", field="radius", remedy="Give kilometres.")
    longitude, latitude = centre["coordinates"][:2]
    return (Circle(float(latitude), float(longitude), float(radius)),)


def _rings(text: str) -> tuple[tuple[cap.Position, ...], ...]:
    if not text.strip():
        return ()
    try:
        return (cap.parse_ring(text),)
    except ValueError as error:
        raise InvalidInput(f"{error}.", field="polygon", remedy="Give 11.0,106.6 11.1,106.6 …, closed.") from None


def _described(circles: tuple[Circle, ...], rings: tuple[tuple[cap.Position, ...], ...]) -> str:
    if circles:
        one = circles[0]
        return f"Bán kính {one.radius_km:g} km quanh {one.latitude:.5f}, {one.longitude:.5f}"
    return f"Vùng {len(rings[0]) - 1} điểm trên bản đồ"
