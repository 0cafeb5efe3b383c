"""One entity on paper: what its page shows, as a PDF with Vietnamese letters."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Final

from starlette.responses import Response

from province.console.display import plain, show, title_of
from province.console.entity import HISTORY, names_around, past_of
from province.console.visit import Visit
from province.errors import NotFound
from province.model.entity import Entity, split_key
from province.model.schema import EntityType
from province.model.time import CIVIL_ZONE, now

TEMPLATE: Final = "record"


async def pdf(visit: Visit) -> Response:
    """The PDF, of what this reader may see."""
    if visit.services.print is None:
        raise NotFound("nothing is printed here.")
    found = await visit.services.broker.get(visit.request.path_params["id"], visit.actor)
    entity_type = visit.services.broker.types.get(found.type)
    if entity_type is None:
        raise NotFound("this entity has no form on paper.", field="type", remedy="Print its page.")
    made = await visit.services.print(TEMPLATE, await _document(visit, found, entity_type))
    name = re.sub(r"[^A-Za-z0-9_-]+", "-", str(found.value("code") or found.id.rpartition(":")[2]))[:80]
    headers = {"content-disposition": f'inline; filename="{name}.pdf"', "cache-control": "no-store"}
    return Response(made, media_type="application/pdf", headers=headers)


async def _document(visit: Visit, found: Entity, entity_type: EntityType) -> Mapping[str, Any]:
    words = visit.words
    titles = await names_around(visit, found, list(entity_type.fields.values()))
    records = await past_of(visit, found, entity_type, "")
    workflow = entity_type.info.workflow
    state = found.value(workflow.attribute) if workflow else None
    facts = []
    for spec in entity_type.fields.values():
        if spec.name == entity_type.info.title or spec.name in visit.services.file_fields or spec.value == "json":
            continue
        shown = show(found.attrs.get(spec.name), words, spec=spec, type=entity_type, titles=titles)
        if shown.text:
            facts.append({"name": words.label(spec.field.label), "text": shown.full})
    steps = []
    for record in records:
        name, _ = split_key(record.key)
        if workflow is None or name != workflow.attribute or record.attribute is None:
            continue
        note = record.attribute.meta.get("note")
        value = str(record.attribute.value)
        steps.append(
            {
                "at": words.instant(record.at),
                "text": words.label(workflow.label(value)) if value in workflow.states else value,
                "note": plain(note.value, words) if note is not None and not isinstance(note, list) else "",
            }
        )
    written = now().astimezone(CIVIL_ZONE).strftime("%d/%m/%Y %H:%M")
    return {
        "lang": visit.language,
        "site": words.label(visit.services.title),
        "kind": words.label(entity_type.info.label),
        "title": title_of(found, entity_type),
        "state": words.label(workflow.label(state)) if workflow and state in workflow.states else "",
        "facts": facts,
        "history": words("History of the record"),
        "steps": steps[-HISTORY:],
        "footer": words("Printed %(when)s by %(who)s") % {"when": written, "who": visit.actor.name or visit.actor.id},
    }
