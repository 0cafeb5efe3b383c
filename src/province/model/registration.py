"""Registrations of context sources (clauses 5.2.9 to 5.2.11) and which question they could answer (clause 5.12).

They are kept as documents with stored names. Requests are not forwarded to the registered sources.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any, Final
from urllib.parse import urlsplit

import msgspec

from province.errors import InvalidInput
from province.model.codec import Reading, read_attribute, read_scope
from province.model.entity import NULL, Attribute, Entity, Json
from province.model.geometry import validate
from province.model.jsonld import Context, external, is_iri
from province.model.representation import encode_attribute
from province.model.subscription import Selector, read_kept_selector, read_pairs, read_selector, show_selector
from province.model.time import Instant, parse_instant, parse_utc

MODES: Final = ("inclusive", "exclusive", "redirect", "auxiliary")
GROUPS: Final = ("federationOps", "updateOps", "retrieveOps", "redirectionOps")
OPERATIONS: Final = frozenset(
    ("createEntity", "updateEntity", "appendAttrs", "updateAttrs", "deleteAttrs", "deleteEntity", "createBatch",
     "upsertBatch", "updateBatch", "deleteBatch", "upsertTemporal", "appendAttrsTemporal", "deleteAttrsTemporal",
     "updateAttrsTemporal", "deleteAttrInstanceTemporal", "deleteTemporal", "mergeEntity", "replaceEntity",
     "replaceAttrs", "mergeBatch", "purgeEntity", "retrieveEntity", "queryEntity", "queryBatch", "retrieveTemporal",
     "queryTemporal", "retrieveEntityTypes", "retrieveEntityTypeDetails", "retrieveEntityTypeInfo",
     "retrieveAttrTypes", "retrieveAttrTypeDetails", "retrieveAttrTypeInfo", "createSubscription",
     "updateSubscription", "retrieveSubscription", "querySubscription", "deleteSubscription", "createEntityMap",
     "updateEntityMap", "deleteEntityMap", "retrieveEntityMap", *GROUPS)
)  # fmt: skip
AUXILIARY: Final = frozenset(("retrieveOps", "retrieveEntity", "queryEntity"))
_OURS = frozenset(("status", "timesSent", "timesFailed", "lastSuccess", "lastFailure", "createdAt", "modifiedAt"))
_MEMBERS = frozenset(
    ("id", "type", "endpoint", "contextSourceInfo", "information", "contextSourceAlias", "description", "datasetId",
     "expiresAt", "location", "management", "managementInterval", "mode", "observationInterval", "observationSpace",
     "operations", "operationSpace", "refreshRate", "registrationName", "scope", "tenant", "localOnly")
)  # fmt: skip
_MANDATORY = ("type", "endpoint", "information")
_SPACES = ("location", "observationSpace", "operationSpace")
_INTERVALS = ("observationInterval", "managementInterval")


def decode_registration(
    body: Json, context: Context, now: Instant, *, before: Mapping[str, Json] | None = None
) -> dict[str, Json]:
    """A caller's registration as the document to keep. before: the kept one, of which `body` is a fragment.

    Members that the standard does not name are properties of the context source. Raises: InvalidInput, Unsupported.
    """
    if not isinstance(body, dict):
        raise InvalidInput("expected a JSON object.", field="body", remedy="Send one registration.")
    given = {str(context.aliases.get(k, k)): v for k, v in body.items() if k != "@context"}
    kind = given.pop("type", None if before is None else "ContextSourceRegistration")
    if kind != "ContextSourceRegistration":
        raise InvalidInput(
            "the type is not ContextSourceRegistration.",
            field="type",
            remedy='Give "type": "ContextSourceRegistration".',
        )
    document: dict[str, Json] = dict(before or {})
    id = given.pop("id", None)
    if id is not None and not is_iri(id):
        raise InvalidInput(f"{str(id)[:80]!r} is not a URI.", field="id")
    if before is not None and id is not None and id != before["id"]:
        raise InvalidInput("the id of a registration does not change.", field="id")
    if id is not None:
        document["id"] = id
    properties: dict[str, Json] = dict(document.get("_properties", {}))
    for name, value in given.items():
        if name in _OURS:
            continue
        own = name in _MEMBERS
        stored = name if own else context.name(name, field=name)
        if value is None or value == NULL:
            if before is None or name in _MANDATORY:
                raise InvalidInput(f"{name!r} is null.", field=name, remedy="Leave it out.")
            document.pop(stored, None)
            properties.pop(stored, None)
        elif own:
            document[name] = _read(name, value, context)
        else:
            attribute = read_attribute(stored, value, Reading(context, {}), name)
            properties[stored] = msgspec.to_builtins(attribute)
    if properties:
        document["_properties"] = properties
    else:
        document.pop("_properties", None)
    if "expiresAt" in given and "expiresAt" in document and parse_instant(document["expiresAt"]) <= now:
        raise InvalidInput(
            "the registration would have expired already.", field="expiresAt", remedy="Give a later time."
        )
    for name in ("endpoint", "information"):
        if name not in document:
            raise InvalidInput(f"the registration has no {name}.", field=name, remedy="Add it.")
    _check_mode(document)
    return document


def _check_mode(document: Mapping[str, Json]) -> None:
    mode = document.get("mode", "inclusive")
    if mode == "exclusive":
        for i, info in enumerate(document["information"]):
            where = f"information[{i}]"
            for entity in info.get("entities", [{}]):
                if "id" not in entity or "idPattern" in entity:
                    raise InvalidInput("an exclusive registration names one entity.", field=f"{where}.entities")
            if "entities" not in info or not (info.get("propertyNames") or info.get("relationshipNames")):
                raise InvalidInput("an exclusive registration names entity and attributes.", field=where)
    if mode == "auxiliary" and not set(document.get("operations", ("federationOps",))) <= AUXILIARY:
        raise InvalidInput(
            "an auxiliary source only answers questions.",
            field="operations",
            remedy=f"Any of: {', '.join(sorted(AUXILIARY))}.",
        )


def _read(name: str, value: Json, context: Context) -> Json:
    if name == "endpoint":
        parts = urlsplit(value) if is_iri(value) else None
        if parts is None or parts.scheme not in ("http", "https") or not parts.hostname:
            raise InvalidInput(f"{str(value)[:80]!r} is not an address.", field=name, remedy="Give https://host/path.")
    elif name == "information":
        return _read_information(value, context)
    elif name in _SPACES:
        return validate(value["value"] if isinstance(value, dict) and "value" in value else value, field=name)
    elif name in _INTERVALS:
        return _read_interval(value, name)
    elif name == "mode":
        if value not in MODES:
            raise InvalidInput(f"{str(value)[:40]!r} is no mode.", field=name, remedy=f"One of: {', '.join(MODES)}.")
    elif name == "operations":
        if not isinstance(value, list) or not value or not set(map(str, value)) <= OPERATIONS:
            raise InvalidInput("expected a list of operations or groups of them (clause 4.20).", field=name)
    elif name == "scope":
        return list(read_scope(value))
    elif name == "contextSourceInfo":
        read_pairs(value, name)
    elif name == "expiresAt":
        parse_utc(value, field=name)
    elif name == "localOnly":
        if not isinstance(value, bool):
            raise InvalidInput("expected true or false.", field=name)
    elif name == "datasetId":
        given = value if isinstance(value, list) else [value]
        if not given or not all(v == "@none" or is_iri(v) for v in given):
            raise InvalidInput("expected URIs of datasets or @none.", field=name)
    elif name == "management":
        _check_management(value)
    elif name == "refreshRate":
        if not isinstance(value, str) or not re.fullmatch(r"P(?=.)[\dYMWDTHS.]{1,40}", value):
            raise InvalidInput("expected a duration such as PT1M.", field=name)
    elif not isinstance(value, str) or not 0 < len(value) <= 2_000:
        raise InvalidInput("expected a text that is not empty.", field=name)
    return value


def _check_management(value: Json) -> None:
    """RegistrationManagementInfo (5.2.34). Raises: InvalidInput."""
    if not isinstance(value, dict):
        raise InvalidInput("expected an object.", field="management")
    for name in ("timeout", "cooldown"):
        given = value.get(name, 1)
        if isinstance(given, bool) or not isinstance(given, int | float) or given <= 0:
            raise InvalidInput(f"{str(given)[:40]!r} is not a number above 0.", field=f"management.{name}")
    if not isinstance(value.get("localOnly", False), bool):
        raise InvalidInput("expected true or false.", field="management.localOnly")
    duration = value.get("cacheDuration", "PT1S")
    if not isinstance(duration, str) or not re.fullmatch(r"P(?=.)[\dYMWDTHS.]{1,40}", duration):
        raise InvalidInput("expected a duration such as PT1M.", field="management.cacheDuration")


def _read_information(value: Json, context: Context) -> list[dict[str, Json]]:
    if not isinstance(value, list) or not 0 < len(value) <= 100:
        raise InvalidInput("expected a list of 1 to 100 members.", field="information")
    result = []
    for i, one in enumerate(value):
        where = f"information[{i}]"
        if not isinstance(one, dict) or not one.keys() & {"entities", "propertyNames", "relationshipNames"}:
            raise InvalidInput("a member has entities, propertyNames or relationshipNames.", field=where)
        shown: dict[str, Json] = {}
        for name in one:
            if name not in ("entities", "propertyNames", "relationshipNames"):
                raise InvalidInput(f"a member has no {name[:60]!r}.", field=f"{where}.{name[:60]}")
            if not isinstance(one[name], list) or not one[name]:
                raise InvalidInput("expected a list that is not empty.", field=f"{where}.{name}")
            if name == "entities":
                shown[name] = [read_selector(e, f"{where}.entities", context) for e in one[name]]
            elif not all(isinstance(n, str) for n in one[name]):
                raise InvalidInput("expected names.", field=f"{where}.{name}")
            else:
                shown[name] = [context.name(n, field=f"{where}.{name}") for n in one[name]]
        result.append(shown)
    return result


def _read_interval(value: Json, field: str) -> Json:
    if not isinstance(value, dict) or "startAt" not in value:
        raise InvalidInput("an interval has startAt.", field=f"{field}.startAt", remedy="Add it.")
    start = parse_utc(value["startAt"], field=f"{field}.startAt")
    if "endAt" in value and parse_utc(value["endAt"], field=f"{field}.endAt") < start:
        raise InvalidInput("the interval ends before it starts.", field=f"{field}.endAt")
    return {k: value[k] for k in ("startAt", "endAt") if k in value}


def encode_registration(document: Mapping[str, Json], context: Context) -> dict[str, Json]:
    """A kept registration as a reader with this context sees it."""
    result: dict[str, Json] = {"id": document["id"], "type": "ContextSourceRegistration"}
    for name, value in document.items():
        if name == "id" or name.startswith("_"):
            continue
        if name == "information":
            value = [_show_information(one, context) for one in value]
        elif name == "scope" and len(value) == 1:
            value = value[0]
        result[name] = value
    for name, value in document.get("_properties", {}).items():
        result[external(name, context)] = encode_attribute(msgspec.convert(value, Attribute), context=context)
    return result


def _show_information(one: Mapping[str, Json], context: Context) -> dict[str, Json]:
    shown: dict[str, Json] = {}
    for name, value in one.items():
        if name == "entities":
            shown[name] = [_show_entity(e, context) for e in value]
        else:
            shown[name] = [external(n, context) for n in value]
    return shown


def _show_entity(one: Mapping[str, Json], context: Context) -> dict[str, Json]:
    return show_selector(one, context)


class Interest(msgspec.Struct, frozen=True, kw_only=True):
    """What is asked of sources. selectors: any of them; none for all.  temporal: a temporal query (5.2.21)."""

    selectors: tuple[Selector, ...] = ()
    attributes: frozenset[str] = frozenset()
    temporal: Mapping[str, Json] | None = None
    datasets: frozenset[str] = frozenset()


def could_answer(document: Mapping[str, Json], interest: Interest) -> bool:
    """Whether a registered source may know something of what is asked (clause 5.12)."""
    own = document.get("datasetId")
    if own and interest.datasets and not interest.datasets & set(own if isinstance(own, list) else [own]):
        return False
    if not _in_time(document, interest.temporal):
        return False
    return any(information_fits(info, interest) for info in document["information"])


def information_fits(info: Mapping[str, Json], interest: Interest) -> bool:
    """Whether one member of `information` fits: its entities and its attributes."""
    names = {*info.get("propertyNames", ()), *info.get("relationshipNames", ())}
    if names and interest.attributes and not names & interest.attributes:
        return False
    entities = info.get("entities")
    if not entities or not interest.selectors:
        return True
    return any(_meets(entity, asked) for entity in entities for asked in interest.selectors)


def _meets(info: Mapping[str, Json], asked: Selector) -> bool:
    own = read_kept_selector(info)
    if asked.types is not None and own.types is not None and not asked.types.admits(own.types.names):
        return False
    if not own.ids and not own.pattern:
        return True
    if not asked.ids and not asked.pattern:
        return True
    if own.ids:
        if asked.ids:
            return bool(own.ids & asked.ids)
        return any(re.search(asked.pattern, id) for id in own.ids)
    return bool(asked.pattern) if not asked.ids else any(re.search(own.pattern, id) for id in asked.ids)


def _in_time(document: Mapping[str, Json], temporal: Mapping[str, Json] | None) -> bool:
    if temporal is None:
        return not any(name in document for name in _INTERVALS)
    wanted = temporal.get("timeproperty", "observedAt")
    interval = document.get("observationInterval" if wanted == "observedAt" else "managementInterval")
    if interval is None:
        return False
    start = parse_instant(interval["startAt"])
    end = parse_instant(interval["endAt"]) if "endAt" in interval else None
    at = parse_instant(temporal["timeAt"])
    if temporal["timerel"] == "before":
        return start <= at
    if temporal["timerel"] == "after":
        return end is None or end >= at
    until = parse_instant(temporal["endTimeAt"])
    return start <= until and (end is None or end >= at)


def as_entity(document: Mapping[str, Json], tenant: str) -> Entity:
    """The registration as an entity, for q, csf, scopeQ and geo-queries over its properties."""
    attrs = {k: msgspec.convert(v, Attribute) for k, v in document.get("_properties", {}).items()}
    for name in _SPACES:
        if name in document:
            attrs[name] = Attribute(type="GeoProperty", value=document[name])
    for name in ("endpoint", "description", "registrationName", "contextSourceAlias", "mode", "refreshRate", "tenant"):
        if name in document:
            attrs[name] = Attribute(value=document[name])
    return Entity(tenant=tenant, id=document["id"], types=("ContextSourceRegistration",), attrs=attrs,
                  scope=tuple(document.get("scope", ())))  # fmt: skip


def overlap(one: Mapping[str, Json], other: Mapping[str, Json]) -> bool:
    """Whether two proxied registrations claim the same attribute of the same entity."""
    for info in one["information"]:
        selectors = tuple(read_kept_selector(e) for e in info.get("entities", ()))
        names = frozenset((*info.get("propertyNames", ()), *info.get("relationshipNames", ())))
        interest = Interest(selectors=selectors, attributes=names)
        if any(information_fits(theirs, interest) for theirs in other["information"]):
            return True
    return False


def names_in_information(document: Mapping[str, Any]) -> Sequence[tuple[tuple[Selector, ...], frozenset[str]]]:
    """Per member of `information`: the entities and the attribute names that it claims."""
    return [
        (
            tuple(read_kept_selector(e) for e in info.get("entities", ())),
            frozenset((*info.get("propertyNames", ()), *info.get("relationshipNames", ()))),
        )
        for info in document["information"]
    ]
