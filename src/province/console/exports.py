"""The list on the screen as a file: the same filters, the reader's rights."""

from __future__ import annotations

from urllib.parse import quote

from starlette.responses import Response, StreamingResponse

from province.adapters.tables.exports import read_name
from province.console import filters
from province.console.lists import panel_of
from province.console.visit import Visit
from province.errors import Unsupported
from province.model.query import Query


async def export(visit: Visit) -> Response:
    """`/export/Road.csv?…` with the filters of `/list/Road?…`."""
    service = visit.services.exports
    if service is None:
        raise Unsupported("exports are not offered here.")
    name, format = read_name(visit.request.path_params["file"])
    panel = panel_of(visit, name)
    entity_type = visit.services.broker.types[name]
    params = visit.request.query_params
    given = filters.controls(entity_type, params, visit.words)
    query = Query(
        where=(*panel.where, *filters.terms(entity_type, given)), text=params.get("q", "").strip(), order="id"
    )
    sent = await service.export(
        name, format, query, visit.actor, purpose=params.get("purpose", ""), language=visit.language, bom=True
    )
    headers = {"Content-Disposition": f"attachment; filename*=UTF-8''{quote(sent.name, safe='')}"}
    return StreamingResponse(sent.chunks, 200, headers, sent.media_type)
