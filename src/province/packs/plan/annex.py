"""From records and measured values to the plan as it stands on a day. Pure."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import date
from typing import Any, Final, TypeVar

import msgspec

from province.compute.trend import straight_line
from province.errors import InvalidInput
from province.model.annex import (
    AnnexView,
    CheckView,
    Forecast,
    FundView,
    IndexSeries,
    IndexView,
    IndicatorView,
    LineView,
    MilestoneView,
    OwnerView,
    PlaceView,
    ProjectView,
    Said,
    TargetView,
    WhyNot,
)
from province.model.goal import FALLING, Achieved, Goal, Measured, reached
from province.model.label import Label
from province.model.unit import convert
from province.pack import Check, Indicator, Parameters
from province.packs.plan.logic import totals
from province.packs.plan.types import (
    APPROVED_ON,
    FUNDS,
    PROJECT_STATES,
    Commitment,
    PlanLine,
    PlanMeasurement,
    PlanOwner,
    PlanPlace,
    PlanTarget,
    Project,
    TransformationIndex,
)
from province.vocab.area import in_force
from province.vocab.milestone import MILESTONE_STATES, Milestone

HORIZON: Final = 2030
EDITIONS: Final = ("63", "34")
"""Editions of the index by number of provinces; each is shown, also when it has no year yet."""
_NOTHING: Final = Label("chưa có chỉ số nào đo dòng này", "nothing measures this line yet")
_MEASURES: Final = {
    "count": Label("Đếm số đối tượng", "Number of entities"),
    "sum": Label("Tổng của", "Sum of"),
    "mean": Label("Trung bình của", "Mean of"),
    "max": Label("Giá trị lớn nhất của", "Largest"),
    "min": Label("Giá trị nhỏ nhất của", "Smallest"),
    "over": Label("Đếm số đối tượng đạt giới hạn của", "Number at or above the limit of"),
    "silent": Label("Đếm số đối tượng mất tín hiệu", "Number of silent entities"),
}


class Parts(msgspec.Struct, frozen=True, kw_only=True):
    """Units in force where an area was, wholly or in part. approximate: guessed from approximate boundaries."""

    names: tuple[str, ...]
    approximate: bool


class Records(msgspec.Struct, frozen=True, kw_only=True):
    """Everything of the plan that the caller may see, as typed records. names: of agencies by id.

    parts: of an area that has ended by the day → the units in force where it was.
    achieved: of adopted studies by id, how much of what they build stands today.
    """

    lines: Sequence[PlanLine]
    commitments: Sequence[Commitment]
    targets: Sequence[PlanTarget]
    owners: Sequence[PlanOwner]
    places: Sequence[PlanPlace]
    measurements: Sequence[PlanMeasurement]
    indices: Sequence[TransformationIndex]
    projects: Sequence[Project]
    milestones: Sequence[Milestone]
    names: Mapping[str, str]
    parts: Mapping[str, Parts] = {}
    achieved: Mapping[str, Achieved] = {}

    def rows(self) -> Iterable[tuple[str, str]]:
        """(code, row) of lines, then of commitments."""
        yield from ((line.code, line.row) for line in self.lines)
        yield from ((sentence.code, sentence.row) for sentence in self.commitments)


class Known(msgspec.Struct, frozen=True, kw_only=True):
    """What is declared and measured. rows: row of the plan by indicator.

    measured: by indicator, None where the caller may not see the number.
    pending: indicators that are being computed; until then the value that was kept last stands for them.
    """

    indicators: Mapping[str, Indicator]
    rows: Mapping[str, str]
    checks: Sequence[Check]
    measured: Mapping[str, Measured | None]
    pending: Collection[str] = ()
    params: Parameters


def view(records: Records, known: Known, day: str, *, today: str) -> AnnexView:
    """The plan on a day. Values of a past day are those that were kept; today's are live."""
    live = day == today
    measured: dict[str, Measured | None] = {**_kept(records.measurements, day)}
    if live:
        measured = {**known.measured, **_last(records.measurements, known.pending)}
    known = msgspec.structs.replace(known, measured=measured)
    series = _series(records.measurements, day)
    lines = [_line(line, records, known, series, day, live=live) for line in sorted(records.lines, key=_position)]
    sentences = [_line(c, records, known, series, day, live=live) for c in sorted(records.commitments, key=_position)]
    rows = {name for one in (*lines, *sentences) for name in (one.row, one.code)}
    return AnnexView(
        day=day,
        today=today,
        approved_on=APPROVED_ON,
        live=live,
        lines=tuple(lines),
        commitments=tuple(sentences),
        indices=tuple(_index(records.indices, edition) for edition in EDITIONS),
        others=tuple((c.row, _judged(c, (), known)) for c in known.checks if c.row not in rows),
    )


