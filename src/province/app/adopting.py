"""An approved plan becomes entries of a register, as planned, and milestones that the register measures."""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Mapping, Sequence
from typing import Any, Final

from province.adapters.studies.service import Studies
from province.app.core import Core
from province.broker.database import LOST
from province.errors import InvalidInput, NotFound, ProvinceError, TooLarge, Unavailable
from province.model.actor import Actor, system
from province.model.query import Query, Where, pages
from province.model.record import change, create
from province.model.schema import Record, describe
from province.model.time import format_instant, now
from province.pack import Adoption
from province.vocab.milestone import Milestone, step_id
from province.vocab.study import Study

log = logging.getLogger(__name__)
MOST: Final = 20_000
"""Entries of one plan."""
_TOGETHER: Final = 200
_PAGE: Final = 1_000


class Adopter:
    """Carries out adoptions. Done again after an interruption, it enters only what is not there yet."""

    def __init__(self, core: Core, studies: Studies) -> None:
        self._core = core
        self._studies = studies

    async def run(self, tenant: str, arguments: Mapping[str, Any], event: str) -> None:
        """The job. What was adopted, or was refused, is left alone."""
        actor = system(tenant, "studies", cause=event)
        try:
            study = await self._studies.get(arguments["study"], actor)
        except NotFound:
            return
        if (study.adoption or {}).get("state") != "adopting":
            return
        try:
            done = {"state": "adopted", **await self._carry_out(study, actor)}
        except (*LOST, Unavailable):
            raise  # the job is done again when the engines are back
        except ProvinceError as error:
            done = {"state": "failed", "failure": error.detail, "remedy": error.remedy}
        told = {**(study.adoption or {}), **done, "finishedAt": format_instant(now())}
        study = await self._studies.get(study.id, actor)
        if (study.adoption or {}).get("state") != "adopting":
            return
        await self._core.broker.apply((change(study, event="study.registered", adoption=told),), actor)

    async def _carry_out(self, study: Study, actor: Actor) -> dict[str, Any]:
        pack, kind = self._studies.kind(study.kind)
        if kind.adoption is None:
            raise InvalidInput(
                f"a study of the kind {study.kind} builds nothing that a register holds.", field="kind",
                remedy="Set milestones of the plan by hand.",
            )  # fmt: skip
        _, outcome = await self._studies.outcome(actor, study.id)
        layer = outcome.layer(kind.adoption.layer)
        entries = entries_of(kind.adoption, study, layer.features if layer is not None else ())
        row = next(p.row for p in self._core.declared.packs if p.name == pack)
        lines = await self._lines((study.adoption or {}).get("line") or "", row, actor)
        agency = (await self._core.broker.get(study.id, actor, type="Study", latest=False)).agency
        await self._enter(entries, kind.adoption.of, study.id, agency, actor)
        size = kind.adoption.size
        amount = float(sum(getattr(e, size) for e in entries)) if size else float(len(entries))
        planned = {"value": round(amount, 1), "unitCode": kind.adoption.unit}
        await self._enter(steps_of(study, lines, planned), Milestone, study.id, agency, actor, by="study")
        return {"items": len(entries), "planned": planned, "lines": lines}

    async def _lines(self, given: str, row: str, actor: Actor) -> list[str]:
        """Codes of the lines that get milestones. Raises: InvalidInput when the plan has none."""
        for type in ("PlanLine", "Commitment"):
            if type in self._core.broker.types:
                where = Where("code", "==", given) if given else Where("row", "==", row)
                page = await self._core.broker.query(Query(types=(type,), where=(where,), limit=100), actor)
                found = sorted({str(e.value("code")) for e in page.items})
                if found:
                    return found
        raise InvalidInput(
            f"the plan has no line {given[:40]!r}." if given else f"no line of the plan is served by row {row}.",
            field="line", remedy="Give the code of a line, such as II.2.",
        )  # fmt: skip

    async def _enter(
        self, records: Sequence[Record], kind: type[Record], study: str, agency: str | None, actor: Actor,
        by: str = "plan",
    ) -> None:  # fmt: skip
        """Create those that are not there yet."""
        query = Query(types=(describe(kind).name,), where=(Where(by, "==", study),), limit=_PAGE, latest=False)
        there: set[str] = set()
        async for page in pages(self._core.broker.query, query, actor):
            there |= {entity.id for entity in page.items}
        absent = [r for r in records if r.id not in there]
        for at in range(0, len(absent), _TOGETHER):
            some = absent[at : at + _TOGETHER]
            await self._core.broker.apply([create(r, agency=agency) for r in some], actor)


def entries_of(adoption: Adoption, study: Study, features: Sequence[Any]) -> list[Record]:
    """What is to be built. Raises: InvalidInput when it is nothing; TooLarge."""
    short = study.id.rpartition(":")[2][:6].upper()
    kind = describe(adoption.of).name
    found: list[Record] = []
    for n, feature in enumerate(features, 1):
        digest = hashlib.sha256(f"{study.id} {feature.id}".encode()).hexdigest()[:24]
        entry = adoption.entry(feature, study, f"urn:ngsi-ld:{kind}:{digest}", f"{short}-{n}")
        if entry is not None:
            found.append(entry)
    if not found:
        raise InvalidInput("the plan builds nothing.", field="outcome", remedy="There is nothing to adopt.")
    if len(found) > MOST:
        raise TooLarge(f"the plan has {len(found):,} items.", field="outcome",
                       remedy=f"At most {MOST:,}: plan a smaller area.")  # fmt: skip
    return found


def steps_of(study: Study, lines: Sequence[str], planned: Mapping[str, Any]) -> list[Milestone]:
    """A milestone for every day on every line."""
    return [
        Milestone(
            id=step_id(study.id, line, step["due"]),
            line=line,
            title=f"{step['share']:g}%: {study.title}"[:500],
            dueOn=step["due"],
            firstDueOn=step["due"],
            study=study.id,
            measures=study.kind,
            planned=dict(planned),
            share=step["share"],
        )
        for line in lines
        for step in (study.adoption or {})["steps"]
    ]
