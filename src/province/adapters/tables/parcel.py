"""A batch of a file on its way in, and what it brings."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Final

import numpy as np
import pyarrow as pa

from province.adapters.tables import place as places
from province.adapters.tables import raw
from province.adapters.tables.reasons import Reason
from province.errors import InvalidInput
from province.model.change import Change
from province.model.mapping import Mapping
from province.model.observation import SCHEMA
from province.model.schema import EntityType
from province.model.time import Instant
from province.model.written import Mask

ITEM: Final = "_item"
"""Column of `Parcel.readings` besides those of the schema: position of the row in the batch."""


@dataclass(slots=True)
class Parcel:
    """What a batch brings. changes: by position of the row.  refused: position → reasons.

    readings: `model.observation.SCHEMA` and `_item`; readings of refused rows are not among them.
    """

    rows: int
    changes: dict[int, Change] = field(default_factory=dict)
    keys: dict[int, tuple[Any, ...]] = field(default_factory=dict)
    """Values of `Mapping.key` by position, for rows whose entity is found by them."""
    readings: pa.Table | None = None
    refused: dict[int, list[Reason]] = field(default_factory=dict)

    def refuse(self, position: int, why: Reason) -> None:
        """Add a reason to a row."""
        self.refused.setdefault(position, []).append(why)


@dataclass(slots=True)
class Work:
    """One batch on its way. first: how many rows of the file came before it."""

    batch: pa.Table
    mapping: Mapping
    type: EntityType
    now: Instant
    first: int
    parcel: Parcel
    convert: places.Convert | None

    def column(self, name: str) -> pa.Array:
        """A column of the file. Raises: InvalidInput naming it."""
        if name not in self.batch.column_names:
            known = ", ".join(c for c in self.batch.column_names if not c.startswith("_"))[:400]
            raise InvalidInput(f"the file has no column {name!r}.", field="mapping", remedy=f"Its columns: {known}.")
        found = self.batch.column(name)
        return found.combine_chunks() if isinstance(found, pa.ChunkedArray) else found

    def texts(self, name: str) -> pa.Array:
        """A column as text, empty cells null."""
        return raw.texts(self.column(name), self.mapping.empty)

    def refuse_texts(self, name: str, bad: Mask, why: Any) -> None:
        """Refuse the rows whose cell cannot be read. why: (the cell as given) → reason."""
        if not bad.any():
            return
        given = self.texts(name)
        for i in np.flatnonzero(bad):
            self.parcel.refuse(int(i), why(str(given[int(i)].as_py())))


def bare(table: pa.Table) -> pa.Table:
    """Readings in exactly the columns of `SCHEMA`."""
    return table.select(SCHEMA.names).cast(SCHEMA)
