"""The plan's public pages: the front door with all lines, one page per line, the annual report and its PDF."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from starlette.responses import Response

from province.broker.actions import inputs_of
from province.console import creating, lists
from province.console.display import Words, unit_symbol
from province.console.language import mark
from province.console.navigation import readable
from province.console.services import Annex
from province.console.visit import Visit
from province.errors import NotFound
from province.model.annex import AnnexView, LineView, WhyNot
from province.model.goal import Comparator, Goal, Outcome
from province.model.label import Label
from province.model.unit import convert
from province.pack import Board, Map, Silent, Table
from province.vocab.area import parse_day

HOME: Final = "/phu-luc-xiv"
SCREENS: Final = 4
"""So many links to working screens a line shows; the register of a pack comes first."""
OUTCOMES: Final[Mapping[Outcome, str]] = {
    "met": mark("met"),
    "not_met": mark("not met yet"),
    "no_data": mark("not yet measured"),
}
WHY_NOT: Final[Mapping[WhyNot, str]] = {
    "no_indicator": mark("No part of the system measures this yet."),
    "no_value": mark("There is nothing to compute it from yet."),
    "no_right": mark("The value is not shown without the right to read what it is computed from."),
    "not_kept": mark("No value was kept of that day."),
    "pending": mark("It is being computed. Look again in a moment."),
}
COMPARATORS: Final[Mapping[Comparator, str]] = {
    "at least": mark("at least"),
    "more than": mark("more than"),
    "at most": mark("at most"),
    "less than": mark("less than"),
    "about": mark("about"),
}
EDITIONS: Final[Mapping[str, str]] = {"63": mark("Edition with 63 provinces"), "34": mark("Edition with 34 provinces")}


@dataclass(frozen=True, slots=True)
class Screen:
    """A working screen of a line."""

    href: str
    title: Label | str


@dataclass(frozen=True, slots=True)
class Chapter:
    """A chapter of the Annex with its lines."""

    code: str
    name: Label
    lines: tuple[LineView, ...]


class Writer:
    """How the pages write goals and values. One per request."""

    def __init__(self, words: Words) -> None:
        self._words = words

    def quantity(self, value: float, unit: str) -> str:
        """A value with its unit."""
        number = self._words.number(value, 2)
        name = self._words(mark("days")) if unit == "DAY" else unit_symbol(unit)
        return f"{number}{name}" if name == "%" else f"{number} {name}".rstrip()

    def goal(self, goal: Goal) -> str:
        """A goal: comparator, value and unit."""
        return f"{self._words(COMPARATORS[goal.comparator])} {self.quantity(goal.value, goal.unit)}"

    def measured(self, value: float, unit: str, goal: Goal) -> str:
        """A measured value in the unit of its goal."""
        return self.quantity(convert(value, unit, goal.unit), goal.unit)

    def day(self, day: str) -> str:
        """A civil day as people write it."""
        year, month, rest = day.split("-")
        return f"{rest}/{month}/{year}"

    def money(self, amount: int) -> str:
        """An amount of đồng."""
        return f"{self._words.number(amount, 0)} ₫"


async def plan(visit: Visit) -> Response:
    """All lines grouped as in the Annex, as written, each with what is behind it."""
    view = await _annex(visit).view(visit.actor, _day(visit))
    return visit.page(
        "annex.html", {**_common(visit, view), "chapters": chapters(view), "screens": screens_by_row(visit, view)}
    )


async def line(visit: Visit) -> Response:
    """One line or commitment: values with source, time, owner, formula and what was left out."""
    view = await _annex(visit).view(visit.actor, _day(visit))
    code = visit.request.path_params["code"]
    everything = view.everything
    position = next((i for i, one in enumerate(everything) if one.code == code), None)
    if position is None:
        first = next((one.code for one in everything if one.row == code), None)
        if first is not None:
            return visit.see(f"{HOME}#{first}")
        raise NotFound(f"the plan has no line {code[:40]!r}.", field="code", remedy="Choose one of the list.")
    one = everything[position]
    values = {
        "one": one,
        "screens": screens_by_row(visit, view).get(one.row, ()),
        "starts": _starts(visit, one.code),
        "before": everything[position - 1] if position else None,
        "after": everything[position + 1] if position + 1 < len(everything) else None,
    }
    return visit.page("annex_line.html", {**_common(visit, view), **values})


async def report(visit: Visit) -> Response:
    """The annual implementation report as a page."""
    found = await _annex(visit).report(visit.actor, visit.request.path_params["year"])
    return visit.page(
        "annex_report.html", {**_common(visit, found.annex), "report": found, "chapters": chapters(found.annex)}
    )


async def report_pdf(visit: Visit) -> Response:
    """The same report as a PDF, in the language of the reader."""
    annex = _annex(visit)
    found = await annex.report(visit.actor, visit.request.path_params["year"])
    name = f"phu-luc-xiv-{found.year}.pdf" if visit.language == "vi" else f"annex-xiv-{found.year}.pdf"
    headers = {"content-disposition": f'inline; filename="{name}"'}
    return Response(await annex.print(found, visit.language), media_type="application/pdf", headers=headers)


def _starts(visit: Visit, code: str) -> list[tuple[str, Label]]:
    """Links to what makes something for a line of the plan: a project, a milestone."""
    return [
        (f"{creating.HOME}/{action.name}?line={code}", action.title)
        for action in lists.offered(visit)
        if any(i.name == "line" for i in inputs_of(action))
    ]


def chapters(view: AnnexView) -> list[Chapter]:
    """The lines grouped by chapter, in the order of the Annex."""
    found: dict[str, list[LineView]] = {}
    for one in view.lines:
        found.setdefault(one.chapter, []).append(one)
    return [Chapter(code, lines[0].chapter_name or Label(code, code), tuple(lines)) for code, lines in found.items()]


def screens_by_row(visit: Visit, view: AnnexView) -> dict[str, tuple[Screen, ...]]:
    """Row of the product → the working screens of the packs that serve it, which this reader can open."""
    found: dict[str, list[Screen]] = {}
    person = visit.session is not None
    for pack in visit.services.broker.packs:
        screens = found.setdefault(pack.row, [])
        report = visit.services.report_action
        if any(a.name == report and a.public for a in pack.actions):
            screens.append(Screen("/report", mark("Send a report")))
        for panel in pack.panels:
            name = panel.of.TYPE.name  # type: ignore[attr-defined]
            if isinstance(panel, Table) and readable(visit.services, visit.actor, name):
                screens.append(Screen(f"/list/{name}", panel.title))
        if person and any(isinstance(p, Silent) for p in pack.panels):
            screens.insert(0, Screen("/silent", mark("Silent devices")))
        if person and any(isinstance(p, Board) for p in pack.panels):
            screens.insert(0, Screen("/boards", mark("Domain boards")))
        if any(isinstance(p, Map) for p in pack.panels):
            screens.append(Screen("/map", mark("Map")))
    return {row: tuple(screens[:SCREENS]) for row, screens in found.items()}


def _common(visit: Visit, view: AnnexView) -> dict[str, Any]:
    approved = view.day == view.approved_on
    asked = visit.request.query_params.get("day", "")
    years = range(int(view.approved_on[:4]), int(view.today[:4]) + 1)
    return {
        "annex": view,
        "counts": view.counts(),
        "write": Writer(visit.words),
        "outcomes": OUTCOMES,
        "why_not": WHY_NOT,
        "editions": EDITIONS,
        "approved": approved,
        "suffix": f"?day={view.day}" if asked else "",
        "years": list(reversed(years)),
    }


def _annex(visit: Visit) -> Annex:
    if visit.services.annex is None:
        raise NotFound("no plan is installed.", remedy="Install the pack `plan`.")
    return visit.services.annex


def _day(visit: Visit) -> str:
    given = visit.request.query_params.get("day", "")
    return parse_day(given, field="day") if given else ""
