"""CAP 1.2 XML → `Message`, strictly: every rule that is broken is named with its clause.

The rules are those of the standard's data dictionary (§3.2), its notes on implementation (§3.3) and its schema (§3.4).
Nothing outside the message is ever opened: a document type, and with it every entity, is refused unread.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from datetime import datetime
from typing import Any, Final, TypeVar

from lxml import etree

from province.errors import DecodeError
from province.model.cap import message as cap
from province.model.cap.message import Circle, Info, Message, Named, Reference, Resource, Target, parse_position
from province.model.time import Instant

LARGEST: Final = 8 * 1024**2
DSIG: Final = "http://www.w3.org/2000/09/xmldsig#"
_SCHEMA_INSTANCE: Final = "{http://www.w3.org/2001/XMLSchema-instance}"
_TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d[+-]\d\d:\d\d")
_LANGUAGE = re.compile(r"[A-Za-z]{1,8}(-[A-Za-z0-9]{1,8})*")
_NOT_IN_NAMES = re.compile(r"[\s,<&]")
_QUOTED = re.compile(r'"([^"]*)"|(\S+)')
_T = TypeVar("_T")

# (element, least, most); None: any number. In the order that the schema demands (§3.4).
_ALERT: Final = (
    ("identifier", 1, 1), ("sender", 1, 1), ("sent", 1, 1), ("status", 1, 1), ("msgType", 1, 1), ("source", 0, 1),
    ("scope", 1, 1), ("restriction", 0, 1), ("addresses", 0, 1), ("code", 0, None), ("note", 0, 1),
    ("references", 0, 1), ("incidents", 0, 1), ("info", 0, None),
)  # fmt: skip
_INFO: Final = (
    ("language", 0, 1), ("category", 1, None), ("event", 1, 1), ("responseType", 0, None), ("urgency", 1, 1),
    ("severity", 1, 1), ("certainty", 1, 1), ("audience", 0, 1), ("eventCode", 0, None), ("effective", 0, 1),
    ("onset", 0, 1), ("expires", 0, 1), ("senderName", 0, 1), ("headline", 0, 1), ("description", 0, 1),
    ("instruction", 0, 1), ("web", 0, 1), ("contact", 0, 1), ("parameter", 0, None), ("resource", 0, None),
    ("area", 0, None),
)  # fmt: skip
_RESOURCE: Final = (
    ("resourceDesc", 1, 1), ("mimeType", 1, 1), ("size", 0, 1), ("uri", 0, 1), ("derefUri", 0, 1), ("digest", 0, 1),
)  # fmt: skip
_AREA: Final = (
    ("areaDesc", 1, 1), ("polygon", 0, None), ("circle", 0, None), ("geocode", 0, None), ("altitude", 0, 1),
    ("ceiling", 0, 1),
)  # fmt: skip
_NAMED: Final = (("valueName", 1, 1), ("value", 1, 1))
Order = tuple[tuple[str, int, int | None], ...]


def parse(payload: bytes, *, indented: bool = True) -> Any:
    """The root element of XML from a stranger (an lxml element). Raises: DecodeError.

    indented: keep the spaces between elements.
    """
    if len(payload) > LARGEST:
        raise DecodeError(f"the message has {len(payload)} bytes.", field="body", remedy=f"At most {LARGEST}.")
    parser = etree.XMLParser(
        resolve_entities=False, no_network=True, load_dtd=False, dtd_validation=False, huge_tree=False, recover=False,
        remove_blank_text=not indented,
        remove_comments=False, remove_pis=False,
    )  # fmt: skip
    try:
        root = etree.fromstring(payload, parser)
    except (etree.XMLSyntaxError, ValueError, LookupError) as error:
        raise DecodeError(f"not XML: {str(error)[:300]}.", field="body") from None
    if root.getroottree().docinfo.internalDTD is not None or root.getroottree().docinfo.doctype:
        raise DecodeError(
            "the message has a document type.", field="body", remedy="Leave out <!DOCTYPE>: CAP 1.2 knows no entities."
        )
    return root


def read(root: Any) -> Message:
    """The message of a parsed `alert` element. Raises: DecodeError naming the element and the clause."""
    if root.tag != f"{{{cap.NAMESPACE}}}alert":
        raise _broken("alert", f"the root is {str(root.tag)[:100]!r}, not <alert> of {cap.NAMESPACE}", "§3.4")
    parts = _children(root, _ALERT, "alert", signed=True)
    text = _Texts(parts, "alert")
    status = text.word("status", cap.STATUSES, "§3.2.1")
    msg_type = text.word("msgType", cap.MESSAGE_TYPES, "§3.2.1")
    scope = text.word("scope", cap.SCOPES, "§3.2.1")
    made = Message(
        identifier=_name(text.one("identifier"), "identifier"),
        sender=_name(text.one("sender"), "sender"),
        sent=text.time("sent", "§3.2.1"),
        status=status,
        msg_type=msg_type,
        scope=scope,
        source=text.one("source"),
        restriction=text.one("restriction"),
        addresses=_words(text.one("addresses")),
        codes=text.many("code"),
        note=text.one("note"),
        references=tuple(_reference(one) for one in text.one("references").split()),
        incidents=_words(text.one("incidents")),
        infos=tuple(_info(e, f"info[{n}]") for n, e in enumerate(parts.get("info", ()))),
    )
    if scope == "Restricted" and not made.restriction:
        raise _broken("restriction", "the scope is Restricted and the rule of the restriction is missing", "§3.2.1")
    if scope == "Private" and not made.addresses:
        raise _broken("addresses", "the scope is Private and the addressees are missing", "§3.2.1")
    if msg_type in ("Update", "Cancel", "Ack", "Error") and not made.references:
        raise _broken(
            "references", f"a message of type {msg_type} must say which earlier message it is about", "§3.2.1"
        )
    return made


def _info(element: Any, path: str) -> Info:
    parts = _children(element, _INFO, path)
    text = _Texts(parts, path)
    language = text.one("language") or cap.LANGUAGE
    if not _LANGUAGE.fullmatch(language):
        raise _broken(f"{path}.language", f"{language[:40]!r} is no language code (RFC 3066)", "§3.2.2")
    return Info(
        language=language,
        categories=text.words("category", cap.CATEGORIES, "§3.2.2"),
        event=_said(text.one("event"), f"{path}.event"),
        responses=text.words("responseType", cap.RESPONSES, "§3.2.2"),
        urgency=text.word("urgency", cap.URGENCIES, "§3.2.2"),
        severity=text.word("severity", cap.SEVERITIES, "§3.2.2"),
        certainty=text.word("certainty", cap.CERTAINTIES, "§3.2.2"),
        audience=text.one("audience"),
        event_codes=_named(parts.get("eventCode", ()), f"{path}.eventCode"),
        effective=text.maybe_time("effective", "§3.2.2"),
        onset=text.maybe_time("onset", "§3.2.2"),
        expires=text.maybe_time("expires", "§3.2.2"),
        sender_name=text.one("senderName"),
        headline=text.one("headline"),
        description=text.one("description"),
        instruction=text.one("instruction"),
        web=text.one("web"),
        contact=text.one("contact"),
        parameters=_named(parts.get("parameter", ()), f"{path}.parameter"),
        resources=tuple(_resource(e, f"{path}.resource[{n}]") for n, e in enumerate(parts.get("resource", ()))),
        areas=tuple(_area(e, f"{path}.area[{n}]") for n, e in enumerate(parts.get("area", ()))),
    )


def _resource(element: Any, path: str) -> Resource:
    text = _Texts(_children(element, _RESOURCE, path), path)
    size = text.one("size").strip()
    if size and (not re.fullmatch(r"[+-]?\d{1,18}", size) or int(size) < 0):
        raise _broken(f"{path}.size", f"{size[:40]!r} is no number of bytes", "§3.2.3")
    return Resource(
        description=_said(text.one("resourceDesc"), f"{path}.resourceDesc"),
        media_type=_said(text.one("mimeType"), f"{path}.mimeType"),
        size=int(size) if size else None,
        uri=text.one("uri"),
        content=text.one("derefUri"),
        digest=text.one("digest"),
    )


def _area(element: Any, path: str) -> Target:
    parts = _children(element, _AREA, path)
    text = _Texts(parts, path)
    polygons = tuple(
        _geometry(cap.parse_ring, one, f"{path}.polygon[{n}]") for n, one in enumerate(text.many("polygon"))
    )
    circles = tuple(_geometry(_circle, one, f"{path}.circle[{n}]") for n, one in enumerate(text.many("circle")))
    altitude, ceiling = text.maybe_number("altitude"), text.maybe_number("ceiling")
    if ceiling is not None and altitude is None:
        raise _broken(f"{path}.ceiling", "a ceiling goes with an altitude only", "§3.2.4")
    return Target(
        description=_said(text.one("areaDesc"), f"{path}.areaDesc"),
        polygons=polygons,
        circles=circles,
        geocodes=_named(parts.get("geocode", ()), f"{path}.geocode"),
        altitude=altitude,
        ceiling=ceiling,
    )


def _circle(text: str) -> Circle:
    centre, _, radius = text.strip().partition(" ")
    latitude, longitude = parse_position(centre)
    radius = radius.strip()
    if not re.fullmatch(r"\d+(\.\d+)?", radius) or float(radius) > 20_040:
        raise ValueError(f"{radius[:40]!r} is no radius in kilometres")
    return Circle(latitude, longitude, float(radius))


def _geometry(make: Callable[[str], _T], text: str, path: str) -> _T:
    try:
        return make(text)
    except ValueError as error:
        raise _broken(path, str(error), "§3.2.4") from None


def _named(elements: Iterable[Any], path: str) -> tuple[Named, ...]:
    found = []
    for n, element in enumerate(elements):
        text = _Texts(_children(element, _NAMED, f"{path}[{n}]"), f"{path}[{n}]")
        found.append(Named(text.one("valueName"), text.one("value")))
    return tuple(found)


def _reference(text: str) -> Reference:
    parts = text.split(",")
    if len(parts) != 3 or not all(parts) or not _TIME.fullmatch(parts[2]):
        raise _broken("references", f"{text[:100]!r} is not sender,identifier,sent", "§3.2.1")
    return Reference(parts[0], parts[1], _instant(parts[2], "references", "§3.2.1"))


def _words(text: str) -> tuple[str, ...]:
    """Words with spaces between them; those in quotes may hold spaces (§3.2.1, addresses and incidents)."""
    return tuple(quoted or plain for quoted, plain in _QUOTED.findall(text) if quoted or plain)


def _name(text: str, field: str) -> str:
    if not text:
        raise _broken(field, "the element is empty", "§3.2.1")
    if _NOT_IN_NAMES.search(text):
        raise _broken(field, f"{text[:100]!r} holds a space, a comma, < or &", "§3.2.1")
    return text


def _said(text: str, field: str) -> str:
    if not text.strip():
        raise _broken(field, "the element is empty", "§3.2")
    return text


def _instant(text: str, field: str, clause: str) -> Instant:
    if not _TIME.fullmatch(text):
        raise _broken(field, f"{text[:40]!r} is not of the form 2002-05-24T16:49:00-07:00", f"{clause} and §3.3.2")
    try:
        return datetime.fromisoformat(text)
    except ValueError as error:
        raise _broken(field, f"{text!r} is no time: {error}", f"{clause} and §3.3.2") from None


def _children(element: Any, order: Order, path: str, *, signed: bool = False) -> dict[str, list[Any]]:
    """The children by name. They must be those of the schema, in its order; a signature may stand behind them."""
    for attribute in element.attrib:
        if not str(attribute).startswith(_SCHEMA_INSTANCE):
            raise _broken(path, f"the attribute {str(attribute)[:60]!r} is unknown", "§3.4")
    found: dict[str, list[Any]] = {}
    positions = {name: n for n, (name, _, _) in enumerate(order)}
    last = 0
    closed = False
    for child in element:
        if not isinstance(child.tag, str):
            continue  # a comment or a processing instruction
        namespace, _, name = child.tag.removeprefix("{").rpartition("}")
        if signed and namespace == DSIG:
            closed = True
            continue
        if namespace != cap.NAMESPACE or name not in positions:
            raise _broken(path, f"the element {child.tag[:100]!r} does not belong here", "§3.4")
        if closed or positions[name] < last:
            raise _broken(f"{path}.{name}", "the element stands in the wrong place", "§3.4")
        last = positions[name]
        found.setdefault(name, []).append(child)
    for name, least, most in order:
        count = len(found.get(name, ()))
        if count < least:
            raise _broken(f"{path}.{name}", "the element is missing", "§3.2 and §3.4")
        if most is not None and count > most:
            raise _broken(f"{path}.{name}", f"the element stands {count} times", "§3.4")
    if _loose_text(element):
        raise _broken(path, "there is text between the elements", "§3.4")
    return found


def _loose_text(element: Any) -> bool:
    return any((text or "").strip() for text in (element.text, *(child.tail for child in element)))


class _Texts:
    """The texts of children."""

    def __init__(self, parts: dict[str, list[Any]], path: str) -> None:
        self._parts = parts
        self._path = path

    def many(self, name: str) -> tuple[str, ...]:
        """All of them."""
        return tuple(self._text(name, element) for element in self._parts.get(name, ()))

    def one(self, name: str) -> str:
        """The only one; "" when it is absent."""
        return next(iter(self.many(name)), "")

    def word(self, name: str, allowed: tuple[str, ...], clause: str) -> str:
        """One of a list."""
        return self._word(name, self.one(name), allowed, clause)

    def words(self, name: str, allowed: tuple[str, ...], clause: str) -> tuple[str, ...]:
        """Several of a list."""
        return tuple(self._word(name, one, allowed, clause) for one in self.many(name))

    def time(self, name: str, clause: str) -> Instant:
        """A time."""
        return _instant(self.one(name).strip(), f"{self._path}.{name}", clause)

    def maybe_time(self, name: str, clause: str) -> Instant | None:
        """A time or nothing."""
        return self.time(name, clause) if name in self._parts else None

    def maybe_number(self, name: str) -> float | None:
        """A decimal number or nothing."""
        if name not in self._parts:
            return None
        text = self.one(name).strip()
        if not re.fullmatch(r"[+-]?\d{1,9}(\.\d{1,9})?", text):
            raise _broken(f"{self._path}.{name}", f"{text[:40]!r} is no decimal number", "§3.2.4")
        return float(text)

    def _word(self, name: str, given: str, allowed: tuple[str, ...], clause: str) -> str:
        if given not in allowed:
            raise _broken(f"{self._path}.{name}", f"{given[:40]!r} is none of {', '.join(allowed)}", clause)
        return given

    def _text(self, name: str, element: Any) -> str:
        if len(element) and any(isinstance(child.tag, str) for child in element):
            raise _broken(f"{self._path}.{name}", "the element holds elements where text belongs", "§3.4")
        for attribute in element.attrib:
            if not str(attribute).startswith(_SCHEMA_INSTANCE):
                raise _broken(f"{self._path}.{name}", f"the attribute {str(attribute)[:60]!r} is unknown", "§3.4")
        return "".join(element.itertext(with_tail=False, tag=etree._Element)) if len(element) else element.text or ""


def _broken(field: str, what: str, clause: str) -> DecodeError:
    return DecodeError(f"{what} (CAP 1.2 {clause}).", field=field.removeprefix("alert."))
