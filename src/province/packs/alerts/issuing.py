"""Alerts of our own: prepared, revised, released by one or two persons, taken back, and the all-clear. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from typing import Annotated, Any, Final

import msgspec

from province.errors import Conflict, InvalidInput, NotAllowed
from province.model.cap import message as cap
from province.model.cap.message import Circle, Info, Message, Named, Reference, Target
from province.model.geometry import Geometry
from province.model.label import Label
from province.model.record import create, move
from province.model.schema import Field
from province.model.unit import Unit
from province.pack import Context, Effect, Notice
from province.packs.alerts.feeds import message_id
from province.vocab.alert import CATEGORIES, CERTAINTIES, SEVERITIES, URGENCIES
from province.vocab.public_alert import SCALES, PublicAlert, message_of

TAG: Final = "Province:scale"
"""Name of the parameter that carries Vietnam's own level."""
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


# --- pieces ----------------------------------------------------------------------------------------------------------


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
