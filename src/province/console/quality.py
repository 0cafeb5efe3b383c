"""Data quality: a score per source with its formula and inputs, down to the readings, letters and devices."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final
from urllib.parse import quote

from starlette.responses import Response

from province.broker.quality import Source
from province.broker.score import WEIGHTS
from province.console.display import entity_href
from province.console.language import mark
from province.console.visit import Visit
from province.errors import InvalidInput, NotFound
from province.model.time import parse_instant

PAGE: Final = 50
GOOD: Final = 90.0
FAIR: Final = 60.0
NAMES: Final[Mapping[str, str]] = {
    "missing": mark("Missing readings"),
    "rejected": mark("Refused readings"),
    "stuck": mark("Stuck values"),
    "late": mark("Late readings"),
    "clock": mark("Clock errors"),
}
FRACTIONS: Final[Mapping[str, str]] = {
    "missing": mark("missing ÷ expected by the usual pause"),
    "rejected": mark("refused ÷ (refused + received)"),
    "stuck": mark("readings in long runs of one number ÷ received"),
    "late": mark("came over an hour after they were measured ÷ received"),
    "clock": mark("measured after they came, or refused for their time ÷ all"),
}


async def quality(visit: Visit) -> Response:
    """The page: figures per type of device and of the senders."""
    types = visit.services.broker.types
    rows = []
    for one in await visit.services.keeping.summary(visit.actor):
        label = visit.words.label(types[one.type].info.label) if one.type in types else visit.words("Senders")
        rows.append({"label": label, "href": _list_href(one.kind, one.type), "one": one, "tone": tone(one.mean)})
    return visit.page("quality.html", {"rows": rows, "formula": _formula(visit)})


async def sources(visit: Visit) -> Response:
    """The sources of a kind, the worst first."""
    kind, type = _kind(visit), visit.request.query_params.get("type", "")
    number = _page(visit)
    found, more = await visit.services.keeping.worst(visit.actor, kind, type, PAGE, PAGE * number)
    types = visit.services.broker.types
    label = visit.words.label(types[type].info.label) if type in types else visit.words("Senders")
    rows = [
        {
            "title": one.title or one.source,
            "source": one.source,
            "href": f"/quality/{kind}/{quote(one.source, safe=':')}",
            "score": one.score,
            "tone": tone(one.score),
            "shares": [one.shares.get(name) for name in WEIGHTS],
            "silent": one.inputs.get("silent", False),
            "last": _last(one),
        }
        for one in found
    ]
    values = {
        "label": label, "rows": rows, "names": [visit.words(n) for n in NAMES.values()], "number": number,
        "before": f"{_list_href(kind, type)}&page={number - 1}" if number else "",
        "next": f"{_list_href(kind, type)}&page={number + 1}" if more else "",
    }  # fmt: skip
    return visit.page("quality_sources.html", values)


async def source(visit: Visit) -> Response:
    """One source: how its score came about, and where to look."""
    kind, id = _kind(visit), visit.request.path_params["source"]
    one = await visit.services.keeping.source(visit.actor, kind, id)
    known = [name for name in WEIGHTS if name in one.shares]
    total = sum(WEIGHTS[name] for name in known)
    shares = [
        {
            "name": visit.words(NAMES[name]),
            "fraction": visit.words(FRACTIONS[name]),
            "share": one.shares.get(name),
            "weight": WEIGHTS[name] / total if name in one.shares else None,
            "lost": 100 * one.shares[name] * WEIGHTS[name] / total if name in one.shares else None,
        }
        for name in WEIGHTS
    ]
    entity_type = visit.services.broker.types.get(one.type)
    attributes = [
        {"label": visit.words.label(spec.field.label), "href": f"/readings/{quote(id, safe=':')}/{spec.name}"}
        for spec in (entity_type.observed if entity_type and kind == "device" else ())
    ]
    values = {
        "one": one,
        "title": one.title or one.source,
        "label": visit.words.label(entity_type.info.label) if entity_type else visit.words("Senders"),
        "back": _list_href(kind, one.type),
        "tone": tone(one.score),
        "shares": shares,
        "inputs": one.inputs,
        "last": _last(one),
        "attributes": attributes,
        "entity": entity_href(id) if kind == "device" else "",
        "formula": _formula(visit),
    }
    return visit.page("quality_source.html", values)


def tone(score: float | None) -> str:
    """Colour of a score's badge; the number stands beside it."""
    if score is None:
        return ""
    return "good" if score >= GOOD else "warn" if score >= FAIR else "bad"


def _formula(visit: Visit) -> list[dict[str, Any]]:
    return [
        {"name": visit.words(NAMES[n]), "fraction": visit.words(FRACTIONS[n]), "weight": w} for n, w in WEIGHTS.items()
    ]


def _kind(visit: Visit) -> Any:
    kind = visit.request.path_params["kind"]
    if kind not in ("device", "sender"):
        raise NotFound(f"there are no sources of kind {kind[:20]!r}.")
    return kind


def _page(visit: Visit) -> int:
    given = visit.request.query_params.get("page", "0")
    if not given.isdecimal() or len(given) > 6:
        raise InvalidInput(f"{given[:20]!r} is no page.", field="page")
    return int(given)


def _list_href(kind: str, type: str) -> str:
    return f"/quality/{kind}?type={quote(type)}"


def _last(one: Source) -> Any:
    given = one.inputs.get("last")
    return parse_instant(given) if given else None
