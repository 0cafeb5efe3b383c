"""One entity: state and what can be done, attributes with their provenance, charts, place, files and history."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, get_origin
from urllib.parse import urlencode

from starlette.responses import Response

from province.broker.actions import inputs_of
from province.console import forms, uploads
from province.console.display import FLAGGED, Shown, entity_href, file_hashes, plain, show, title_of
from province.console.door import Instance
from province.console.lists import names_of, targets
from province.console.navigation import readable
from province.console.series import RANGES
from province.console.signin import Problem, problem
from province.console.visit import Visit
from province.console.work import is_case
from province.errors import AlreadyExists, Conflict, InvalidInput, NotAllowed, NotFound, NotSignedIn, TooLarge
from province.model.entity import Entity, split_key
from province.model.query import Query, Where
from province.model.schema import EntityType, FieldSpec
from province.model.text import fold
from province.model.time import Instant
from province.pack import Action, Notice
from province.vocab.area import LOCAL

ALERT: Final = "Alert"
STUDY: Final = "Study"
INCIDENTS: Final = ("Incident", "IncidentTask")
HISTORY: Final = 200
CHOICES: Final = 25
"""An input that names another entity is a list to choose from up to this many; beyond, names are typed and found."""
MANY: Final = 300
"""The same for an input that names several, each with a box to tick: a province has fewer wards and communes."""
RELATED: Final = 6
"""Entities that point here, of each kind; the register shows the rest."""


@dataclass(frozen=True, slots=True)
class Line:
    """One attribute. writer: who wrote it last, "" for readings of machines.  observed: measured, not written."""

    name: str
    label: str
    shown: Shown
    writer: str
    observed: bool
    dataset: str
    link: bool = False
    hint: str = ""


@dataclass(frozen=True, slots=True)
class Step:
    """One line of the history."""

    at: Instant
    who: str
    label: str
    text: str
    removed: bool
    note: str


async def entity(visit: Visit) -> Response:
    """The page."""
    found = await visit.services.broker.get(visit.request.path_params["id"], visit.actor)
    if found.type == ALERT and visit.session is not None and "whole" not in visit.request.query_params:
        return visit.see(f"/alerts/{found.id}")  # where it says why
    if found.type in INCIDENTS and visit.session is not None and "whole" not in visit.request.query_params:
        whose = found.id if found.type == "Incident" else found.value("incident")
        return visit.see(f"/incidents/{whose}")  # where everything about it is done
    if found.type == STUDY and visit.session is not None and "whole" not in visit.request.query_params:
        return visit.see(f"/studies/{found.id}")
    return await render(visit, found)


async def render(
    visit: Visit,
    found: Entity,
    *,
    failed: str = "",
    wrong: Problem | None = None,
    given: Mapping[str, str] | None = None,
    answers: Sequence[Notice] = (),
    status: int = 200,
) -> Response:
    """The page of an entity.

    failed: name of the action whose form is shown again with what was typed.  answers: of an action, for its caller
    alone; they stand on this one page.
    """
    services, words = visit.services, visit.words
    entity_type = services.broker.types.get(found.type)
    specs = list(entity_type.fields.values()) if entity_type else []
    only = visit.request.query_params.get("attr", "")
    records, titles, related = await asyncio.gather(
        past_of(visit, found, entity_type, only), names_around(visit, found, specs), related_to(visit, found)
    )
    names = await writers_of(visit, found, entity_type, records)
    workflow = entity_type.info.workflow if entity_type else None
    state = found.value(workflow.attribute) if workflow else None
    place = found.value(entity_type.info.place if entity_type and entity_type.info.place else "location")
    wanted = visit.request.query_params.get("range", "24h")
    lines = lines_of(visit, found, entity_type, records, names, titles)
    known = [x for x in lines if x.shown.text]
    origins = {x.shown.origin for x in known}
    offered = actions_of(visit, found)
    options = await asyncio.gather(*(choices(visit, a) for a in offered))
    values = {
        "entity": found,
        "title": title_of(found, entity_type),
        "type_label": words.label(entity_type.info.label) if entity_type else found.type,
        "icon": entity_type.info.icon if entity_type else "dot",
        "declared": entity_type is not None,
        "in_menu": entity_type is not None and readable(services, visit.actor, found.type),
        "state": words.label(workflow.label(state)) if workflow and state in workflow.states else "",
        # Said once at the head when it holds for everything below.
        "origin": next(iter(origins)) if len(origins) == 1 and origins <= FLAGGED else "",
        "agency": titles.get(found.agency or "", found.agency or ""),
        "groups": grouped(visit, known),
        "unknown": [x.label for x in lines if not x.shown.text],
        "charts": [
            {"name": s.name, "label": words.label(s.field.label), "shown": show(found.attrs[s.name], words, spec=s)}
            for s in specs
            if s.field.observed and s.value in ("number", "integer") and s.name in found.attrs
        ],
        "ranges": list(RANGES),
        "range": wanted if wanted in RANGES else "24h",
        "place": place,
        "bounds": services.bounds,
        "steps": steps_of(visit, entity_type, records, names, titles),
        "knows_who": bool(names),
        "only": next((x.label for x in lines if x.name == only), ""),
        "truncated": len(records) >= HISTORY,
        "forms": [
            (forms.form_of(a, words, services.bounds, o), is_final(a, entity_type))
            for a, o in zip(offered, options, strict=True)
        ],
        "failed": failed,
        "problem": wrong,
        "given": given or {},
        "key": secrets.token_hex(16),
        "files": file_hashes(found, services.file_fields),
        "related": related,
        "answers": answers,
        "done": visit.request.query_params.get("done", ""),
        "href": entity_href(found.id),
    }
    return visit.page("entity.html", values, status=status)


async def writers_of(
    visit: Visit, found: Entity, entity_type: EntityType | None, records: Sequence[Instance]
) -> Mapping[str, str]:
    """Names, or else ids, of those who wrote: for who reads the entity by right.

    The public sees whose record it is, not which account wrote it.
    """
    noun = entity_type.noun if entity_type else "entity"
    if not visit.services.may(visit.actor, f"{noun}.read"):
        return {}
    ids = sorted({r.actor for r in records})
    return {id: id for id in ids} | dict(await visit.services.people(visit.actor, ids))


async def past_of(visit: Visit, found: Entity, entity_type: EntityType | None, only: str) -> list[Instance]:
    """The history of the record, or of one attribute. Readings have their charts: no look into the lake for them."""
    written = {split_key(key)[0] for key in found.attrs}
    if entity_type is not None:
        written |= {s.name for s in entity_type.fields.values()}
        written -= {s.name for s in entity_type.observed}
    attrs = [only] if only in written else sorted(written)
    history = await visit.services.broker.history(found.id, visit.actor, attrs=attrs, limit=HISTORY)
    return list(history.records)


async def names_around(visit: Visit, found: Entity, specs: Sequence[FieldSpec]) -> dict[str, str]:
    """Names of everything that the entity points to, and of its owner, in one question."""
    ids = {v for s in specs if s.kind == "Relationship" for v in targets(found.value(s.name))}
    if found.agency:
        ids.add(found.agency)
    return await names_of(visit, ids)


def grouped(visit: Visit, lines: Sequence[Line]) -> list[tuple[str, list[Line]]]:
    """What machines measure first: it is what people come for. Then what was written, then what it is linked to."""
    words = visit.words
    groups = (
        (words("Measured"), [x for x in lines if x.observed]),
        (words("Written"), [x for x in lines if not x.observed and not x.link]),
        (words("Linked to"), [x for x in lines if not x.observed and x.link]),
    )
    return [(title, found) for title, found in groups if found]


@dataclass(frozen=True, slots=True)
class Related:
    """Entities of one type that point here through one field. more: address of the rest, or ""."""

    title: str
    label: str
    icon: str
    members: tuple[tuple[str, str], ...]
    more: str


async def related_to(visit: Visit, found: Entity) -> list[Related]:
    """Who points to this entity, through every indexed relationship that the reader may look through."""
    types = visit.services.broker.types
    found_type = types.get(found.type)
    named = {found.type, "Case"} if found_type is not None and is_case(found_type) else {found.type}
    ways = [
        (t, s)
        for t in types.values()
        for s in t.fields.values()
        if s.field.ref in named and s.field.indexed and not s.many and readable(visit.services, visit.actor, t.name)
    ]
    answers = await asyncio.gather(*(_pointing(visit, t, s, found.id) for t, s in ways))
    return [a for a in answers if a is not None]


async def _pointing(visit: Visit, entity_type: EntityType, spec: FieldSpec, target: str) -> Related | None:
    query = Query(
        types=(entity_type.name,), where=(Where(spec.name, "==", target),), order="any", limit=RELATED + 1, latest=False
    )
    try:
        page = await visit.services.broker.query(query, visit.actor)
    except (NotAllowed, NotSignedIn):
        return None
    if not page.items:
        return None
    shown = page.items[:RELATED]
    members = tuple(sorted((title_of(e, entity_type), entity_href(e.id)) for e in shown))
    more = f"/list/{entity_type.name}?{urlencode({spec.name: target})}" if len(page.items) >= RELATED else ""
    words = visit.words
    label = words.label(spec.field.label)
    return Related(words.label(entity_type.info.label), label, entity_type.info.icon, members, more)


def is_final(action: Action, entity_type: EntityType | None) -> bool:
    """Whether the work is over after this action, as the edges of the workflow name it (`close` → `report.closed`)."""
    workflow = entity_type.info.workflow if entity_type else None
    if workflow is None:
        return False
    verb = action.name.rpartition(".")[2].rstrip("e")
    return any(e.target in workflow.final and e.event.rpartition(".")[2].startswith(verb) for e in workflow.edges)


def actions_of(visit: Visit, found: Entity) -> list[Action]:
    """What this person may do with the entity in its present state."""
    entity_type = visit.services.broker.types.get(found.type)
    workflow = entity_type.info.workflow if entity_type else None
    state = found.value(workflow.attribute) if workflow else None
    return [
        action
        for pack in visit.services.broker.packs
        for action in pack.actions
        if not action.creates
        and action.record.TYPE.name == found.type  # type: ignore[attr-defined]
        and (not action.states or state in action.states)
        and visit.session is not None
        and visit.services.may(visit.actor, action.needs)
    ]


async def choices(visit: Visit, action: Action) -> dict[str, tuple[tuple[str, str], ...]]:
    """(id, name) of the entities that the action's inputs may name, by type; none for types with many."""
    result: dict[str, tuple[tuple[str, str], ...]] = {}
    types = visit.services.broker.types
    for spec in inputs_of(action):
        wanted = types.get(spec.field.ref)
        if wanted is None or wanted.name in result:
            continue
        alive = (Where("validTo", "absent"),) if "validTo" in wanted.fields else ()
        many = get_origin(spec.kind) is tuple
        if many and wanted.name == "Area":
            alive = (*alive, Where("kind", "in", sorted(LOCAL)))
        limit = MANY if many else CHOICES
        page = await visit.services.broker.query(
            Query(types=(wanted.name,), where=alive, order="name", limit=limit, latest=False), visit.actor
        )
        if not page.next:
            result[wanted.name] = tuple((e.id, title_of(e, wanted)) for e in page.items)
    return result


