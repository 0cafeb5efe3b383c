"""The feed `postal-scans`: scans of items by their S10 or SSCC code, as handhelds and operators send them. Pure.

    [{"code": "RR123456785VN", "event": "EMA", "time": "2026-11-24T07:00:00+07:00", "at": "820000", "to": "830000",
      "mass": 1.2, "cod": 250000, "area": "urn:…", "recipient": "…", "phone": "…", "address": "…"}]

event: a code of UPU EMSEVT, or a word such as `delivered`. Only the first three are needed. The addressee is kept with
the parcel, personal, and not with the event.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from province.errors import DecodeError, InvalidInput
from province.pack import Context, Decoded, Unread
from province.packs.post import events
from province.packs.post.codes import read
from province.packs.post.events import Happening
from province.packs.post.types import HAPPENINGS, PostalEvent

_KNOWN: Final = (
    "code",
    "event",
    "time",
    "at",
    "from",
    "to",
    "mass",
    "cod",
    "area",
    "id",
    "recipient",
    "phone",
    "address",
)
_PERSONAL: Final = ("recipient", "phone", "address")
_WORDS: Final = tuple(name for name, _ in HAPPENINGS if name != "other")


def decode(payload: bytes, *, context: Context) -> Decoded:
    """Read scans. One that is not understood goes to the dead letters alone, with the field's name.

    Raises: DecodeError for what is no list of scans.
    """
    document = events.rows(payload)
    listed = [document] if isinstance(document, Mapping) else document
    if not isinstance(listed, list) or len(listed) > events.MOST_EVENTS:
        raise DecodeError(
            "expected a list of scans.", field="body", remedy=f"Send at most {events.MOST_EVENTS} at once."
        )
    found: list[Happening] = []
    unread: list[Unread] = []
    for i, one in enumerate(listed):
        try:
            found.append(_read(one, context))
        except InvalidInput as error:
            unread.append(events.left(one, error, f"[{i}]"))
    return events.decoded(found, unread)


def _read(one: Any, context: Context) -> Happening:
    if not isinstance(one, Mapping):
        raise InvalidInput("a scan is a JSON object.")
    if strange := [name for name in one if name not in _KNOWN]:
        raise InvalidInput(
            f"{strange[0][:40]!r} is not known.", field=strange[0][:40], remedy=f"Known: {', '.join(_KNOWN)}."
        )
    code = read(one.get("code"), "code")
    if not code.scheme:
        raise InvalidInput(
            f"{code.text[:40]!r} is neither S10 nor SSCC.", field="code", remedy="Such as RR123456785VN."
        )
    told = one.get("event")
    kind = told if told in _WORDS else context.params["upu_events"].get(told) if isinstance(told, str) else None
    if kind is None or not isinstance(told, str):
        listed = ", ".join((*context.params["upu_events"], *_WORDS))
        raise InvalidInput(f"{str(told)[:40]!r} is no event that is read.", field="event", remedy=f"One of: {listed}.")
    event = PostalEvent(
        id=events.event_id(one.get("id"), {n: one[n] for n in one if n not in _PERSONAL}),
        units=(code.text,),
        kind=kind,
        told=told,
        happenedAt=events.moment(one.get("time"), "time", context),
        place=events.place(one.get("at"), "at"),
        origin=events.place(one.get("from"), "from"),
        destination=events.place(one.get("to"), "to"),
        area=events.place(one.get("area"), "area"),
        mass=events.amount(one.get("mass"), "mass"),
        cod=events.amount(one.get("cod"), "cod"),
        channel="scan",
    )
    return Happening(event, (code,), {n: _text(one[n], n) for n in _PERSONAL if one.get(n)})


def _text(value: Any, field: str) -> str:
    if not isinstance(value, str) or len(value) > 300:
        raise InvalidInput("expected a short text.", field=field)
    return value.strip()
