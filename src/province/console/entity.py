"""One entity: state and what can be done, attributes with their provenance, charts, place, files and history."""

from __future__ import annotations

import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from starlette.responses import Response

from province.broker.actions import inputs_of
from province.console import forms, uploads
from province.console.display import Shown, entity_href, file_hashes, plain, show, title_of
from province.console.lists import titles_of
from province.console.navigation import readable
from province.console.series import RANGES
from province.console.services import Instance
from province.console.signin import Problem, problem
from province.console.visit import Visit
from province.errors import AlreadyExists, Conflict, InvalidInput, NotFound, TooLarge
from province.model.entity import Entity, split_key
from province.model.query import Query, Where
from province.model.schema import EntityType, FieldSpec
from province.model.time import Instant
from province.pack import Action, Notice

ALERT: Final = "Alert"
HISTORY: Final = 200
CHOICES: Final = 300
"""An input that names another entity is a list to choose from up to this many, and a text beyond."""


@dataclass(frozen=True, slots=True)
class Line:
    """One attribute. writer: who wrote it last, "" for readings of machines.  observed: measured, not written."""

    name: str
    label: str
    shown: Shown
    writer: str
    observed: bool
    dataset: str


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
    written = {s.name for s in entity_type.fields.values() if not s.field.observed} if entity_type else set()
    written |= {split_key(key)[0] for key in found.attrs}
    if entity_type is not None:
        # Readings have their charts; leaving them out spares a look into the lake.
        written -= {s.name for s in entity_type.observed}
    history = await services.broker.history(found.id, visit.actor, attrs=sorted(written), limit=HISTORY)
    records = list(history.records)
    names = await services.people(visit.actor, sorted({r.actor for r in records}))
    specs = list(entity_type.fields.values()) if entity_type else []
    titles = await titles_of(visit, (found,), specs)
    workflow = entity_type.info.workflow if entity_type else None
    state = found.value(workflow.attribute) if workflow else None
    place = found.value(entity_type.info.place if entity_type and entity_type.info.place else "location")
    wanted = visit.request.query_params.get("range", "24h")
    lines = lines_of(visit, found, entity_type, records, names, titles)
    agency = await _name_of(visit, found.agency)
    values = {
        "entity": found,
        "title": title_of(found, entity_type),
        "type_label": words.label(entity_type.info.label) if entity_type else found.type,
        "in_menu": entity_type is not None and readable(services, visit.actor, found.type),
        "state": words.label(workflow.label(state)) if workflow and state in workflow.states else "",
        "agency": agency,
        # What machines measure first: it is what people come for.
        "lines": sorted((x for x in lines if x.shown.text), key=lambda x: not x.observed),
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
        "truncated": len(records) >= HISTORY,
        "forms": [forms.form_of(a, words, services.bounds, await choices(visit, a)) for a in actions_of(visit, found)],
        "failed": failed,
        "problem": wrong,
        "given": given or {},
        "key": secrets.token_hex(16),
        "files": file_hashes(found, services.file_fields),
        "answers": answers,
        "done": visit.request.query_params.get("done", ""),
        "href": entity_href(found.id),
    }
    return visit.page("entity.html", values, status=status)


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
    """(id, name) of the entities that the action's inputs may name, by type; none for types with too many."""
    result: dict[str, tuple[tuple[str, str], ...]] = {}
    types = visit.services.broker.types
    for spec in inputs_of(action):
        wanted = types.get(spec.field.ref)
        if wanted is None or wanted.name in result:
            continue
        alive = (Where("validTo", "absent"),) if "validTo" in wanted.fields else ()
        page = await visit.services.broker.query(
            Query(types=(wanted.name,), where=alive, order="name", limit=CHOICES, latest=False), visit.actor
        )
        if not page.next:
            result[wanted.name] = tuple((e.id, title_of(e, wanted)) for e in page.items)
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
        writer = "" if observed else names.get(writers.get(key, ""), writers.get(key, ""))
        result.append(Line(name, label, shown, writer, observed, dataset or ""))
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
        who = names.get(record.actor, record.actor)
        result.append(Step(record.at, who, label, text, record.attribute is None, said))
    return result


async def _name_of(visit: Visit, id: str | None) -> str:
    if not id:
        return ""
    page = await visit.services.broker.query(Query(ids=(id,), limit=1, latest=False), visit.actor)
    types = visit.services.broker.types
    return title_of(page.items[0], types.get(page.items[0].type)) if page.items else id


async def act(visit: Visit) -> Response:
    """Carry out an action. What can be corrected is shown again in its form."""
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
        inputs = forms.read(form, visit.form)
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
            wrong=problem(visit, error),
            given=forms.given(visit.form),
            status=visit.services.status(error),
        )
    if acted.answers:
        return await render(visit, await visit.services.broker.get(found.id, visit.actor), answers=acted.answers)
    return visit.see(entity_href(found.id), done=name)


async def file(visit: Visit) -> Response:
    """A file of an entity: only hashes that its reader can see in it."""
    found = await visit.services.broker.get(visit.request.path_params["id"], visit.actor)
    wanted = visit.request.path_params["hash"]
    if wanted not in file_hashes(found, visit.services.file_fields):
        raise NotFound("this entity has no such file.", field="hash")
    data, media_type = await visit.services.read_file(wanted)
    # Nothing that a stranger sent is ever shown as a page of this site.
    inline = media_type in ("image/jpeg", "image/png", "image/webp")
    headers: dict[str, Any] = {
        "content-security-policy": "default-src 'none'; sandbox",
        "content-disposition": "inline" if inline else "attachment",
        "cache-control": "private, max-age=3600",
    }
    return Response(data, media_type=media_type if inline else "application/octet-stream", headers=headers)
