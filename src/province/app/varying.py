"""Runs over variants of a study, one variant after another, each in a process of its own."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any

import msgspec

from province.adapters.studies import sensitivity
from province.adapters.studies.service import PROBLEM, SPREAD, Studies
from province.app import solving
from province.app.core import Core
from province.app.studies import TOLD_S, computed, reason, until_stopped
from province.broker.database import LOST
from province.errors import Conflict, InvalidInput, NotFound, ProvinceError, Unavailable
from province.model.actor import Actor, system
from province.model.change import Change
from province.model.label import Label
from province.model.record import change, move, to_record
from province.model.study import Problem, Progress, Spread, Variant
from province.model.time import now
from province.vocab.sensitivity import Sensitivity


class Varier:
    """Carries out the runs that wait, in the process `work`."""

    def __init__(self, core: Core, studies: Studies) -> None:
        self._core = core
        self._studies = studies

    async def run(self, tenant: str, arguments: Mapping[str, Any], event: str) -> None:
        """The job. A run that was stopped or has ended is left alone; one whose process died begins again."""
        actor = system(tenant, "studies", cause=event)
        try:
            found = await self._get(arguments["sensitivity"], actor)
        except NotFound:
            return
        if found.status == "queued":
            try:
                await self._write(move(found, "running", at=now(), startedAt=now(), progress=0.0), actor)
            except Conflict:  # stopped at this very moment
                return
        elif found.status != "running":
            return

        async def running() -> bool:
            return (await self._get(found.id, actor)).status == "running"

        await until_stopped(self._solve(found, actor), running, found.id)

    async def _solve(self, run: Sensitivity, actor: Actor) -> None:
        state, values = await computed(self._compute(run, actor), run.id)
        latest = await self._get(run.id, actor)
        if latest.status == "running":
            await self._write(move(latest, state, at=now(), finishedAt=now(), **values), actor)

    async def _compute(self, run: Sensitivity, actor: Actor) -> dict[str, Any]:
        study, base = await self._studies.outcome(actor, run.study)
        assert study.problem is not None
        _, kind = self._studies.kind(study.kind)
        content = await self._studies.content(actor.tenant, study.problem, PROBLEM)
        asked = sensitivity.variants(msgspec.json.decode(content, type=Problem), run.varied)
        names = sensitivity.labels(self._studies, study.kind)
        told = await self._told(run, actor)
        found: list[Variant] = []
        for at, (variant, problem) in enumerate(asked):
            if (before := told.get((variant.name, variant.value))) is not None:
                found.append(before)
                continue
            named = names.get(variant.name, Label(variant.name, variant.name))
            hear = self._hear(run.id, actor, at, len(asked), named)
            try:
                outcome = await solving.solve(study.kind, problem, hear)
            except (*LOST, Unavailable):
                raise
            except ProvinceError as error:  # told, and the others are kept
                found.append(msgspec.structs.replace(variant, **reason(error)))
                continue
            found.append(sensitivity.computed(kind, study, base, variant, outcome))
            if len(found) < len(asked):
                await self._put_by(run.id, actor, sensitivity.together(kind, study, base, found, len(asked)))
        if all(v.objective is None for v in found):
            raise InvalidInput(
                f"none of {len(found)} variants could be computed; the first: {found[0].failure}", field="varied",
                remedy=found[0].remedy,
            )  # fmt: skip
        spread = sensitivity.together(kind, study, base, found, len(asked))
        return {"outcome": await self._kept(actor, spread), "progress": 100.0, "stage": None}

    async def _kept(self, actor: Actor, spread: Spread) -> str:
        return await self._studies.keep(actor, msgspec.json.encode(spread), "sensitivity.json", SPREAD)

    async def _put_by(self, id: str, actor: Actor, spread: Spread) -> None:
        """Keep what is known so far: whoever stops the run has it, and so has the process that begins it again."""
        kept = await self._kept(actor, spread)
        run = await self._get(id, actor)
        if run.status != "running":
            return
        share = round(100.0 * len(spread.variants) / spread.asked, 1)
        try:
            await self._write(change(run, event="sensitivity.progressed", progress=share, outcome=kept), actor)
        except Conflict:  # stopped meanwhile: what was put by before stays
            return

    async def _told(self, run: Sensitivity, actor: Actor) -> dict[tuple[str, float | str], Variant]:
        """What this run, or one over the same study that was stopped, has computed already."""
        runs = await self._studies.runs(actor, run.study)
        stopped = [r for r in runs if r.outcome and (r.id == run.id or r.status in ("cancelled", "failed"))]
        return sensitivity.known([(await self._studies.spread(actor, r.id))[1] for r in stopped])

    def _hear(self, id: str, actor: Actor, at: int, of: int, name: Label) -> solving.Hear:
        last = [0.0 if at == 0 else time.monotonic()]

        async def hear(progress: Progress) -> None:
            if time.monotonic() - last[0] < TOLD_S:
                return
            last[0] = time.monotonic()
            run = await self._get(id, actor)
            if run.status != "running":
                return
            stage = {"vi": f"Phương án {at + 1}/{of}: {name.vi}", "en": f"Variant {at + 1} of {of}: {name.en}"}
            share = round(100.0 * (at + progress.share) / of, 1)
            try:
                await self._write(change(run, event="sensitivity.progressed", progress=share, stage=stage), actor)
            except Conflict:  # stopped meanwhile: the watch above ends it
                return

        return hear

    async def _get(self, id: str, actor: Actor) -> Sensitivity:
        return to_record(Sensitivity, await self._core.broker.get(id, actor, type="Sensitivity", latest=False))

    async def _write(self, one: Change, actor: Actor) -> None:
        await self._core.broker.apply((one,), actor)