async def named(visit: Visit, form: forms.ActionForm, inputs: Mapping[str, Any]) -> dict[str, Any]:
    """Inputs in which a name typed in the place of an id became the id. Raises: InvalidInput for none, or several."""
    result = dict(inputs)
    for field in form.fields:
        given = inputs.get(field.name)
        entity_type = visit.services.broker.types.get(field.ref)
        if entity_type is None or field.options or not isinstance(given, str) or given.startswith("urn:"):
            continue
        query = Query(types=(field.ref,), text=given, order="any", limit=100, latest=False)
        page = await visit.services.broker.query(query, visit.actor)
        alive = [e for e in page.items if not e.value("validTo")]
        equal = [e.id for e in alive if fold(title_of(e, entity_type)) == fold(given)]
        if len(equal) != 1:
            raise InvalidInput(
                f"{given[:60]!r} names {len(equal)} entities.", field=field.name, remedy="Choose one of those offered."
            )
        result[field.name] = equal[0]
    return result


def lines_of(
    visit: Visit,
    found: Entity,
    entity_type: EntityType | None,
    records: Sequence[Instance],
    names: Mapping[str, str],
    titles: Mapping[str, str],
) -> list[Line]:
    """Every attribute in declared order, then the undeclared ones; declared ones without a value too."""
    writers = {r.key: r.actor for r in records}
    specs: Mapping[str, FieldSpec] = entity_type.fields if entity_type else {}
    extra = [k for k in found.attrs if k not in specs and k != (entity_type.info.place if entity_type else "")]
    result = []
    for key in (*specs, *extra):
        name, dataset = split_key(key)
        spec = specs.get(name)
        if key not in found.attrs and (spec is None or spec.field.personal or spec.value == "geometry"):
            continue
        if name in visit.services.file_fields:
            continue
        shown = show(found.attrs.get(key), visit.words, spec=spec, type=entity_type, titles=titles)
        label = visit.words.label(spec.field.label) if spec else name
        observed = spec is not None and spec.field.observed
        writer = "" if observed else names.get(writers.get(key, ""), "")
        link = bool(spec and spec.kind == "Relationship")
        hint = visit.words.label(spec.field.hint) if spec and spec.field.hint else ""
        result.append(Line(name, label, shown, writer, observed, dataset or "", link, hint))
    return result


