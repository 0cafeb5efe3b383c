"""The plan of the example without any engine: the records of the files, and the view that pages are made of."""

from __future__ import annotations

import functools
from collections.abc import Collection, Mapping, Sequence
from datetime import UTC, date, datetime, time
from pathlib import Path
from typing import Any

import msgspec

from province.app import annex_facts
from province.model.annex import AnnexView
from province.model.goal import Measured
from province.model.schema import describe
from province.packs import BUILT_IN
from province.packs.plan.annex import Known, Records, view
from province.packs.plan.types import PlanMeasurement, Project
from province.territory.example import Facts, read_facts
from province.vocab.milestone import Milestone

FOLDER = Path(__file__).parents[1] / "data" / "binh-duong"
PARAMS = {"forecast_points": 3, "forecast_span": 30}


@functools.cache
def _facts() -> Facts:
    return read_facts(FOLDER)


def records(
    points: Mapping[str, float] | None = None,
    *,
    projects: Sequence[Project] = (),
    milestones: Sequence[Milestone] = (),
) -> Records:
    """The plan's records. points: kept days of the number of devices."""
    facts = _facts()
    kinds = {describe(t).name: t for p in BUILT_IN if p.name == "plan" for t in p.types}
    found: dict[str, list[Any]] = {}
    for change in annex_facts.load(FOLDER, facts.agencies):
        values = {k: a.value for k, a in change.attrs.items() if a is not None}
        found.setdefault(change.type, []).append(msgspec.convert({"id": change.id, **values}, kinds[change.type]))
    kept = [
        PlanMeasurement(
            id=f"urn:ngsi-ld:PlanMeasurement:devices_in_service:{day}",
            indicator="devices_in_service",
            day=day,
            at=datetime.combine(date.fromisoformat(day), time(5), UTC),
            quantity={"value": value, "unit": "C62"},
            counted=1,
            excluded={"simulated": 2},
        )
        for day, value in (points or {}).items()
    ]
    return Records(
        lines=found["PlanLine"],
        commitments=found["Commitment"],
        targets=found["PlanTarget"],
        owners=found["PlanOwner"],
        places=found["PlanPlace"],
        measurements=kept,
        indices=found["TransformationIndex"],
        projects=projects,
        milestones=milestones,
        names={a.id: a.name for a in facts.agencies},
    )


def annex(
    day: str,
    today: str,
    *,
    given: Records | None = None,
    measured: Mapping[str, Measured | None] | None = None,
    pending: Collection[str] = (),
) -> AnnexView:
    """The plan on a day, with the built-in packs' checks and indicators."""
    known = Known(
        indicators={i.name: i for p in BUILT_IN for i in p.indicators},
        rows={i.name: i.row or p.row for p in BUILT_IN for i in p.indicators},
        checks=[c for p in BUILT_IN for c in p.checks],
        measured=measured or {},
        pending=pending,
        params=PARAMS,
    )
    return view(given or records(), known, day, today=today)
