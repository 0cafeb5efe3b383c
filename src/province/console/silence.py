"""Silent devices, grouped by what they share: one gateway that died explains a hundred sensors."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from starlette.responses import Response

from province.console.display import Words, entity_href, plain, title_of
from province.console.door import SilentGroup
from province.console.navigation import readable
from province.console.visit import Visit
from province.model.query import Query
from province.model.schema import FieldSpec
from province.pack import Silent

MEMBERS: Final = 20
GROUPS: Final = 30
CUT: Final = 100
"""So many groups of one field the broker gives at most."""


async def silent(visit: Visit) -> Response:
    """The page: per panel the groups, the largest first."""
    words, types = visit.words, visit.services.broker.types
    sections: list[dict[str, Any]] = []
    for panel in (p for pack in visit.services.broker.packs for p in pack.panels if isinstance(p, Silent)):
        name = panel.of.TYPE.name  # type: ignore[attr-defined]
        if not readable(visit.services, visit.actor, name):
            continue
        groups = list(await visit.services.broker.silent(panel, visit.actor))
        shared = await _names(visit, [str(v) for g in groups for v in g.values if isinstance(v, str)])
        specs = [types[name].fields.get(b) for b in panel.by]
        telling = [g for g in groups if any(v is not None for v in g.values)] or groups[:1]
        telling.sort(key=lambda g: (-g.silent, g.total))
        sections.append(
            {
                "title": words.label(panel.title),
                "hours": words.number(panel.after_s / 3600, 1),
                "groups": [_group(words, g, specs, shared) for g in telling[:GROUPS]],
                "silent": count_of(groups, len(panel.by)),
            }
        )
    sections.sort(key=lambda s: -(s["silent"] or 0 if s["groups"] else -1))
    return visit.page("silent.html", {"sections": sections})


def count_of(groups: Sequence[SilentGroup], fields: int) -> int | None:
    """How many are silent. Every silent entity is in one group of each field, so the groups add up to a multiple.

    None when a field has so many groups that the rest was cut off: then nobody has counted.
    """
    for position in range(fields):
        if sum(g.values[position] is not None for g in groups) >= CUT:
            return None
    return sum(g.silent for g in groups) // fields if fields else sum(g.silent for g in groups)


def _group(
    words: Words, group: SilentGroup, specs: Sequence[FieldSpec | None], shared: Mapping[str, str]
) -> dict[str, Any]:
    values = [
        (words.label(s.field.label) if s else "", shared.get(str(v), "") or plain(v, words, s))
        for s, v in zip(specs, group.values, strict=False)
        if v is not None
    ]
    members = [{"title": m.title, "href": entity_href(m.id), "last": m.last} for m in group.members[:MEMBERS]]
    return {
        "values": values,
        "silent": group.silent,
        "total": group.total,
        "percent": round(100 * group.silent / group.total) if group.total else 0,
        "whole": group.silent == group.total > 1,
        "members": members,
        "more": max(0, group.silent - len(members)),
    }


async def _names(visit: Visit, ids: list[str]) -> dict[str, str]:
    wanted = tuple(sorted({i for i in ids if i.startswith("urn:")}))[:1000]
    if not wanted:
        return {}
    types = visit.services.broker.types
    page = await visit.services.broker.query(Query(ids=wanted, limit=1000, latest=False), visit.actor)
    return {e.id: title_of(e, types.get(e.type)) for e in page.items}
