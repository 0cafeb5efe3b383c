"""Ids of single readings: made of what identifies a reading, so that nothing needs to be stored for them.

urn:ngsi-ld:Instance:<mark of entity and attribute>:<µs since 1970>[:<datasetId, percent-encoded>]
"""

from __future__ import annotations

import hashlib
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import Final
from urllib.parse import quote, unquote

from province.errors import NotFound
from province.model.time import Instant

_PREFIX: Final = "urn:ngsi-ld:Instance:"
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_TICK: Final = timedelta(microseconds=1)


def reading_id(entity: str, attribute: str, at: Instant, dataset: str | None) -> str:
    """Id of the reading of an attribute at an instant."""
    end = f":{quote(dataset, safe='')}" if dataset else ""
    return f"{_PREFIX}{_mark(entity, attribute)}:{(at - _EPOCH) // _TICK}{end}"


def read_reading_id(id: str, entity: str, attribute: str) -> tuple[Instant, str]:
    """(instant, datasetId or "") that an id of a reading names. Raises: NotFound for an id of anything else."""
    mark, _, rest = id.removeprefix(_PREFIX).partition(":")
    micros, _, dataset = rest.partition(":")
    try:
        if id.startswith(_PREFIX) and mark == _mark(entity, attribute) and len(micros) < 18:
            return _EPOCH + int(micros) * _TICK, unquote(dataset)
    except (ValueError, OverflowError):
        pass
    raise NotFound(
        f"{id[:120]} is no reading of {attribute} of this entity.",
        field="instanceId",
        remedy="Take the instanceId from the entity's history; what was written as a record stays as it was written.",
    )


@lru_cache(maxsize=4096)
def _mark(entity: str, attribute: str) -> str:
    return hashlib.sha256(f"{entity}\0{attribute}".encode()).hexdigest()[:16]
