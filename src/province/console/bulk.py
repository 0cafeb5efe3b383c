"""One action for several entities of a list: chosen with ticks, its inputs given once, each carried out by itself."""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from starlette.responses import Response

from province.console import entity, forms
from province.console.display import entity_href, title_of
from province.console.lists import panel_of, ticked
from province.console.signin import problem
from province.console.visit import Visit
from province.errors import InvalidInput, NotFound, ProvinceError
from province.model.entity import Entity
from province.model.query import Query
from province.pack import Action

MOST: Final = 200


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of one entity. error: "" when the action was carried out."""

    title: str
    href: str
    error: str


async def choose(visit: Visit) -> Response:
    """The form of an action for the entities that were ticked."""
    action, chosen = await _asked(visit)
    form = forms.form_of(action, visit.words, visit.services.bounds, await entity.choices(visit, action))
    return visit.page("bulk.html", _values(visit, form, chosen))


async def act(visit: Visit) -> Response:
    """Carry the action out for each of them, and say what became of each."""
    action, chosen = await _asked(visit)
    form = forms.form_of(action, visit.words, visit.services.bounds, await entity.choices(visit, action))
    assert visit.form is not None
    try:
        inputs = await entity.named(visit, form, forms.read(form, visit.form))
        missing = next((f for f in form.fields if f.required and f.name not in inputs), None)
        if missing is not None:
            raise InvalidInput(f"{missing.name!r} is required.", field=missing.name, remedy="Fill it in.")
    except InvalidInput as error:
        values = {
            **_values(visit, form, chosen),
            "problem": problem(visit, error, forms.known_of(form)),
            "given": forms.given(visit.form),
        }
        return visit.page("bulk.html", values, status=visit.services.status(error))
    key = visit.text("key")
    outcomes = []
    for one in chosen:
        failure = ""
        try:
            await visit.services.broker.act(
                action.name, visit.actor, id=one.id, inputs=inputs, key=f"{key}/{one.id}"[-200:] if key else None
            )
        except ProvinceError as refused:
            failure = str(refused)
        entity_type = visit.services.broker.types.get(one.type)
        outcomes.append(Outcome(title_of(one, entity_type), entity_href(one.id), failure))
    return visit.page("bulk_done.html", {"form": form, "outcomes": outcomes, "back": _back(visit)})


async def _asked(visit: Visit) -> tuple[Action, Sequence[Entity]]:
    """The action and the entities that were named and may be seen. Raises: NotFound, InvalidInput."""
    type_name = visit.request.path_params["type"]
    panel_of(visit, type_name)
    name = visit.text("action")
    action = next((a for a in ticked(visit, type_name) if a.name == name), None)
    if action is None:
        raise NotFound(f"the action {name[:60]!r} is not offered to you.", field="action", remedy="Choose another.")
    ids = list(dict.fromkeys(v for v in (visit.form.getlist("id") if visit.form else []) if isinstance(v, str)))
    if not 1 <= len(ids) <= MOST:
        raise InvalidInput(f"{len(ids)} are ticked.", field="id", remedy=f"Tick 1 to {MOST} of the list.")
    query = Query(types=(type_name,), ids=tuple(ids), limit=MOST, latest=False)
    return action, (await visit.services.broker.query(query, visit.actor)).items


def _values(visit: Visit, form: forms.ActionForm, chosen: Sequence[Entity]) -> dict[str, object]:
    types = visit.services.broker.types
    return {
        "form": form,
        "type": visit.request.path_params["type"],
        "chosen": [(e.id, title_of(e, types.get(e.type)), entity_href(e.id)) for e in chosen],
        "problem": None,
        "given": {},
        "key": visit.text("key") or secrets.token_hex(12),
        "back": _back(visit),
    }


def _back(visit: Visit) -> str:
    query = visit.text("query")
    return f"/list/{visit.request.path_params['type']}" + (f"?{query}" if query else "")
