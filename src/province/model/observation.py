"""Observations: columns of measurements, never one object per reading.

A batch is a pyarrow Table of this schema. `type`, `attribute` and `dataset` repeat, so they travel dictionary-encoded.

    entity       string      id of the entity
    type         string      type of the entity
    attribute    string      a field declared `observed`
    dataset      string?     datasetId, or null
    observed_at  timestamp   microseconds, UTC
    number       float64?    the value in the declared unit, or null
    text         string?     the value when it is not a number (JSON text), or null
    origin       uint8       position in `model.entity.ORIGINS`
"""

from __future__ import annotations

from dataclasses import dataclass

import pyarrow as pa

_CODE = pa.dictionary(pa.int32(), pa.string())
SCHEMA: pa.Schema = pa.schema(
    [
        pa.field("entity", pa.string(), nullable=False),
        pa.field("type", _CODE, nullable=False),
        pa.field("attribute", _CODE, nullable=False),
        pa.field("dataset", _CODE),
        pa.field("observed_at", pa.timestamp("us", tz="UTC"), nullable=False),
        pa.field("number", pa.float64()),
        pa.field("text", pa.string()),
        pa.field("origin", pa.uint8(), nullable=False),
    ]
)


@dataclass(frozen=True, slots=True)
class Rejected:
    """One reading that was not taken. row: its position in the batch as given."""

    row: int
    field: str
    reason: str


@dataclass(frozen=True, slots=True)
class Acknowledged:
    """What became of a batch. sequence: its place in the stream; every accepted reading is durable there."""

    accepted: int
    rejected: tuple[Rejected, ...] = ()
    sequence: int | None = None
    duplicate: bool = False
