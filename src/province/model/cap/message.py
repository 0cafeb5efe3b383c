"""A CAP 1.2 message as frozen typed records; names and words are those of the standard (§3.2)."""

from __future__ import annotations

import math
import re
from typing import Final

import msgspec

from province.model.geometry import Geometry, box_around
from province.model.time import CIVIL_ZONE, Instant

NAMESPACE: Final = "urn:oasis:names:tc:emergency:cap:1.2"
MEDIA_TYPE: Final = "application/cap+xml"
STATUSES: Final = ("Actual", "Exercise", "System", "Test", "Draft")
MESSAGE_TYPES: Final = ("Alert", "Update", "Cancel", "Ack", "Error")
SCOPES: Final = ("Public", "Restricted", "Private")
CATEGORIES: Final = (
    "Geo", "Met", "Safety", "Security", "Rescue", "Fire", "Health", "Env", "Transport", "Infra", "CBRNE", "Other",
)  # fmt: skip
RESPONSES: Final = ("Shelter", "Evacuate", "Prepare", "Execute", "Avoid", "Monitor", "Assess", "AllClear", "None")
URGENCIES: Final = ("Immediate", "Expected", "Future", "Past", "Unknown")
SEVERITIES: Final = ("Extreme", "Severe", "Moderate", "Minor", "Unknown")
"""The worst first."""
CERTAINTIES: Final = ("Observed", "Likely", "Possible", "Unlikely", "Unknown")
LANGUAGE: Final = "en-US"
"""What a message without `language` is written in (§3.2.2)."""
_CIRCLE_STEPS: Final = 32

Position = tuple[float, float]
"""(latitude, longitude) in WGS 84, in the order of the standard."""


class Circle(msgspec.Struct, frozen=True):
    """A circle of an area. radius_km: kilometres."""

    latitude: float
    longitude: float
    radius_km: float


class Named(msgspec.Struct, frozen=True):
    """A value with the name of the list that it is from: event code, parameter, geocode."""

    name: str
    value: str


class Resource(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A file that goes with an info. size: bytes."""

    description: str
    media_type: str
    size: int | None = None
    uri: str = ""
    content: str = ""
    digest: str = ""


class Target(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One `area`: where the info holds. altitude, ceiling: feet above mean sea level, as the standard has them."""

    description: str
    polygons: tuple[tuple[Position, ...], ...] = ()
    circles: tuple[Circle, ...] = ()
    geocodes: tuple[Named, ...] = ()
    altitude: float | None = None
    ceiling: float | None = None


class Info(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What is the matter, in one language."""

    language: str = LANGUAGE
    categories: tuple[str, ...]
    event: str
    responses: tuple[str, ...] = ()
    urgency: str
    severity: str
    certainty: str
    audience: str = ""
    event_codes: tuple[Named, ...] = ()
    effective: Instant | None = None
    onset: Instant | None = None
    expires: Instant | None = None
    sender_name: str = ""
    headline: str = ""
    description: str = ""
    instruction: str = ""
    web: str = ""
    contact: str = ""
    parameters: tuple[Named, ...] = ()
    resources: tuple[Resource, ...] = ()
    areas: tuple[Target, ...] = ()


class Reference(msgspec.Struct, frozen=True):
    """An earlier message."""

    sender: str
    identifier: str
    sent: Instant


class Message(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One `alert` element."""

    identifier: str
    sender: str
    sent: Instant
    status: str
    msg_type: str
    scope: str
    source: str = ""
    restriction: str = ""
    addresses: tuple[str, ...] = ()
    codes: tuple[str, ...] = ()
    note: str = ""
    references: tuple[Reference, ...] = ()
    incidents: tuple[str, ...] = ()
    infos: tuple[Info, ...] = ()


def info_in(message: Message, language: str) -> Info | None:
    """The info in a language (`vi` finds `vi-VN`), else the first."""
    wanted = language.lower().partition("-")[0]
    for info in message.infos:
        if info.language.lower().partition("-")[0] == wanted:
            return info
    return message.infos[0] if message.infos else None


def worst(infos: tuple[Info, ...]) -> Info:
    """The info of the greatest severity, the first of them. There must be one."""
    return min(infos, key=lambda info: SEVERITIES.index(info.severity))


def expiry(message: Message) -> Instant | None:
    """When the last of its infos ends; None when one of them names no end."""
    ends = [info.expires for info in message.infos]
    return max((e for e in ends if e is not None), default=None) if all(ends) else None


def format_time(at: Instant) -> str:
    """A time as the standard wants it: whole seconds and the offset in digits, never `Z` (§3.3.2). Vietnam's time."""
    return at.astimezone(CIVIL_ZONE).isoformat(timespec="seconds")


def geometry(message: Message) -> Geometry | None:
    """The land of all infos as GeoJSON, each ring once; a circle becomes a polygon of 32 corners. None: it has none."""
    rings: dict[tuple[Position, ...], None] = {}
    for info in message.infos:
        for area in info.areas:
            rings |= dict.fromkeys(area.polygons)
            rings |= {corners(circle): None for circle in area.circles}
    if not rings:
        return None
    polygons = [[[[lon, lat] for lat, lon in ring]] for ring in rings]
    if len(polygons) == 1:
        return {"type": "Polygon", "coordinates": polygons[0]}
    return {"type": "MultiPolygon", "coordinates": polygons}


def corners(circle: Circle) -> tuple[Position, ...]:
    """A circle as a closed ring. A radius of 0 is drawn as 50 m, so that the place can be seen."""
    west, south, east, north = box_around((circle.longitude, circle.latitude), max(circle.radius_km, 0.05) * 1000)
    across, up = (east - west) / 2, (north - south) / 2
    ring = []
    for step in range(_CIRCLE_STEPS):
        angle = 2 * math.pi * step / _CIRCLE_STEPS
        lat = min(90.0, max(-90.0, circle.latitude + up * math.sin(angle)))
        lon = min(180.0, max(-180.0, circle.longitude + across * math.cos(angle)))
        ring.append((round(lat, 6), round(lon, 6)))
    return (*ring, ring[0])


_PAIR = re.compile(r"([+-]?\d+(?:\.\d+)?),([+-]?\d+(?:\.\d+)?)")


def parse_position(text: str) -> Position:
    """`latitude,longitude`. Raises: ValueError that says what is wrong."""
    found = _PAIR.fullmatch(text)
    if found is None:
        raise ValueError(f"{text[:40]!r} is no pair latitude,longitude")
    latitude, longitude = float(found[1]), float(found[2])
    if not -90 <= latitude <= 90:
        raise ValueError(f"the latitude {latitude} is outside −90…90")
    if not -180 <= longitude <= 180:
        raise ValueError(f"the longitude {longitude} is outside −180…180")
    return latitude, longitude


def parse_ring(text: str) -> tuple[Position, ...]:
    """A polygon: four pairs or more with spaces between them, the last one equal to the first. Raises: ValueError."""
    ring = tuple(parse_position(pair) for pair in text.split())
    if len(ring) < 4:
        raise ValueError(f"{len(ring)} positions are too few for a polygon; it takes four")
    if ring[0] != ring[-1]:
        raise ValueError("the last position is not the first one: the polygon is not closed")
    return ring
