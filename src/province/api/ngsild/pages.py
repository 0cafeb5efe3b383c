"""Pages of lists that are counted by position: subscriptions, registrations."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final
from urllib.parse import urlencode

from province.api.ngsild.view import read_accept
from province.api.route import Call, Param
from province.errors import InvalidInput

MAX_LIMIT: Final = 1_000
LIST_PARAMS: Final = (
    Param("limit", f"Members per page, at most {MAX_LIMIT}.", {"type": "integer", "minimum": 0, "maximum": MAX_LIMIT}),
    Param("offset", "Members to skip.", {"type": "integer", "minimum": 0}),
    Param("count", "true: count all into NGSILD-Results-Count.", {"type": "boolean"}),
    Param("options", "sysAttrs: show createdAt and modifiedAt."),
)


@dataclass(frozen=True, slots=True)
class Span:
    """Which members of a list."""

    offset: int
    limit: int
    count: bool


def read_page(call: Call) -> Span:
    """From the parameters. Raises: InvalidInput."""
    count = call.flag("count")
    limit = call.number("limit", 20, most=MAX_LIMIT)
    if limit == 0 and not count:
        raise InvalidInput("limit=0 needs count=true.", field="limit")
    return Span(call.number("offset", 0, most=100_000_000), limit, count)


def page_links(call: Call, span: Span, total: int) -> dict[str, str]:
    """Links to the next and the previous page, and the count if it was asked for."""
    others = {k: v for k, v in call.params.items() if k not in ("offset", "limit")}
    path = call.request.url.path.rstrip("/")
    media = read_accept(call, geo=False)
    links = []

    def link(offset: int, relation: str) -> str:
        found = urlencode({**others, "limit": span.limit, "offset": offset})
        return f'<{path}?{found}>;rel="{relation}";type="{media}"'

    if span.limit and span.offset + span.limit < total:
        links.append(link(span.offset + span.limit, "next"))
    if span.limit and span.offset:
        links.append(link(max(0, span.offset - span.limit), "prev"))
    headers = {"Link": ", ".join(links)} if links else {}
    if span.count:
        headers["NGSILD-Results-Count"] = str(total)
    return headers
