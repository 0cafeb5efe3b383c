"""Planning studies: the list, and a study with its forms: inputs, assumptions, what is still to be done, adoption."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import AsyncIterator
from typing import Any, Final
from urllib.parse import quote

from starlette.datastructures import UploadFile
from starlette.responses import Response

from province.adapters.studies import files
from province.adapters.studies.service import Studies, credit_of, missing
from province.console import forms, outcomes, sensitivity
from province.console.display import entity_href
from province.console.entity import actions_of, choices, steps_of
from province.console.navigation import readable
from province.console.signin import problem
from province.console.visit import Visit
from province.errors import Conflict, InvalidInput, NotAllowed, NotFound, ProvinceError, TooLarge, Unsupported
from province.model import money
from province.model.entity import Entity
from province.model.query import Query, Where
from province.model.time import now, parse_instant
from province.pack import StudyKind
from province.vocab.area import civil_day
from province.vocab.study import BUDGET_UNITS, Study

LARGEST: Final = 25 * 1024**2
_SHOWN: Final = 100
_BLOCK: Final = 256 * 1024
_OWN: Final = ("study.attach", "study.assume", "study.run", "study.vary")
"""Actions that have forms of their own on the page."""
_UNDONE: Final = ("draft", "failed", "cancelled")
_BAD: Final = (InvalidInput, Conflict, TooLarge, Unsupported)


async def overview(visit: Visit) -> Response:
    """Every study that the reader may see, newest first, and the form for another."""
    return await _overview(visit)


async def _overview(visit: Visit, wrong: ProvinceError | None = None) -> Response:
    service = outcomes.service_of(visit)
    query = Query(types=("Study",), order="-modified", limit=_SHOWN, latest=False)
    page = await visit.services.broker.query(query, visit.actor)
    names = {code: visit.words.label(label) for code, label in BUDGET_UNITS}
    kinds = [
        (
            name,
            visit.words.label(kind.title),
            missing(kind),
            [outcomes.budget_unit(visit, unit, kind) for unit in kind.budgets],
        )
        for name, (_, kind) in service.kinds.items()
    ]
    values = {
        "rows": [_row(visit, service, entity) for entity in page.items],
        "kinds": kinds,
        "units": list(names.items()),
        "problem": problem(visit, wrong, outcomes.known_of(None)) if wrong else None,
        "given": forms.given(visit.form) if visit.form is not None else {},
        "most": outcomes.MOST,
    }
    return visit.page("studies.html", values, status=visit.services.status(wrong) if wrong else 200)


async def create(visit: Visit) -> Response:
    """Draft a study from the form."""
    unit = visit.text("budget_unit")
    try:
        read = money.read_sum if unit == "VND" else money.read_number
        inputs = {
            "title": visit.text("title"), "kind": visit.text("kind"), "budget_unit": unit,
            "budget": read(visit.text("budget"), field="budget"),
        }  # fmt: skip
        outcomes.service_of(visit).require_budget(visit.text("kind"), unit)
        done = await visit.services.broker.act("study.draft", visit.actor, inputs=inputs)
    except _BAD as error:
        return await _overview(visit, error)
    return visit.see(outcomes.href_of(done.changed[0].id))


async def study(visit: Visit) -> Response:
    """A study: its plan, or what is still to be done."""
    return await _study(visit)


async def _study(visit: Visit, wrong: ProvinceError | None = None) -> Response:
    service, words = outcomes.service_of(visit), visit.words
    id = visit.request.path_params["id"]
    entity = await visit.services.broker.get(id, visit.actor, type="Study", latest=False)
    found = await service.get(id, visit.actor)
    known = service.kinds.get(found.kind)
    outcome = (await service.outcome(visit.actor, id))[1] if found.outcome else None
    around = visit.request.query_params.get("at", "")
    adopted = found.adoption or {}
    adoptable = known is not None and known[1].adoption is not None and adopted.get("state") in (None, "failed")
    offered = [a for a in actions_of(visit, entity) if a.name not in _OWN and (a.name != "study.adopt" or adoptable)]
    options = await asyncio.gather(*(choices(visit, a) for a in offered))
    history = await visit.services.broker.history(id, visit.actor, attrs=("status",), limit=100)
    records = list(history.records)
    writers = {r.actor for r in records} | ({found.createdBy} if found.createdBy else set())
    own = visit.words("System")
    people = {w: own if w.startswith("system:") else w for w in writers} | dict(
        await visit.services.people(visit.actor, sorted(writers))
    )
    kind_type = visit.services.broker.types["Study"]
    values = {
        "it": found,
        "state": outcomes.state_of(visit, found.status),
        "kind": words.label(known[1].title) if known else found.kind,
        "budget": outcomes.budget_of(visit, found.budget, known[1] if known else None),
        "author": people.get(found.createdBy or "", ""),
        "base": await _base(visit, found),
        "running": found.status in ("queued", "running"),
        "editable": found.status in _UNDONE and visit.services.may(visit.actor, "study.change"),
        "startable": found.status in _UNDONE and visit.services.may(visit.actor, "study.run"),
        "missing": missing(known[1]) if known else (),
        "layers": _layers(visit, found, known[1]) if known else [],
        "grounds": outcomes.grounds_of(visit, service, found, known[1]) if known else [],
        "adoption": await _adoption(visit, service, found) if adopted else None,
        "sensitivity": (
            await sensitivity.card(visit, service, found, known[1], outcome)
            if outcome is not None and known is not None and found.problem
            else None
        ),
        "offers": [(s.id, s.title) for s in await service.offers(visit.actor, found)]
        if found.status in _UNDONE
        else [],
        "prices": _prices(visit, found, known[1]) if known else [],
        "outcome": outcomes.page_of(visit, outcome, known[1] if known else None, around)
        if outcome is not None
        else None,
        "files": [
            (name, f"{outcomes.href_of(id)}/files/{name}") for name in files.names(outcome, service.kind_of(found))
        ]
        if outcome
        else [],
        "forms": [forms.form_of(a, words, visit.services.bounds, o) for a, o in zip(offered, options, strict=True)],
        "steps": steps_of(visit, kind_type, records, people, {}),
        "key": secrets.token_hex(16),
        "href": outcomes.href_of(id),
        "record": entity_href(id),
        "known": outcomes.known_of(known[1] if known else None),
        "problem": problem(visit, wrong, outcomes.known_of(known[1] if known else None)) if wrong else None,
        "given": forms.given(visit.form) if visit.form is not None else {},
    }
    return visit.page("study.html", values, status=visit.services.status(wrong) if wrong else 200)


async def _base(visit: Visit, found: Study) -> Study | None:
    """The study that it was copied from; None when there is none that the reader may see."""
    if found.basedOn is None:
        return None
    try:
        return await outcomes.service_of(visit).get(found.basedOn, visit.actor)
    except (NotFound, NotAllowed):
        return None


async def attach(visit: Visit) -> Response:
    """Read the file of the form for a layer."""
    id = visit.request.path_params["id"]
    chosen = visit.uploads("file")
    try:
        if not chosen:
            raise InvalidInput("no file was chosen.", field="file", remedy="Choose a file.")
        await outcomes.service_of(visit).attach(
            visit.actor, id, visit.text("layer"), chosen[0].filename or "file", _chunks(chosen[0]),
            crs=visit.text("crs"),
        )  # fmt: skip
    except _BAD as error:
        return await _study(visit, error)
    return visit.see(f"{outcomes.href_of(id)}#inputs")


async def assume(visit: Visit) -> Response:
    """Set an assumption or a price, with its source."""
    id = visit.request.path_params["id"]
    name, unit = visit.text("name"), visit.text("unit")
    value = visit.text("value")
    try:
        if unit:
            value = repr((money.read_sum if unit == "VND" else money.read_number)(value, field="value"))
        inputs = {"name": name, "value": value, "unit": unit or "C62", "source": visit.text("source")}
        await visit.services.broker.act("study.assume", visit.actor, id=id, inputs=inputs)
    except _BAD as error:
        return await _study(visit, error)
    return visit.see(f"{outcomes.href_of(id)}#inputs")


async def start(visit: Visit) -> Response:
    """Let it be computed."""
    id = visit.request.path_params["id"]
    try:
        await outcomes.service_of(visit).start(visit.actor, id)
    except _BAD as error:
        return await _study(visit, error)
    return visit.see(outcomes.href_of(id))


async def take(visit: Visit) -> Response:
    """Take over what another study found."""
    id = visit.request.path_params["id"]
    try:
        await outcomes.service_of(visit).take(visit.actor, id, visit.text("source"))
    except _BAD as error:
        return await _study(visit, error)
    return visit.see(f"{outcomes.href_of(id)}#inputs")


async def vary(visit: Visit) -> Response:
    """Let variants be computed."""
    id = visit.request.path_params["id"]
    try:
        await outcomes.service_of(visit).vary(visit.actor, id, sensitivity.asked(visit))
    except _BAD as error:
        return await _study(visit, error)
    return visit.see(f"{outcomes.href_of(id)}#sensitivity")


async def varied(visit: Visit) -> Response:
    """The variants as CSV."""
    return await sensitivity.file(visit, outcomes.service_of(visit))


async def _adoption(visit: Visit, service: Studies, found: Study) -> dict[str, Any]:
    """What became of an approved plan: its milestones, and how much of it stands by the register."""
    given = found.adoption or {}
    built = await service.built(visit.actor, found)
    milestones = []
    if given.get("state") == "adopted":
        query = Query(types=("Milestone",), where=(Where("study", "==", found.id),), order="dueOn", limit=100)
        found_there = (await visit.services.broker.query(query, visit.actor)).items
        milestones = sorted(found_there, key=lambda m: (str(m.value("dueOn")), str(m.value("line"))))
    label = visit.services.broker.types["Milestone"].info.workflow
    by = str(given.get("by") or "")
    people = {by: by} | dict(await visit.services.people(visit.actor, [by] if by else []))
    return {
        "state": given.get("state"),
        "failure": given.get("failure"),
        "remedy": given.get("remedy"),
        "by": people.get(by, by),
        "at": parse_instant(given["at"]) if given.get("at") else None,
        "items": given.get("items"),
        "registers": _registers(visit, service, found) if given.get("state") == "adopted" else [],
        "planned": outcomes.quantity(visit, built.planned, built.unit) if built else "",
        "done": outcomes.quantity(visit, built.done, built.unit) if built else "",
        "share": built.share if built else None,
        "register": visit.words.label(built.register) if built else "",
        "counted": built.at if built else None,
        "milestones": [
            {
                "href": entity_href(m.id),
                "title": m.value("title"),
                "line": m.value("line"),
                "due": visit.words.day(str(m.value("dueOn"))),
                "share": m.value("share"),
                "state": visit.words.label(label.label(str(m.value("status")))) if label else "",
                "late": m.value("status") == "planned" and str(m.value("dueOn")) < civil_day(now()),
                "enough": built is not None and built.share >= float(m.value("share") or 100),
            }
            for m in milestones
        ],
    }


def _registers(visit: Visit, service: Studies, found: Study) -> list[tuple[str, str]]:
    """(name, address) of what the plan was entered as, for those who may read it."""
    kind = service.kind_of(found)
    adoption = kind.adoption if kind is not None else None
    types = [one.of.TYPE for one in (adoption, adoption.whole if adoption else None) if one]  # type: ignore[attr-defined]
    return [
        (visit.words.label(info.label), f"/list/{info.name}?plan={quote(found.id, safe=':')}")
        for info in types
        if readable(visit.services, visit.actor, info.name)
    ]


def _prices(visit: Visit, found: Study, kind: StudyKind) -> list[tuple[str, str, str, str]]:
    """(name, label, value, source)."""
    rows = []
    for name, label in kind.prices.items():
        given = (found.assumptions or {}).get(name)
        value = f"{visit.words.number(float(given['value']), 0)} ₫" if given else ""
        rows.append((name, visit.words.label(label), value, str(given["source"]) if given else ""))
    return rows


def _layers(visit: Visit, found: Study, kind: StudyKind) -> list[dict[str, Any]]:
    types = visit.services.broker.types
    rows = []
    for layer in kind.layers:
        given = (found.layers or {}).get(layer.name)
        name: str = layer.of.TYPE.name if layer.of is not None else ""  # type: ignore[attr-defined]
        rows.append({
            "name": layer.name,
            "title": visit.words.label(layer.title),
            "file": f"{given['name']} ({given['rows']})" if given else "",
            "credit": credit_of(given) if given else "",
            "register": visit.words.label(types[name].info.label) if name in types and not given else "",
            "link": f"/list/{name}" if name in types and not given else "",
            "raster": layer.raster,
            "columns": ", ".join(f"{n} – {visit.words.label(label)}" for n, label in layer.columns.items()),
        })  # fmt: skip
    return rows


def _row(visit: Visit, service: Studies, entity: Entity) -> dict[str, Any]:
    kind = service.kinds.get(str(entity.value("kind")))
    gap = entity.value("gap")
    objective = entity.value("objective")
    return {
        "id": entity.id,
        "href": outcomes.href_of(entity.id),
        "title": entity.value("title"),
        "kind": visit.words.label(kind[1].title) if kind else entity.value("kind"),
        "budget": outcomes.budget_of(visit, entity.value("budget"), kind[1] if kind else None),
        "status": entity.value("status"),
        "state": outcomes.state_of(visit, str(entity.value("status"))),
        "objective": outcomes.quantity(visit, objective["value"], objective["unitCode"])
        if isinstance(objective, dict)
        else "",
        "gap": f"{visit.words.number(float(gap), 2)}%" if isinstance(gap, int | float) else "",
        "checked": entity.value("isChecked") is True,
        "computed": isinstance(entity.value("outcome"), str),
        "at": entity.modified_at,
    }


async def _chunks(file: UploadFile) -> AsyncIterator[bytes]:
    while block := await file.read(_BLOCK):
        yield block
