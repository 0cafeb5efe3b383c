"""Alerts: the list, and of each one why it was raised, what the readings were, and what can be done."""

from __future__ import annotations

import secrets
from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Any, Final

from starlette.responses import Response

from province.console import forms, warnings
from province.console.boards import alert_line
from province.console.display import entity_href, show, title_of, unit_symbol
from province.console.entity import actions_of, choices, steps_of
from province.console.lists import names_of, titles_of
from province.console.services import Boards, Reading
from province.console.visit import Visit
from province.errors import NotFound, NotSignedIn, ProvinceError
from province.model.entity import Entity
from province.model.query import Query, Where
from province.model.time import Instant, parse_instant
from province.vocab.alert import OPEN

PAGE: Final = 50
AROUND: Final = timedelta(minutes=30)
"""Readings shown before and after the run that crossed."""
SHOWN: Final = 40
STATES: Final = {"open": OPEN, "cleared": ("cleared",), "closed": ("closed",), "all": ()}


async def alerts(visit: Visit) -> Response:
    """Alerts, the newest first; those that are not over unless another tab is asked for. Strangers: those to them."""
    if visit.session is None:
        if visit.services.signed_alert is None:
            raise NotSignedIn("this needs an account.", remedy="Sign in.")
        return await warnings.warnings(visit)
    wanted = visit.request.query_params.get("state", "open")
    states = STATES.get(wanted, OPEN)
    where = (Where("status", "in", list(states)),) if states else ()
    query = Query(
        types=("Alert",),
        where=where,
        order="-raisedAt",
        after=visit.request.query_params.get("after", ""),
        limit=PAGE,
        count=True,
        latest=False,
    )
    page = await visit.services.broker.query(query, visit.actor)
    lines = [alert_line(visit, e) for e in page.items]
    _ = visit.words
    tabs = [("open", _("Open")), ("cleared", _("Cleared")), ("closed", _("Closed")), ("all", _("all"))]
    values = {
        "alerts": lines,
        "tabs": tabs,
        "state": wanted if wanted in STATES else "open",
        "total": page.total,
        "next": page.next,
        "simulated": any(line["simulated"] for line in lines),
    }
    return visit.page("alerts.html", values)


async def alert(visit: Visit) -> Response:
    """One alert."""
    id = visit.request.path_params["id"]
    found = await visit.services.broker.get(id, visit.actor, type="Alert", latest=False)
    kind = visit.services.broker.types["Alert"]
    words = visit.words
    evidence = found.value("evidence")
    why: Mapping[str, Any] = evidence if isinstance(evidence, Mapping) else {}
    source = await _source(visit, found)
    desk = visit.services.boards
    readings = await _readings(visit, desk, found, why)
    history = await visit.services.broker.history(found.id, visit.actor, attrs=("status", "levelName"), limit=200)
    records = list(history.records)
    names = await visit.services.people(visit.actor, sorted({r.actor for r in records} | _persons(found)))
    specs = [kind.fields[n] for n in ("area", "alertSource")]
    titles = await titles_of(visit, (found,), specs)
    facts = [
        (words.label(kind.fields[n].field.label), show(found.attrs.get(n), words, spec=kind.fields[n], type=kind,
                                                       titles={**titles, **names}))
        for n in ("status", "severity", "urgency", "certainty", "category", "levelName", "area", "alertSource",
                  "raisedAt", "acknowledgedAt", "acknowledgedBy", "acknowledgement", "clearedAt", "closedAt",
                  "closingReason")
        if found.value(n) is not None
    ]  # fmt: skip
    value = found.value("value")
    values = {
        "entity": found,
        "line": alert_line(visit, found),
        "title": title_of(found, kind),
        "facts": [(name, names.get(s.text, s.text) if s.text in names else s.text, s) for name, s in facts],
        "why": why,
        "unit": unit_symbol(why.get("unitCode", "")),
        "value": value if isinstance(value, Mapping) else None,
        "limits": _limits(visit, desk, found, why),
        "hysteresis": why.get("hysteresis"),
        "since": _instant(why.get("since")),
        "at": _instant(why.get("at")),
        "readings": readings[-SHOWN:],
        "silent": await _silent(visit, why),
        "source": source,
        "source_href": entity_href(source.id) if source else "",
        "field": _field(visit, source, why),
        "place": found.value("location"),
        "forms": [
            forms.form_of(a, words, visit.services.bounds, await choices(visit, a)) for a in actions_of(visit, found)
        ],
        "steps": steps_of(visit, kind, records, names, titles),
        "key": secrets.token_hex(16),
        "href": entity_href(found.id),
        "bounds": visit.services.bounds,
    }
    return visit.page("alert.html", values)


async def _source(visit: Visit, found: Entity) -> Entity | None:
    """The sensor, when it still exists and the reader may see it."""
    id = found.value("alertSource")
    if not isinstance(id, str):
        return None
    try:
        return await visit.services.broker.get(id, visit.actor)
    except NotFound:
        return None


async def _readings(visit: Visit, desk: Boards | None, found: Entity, why: Mapping[str, Any]) -> Sequence[Reading]:
    source, attribute = found.value("alertSource"), why.get("attribute")
    since, at = _instant(why.get("since")), _instant(why.get("at"))
    if desk is None or not isinstance(source, str) or not isinstance(attribute, str) or since is None or at is None:
        return ()
    try:
        return await desk.readings(source, attribute, since - AROUND, at + timedelta(seconds=1), visit.actor)
    except ProvinceError:
        return ()


async def _silent(visit: Visit, why: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Name and page of the silent sources that the reader may see."""
    ids = [one for one in why.get("sources") or () if isinstance(one, str)]
    names = await names_of(visit, set(ids))
    return [(names[id], entity_href(id)) for id in ids if id in names]


def _limits(visit: Visit, desk: Boards | None, found: Entity, why: Mapping[str, Any]) -> list[dict[str, Any]]:
    """The levels with their limits, and for each where the limit comes from."""
    at = _instant(why.get("at"))
    level = found.value("level", 0)
    result = []
    for number, one in enumerate(why.get("levels", []), 1):
        name = one.get("name", {})
        source, since = "", ""
        if one.get("parameter") and desk is not None and at is not None:
            constant = desk.constant(str(why.get("rule", "")), one["parameter"], at)
            source = constant.source if constant else one["parameter"]
            since = constant.since if constant else ""
        result.append(
            {
                "name": name.get(visit.language) or name.get("vi", ""),
                "limit": one.get("limit"),
                "source": source,
                "since": since,
                "field": one.get("field", ""),
                "now": number == level,
            }
        )
    return result


def _persons(found: Entity) -> set[str]:
    person = found.value("acknowledgedBy")
    return {person} if isinstance(person, str) else set()


def _instant(text: object) -> Instant | None:
    return parse_instant(text) if isinstance(text, str) else None


def _field(visit: Visit, source: Entity | None, why: Mapping[str, Any]) -> str:
    kind = visit.services.broker.types.get(source.type) if source else None
    spec = kind.fields.get(str(why.get("attribute", ""))) if kind else None
    return visit.words.label(spec.field.label) if spec else str(why.get("attribute", ""))
