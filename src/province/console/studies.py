"""Planning studies: the list, a study with its map, certificate and assumptions, scenarios side by side, the report."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import quote

from starlette.datastructures import UploadFile
from starlette.responses import Response

from province.adapters.studies import drawing, files
from province.adapters.studies.service import Studies, missing
from province.console import forms, sensitivity
from province.console.display import entity_href, unit_symbol
from province.console.entity import actions_of, choices, steps_of
from province.console.said import Known, Said
from province.console.signin import problem
from province.console.visit import Visit
from province.errors import Conflict, InvalidInput, NotFound, ProvinceError, TooLarge, Unsupported
from province.model import money
from province.model.entity import Entity
from province.model.label import Label
from province.model.query import Query, Where
from province.model.schema import describe
from province.model.study import Assumed, Certificate, Outcome, Quantity, Table
from province.model.time import now, parse_instant
from province.pack import StudyKind
from province.vocab.area import civil_day
from province.vocab.study import BUDGET_UNITS, Study

HOME: Final = "/studies"
SHEET: Final = "study"
LARGEST: Final = 25 * 1024**2
MOST: Final = 4
"""So many scenarios stand side by side."""
_SHOWN: Final = 100
_BLOCK: Final = 256 * 1024
_OWN: Final = ("study.attach", "study.assume", "study.run", "study.vary")
"""Actions that have forms of their own on the page."""
_UNDONE: Final = ("draft", "failed", "cancelled")
_UNIT: Final = Label("Đơn vị ngân sách", "Unit of the budget")
_VALUE: Final = Label("Giá trị", "Value")
_FILE: Final = Label("Tệp", "File")
_BAD: Final = (InvalidInput, Conflict, TooLarge, Unsupported)


@dataclass(frozen=True, slots=True)
class Ground:
    """An assumption on the page. unit: code of the number; empty: a word."""

    name: str
    label: str
    value: str
    unit: str
    source: Said
    since: str
    given: bool


async def overview(visit: Visit) -> Response:
    """Every study that the reader may see, newest first, and the form for another."""
    return await _overview(visit)


async def _overview(visit: Visit, wrong: ProvinceError | None = None) -> Response:
    service = _service(visit)
    query = Query(types=("Study",), order="-modified", limit=_SHOWN, latest=False)
    page = await visit.services.broker.query(query, visit.actor)
    names = {code: visit.words.label(label) for code, label in BUDGET_UNITS}
    kinds = [
        (name, visit.words.label(kind.title), missing(kind), [_unit(visit, unit, kind) for unit in kind.budgets])
        for name, (_, kind) in service.kinds.items()
    ]
    values = {
        "rows": [_row(visit, service, entity) for entity in page.items],
        "kinds": kinds,
        "units": list(names.items()),
        "problem": problem(visit, wrong, _known(None)) if wrong else None,
        "given": forms.given(visit.form) if visit.form is not None else {},
        "most": MOST,
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
        _service(visit).require_budget(visit.text("kind"), unit)
        done = await visit.services.broker.act("study.draft", visit.actor, inputs=inputs)
    except _BAD as error:
        return await _overview(visit, error)
    return visit.see(_href(done.changed[0].id))


async def study(visit: Visit) -> Response:
    """A study: its plan, or what is still to be done."""
    return await _study(visit)


async def _study(visit: Visit, wrong: ProvinceError | None = None) -> Response:
    service, words = _service(visit), visit.words
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
        "state": _state(visit, found.status),
        "kind": words.label(known[1].title) if known else found.kind,
        "budget": _budget(visit, found.budget, known[1] if known else None),
        "author": people.get(found.createdBy or "", ""),
        "base": found.basedOn,
        "running": found.status in ("queued", "running"),
        "editable": found.status in _UNDONE and visit.services.may(visit.actor, "study.change"),
        "startable": found.status in _UNDONE and visit.services.may(visit.actor, "study.run"),
        "missing": missing(known[1]) if known else (),
        "layers": _layers(visit, found, known[1]) if known else [],
        "grounds": _grounds(visit, service, found, known[1]) if known else [],
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
        "outcome": _told(visit, outcome, known[1] if known else None, around) if outcome is not None else None,
        "files": [(name, f"{_href(id)}/files/{name}") for name in files.names(outcome, service.kind_of(found))]
        if outcome
        else [],
        "forms": [forms.form_of(a, words, visit.services.bounds, o) for a, o in zip(offered, options, strict=True)],
        "steps": steps_of(visit, kind_type, records, people, {}),
        "key": secrets.token_hex(16),
        "href": _href(id),
        "record": entity_href(id),
        "known": _known(known[1] if known else None),
        "problem": problem(visit, wrong, _known(known[1] if known else None)) if wrong else None,
        "given": forms.given(visit.form) if visit.form is not None else {},
    }
    return visit.page("study.html", values, status=visit.services.status(wrong) if wrong else 200)


async def attach(visit: Visit) -> Response:
    """Read the file of the form for a layer."""
    id = visit.request.path_params["id"]
    chosen = visit.uploads("file")
    try:
        if not chosen:
            raise InvalidInput("no file was chosen.", field="file", remedy="Choose a file.")
        await _service(visit).attach(
            visit.actor, id, visit.text("layer"), chosen[0].filename or "file", _chunks(chosen[0]),
            crs=visit.text("crs"),
        )  # fmt: skip
    except _BAD as error:
        return await _study(visit, error)
    return visit.see(f"{_href(id)}#inputs")


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
    return visit.see(f"{_href(id)}#inputs")


async def start(visit: Visit) -> Response:
    """Let it be computed."""
    id = visit.request.path_params["id"]
    try:
        await _service(visit).start(visit.actor, id)
    except _BAD as error:
        return await _study(visit, error)
    return visit.see(_href(id))


async def take(visit: Visit) -> Response:
    """Take over what another study found."""
    id = visit.request.path_params["id"]
    try:
        await _service(visit).take(visit.actor, id, visit.text("source"))
    except _BAD as error:
        return await _study(visit, error)
    return visit.see(f"{_href(id)}#inputs")


async def vary(visit: Visit) -> Response:
    """Let variants be computed."""
    id = visit.request.path_params["id"]
    try:
        await _service(visit).vary(visit.actor, id, sensitivity.asked(visit))
    except _BAD as error:
        return await _study(visit, error)
    return visit.see(f"{_href(id)}#sensitivity")


async def varied(visit: Visit) -> Response:
    """The variants as CSV."""
    return await sensitivity.file(visit, _service(visit))


async def file(visit: Visit) -> Response:
    """A file that came of a study."""
    name = visit.request.path_params["name"]
    service = _service(visit)
    found, outcome = await service.outcome(visit.actor, visit.request.path_params["id"])
    content, media = await asyncio.to_thread(files.write, outcome, name, service.kind_of(found))
    headers = {
        "content-disposition": f"attachment; filename*=UTF-8''{quote(name, safe='')}",
        "x-content-type-options": "nosniff",
    }
    return Response(content, 200, headers, media)


async def compare(visit: Visit) -> Response:
    """Scenarios side by side: figures, parks, and the assumptions in which they differ."""
    service = _service(visit)
    ids = list(dict.fromkeys(visit.request.query_params.getlist("id")))[:MOST]
    if len(ids) < 2:
        raise InvalidInput("two studies are needed.", field="id", remedy="Choose two or more in the list.")
    found = [await service.outcome(visit.actor, id) for id in ids]
    plans = [outcome for _, outcome in found]
    kinds = [service.kind_of(s) for s, _ in found]
    values = {
        "studies": [
            {
                "title": s.title,
                "href": _href(s.id),
                "state": _state(visit, s.status),
                "budget": _budget(visit, s.budget, kind),
            }
            for (s, _), kind in zip(found, kinds, strict=True)
        ],
        "figures": _side_by_side(visit, plans),
        "gaps": [_gap(visit, one) for one in plans],
        "differences": _differences(visit, service, [s for s, _ in found]),
        "rows": _rows_side_by_side(visit, plans, kinds),
        "mixed": len({s.kind for s, _ in found}) > 1,
    }
    return visit.page("study_compare.html", values)


async def report_pdf(visit: Visit) -> Response:
    """The report on paper: map, figures, every table, assumptions with sources, certificate."""
    if visit.services.print is None:
        raise NotFound("nothing is printed here.", field="report")
    service, words = _service(visit), visit.words
    found, outcome = await service.outcome(visit.actor, visit.request.path_params["id"])
    pack_kind = service.kinds.get(found.kind)
    kind = pack_kind[1] if pack_kind else None
    drawn = await asyncio.to_thread(drawing.draw, outcome, kind)
    told = _told(visit, outcome, kind, "")
    grounds = _grounds(visit, service, found, pack_kind[1], prices=True) if pack_kind else []
    data = {
        "lang": visit.language,
        "site": words.label(visit.services.title),
        "title": found.title,
        "kind": words.label(pack_kind[1].title) if pack_kind else found.kind,
        "state": f"{_state(visit, found.status)} · {words('Budget')}: {_budget(visit, found.budget, kind)}",
        "figures": [{"label": label, "value": value} for label, value in told["figures"]],
        "partial": told["partial"],
        "map": drawing.svg(drawn) if drawn is not None else "",
        "ratio": drawn.height / drawn.width if drawn is not None else 1,
        "legend": [
            {"sample": drawing.sample(mark, tone), "text": words.label(label)}
            for mark, tone, label in drawing.keys(kind)
        ],
        "tables": [_sheet(visit, table) for table in outcome.tables],
        "grounds": {
            "title": words("Assumptions"),
            "columns": [words("Assumption"), words("Value"), words("Source")],
            "rows": [[g.label, g.value, f"{g.source} ({g.since})" if g.since else g.source] for g in grounds],
        },
        "certificate": {"title": words("Certificate"), "rows": told["certificate"]},
        "remarks": {"title": words("What to bear in mind"), "rows": told["remarks"]},
        "footer": words("Printed %(when)s by %(who)s")
        % {"when": words.instant(now()), "who": visit.actor.name or visit.actor.id},
    }
    name = f"study-{found.id.rpartition(':')[2]}.pdf"
    headers = {"content-disposition": f'inline; filename="{name}"', "cache-control": "no-store"}
    return Response(await visit.services.print(SHEET, data), media_type="application/pdf", headers=headers)


async def _adoption(visit: Visit, service: Studies, found: Study) -> dict[str, Any]:
    """What became of an approved plan: its milestones, and how much of it stands by the register."""
    given = found.adoption or {}
    built = await service.built(visit.actor, found)
    milestones = []
    if given.get("state") == "adopted":
        query = Query(types=("Milestone",), where=(Where("study", "==", found.id),), order="dueOn", limit=100)
        milestones = list((await visit.services.broker.query(query, visit.actor)).items)
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
        "planned": _quantity(visit, built.planned, built.unit) if built else "",
        "done": _quantity(visit, built.done, built.unit) if built else "",
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


def _told(visit: Visit, outcome: Outcome, kind: StudyKind | None, around: str) -> dict[str, Any]:
    """What a page says of an outcome."""
    words = visit.words
    focus = kind.focus if kind else ""
    layer, table = outcome.layer(focus), outcome.table(focus)
    name = next((m.name for m in kind.marks if m.layer == focus), "name") if kind else "name"
    places = [(f.id, str(f.properties.get(name) or f.id)) for f in layer.features] if layer else []
    together = table is not None and len(table.rows) == len(places)
    return {
        "figures": [(words.label(q.label), _quantity(visit, q.value, q.unit)) for q in outcome.figures],
        "drawing": drawing.draw(outcome, kind, around=around),
        "around": next((name for id, name in places if id == around), ""),
        "legend": [(mark, tone, words.label(label)) for mark, tone, label in drawing.keys(kind)],
        "focus": _table(visit, table) if table else None,
        "links": [id for id, _ in places] if together else [],
        "tables": [_table(visit, t) for t in outcome.tables if t.name != focus],
        "certificate": _certificate(visit, outcome, kind),
        "checked": outcome.certificate.checked,
        "proved": _proved(visit, outcome),
        "remarks": [words.label(one) for one in outcome.remarks],
        "partial": words.label(outcome.partial) if outcome.partial else "",
    }


def _certificate(visit: Visit, outcome: Outcome, kind: StudyKind | None) -> list[tuple[str, str]]:
    one, words = outcome.certificate, visit.words
    spent = " / ".join(_money(visit, value, one.budget_unit, kind) for value in (one.spent, one.budget))
    rows = [
        (words.label(one.objective_label), _quantity(visit, one.objective, one.objective_unit)),
        (_bounded(visit, one), _quantity(visit, one.bound, one.objective_unit)),
        (words("Why"), words.label(one.bound_source)),
        (words("Gap to the bound"), _gap(visit, outcome)),
        (words("Spent of the budget"), spent),
        (words("Check"), words.label(one.verdict) if one.checked else words("not confirmed")),
        (words("Computed with"), ", ".join(f"{name} {version}" for name, version in one.versions.items())),
        (words("Inputs (SHA-256)"), one.inputs),
    ]  # fmt: skip
    return [(name, text) for name, text in rows if text]


def _bounded(visit: Visit, one: Certificate) -> str:
    if one.sense == "least":
        return visit.words("No plan can need less than")
    if one.sense == "all":
        return visit.words("There are in all")
    return visit.words("No plan within the budget can exceed")


def _proved(visit: Visit, outcome: Outcome) -> str:
    """How good the plan is, in a sentence."""
    one = outcome.certificate
    if one.gap is None:
        return visit.words("no bound is known for plans of this kind")
    if one.sense == "all" and one.gap == 0:
        return visit.words("every plan was looked at: none is missing")
    if one.gap == 0:
        return visit.words("no plan within the budget is better")
    said = (
        visit.words("at most %(gap)s could be saved")
        if one.sense == "least"
        else visit.words("at most %(gap)s below the best possible")
    )
    return said % {"gap": _gap(visit, outcome)}


def _gap(visit: Visit, outcome: Outcome) -> str:
    gap = outcome.certificate.gap
    return visit.words("no data") if gap is None else f"{visit.words.number(100.0 * gap, 2)}%"


def _table(visit: Visit, table: Table) -> dict[str, Any]:
    heads = []
    for column in table.columns:
        symbol = unit_symbol(column.unit) if column.unit else ""
        name = visit.words.label(column.label)
        heads.append((f"{name} ({symbol})" if symbol else name, bool(column.unit)))
    shown = [i for i, c in enumerate(table.columns) if not c.name.endswith("_en") or visit.language == "en"]
    if visit.language == "en":
        shown = [i for i in shown if f"{table.columns[i].name}_en" not in {c.name for c in table.columns}]
    return {
        "title": visit.words.label(table.title),
        "columns": [heads[i] for i in shown],
        "rows": [[_cell(visit, row[i], table.columns[i].unit) for i in shown] for row in table.rows],
    }


def _cell(visit: Visit, value: str | float | None, unit: str) -> str:
    if value is None:
        return ""
    if isinstance(value, str):
        return value
    return visit.words.number(value, 6 if unit == "DD" else 1)


def _sheet(visit: Visit, table: Table) -> dict[str, Any]:
    """A table on paper. What is known of no row is named below it, for paper is narrow."""
    told = _table(visit, table)
    columns, rows = told["columns"], told["rows"]
    nothing = visit.words("no data")
    empty = [i for i in range(len(columns)) if rows and not any(row[i] for row in rows)]
    kept = [i for i in range(len(columns)) if i not in empty]
    return {
        "title": told["title"],
        "columns": [{"title": columns[i][0], "number": columns[i][1]} for i in kept],
        "rows": [[row[i] or nothing for i in kept] for row in rows],
        "empty": f"{', '.join(columns[i][0] for i in empty)}: {nothing}" if empty else "",
    }


def _side_by_side(visit: Visit, plans: Sequence[Outcome]) -> list[tuple[str, list[str]]]:
    names: dict[str, Quantity] = {q.name: q for outcome in plans for q in outcome.figures}
    rows = []
    for name, first in names.items():
        values = [next((q for q in outcome.figures if q.name == name), None) for outcome in plans]
        rows.append((
            visit.words.label(first.label),
            [_quantity(visit, q.value, q.unit) if q else visit.words("no data") for q in values],
        ))  # fmt: skip
    return rows


def _rows_side_by_side(visit: Visit, plans: Sequence[Outcome], kinds: Sequence[StudyKind | None]) -> dict[str, Any]:
    """The compared column of the table in focus, row by row; nothing for studies of different kinds."""
    kind = kinds[0]
    if kind is None or not kind.compared or any(one is not kind for one in kinds):
        return {}
    found: list[dict[str, float | None]] = []
    title, first, unit = "", "", ""
    for outcome in plans:
        table = outcome.table(kind.focus)
        at = next((i for i, c in enumerate(table.columns) if c.name == kind.compared), -1) if table else -1
        if table is None or at < 0:
            found.append({})
            continue
        unit, first = table.columns[at].unit, visit.words.label(table.columns[0].label)
        title = f"{visit.words.label(table.title)}: {visit.words.label(table.columns[at].label)}"
        found.append({str(r[0]): v for r in table.rows if not isinstance(v := r[at], str)})
    names = dict.fromkeys(name for one in found for name in one)
    rows = [(name, [_quantity(visit, one.get(name), unit) for one in found]) for name in names]
    return {"title": title, "first": first, "rows": rows} if rows else {}


def _differences(visit: Visit, service: Studies, found: Sequence[Study]) -> list[tuple[str, list[str]]]:
    """Assumptions and prices in which the studies differ."""
    every: list[dict[str, Assumed]] = [service.standing(one) for one in found]
    labels: dict[str, Label] = {}
    for one in found:
        if one.kind in service.kinds:
            kind = service.kinds[one.kind][1]
            labels |= {**kind.prices, **kind.assumptions}
    rows = []
    for name, label in labels.items():
        values = [one.get(name) for one in every]
        if len({(v.value, v.unit) if v else None for v in values}) > 1:
            rows.append((visit.words.label(label), [_value(visit, v) if v else visit.words("no data") for v in values]))
    return rows


def _known(kind: StudyKind | None) -> Known:
    """What the pages call fields of a study, its layers, assumptions and prices."""
    fields = {name: spec.field.label for name, spec in describe(Study).fields.items()}
    fields |= {"budget_unit": _UNIT, "value": _VALUE, "file": _FILE}
    if kind is None:
        return fields
    layers = {layer.name: layer.title for layer in kind.layers}
    return {**fields, **kind.prices, **kind.assumptions, **layers}


def _grounds(visit: Visit, service: Studies, found: Study, kind: StudyKind, *, prices: bool = False) -> list[Ground]:
    assumed = service.standing(found)
    names = {**(kind.prices if prices else {}), **kind.assumptions}
    return [
        Ground(
            n,
            visit.words.label(names[n]),
            _value(visit, a),
            a.unit,
            visit.said(a.source, kind.assumptions),
            visit.words.day(a.since),
            a.given,
        )
        for n in names
        if (a := assumed.get(n)) is not None
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
        "href": _href(entity.id),
        "title": entity.value("title"),
        "kind": visit.words.label(kind[1].title) if kind else entity.value("kind"),
        "budget": _budget(visit, entity.value("budget"), kind[1] if kind else None),
        "status": entity.value("status"),
        "state": _state(visit, str(entity.value("status"))),
        "objective": _quantity(visit, objective["value"], objective["unitCode"]) if isinstance(objective, dict) else "",
        "gap": f"{visit.words.number(float(gap), 2)}%" if isinstance(gap, int | float) else "",
        "checked": entity.value("isChecked") is True,
        "computed": isinstance(entity.value("outcome"), str),
        "at": entity.modified_at,
    }


def _state(visit: Visit, status: str) -> str:
    workflow = visit.services.broker.types["Study"].info.workflow
    return visit.words.label(workflow.label(status)) if workflow and status in workflow.states else status


def _budget(visit: Visit, given: Any, kind: StudyKind | None) -> str:
    if not isinstance(given, dict):
        return visit.words("no data")
    return _money(visit, float(given["value"]), str(given["unitCode"]), kind)


def _money(visit: Visit, value: float, unit: str, kind: StudyKind | None) -> str:
    return f"{visit.words.number(value, 1 if unit == 'HAR' else 0)} {_unit(visit, unit, kind)}"


def _unit(visit: Visit, unit: str, kind: StudyKind | None) -> str:
    """What a budget is counted in: a plain number is a number of something."""
    if unit == "C62" and kind is not None:
        return visit.words.label(kind.counted)
    return {code: visit.words.label(label) for code, label in BUDGET_UNITS}.get(unit, unit)


def _quantity(visit: Visit, value: float | None, unit: str) -> str:
    if value is None:
        return visit.words("no data")
    symbol = unit_symbol(unit) if unit else ""
    number = visit.words.number(value, 1)
    return f"{number}%" if symbol == "%" else f"{number} {symbol}".rstrip()


def _value(visit: Visit, one: Assumed) -> str:
    if isinstance(one.value, str):
        return one.value
    symbol = unit_symbol(one.unit) if one.unit else ""
    return f"{visit.words.number(float(one.value), 3)} {symbol}".rstrip()


def _href(id: str) -> str:
    return f"{HOME}/{quote(id, safe=':')}"


async def _chunks(file: UploadFile) -> AsyncIterator[bytes]:
    while block := await file.read(_BLOCK):
        yield block


def _service(visit: Visit) -> Studies:
    if visit.services.studies is None:
        raise NotFound("no studies are made here.", remedy="Begin at the start page.")
    return visit.services.studies