def goal_of(target: PlanTarget) -> Goal | None:
    """The goal of a target; None when somebody stored what is no goal."""
    given = {**target.goal, "indicator": target.indicator, "due_year": target.dueYear}
    try:
        return msgspec.convert(given, Goal)
    except msgspec.ValidationError:
        return None


def _position(line: PlanLine | Commitment) -> int:
    return line.position


def _line(
    line: PlanLine | Commitment,
    records: Records,
    known: Known,
    series: Mapping[str, tuple[tuple[str, float], ...]],
    day: str,
    *,
    live: bool,
) -> LineView:
    own = sorted((t for t in records.targets if t.line == line.code), key=lambda t: (t.position, t.code))
    owners = [_owner(o, records.names) for o in sorted(_of(line.code, records.owners), key=lambda o: o.validFrom)]
    common: dict[str, Any] = {
        "code": line.code,
        "row": line.row,
        "position": line.position,
        "text": Label(line.text, line.textEn),
        "said": _said(line),
        "check": _check(line, records, known),
        "owners": tuple(o for o in owners if in_force(o.valid_from, o.valid_to, day)),
        "all_owners": tuple(owners),
        "places": tuple(_places(_of(line.code, records.places), records.parts, day)),
        "targets": tuple(v for t in own if (v := _target(t, known, series, live=live)) is not None),
        "indicators": tuple(_indicators(line.row, {t.indicator for t in own}, known)),
        "projects": tuple(_project(p) for p in _of(line.code, records.projects)),
        "milestones": tuple(
            _milestone(m, day, records.achieved.get(m.study or "") if live else None)
            for m in sorted(_of(line.code, records.milestones), key=lambda m: m.dueOn)
        ),
    }
    if isinstance(line, Commitment):
        return LineView(kind="commitment", paragraph=line.paragraph, **common)
    return LineView(
        kind="line",
        chapter=line.chapter,
        chapter_name=Label(line.chapterName, line.chapterNameEn),
        number=line.number,
        category=Label(line.category, line.categoryEn),
        **common,
    )


R = TypeVar("R", PlanOwner, PlanPlace, Project, Milestone)


def _of(code: str, rows: Iterable[R]) -> list[R]:
    return [r for r in rows if r.line == code]


def _check(line: PlanLine | Commitment, records: Records, known: Known) -> CheckView:
    """The check of this very line, else that of its row, which is given the targets of all lines of the row."""
    for name, codes in (
        (line.code, {line.code}),
        (line.row, {code for code, row in records.rows() if row == line.row}),
    ):
        for check in known.checks:
            if check.row == name:
                return _judged(check, [t for t in records.targets if t.line in codes], known)
    return CheckView(title=None, outcome="no_data", evidence=_NOTHING)


def _judged(check: Check, targets: Sequence[PlanTarget], known: Known) -> CheckView:
    measured = {name: m for name in check.indicators if (m := known.measured.get(name)) is not None}
    verdict = check.judge(measured, [g for t in targets if (g := goal_of(t)) is not None])
    return CheckView(title=check.title, outcome=verdict.outcome, evidence=verdict.evidence)


def _target(
    target: PlanTarget, known: Known, series: Mapping[str, tuple[tuple[str, float], ...]], *, live: bool
) -> TargetView | None:
    goal = goal_of(target)
    if goal is None:
        return None
    indicator = known.indicators.get(target.indicator)
    measured = known.measured.get(target.indicator)
    points = series.get(target.indicator, ())
    value = None if measured is None or measured.value is None else _converted(measured.value, measured.unit, goal)
    return TargetView(
        code=target.code,
        title=Label(target.title, target.titleEn),
        goal=goal,
        edition=target.edition,
        from_plan=target.fromPlan,
        said=_said(target),
        indicator_title=indicator.title if indicator else None,
        formula=formula(indicator) if indicator else None,
        measured=measured,
        why_not="" if value is not None else _why_not(indicator, target.indicator, known, live=live),
        progress=None if value is None else _progress(goal, value),
        reached=None if value is None else reached(goal, value, goal.unit),
        forecast=_forecast(goal, points, known.params),
        series=points,
    )


