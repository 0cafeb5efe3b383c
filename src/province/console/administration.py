"""Accounts, roles, tokens and credentials of devices. A secret is on the page that made it, and never again."""

from __future__ import annotations

from typing import Any

from starlette.responses import Response

from province.console.display import title_of
from province.console.filters import held_on
from province.console.lists import names_of
from province.console.signin import problem
from province.console.visit import Visit
from province.errors import AlreadyExists, InvalidInput, NotAllowed, NotFound
from province.model.query import Query
from province.model.time import now
from province.vocab.area import civil_day


async def accounts(visit: Visit, **extra: Any) -> Response:
    """The list with what can be done to each, and the form for a new account."""
    after = visit.request.query_params.get("after", "")
    rows = await visit.services.accounts.list(visit.actor, after)
    roles = await visit.services.accounts.roles(visit.actor)
    values = {
        "rows": rows,
        "next": rows[-1].login if len(rows) >= 50 else "",
        "paged": bool(after),
        "roles": roles,
        "role_names": {r.name: visit.words.label(r.label) for r in roles},
        "agencies": await _agencies(visit),
        "agency_names": await names_of(visit, {agency for row in rows for _, _, agency in row.grants if agency}),
        "made": None,
        "problem": None,
        "given": {},
        **extra,
    }
    status = extra.get("status", 200)
    return visit.page("accounts.html", values, status=status)


async def _agencies(visit: Visit) -> list[tuple[str, str]]:
    """(id, name) of the agencies of today: nobody begins to work for one that is no more."""
    if "Agency" not in visit.services.broker.types:
        return []
    kind = visit.services.broker.types["Agency"]
    page = await visit.services.broker.query(
        Query(types=("Agency",), where=held_on(civil_day(now())), order="name", limit=500, latest=False), visit.actor
    )
    return [(e.id, title_of(e, kind)) for e in page.items]


async def create_account(visit: Visit) -> Response:
    """Make an account with one role; its first password is shown once and must be changed at first sign-in."""
    login, name, role, agency = (visit.text(n) for n in ("login", "name", "role", "agency"))
    service = visit.services.accounts
    try:
        if not name:
            raise InvalidInput("a name is needed.", field="name", remedy="Give the person's full name.")
        account, password = await service.create(visit.actor, login, name, agency or None)
        if role:
            await service.grant(visit.actor, account, role, agency or None)
    except (InvalidInput, AlreadyExists) as error:
        given = {"login": login, "name": name, "role": role, "agency": agency}
        status = visit.services.status(error)
        return await accounts(visit, problem=problem(visit, error), given=given, status=status)
    return await accounts(visit, made={"login": login, "secret": password})


async def change_account(visit: Visit) -> Response:
    """Disable, enable, reset the password, give or withdraw a role."""
    service, account, step = visit.services.accounts, visit.request.path_params["id"], visit.text("step")
    if step == "reset":
        secret = await service.reset(visit.actor, account)
        return await accounts(visit, made={"login": visit.text("login"), "secret": secret})
    if step in ("disable", "enable"):
        await service.disable(visit.actor, account, step == "disable")
    elif step == "grant":
        await service.grant(visit.actor, account, visit.text("role"), visit.text("agency") or None)
    elif step == "withdraw":
        await service.withdraw(visit.actor, visit.text("grant"))
    else:
        raise InvalidInput(f"{step[:40]!r} cannot be done.", field="step", remedy="Use the buttons of the page.")
    return visit.see("/admin/accounts")


async def tokens(visit: Visit, **extra: Any) -> Response:
    """One's own tokens, and the credentials of devices for those who may issue them."""
    device = visit.request.query_params.get("device", "").strip()
    measured = (t for t in visit.services.broker.types.values() if t.observed)
    manage = any(visit.services.may(visit.actor, f"{t.noun}.provision") for t in measured)
    values = {
        "tokens": await visit.services.tokens.list(visit.actor),
        "manage": manage,
        "credentials": await visit.services.tokens.credentials(visit.actor, device) if manage else (),
        "device": device,
        "made": None,
        "problem": None,
        **extra,
    }
    status = extra.get("status", 200)
    return visit.page("tokens.html", values, status=status)


async def create_token(visit: Visit) -> Response:
    """A token for programs, cut down to what is asked for."""
    permissions = tuple(visit.text("permissions").split()) or ("*",)
    try:
        days = int(visit.text("days")) if visit.text("days") else None
        if days is not None and not 1 <= days <= 3650:
            raise ValueError
    except ValueError:
        raise InvalidInput("the number of days is not valid.", field="days", remedy="Give 1 to 3650.") from None
    try:
        secret = await visit.services.tokens.issue(
            visit.actor, visit.text("name"), visit.text("purpose"), permissions, days
        )
    except (InvalidInput, NotAllowed) as error:
        status = visit.services.status(error)
        return await tokens(visit, problem=problem(visit, error), status=status)
    return await tokens(visit, made={"name": visit.text("name"), "user": "", "secret": secret})


async def revoke_token(visit: Visit) -> Response:
    """End a token."""
    await visit.services.tokens.revoke(visit.actor, visit.request.path_params["id"])
    return visit.see("/admin/tokens")


async def create_credential(visit: Visit) -> Response:
    """User name and password of one device."""
    device = visit.text("device")
    try:
        user, secret = await visit.services.tokens.issue_credential(visit.actor, device)
    except (InvalidInput, NotFound, AlreadyExists) as error:
        status = visit.services.status(error)
        return await tokens(visit, problem=problem(visit, error), status=status)
    return await tokens(visit, made={"name": device, "user": user, "secret": secret})


async def revoke_credential(visit: Visit) -> Response:
    """End a device's credential."""
    await visit.services.tokens.revoke_credential(visit.actor, visit.request.path_params["id"])
    return visit.see("/admin/tokens")
