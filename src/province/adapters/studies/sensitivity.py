"""Variants of a computed study, what came of each, and what they tell together. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any, Final

import msgspec

from province.adapters.studies.files import heading
from province.adapters.studies.service import Studies
from province.adapters.tables import writers
from province.errors import InvalidInput
from province.model.label import Label
from province.model.study import Assumed, Column, Feature, Outcome, Pick, Problem, Quantity, Spread, Variant
from province.pack import StudyKind
from province.vocab.sensitivity import BUDGET
from province.vocab.study import Study

BUDGET_LABEL: Final = Label("Ngân sách", "Budget")
LEVELS: Final = ("DBM", "2N")
"""Units on a logarithmic scale: ±20% of them means nothing."""
_DIGITS: Final = 5
"""Positions that agree to about a metre are one place."""


def variants(problem: Problem, varied: Sequence[Mapping[str, Any]]) -> list[tuple[Variant, Problem]]:
    """Every variant with its problem, in their order. Raises: InvalidInput naming what cannot be varied."""
    found = []
    for one in varied:
        name = str(one["name"])
        base, unit = _base(problem, name)
        for value in _values(name, base, unit, one):
            changed = _with(problem, name, value)
            found.append((Variant(name=name, value=value, unit=unit, base=base), changed))
    return found


def computed(kind: StudyKind, study: Study, base: Outcome, variant: Variant, outcome: Outcome) -> Variant:
    """The variant with what came of it. base: the plan as it is."""
    there = {_place(f) for f in _picked(kind, study, outcome)}
    return msgspec.structs.replace(
        variant, objective=outcome.certificate.objective, gap=outcome.certificate.gap, figures=outcome.figures,
        partial=outcome.partial is not None,
        kept=tuple(i for i, f in enumerate(_picked(kind, study, base)) if _place(f) in there),
    )  # fmt: skip


def known(spreads: Sequence[Spread]) -> dict[tuple[str, float | str], Variant]:
    """What stopped runs over the same plan have computed, by what they varied."""
    return {(v.name, v.value): v for s in spreads for v in s.variants if v.objective is not None}


def together(kind: StudyKind, study: Study, base: Outcome, found: Sequence[Variant], asked: int) -> Spread:
    """What the variants tell. asked: how many there are in all, computed or not."""
    counts = Counter(i for one in found for i in one.kept)
    return Spread(
        objective=base.certificate.objective, objective_unit=base.certificate.objective_unit,
        objective_label=base.certificate.objective_label, sense=base.certificate.sense, gap=base.certificate.gap,
        figures=base.figures, seed=base.certificate.seed, variants=tuple(found),
        computed=sum(v.objective is not None for v in found), asked=asked,
        picks=tuple(
            Pick(id=f.id, name=f.name, kept=counts[i]) for i, f in enumerate(_picked(kind, study, base))
        ),
    )  # fmt: skip


def rows(spread: Spread, labels: Mapping[str, Label]) -> tuple[list[str], list[tuple[Any, ...]]]:
    """Headings and rows of the table of variants: the plan as it is first."""
    figures = [heading(Column(name=q.name, label=q.label, unit=q.unit)) for q in spread.figures]
    unit = Column(name="objective", label=spread.objective_label, unit=spread.objective_unit)
    head = ["assumption", "name", "value", "unit", heading(unit), "change", "gap (%)", *figures, "failure"]
    body: list[tuple[Any, ...]] = [
        ("", "", None, "", spread.objective, 0.0, _percent(spread.gap), *(q.value for q in spread.figures), "")
    ]
    for one in spread.variants:
        label = labels.get(one.name, Label(one.name, one.name))
        change = None if one.objective is None else one.objective - spread.objective
        told = {q.name: q.value for q in one.figures}
        body.append((
            one.name, label.vi, one.value, one.unit, one.objective, change, _percent(one.gap),
            *(told.get(q.name) for q in spread.figures), one.failure,
        ))  # fmt: skip
    return head, body


def labels(service: Studies, kind: str) -> Mapping[str, Label]:
    """What the assumptions of a kind of study are called."""
    known = service.kinds.get(kind)
    return {BUDGET: BUDGET_LABEL, **(known[1].prices if known else {}), **(known[1].assumptions if known else {})}


def csv(spread: Spread, labels: Mapping[str, Label]) -> bytes:
    """The table of variants, then what stays of the plan."""
    head, body = rows(spread, labels)
    table = b"".join(writers.csv_lines(head, body, bom=True))
    picks = [(p.id, p.name, p.kept, spread.computed) for p in spread.picks]
    return table + b"\r\n" + b"".join(writers.csv_lines(["chosen", "name", "kept_in", "of_variants"], picks, bom=False))


def _base(problem: Problem, name: str) -> tuple[float | str, str]:
    if name == BUDGET:
        return problem.budget, problem.unit
    found = problem.assumptions.get(name)
    if found is None:
        raise InvalidInput(
            f"the study has no assumption {name!r}.", field=f"varied.{name}",
            remedy=f"Known: {BUDGET}, {', '.join(problem.assumptions)}.",
        )  # fmt: skip
    return found.value, found.unit


def _values(name: str, base: float | str, unit: str, one: Mapping[str, Any]) -> list[float | str]:
    """What it is instead, the lower first."""
    if isinstance(base, str):
        if "share" in one:
            raise InvalidInput(f"{name} is the word {base!r}.", field=f"varied.{name}", remedy=f"Such as {name}=low.")
        return [str(v) for v in one["values"]]
    if "share" in one and unit in LEVELS:
        raise InvalidInput(
            f"a share of the level {name} says nothing.", field=f"varied.{name}",
            remedy=f"Give values, such as {name}={base - 3:g}..{base + 3:g}.",
        )  # fmt: skip
    if "share" in one:
        part = float(one["share"]) / 100.0
        low, high = base * (1 - part), base * (1 + part)
        if name == BUDGET and unit == "C62":  # whole things: a variant is one more or fewer at least
            return [v for v in (min(round(low), base - 1), max(round(high), base + 1)) if v > 0]
        return [low, high]
    try:
        return sorted(float(str(v).replace(",", ".")) for v in one["values"])
    except ValueError:
        raise InvalidInput(
            f"{name} is a number.", field=f"varied.{name}", remedy=f"Such as {name}={base:g}..{base * 2:g}."
        ) from None


def _with(problem: Problem, name: str, value: float | str) -> Problem:
    if name == BUDGET:
        return msgspec.structs.replace(problem, budget=float(value))
    changed: Assumed = msgspec.structs.replace(problem.assumptions[name], value=value)
    return msgspec.structs.replace(problem, assumptions={**problem.assumptions, name: changed})


def _picked(kind: StudyKind, study: Study, outcome: Outcome) -> list[Feature]:
    """The items that a plan chose."""
    layer = outcome.layer(kind.chosen)
    features = layer.features if layer is not None else ()
    if kind.adoption is None or kind.adoption.layer != kind.chosen:
        return list(features)
    return [f for f in features if kind.adoption.entry(f, study, f"urn:ngsi-ld:x:{f.id}", f.id) is not None]


def _place(feature: Feature) -> str:
    """What makes it the same item in another variant: where it is, for numbers of rows may shift."""
    if feature.geometry is None:
        return feature.id
    return msgspec.json.encode(_rounded(feature.geometry["coordinates"])).decode()


def _rounded(value: Any) -> Any:
    return [_rounded(v) for v in value] if isinstance(value, list | tuple) else round(float(value), _DIGITS)


def _percent(gap: float | None) -> float | None:
    return None if gap is None else round(100.0 * gap, 3)


def figures_changed(spread: Spread) -> list[Quantity]:
    """The figures that differ in some variant."""
    return [
        q for q in spread.figures
        if any(v.value != q.value for one in spread.variants for v in one.figures if v.name == q.name)
    ]  # fmt: skip
