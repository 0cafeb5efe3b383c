"""Runs of planning studies in the process `work`, and the service that every process has."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable, Coroutine, Mapping
from typing import Any, Final

import msgspec

from province.adapters.files import FileStore
from province.adapters.studies.service import OUTCOME, PROBLEM, Studies
from province.app import solving
from province.app.core import Core
from province.app.declarations import constant_at
from province.broker.database import LOST
from province.errors import Conflict, NotFound, ProvinceError, Unavailable
from province.model.actor import Actor, system
from province.model.change import Change
from province.model.record import change, move
from province.model.study import Problem, Progress
from province.model.time import now
from province.vocab.study import Study

log = logging.getLogger(__name__)
TOLD_S: Final = 4.0
"""Progress is written no more often: every time is a version of the study."""
DEFECT: Final = {
    "failure": "a defect of this program; the server's log has the details.",
    "remedy": "Tell the operator.",
}
"""What a page says of an error that is nobody's input."""
_LOOK_S: Final = 1.0
"""A run that somebody stopped ends within this time."""


def build(core: Core) -> Studies:
    """The studies of this installation."""
    files = FileStore(core.settings.home / "files", core.pool, quota=core.settings.file_quota_bytes)
    return Studies(core.broker, core.pool, files, solving.kinds(), constant_at, core.broker.measured)


async def until_stopped(work: Coroutine[Any, Any, None], running: Callable[[], Awaitable[bool]], name: str) -> None:
    """Let work come to its end, or cancel it when it is no longer running by its record. Raises: what it raises."""
    task = asyncio.create_task(work, name=name)
    try:
        while not task.done():
            await asyncio.wait([task], timeout=_LOOK_S)
            if not task.done() and not await running():
                break  # somebody stopped it
        if task.done():
            await task
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


def reason(error: ProvinceError) -> dict[str, Any]:
    """Why something could not be computed, as fields of its record."""
    told = f"{error.field}: {error.detail}" if error.field else error.detail
    return {"failure": told, "remedy": error.remedy}


async def computed(work: Awaitable[Mapping[str, Any]], id: str) -> tuple[str, Mapping[str, Any]]:
    """The state in which a computation ended, and its fields. Raises: what means that the engines are away."""
    try:
        return "computed", await work
    except (*LOST, Unavailable):
        raise  # the job is done again when the engines are back
    except ProvinceError as error:
        return "failed", reason(error)
    except Exception:
        log.exception("a study could not be computed", extra={"study": id})
        return "failed", DEFECT


class Runner:
    """Carries out the runs that wait, one after another, in the process `work`."""

    def __init__(self, core: Core, studies: Studies) -> None:
        self._core = core
        self._studies = studies

    async def run(self, tenant: str, arguments: Mapping[str, Any], event: str) -> None:
        """The job. A run that was stopped or superseded is left alone; one whose process died begins again."""
        actor = system(tenant, "studies", cause=event)
        try:
            study = await self._studies.get(arguments["study"], actor)
        except NotFound:
            return
        if study.status not in ("queued", "running") or study.problem != arguments["problem"]:
            return
        if study.status == "queued":
            try:
                await self._write(move(study, "running", at=now(), startedAt=now(), progress=0.0), actor)
            except Conflict:  # stopped at this very moment
                return

        async def running() -> bool:
            return (await self._studies.get(study.id, actor)).status == "running"

        await until_stopped(self._solve(study, actor), running, study.id)

    async def _solve(self, study: Study, actor: Actor) -> None:
        state, values = await computed(self._compute(study, actor), study.id)
        await self._end(study.id, actor, state, values)

    async def _compute(self, study: Study, actor: Actor) -> dict[str, Any]:
        """The fields of a study whose outcome is kept."""
        assert study.problem is not None
        content = await self._studies.content(actor.tenant, study.problem, PROBLEM)
        problem = msgspec.json.decode(content, type=Problem)
        outcome = await solving.solve(study.kind, problem, self._hear(study.id, actor))
        certificate = msgspec.structs.replace(outcome.certificate, inputs=study.problem)
        outcome = msgspec.structs.replace(outcome, certificate=certificate, credits=problem.credits)
        return {
            "outcome": await self._studies.keep(actor, msgspec.json.encode(outcome), "outcome.json", OUTCOME),
            "objective": {"value": certificate.objective, "unitCode": certificate.objective_unit},
            "gap": None if certificate.gap is None else round(100.0 * certificate.gap, 4),
            "isChecked": certificate.checked,
            "partial": outcome.partial is not None,
            "progress": 100.0,
            "stage": None,
        }

    def _hear(self, id: str, actor: Actor) -> solving.Hear:
        last = [time.monotonic()]

        async def hear(progress: Progress) -> None:
            if time.monotonic() - last[0] < TOLD_S:
                return
            last[0] = time.monotonic()
            study = await self._studies.get(id, actor)
            if study.status != "running":
                return
            said = {"vi": progress.stage.vi, "en": progress.stage.en, "objective": progress.objective,
                    "bound": progress.bound}  # fmt: skip
            told = change(study, event="study.progressed", progress=round(100.0 * progress.share, 1), stage=said)
            try:
                await self._write(told, actor)
            except Conflict:  # stopped meanwhile: the watch above ends it
                log.info("the progress of a study was not written", extra={"study": id})

        return hear

    async def _end(self, id: str, actor: Actor, state: str, values: Mapping[str, Any]) -> None:
        study = await self._studies.get(id, actor)
        if study.status != "running":
            return
        await self._write(move(study, state, at=now(), finishedAt=now(), **values), actor)

    async def _write(self, one: Change, actor: Actor) -> None:
        await self._core.broker.apply((one,), actor)
