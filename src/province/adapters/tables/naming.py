"""Which entity a row is about: its id by a template, or by what the row says."""

from __future__ import annotations

import uuid
from typing import Any, Final

import msgspec
import pyarrow as pa

from province.adapters.tables import reasons
from province.adapters.tables.parcel import Work
from province.model import mapping as mappings
from province.model.mapping import ID

_SPACE: Final = uuid.UUID("7c5b8f5e-52a5-4c33-8a39-8f0a2f6f5b77")


def ids_of(work: Work, shapes: list[Any] | None) -> list[str | None]:
    """The id of every row's entity; None where the template lacks a value, or for wide files without one."""
    mapping = work.mapping
    by_column = next((n for n, c in mapping.columns.items() if c.field == ID), "")
    template = mapping.id or ("{" + by_column + "}" if by_column else "")
    if template:
        return fill(work, template, refuse=True)
    if mapping.wide is not None:
        return [None] * work.batch.num_rows
    names = [n for n in work.batch.column_names if not n.startswith("_")]
    if mapping.key:
        names = [n for n, c in mapping.columns.items() if c.field in mapping.key]
    values = [work.texts(n).to_pylist() for n in names if not pa.types.is_binary(work.column(n).type)]
    found: list[str | None] = []
    for i, cells in enumerate(zip(*values, strict=True) if values else [()] * work.batch.num_rows):
        # Without an id of its own a row is known by what it says, so that a second import finds it again.
        seed = msgspec.json.encode([work.type.name, *cells, shapes[i] if shapes and not mapping.key else None])
        found.append(f"urn:ngsi-ld:{work.type.name}:{uuid.uuid5(_SPACE, seed.decode())}")
    return found


def fill(work: Work, template: str, *, refuse: bool, column: str = "") -> list[str | None]:
    """A template with the cells of every row. An empty cell refuses the row."""
    filled: list[list[str | None]] = []
    for text, is_column in mappings.parts(template):
        if not is_column:
            filled.append([text] * work.batch.num_rows)
            continue
        name, _, suffix = text.partition("|")
        if name == "_column":
            filled.append([column] * work.batch.num_rows)
            continue
        cells = work.texts(name).to_pylist()
        if refuse:
            for i, cell in enumerate(cells):
                if cell is None and i not in work.parcel.refused:
                    work.parcel.refuse(i, reasons.missing(name))
        filled.append([None if c is None else mappings.slug(c) if suffix else c.replace(" ", "_") for c in cells])
    return [None if None in parts else "".join(parts) for parts in zip(*filled, strict=True)]
