"""What feeds make of one event, whatever form it came in: the event, and the units of the post that it names. Pure."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import msgspec

from province.errors import DecodeError, InvalidInput
from province.model.change import Change
from province.model.record import attributes
from province.model.time import FUTURE_TOLERANCE, Instant, parse_instant
from province.pack import Context, Decoded, Unread
from province.packs.post.codes import Code, read
from province.packs.post.types import Parcel, PostalEvent

MOST_EVENTS: Final = 2_000
MOST_UNITS: Final = 400
"""Of one event. A container with more is told in several events."""
_PLACE: Final = re.compile(r"[!-~]{1,200}")


@dataclass(frozen=True, slots=True)
class Happening:
    """An event, read. personal: of the addressee, for the parcel alone.  known: id that its sender gave it."""

    event: PostalEvent
    units: tuple[Code, ...]
    personal: Mapping[str, str]


def decoded(found: Sequence[Happening], unread: Sequence[Unread]) -> Decoded:
    """What is written: every unit of the post that is new, then every event. The same message twice changes nothing."""
    changes: list[Change] = []
    seen: set[str] = set()
    for one in found:
        for unit in one.units:
            if unit.scheme and (unit.text not in seen or one.personal):
                seen.add(unit.text)
                changes.append(_parcel(unit, one))
    for one in found:
        attrs = dict(attributes(one.event))
        if one.event.retracted:
            del attrs["counted"], attrs["applied"]  # what was counted is taken back by `withdrawing`
        style = "set" if one.event.retracted else "fill"
        changes.append(Change(op="upsert", id=one.event.id, type="PostalEvent", attrs=attrs, style=style))  # type: ignore[arg-type]
    return Decoded(changes=tuple(changes), unread=tuple(unread))


def _parcel(unit: Code, one: Happening) -> Change:
    event = one.event
    personal = one.personal
    parcel = Parcel(
        id=parcel_id(unit.text), code=unit.text, scheme=unit.scheme, movedAt=event.happenedAt,
        recipient=personal.get("recipient"), phone=personal.get("phone"), address=personal.get("address"),
    )  # fmt: skip
    return Change(op="upsert", id=parcel.id, type="Parcel", attrs=attributes(parcel), style="fill")


def parcel_id(code: str) -> str:
    """The entity of a code."""
    return f"urn:ngsi-ld:Parcel:{code}"


def event_id(known: object, whole: Any) -> str:
    """The entity of an event: by the id that its sender gave it, else by all that it says."""
    text = known if isinstance(known, str) and known else msgspec.json.encode(whole, order="deterministic").decode()
    return f"urn:ngsi-ld:PostalEvent:{hashlib.sha256(text.encode()).hexdigest()[:32]}"


def rows(payload: bytes) -> Any:
    """The document. Raises: DecodeError."""
    try:
        return msgspec.json.decode(payload)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise DecodeError(f"not JSON: {error}.", field="body") from None


def left(row: Any, error: InvalidInput, place: str) -> Unread:
    """A part that was not understood, with the name of its field."""
    field = f"{place}.{error.field}" if error.field else place
    return Unread(field=field, reason=str(error), payload=msgspec.json.encode(row))


def moment(value: Any, field: str, context: Context) -> Instant:
    """When it happened. Raises: InvalidInput for what is no time, or has not come yet."""
    found = parse_instant(value, field=field)
    if found > context.now + FUTURE_TOLERANCE:
        raise InvalidInput(f"{value} has not come yet.", field=field, remedy="Check the clock of the scanner.")
    return found


def place(value: Any, field: str) -> str | None:
    """The code of a facility, as its sender writes it. Raises: InvalidInput."""
    if value is None or value == "":
        return None
    if not isinstance(value, str) or not _PLACE.fullmatch(value):
        raise InvalidInput(f"{str(value)[:60]!r} is no code of a place.", field=field, remedy="Letters and digits.")
    return value


def units(given: Any, field: str) -> tuple[Code, ...]:
    """Codes of a list. Raises: InvalidInput naming the item."""
    if given is None:
        return ()
    if not isinstance(given, list):
        raise InvalidInput("expected a list of codes.", field=field)
    if len(given) > MOST_UNITS:
        raise InvalidInput(f"{len(given)} units.", field=field, remedy=f"At most {MOST_UNITS} in an event: divide it.")
    return tuple(read(one, f"{field}[{i}]") for i, one in enumerate(given))


def amount(value: Any, field: str) -> float | None:
    """A number ≥ 0, or None. Raises: InvalidInput."""
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value < 1e12:
        raise InvalidInput(f"{str(value)[:40]!r} is no amount.", field=field, remedy="Give a number ≥ 0.")
    return float(value)
