"""`/api/export/TYPE.FORMAT`: what a query answers, as a file."""

from __future__ import annotations

from typing import Final
from urllib.parse import quote

from starlette.responses import Response, StreamingResponse

from province.adapters.tables.exports import FORMATS, Sent, read_name
from province.api.ngsild.question import read_pattern
from province.api.route import Call, Param, Route, path_id
from province.errors import InvalidInput, NotAllowed, NotFound, Unsupported
from province.model.qlanguage import parse_q
from province.model.query import Query


async def export(call: Call) -> Response:
    """All entities that match, in one file, with the caller's rights."""
    service = call.services.exports
    if service is None:
        raise Unsupported("exports are not offered here.")
    type_name, format = read_name(path_id(call, "file"))
    language = call.text("labels")
    if language not in ("", "vi", "en"):
        raise InvalidInput(f"{language[:20]!r} is no language.", field="labels", remedy="vi or en.")
    query = Query(
        where=tuple(parse_q(call.text("q"))) if call.text("q") else (),
        id_pattern=read_pattern(call.text("idPattern"), "idPattern") if call.text("idPattern") else "",
        text=call.text("text"),
        order=call.text("orderBy", "id"),
    )
    sent = await service.export(
        type_name, format, query, call.actor, purpose=call.text("purpose"), language=language, bom=call.flag("bom")
    )
    return answer(sent)


def answer(sent: Sent) -> Response:
    """A file as an attachment that no browser runs."""
    headers = {
        "Content-Disposition": f"attachment; filename*=UTF-8''{quote(sent.name, safe='')}",
        "X-Content-Type-Options": "nosniff",
        "Cache-Control": "no-store",
    }
    return StreamingResponse(sent.chunks, 200, headers, sent.media_type)


ROUTES: Final[tuple[Route, ...]] = (
    Route("GET", "/api/export/{file}", "exports.export", f"Export entities of a type ({', '.join(FORMATS)}).", export,
          "Exports",
          (Param("file", "Type and format, such as Road.csv.", {"type": "string"}, "path", True),
           Param("q", 'Conditions on attributes, such as `kind=="ring"`.'), Param("text", "Words to find."),
           Param("idPattern", "Regular expression that the id must match."),
           Param("orderBy", "`id`, `-modified`, `name`, or an indexed attribute."),
           Param("purpose", "What the export is for; needed where personal fields are in it."),
           Param("labels", "Language of the column titles: vi or en; empty: names of fields."),
           Param("bom", "Begin CSV with a byte order mark, for Excel.", {"type": "boolean"})),
          answers={200: ("The file.", None)}, errors=(NotFound, NotAllowed, Unsupported), signed_in=True),
)  # fmt: skip
