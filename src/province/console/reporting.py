"""The form for residents and the page that follows a report by its secret. No account is needed."""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from typing import Any

import shapely.geometry
from starlette.responses import Response

from province.console import forms, uploads
from province.console.display import Shown, file_hashes, plain, show, title_of
from province.console.navigation import public_action
from province.console.signin import Problem, problem
from province.console.visit import Visit
from province.errors import Conflict, InvalidInput, NotFound, RateLimited, TooLarge
from province.model.entity import Attribute
from province.model.schema import EntityType
from province.pack import Action


def action_of(visit: Visit) -> Action:
    """The public action behind the form. Raises: NotFound when no pack declares it."""
    action = public_action(visit.services)
    if action is not None:
        return action
    raise NotFound("reports are not taken here.", field="action", remedy="Ask the operators of this installation.")


async def report(visit: Visit) -> Response:
    """The form; after sending, the code and the secret link, shown once."""
    action = action_of(visit)
    form = forms.form_of(action, visit.words, visit.services.bounds, {})
    values: dict[str, Any] = {"form": form, "problem": None, "given": {}, "key": secrets.token_hex(16), "unit": ""}
    if visit.form is None:
        return visit.page("report.html", values)
    try:
        inputs = forms.read(form, visit.form)
        if "location" not in inputs and inputs.get("address"):
            placed = await _by_address(visit, str(inputs["address"]))
            if placed is not None:
                unit, (lon, lat) = placed
                given = forms.given(visit.form) | {"location.lat": f"{lat:.5f}", "location.lon": f"{lon:.5f}"}
                return visit.page(
                    "report.html", values | {"given": given, "unit": unit, "again": bool(visit.uploads("files"))}
                )
        files = await uploads.store(visit)
        receipt = await visit.services.submit(inputs, files, visit.actor, visit.text("key"))
    except (InvalidInput, TooLarge, RateLimited) as error:
        values |= {"problem": problem(visit, error), "given": forms.given(visit.form)}
        return visit.page("report.html", values, status=visit.services.status(error))
    site = visit.services.public_url or str(visit.request.base_url)
    link = f"{site.rstrip('/')}/r/{receipt.secret}"
    return visit.page("receipt.html", {"receipt": receipt, "link": link})


async def _by_address(visit: Visit, address: str) -> tuple[str, tuple[float, float]] | None:
    """The unit of today that an address names, and a place inside it; None where the record settles on none.

    It is a proposal: the sender sees the pin and moves it before the report is sent.
    """
    if visit.services.land is None:
        return None
    try:
        found = await visit.services.land.resolve(address, "", None, visit.actor)
    except InvalidInput:
        return None
    if len(found.forms) != 1 or found.forms[0].area.location is None:
        return None
    area = found.forms[0].area
    inside = shapely.geometry.shape(area.location).representative_point()
    return area.name, (inside.x, inside.y)


async def progress(visit: Visit) -> Response:
    """State, clock and answer of a report, for whoever holds its secret."""
    secret = visit.request.path_params["secret"]
    wrong = None
    status = 200
    if visit.form is not None:
        try:
            reason = visit.text("reason")
            if not reason:
                raise InvalidInput("a reason is needed.", field="reason", remedy="Say what is not right.")
            await visit.services.disagree(secret, reason, visit.actor)
            return visit.see(f"/r/{secret}", done="1")
        except (InvalidInput, Conflict) as error:
            wrong, status = problem(visit, error), visit.services.status(error)
    return await _progress(visit, secret, wrong, status)


async def rate(visit: Visit) -> Response:
    """How well it was dealt with, from whoever holds the secret."""
    secret, stars = visit.request.path_params["secret"], visit.text("stars")
    try:
        if visit.services.rate is None or not (stars.isascii() and stars.isdigit()):
            raise InvalidInput("a rating is needed.", field="stars", remedy="Choose 1 to 5.")
        await visit.services.rate(secret, int(stars[:3]), visit.text("note"), visit.actor)
        return visit.see(f"/r/{secret}", done="rated")
    except (InvalidInput, Conflict) as error:
        return await _progress(visit, secret, problem(visit, error), visit.services.status(error))


async def _progress(visit: Visit, secret: str, wrong: Problem | None, status: int) -> Response:
    followed = await visit.services.follow(secret, visit.actor)
    found = followed.entity
    entity_type = visit.services.broker.types.get(found.type)
    workflow = entity_type.info.workflow if entity_type else None
    names = {s: visit.words.label(label) for s, label in workflow.names} if workflow else {}
    values = {
        "secret": secret,
        "title": title_of(found, entity_type),
        "code": plain(found.value("code"), visit.words),
        "facts": _facts(visit, followed.entity.attrs, entity_type),
        "steps": [(names.get(state, state), at, note) for state, at, note in followed.steps],
        "shared": [(names.get(state, state), at) for state, at in followed.shared],
        "danger": bool(found.value("suspected")) or (found.value("matter") == "emergency" and not followed.disputable),
        "disputable": followed.disputable,
        "rateable": followed.rateable,
        "rating": found.value("rating"),
        "problem": wrong,
        "done": visit.request.query_params.get("done", ""),
        "place": found.value(entity_type.info.place if entity_type and entity_type.info.place else "location"),
        "photos": len(file_hashes(found, visit.services.file_fields[:1])),
    }
    return visit.page("progress.html", values, status=status)


def _facts(visit: Visit, attrs: Mapping[str, Attribute], entity_type: EntityType | None) -> list[tuple[str, Shown]]:
    if entity_type is None:
        return []
    return [
        (visit.words.label(s.field.label), show(attrs[s.name], visit.words, spec=s, type=entity_type))
        for s in entity_type.fields.values()
        if s.field.public and s.name in attrs and s.value not in ("geometry", "boolean") and s.kind != "Relationship"
    ]


async def photo(visit: Visit) -> Response:
    """A photo that the author of a report sent, by its position, small."""
    followed = await visit.services.follow(visit.request.path_params["secret"], visit.actor)
    hashes = file_hashes(followed.entity, visit.services.file_fields[:1])
    index = visit.request.path_params["index"]
    if not 0 <= index < len(hashes):
        raise NotFound("this report has no such photo.", field="photo")
    data, media_type = await visit.services.read_file(hashes[index], True)
    if media_type not in ("image/jpeg", "image/png", "image/webp"):
        raise NotFound("this file is no picture.", field="photo")
    return Response(data, media_type=media_type, headers={"content-security-policy": "default-src 'none'; sandbox"})
