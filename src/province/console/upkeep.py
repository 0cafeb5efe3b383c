"""How readings are kept: what upkeep did, how large the lake is, and for how long what is kept."""

from __future__ import annotations

from datetime import date
from typing import Any, Final

from starlette.responses import Response

from province.console.language import mark
from province.console.signin import problem
from province.console.visit import Visit
from province.errors import InvalidInput, ProvinceError
from province.model.time import now
from province.vocab.area import civil_day

TASKS: Final = {
    "merge": mark("Files merged"),
    "hours": mark("Roll-ups by hour"),
    "days": mark("Roll-ups by day"),
    "fold": mark("Corrections folded in"),
    "erase": mark("Erasures carried out"),
    "retention": mark("Retention"),
    "vacuum": mark("Old files removed"),
    "tidy": mark("Old log entries removed"),
    "uploads": mark("Uploads that nothing names removed"),
    "quality": mark("Data quality"),
    "night": mark("The night's work"),
}
FIGURES: Final = {
    "files_before": mark("files before"),
    "files": mark("files"),
    "bytes_before": mark("bytes before"),
    "bytes": mark("bytes"),
    "readings": mark("readings"),
    "rows": mark("rows"),
    "corrections": mark("corrections"),
    "count": mark("days"),
    "readings_removed": mark("readings removed"),
    "files_removed": mark("files removed"),
    "attributes": mark("attributes"),
    "hour_files_fewer": mark("roll-up files fewer"),
    "devices": mark("devices"),
    "without_readings": mark("without readings"),
    "senders": mark("senders"),
}


async def lake(visit: Visit) -> Response:
    """The page."""
    return await _show(visit)


async def plan(visit: Visit) -> Response:
    """The page with what retention would remove now; nothing is removed."""
    return await _show(visit, plan=await visit.services.keeping.plan(visit.actor))


async def declare(visit: Visit) -> Response:
    """Declare for how long something is kept."""
    try:
        days = visit.text("days")
        if days and not (days.isdecimal() and len(days) < 7):
            raise InvalidInput(f"{days[:20]!r} is not a number of days.", field="days")
        kind, _, attribute = visit.text("what").partition(".")
        try:
            valid_from = date.fromisoformat(visit.text("from"))
        except ValueError:
            raise InvalidInput("that is not a day.", field="from", remedy="Give yyyy-mm-dd.") from None
        await visit.services.keeping.declare(
            visit.actor, kind or None, attribute or None, int(days) if days else None, valid_from, visit.text("reason")
        )
    except ProvinceError as error:
        return await _show(visit, error=error)
    return visit.see("/lake", done="declared")


async def _show(visit: Visit, *, plan: Any = None, error: ProvinceError | None = None) -> Response:
    keeping, words = visit.services.keeping, visit.words
    runs = []
    newest: dict[str, Any] = {}
    for run in await keeping.runs(visit.actor):
        figures = [(words(name), run.detail[k]) for k, name in FIGURES.items() if run.detail.get(k)]
        row = {"run": run, "name": words(TASKS[run.task]) if run.task in TASKS else run.task, "figures": figures,
               "seconds": (run.ended - run.began).total_seconds(), "error": run.detail.get("error", "")}  # fmt: skip
        newest.setdefault(run.task, row)
        runs.append(row)
    types = {n: t for n, t in visit.services.broker.types.items() if t.observed}
    options = [("", words("everything that is measured"))]
    for name, entity_type in types.items():
        label = words.label(entity_type.info.label)
        options.append((name, label))
        options += [(f"{name}.{s.name}", f"{label}: {words.label(s.field.label)}") for s in entity_type.observed]
    shown = dict(options)
    values: dict[str, Any] = {
        "state": await keeping.lake(visit.actor),
        "newest": [newest[task] for task in TASKS if task in newest],
        "runs": runs[:40],
        "declared": [
            (shown.get(f"{d.type or ''}{'.' + d.attribute if d.attribute else ''}", d.type), d)
            for d in await keeping.declared(visit.actor)
        ],
        "plan": None if plan is None else [(shown.get(f"{p.type}.{p.attribute}", p.type), p) for p in plan],
        "options": options,
        "today": civil_day(now()),
        "problem": problem(visit, error) if error is not None else None,
        "given": {n: visit.text(n) for n in ("what", "days", "from", "reason")} if error is not None else {},
        "done": "done" in visit.request.query_params,
    }
    return visit.page("lake.html", values, status=visit.services.status(error) if error is not None else 200)
