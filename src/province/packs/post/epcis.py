"""The feed `epcis`: GS1 EPCIS 2.0 events in JSON: a document, the answer to a query, one event, or a list. Pure.

Object, aggregation, transformation, transaction and association events are read. Events are kept as they are told;
units of the post (SSCC, S10) among their EPCs become parcels, other EPCs such as trade items do not.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Final

from province.errors import DecodeError, InvalidInput
from province.pack import Context, Decoded, Unread
from province.packs.post import events
from province.packs.post.codes import Code, read
from province.packs.post.events import Happening
from province.packs.post.types import PostalEvent

TYPES: Final = ("ObjectEvent", "AggregationEvent", "TransformationEvent", "TransactionEvent", "AssociationEvent")
_OFFSET: Final = re.compile(r"[+-](0\d|1[0-4]):[0-5]\d")
_MASSES: Final = {"KGM": 1.0, "GRM": 0.001, "TNE": 1000.0}


def decode(payload: bytes, *, context: Context) -> Decoded:
    """Read EPCIS 2.0 JSON. An event that is not understood goes to the dead letters alone, with the field's name.

    Raises: DecodeError for what is no EPCIS at all.
    """
    document = events.rows(payload)
    listed, where = _events(document)
    if len(listed) > events.MOST_EVENTS:
        raise DecodeError(f"{len(listed)} events.", field=where, remedy=f"Send at most {events.MOST_EVENTS} at once.")
    found: list[Happening] = []
    unread: list[Unread] = []
    for i, one in enumerate(listed):
        try:
            found.append(_read(one, context))
        except InvalidInput as error:
            unread.append(events.left(one, error, f"{where}[{i}]"))
    return events.decoded(found, unread)


def _events(document: Any) -> tuple[list[Any], str]:
    """The events, and where they stand."""
    if isinstance(document, list):
        return document, ""
    if isinstance(document, Mapping):
        if document.get("type") in TYPES:
            return [document], ""
        body = document.get("epcisBody")
        if isinstance(body, Mapping):
            results = body.get("queryResults")
            inner = results.get("resultsBody") if isinstance(results, Mapping) else None
            for holder, where in ((body, "epcisBody"), (inner, "epcisBody.queryResults.resultsBody")):
                if isinstance(holder, Mapping) and isinstance(holder.get("eventList"), list):
                    return holder["eventList"], f"{where}.eventList"
            if isinstance(body.get("event"), Mapping):
                return [body["event"]], "epcisBody.event"
    raise DecodeError("there are no EPCIS events.", field="epcisBody.eventList",
                      remedy="Send an EPCISDocument of version 2.0 in JSON, or its events.")  # fmt: skip


def _read(one: Any, context: Context) -> Happening:
    if not isinstance(one, Mapping):
        raise InvalidInput("an event is a JSON object.")
    kind = one.get("type")
    if kind not in TYPES:
        raise InvalidInput(f"{str(kind)[:60]!r} is not read.", field="type", remedy=f"One of: {', '.join(TYPES)}.")
    at = events.moment(one.get("eventTime"), "eventTime", context)
    offset = one.get("eventTimeZoneOffset")
    if not isinstance(offset, str) or not _OFFSET.fullmatch(offset):
        raise InvalidInput(f"{str(offset)[:20]!r} is no offset.", field="eventTimeZoneOffset", remedy="Such as +07:00.")
    action = one.get("action")
    if kind != "TransformationEvent" and action not in ("ADD", "OBSERVE", "DELETE"):
        raise InvalidInput(f"{str(action)[:20]!r} is no action.", field="action", remedy="ADD, OBSERVE or DELETE.")
    parent = read(one["parentID"], "parentID") if one.get("parentID") is not None else None
    named = "outputEPCList" if kind == "TransformationEvent" else "epcList"
    named = "childEPCs" if kind in ("AggregationEvent", "AssociationEvent") else named
    within = events.units(one.get(named), named)
    inputs = events.units(one.get("inputEPCList"), "inputEPCList")
    units = tuple(dict.fromkeys((*within, *((parent,) if parent is not None else ()))))
    step, disposition = _word(one.get("bizStep"), "bizStep"), _word(one.get("disposition"), "disposition")
    happened = context.params["epcis_steps"].get(step, "other")
    if disposition == "returned":
        happened = "returned"
    if action == "DELETE":
        happened = "other"
    event = PostalEvent(
        id=events.event_id(one.get("eventID"), one),
        units=tuple(u.text for u in units),
        kind=happened,
        told=f"{kind} {step or disposition or (action or '').lower()}".strip(),
        happenedAt=at,
        place=_location(one, "bizLocation") or _location(one, "readPoint"),
        container=None if parent is None else parent.text,
        inputs=tuple(u.text for u in inputs),
        origin=_end(one, "sourceList", "source"),
        destination=_end(one, "destinationList", "destination"),
        mass=_mass(one, within, units),
        channel="epcis",
        retracted=one.get("errorDeclaration") is not None,
    )
    return Happening(event, units, {})


def _word(value: Any, field: str) -> str:
    """The last word of `receiving`, `urn:epcglobal:cbv:bizstep:receiving`, `https://ref.gs1.org/cbv/BizStep-receiving`."""
    if value is None:
        return ""
    if not isinstance(value, str) or len(value) > 300:
        raise InvalidInput(f"{str(value)[:60]!r} is no word.", field=field)
    return re.split(r"[/:#-]", value)[-1]


def _location(one: Mapping[str, Any], field: str) -> str | None:
    given = one.get(field)
    if given is None:
        return None
    if not isinstance(given, Mapping):
        raise InvalidInput("expected an object with an id.", field=field)
    return events.place(given.get("id"), f"{field}.id")


def _end(one: Mapping[str, Any], field: str, name: str) -> str | None:
    """The place that a journey begins or ends at."""
    given = one.get(field)
    if given is None:
        return None
    if not isinstance(given, list):
        raise InvalidInput("expected a list.", field=field)
    for i, row in enumerate(given):
        if isinstance(row, Mapping) and _word(row.get("type"), f"{field}[{i}].type") == "location":
            return events.place(row.get(name), f"{field}[{i}].{name}")
    return None


def _mass(one: Mapping[str, Any], within: tuple[Code, ...], units: tuple[Code, ...]) -> float | None:
    """Kilograms that a scale measured with the event, when it is about one unit."""
    elements = one.get("sensorElementList")
    if len(within) > 1 or len(units) != 1 or not isinstance(elements, list):
        return None
    for i, element in enumerate(elements):
        reports = element.get("sensorReport") if isinstance(element, Mapping) else None
        for j, report in enumerate(reports if isinstance(reports, list) else ()):
            if isinstance(report, Mapping) and _word(report.get("type"), "type") == "Mass":
                field = f"sensorElementList[{i}].sensorReport[{j}]"
                times = _MASSES.get(str(report.get("uom")))
                if times is None:
                    raise InvalidInput(f"a mass in {str(report.get('uom'))[:20]!r}.", field=f"{field}.uom",
                                       remedy=f"One of: {', '.join(_MASSES)}.")  # fmt: skip
                value = events.amount(report.get("value"), f"{field}.value")
                return None if value is None else value * times
    return None
