"""What came of a study, as it is read: figures, proof, tables, grounds; scenarios side by side; report and files."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import quote

from starlette.responses import Response

from province.adapters.studies import drawing, files
from province.adapters.studies.service import Studies
from province.console.display import unit_symbol
from province.console.said import Known, Said
from province.console.visit import Visit
from province.errors import InvalidInput, NotFound
from province.model.label import Label
from province.model.schema import describe
from province.model.study import Assumed, Certificate, Outcome, Quantity, Table
from province.model.time import now
from province.pack import StudyKind
from province.vocab.study import BUDGET_UNITS, Study

HOME: Final = "/studies"
SHEET: Final = "study"
MOST: Final = 4
"""So many scenarios stand side by side."""


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


async def file(visit: Visit) -> Response:
    """A file that came of a study."""
    name = visit.request.path_params["name"]
    service = service_of(visit)
    found, outcome = await service.outcome(visit.actor, visit.request.path_params["id"])
    content, media = await asyncio.to_thread(files.write, outcome, name, service.kind_of(found))
    headers = {
        "content-disposition": f"attachment; filename*=UTF-8''{quote(name, safe='')}",
        "x-content-type-options": "nosniff",
    }
    return Response(content, 200, headers, media)


async def compare(visit: Visit) -> Response:
    """Scenarios side by side: figures, parks, and the assumptions in which they differ."""
    service = service_of(visit)
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
                "href": href_of(s.id),
                "state": state_of(visit, s.status),
                "budget": budget_of(visit, s.budget, kind),
            }
            for (s, _), kind in zip(found, kinds, strict=True)
        ],
        "figures": _side_by_side(visit, plans),
        "gaps": [gap_of(visit, one) for one in plans],
        "differences": _differences(visit, service, [s for s, _ in found]),
        "rows": _rows_side_by_side(visit, plans, kinds),
        "mixed": len({s.kind for s, _ in found}) > 1,
    }
    return visit.page("study_compare.html", values)


async def report_pdf(visit: Visit) -> Response:
    """The report on paper: map, figures, every table, assumptions with sources, certificate."""
    if visit.services.print is None:
        raise NotFound("nothing is printed here.", field="report")
    service, words = service_of(visit), visit.words
    found, outcome = await service.outcome(visit.actor, visit.request.path_params["id"])
    pack_kind = service.kinds.get(found.kind)
    kind = pack_kind[1] if pack_kind else None
    drawn = await asyncio.to_thread(drawing.draw, outcome, kind)
    told = page_of(visit, outcome, kind, "")
    grounds = grounds_of(visit, service, found, pack_kind[1], prices=True) if pack_kind else []
    data = {
        "lang": visit.language,
        "site": words.label(visit.services.title),
        "title": found.title,
        "kind": words.label(pack_kind[1].title) if pack_kind else found.kind,
        "state": f"{state_of(visit, found.status)} · {words('Budget')}: {budget_of(visit, found.budget, kind)}",
        "figures": [{"label": label, "value": value} for label, value in told["figures"]],
        "partial": told["partial"],
        "map": drawing.svg(drawn) if drawn is not None else "",
        "ratio": drawn.height / drawn.width if drawn is not None else 1,
        "credits": "; ".join(outcome.credits),
        "legend": [
            {"sample": drawing.sample(mark, tone), "text": words.label(label)}
            for mark, tone, label in drawing.keys(kind)
        ],
        "tables": [_sheet(visit, table) for table in outcome.tables],
        "grounds": {
            "title": words("Assumptions"),
            "columns": [words("Assumption"), words("Value"), words("Source")],
            "rows": [[g.label, g.value, f"{g.source} ({g.since})" if g.since else str(g.source)] for g in grounds],
        },
        "certificate": {"title": words("Certificate"), "rows": told["certificate"]},
        "remarks": {"title": words("What to bear in mind"), "rows": told["remarks"]},
        "footer": words("Printed %(when)s by %(who)s")
        % {"when": words.instant(now()), "who": visit.actor.name or visit.actor.id},
    }
    name = f"study-{found.id.rpartition(':')[2]}.pdf"
    headers = {"content-disposition": f'inline; filename="{name}"', "cache-control": "no-store"}
    return Response(await visit.services.print(SHEET, data), media_type="application/pdf", headers=headers)


def page_of(visit: Visit, outcome: Outcome, kind: StudyKind | None, around: str) -> dict[str, Any]:
    """What a page says of an outcome."""
    words = visit.words
    focus = kind.focus if kind else ""
    layer, table = outcome.layer(focus), outcome.table(focus)
    name = next((m.name for m in kind.marks if m.layer == focus), "name") if kind else "name"
    places = [(f.id, str(f.properties.get(name) or f.id)) for f in layer.features] if layer else []
    together = table is not None and len(table.rows) == len(places)
    return {
        "figures": [(words.label(q.label), quantity(visit, q.value, q.unit)) for q in outcome.figures],
        "drawing": drawing.draw(outcome, kind, around=around),
        "around": next((name for id, name in places if id == around), ""),
        "legend": [(mark, tone, words.label(label)) for mark, tone, label in drawing.keys(kind)],
        "focus": _table(visit, table) if table else None,
        "links": [id for id, _ in places] if together else [],
        "tables": [_table(visit, t) for t in outcome.tables if t.name != focus],
        "certificate": _certificate(visit, outcome, kind),
        "checked": outcome.certificate.checked,
        "credits": outcome.credits,
        "proved": _proved(visit, outcome),
        "remarks": [words.label(one) for one in outcome.remarks],
        "partial": words.label(outcome.partial) if outcome.partial else "",
    }


def _certificate(visit: Visit, outcome: Outcome, kind: StudyKind | None) -> list[tuple[str, str]]:
    one, words = outcome.certificate, visit.words
    spent = " / ".join(_money(visit, value, one.budget_unit, kind) for value in (one.spent, one.budget))
    rows = [
        (words.label(one.objective_label), quantity(visit, one.objective, one.objective_unit)),
        (_bounded(visit, one), quantity(visit, one.bound, one.objective_unit)),
        (words("Why"), words.label(one.bound_source)),
        (words("Gap to the bound"), gap_of(visit, outcome)),
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
    return said % {"gap": gap_of(visit, outcome)}


def gap_of(visit: Visit, outcome: Outcome) -> str:
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
            [quantity(visit, q.value, q.unit) if q else visit.words("no data") for q in values],
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
    rows = [(name, [quantity(visit, one.get(name), unit) for one in found]) for name in names]
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
            rows.append(
                (
                    visit.words.label(label),
                    [value_of(visit, v.value, v.unit) if v else visit.words("no data") for v in values],
                )
            )
    return rows


_FORM: Final = {  # what the forms ask for besides the fields of a study
    "budget_unit": Label("Đơn vị ngân sách", "Unit of the budget"),
    "value": Label("Giá trị", "Value"),
    "file": Label("Tệp", "File"),
    "layer": Label("Lớp dữ liệu", "Layer"),
    "crs": Label("Hệ toạ độ", "Coordinate system"),
    "varied": Label("Giả định thay đổi", "What is varied"),
    "due": Label("Hoàn thành trước ngày", "All is built by"),
    "steps": Label("Các mốc giữa kỳ", "Steps on the way"),
    "line": Label("Dòng của quy hoạch", "Line of the plan"),
}


def known_of(kind: StudyKind | None) -> Known:
    """What the pages call fields of a study, its layers, assumptions and prices."""
    fields = {name: spec.field.label for name, spec in describe(Study).fields.items()} | _FORM
    if kind is None:
        return fields
    return {**fields, **kind.prices, **kind.assumptions, **{layer.name: layer.title for layer in kind.layers}}


def grounds_of(visit: Visit, service: Studies, found: Study, kind: StudyKind, *, prices: bool = False) -> list[Ground]:
    assumed = service.standing(found)
    names = {**(kind.prices if prices else {}), **kind.assumptions}
    return [
        Ground(
            n,
            visit.words.label(names[n]),
            value_of(visit, a.value, a.unit),
            a.unit,
            visit.said(a.source, kind.assumptions),
            visit.words.day(a.since),
            a.given,
        )
        for n in names
        if (a := assumed.get(n)) is not None
    ]


def state_of(visit: Visit, status: str) -> str:
    workflow = visit.services.broker.types["Study"].info.workflow
    return visit.words.label(workflow.label(status)) if workflow and status in workflow.states else status


def budget_of(visit: Visit, given: Any, kind: StudyKind | None) -> str:
    if not isinstance(given, dict):
        return visit.words("no data")
    return _money(visit, float(given["value"]), str(given["unitCode"]), kind)


def _money(visit: Visit, value: float, unit: str, kind: StudyKind | None) -> str:
    return f"{visit.words.number(value, 1 if unit == 'HAR' else 0)} {budget_unit(visit, unit, kind)}"


def budget_unit(visit: Visit, unit: str, kind: StudyKind | None) -> str:
    """What a budget is counted in: a plain number is a number of something."""
    if unit == "C62" and kind is not None:
        return visit.words.label(kind.counted)
    return {code: visit.words.label(label) for code, label in BUDGET_UNITS}.get(unit, unit)


def quantity(visit: Visit, value: float | None, unit: str) -> str:
    if value is None:
        return visit.words("no data")
    symbol = unit_symbol(unit) if unit else ""
    number = visit.words.number(value, 1)
    return f"{number}%" if symbol == "%" else f"{number} {symbol}".rstrip()


def value_of(visit: Visit, value: float | str, unit: str) -> str:
    """The value of an assumption: a number with its unit, or a word."""
    if isinstance(value, str):
        return value
    return f"{visit.words.number(float(value), 3)} {unit_symbol(unit) if unit else ''}".rstrip()


def href_of(id: str) -> str:
    return f"{HOME}/{quote(id, safe=':')}"


def service_of(visit: Visit) -> Studies:
    if visit.services.studies is None:
        raise NotFound("no studies are made here.", remedy="Begin at the start page.")
    return visit.services.studies
