"""A dead letter read again as observations, once its cause is repaired."""

from __future__ import annotations

from datetime import datetime

import msgspec
import pyarrow as pa

from province.broker import stream
from province.errors import DecodeError, InvalidInput
from province.model.entity import ORIGINS
from province.model.observation import SCHEMA

ARROW = "application/vnd.apache.arrow.stream"


class Reading(msgspec.Struct, frozen=True):
    """One refused reading, as `broker.readings.rows_as_json` keeps it."""

    entity: str
    type: str
    attribute: str
    observed_at: datetime
    dataset: str | None = None
    number: float | None = None
    text: str | None = None
    origin: str = "measured"


_READING = msgspec.json.Decoder(Reading)


def read_letter(payload: bytes, media_type: str) -> pa.Table:
    """Columns of `model.observation.SCHEMA`. Raises: InvalidInput for a letter that holds no readings we can read."""
    try:
        if media_type == ARROW:
            return stream.decode(payload)
        one = _READING.decode(payload)
    except (msgspec.DecodeError, msgspec.ValidationError, DecodeError) as error:
        raise InvalidInput(
            f"the letter cannot be read as readings: {error}.",
            field="payload",
            remedy="Repair the sender and let it send again; then dismiss the letter.",
        ) from None
    if one.origin not in ORIGINS:
        raise InvalidInput(
            f"{one.origin[:40]!r} is no origin.", field="origin", remedy=f"One of: {', '.join(ORIGINS)}."
        )
    row = {**msgspec.structs.asdict(one), "origin": ORIGINS.index(one.origin)}
    return pa.Table.from_pylist([row], schema=SCHEMA)
