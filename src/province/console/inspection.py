"""Pages about access: who looked at what, why somebody can, and how a refused record is opened in an emergency."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, time, timedelta
from typing import Final
from urllib.parse import urlencode

from starlette.responses import Response, StreamingResponse

from province.broker.access import Answer
from province.broker.audit_search import PAGE, READS, Asked, Entry
from province.console.display import entity_href, title_of
from province.console.inspecting import Inspecting
from province.console.language import mark
from province.console.lists import names_of
from province.console.protection import consent_purposes
from province.console.signin import problem
from province.console.visit import Visit
from province.errors import Conflict, InvalidInput, NotFound, Unsupported
from province.model.time import CIVIL_ZONE, Instant

MINUTES: Final = (15, 30, 60, 120, 240, 480)
VERBS: Final[Mapping[str, str]] = {
    "read": mark("Read the record"),
    "personal": mark("See personal fields"),
    "change": mark("Change the record"),
    "delete": mark("Delete the record"),
}
ACTIONS: Final[Mapping[str, str]] = {
    "entity.read": mark("looked at the record"),
    "entity.listed": mark("saw it in a list"),
    "entity.counted": mark("read records (counted)"),
    "entity.exported": mark("exported a file"),
    "breakglass.opened": mark("broke the glass"),
    "breakglass.closed": mark("closed the glass"),
    "session.opened": mark("signed in"),
    "session.closed": mark("signed out"),
    "session.refused": mark("sign-in refused"),
    "audit.searched": mark("searched the audit"),
    "audit.exported": mark("exported the audit"),
    "access.explained": mark("asked why somebody has access"),
    "grant.created": mark("gave a role"),
    "grant.withdrawn": mark("withdrew a role"),
    "grant.delegated": mark("delegated a role"),
    "grant.named": mark("named a post"),
    "role.changed": mark("changed a role"),
    "account.created": mark("made an account"),
    "account.disabled": mark("closed an account"),
    "account.enabled": mark("opened an account again"),
    "account.password_changed": mark("changed the own password"),
    "account.password_reset": mark("set a new password"),
    "token.created": mark("made an access token"),
    "token.revoked": mark("revoked an access token"),
    "credential.issued": mark("gave a device its credential"),
    "credential.revoked": mark("withdrew a device's credential"),
    "key.rotated": mark("replaced a key"),
    "context.created": mark("stored a context"),
    "context.deleted": mark("removed a context"),
    "history.corrected": mark("corrected the history"),
    "history.withdrawn": mark("removed a value from the history"),
    "reading.corrected": mark("corrected a reading"),
    "reading.invalidated": mark("marked readings as invalid"),
    "reading.deleted": mark("deleted readings"),
    "reading.restored": mark("took a correction back"),
    "readings.erased": mark("erased all readings"),
    "readings.expired": mark("removed readings past their time"),
    "erasure.decided": mark("decided an erasure"),
    "erasure.done": mark("carried out an erasure"),
    "consent.given": mark("gave a consent"),
    "consent.withdrawn": mark("withdrew a consent"),
    "consent.settled": mark("carried out the withdrawal of a consent"),
    "consent.other_ground": mark("named another ground than consent"),
    "retention.declared": mark("declared how long readings are kept"),
}
"""Words for the audit's actions; a pack's own (`report.resolve`, `report.resolved`) have the words of their pack."""
CHANGES: Final[Mapping[str, str]] = {
    "created": mark("made the record"),
    "changed": mark("changed the record"),
    "deleted": mark("deleted the record"),
    "erased": mark("erased personal fields of the record"),
}


@dataclass(frozen=True, slots=True)
class Row:
    """One row of the audit as it is shown. who: name, or the agency alone where a person asks about themselves.

    fields: labels of the personal fields that were shown.  purpose: as it was said, or the page that was opened.
    """

    entry: Entry
    who: str
    what: str
    type: str
    href: str
    fields: tuple[str, ...]
    purpose: str


def _service(visit: Visit) -> Inspecting:
    if visit.services.inspecting is None:
        raise Unsupported("pages about access are not offered here.")
    return visit.services.inspecting


async def search(visit: Visit) -> Response:
    """An inspector's search."""
    params = visit.request.query_params
    after = int(params["after"]) if params.get("after", "").isdecimal() and len(params["after"]) < 18 else 0
    asked, wrong, status = Asked(), None, 200
    try:
        asked = _asked(visit)
    except InvalidInput as error:
        wrong, status = problem(visit, error), visit.services.status(error)
    found = [] if wrong else list(await _service(visit).search(visit.actor, asked, after))
    given = {name: params.get(name, "") for name in ("who", "entity", "type", "action", "purpose", "since", "until")}
    query = {k: v for k, v in given.items() if v}
    values = {
        "rows": [_row(visit, e) for e in found],
        "given": given,
        "types": sorted((visit.words.label(t.info.label), t.name) for t in visit.services.broker.types.values()),
        "actions": [(name, visit.words(text)) for name, text in ACTIONS.items()],
        "problem": wrong,
        "paged": after > 0,
        "query": urlencode(query),
        "next": f"/audit?{urlencode({**query, 'after': found[-1].seq})}" if len(found) >= PAGE else "",
    }
    return visit.page("audit.html", values, status=status)


async def export(visit: Visit) -> Response:
    """The same search as a CSV file."""
    pieces = await _service(visit).export(visit.actor, _asked(visit))
    headers = {"Content-Disposition": 'attachment; filename="audit.csv"'}
    return StreamingResponse(pieces, 200, headers, "text/csv; charset=utf-8")


