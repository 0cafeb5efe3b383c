"""Silent devices, grouped by what they share: one gateway that died explains a hundred sensors."""

from __future__ import annotations

from typing import Final

from starlette.responses import Response

from province.console.display import entity_href, plain, title_of
from province.console.navigation import readable
from province.console.visit import Visit
from province.model.query import Query
from province.pack import Silent

MEMBERS: Final = 20


async def silent(visit: Visit) -> Response:
    """The page: per panel the groups, the largest first."""
    words, types = visit.words, visit.services.broker.types
    sections = []
    for panel in (p for pack in visit.services.broker.packs for p in pack.panels if isinstance(p, Silent)):
        name = panel.of.TYPE.name  # type: ignore[attr-defined]
        if not readable(visit.services, visit.actor, name):
            continue
        groups = sorted(await visit.services.broker.silent(panel, visit.actor), key=lambda g: -g.silent)
        shared = await _names(visit, [str(v) for g in groups for v in g.values if isinstance(v, str)])
        specs = [types[name].fields[b] for b in panel.by if b in types[name].fields]
        rows = [
            {
                "values": [
                    (words.label(s.field.label), shared.get(v, "") or plain(v, words, s))
                    for s, v in zip(specs, g.values, strict=False)
                    if v is not None
                ],
                "silent": g.silent,
                "total": g.total,
                "percent": round(100 * g.silent / g.total) if g.total else 0,
                "members": [{"title": m.title, "href": entity_href(m.id), "last": m.last} for m in g.members[:MEMBERS]],
                "more": max(0, g.silent - MEMBERS),
            }
            for g in groups
        ]
        sections.append(
            {
                "title": words.label(panel.title),
                "hours": words.number(panel.after_s / 3600, 1),
                "groups": rows,
                "silent": sum(g.silent for g in groups),
            }
        )
    sections.sort(key=lambda s: -s["silent"])  # type: ignore[operator]
    return visit.page("silent.html", {"sections": sections})


async def _names(visit: Visit, ids: list[str]) -> dict[str, str]:
    wanted = tuple(sorted({i for i in ids if i.startswith("urn:")}))[:1000]
    if not wanted:
        return {}
    types = visit.services.broker.types
    page = await visit.services.broker.query(Query(ids=wanted, limit=1000, latest=False), visit.actor)
    return {e.id: title_of(e, types.get(e.type)) for e in page.items}
