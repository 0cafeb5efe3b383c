"""Registers: a page of entities of one type, with columns from the pack's panel, filters, search and keyset pages."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final
from urllib.parse import urlencode

from starlette.responses import Response

from province.console import filters
from province.console.display import FLAGGED, Shown, Words, entity_href, show, title_of
from province.console.navigation import panels, readable
from province.console.visit import Visit
from province.errors import NotFound, NotSignedIn
from province.model.entity import Entity
from province.model.qlanguage import Term
from province.model.query import Query, Where
from province.model.schema import EntityType, FieldSpec
from province.pack import Action, Table
from province.vocab.area import parse_day

PAGE_SIZE: Final = 50


@dataclass(frozen=True, slots=True)
class Column:
    """A column. order: value of `sort` that a click on its head asks for, or "".  direction: `aria-sort`."""

    name: str
    label: str
    number: bool
    order: str
    direction: str


@dataclass(frozen=True, slots=True)
class Row:
    """An entity of the list. origin: simulated, estimated or forecast, when all of its values are; said once then."""

    href: str
    title: str
    values: tuple[Shown, ...]
    origin: str = ""
    id: str = ""


@dataclass(frozen=True, slots=True)
class Tab:
    """A value of the panel's group field, with its count when counts were asked for."""

    text: str
    href: str
    current: bool
    count: str


def offered(visit: Visit) -> list[Action]:
    """The actions that make something new and that this person may carry out somewhere; public ones have own pages."""
    if visit.session is None:
        return []
    return [
        action
        for pack in visit.services.broker.packs
        for action in pack.actions
        if action.creates and not action.public and visit.services.may(visit.actor, action.needs)
    ]


def ticked(visit: Visit, type_name: str) -> list[Action]:
    """Actions on one entity of a type that this person may carry out somewhere, and so for several that are ticked."""
    if visit.session is None:
        return []
    return [
        action
        for pack in visit.services.broker.packs
        for action in pack.actions
        if not action.creates
        and not action.public
        and not action.files
        and action.record.TYPE.name == type_name  # type: ignore[attr-defined]
        and visit.services.may(visit.actor, action.needs)
    ]


def panel_of(visit: Visit, name: str) -> Table:
    """The table of a type: the pack's panel, or one made from its declaration. Raises: NotFound, NotSignedIn."""
    entity_type = visit.services.broker.types.get(name)
    if entity_type is None:
        raise NotFound(f"there is no register {name[:60]!r}.", field="type", remedy="Choose one from the menu.")
    if visit.session is None and not entity_type.info.public:
        raise NotSignedIn("this register is not public.", remedy="Sign in.")
    if not readable(visit.services, visit.actor, name):
        raise NotFound(f"there is no register {name[:60]!r}.", field="type", remedy="Choose one from the menu.")
    for panel in panels(visit.services.broker.packs):
        if isinstance(panel, Table) and panel.of.TYPE.name == name:  # type: ignore[attr-defined]
            return panel
    return Table(entity_type.record, entity_type.info.label)


def columns_of(panel: Table, entity_type: EntityType, chosen: Sequence[str] = ()) -> list[FieldSpec]:
    """The columns that the reader chose, in declared order; else the panel's; else title, then indexed fields."""
    if chosen:
        wanted = {*chosen, entity_type.info.title}
        return [s for s in choosable(entity_type) if s.name in wanted]
    names = panel.columns or tuple(
        dict.fromkeys(
            (
                *((entity_type.info.title,) if entity_type.info.title else ()),
                *(s.name for s in entity_type.fields.values() if s.field.indexed and not s.field.personal),
            )
        )
    )
    return [entity_type.fields[n] for n in names if n in entity_type.fields]


def choosable(entity_type: EntityType) -> list[FieldSpec]:
    """Fields that may be a column: those that read well in one line."""
    return [s for s in entity_type.fields.values() if s.value not in ("geometry", "json") and not s.field.personal]


async def entities(visit: Visit) -> Response:
    """The page."""
    name = visit.request.path_params["type"]
    panel = panel_of(visit, name)
    entity_type = visit.services.broker.types[name]
    params, words = visit.request.query_params, visit.words
    given = filters.controls(entity_type, params, words)
    named = await names_of(visit, {c.value for c in given if c.ref and c.value})
    given = [replace(c, shown=named.get(c.value, c.value)) if c.ref else c for c in given]
    order = params.get("sort", "") or "-modified"
    query = Query(
        types=(name,),
        area=await _inside(visit, given),
        where=(*panel.where, *filters.terms(entity_type, given)),
        text=params.get("q", "").strip(),
        order=order,
        after=params.get("after", ""),
        limit=PAGE_SIZE,
        count=params.get("count") == "1",
    )
    page = await visit.services.broker.query(query, visit.actor)
    chosen = params.getlist("col")
    specs = columns_of(panel, entity_type, chosen)
    titles = await titles_of(visit, page.items, specs)
    rows = [_row(entity, entity_type, specs, words, titles) for entity in page.items]
    kept = [(k, v) for k, v in params.multi_items() if v and k not in ("after", "count")]
    values = {
        "type": entity_type,
        "title": words.label(panel.title),
        "columns": [_column(s, entity_type, order, kept, words) for s in specs],
        "title_column": next((i for i, s in enumerate(specs) if s.name == entity_type.info.title), -1),
        "rows": rows,
        "choices": [
            (s.name, words.label(s.field.label), s in specs)
            for s in choosable(entity_type)
            if s.name != entity_type.info.title
        ],
        "chosen": chosen,
        "controls": given,
        "active": sum(c.active for c in given) + bool(query.text),
        "q": query.text,
        "order": order,
        "orders": _orders(entity_type, words),
        "tabs": await _tabs(visit, panel, entity_type, query, kept),
        "total": page.total,
        "views": await visit.services.views.list(visit.actor, name) if visit.session else (),
        "asked": urlencode(kept),
        "first_href": _href(name, kept),
        "next_href": _href(name, [*kept, ("after", page.next)]) if page.next else "",
        "count_href": _href(name, [*kept, ("count", "1")]),
        "paged": bool(query.after),
        "simulated": any(v.origin == "simulated" for r in rows for v in r.values),
        "has_map": bool(entity_type.info.place),
        "bulk": [(a.name, words.label(a.title)) for a in ticked(visit, name)],
        "creates": [(a.name, words.label(a.title)) for a in offered(visit) if a.record is entity_type.record],
    }
    return visit.page("list.html", values)


