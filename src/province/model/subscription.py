"""Subscriptions of NGSI-LD (clauses 5.2.12 to 5.2.15): what a subscriber may say, checked; names as stored.

A subscription is kept as a JSON document whose names are stored ones. `decode_subscription` reads a caller's document
or a fragment over an older one, `encode_subscription` shows it, `compile_subscription` makes it ready for matching.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from typing import Final
from urllib.parse import unquote, urlsplit

import msgspec

from province.errors import InvalidInput, Unsupported
from province.model.codec import read_types
from province.model.entity import Json
from province.model.jsonld import CORE, Context, external, is_iri
from province.model.qlanguage import Place, Term, format_q, parse_place, parse_q, parse_scope_q
from province.model.representation import Form
from province.model.time import Instant, parse_instant, parse_utc
from province.model.typeselection import TypeChoice, parse_types

TRIGGERS: Final = (
    "entityCreated",
    "entityUpdated",
    "entityDeleted",
    "attributeCreated",
    "attributeUpdated",
    "attributeDeleted",
)
FORMS: Final[Mapping[str, Form]] = {
    "normalized": "normalized",
    "concise": "concise",
    "simplified": "simplified",
    "keyValues": "simplified",
}
ACCEPTS: Final = ("application/json", "application/ld+json", "application/geo+json")
SCHEMES: Final = ("http", "https", "mqtt", "mqtts")
MAX_SELECTORS: Final = 100
MAX_TEXT: Final = 2_000
_OURS = frozenset(("status", "createdAt", "modifiedAt"))
_NOTIFICATION_OURS = frozenset(("status", "timesSent", "timesFailed", "lastNotification", "lastSuccess", "lastFailure"))
_MEMBERS = frozenset(
    ("id", "type", "entities", "notification", "notificationTrigger", "watchedAttributes", "q", "geoQ", "scopeQ",
     "temporalQ", "csf", "datasetId", "description", "expandValues", "expiresAt", "isActive", "jsonKeys",
     "jsonldContext", "lang", "localOnly", "name", "ngsildConformance", "splitEntities", "subscriptionName",
     "throttling", "timeInterval")
)  # fmt: skip
"""`name` is what versions before 1.3 called subscriptionName; clients still send it."""
_NOTIFICATION = frozenset(
    ("endpoint", "attributes", "format", "join", "joinLevel", "omit", "pick", "showChanges", "sysAttrs")
)
_OWN = ("id", "type", "scope")
_ESCAPE = re.compile(r"%[0-9A-Fa-f]{2}")


class Selector(msgspec.Struct, frozen=True):
    """Which entities: of these types (None: any), with one of these ids, or whose id matches the pattern."""

    types: TypeChoice | None
    ids: frozenset[str] = frozenset()
    pattern: str = ""

    def admits(self, id: str, types: Sequence[str]) -> bool:
        """Whether an entity is selected; ids take precedence over the pattern."""
        if self.types is not None and not self.types.admits(types):
            return False
        if self.ids:
            return id in self.ids
        return not self.pattern or re.search(self.pattern, id) is not None


class Subscription(msgspec.Struct, frozen=True, kw_only=True):
    """A subscription ready for matching, with stored names."""

    id: str
    selectors: tuple[Selector, ...] = ()
    watched: frozenset[str] = frozenset()
    triggers: frozenset[str] = frozenset()
    where: tuple[Term, ...] = ()
    source_where: tuple[Term, ...] = ()
    """Conditions on the registration of a source (`csf`)."""
    scope: tuple[tuple[str, ...], ...] = ()
    place: Place | None = None
    geoproperty: str = "location"
    temporal: Mapping[str, Json] | None = None
    active: bool = True
    expires: Instant | None = None
    throttling_s: float = 0.0
    interval_s: float = 0.0
    uri: str = ""
    accept: str = ACCEPTS[0]
    timeout_s: float = 10.0
    cooldown_s: float = 0.0
    receiver: tuple[tuple[str, str], ...] = ()
    notifier: tuple[tuple[str, str], ...] = ()
    form: Form = "normalized"
    pick: tuple[str, ...] = ()
    omit: tuple[str, ...] = ()
    attributes: tuple[str, ...] = ()
    show_changes: bool = False
    sys_attrs: bool = False
    join: str = ""
    join_level: int = 1
    lang: str = ""
    datasets: frozenset[str] = frozenset()


def decode_subscription(
    body: Json, context: Context, now: Instant, *, before: Mapping[str, Json] | None = None, source: Json = None
) -> dict[str, Json]:
    """A caller's subscription as the document to keep. before: the kept one, of which `body` is a fragment.

    source: the caller's `@context`, under which notifications are written unless `jsonldContext` names another.
    Raises: InvalidInput naming the member, Unsupported (scheme of the endpoint).
    """
    if not isinstance(body, dict):
        raise InvalidInput("expected a JSON object.", field="body", remedy="Send one subscription.")
    given = {str(context.aliases.get(k, k)): v for k, v in body.items() if k != "@context"}
    for name in given:
        if name not in _MEMBERS and name not in _OURS:
            raise InvalidInput(f"a subscription has no member {name[:60]!r}.", field=name[:60])
    for name in _OURS & given.keys():
        del given[name]
    document: dict[str, Json] = dict(before or {})
    if before is None and given.get("type") != "Subscription":
        raise InvalidInput("the type is not Subscription.", field="type", remedy='Give "type": "Subscription".')
    if given.pop("type", "Subscription") != "Subscription":
        raise InvalidInput("the type of a subscription stays Subscription.", field="type")
    id = given.pop("id", None)
    if id is not None and not is_iri(id):
        raise InvalidInput(f"{str(id)[:80]!r} is not a URI.", field="id")
    if before is not None and id is not None and id != before["id"]:
        raise InvalidInput("the id of a subscription does not change.", field="id")
    if id is not None:
        document["id"] = id
    for name, value in given.items():
        if value is None or value == "urn:ngsi-ld:null":
            if before is None or name in ("notification",):
                raise InvalidInput(f"{name!r} is null.", field=name, remedy="Leave it out.")
            document.pop(name, None)
            document.pop(f"_{name}", None)
            continue
        document[name] = _READ[name](value, name, context) if name in _READ else value
    if "isActive" in given or "expiresAt" in given or before is None:
        _check_expiry(document, now, changed="expiresAt" in given)
    if before is None or "@context" in body or source is not None:
        document["_context"] = source
    _check_whole(document)
    expand = document.get("expandValues", ())
    for name in ("q", "csf"):
        if name in given and name in document:
            text = _unescaped(str(document[name]))
            terms = parse_q(text, context, expand=expand.split(",") if isinstance(expand, str) else expand)
            document[f"_{name}"] = format_q(terms)
    compile_subscription(document)
    return document


def _check_expiry(document: Mapping[str, Json], now: Instant, *, changed: bool) -> None:
    if changed and "expiresAt" in document and parse_instant(document["expiresAt"], field="expiresAt") <= now:
        raise InvalidInput(
            "the subscription would have expired already.", field="expiresAt", remedy="Give a later time."
        )


def _check_whole(document: Mapping[str, Json]) -> None:
    if "notification" not in document:
        raise InvalidInput("the subscription has no notification.", field="notification", remedy="Add it.")
    if "entities" not in document and "watchedAttributes" not in document and not document.get("localOnly"):
        raise InvalidInput(
            "a subscription needs entities or watchedAttributes.", field="entities", remedy="Add one of them."
        )
    if "timeInterval" in document:
        for other in ("watchedAttributes", "throttling", "notificationTrigger"):
            if other in document and other != "notificationTrigger":
                raise InvalidInput(f"timeInterval and {other} exclude each other.", field="timeInterval")
        if "entities" not in document and not document.get("localOnly"):
            raise InvalidInput("timeInterval needs entities.", field="entities", remedy="Add them.")


# --- members ---------------------------------------------------------------------------------------------------------


def _names(value: Json, field: str, context: Context, *, own: bool = False) -> list[str]:
    if not isinstance(value, list) or not value or not all(isinstance(v, str) and v for v in value):
        raise InvalidInput("expected a list of names that is not empty.", field=field)
    if not own:
        for one in value:
            if one in _OWN:
                raise InvalidInput(f"{one!r} is no attribute.", field=field, remedy="Use pick.")
    return [v if v in _OWN else context.name(v, field=field) for v in value]


def _entities(value: Json, field: str, context: Context) -> list[Json]:
    if not isinstance(value, list) or not value or len(value) > MAX_SELECTORS:
        raise InvalidInput(f"expected a list of 1 to {MAX_SELECTORS} selectors.", field=field)
    return [read_selector(one, f"{field}[{i}]", context) for i, one in enumerate(value)]


def read_selector(one: Json, where: str, context: Context) -> dict[str, Json]:
    """An EntitySelector (5.2.33) or EntityInfo with stored type names. Raises: InvalidInput."""
    if not isinstance(one, dict):
        raise InvalidInput("expected an object.", field=where)
    given = {str(context.aliases.get(k, k)): v for k, v in one.items()}
    for name in given.keys() - {"type", "id", "idPattern"}:
        raise InvalidInput(f"a selector has no member {name[:60]!r}.", field=f"{where}.{name[:60]}")
    kind = given.get("type")
    result: dict[str, Json] = {}
    if isinstance(kind, list) and kind and all(isinstance(k, str) for k in kind):
        result["type"] = list(read_types(kind, context))
    elif isinstance(kind, str) and kind:
        result["type"] = kind if kind == "*" else parse_types(kind, context, field=f"{where}.type").format()
    else:
        raise InvalidInput("a selector needs a type.", field=f"{where}.type", remedy='Name one, or "*".')
    if "id" in given:
        for id in given["id"] if isinstance(given["id"], list) else [given["id"]]:
            if not is_iri(id):
                raise InvalidInput(f"{str(id)[:80]!r} is not a URI.", field=f"{where}.id")
        if given["id"] == []:
            raise InvalidInput("the list of ids is empty.", field=f"{where}.id")
        result["id"] = given["id"]
    if "idPattern" in given:
        result["idPattern"] = read_pattern(given["idPattern"], f"{where}.idPattern")
    return result


def read_pattern(value: Json, field: str) -> str:
    """A regular expression of at most 150 characters. Raises: InvalidInput."""
    if not isinstance(value, str) or not 0 < len(value) <= 150:
        raise InvalidInput("expected a regular expression of at most 150 characters.", field=field)
    try:
        re.compile(value)
    except re.error as error:
        raise InvalidInput(f"{value[:60]!r} is not a regular expression: {error}.", field=field) from None
    return value


def _text(value: Json, field: str, _: Context) -> str:
    if not isinstance(value, str) or not 0 < len(value) <= MAX_TEXT:
        raise InvalidInput(f"expected a text of 1 to {MAX_TEXT} characters.", field=field)
    return value


def _flag(value: Json, field: str, _: Context) -> bool:
    if not isinstance(value, bool):
        raise InvalidInput(f"{str(value)[:40]!r} is neither true nor false.", field=field)
    return value


def _positive(value: Json, field: str, _: Context) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 < value < 1e9:
        raise InvalidInput(f"{str(value)[:40]!r} is not a number above 0.", field=field)
    return value


def _instant(value: Json, field: str, _: Context) -> str:
    parse_utc(value, field=field)
    return str(value)


def _q(value: Json, field: str, context: Context) -> Json:
    parse_q(_unescaped(_text(value, field, context)), context)
    return value


def _unescaped(text: str) -> str:
    """`q` as it is meant. Clause 4.9 wants percent-encoding in addresses only; widespread clients send it in bodies."""
    return unquote(text) if _ESCAPE.search(text) else text


def _scope(value: Json, field: str, context: Context) -> str:
    _text(value, field, context)
    parse_scope_q(value)
    return str(value)


def _geo(value: Json, field: str, context: Context) -> dict[str, Json]:
    if not isinstance(value, dict):
        raise InvalidInput("expected an object.", field=field)
    for name in ("georel", "geometry", "coordinates"):
        if name not in value:
            raise InvalidInput(f"geoQ needs {name}.", field=f"{field}.{name}", remedy="Add it.")
    for name in ("georel", "geometry"):
        _text(value[name], f"{field}.{name}", context)
    parse_place(value["georel"], value["geometry"], value["coordinates"])
    result = {k: value[k] for k in ("georel", "geometry", "coordinates")}
    if "geoproperty" in value:
        result["geoproperty"] = context.name(_text(value["geoproperty"], f"{field}.geoproperty", context), field=field)
    return result


def _temporal(value: Json, field: str, _: Context) -> dict[str, Json]:
    if not isinstance(value, dict):
        raise InvalidInput("expected an object.", field=field)
    if value.get("timerel") not in ("before", "after", "between"):
        raise InvalidInput("timerel is before, after or between.", field=f"{field}.timerel")
    start = parse_utc(value.get("timeAt"), field=f"{field}.timeAt")
    if value["timerel"] == "between" and parse_utc(value.get("endTimeAt"), field=f"{field}.endTimeAt") <= start:
        raise InvalidInput("the period ends before it starts.", field=f"{field}.endTimeAt")
    if value.get("timeproperty", "observedAt") not in ("observedAt", "createdAt", "modifiedAt", "deletedAt"):
        raise InvalidInput("timeproperty is not one of the temporal properties.", field=f"{field}.timeproperty")
    return dict(value)


def _triggers(value: Json, field: str, _: Context) -> list[str]:
    if not isinstance(value, list) or not value or any(v not in TRIGGERS for v in value):
        raise InvalidInput("expected a list of triggers.", field=field, remedy=f"Any of: {', '.join(TRIGGERS)}.")
    return list(value)


def _datasets(value: Json, field: str, _: Context) -> Json:
    given = value if isinstance(value, list) else [value]
    if not given or not all(v == "@none" or is_iri(v) for v in given):
        raise InvalidInput("expected URIs of datasets or @none.", field=field)
    return value


def _context_url(value: Json, field: str, _: Context) -> str:
    if not is_iri(value):
        raise InvalidInput(f"{str(value)[:80]!r} is not a URI.", field=field)
    return str(value)


def _expand(value: Json, field: str, context: Context) -> Json:
    for one in value.split(",") if isinstance(value, str) else value if isinstance(value, list) else [None]:
        _text(one, field, context)
    return value


def _notification(value: Json, field: str, context: Context) -> dict[str, Json]:
    if not isinstance(value, dict):
        raise InvalidInput("expected an object.", field=field)
    for name in value.keys() - _NOTIFICATION - _NOTIFICATION_OURS:
        raise InvalidInput(f"a notification has no member {name[:60]!r}.", field=f"{field}.{name[:60]}")
    result = {k: v for k, v in value.items() if k not in _NOTIFICATION_OURS}
    if "endpoint" not in result:
        raise InvalidInput("the notification has no endpoint.", field=f"{field}.endpoint", remedy="Add it.")
    result["endpoint"] = _endpoint(result["endpoint"], f"{field}.endpoint")
    for name in ("attributes", "pick", "omit"):
        if name in result:
            result[name] = _names(result[name], f"{field}.{name}", context, own=name != "attributes")
    if "attributes" in result and ("pick" in result or "omit" in result):
        raise InvalidInput("attributes excludes pick and omit.", field=f"{field}.attributes", remedy="Use pick.")
    if set(result.get("pick", ())) & set(result.get("omit", ())):
        raise InvalidInput("pick and omit name the same member.", field=f"{field}.omit")
    if result.get("format", "normalized") not in FORMS:
        raise InvalidInput("the format is not known.", field=f"{field}.format", remedy=f"One of: {', '.join(FORMS)}.")
    for name in ("showChanges", "sysAttrs"):
        if name in result:
            _flag(result[name], f"{field}.{name}", context)
    if result.get("showChanges") and FORMS[result.get("format", "normalized")] == "simplified":
        raise InvalidInput("showChanges has no place in the simplified form.", field=f"{field}.showChanges")
    if result.get("join", "@none") not in ("flat", "inline", "@none"):
        raise InvalidInput("join is flat, inline or @none.", field=f"{field}.join")
    level = result.get("joinLevel", 1)
    if isinstance(level, bool) or not isinstance(level, int) or not 0 < level <= 10:
        raise InvalidInput("joinLevel is a whole number of 1…10.", field=f"{field}.joinLevel")
    return result


def _endpoint(value: Json, field: str) -> dict[str, Json]:
    if not isinstance(value, dict):
        raise InvalidInput("expected an object.", field=field)
    for name in value.keys() - {"uri", "accept", "timeout", "cooldown", "receiverInfo", "notifierInfo"}:
        raise InvalidInput(f"an endpoint has no member {name[:60]!r}.", field=f"{field}.{name[:60]}")
    uri = value.get("uri")
    if not is_iri(uri):
        raise InvalidInput(f"{str(uri)[:80]!r} is not a URI.", field=f"{field}.uri")
    parts = urlsplit(str(uri))
    if parts.scheme.lower() not in SCHEMES:
        raise Unsupported(
            f"notifications do not go to {parts.scheme[:20]}:.", field=f"{field}.uri", remedy="Use http(s) or mqtt(s)."
        )
    if not parts.hostname:
        raise InvalidInput(f"{str(uri)[:80]!r} names no host.", field=f"{field}.uri")
    if value.get("accept", ACCEPTS[0]) not in ACCEPTS:
        raise InvalidInput(
            "that media type is not offered.", field=f"{field}.accept", remedy=f"One of: {', '.join(ACCEPTS)}."
        )
    for name in ("timeout", "cooldown"):
        if name in value:
            _positive(value[name], f"{field}.{name}", CORE)
    for name in ("receiverInfo", "notifierInfo"):
        for i, pair in enumerate(read_pairs(value.get(name, []), f"{field}.{name}")):
            if name == "receiverInfo" and not (re.fullmatch(r"[\x21-\x7e]{1,100}", pair[0]) and pair[1].isprintable()):
                raise InvalidInput("a header is printable text.", field=f"{field}.{name}[{i}]")
    return dict(value)


def read_pairs(value: Json, field: str) -> list[tuple[str, str]]:
    """Key-value pairs (5.2.22). Raises: InvalidInput."""
    if not isinstance(value, list) or len(value) > 50:
        raise InvalidInput("expected a list of at most 50 pairs.", field=field)
    result = []
    for i, one in enumerate(value):
        if not isinstance(one, dict) or not isinstance(one.get("key"), str) or not isinstance(one.get("value"), str):
            raise InvalidInput('expected {"key": …, "value": …}.', field=f"{field}[{i}]")
        result.append((one["key"], one["value"]))
    return result


_READ: Final[Mapping[str, Callable[[Json, str, Context], Json]]] = {
    "entities": _entities,
    "notification": _notification,
    "notificationTrigger": _triggers,
    "watchedAttributes": _names,
    "q": _q,
    "csf": _q,
    "geoQ": _geo,
    "scopeQ": _scope,
    "temporalQ": _temporal,
    "datasetId": _datasets,
    "description": _text,
    "name": _text,
    "subscriptionName": _text,
    "ngsildConformance": _text,
    "lang": _text,
    "expandValues": _expand,
    "jsonKeys": _expand,
    "expiresAt": _instant,
    "isActive": _flag,
    "localOnly": _flag,
    "splitEntities": _flag,
    "jsonldContext": _context_url,
    "throttling": _positive,
    "timeInterval": _positive,
}


# --- showing and matching --------------------------------------------------------------------------------------------


def encode_subscription(document: Mapping[str, Json], context: Context) -> dict[str, Json]:
    """A kept subscription as a reader with this context sees it, without counters and status."""
    result: dict[str, Json] = {"id": document["id"], "type": "Subscription"}
    for name, value in document.items():
        if name.startswith("_") or name == "id":
            continue
        if name == "entities":
            value = [show_selector(one, context) for one in value]
        elif name == "watchedAttributes":
            value = [external(v, context) for v in value]
        elif name == "geoQ" and "geoproperty" in value:
            value = {**value, "geoproperty": external(value["geoproperty"], context)}
        elif name == "notification":
            value = {
                k: [v if v in _OWN else external(v, context) for v in one]
                if k in ("attributes", "pick", "omit")
                else one
                for k, one in value.items()
            }
        result[name] = value
    return result


def show_selector(one: Mapping[str, Json], context: Context) -> dict[str, Json]:
    """A kept selector with the reader's type names."""
    kind = one["type"]
    if isinstance(kind, list):
        shown: Json = [external(k, context) for k in kind]
    else:
        shown = kind if kind == "*" else parse_types(kind, CORE).format(lambda name: external(name, context))
    return {**one, "type": shown}


