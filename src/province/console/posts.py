"""Who works for which agency: organisations on any day with their people, posts held side by side, delegations."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime, time, timedelta
from typing import Any, Final

from starlette.responses import Response

from province.console.appointing import Appointment, Posts
from province.console.display import title_of
from province.console.held import holding
from province.console.lists import names_of
from province.console.signin import problem
from province.console.visit import Visit
from province.errors import InvalidInput, NotFound, ProvinceError
from province.model.entity import Entity
from province.model.time import CIVIL_ZONE, Instant, now
from province.vocab.area import civil_day, parse_day

ORGANISATIONS: Final = "/admin/organisations"
PEOPLE: Final = "/admin/people"


async def organisations(visit: Visit) -> Response:
    """The agencies on a day, under those that they are part of, with people and mandates."""
    on = visit.request.query_params.get("on", "")
    day = parse_day(on, field="on") if on else civil_day(now())
    agencies = await holding(visit, "Agency", day)
    mandates = await holding(visit, "Mandate", day) if "Mandate" in visit.services.broker.types else []
    staff: dict[str, int] = {}
    if visit.services.posts is not None and visit.services.may(visit.actor, "grant.read"):
        for post in await visit.services.posts.held(visit.actor, date.fromisoformat(day)):
            if post.agency:
                staff[post.agency] = staff.get(post.agency, 0) + 1
    kind = visit.services.broker.types["Agency"]
    charged: dict[str, list[str]] = {}
    for mandate in mandates:
        charged.setdefault(str(mandate.value("agency")), []).append(", ".join(mandate.value("subjects") or ()))
    rows = [
        {
            "id": e.id, "name": title_of(e, kind), "kind": e.value("kind"), "depth": depth, "staff": staff.get(e.id, 0),
            "from": e.value("validFrom"), "to": e.value("validTo"), "subjects": [*(e.value("competences") or ()),
            *charged.get(e.id, ())], "successor": e.value("successor"),
        }
        for e, depth in _tree(agencies)
    ]  # fmt: skip
    names = await names_of(visit, {str(r["successor"]) for r in rows if r["successor"]})
    kinds = {v: visit.words.label(label) for v, label in kind.fields["kind"].field.names}
    return visit.page("organisations.html", {"rows": rows, "on": day, "kinds": kinds, "names": names})


async def people(visit: Visit, **extra: Any) -> Response:
    """The posts held on a day, and the forms to appoint, to delegate, to end a delegation."""
    posts = _posts(visit)
    on = visit.request.query_params.get("on", "")
    day = parse_day(on, field="on") if on else civil_day(now())
    held = await posts.held(visit.actor, date.fromisoformat(day))
    roles = await visit.services.accounts.roles(visit.actor)
    mine = [p for p in held if p.account == visit.actor.id and not p.of]
    ids = {p.agency for p in held if p.agency} | {a for p in held for a in p.areas}
    kind = visit.services.broker.types["Agency"]
    values = {
        "rows": held,
        "mine": mine,
        "on": day,
        "today": civil_day(now()),
        "roles": roles,
        "role_names": {r.name: visit.words.label(r.label) for r in roles},
        "names": await names_of(visit, ids),
        "agencies": [(e.id, title_of(e, kind)) for e in await holding(visit, "Agency", civil_day(now()))],
        "problem": None,
        "given": {},
        "done": visit.request.query_params.get("done", ""),
        **extra,
    }
    return visit.page("people.html", values, status=extra.get("status", 200))


async def change(visit: Visit) -> Response:
    """One of the forms of `people`."""
    posts, step = _posts(visit), visit.text("step")
    given = {n: visit.text(n) for n in ("login", "role", "agency", "area", "post", "since", "until", "reason", "grant")}
    try:
        if step == "appoint":
            await posts.appoint(
                visit.actor,
                Appointment(
                    given["login"], given["role"], given["agency"], given["area"], given["post"],
                    visit.text("concurrent") == "true", _begin(given["since"], "since"), _end(given["until"], "until"),
                ),
            )  # fmt: skip
        elif step == "delegate":
            until = _end(given["until"], "until")
            if until is None:
                raise InvalidInput("a delegation has an end.", field="until", remedy="Give its last day.")
            await posts.delegate(
                visit.actor, given["grant"], given["login"], _begin(given["since"], "since"), until, given["reason"]
            )
        elif step == "revoke":
            await posts.revoke(visit.actor, given["grant"])
        elif step == "name":
            await posts.name(visit.actor, given["grant"], given["post"], visit.text("concurrent") == "true")
        else:
            raise InvalidInput(f"{step[:40]!r} cannot be done.", field="step", remedy="Use the buttons of the page.")
    except ProvinceError as error:
        return await people(
            visit, problem=problem(visit, error), given={**given, "step": step}, status=visit.services.status(error)
        )
    return visit.see(PEOPLE, done=step)


def _tree(agencies: Sequence[Entity]) -> list[tuple[Entity, int]]:
    """Agencies under those that they are part of; one whose superior is not there stands at the top."""
    known = {e.id for e in agencies}
    children: dict[str, list[Entity]] = {}
    for e in agencies:
        above = e.value("parent")
        children.setdefault(above if above in known else "", []).append(e)
    found: list[tuple[Entity, int]] = []
    waiting = [(e, 0) for e in reversed(children.get("", ()))]
    while waiting:
        e, depth = waiting.pop()
        found.append((e, depth))
        waiting += [(c, depth + 1) for c in reversed(children.get(e.id, ()))]
    return found


def _begin(day: str, field: str) -> Instant | None:
    """The beginning of a civil day."""
    return datetime.combine(date.fromisoformat(parse_day(day, field=field)), time(), CIVIL_ZONE) if day else None


def _end(day: str, field: str) -> Instant | None:
    """The end of a civil day, which is the last of the period."""
    begin = _begin(day, field)
    return begin + timedelta(days=1) if begin is not None else None


def _posts(visit: Visit) -> Posts:
    if visit.services.posts is None:
        raise NotFound("there are no posts here.", remedy="Begin at the start page.")
    return visit.services.posts
