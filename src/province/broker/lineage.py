"""Where a number comes from: from a series, or an hour of an area, back to lake version, files, messages, senders,
devices, and what people said about the readings.
"""

from __future__ import annotations

import asyncio
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from province.broker import arrivals
from province.broker.arrivals import Arrival
from province.broker.broker import Broker
from province.broker.corrections import Corrections, Said
from province.broker.measured import Measured
from province.errors import InvalidInput, NotFound
from province.history import correction
from province.history.correction import amend
from province.history.hours import Hours
from province.history.lake import Lake, Span
from province.model.actor import Actor
from province.model.entity import ORIGINS
from province.model.query import Query, pages
from province.model.time import Instant

SHOWN: Final = 200
"""So many devices and senders are named; the counts are of all."""
_NEEDED: Final = ("entity", "attribute", "dataset", "observed_at", "number", "text", "origin", "seq", "row")


@dataclass(frozen=True, slots=True)
class File:
    """A file of the lake that holds some of the readings."""

    path: str
    bytes: int
    readings: int
    rows: int


@dataclass(frozen=True, slots=True)
class Sender:
    """Who sent readings: door and actor, with first and last arrival. readings: of those that are asked about."""

    door: str
    sender: str
    first: Instant
    last: Instant
    readings: int


@dataclass(frozen=True, slots=True)
class Device:
    """An entity that was measured, and how many of its readings count."""

    id: str
    title: str
    readings: int


@dataclass(frozen=True, slots=True)
class Lineage:
    """What a number was made of.

    stored, counted: readings in the lake, and those that count after corrections.
    mean, low, high, total: of the counted numbers; None without any.
    positions: first and last place in the stream.  unknown: readings whose sender is no longer, or not, on record.
    version: of the lake.  rolled_up: version that the roll-ups by hour reflect.
    kept: the stored hourly sum of an area (readings, total), to hold against the counted ones; None otherwise.
    """

    type: str
    attribute: str
    unit: str
    start: Instant
    end: Instant
    version: int
    rolled_up: int | None
    stored: int
    counted: int
    mean: float | None
    low: float | None
    high: float | None
    total: float | None
    origins: Mapping[str, int]
    files: tuple[File, ...]
    positions: tuple[int, int] | None
    senders: tuple[Sender, ...]
    unknown: int
    devices: tuple[Device, ...]
    device_count: int
    corrections: tuple[Said, ...]
    entity: str = ""
    area: str = ""
    kept: tuple[int, float] | None = None

    @property
    def agrees(self) -> bool | None:
        """Whether the stored sum is that of the readings; None where none is stored."""
        if self.kept is None:
            return None
        return self.kept[0] == self.counted and math.isclose(
            self.kept[1], self.total or 0.0, rel_tol=1e-9, abs_tol=1e-6
        )


