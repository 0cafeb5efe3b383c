"""Where a number comes from: lake version, files, messages, senders, devices, corrections."""

from __future__ import annotations

from typing import Any
from urllib.parse import quote

import msgspec
from starlette.responses import Response

from province.broker.lineage import Lineage
from province.console.display import entity_href, title_of, unit_symbol
from province.console.visit import Visit
from province.errors import InvalidInput
from province.model.query import Query
from province.model.time import Instant, parse_instant


async def lineage(visit: Visit) -> Response:
    """The page: `entity`, `attr`, `start`, `end` of a series; or `type`, `attr`, `area`, `hour` of an average."""
    found = await _find(visit)
    types = visit.services.broker.types
    entity_type = types[found.type]
    spec = entity_type.fields[found.attribute]
    place = found.entity or found.area
    title = found.devices[0].title if found.entity and found.devices else place
    if not found.devices or found.area:
        page = await visit.services.broker.query(Query(ids=(place,), limit=1, latest=False), visit.actor)
        title = title_of(page.items[0], types.get(page.items[0].type)) if page.items else place
    values: dict[str, Any] = {
        "found": found,
        "title": title,
        "place": entity_href(place),
        "label": visit.words.label(spec.field.label),
        "type_label": visit.words.label(entity_type.info.label),
        "unit": unit_symbol(found.unit),
        "devices": [
            {"one": d, "href": entity_href(d.id), "readings": f"/readings/{quote(d.id, safe=':')}/{found.attribute}"}
            for d in found.devices
        ],
        "json": "/lineage.json?" + str(visit.request.url.query),
    }
    return visit.page("lineage.html", values)


async def as_json(visit: Visit) -> Response:
    """The same for programs."""
    found = await _find(visit)
    body = {**msgspec.to_builtins(found), "agrees": found.agrees}
    return Response(msgspec.json.encode(body), media_type="application/json")


async def _find(visit: Visit) -> Lineage:
    given = visit.request.query_params
    attr = given.get("attr", "")
    if entity := given.get("entity", ""):
        start, end = _instant(visit, "start"), _instant(visit, "end")
        return await visit.services.keeping.of_series(entity, attr, visit.actor, start, end)
    if area := given.get("area", ""):
        type = given.get("type", "")
        return await visit.services.keeping.of_area(type, attr, area, visit.actor, _instant(visit, "hour"))
    raise InvalidInput(
        "it is not said of what.", field="entity", remedy="Give entity, attr, start, end; or type, attr, area, hour."
    )


def _instant(visit: Visit, name: str) -> Instant:
    return parse_instant(visit.request.query_params.get(name, "").replace(" ", "+"), field=name)
