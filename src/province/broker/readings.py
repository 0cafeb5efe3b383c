"""Does every reading of a batch fit its declaration? Answered on columns; no object is made for a reading that does.

Text and truth values travel as JSON text (`"open"`, `true`); numbers as float64 in the declared unit.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import msgspec
import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from province.broker.known import Owner
from province.errors import InvalidInput
from province.model.entity import ORIGINS
from province.model.observation import SCHEMA, Rejected
from province.model.schema import EntityType, FieldSpec
from province.model.time import EARLIEST, FUTURE_TOLERANCE
from province.model.unit import lookup

MAX_TEXT = 10_000
UNKNOWN = "no such entity, or it is not yours to measure."
_JSON_STRING = r'^"([^"\\\x00-\x1f]|\\(["\\/bfnrt]|u[0-9a-fA-F]{4}))*"$'
_EXACT_INTEGER = 2.0**53
_NULLABLE = pa.schema([f.with_nullable(True) for f in SCHEMA])

Mask = npt.NDArray[np.bool_]
Codes = npt.NDArray[np.int64]


@dataclass(slots=True)
class Checked:
    """A batch under examination. table: rows of SCHEMA, nulls filled.  reason: per row 0, or 1 + place in `reasons`."""

    table: pa.Table
    reason: npt.NDArray[np.int32]
    reasons: list[tuple[str, str]] = field(default_factory=list)
    entities: list[str] = field(default_factory=list)
    """Distinct entity ids."""
    entity: Codes = field(default_factory=lambda: np.empty(0, np.int64))
    types: list[str] = field(default_factory=list)
    type: Codes = field(default_factory=lambda: np.empty(0, np.int64))

    def refuse(self, rows: Mask, field: str, reason: str) -> None:
        """Mark rows, unless something was wrong with them already."""
        rows = rows & (self.reason == 0)
        if rows.any():
            self.reasons.append((field, reason))
            self.reason[rows] = len(self.reasons)

    @property
    def good(self) -> Mask:
        """Rows that nothing is wrong with."""
        return np.equal(self.reason, 0)

    def rejected(self) -> tuple[Rejected, ...]:
        """What was refused and why, by row."""
        rows = np.flatnonzero(self.reason)
        return tuple(Rejected(int(row), *self.reasons[self.reason[row] - 1]) for row in rows)


def arrange(table: pa.Table) -> Checked:
    """Bring a table into SCHEMA's columns, in order; rows with nulls where none may be are refused.

    Raises: InvalidInput when a column is missing or of another kind.
    """
    missing = [name for name in SCHEMA.names if name not in table.schema.names]
    if missing:
        raise InvalidInput(
            f"the batch has no column {missing[0]!r}.", field=missing[0], remedy=f"Columns: {', '.join(SCHEMA.names)}."
        )
    columns = []
    for name in SCHEMA.names:
        try:
            columns.append(table[name].cast(_NULLABLE.field(name).type))
        except (pa.ArrowInvalid, pa.ArrowNotImplementedError) as error:
            raise InvalidInput(
                f"column {name!r} holds {table[name].type}; expected {_NULLABLE.field(name).type}. {str(error)[:120]}",
                field=name,
            ) from error
    plain = pa.table(columns, schema=_NULLABLE).unify_dictionaries().combine_chunks()
    checked = Checked(plain, np.zeros(plain.num_rows, np.int32))
    filled = []
    for spec in SCHEMA:
        column = plain[spec.name]
        if not spec.nullable and column.null_count:
            checked.refuse(_mask(pc.is_null(column)), spec.name, "is null.")
            column = _fill(column)
        filled.append(column)
    checked.table = pa.table(filled, schema=SCHEMA)
    checked.types, checked.type = _codes(checked.table["type"])
    checked.entities, checked.entity = _codes(pc.dictionary_encode(checked.table["entity"]))
    return checked


def check_values(checked: Checked, types: Mapping[str, EntityType], now: datetime) -> None:
    """Refuse rows whose type, attribute, value, time or origin does not fit the declarations."""
    attributes, attribute = _codes(checked.table["attribute"])
    number = checked.table["number"]
    numbers = _array(number.combine_chunks().fill_null(np.nan)).astype(np.float64, copy=False)
    has_number = ~_mask(pc.is_null(number))
    has_text = ~_mask(pc.is_null(checked.table["text"]))
    pair = checked.type * len(attributes) + attribute
    possible = len(checked.types) * len(attributes)
    # Counting is faster than sorting, unless somebody sends a new name with every reading.
    pairs = np.flatnonzero(np.bincount(pair)) if possible <= 4 * len(pair) + 64 else np.unique(pair)
    for code in pairs:
        rows = pair == code
        type_name, name = checked.types[code // len(attributes)], attributes[code % len(attributes)]
        entity_type = types.get(type_name)
        spec = entity_type.fields.get(name) if entity_type else None
        if entity_type is None:
            checked.refuse(rows, "type", f"type {type_name[:64]!r} is not known.")
        elif spec is None:
            checked.refuse(rows, "attribute", f"{type_name} has no attribute {name[:64]!r}.")
        elif not spec.field.observed or spec.many:
            checked.refuse(rows, "attribute", f"{type_name}.{name} is not measured: write it as a record.")
        elif spec.value in ("number", "integer"):
            _check_numbers(checked, rows, spec, numbers, has_number, has_text)
        else:
            _check_texts(checked, rows, spec, has_number, has_text)
    at = _array(checked.table["observed_at"].combine_chunks().cast(pa.int64()))
    checked.refuse(at < _micros(EARLIEST), "observedAt", "lies before 1900.")
    checked.refuse(at > _micros(now + FUTURE_TOLERANCE), "observedAt", "lies in the future: check the clock.")
    origin = _array(checked.table["origin"].combine_chunks())
    checked.refuse(origin >= len(ORIGINS), "origin", f"is not one of {', '.join(ORIGINS)}.")


def check_owners(checked: Checked, codes: Sequence[int], owners: Sequence[Owner], allowed: Mask) -> None:
    """Refuse rows of unknown entities, of another type, or that the actor may not measure.

    codes: per distinct entity its owner's position in `owners`, or -1.  allowed: per distinct entity.
    """
    code = np.asarray(codes, np.int64)
    checked.refuse(((code < 0) | ~allowed)[checked.entity], "entity", UNKNOWN)
    place = {name: n for n, name in enumerate(checked.types)}
    by_owner = np.array([*(place.get(owner.type, -1) for owner in owners), -1], np.int64)  # the last one: unknown
    expected = by_owner[code]
    wrong = expected[checked.entity] != checked.type
    checked.refuse(wrong, "type", "is not the type of the entity.")


def convert_column(numbers: pa.Array, source: str, target: str, *, field: str) -> pa.Array:
    """Numbers of unit `source` in unit `target` (UN/CEFACT codes or symbols). Raises: InvalidInput when they differ
    in dimension, as `model.unit.convert` does for one number."""
    a, b = lookup(source, field=field), lookup(target, field=field)
    if a.dimension != b.dimension:
        raise InvalidInput(
            f"unit {source!r} measures {a.dimension}, the field is stored in {target!r} ({b.dimension}).",
            field=field,
            remedy=f"Send the values in a unit of {b.dimension}.",
        )
    if a.code == b.code:
        return numbers
    return pc.divide(pc.add(pc.multiply(numbers, a.factor), a.offset - b.offset), b.factor)


def rows_as_json(table: pa.Table, rows: Sequence[int]) -> Iterator[bytes]:
    """Single readings as JSON, for the dead letters."""
    for row in table.take(pa.array(rows, pa.int64())).to_pylist():
        origin = row["origin"]
        row["origin"] = ORIGINS[origin] if origin is not None and origin < len(ORIGINS) else origin
        yield msgspec.json.encode(row)


def _check_numbers(
    checked: Checked, rows: Mask, spec: FieldSpec, numbers: npt.NDArray[np.float64], has_number: Mask, has_text: Mask
) -> None:
    name, unit = spec.name, f" {spec.unit}" if spec.unit else ""
    checked.refuse(rows & (has_text | ~has_number), name, f"is not a number; {name} is measured in{unit}.")
    checked.refuse(rows & ~np.isfinite(numbers), name, "is not a finite number.")
    if spec.value == "integer":
        with np.errstate(invalid="ignore"):
            odd = (numbers != np.rint(numbers)) | (np.abs(numbers) > _EXACT_INTEGER)
        checked.refuse(rows & odd, name, "is not a whole number.")
    low, high = spec.field.minimum, spec.field.maximum
    limits = f"is outside {'−∞' if low is None else low}…{'∞' if high is None else high}{unit}: check value and unit."
    if low is not None:
        checked.refuse(rows & (numbers < low), name, limits)
    if high is not None:
        checked.refuse(rows & (numbers > high), name, limits)


def _check_texts(checked: Checked, rows: Mask, spec: FieldSpec, has_number: Mask, has_text: Mask) -> None:
    kind = "a truth value" if spec.value == "boolean" else "a text"
    checked.refuse(rows & (has_number | ~has_text), spec.name, f"is not {kind}.")
    text = checked.table["text"].combine_chunks().fill_null("")
    if spec.value == "boolean":
        fits = pc.is_in(text, value_set=pa.array(["true", "false"]))
        checked.refuse(rows & ~_mask(fits), spec.name, "is neither true nor false.")
        return
    checked.refuse(rows & ~_mask(pc.match_substring_regex(text, _JSON_STRING)), spec.name, "is not a JSON text.")
    checked.refuse(rows & _mask(pc.match_substring(text, r"\u0000")), spec.name, "holds a NUL character.")
    checked.refuse(rows & (_array(pc.utf8_length(text)) > MAX_TEXT), spec.name, f"is over {MAX_TEXT} characters.")
    if spec.field.values:
        known = pa.array([msgspec.json.encode(v).decode() for v in spec.field.values])
        fits = pc.is_in(text, value_set=known)
        checked.refuse(rows & ~_mask(fits), spec.name, f"is not one of {', '.join(spec.field.values)}.")


def _codes(column: pa.ChunkedArray) -> tuple[list[str], Codes]:
    encoded = column.combine_chunks()
    return encoded.dictionary.to_pylist(), _array(encoded.indices).astype(np.int64)


def _fill(column: pa.ChunkedArray) -> pa.ChunkedArray:
    kind = column.type
    if pa.types.is_dictionary(kind):
        return pc.fill_null(column.cast(pa.string()), "").cast(kind)
    if pa.types.is_string(kind):
        return pc.fill_null(column, "")
    return pc.fill_null(column, pa.scalar(0, pa.int64()).cast(kind))


def _array(array: Any) -> npt.NDArray[Any]:
    return array.to_numpy(zero_copy_only=False)  # type: ignore[no-any-return]


def _mask(array: Any) -> Mask:
    flat = array.combine_chunks() if isinstance(array, pa.ChunkedArray) else array
    return np.asarray(_array(flat), np.bool_)


def _micros(at: datetime) -> int:
    return int(at.timestamp() * 1_000_000)
