"""What the pages about readings need: their quality, where numbers come from, corrections, and how they are kept."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any, Protocol

from province.broker.corrections import Said
from province.broker.lineage import Lineage
from province.broker.measured import AreaHour, Reading
from province.broker.quality import Kind as SourceKind
from province.broker.quality import Source, Summary
from province.broker.retention import Declaration, Expired
from province.broker.upkeep import Run
from province.history.correction import Kind
from province.model.actor import Actor
from province.model.time import Instant


@dataclass(frozen=True, slots=True)
class LakeState:
    """The lake at this moment. behind: versions that the roll-ups by hour do not reflect yet; None: not made yet."""

    readings: int
    files: int
    bytes: int
    days: int
    version: int
    behind: int | None


class Correct(Protocol):
    """Say something about readings; see `broker.corrections`."""

    async def __call__(
        self,
        id: str,
        attribute: str | None,
        actor: Actor,
        *,
        kind: Kind,
        at: Instant,
        until: Instant | None = None,
        dataset: str | None = "",
        value: Any = None,
        reason: str,
    ) -> Said: ...


@dataclass(frozen=True, slots=True)
class Keeping:
    """Every callable checks the actor."""

    summary: Callable[[Actor], Awaitable[Sequence[Summary]]]
    worst: Callable[[Actor, SourceKind, str, int, int], Awaitable[tuple[Sequence[Source], bool]]]
    """(actor, kind, type, limit, offset) → the worst first; whether there are more."""
    source: Callable[[Actor, SourceKind, str], Awaitable[Source]]
    readings: Callable[[str, str, Actor, Instant, Instant, int], Awaitable[Sequence[Reading]]]
    """(entity, attribute, actor, start, end, limit) → the newest ones, newest first, corrected or not."""
    said: Callable[[str, Actor, str], Awaitable[Sequence[Said]]]
    """(entity, actor, attribute) → corrections, newest first."""
    correct: Correct
    may_correct: Callable[[str, Actor], Awaitable[bool]]
    of_series: Callable[[str, str, Actor, Instant, Instant], Awaitable[Lineage]]
    of_area: Callable[[str, str, str, Actor, Instant], Awaitable[Lineage]]
    """(type, attribute, area, actor, hour)."""
    area_hours: Callable[[str, str, Actor, Instant, Instant], Awaitable[Sequence[AreaHour]]]
    runs: Callable[[Actor], Awaitable[Sequence[Run]]]
    lake: Callable[[Actor], Awaitable[LakeState]]
    declared: Callable[[Actor], Awaitable[Sequence[Declaration]]]
    plan: Callable[[Actor], Awaitable[Sequence[Expired]]]
    declare: Callable[[Actor, str | None, str | None, int | None, date, str], Awaitable[None]]
    """(actor, type, attribute, days or None, valid from, reason)."""