async def _inside(visit: Visit, given: Sequence[filters.Control]) -> tuple[str, ...]:
    """What entities inside the asked unit are stamped with, on the map of the asked day; nothing: everywhere."""
    asked = {c.name: c.value for c in given}
    area, day = asked.get(filters.WITHIN, ""), asked.get(filters.MAP, "")
    if not area or visit.services.land is None:
        return ()
    on = parse_day(day, field=filters.MAP) if day else ""
    return tuple(await visit.services.land.stamps(area, on, visit.actor)) or (area,)


async def titles_of(visit: Visit, items: tuple[Entity, ...], specs: list[FieldSpec]) -> dict[str, str]:
    """Names of the entities that relationships of these columns point to, as far as the reader may see them."""
    return await names_of(
        visit, {v for e in items for s in specs if s.kind == "Relationship" for v in targets(e.value(s.name))}
    )


async def names_of(visit: Visit, ids: set[str]) -> dict[str, str]:
    """Names by id, of those that the reader may see."""
    if not ids:
        return {}
    types = visit.services.broker.types
    found = await visit.services.broker.query(
        Query(ids=tuple(sorted(ids))[:1000], limit=1000, latest=False), visit.actor
    )
    return {e.id: title_of(e, types.get(e.type)) for e in found.items}


def targets(value: object) -> list[str]:
    """What a relationship's value points to: one id, or several."""
    found = value if isinstance(value, list) else [value]
    return [v for v in found if isinstance(v, str)]


def _row(entity: Entity, entity_type: EntityType, specs: list[FieldSpec], words: Words, titles: dict[str, str]) -> Row:
    values = tuple(show(entity.attrs.get(s.name), words, spec=s, type=entity_type, titles=titles) for s in specs)
    origins = {v.origin for v in values if v.text}
    origin = next(iter(origins)) if len(origins) == 1 and origins <= FLAGGED else ""
    return Row(entity_href(entity.id), title_of(entity, entity_type), values, origin, entity.id)


def _column(spec: FieldSpec, entity_type: EntityType, order: str, kept: list[tuple[str, str]], words: Words) -> Column:
    sortable = spec.field.indexed and not spec.field.observed and not spec.many
    name = "name" if spec.name == entity_type.info.title else spec.name
    direction = {name: "ascending", f"-{name}": "descending"}.get(order, "none")
    href = ""
    if sortable:
        wanted = f"-{name}" if direction == "ascending" else name
        href = _href(entity_type.name, [(k, v) for k, v in kept if k != "sort"] + [("sort", wanted)])
    number = spec.value in ("number", "integer")
    return Column(spec.name, words.label(spec.field.label), number, href, direction if sortable else "")


def _orders(entity_type: EntityType, words: Words) -> list[tuple[str, str]]:
    found = [("-modified", words("newest change first")), ("name", words("name"))]
    found += [
        (s.name, words.label(s.field.label))
        for s in entity_type.fields.values()
        if s.field.indexed and not s.field.observed and not s.many and s.name != entity_type.info.title
    ]
    return found


async def _tabs(
    visit: Visit, panel: Table, entity_type: EntityType, query: Query, kept: list[tuple[str, str]]
) -> list[Tab]:
    spec = entity_type.fields.get(panel.group) if panel.group else None
    if spec is None:
        return []
    rest = [(k, v) for k, v in kept if k != panel.group]
    current = dict(kept).get(panel.group, "")
    where = tuple(w for w in query.where if not isinstance(w, Where) or w.name != panel.group)
    result = [Tab(visit.words("all"), _href(entity_type.name, rest), not current, "")]
    for value, text in filters.options_of(spec, entity_type, visit.words):
        count = ""
        if query.count:
            asked = Where(panel.group, "==", value == "true" if spec.value == "boolean" else value)
            counted = _counted(query, where=(*where, asked))
            total = (await visit.services.broker.query(counted, visit.actor)).total
            count = "" if total is None else visit.words.number(total, 0)
        href = _href(entity_type.name, [*rest, (panel.group, value)])
        result.append(Tab(text, href, value == current, count))
    return result


def _counted(query: Query, *, where: tuple[Term, ...]) -> Query:
    """The same question with other conditions, counted only."""
    return Query(types=query.types, where=where, text=query.text, limit=0, count=True, latest=False)


def _href(name: str, pairs: list[tuple[str, str]]) -> str:
    return f"/list/{name}" + (f"?{urlencode(pairs)}" if pairs else "")
