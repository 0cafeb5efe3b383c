"""The readings of one attribute as they came, with what people said about them, and the form to correct them."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any, Final
from urllib.parse import quote

from starlette.responses import Response

from province.console.display import entity_href, title_of, unit_symbol
from province.console.series import RANGES
from province.console.signin import problem
from province.console.visit import Visit
from province.errors import InvalidInput, NotFound, ProvinceError
from province.history.correction import KINDS
from province.model.schema import FieldSpec
from province.model.time import CIVIL_ZONE, Instant, format_instant, now, parse_instant

SHOWN: Final = 200


async def readings(visit: Visit) -> Response:
    """The page."""
    return await _show(visit)


async def correct(visit: Visit) -> Response:
    """Carry out the form."""
    id, attr = visit.request.path_params["entity"], visit.request.path_params["attr"]
    _, spec = await _subject(visit)
    try:
        kind = visit.text("kind")
        if kind not in KINDS:
            raise InvalidInput(f"{kind[:20]!r} is no kind of correction.", field="kind")
        at = _instant(visit.text("at"), "at")
        until = _instant(visit.text("until"), "until") if visit.text("until") else None
        await visit.services.keeping.correct(
            id, attr, visit.actor, kind=kind, at=at, until=until,
            dataset=visit.text("dataset"), value=_value(visit.text("value"), spec) if kind == "value" else None,
            reason=visit.text("reason"),
        )  # fmt: skip
    except ProvinceError as error:
        return await _show(visit, error)
    return visit.see(_href(id, attr), range=_range(visit), done="yes")


async def _show(visit: Visit, error: ProvinceError | None = None) -> Response:
    id, attr = visit.request.path_params["entity"], visit.request.path_params["attr"]
    entity, spec = await _subject(visit)
    chosen, keeping = _range(visit), visit.services.keeping
    end = now()
    given = visit.request.query_params.get("until", "")
    end = parse_instant(given.replace(" ", "+"), field="until") if given else end + timedelta(minutes=5)
    start = end - RANGES[chosen]
    rows = await keeping.readings(id, attr, visit.actor, start, end, SHOWN)
    said = await keeping.said(id, visit.actor, attr)
    entity_type = visit.services.broker.types.get(entity.type)
    values: dict[str, Any] = {
        "title": title_of(entity, entity_type),
        "entity": entity_href(id),
        "label": visit.words.label(spec.field.label),
        "unit": unit_symbol(spec.unit),
        "rows": rows,
        "most": SHOWN,
        "said": said,
        "range": chosen,
        "ranges": list(RANGES),
        "href": _href(id, attr),
        "lineage": f"/lineage?entity={quote(id)}&attr={quote(attr)}&start={_text(start)}&end={_text(end)}",
        "at": visit.text("at") if visit.form is not None else visit.request.query_params.get("at", ""),
        "given": {n: visit.text(n) for n in ("kind", "until", "value", "reason", "dataset")} if visit.form else {},
        "may_correct": await keeping.may_correct(id, visit.actor),
        "problem": problem(visit, error) if error is not None else None,
        "done": "done" in visit.request.query_params,
        "number": spec.value in ("number", "integer"),
    }
    status = visit.services.status(error) if error is not None else 200
    return visit.page("readings.html", values, status=status)


async def _subject(visit: Visit) -> tuple[Any, FieldSpec]:
    id, attr = visit.request.path_params["entity"], visit.request.path_params["attr"]
    entity = await visit.services.broker.get(id, visit.actor)
    entity_type = visit.services.broker.types.get(entity.type)
    spec = entity_type.fields.get(attr) if entity_type else None
    if spec is None or not spec.field.observed:
        raise NotFound(f"{entity.type} has no observed attribute {attr[:60]!r}.", field="attr")
    return entity, spec


def _range(visit: Visit) -> str:
    wanted = visit.request.query_params.get("range", "24h")
    if wanted not in RANGES:
        raise InvalidInput(f"{wanted[:20]!r} is not a range.", field="range", remedy=f"One of: {', '.join(RANGES)}.")
    return wanted


def _instant(text: str, field: str) -> Instant:
    """An instant with its offset, or the civil time of a form."""
    if text and "+" not in text and "Z" not in text:
        try:
            return datetime.fromisoformat(text).replace(tzinfo=CIVIL_ZONE)
        except ValueError:
            pass
    return parse_instant(text, field=field)


def _value(text: str, spec: FieldSpec) -> Any:
    if spec.value in ("number", "integer"):
        try:
            return float(text.replace(",", "."))
        except ValueError:
            raise InvalidInput(f"{text[:40]!r} is not a number.", field="value") from None
    if spec.value == "boolean":
        return {"true": True, "false": False}.get(text.lower(), text)
    return text


def _href(id: str, attr: str) -> str:
    return f"/readings/{quote(id, safe=':')}/{quote(attr)}"


def _text(at: Instant) -> str:
    return quote(format_instant(at))
