"""The feed `cap`: alerts of other authorities as signed CAP 1.2 XML."""

from __future__ import annotations

import hashlib
from typing import Any, Final

import msgspec

from province.errors import DecodeError, InvalidInput
from province.model.cap import message as cap
from province.model.cap import reading, signature
from province.model.cap.message import Message
from province.model.cap.signature import Signer
from province.model.change import Change
from province.model.geometry import MAX_POSITIONS, positions, validate
from province.model.record import attributes
from province.model.schema import describe
from province.pack import Context, Decoded
from province.vocab.public_alert import PublicAlert

KEPT: Final = 90_000
"""Characters of XML that are kept as they came; a larger message is kept read."""
HEADLINE: Final = 300


def from_cap(payload: bytes, *, context: Context) -> Decoded:
    """Read one CAP 1.2 message. Who signed it is kept with it; whether that is believed is decided afterwards.

    A message that is known (same sender, identifier and time) is left as it is.
    Raises: DecodeError naming the element and the clause of the standard.
    """
    if context.params.get("signature_required", True):
        message, signer = signature.read_signed(payload)
    else:
        root = reading.parse(payload)
        message, signer = reading.read(root), None
        if any(child.tag == f"{{{reading.DSIG}}}Signature" for child in root):
            message, signer = signature.read_signed(payload)
    made = _record(message, signer, context, payload)
    change = Change(
        op="upsert",
        id=made.id,
        type=describe(PublicAlert).name,
        style="fill",
        attrs=attributes(made, origin="imported"),
        event="publicalert.received",
    )
    return Decoded(changes=(change,))


def message_id(message: Message) -> str:
    """Id of the record of a message: the same whenever it comes again."""
    key = f"{message.sender}\n{message.identifier}\n{message.sent.timestamp():.0f}"
    return f"urn:ngsi-ld:PublicAlert:{hashlib.sha256(key.encode()).hexdigest()[:32]}"


def _record(message: Message, signer: Signer | None, context: Context, payload: bytes) -> PublicAlert:
    values: dict[str, Any] = {}
    if message.infos:
        info = cap.worst(message.infos)
        told = cap.info_in(message, "vi") or info
        values = {
            "title": (told.headline or told.event).strip()[:HEADLINE],
            "event": info.event.strip()[:HEADLINE],
            "severity": info.severity,
            "urgency": info.urgency,
            "certainty": info.certainty,
            "category": info.categories[0],
            "effectiveAt": info.effective,
            "endsAt": cap.expiry(message),
        }
    elif message.msg_type in ("Alert", "Update"):
        raise DecodeError(
            f"a message of type {message.msg_type} without an info says nothing that could be shown.",
            field="info",
            remedy="Send at least one <info>.",
        )
    else:
        values = {
            "title": (message.note or f"{message.msg_type}: {message.references[0].identifier}")[:HEADLINE],
            "event": message.msg_type,
            "severity": "Unknown",
            "urgency": "Unknown",
            "certainty": "Unknown",
            "category": "Other",
        }
    place = cap.geometry(message)
    if place is not None:
        if sum(1 for _ in positions(place)) > MAX_POSITIONS:
            raise DecodeError(f"the areas have more than {MAX_POSITIONS} positions.", field="info.area")
        try:
            validate(place, field="info.area")
        except InvalidInput as error:
            raise DecodeError(error.detail, field="info.area") from None
    text = payload.decode("utf-8", "replace")
    return PublicAlert(
        id=message_id(message),
        location=place,
        direction="received",
        messageType=message.msg_type,
        messageStatus=message.status,
        sender=message.sender,
        identifier=message.identifier,
        sentAt=message.sent,
        message=msgspec.to_builtins(message),
        signerName=signer.subject if signer else None,
        signerKey=signer.fingerprint if signer else None,
        certificateHeld=signer.since <= context.now <= signer.until if signer else None,
        original=text if len(text) <= KEPT and "\0" not in text else None,
        **values,
    )
