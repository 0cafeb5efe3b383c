"""The feed `open311`: service requests in the JSON of Open311 GeoReport v2, as another system exports them."""

from __future__ import annotations

import re
from typing import Any, Final

import msgspec

from province.errors import DecodeError, InvalidInput
from province.model.change import Change
from province.model.geometry import point, validate
from province.model.record import attributes
from province.model.schema import describe
from province.model.time import parse_instant
from province.pack import Context, Decoded
from province.packs.reports.types import CATEGORY_NAMES, Report, foreign_id

MAX_REQUESTS: Final = 1000
_MEANINGS: Final = tuple(
    (name, re.compile(rf"(?<!\w)(?:{signs})"))
    for name, signs in (
        ("light", "street ?light|light|lamp|chiếu sáng|đèn"),
        ("waste", "waste|garbage|trash|litter|recycl|sanitation|dump|street clean|dirty|improper disposal|rác"),
        ("drainage", "drain|sewer|sewage|flood|catch basin|ngập|thoát nước"),
        ("tree", "trees?(?!\\w)|branch|limb|landscap|cây"),
        ("road", "pothole|cave-in|street cond|road|sidewalk|pavement|đường|vỉa hè|ổ gà"),
        ("traffic", "traffic|signal|parking|abandoned (?:bike|car|vehicle)|giao thông"),
        ("environment", "noise|air qual|pollution|odor|asbestos|môi trường|tiếng ồn"),
        ("utility", "water|gas|electric|cable|cấp nước"),
        ("construction", "construction|building|xây dựng"),
        ("order", "vendor|graffiti|postering|bench|trật tự"),
    )
)
"""Beginnings of words in a foreign service name that tell our category; the first row that fits decides."""


def from_open311(payload: bytes, *, context: Context) -> Decoded:
    """Read a list of GeoReport v2 requests, or one, or `{"service_requests": […]}`.

    Every request enters as a new report and takes our own way from there: the foreign status is not believed, and a
    request that is known (same sender, same id) is left as it is. The rule that routes it gives it our number.
    Raises: DecodeError naming the place, such as `[3].long`.
    """
    try:
        document = msgspec.json.decode(payload)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise DecodeError(f"not JSON: {error}.", field="body") from None
    if isinstance(document, dict) and "service_requests" in document:
        document = document["service_requests"]
    requests = [document] if isinstance(document, dict) else document
    if not isinstance(requests, list) or len(requests) > MAX_REQUESTS:
        raise DecodeError(
            "expected a list of service requests.", field="body", remedy=f"Send at most {MAX_REQUESTS} at once."
        )
    changes = []
    for i, request in enumerate(requests):
        try:
            changes.append(_read(request, context.actor))
        except InvalidInput as error:
            raise DecodeError(error.detail, field=f"[{i}].{error.field}", remedy=error.remedy) from None
    return Decoded(changes=tuple(changes))


def _read(request: Any, sender: str) -> Change:
    if not isinstance(request, dict):
        raise InvalidInput("a service request is a JSON object.", field="")
    foreign = _text(request, "service_request_id", 1, 200)
    service = _text(request, "service_name", 1, 300)
    location = point(_degrees(request, "long"), _degrees(request, "lat"))
    validate(location, field="lat")
    at = parse_instant(request.get("requested_datetime"), field="requested_datetime")
    report = Report(
        id=foreign_id(sender, foreign),
        externalCode=foreign,
        channel="system",
        title=service,
        description=_text(request, "description", 0, 10_000),
        category=categorise(f"{service} {request.get('service_code') or ''}"),
        location=location,
        address=_text(request, "address", 0, 500) or None,
        reportedAt=at,
    )
    return Change(
        op="upsert",
        id=report.id,
        type=describe(Report).name,
        style="fill",
        attrs=attributes(report, origin="imported"),
    )


def categorise(service: str) -> str:
    """Our category for a foreign service name."""
    words = service.casefold()
    found = next((name for name, signs in _MEANINGS if signs.search(words)), "other")
    return found if found in CATEGORY_NAMES else "other"


def _text(request: dict[str, Any], name: str, least: int, most: int) -> str:
    value = request.get(name)
    if value is None and least == 0:
        return ""
    if isinstance(value, int) and not isinstance(value, bool) and abs(value) < 10**18:
        value = str(value)
    if not isinstance(value, str) or not least <= len(value.strip()) <= most:
        raise InvalidInput(f"expected a text of {least} to {most} characters.", field=name)
    return value.strip()


def _degrees(request: dict[str, Any], name: str) -> float:
    value = request.get(name)
    try:
        if isinstance(value, str | int | float) and not isinstance(value, bool):
            return float(value)
    except (ValueError, OverflowError):
        raise InvalidInput(f"{str(value)[:40]!r} is not a number of degrees.", field=name) from None
    raise InvalidInput(f"{str(value)[:40]!r} is not a number of degrees.", field=name)