class Lines:
    """broker, measured, corrections: questions with the caller's rights.  lake_of: tenant → its lake."""

    def __init__(
        self, broker: Broker, measured: Measured, corrections: Corrections, lake_of: Callable[[str], Lake]
    ) -> None:
        self._broker = broker
        self._measured = measured
        self._corrections = corrections
        self._lake_of = lake_of

    async def of_series(self, id: str, attr: str, actor: Actor, *, start: Instant, end: Instant) -> Lineage:
        """Of the readings of an attribute of an entity in [start, end). Raises: NotFound, InvalidInput."""
        _check(start, end)
        entity = await self._broker.get(id, actor, latest=False)
        entity_type = self._broker.types.get(entity.type)
        spec = entity_type.fields.get(attr) if entity_type else None
        if spec is None or not spec.field.observed or not self._broker.visible(entity, actor)(attr):
            raise NotFound(f"{entity.type} has no measured attribute {attr[:64]!r}.", field="attr")
        span = Span([id], [attr], start, end)
        said = await self._corrections.list(id, actor, attribute=attr, start=start, end=end)
        found = await self._trace(actor, span, said)
        title = str((entity_type and entity_type.info.title and entity.value(entity_type.info.title)) or id)
        devices = (Device(id, title, found["counted"]),) if found["stored"] else ()
        return Lineage(
            type=entity.type, attribute=attr, unit=spec.unit, start=start, end=end, entity=id,
            devices=devices, device_count=len(devices), corrections=tuple(said), **found,
        )  # fmt: skip

    async def of_area(self, type: str, attr: str, area: str, actor: Actor, *, hour: Instant) -> Lineage:
        """Of an hour's average of an attribute in an area, over the entities that stand there now.

        A sensor that moved since, or that the caller may not read, makes the kept sum differ from the counted one.
        Raises: NotFound, NotSignedIn.
        """
        start = hour.replace(minute=0, second=0, microsecond=0)
        end = start + timedelta(hours=1)
        kept = [h for h in await self._measured.area_hours(type, attr, actor, start=start, end=end) if h.area == area]
        ids: dict[str, str] = {}
        entity_type = self._broker.types[type]
        query = Query(types=(type,), area=(area,), limit=1000, latest=False)
        async for page in pages(self._broker.query, query, actor):
            for one in page.items:
                title = one.value(entity_type.info.title) if entity_type.info.title else None
                ids[one.id] = str(title or one.id)
        async with self._broker.pool.acquire() as connection:
            given = await correction.read(connection, actor.tenant, entities=list(ids), start=start, end=end)
        said: list[Said] = []
        for id in sorted({c.entity for c in given})[:SHOWN]:
            said += await self._corrections.list(id, actor, attribute=attr, start=start, end=end)
        span = Span(sorted(ids), [attr], start, end, (None,))
        found = await self._trace(actor, span, said, every=given)
        counts: Mapping[str, int] = found.pop("by_device")
        most = sorted(counts.items(), key=lambda pair: (-pair[1], pair[0]))
        return Lineage(
            type=type, attribute=attr, unit=entity_type.fields[attr].unit, start=start, end=end, area=area,
            devices=tuple(Device(id, ids.get(id, id), n) for id, n in most[:SHOWN]), device_count=len(counts),
            corrections=tuple(said), kept=(kept[0].readings, kept[0].total) if kept else (0, 0.0), **found,
        )  # fmt: skip

    async def _trace(
        self, actor: Actor, span: Span, said: Sequence[Said], *, every: Sequence[correction.Correction] | None = None
    ) -> dict[str, Any]:
        lake = self._lake_of(actor.tenant)
        given = [one.correction for one in said] if every is None else list(every)
        version, rows, files = await asyncio.to_thread(_read, lake, span)
        positions, _ = await asyncio.to_thread(Hours(lake).state)
        counted = amend(rows, given)
        number = counted["number"]
        seq = rows["seq"].to_numpy()
        places, sizes = np.unique(seq, return_counts=True)
        async with self._broker.pool.acquire() as connection:
            came = await arrivals.find(connection, actor.tenant, places.tolist())
        senders, unknown = _senders(came, places, sizes)
        any_number = number.null_count < len(number)
        origins = counted["origin"].value_counts().to_pylist() if counted.num_rows else []
        found: dict[str, Any] = {
            "version": version,
            "rolled_up": positions["lake"],
            "stored": rows.num_rows,
            "counted": counted.num_rows,
            "mean": pc.mean(number).as_py() if any_number else None,
            "low": pc.min(number).as_py() if any_number else None,
            "high": pc.max(number).as_py() if any_number else None,
            "total": pc.sum(number).as_py() if any_number else None,
            "origins": {ORIGINS[one["values"]]: one["counts"] for one in origins},
            "files": files,
            "positions": (int(places[0]), int(places[-1])) if len(places) else None,
            "senders": senders,
            "unknown": unknown,
        }
        if every is not None:
            grouped = counted.group_by("entity").aggregate([([], "count_all")])
            found["by_device"] = dict(zip(grouped["entity"].to_pylist(), grouped["count_all"].to_pylist(), strict=True))
        return found


def _read(lake: Lake, span: Span) -> tuple[int, pa.Table, tuple[File, ...]]:
    version, _, live = lake.look()
    rows = lake.read(span, columns=_NEEDED, files=live)
    files = []
    chosen = lake.files(span)
    if chosen.num_rows:
        for file in chosen.select(["path", "size_bytes", "num_records"]).to_pylist():
            count = lake.count_in(file["path"], span)
            if count:
                files.append(File(file["path"], file["size_bytes"], count, file["num_records"]))
    return version, rows, tuple(files)


def _senders(came: Sequence[Arrival], places: Any, sizes: Any) -> tuple[tuple[Sender, ...], int]:
    found: dict[tuple[str, str], list[Any]] = {}
    known = np.zeros(len(places), np.bool_)
    for one in came:
        for first, last in one.positions:
            low, high = np.searchsorted(places, first), np.searchsorted(places, last, side="right")
            if low == high:
                continue
            fresh = ~known[low:high]
            known[low:high] = True
            total = int(sizes[low:high][fresh].sum())
            row = found.setdefault((one.door, one.sender), [one.at, one.at, 0])
            row[0], row[1], row[2] = min(row[0], one.at), max(row[1], one.at), row[2] + total
    senders = [Sender(*key, *row) for key, row in found.items() if row[2]]
    senders.sort(key=lambda s: (-s.readings, s.door, s.sender))
    return tuple(senders[:SHOWN]), int(sizes[~known].sum())


def _check(start: Instant, end: Instant) -> None:
    if end <= start or end - start > timedelta(days=400):
        raise InvalidInput("the range is empty or longer than 400 days.", field="end", remedy="Ask for a shorter one.")
