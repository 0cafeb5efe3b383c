"""`Message` → CAP 1.2 XML. What is written here is read by `reading` as the same message."""

from __future__ import annotations

from typing import Any

from lxml import etree

from province.model.cap.message import LANGUAGE, NAMESPACE, Info, Message, Named, Resource, Target, format_time


def element(message: Message) -> Any:
    """The `alert` element, unsigned."""
    root = etree.Element(f"{{{NAMESPACE}}}alert", nsmap={None: NAMESPACE})
    _text(root, "identifier", message.identifier)
    _text(root, "sender", message.sender)
    _text(root, "sent", format_time(message.sent))
    _text(root, "status", message.status)
    _text(root, "msgType", message.msg_type)
    _text(root, "source", message.source)
    _text(root, "scope", message.scope)
    _text(root, "restriction", message.restriction)
    _text(root, "addresses", _words(message.addresses))
    for code in message.codes:
        _text(root, "code", code)
    _text(root, "note", message.note)
    references = (f"{r.sender},{r.identifier},{format_time(r.sent)}" for r in message.references)
    _text(root, "references", " ".join(references))
    _text(root, "incidents", _words(message.incidents))
    for info in message.infos:
        _info(root, info)
    return root


def _info(parent: Any, info: Info) -> None:
    root = etree.SubElement(parent, f"{{{NAMESPACE}}}info")
    _text(root, "language", info.language or LANGUAGE)
    for category in info.categories:
        _text(root, "category", category)
    _text(root, "event", info.event)
    for response in info.responses:
        _text(root, "responseType", response)
    _text(root, "urgency", info.urgency)
    _text(root, "severity", info.severity)
    _text(root, "certainty", info.certainty)
    _text(root, "audience", info.audience)
    _named(root, "eventCode", info.event_codes)
    for name, at in (("effective", info.effective), ("onset", info.onset), ("expires", info.expires)):
        _text(root, name, format_time(at) if at is not None else "")
    _text(root, "senderName", info.sender_name)
    _text(root, "headline", info.headline)
    _text(root, "description", info.description)
    _text(root, "instruction", info.instruction)
    _text(root, "web", info.web)
    _text(root, "contact", info.contact)
    _named(root, "parameter", info.parameters)
    for resource in info.resources:
        _resource(root, resource)
    for area in info.areas:
        _area(root, area)


def _resource(parent: Any, resource: Resource) -> None:
    root = etree.SubElement(parent, f"{{{NAMESPACE}}}resource")
    _text(root, "resourceDesc", resource.description)
    _text(root, "mimeType", resource.media_type)
    _text(root, "size", "" if resource.size is None else str(resource.size))
    _text(root, "uri", resource.uri)
    _text(root, "derefUri", resource.content)
    _text(root, "digest", resource.digest)


def _area(parent: Any, area: Target) -> None:
    root = etree.SubElement(parent, f"{{{NAMESPACE}}}area")
    _text(root, "areaDesc", area.description)
    for ring in area.polygons:
        _text(root, "polygon", " ".join(f"{_number(lat)},{_number(lon)}" for lat, lon in ring))
    for circle in area.circles:
        centre = f"{_number(circle.latitude)},{_number(circle.longitude)}"
        _text(root, "circle", f"{centre} {_number(circle.radius_km)}")
    _named(root, "geocode", area.geocodes)
    _text(root, "altitude", "" if area.altitude is None else _number(area.altitude))
    _text(root, "ceiling", "" if area.ceiling is None else _number(area.ceiling))


def _named(parent: Any, name: str, pairs: tuple[Named, ...]) -> None:
    for pair in pairs:
        root = etree.SubElement(parent, f"{{{NAMESPACE}}}{name}")
        etree.SubElement(root, f"{{{NAMESPACE}}}valueName").text = pair.name
        etree.SubElement(root, f"{{{NAMESPACE}}}value").text = pair.value


def _text(parent: Any, name: str, text: str) -> None:
    if text:
        etree.SubElement(parent, f"{{{NAMESPACE}}}{name}").text = text


def _words(words: tuple[str, ...]) -> str:
    return " ".join(f'"{word}"' if " " in word else word for word in words)


def _number(value: float) -> str:
    """Digits without an exponent, at most nine behind the point: a tenth of a millimetre."""
    text = f"{value:.9f}".rstrip("0").rstrip(".")
    return "0" if text in ("-0", "") else text