def read_kept_selector(one: Mapping[str, Json]) -> Selector:
    """A kept selector ready for matching."""
    kind = one["type"]
    ids = one.get("id", ())
    choice = None if kind == "*" else TypeChoice.every(kind) if isinstance(kind, list) else parse_types(kind, CORE)
    return Selector(choice, frozenset([ids] if isinstance(ids, str) else ids), one.get("idPattern", ""))


def compile_subscription(document: Mapping[str, Json]) -> Subscription:
    """Make a kept subscription ready for matching."""
    notification = document["notification"]
    endpoint = notification["endpoint"]
    place, geoproperty = None, "location"
    if "geoQ" in document:
        geo = document["geoQ"]
        place = parse_place(geo["georel"], geo["geometry"], geo["coordinates"])
        geoproperty = geo.get("geoproperty", "location")
    triggers = frozenset(document.get("notificationTrigger", ("attributeCreated", "attributeUpdated")))
    datasets = document.get("datasetId", ())
    q = document.get("_q", "")
    return Subscription(
        id=document.get("id", ""),
        selectors=tuple(read_kept_selector(one) for one in document.get("entities", ())),
        watched=frozenset(document.get("watchedAttributes", ())),
        triggers=triggers,
        where=parse_q(q) if q else (),
        source_where=parse_q(document["_csf"]) if "_csf" in document else (),
        scope=parse_scope_q(document["scopeQ"]) if "scopeQ" in document else (),
        place=place,
        geoproperty=geoproperty,
        temporal=document.get("temporalQ"),
        active=document.get("isActive", True),
        expires=parse_instant(document["expiresAt"]) if "expiresAt" in document else None,
        throttling_s=float(document.get("throttling", 0)),
        interval_s=float(document.get("timeInterval", 0)),
        uri=endpoint["uri"],
        accept=endpoint.get("accept", ACCEPTS[0]),
        timeout_s=min(float(endpoint.get("timeout", 10_000)) / 1000, 60.0),
        cooldown_s=float(endpoint.get("cooldown", 0)) / 1000,
        receiver=tuple(read_pairs(endpoint.get("receiverInfo", []), "receiverInfo")),
        notifier=tuple(read_pairs(endpoint.get("notifierInfo", []), "notifierInfo")),
        form=FORMS[notification.get("format", "normalized")],
        pick=tuple(notification.get("pick", ())),
        omit=tuple(notification.get("omit", ())),
        attributes=tuple(notification.get("attributes", ())),
        show_changes=notification.get("showChanges", False),
        sys_attrs=notification.get("sysAttrs", False),
        join="" if notification.get("join", "@none") == "@none" else notification["join"],
        join_level=notification.get("joinLevel", 1),
        lang=document.get("lang", ""),
        datasets=frozenset([datasets] if isinstance(datasets, str) else datasets),
    )
