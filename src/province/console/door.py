"""Records and readings as the pages ask for them: the broker's door, and the shapes of its answers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from province.broker.door import Acts, Remembers
from province.broker.indicators import Valued
from province.model.actor import Actor
from province.model.entity import Attribute
from province.model.query import Where
from province.model.schema import EntityType
from province.model.time import Instant
from province.pack import Pack, Silent


class Instance(Protocol):
    """One instance of an attribute: what was written (None: removed), when, and by whom."""

    @property
    def key(self) -> str: ...
    @property
    def attribute(self) -> Attribute | None: ...
    @property
    def at(self) -> Instant: ...
    @property
    def actor(self) -> str: ...
    @property
    def version(self) -> int: ...


class Series(Protocol):
    """A pyarrow Table with columns t (timestamp, UTC), avg, min, max (float64) and count (int64), by time."""

    def to_pydict(self) -> dict[str, list[Any]]: ...


class SilentGroup(Protocol):
    """Silent entities that share a value. members: the longest silent first.

    values: one per field of `Silent.by`, None where it is not the field that they share.
    silent, total: how many of those that share the value are silent, and how many there are.
    """

    @property
    def values(self) -> tuple[Any, ...]: ...
    @property
    def silent(self) -> int: ...
    @property
    def total(self) -> int: ...
    @property
    def members(self) -> Sequence[SilentMember]: ...


class SilentMember(Protocol):
    """One silent entity. last: its last reading, None when it never sent one."""

    @property
    def id(self) -> str: ...
    @property
    def title(self) -> str: ...
    @property
    def last(self) -> Instant | None: ...


class Marks(Protocol):
    """The marks of a map layer as numpy columns of equal length; see `broker.marks.Marks`."""

    @property
    def ids(self) -> tuple[str, ...]: ...
    @property
    def lon(self) -> npt.NDArray[np.float64]: ...
    @property
    def lat(self) -> npt.NDArray[np.float64]: ...
    @property
    def extended(self) -> npt.NDArray[np.bool_]: ...
    @property
    def code(self) -> npt.NDArray[np.int64]: ...
    @property
    def names(self) -> tuple[str, ...]: ...
    @property
    def number(self) -> npt.NDArray[np.float64]: ...
    @property
    def at(self) -> npt.NDArray[np.float64]: ...
    @property
    def flagged(self) -> npt.NDArray[np.bool_]: ...
    @property
    def field(self) -> str: ...
    @property
    def read_at(self) -> float: ...


class Door(Acts, Remembers, Protocol):
    """The part of the broker that the pages use."""

    @property
    def types(self) -> Mapping[str, EntityType]: ...
    @property
    def packs(self) -> tuple[Pack, ...]: ...
    async def series(
        self, id: str, attr: str, actor: Actor, *, start: Instant, end: Instant, points: int = 800
    ) -> Series: ...
    async def silent(self, panel: Silent, actor: Actor) -> Sequence[SilentGroup]: ...
    async def marks(self, type_name: str, field: str, where: tuple[Where, ...], actor: Actor) -> Marks: ...
    async def counts(self, actor: Actor) -> Sequence[tuple[str, int, tuple[str, ...]]]: ...
    async def trends(self, actor: Actor, start: Instant) -> Mapping[str, Sequence[tuple[Instant, float]]]: ...
    async def indicators(self, actor: Actor) -> Sequence[Valued]: ...