async def mine(visit: Visit) -> Response:
    """Who has looked at what is kept about the signed-in person."""
    found = await _service(visit).mine(visit.actor)
    types = visit.services.broker.types
    agencies = await names_of(visit, {e.agency for e in found.looks if e.agency})
    records = [
        (title_of(e, types.get(e.type)), visit.words.label(types[e.type].info.label), e.created_at, entity_href(e.id))
        for e in found.records
    ]
    # People learn which office looked and what for; the names of officials are for inspectors.
    looks = [_row(visit, e, agencies.get(e.agency or "", e.agency or "") or e.name or e.kind) for e in found.looks]
    given = await visit.services.protecting.consents(visit.actor) if visit.services.protecting else ()
    return visit.page(
        "my_data.html", {"records": records, "looks": looks, "consents": given, "purposes": consent_purposes(visit)}
    )


async def explain(visit: Visit) -> Response:
    """Why can, or cannot, this account do something with this record?"""
    params = visit.request.query_params
    account, entity = params.get("account", "").strip(), params.get("entity", "").strip()
    found, wrong, status = None, None, 200
    if account and entity:
        try:
            found = await _service(visit).explain(visit.actor, account, entity)
        except (NotFound, InvalidInput) as error:
            wrong, status = problem(visit, error), visit.services.status(error)
    agencies: set[str] = set()
    if found is not None:
        agencies = {g.grant.agency for a in found.explanation.answers for g in a.grounds if g.grant.agency}
        agencies |= {found.explanation.agency} if found.explanation.agency else set()
    types = visit.services.broker.types
    entity_type = types.get(found.explanation.type) if found else None
    values = {
        "account": account,
        "entity": entity,
        "found": found,
        "problem": wrong,
        "names": await names_of(visit, agencies),
        "title_of_answer": lambda answer: _title(visit, answer),
        "field_label": lambda name: (
            visit.words.label(entity_type.fields[name].field.label)
            if entity_type and name in entity_type.fields
            else name
        ),
        "type_label": visit.words.label(entity_type.info.label) if entity_type else "",
    }
    return visit.page("access.html", values, status=status)


async def glass(visit: Visit) -> Response:
    """Open a refused record, with a reason and for a while; and what was opened so far."""
    service = _service(visit)
    given = {"entity": visit.request.query_params.get("entity", ""), "reason": "", "minutes": "60"}
    wrong, status = None, 200
    if visit.request.method == "POST":
        given = {name: visit.text(name) for name in given}
        try:
            if not given["minutes"].isdecimal() or len(given["minutes"]) > 4:
                raise InvalidInput("the time is not a number of minutes.", field="minutes")
            opened = await service.open_glass(visit.actor, given["entity"], given["reason"], int(given["minutes"]))
            return visit.see(entity_href(opened.entity))
        except (NotFound, InvalidInput, Conflict) as error:
            wrong, status = problem(visit, error), visit.services.status(error)
    values = {
        "openings": await service.openings(visit.actor),
        "may_open": visit.services.may(visit.actor, "breakglass.open"),
        "given": given,
        "minutes": MINUTES,
        "problem": wrong,
        "href": entity_href,
    }
    return visit.page("break_glass.html", values, status=status)


async def close(visit: Visit) -> Response:
    """End one's own opening."""
    await _service(visit).close_glass(visit.actor, visit.request.path_params["id"])
    return visit.see("/break-glass")


def _asked(visit: Visit) -> Asked:
    params = visit.request.query_params
    texts = {name: params.get(name, "").strip() for name in ("who", "entity", "type", "action", "purpose")}
    until = _day(params.get("until", ""), "until")
    return Asked(
        **texts, since=_day(params.get("since", ""), "since"), until=until + timedelta(days=1) if until else None
    )


def _day(text: str, field: str) -> Instant | None:
    """The beginning of a civil day."""
    if not text.strip():
        return None
    try:
        day = datetime.strptime(text.strip(), "%Y-%m-%d").date()  # noqa: DTZ007 - a civil day
    except ValueError:
        raise InvalidInput(f"{text[:20]!r} is not a day.", field=field, remedy="Write it as 2026-11-30.") from None
    return datetime.combine(day, time(), CIVIL_ZONE)


def _row(visit: Visit, e: Entry, who: str = "") -> Row:
    entity_type = visit.services.broker.types.get(e.type or "")
    what = _what(visit, e)
    if e.action in READS and e.count > 1:
        what = visit.words("saw a list of records")
    label = visit.words.label(entity_type.info.label) if entity_type else e.type or ""
    specs = entity_type.fields if entity_type else {}
    page = visit.words("page")
    return Row(
        entry=e,
        who=who or e.name or e.actor,
        what=what,
        type=label,
        href=entity_href(e.entity) if e.entity else "",
        fields=tuple(visit.words.label(specs[f].field.label) if f in specs else f for f in e.fields),
        purpose=f"{page} {e.purpose}" if e.purpose.startswith("/") else e.purpose,
    )


def _what(visit: Visit, e: Entry) -> str:
    """What was done, in words: the core's, or those by which its pack calls an action or a step of a workflow."""
    if e.action in ACTIONS:
        return visit.words(ACTIONS[e.action])
    packs = visit.services.broker.packs
    title = next((a.title for p in packs for a in p.actions if a.name == e.action), None)
    entity_type = visit.services.broker.types.get(e.type or "")
    if title is None and entity_type is not None and entity_type.info.workflow is not None:
        title = next((one.why for one in entity_type.info.workflow.edges if one.event == e.action), None)
    if title is not None:
        return visit.words.label(title)
    verb = e.action.rpartition(".")[2]
    return visit.words(CHANGES[verb]) if verb in CHANGES else e.action


def _title(visit: Visit, answer: Answer) -> str:
    if answer.title is not None:
        return visit.words.label(answer.title)
    verb = answer.permission.rpartition(".")[2]
    return visit.words(VERBS[verb]) if verb in VERBS else answer.permission