def _indicators(row: str, shown: Collection[str], known: Known) -> Iterable[IndicatorView]:
    """What is measured for a row and stands in no target of the line; only what this caller may see."""
    for name, indicator in known.indicators.items():
        measured = known.measured.get(name)
        if known.rows.get(name) == row and name not in shown and measured is not None:
            yield IndicatorView(name=name, title=indicator.title, formula=formula(indicator), measured=measured)


def _converted(value: float, unit: str, goal: Goal) -> float | None:
    try:
        return convert(value, unit, goal.unit)
    except InvalidInput:
        return None


def _why_not(indicator: Indicator | None, name: str, known: Known, *, live: bool) -> WhyNot:
    if indicator is None:
        return "no_indicator"
    if not live:
        return "not_kept"
    if name in known.pending:
        return "pending"
    return "no_right" if known.measured.get(name, ...) is None else "no_value"


def _progress(goal: Goal, value: float) -> float | None:
    if goal.comparator in FALLING:
        return None  # 1.6 towards "less than 1.4" is no share of anything
    return max(0.0, min(1.0, value / goal.value)) if goal.value else None


def formula(indicator: Indicator) -> Label:
    """How an indicator is computed, in words."""
    types = [r.TYPE.label for r in (indicator.of, *indicator.also)]  # type: ignore[attr-defined]
    measure = _MEASURES[indicator.measure]
    field = f" `{indicator.field}`" if indicator.field else ""
    terms = " và ".join(_term(w) for w in indicator.where)
    terms_en = " and ".join(_term(w) for w in indicator.where)
    share = _per(indicator)
    return Label(
        f"{measure.vi}{field}: {', '.join(t.vi for t in types)}{share.vi}" + (f"; điều kiện {terms}" if terms else ""),
        f"{measure.en}{field}: {', '.join(t.en for t in types)}{share.en}"
        + (f"; where {terms_en}" if terms_en else ""),
    )


def _per(indicator: Indicator) -> Label:
    """Of what it is a percentage, in words."""
    if isinstance(indicator.per, Indicator):
        below = formula(indicator.per)
        return Label(f", phần trăm của ({below.vi})", f", per cent of ({below.en})")
    per = f"{indicator.per:,.0f}"
    return Label(f", trên {per.replace(',', '.')}", f", per {per}") if indicator.per else Label("", "")


def _term(where: Any) -> str:
    return f"`{where.name} {where.op}" + (f" {where.value}`" if where.op not in ("exists", "absent") else "`")


def _said(row: PlanLine | Commitment | PlanTarget | PlanOwner | PlanPlace | TransformationIndex) -> Said:
    return Said(
        source=Label(row.source, row.sourceEn or row.source),
        date=row.sourceDate,
        confirmed=getattr(row, "confirmed", True),
    )


def _owner(owner: PlanOwner, names: Mapping[str, str]) -> OwnerView:
    return OwnerView(
        agency=owner.agency,
        name=names.get(owner.agency, owner.agency),
        role=owner.role,
        valid_from=owner.validFrom,
        valid_to=owner.validTo,
        said=_said(owner),
    )


def _places(places: Iterable[PlanPlace], parts: Mapping[str, Parts], day: str) -> Iterable[PlaceView]:
    """Places in force on the day; one that has ended without a successor is shown with the units now inside it."""
    rows = list(places)
    followed = {p.succeeds for p in rows if p.succeeds}
    for place in rows:
        said = _said(place)
        if in_force(place.validFrom, place.validTo, day):
            yield PlaceView(name=place.name, written=place.succeeds or place.name, area=place.area, said=said)
        elif place.validTo is not None and place.validTo <= day and place.name not in followed:
            inside = parts.get(place.area or "", Parts(names=(), approximate=False))
            yield PlaceView(
                name="",
                written=place.name,
                area=place.area,
                said=said,
                parts=inside.names,
                approximate=inside.approximate,
            )


