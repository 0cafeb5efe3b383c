"""Help that the declarations write: what every type, field, number and step means, where it comes from, how fresh."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

from starlette.responses import Response

from province.console import overview
from province.console.display import unit_symbol
from province.console.language import mark
from province.console.navigation import readable
from province.console.visit import Visit
from province.errors import NotFound
from province.model.schema import EntityType, FieldSpec, describe
from province.pack import Silent

KINDS: Final = {
    "text": mark("text"),
    "number": mark("number"),
    "integer": mark("whole number"),
    "boolean": mark("yes or no"),
    "instant": mark("point in time"),
    "geometry": mark("place or shape"),
    "relationship": mark("link to another entity"),
    "json": mark("structured value"),
}
KEYS: Final = (
    ("/", mark("search everything")),
    ("?", mark("this sheet of keys")),
    ("g o", mark("overview")),
    ("g m", mark("map")),
    ("j k", mark("next and previous row of a list")),
    ("Enter", mark("open the row")),
    ("n", mark("next page of a list")),
    ("Esc", mark("close what is open")),
)
"""What `web/src/keys.ts` listens to."""


@dataclass(frozen=True, slots=True)
class Explained:
    """A field in words. kind: what it may hold.  source: who writes it."""

    name: str
    label: str
    hint: str
    kind: str
    unit: str
    source: str
    options: tuple[str, ...]
    marks: tuple[str, ...]


async def index(visit: Visit) -> Response:
    """What there is, pack by pack: its registers, its numbers with their formulas, its actions; origins; keys."""
    words, services = visit.words, visit.services
    packs: list[dict[str, Any]] = []
    for pack in services.broker.packs:
        types = [t for t in map(describe, pack.types) if readable(services, visit.actor, t.name)]
        numbers = [
            (words.label(i.title), overview.formula(words, i, describe(i.of)), unit_symbol(i.unit))
            for i in pack.indicators
        ]
        actions = [(words.label(a.title), a.needs) for a in pack.actions if a.creates]
        if types or numbers:
            packs.append(
                {
                    "title": words.label(pack.title),
                    "row": pack.row,
                    "types": [(t.name, words.label(t.info.label), t.info.icon) for t in types],
                    "numbers": numbers,
                    "actions": actions,
                }
            )
    shared = [
        (t.name, words.label(t.info.label), t.info.icon)
        for t in services.broker.types.values()
        if not any(t.record in p.types for p in services.broker.packs) and readable(services, visit.actor, t.name)
    ]
    keys = [(k.split(), words(text)) for k, text in KEYS]
    return visit.page("help.html", {"packs": packs, "shared": shared, "keys": keys})


async def of_type(visit: Visit) -> Response:
    """Every field of a type: meaning, unit, source, allowed values; its workflow, numbers and silence."""
    name = visit.request.path_params["type"]
    entity_type = visit.services.broker.types.get(name)
    if entity_type is None or not readable(visit.services, visit.actor, name):
        raise NotFound(f"there is no type {name[:60]!r}.", field="type", remedy="Begin at the help page.")
    words = visit.words
    packs = [p for p in visit.services.broker.packs if entity_type.record in p.types]
    workflow = entity_type.info.workflow
    silences = [
        p.after_s / 60
        for pack in visit.services.broker.packs
        for p in pack.panels
        if isinstance(p, Silent) and p.of is entity_type.record
    ]
    values = {
        "type": entity_type,
        "title": words.label(entity_type.info.label),
        "pack": ", ".join(f"{words.label(p.title)} ({p.row})" for p in packs),
        "fields": [explain(visit, s, entity_type) for s in entity_type.fields.values()],
        "edges": [
            (words.label(workflow.label(e.source)), words.label(workflow.label(e.target)), words.label(e.why))
            for e in workflow.edges
        ]
        if workflow
        else [],
        "silence": words.number(min(silences), 0) if silences else "",
        "numbers": [
            (words.label(i.title), overview.formula(words, i, entity_type), unit_symbol(i.unit))
            for p in visit.services.broker.packs
            for i in p.indicators
            if i.of is entity_type.record
        ],
    }
    return visit.page("help_type.html", values)


def explain(visit: Visit, spec: FieldSpec, entity_type: EntityType) -> Explained:
    """A field in words, from its declaration alone."""
    words, field = visit.words, spec.field
    target = visit.services.broker.types.get(field.ref)
    kind = words(KINDS[spec.value])
    if target is not None:
        kind = f"{kind}: {words.label(target.info.label)}"
    names = dict(field.names)
    workflow = entity_type.info.workflow
    if workflow is not None and workflow.attribute == spec.name:
        names = dict(workflow.names)
    options = tuple(words.label(names[v]) if v in names else v for v in field.values)
    if field.minimum is not None or field.maximum is not None:
        low = "" if field.minimum is None else words.number(field.minimum)
        high = "" if field.maximum is None else words.number(field.maximum)
        options = (*options, f"{low} … {high}".strip())
    marks = [
        words(text)
        for on, text in (
            (field.personal and not field.concealed, mark("personal: seen only with that right")),
            (field.concealed, mark("shown to nobody")),
            (field.public, mark("public")),
            (field.search, mark("searched")),
            (field.indexed, mark("filter and order")),
        )
        if on
    ]
    source = words("machines") if field.observed else words("people and feeds")
    hint = words.label(field.hint) if field.hint else ""
    return Explained(
        spec.name, words.label(field.label), hint, kind, unit_symbol(spec.unit), source, options, tuple(marks)
    )
