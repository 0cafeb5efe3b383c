"""An approved plan becomes entries of a register, as planned, and milestones that the register measures."""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Mapping, Sequence
from typing import Any, Final

import msgspec

from province.adapters.studies.service import Studies
from province.app.core import Core
from province.broker.database import LOST
from province.errors import Conflict, InvalidInput, NotFound, ProvinceError, TooLarge, Unavailable
from province.model.actor import Actor, system
from province.model.change import Change
from province.model.query import Query, Where, pages
from province.model.record import change, create, to_record
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
    """Carries out adoptions. Done again after an interruption, it writes only what is not there yet."""

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
        changes, stands = await self._changes(entries, kind.adoption, study.id, agency, actor)
        whole = kind.adoption.whole
        if whole is not None and (above := outcome.layer(whole.layer)) is not None:
            parts = entries_of(whole, study, above.features)
            changes = [*(await self._changes(parts, whole, study.id, agency, actor))[0], *changes]
        await self._write(changes, actor)
        size = kind.adoption.size
        amount = float(sum(getattr(e, size) or 0.0 for e in stands)) if size else float(len(stands))
        planned = {"value": round(amount, 1), "unitCode": kind.adoption.unit}
        steps = steps_of(study, lines, planned)
        there = await self._held(Milestone, [Query(ids=tuple(s.id for s in steps))], actor)
        await self._write([create(s, agency=agency) for s in steps if s.id not in there], actor)
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

    async def _changes(
        self, entries: Sequence[Record], adoption: Adoption, study: str, agency: str | None, actor: Actor
    ) -> tuple[list[Change], list[Record]]:
        """What is to be written, and every entry as it stands then. Raises: Conflict for what another plan holds."""
        changes: list[Change] = []
        stands: list[Record] = []
        for at in range(0, len(entries), _TOGETHER):
            some = entries[at : at + _TOGETHER]
            asked = [Query(ids=tuple(e.id for e in some))]
            if adoption.over is not None:
                asked.append(Query(where=(Where("code", "in", [_code(e) for e in some]),)))
            held = await self._held(adoption.of, asked, actor)
            coded = {_code(one): one for one in held.values()}
            for entry in some:
                one = held.get(entry.id) or coded.get(_code(entry))
                if one is None:
                    changes.append(create(entry, agency=agency))
                    stands.append(entry)
                    continue
                if (found := getattr(one, "plan", None)) != study:
                    values = _taken_over(adoption, one, entry, found)
                    changes.append(change(one, **{**values, "plan": study}))
                    one = msgspec.structs.replace(one, **values)
                stands.append(one)
        return changes, stands

    async def _held(self, of: type[Record], asked: Sequence[Query], actor: Actor) -> dict[str, Record]:
        """What there is of a type, by id."""
        found: dict[str, Record] = {}
        for query in asked:
            query = msgspec.structs.replace(query, types=(describe(of).name,), limit=_PAGE, latest=False)
            async for page in pages(self._core.broker.query, query, actor):
                found |= {entity.id: to_record(of, entity) for entity in page.items}
        return found

    async def _write(self, changes: Sequence[Change], actor: Actor) -> None:
        for at in range(0, len(changes), _TOGETHER):
            await self._core.broker.apply(changes[at : at + _TOGETHER], actor)


def _code(entry: Record) -> str:
    code: str = entry.code  # type: ignore[attr-defined]
    return code


def _taken_over(adoption: Adoption, held: Record, entry: Record, plan: str | None) -> Mapping[str, Any]:
    """What the plan writes into an entry of the register; its size where nobody knows it. Raises: Conflict."""
    if plan is not None or adoption.over is None:
        raise Conflict(
            f"{_code(held)} belongs to the adopted plan {plan}." if plan else f"{_code(held)} is in the register.",
            field="plan", remedy="Finish or drop it there first, or plan without it.",
        )  # fmt: skip
    size = {} if not adoption.size or getattr(held, adoption.size) is not None else (adoption.size,)
    return {**{name: getattr(entry, name) for name in size}, **adoption.over(held, entry)}


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