def steps_of(
    visit: Visit,
    entity_type: EntityType | None,
    records: Sequence[Instance],
    names: Mapping[str, str],
    titles: Mapping[str, str],
) -> list[Step]:
    """The history, newest first."""
    specs: Mapping[str, FieldSpec] = entity_type.fields if entity_type else {}
    result = []
    for record in reversed(records):
        name, _ = split_key(record.key)
        spec = specs.get(name)
        shown = show(record.attribute, visit.words, spec=spec, type=entity_type, titles=titles)
        note = record.attribute.meta.get("note") if record.attribute else None
        said = "" if note is None or isinstance(note, list) else plain(note.value, visit.words)
        text = shown.full
        if name in visit.services.file_fields and record.attribute is not None:
            text = str(len(record.attribute.value) if isinstance(record.attribute.value, list) else 1)
        label = visit.words.label(spec.field.label) if spec else name
        who = names.get(record.actor, "")
        result.append(Step(record.at, who, label, text, record.attribute is None, said))
    return result


async def act(visit: Visit) -> Response:
    """Carry out an action. What can be corrected is shown again in its form; a copy is what is looked at next."""
    found = await visit.services.broker.get(visit.request.path_params["id"], visit.actor)
    name = visit.request.path_params["action"]
    action = next((a for a in actions_of(visit, found) if a.name == name), None)
    if action is None or visit.form is None:
        raise NotFound(
            f"the action {name[:60]!r} is not offered here.",
            field="action",
            remedy="The state may have changed: open the page again.",
        )
    form = forms.form_of(action, visit.words, visit.services.bounds, await choices(visit, action))
    try:
        inputs = await named(visit, form, forms.read(form, visit.form))
        files = await uploads.store(visit) if action.files else ()
        acted = await visit.services.broker.act(
            name, visit.actor, id=found.id, inputs=inputs, files=files, key=visit.text("key") or None
        )
    except (InvalidInput, AlreadyExists, Conflict, TooLarge) as error:
        fresh = await visit.services.broker.get(found.id, visit.actor)
        return await render(
            visit,
            fresh,
            failed=name,
            wrong=problem(visit, error, forms.known_of(form)),
            given=forms.given(visit.form),
            status=visit.services.status(error),
        )
    if acted.answers:
        return await render(visit, await visit.services.broker.get(found.id, visit.actor), answers=acted.answers)
    if any(one.deleted and one.id == found.id for one in acted.changed):
        return visit.see(f"/list/{found.type}")
    made = [one.id for one in acted.changed if one.created and one.type == found.type]
    return visit.see(entity_href(made[0] if len(made) == 1 else found.id), done=name)


async def file(visit: Visit) -> Response:
    """A file of an entity: only hashes that its reader can see in it."""
    found = await visit.services.broker.get(visit.request.path_params["id"], visit.actor)
    wanted = visit.request.path_params["hash"]
    if wanted not in file_hashes(found, visit.services.file_fields):
        raise NotFound("this entity has no such file.", field="hash")
    data, media_type = await visit.services.read_file(wanted, visit.request.query_params.get("small") == "1")
    # Nothing that a stranger sent is ever shown as a page of this site.
    inline = media_type in ("image/jpeg", "image/png", "image/webp")
    headers: dict[str, Any] = {
        "content-security-policy": "default-src 'none'; sandbox",
        "content-disposition": "inline" if inline else "attachment",
        "cache-control": "private, max-age=3600",
    }
    return Response(data, media_type=media_type if inline else "application/octet-stream", headers=headers)
