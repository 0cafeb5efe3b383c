"""What a plan hangs on: the form that varies its assumptions, the chart and table of what came of it, the file."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import quote

from starlette.responses import Response

from province.adapters.studies import sensitivity
from province.adapters.studies.service import Studies
from province.adapters.tables import writers
from province.console.outcomes import href_of, quantity, value_of
from province.console.said import Known
from province.console.visit import Visit
from province.model.label import Label
from province.model.study import Assumed, Outcome, Spread, Variant
from province.pack import StudyKind
from province.vocab.sensitivity import BUDGET, SENSITIVITY, Sensitivity
from province.vocab.study import Study

WIDTH: Final = 480
_ROW: Final = 34
_LEFT: Final = 8
_TEXT: Final = 14
_SHOWN: Final = 200
"""Items of a plan on the page; the file has all."""


@dataclass(frozen=True, slots=True)
class Bar:
    """A variant in the chart. side: `up` or `down` by the better or worse result."""

    x: float
    width: float
    side: str
    title: str


@dataclass(frozen=True, slots=True)
class Band:
    """An assumption in the chart. y: of its name.  bars: of its variants."""

    name: str
    y: int
    bars: tuple[Bar, ...]


async def card(visit: Visit, service: Studies, found: Study, kind: StudyKind, base: Outcome) -> dict[str, Any]:
    """Everything that the page of a study says of its sensitivity."""
    runs = await service.runs(visit.actor, found.id)
    latest = next((r for r in runs if r.outcome and r.status in ("computed", "cancelled", "failed")), None)
    active = next((r for r in runs if r.status in ("queued", "running")), None)
    failed = runs[0] if runs and runs[0].status == "failed" else None
    names = sensitivity.labels(service, found.kind)
    assumed = service.standing(found)
    words = [(n, visit.words.label(names[n])) for n in names if n in assumed and _shared(assumed[n])]
    return {
        "choices": [(BUDGET, visit.words.label(names[BUDGET])), *words],
        "names": [(n, visit.words.label(names[n])) for n in names if n in assumed],
        "example": _example(assumed),
        "active": _run(visit, active, names) if active else None,
        "failed": _run(visit, failed, names) if failed else None,
        "told": await _told(visit, service, latest, names) if latest else None,
        "seconds": found.seconds,
        "kind": kind,
        "base": base.certificate.objective,
    }


async def file(visit: Visit, service: Studies) -> Response:
    """The table of a run as CSV."""
    run, spread = await service.spread(visit.actor, visit.request.path_params["run"])
    study = await service.get(run.study, visit.actor)
    content = sensitivity.csv(spread, sensitivity.labels(service, study.kind))
    headers = {"content-disposition": 'attachment; filename="sensitivity.csv"', "x-content-type-options": "nosniff"}
    return Response(content, 200, headers, writers.MEDIA["csv"])


def _shared(one: Assumed) -> bool:
    """Whether a share of it means something: not of a word, nor of a level in decibels."""
    return not isinstance(one.value, str) and one.unit not in sensitivity.LEVELS


def _example(assumed: Mapping[str, Assumed]) -> str:
    """What a planner may write by hand for this very study."""
    shares = [(n, float(a.value)) for n, a in assumed.items() if not isinstance(a.value, str) and a.value]
    return "; ".join(f"{name}={0.8 * value:g}..{1.2 * value:g}" for name, value in shares[:2])


def asked(visit: Visit) -> str:
    """What the form asks for, as text: the ticked assumptions by a share, and what was written by hand."""
    form = visit.form
    ticked = [str(v) for v in form.getlist("name")] if form is not None else []
    share = visit.text("share").strip().rstrip("%").strip()
    parts = [f"{name}=±{share}%" for name in ticked]
    return "; ".join([*parts, *([visit.text("more")] if visit.text("more").strip() else [])])


def _run(visit: Visit, run: Sensitivity, known: Known) -> dict[str, Any]:
    return {
        "id": run.id,
        "state": visit.words.label(SENSITIVITY.label(run.status)),
        "progress": run.progress or 0,
        "stage": (run.stage or {}).get(visit.language),
        "failure": visit.said(run.failure, known),
        "remedy": visit.said(run.remedy, known),
    }


async def _told(visit: Visit, service: Studies, run: Sensitivity, names: dict[str, Label] | Any) -> dict[str, Any]:
    _, spread = await service.spread(visit.actor, run.id)
    words = visit.words
    order = sorted({v.name: None for v in spread.variants}, key=lambda n: -spread.swing(n))
    drawn = [n for n in order if any(v.name == n and v.objective is not None for v in spread.variants)]
    named = {n: words.label(names.get(n, Label(n, n))) for n in order}
    figures = sensitivity.figures_changed(spread)
    rows = [
        [named[v.name], value_of(visit, v.value, v.unit), *_numbers(visit, spread, v),
         *(_figure(visit, v, q.name, q.unit) for q in figures)]
        for n in order for v in spread.variants if v.name == n and not v.failure
    ]  # fmt: skip
    kept = [p for p in spread.picks if p.kept == spread.computed]
    least = spread.gap or 0.0
    return {
        "id": run.id,
        "at": run.finishedAt,
        "chart": _chart(visit, spread, drawn, named),
        "height": _ROW * len(drawn) + 2 * _TEXT + 8,
        "width": WIDTH,
        "middle": round(_scale(spread)(spread.objective), 1),
        "label": words.label(spread.objective_label),
        "base": quantity(visit, spread.objective, spread.objective_unit),
        "columns": [words.label(q.label) for q in figures],
        "rows": rows,
        "first": [quantity(visit, q.value, q.unit) for q in figures],
        "open": least > 0,
        "gap": f"{words.number(100 * least, 2)}%" if spread.gap is not None else "",
        # More plans on a front are neither better nor worse.
        "keys": (words("more"), words("fewer")) if spread.sense == "all" else (words("better"), words("worse")),
        "failures": [
            (named[v.name], value_of(visit, v.value, v.unit), visit.said(v.failure, names), visit.said(v.remedy, names))
            for v in spread.variants if v.failure
        ],
        "computed": spread.computed,
        "variants": len(spread.variants),
        "asked": max(spread.asked, len(spread.variants)),
        "kept": len(kept),
        "picks": [(p.name, p.kept) for p in sorted(spread.picks, key=lambda p: (-p.kept, p.name))[:_SHOWN]],
        "every": len(spread.picks),
        "file": f"{href_of(run.study)}/sensitivity/{quote(run.id, safe=':')}.csv",
    }  # fmt: skip


def _numbers(visit: Visit, spread: Spread, one: Variant) -> list[str]:
    """Objective, its change, and the gap."""
    assert one.objective is not None
    change = one.objective - spread.objective
    part = f" ({'+' if change > 0 else ''}{visit.words.number(100 * change / spread.objective, 1)}%)"
    gap = visit.words.number(100 * one.gap, 2) + "%" if one.gap is not None else visit.words("no data")
    return [
        quantity(visit, one.objective, spread.objective_unit),
        f"{'+' if change > 0 else ''}{visit.words.number(change, 1)}{part if spread.objective else ''}",
        gap,
    ]


def _figure(visit: Visit, one: Variant, name: str, unit: str) -> str:
    return quantity(visit, next((q.value for q in one.figures if q.name == name), None), unit)


def _scale(spread: Spread) -> Any:
    """From an objective to a place in the chart."""
    told = [spread.objective, *(v.objective for v in spread.variants if v.objective is not None)]
    low, high = min(told), max(told)
    wide = (high - low) or 1.0
    return lambda value: _LEFT + (value - low) / wide * (WIDTH - 2 * _LEFT)


def _chart(visit: Visit, spread: Spread, order: list[str], named: dict[str, str]) -> list[Band]:
    """Bars from the plan as it is to each variant, the widest assumption first."""
    scale = _scale(spread)
    middle = scale(spread.objective)
    bands = []
    for row, name in enumerate(order):
        bars = []
        for one in spread.variants:
            if one.name != name or one.objective is None:
                continue
            x = scale(one.objective)
            better = (one.objective >= spread.objective) == (spread.sense != "least")
            value, result = value_of(visit, one.value, one.unit), quantity(visit, one.objective, spread.objective_unit)
            bars.append(Bar(round(min(x, middle), 1), round(abs(x - middle), 1), "up" if better else "down",
                            f"{named[name]} = {value}: {result}"))  # fmt: skip
        bands.append(Band(named[name], row * _ROW + _TEXT, tuple(bars)))
    return bands