def _project(project: Project) -> ProjectView:
    names = dict(FUNDS)
    try:
        sums = totals(project)
    except InvalidInput:
        sums = None
    return ProjectView(
        id=project.id,
        code=project.code,
        title=project.title,
        investor=project.investor,
        status=PROJECT_STATES.label(project.status),
        decision=project.decisionNumber or "",
        decided_on=project.decisionDate or "",
        accepted_on=project.acceptedOn or "",
        capital=sums.capital if sums else None,
        disbursed=sums.disbursed if sums else None,
        funds=tuple(
            FundView(name=names.get(n, Label(n, n)), capital=c, disbursed=d)
            for n, (c, d) in (sums.by_source if sums else {}).items()
        ),
    )


def _milestone(milestone: Milestone, day: str, achieved: Achieved | None) -> MilestoneView:
    return MilestoneView(
        id=milestone.id,
        title=milestone.title,
        status=MILESTONE_STATES.label(milestone.status),
        due_on=milestone.dueOn,
        first_due_on=milestone.firstDueOn,
        reached_on=milestone.reachedOn or "",
        evidence=milestone.evidence or "",
        late=milestone.status == "planned" and milestone.dueOn < day,
        share=milestone.share,
        achieved=achieved,
    )


def _index(rows: Iterable[TransformationIndex], edition: str) -> IndexSeries:
    years = [
        IndexView(
            year=r.year,
            score=r.score,
            rank=r.rank,
            units=r.units,
            leader=r.leader or "",
            gap=None if r.leaderScore is None else round(r.leaderScore - r.score, 6),
            said=_said(r),
        )
        for r in sorted(rows, key=lambda r: r.year)
        if r.edition == edition
    ]
    return IndexSeries(edition=edition, years=tuple(years))


def _quantity(row: PlanMeasurement) -> tuple[float, str] | None:
    value, unit = row.quantity.get("value"), row.quantity.get("unit")
    if isinstance(value, int | float) and not isinstance(value, bool) and isinstance(unit, str):
        return float(value), unit
    return None


def _series(rows: Iterable[PlanMeasurement], day: str) -> dict[str, tuple[tuple[str, float], ...]]:
    found: dict[str, list[tuple[str, float]]] = {}
    for row in sorted(rows, key=lambda r: r.day):
        quantity = _quantity(row)
        if row.day <= day and quantity is not None:
            found.setdefault(row.indicator, []).append((row.day, quantity[0]))
    return {name: tuple(points) for name, points in found.items()}


def _last(rows: Iterable[PlanMeasurement], names: Collection[str]) -> dict[str, Measured]:
    """The values of these indicators that were kept last; each says when that was."""
    days: dict[str, PlanMeasurement] = {}
    for row in rows:
        if row.indicator in names and (row.indicator not in days or row.day > days[row.indicator].day):
            days[row.indicator] = row
    return {name: found for name, row in days.items() for found in _kept([row], row.day).values()}


def _kept(rows: Iterable[PlanMeasurement], day: str) -> dict[str, Measured]:
    """The values of exactly that day. An earlier one is not it: nothing is carried forward."""
    found: dict[str, Measured] = {}
    for row in rows:
        quantity = _quantity(row)
        if row.day == day and quantity is not None:
            counts = {k: v for k, v in row.excluded.items() if isinstance(v, int)}
            found[row.indicator] = Measured(
                indicator=row.indicator, value=quantity[0], unit=quantity[1], at=row.at, counted=row.counted,
                excluded=counts,
            )  # fmt: skip
    return found


def _forecast(goal: Goal, points: Sequence[tuple[str, float]], params: Parameters) -> Forecast | None:
    """The straight line through the kept days, read off at the end of 2030; None with too few or too close days."""
    if len(points) < max(3, params["forecast_points"]):
        return None
    first, last = date.fromisoformat(points[0][0]), date.fromisoformat(points[-1][0])
    if (last - first).days < params["forecast_span"]:
        return None
    end = date(HORIZON, 12, 31)
    line = straight_line(
        [float(date.fromisoformat(d).toordinal()) for d, _ in points], [v for _, v in points], float(end.toordinal())
    )
    return Forecast(
        year=HORIZON,
        value=line.value,
        error=line.error,
        points=line.points,
        first_day=points[0][0],
        last_day=points[-1][0],
        reached=reached(goal, line.value, goal.unit),
    )
