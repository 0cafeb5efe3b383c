"""Pages of data protection: what is held on which ground and for how long, one's consents, and erasures."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from starlette.responses import Response

from province.broker.erasure import Effect
from province.console.display import entity_href
from province.console.language import mark
from province.console.protecting import Protecting
from province.console.signin import problem
from province.console.visit import Visit
from province.errors import Conflict, InvalidInput, NotFound, Unsupported
from province.model.schema import Processing
from province.model.time import now
from province.vocab.area import civil_day

HOME: Final = "/privacy"
ERASURES: Final = "/admin/erasures"
GROUNDS: Final[Mapping[str, str]] = {
    "consent": mark("the person agreed"),
    "law": mark("a law orders it"),
    "contract": mark("a contract with the person"),
    "task": mark("a task of a public body"),
    "vital": mark("to save a life"),
}
REASONS: Final[Mapping[str, str]] = {
    "request": mark("the person asked for it"),
    "consent": mark("consent was withdrawn"),
    "other": mark("another reason"),
    "retention": mark("the period is over"),
    "restored": mark("a backup brought it back"),
}
STORES: Final[Mapping[str, str]] = {
    "records": mark("records that are touched"),
    "state": mark("values in records"),
    "history": mark("values in the history, with what binds the audit to them"),
    "outbox": mark("events that named a value"),
    "messages": mark("notices, mail, SMS and notifications about the records"),
    "readings": mark("readings in the lake"),
    "files": mark("files on disk"),
    "repairs": mark("copies among failed effects"),
    "copies": mark("files of imports, and refused rows of them"),
    "jobs": mark("arguments of jobs in the queue"),
}


FOUND: Final[Mapping[str, str]] = {
    "text": mark("in a text"),
    "import": mark("in the file of an import"),
    "refused": mark("among refused rows of an import"),
    "job": mark("in the queue of jobs"),
}
KINDS: Final[Mapping[str, str]] = {
    "name": mark("name"),
    "phone": mark("telephone"),
    "mail": mark("mail address"),
    "other": mark("another personal text"),
}


@dataclass(frozen=True, slots=True)
class Held:
    """What is held about persons in one type. processing: None where nobody declared it."""

    label: str
    fields: tuple[str, ...]
    also: tuple[str, ...]
    processing: Processing | None
    ground: str


def held(visit: Visit) -> list[Held]:
    """The declarations that hold today, of every type with personal fields."""
    found = []
    for kind in visit.services.broker.types.values():
        if not kind.personal:
            continue
        processing = kind.processing_on(civil_day(now()))
        shown = [n for n in kind.personal if not kind.fields[n].field.concealed]
        also = processing.also if processing else ()
        found.append(Held(
            visit.words.label(kind.info.label),
            tuple(visit.words.label(kind.fields[n].field.label) for n in shown),
            tuple(visit.words.label(kind.fields[n].field.label) for n in also),
            processing,
            visit.words(GROUNDS[processing.ground]) if processing else "",
        ))  # fmt: skip
    return sorted(found, key=lambda h: h.label)


async def overview(visit: Visit) -> Response:
    """What is held, why, for how long. For everybody."""
    return visit.page("privacy.html", {"held": held(visit), "label": visit.words.label, "day": visit.words.day})


def _service(visit: Visit) -> Protecting:
    if visit.services.protecting is None:
        raise Unsupported("pages of data protection are not offered here.")
    return visit.services.protecting


async def consents(visit: Visit) -> Response:
    """Give, or withdraw, one's own consent; the page is `/my-data`."""
    service = _service(visit)
    number = visit.text("withdraw")
    if number:
        if not number.isdecimal() or len(number) > 18:
            raise NotFound("there is no such consent.", field="consent")
        await service.withdraw(visit.actor, int(number))
    else:
        await service.give(visit.actor, visit.text("purpose"), visit.text("type"))
    return visit.see("/my-data")


async def erasures(visit: Visit) -> Response:
    """Decisions so far, and the first step to another: what it would remove."""
    service = _service(visit)
    given = {"subject": visit.request.query_params.get("subject", ""), "ground": "request", "reference": ""}
    found, wrong, status = None, None, 200
    if visit.form is not None:
        given = {name: visit.text(name) for name in given}
        try:
            if visit.text("step") == "confirm":
                await service.confirm(visit.actor, visit.text("aside"))
                return visit.see(ERASURES, done="erasure")
            if visit.text("step") == "return":
                await service.give_back(visit.actor, visit.text("aside"), visit.text("reason"))
                return visit.see(ERASURES, done="returned")
            if visit.text("step") == "erase":
                await service.decide(visit.actor, given["subject"], given["ground"], given["reference"])
                return visit.see(ERASURES, done="erasure")
            found = await service.preview(visit.actor, given["subject"])
        except (NotFound, InvalidInput, Conflict) as error:
            wrong, status = problem(visit, error), visit.services.status(error)
    types = visit.services.broker.types
    listed, aside = await service.erasures(visit.actor), await service.aside(visit.actor)
    deciders = [e.decided_by for e in listed] + [a.decided_by for a in aside if a.decided_by]
    names = await visit.services.people(visit.actor, deciders)
    values = {
        "listed": listed,
        "waiting": [a for a in aside if a.state == "waiting"],
        "returned": [a for a in aside if a.state == "returned"],
        "where": lambda trace: visit.words(FOUND[trace.where]),
        "kinds": lambda trace: ", ".join(visit.words(KINDS[k]) for k in trace.kinds),
        "found": found,
        "effects": lambda effect: _told(visit, effect),
        "given": given,
        "problem": wrong,
        "grounds": [(name, visit.words(REASONS[name])) for name in ("request", "consent", "other")],
        "reason": lambda name: visit.words(REASONS.get(name, name)),
        "who": lambda id: names.get(id, id),
        "href": entity_href,
        "fields": lambda part: [_field(visit, part.type, f) for f in part.fields],
        "field": lambda trace: _field(visit, trace.type, trace.field),
        "type_name": lambda name: visit.words.label(types[name].info.label) if name in types else name,
        "done": visit.request.query_params.get("done", ""),
        "may_decide": visit.services.may(visit.actor, "erasure.create"),
    }  # fmt: skip
    return visit.page("erasures.html", values, status=status)


def _field(visit: Visit, type: str, name: str) -> str:
    kind = visit.services.broker.types.get(type)
    return visit.words.label(kind.fields[name].field.label) if kind is not None and name in kind.fields else name


def consent_purposes(visit: Visit) -> list[tuple[str, str]]:
    """(type, purpose) of what is held on consent alone today."""
    day = civil_day(now())
    declared = [(k, k.processing_on(day)) for k in visit.services.broker.types.values()]
    return [(k.name, visit.words.label(p.purpose)) for k, p in declared if p is not None and p.ground == "consent"]


def _told(visit: Visit, effect: Effect) -> list[tuple[str, int]]:
    return [(visit.words(text), getattr(effect, name)) for name, text in STORES.items()]
