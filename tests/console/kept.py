"""A made-up lake for the pages about readings: it answers from lists and remembers what was asked of it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta
from typing import Any

from province.broker.corrections import Said
from province.broker.lineage import Device, File, Lineage, Sender
from province.broker.measured import Reading
from province.broker.quality import Source, Summary
from province.broker.retention import Declaration, Expired
from province.broker.score import score_of, shares_of
from province.broker.upkeep import Run
from province.console.keeping import Keeping, LakeState
from province.errors import InvalidInput
from province.history.correction import Correction
from province.model.actor import Actor
from province.model.time import Instant, now

STATION = "urn:ngsi-ld:Station:00001"
START = now().replace(microsecond=0) - timedelta(hours=2)
INPUTS: dict[str, Any] = {
    "received": 100, "expected": 200, "missing": 100, "gaps": 2, "longest_gap_s": 7200.0, "period_s": 60.0, "stuck": 20,
    "dated": 100, "late": 10, "early": 0, "rejected": 5, "clock_rejected": 5, "silent": False,
    "last": START.isoformat(),
    "reasons": [{"field": "observedAt", "reason": "lies in the future: check the clock.", "readings": 5}],
}  # fmt: skip


@dataclass
class Kept:
    """note: where calls are remembered.  empty: as on the first day."""

    note: Callable[..., None]
    empty: bool = False
    sources: list[Source] = field(default_factory=list)

    def __post_init__(self) -> None:
        for id, inputs in ((STATION, INPUTS), ("urn:ngsi-ld:Station:00002", {"received": 0, "rejected": 0})):
            self.sources.append(
                Source("device", id, "Station", START, START, score_of(inputs), shares_of(inputs), inputs, "Trạm <1>")
            )

    async def _summary(self, actor: Actor) -> Sequence[Summary]:
        return [] if self.empty else [Summary("device", "Station", 2, 71.2, 0, 0, 1, START)]

    async def _worst(
        self, actor: Actor, kind: str, type: str, limit: int, offset: int
    ) -> tuple[Sequence[Source], bool]:
        return ([], False) if self.empty else (self.sources, True)

    async def _source(self, actor: Actor, kind: str, source: str) -> Source:
        return next(s for s in self.sources if s.source == source)

    async def _readings(
        self, id: str, attr: str, actor: Actor, start: Instant, end: Instant, limit: int
    ) -> Sequence[Reading]:
        if self.empty:
            return []
        return [
            Reading(START + timedelta(minutes=n), None, value, counts, "measured", n, said)
            for n, (value, counts, said) in enumerate(
                [(20.0, 20.0, None), (80.0, 21.5, "value"), (99.0, 99.0, "invalid"), (1.0, 1.0, "delete")]
            )
        ]

    async def _said(self, id: str, actor: Actor, attr: str) -> Sequence[Said]:
        return [] if self.empty else [self.said]

    @property
    def said(self) -> Said:
        one = Correction(
            id=1, entity=STATION, attribute="pm25", start=START, end=START + timedelta(microseconds=1), kind="value",
            number=21.5,
        )  # fmt: skip
        return Said(one, "Station", 1, (("2026-03-01T07:00:00Z", None, 80.0),), "Lỗi <đo>", "account-1", START, None)

    async def _correct(self, id: str, attribute: str | None, actor: Actor, **given: Any) -> Said:
        if not given["reason"]:
            raise InvalidInput("a reason is needed.", field="reason")
        self.note("correct", id, attribute, given)
        return self.said

    async def _may_correct(self, id: str, actor: Actor) -> bool:
        return any(g.permissions & {"*", "station.correct"} for g in actor.grants)

    async def _of_series(self, id: str, attr: str, actor: Actor, start: Instant, end: Instant) -> Lineage:
        return self._line(entity=id)

    async def _of_area(self, type: str, attr: str, area: str, actor: Actor, hour: Instant) -> Lineage:
        return self._line(area=area, kept=(4, 80.0))

    def _line(self, **given: Any) -> Lineage:
        full = not self.empty
        return Lineage(
            type="Station", attribute="pm25", unit="GQ", start=START, end=START + timedelta(hours=1), version=7,
            rolled_up=6 if full else None, stored=4 if full else 0, counted=2 if full else 0,
            mean=20.75 if full else None, low=20.0 if full else None, high=21.5 if full else None,
            total=41.5 if full else None, origins={"measured": 2} if full else {},
            files=(File("day=2026-03-01/merged-1.parquet", 1234, 4, 900),) if full else (),
            positions=(3, 9) if full else None, senders=(Sender("mqtt", "gw-7", START, START, 3),) if full else (),
            unknown=1 if full else 0, devices=(Device(STATION, "Trạm 1", 2),) if full else (),
            device_count=3 if full else 0, corrections=(self.said,) if full else (), **given,
        )  # fmt: skip

    async def _area_hours(self, *_: Any) -> Sequence[Any]:
        return []

    async def _runs(self, actor: Actor) -> Sequence[Run]:
        if self.empty:
            return []
        figures = {"files_before": 40, "files": 3, "bytes_before": 9000, "bytes": 5000}
        return [
            Run("merge", START, START + timedelta(seconds=2), "done", figures),
            Run("vacuum", START, START, "failed", {"error": "no <room>"}),
        ]

    async def _lake(self, actor: Actor) -> LakeState:
        return LakeState(0, 0, 0, 0, -1, None) if self.empty else LakeState(1200, 3, 14_400, 2, 7, 1)

    async def _declared(self, actor: Actor) -> Sequence[Declaration]:
        made = Declaration(1, "Station", "pm25", 365, date(2026, 1, 1), "QĐ 12", "account-1", START)
        return [] if self.empty else [made]

    async def _plan(self, actor: Actor) -> Sequence[Expired]:
        return [] if self.empty else [Expired("Station", "pm25", date(2025, 1, 1), 17)]

    async def _declare(self, *given: Any) -> None:
        if not given[-1]:
            raise InvalidInput("a reason is needed.", field="reason")
        self.note("declare", *given[1:])

    def services(self) -> Keeping:
        """What the console is given."""
        return Keeping(
            summary=self._summary, worst=self._worst, source=self._source, readings=self._readings, said=self._said,
            correct=self._correct, may_correct=self._may_correct, of_series=self._of_series, of_area=self._of_area,
            area_hours=self._area_hours, runs=self._runs, lake=self._lake, declared=self._declared, plan=self._plan,
            declare=self._declare,
        )  # fmt: skip
