"""A page for every action that makes something new: its form, and on to what it made."""

from __future__ import annotations

import secrets
from typing import Final

from starlette.responses import Response

from province.console import entity, forms, uploads
from province.console.display import entity_href
from province.console.lists import offered
from province.console.signin import Problem, problem
from province.console.visit import Visit
from province.errors import AlreadyExists, Conflict, InvalidInput, NotFound, TooLarge

HOME: Final = "/new"


async def create(visit: Visit) -> Response:
    """The form, filled in advance by the address (`/new/milestone.plan?line=II.4`), and the action itself."""
    name = visit.request.path_params["action"]
    action = next((a for a in offered(visit) if a.name == name), None)
    if action is None:
        raise NotFound(f"the action {name[:60]!r} is not offered to you.", field="action")
    form = forms.form_of(action, visit.words, visit.services.bounds, await entity.choices(visit, action))
    if visit.form is None:
        known = {f.name for f in form.fields}
        given = {k: v[:500] for k, v in visit.request.query_params.items() if k in known}
        return _page(visit, form, given)
    try:
        inputs = await entity.named(visit, form, forms.read(form, visit.form))
        files = await uploads.store(visit) if action.files else ()
        acted = await visit.services.broker.act(
            name, visit.actor, inputs=inputs, files=files, key=visit.text("key") or None
        )
    except (InvalidInput, AlreadyExists, Conflict, TooLarge) as error:
        return _page(
            visit,
            form,
            forms.given(visit.form),
            problem(visit, error, forms.known_of(form)),
            visit.services.status(error),
        )
    made = next((c.id for c in acted.changed if c.created), "")
    return visit.see(entity_href(made), done=name) if made else visit.see("/")


def _page(
    visit: Visit, form: forms.ActionForm, given: dict[str, str], wrong: Problem | None = None, status: int = 200
) -> Response:
    key = visit.text("key") or secrets.token_urlsafe(16)
    return visit.page("creating.html", {"form": form, "given": given, "problem": wrong, "key": key}, status=status)
