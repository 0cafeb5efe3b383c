"""Messages that come to the 1022 desk by Zalo: kept as they came, read by a person, entered as a report. Pure.

A message seldom says where. So it is no report yet: the desk reads it, adds the place and enters it, under the same
numbers and rules as a call. What tells of danger is put before the desk at once.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Annotated, Any, Final

import msgspec

from province.errors import DecodeError, InvalidInput
from province.model.change import Change
from province.model.entity import Entity, Origin
from province.model.geometry import Geometry, point, validate
from province.model.label import Label
from province.model.query import Query
from province.model.record import attributes, change, move
from province.model.schema import Field, describe
from province.pack import Context, Decoded, Effect, Notice
from province.packs.reports import entry, logic, urgency
from province.packs.reports.types import CATEGORIES, CATEGORY_NAMES, DeskMessage, Report
from province.vocab.agency import Agency
from province.vocab.area import civil_day

TAKEN: Final = ("user_send_text", "user_send_location", "user_send_image")
"""Events that bring something to the desk; Zalo tells of others, such as a follower more, which are let pass."""
LONGEST: Final = 5_000
MOST: Final = 10
_UNWRITABLE: Final = re.compile(r"[\x00\ud800-\udfff]")


class _Named(msgspec.Struct):
    id: str


class _Attachment(msgspec.Struct):
    type: str = ""
    payload: dict[str, Any] = {}


class _Message(msgspec.Struct):
    msg_id: str
    text: str = ""
    attachments: list[_Attachment] = []


class _Event(msgspec.Struct):
    event_name: str
    timestamp: str | int
    sender: _Named | None = None
    message: _Message | None = None
    simulator: bool = False


def from_zalo(payload: bytes, *, context: Context) -> Decoded:
    """One event of Zalo. What is sent again under its own id is the same message. Raises: DecodeError."""
    try:
        event = msgspec.json.decode(payload, type=_Event)
    except (msgspec.DecodeError, msgspec.ValidationError, UnicodeDecodeError) as error:
        raise DecodeError(f"no event of Zalo: {error}.", field="body") from None
    if event.event_name not in TAKEN:
        return Decoded()
    if event.sender is None or event.message is None or not event.message.msg_id or not event.sender.id:
        raise DecodeError("the event names no sender or no message.", field="message")
    text, location, links = _read(event.message)
    key = hashlib.sha256(f"zalo\n{event.message.msg_id}".encode()).hexdigest()[:32]
    made = DeskMessage(
        id=f"urn:ngsi-ld:DeskMessage:{key}",
        title=(text or ("Vị trí" if location else "Ảnh"))[:200],
        text=text,
        sender=_clean(event.sender.id, 200),
        location=location,
        links=links,
        receivedAt=_instant(event.timestamp),
    )
    origin: Origin = "simulated" if event.simulator else "reported"
    attrs = attributes(made, origin=origin)
    return Decoded(
        changes=(Change(op="upsert", id=made.id, type=describe(DeskMessage).name, style="fill", attrs=attrs),)
    )


def _read(message: _Message) -> tuple[str, Geometry | None, tuple[str, ...]]:
    location: Geometry | None = None
    links: list[str] = []
    for one in message.attachments[:MOST]:
        found = one.payload.get("coordinates")
        if one.type == "location" and isinstance(found, dict):
            try:
                location = point(float(found["longitude"]), float(found["latitude"]))
                validate(location, field="coordinates")
            except (KeyError, TypeError, ValueError, OverflowError, InvalidInput):
                raise DecodeError("the place has no degrees.", field="message.attachments") from None
        url = one.payload.get("url")
        if one.type == "image" and isinstance(url, str) and url.startswith("https://"):
            links.append(_clean(url, 500))
    return _clean(message.text, LONGEST), location, tuple(links)


def _clean(text: str, longest: int) -> str:
    if _UNWRITABLE.search(text):
        raise DecodeError("a text holds NUL or half a character.", field="message")
    return text.strip()[:longest]


def _instant(timestamp: str | int) -> datetime:
    """Zalo counts milliseconds."""
    try:
        return datetime.fromtimestamp(int(timestamp) / 1000, UTC)
    except (ValueError, OverflowError, OSError):
        raise DecodeError(f"{str(timestamp)[:30]!r} is no time.", field="timestamp") from None


def agencies_now(message: Entity) -> Query:
    """Agencies that have not ended."""
    return logic.agencies_now(message)


def arrive(message: DeskMessage, *, context: Context, agencies: Sequence[Agency]) -> list[Effect]:
    """Put a new message before the desk that sorts reports; first of all when it tells of danger."""
    desk = logic.competent(context.params["desk"], agencies, civil_day(context.now))
    words = urgency.danger_in(message.text, context)
    known: dict[str, Any] = {"suspected": True} if words else {}
    effects: list[Effect] = [change(message, event="deskmessage.arrived", agency=desk.id if desk else None, **known)]
    if desk is not None:
        first = urgency.SUSPECTED if words else Label("Tin nhắn Zalo mới", "New message by Zalo")
        effects.append(
            Notice(
                to=desk.id,
                subject=Label(f"{first.vi}: {message.title}"[:200], f"{first.en}: {message.title}"[:200]),
                body=Label(message.text or message.title, message.text or message.title),
                about=message.id,
            )
        )
    return effects


def enter(
    message: DeskMessage,
    *,
    context: Context,
    location: Annotated[
        Geometry | None,
        Field(
            Label("Vị trí", "Place"),
            hint=Label("Để trống nếu tin nhắn có vị trí", "Leave it out where the message has one"),
        ),
    ] = None,
    category: Annotated[
        str | None, Field(Label("Lĩnh vực", "Category"), values=CATEGORY_NAMES, names=CATEGORIES)
    ] = None,
    title: Annotated[str | None, Field(Label("Nội dung", "What is the matter"))] = None,
    address: Annotated[str | None, Field(Label("Địa chỉ", "Address"))] = None,
) -> list[Effect]:
    """Make a report of it, under the same numbers as a call; the answer shows the secret for its sender.

    Raises: InvalidInput without a place.
    """
    place = location or message.location
    if place is None:
        raise InvalidInput("the place is not known.", field="location", remedy="Ask the sender, or find the address.")
    effects = entry.receive(
        context=context,
        channel="zalo",
        title=title or message.title,
        location=place,
        category=category,
        description=message.text if (title or message.title) != message.text else "",
        address=address,
        reported_at=min(message.receivedAt, context.now),
    )
    made = next(e for e in effects if isinstance(e, Change) and e.type == describe(Report).name)
    entered = move(message, "entered", at=context.now, report=made.id, suspected=None, assignee=context.actor)
    return [*effects, entered]


def dismiss(
    message: DeskMessage, *, context: Context, reason: Annotated[str, Field(Label("Lý do", "Reason"))]
) -> list[Effect]:
    """Say that nothing follows from it: a greeting, a question that was answered, the same once more."""
    if not reason.strip():
        raise InvalidInput("the reason is missing.", field="reason", remedy="Write why nothing follows from it.")
    return [move(message, "dismissed", at=context.now, note=reason.strip(), suspected=None, assignee=context.actor)]
