"""Batches of observations as HTTP brings them: JSON columns, or an Arrow IPC stream. Both become a table of SCHEMA.

JSON is one block or a list of blocks; a block holds readings of one attribute of entities of one type:

    {"type": "AirQualityObserved", "attribute": "pm25", "unitCode": "GQ", "origin": "measured",
     "entity": ["urn:…:1", "urn:…:2"],
     "observedAt": ["2026-03-01T07:00:00Z", 1772348400000000],      (ISO 8601 with offset, or µs since 1970)
     "value": [12.5, 13.0]}

`entity` and `observedAt` may be single values that hold for the whole block. Arrow streams need no `dataset`, `number`,
`text` or `origin` column; texts in them are JSON texts, as in `model.observation`.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Any, Final

import msgspec
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from province.broker.observe import MAX_READINGS
from province.broker.readings import convert_column
from province.errors import DecodeError, InvalidInput, TooLarge, Unsupported
from province.model.entity import ORIGINS
from province.model.observation import SCHEMA
from province.model.schema import EntityType
from province.model.time import EARLIEST, parse_instant

JSON: Final = "application/json"
ARROW: Final = "application/vnd.apache.arrow.stream"
MEDIA_TYPES: Final = (JSON, ARROW)
_US = timedelta(microseconds=1)
_LARGEST_US = 2**62
_OPTIONAL: Final = ("dataset", "number", "text", "origin")
_ORIGIN: Final[Mapping[str, int]] = {name: n for n, name in enumerate(ORIGINS)}
_INSTANT = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d(:\d\d(\.\d{1,6})?)?(Z|[+-]\d\d:\d\d)")


class Block(msgspec.Struct, frozen=True, forbid_unknown_fields=True, rename="camel"):
    """Readings of one attribute, as columns of one length."""

    type: str
    attribute: str
    entity: str | list[str]
    observed_at: str | int | list[str | int]
    value: list[float | bool | str | None]
    unit_code: str | None = None
    origin: str = "measured"
    dataset_id: str | None = None


_ONE = msgspec.json.Decoder(Block)
_MANY = msgspec.json.Decoder(list[Block])


def decode(body: bytes, media_type: str, types: Mapping[str, EntityType]) -> pa.Table:
    """Decode a body of one of MEDIA_TYPES. types: declared types, whose units values are converted to.

    Raises: DecodeError and InvalidInput that name the field (`[0].observedAt[17]`), TooLarge, Unsupported.
    """
    kind = media_type.partition(";")[0].strip().lower()
    if kind == ARROW:
        return decode_arrow(body)
    if kind == JSON:
        return decode_json(body, types)
    raise Unsupported(f"{kind[:80]!r} is not read here.", remedy=f"Send {' or '.join(MEDIA_TYPES)}.")


def decode_json(body: bytes, types: Mapping[str, EntityType]) -> pa.Table:
    """Decode JSON columns. Raises: DecodeError, InvalidInput, TooLarge."""
    blocks, single = _blocks(body)
    total = sum(len(block.value) for block in blocks)
    if total > MAX_READINGS:
        raise TooLarge(f"{total} readings in one batch.", remedy=f"At most {MAX_READINGS}; split it.")
    tables = [_table(block, "" if single else f"[{n}].", types) for n, block in enumerate(blocks)]
    return pa.concat_tables(tables) if tables else SCHEMA.empty_table()


def decode_arrow(body: bytes) -> pa.Table:
    """Decode an Arrow IPC stream. Column types may be narrower or plainer than SCHEMA's, never lossy.

    Raises: DecodeError, TooLarge.
    """
    try:
        with pa.ipc.open_stream(body) as reader:
            batches = []
            rows = 0
            for batch in reader:
                rows += batch.num_rows
                if rows > MAX_READINGS:
                    raise TooLarge("too many readings in one batch.", remedy=f"At most {MAX_READINGS}; split it.")
                batches.append(batch)
            table = pa.Table.from_batches(batches, reader.schema)
        table.validate(full=True)
    except (pa.ArrowException, OSError, UnicodeDecodeError, ValueError) as error:
        raise DecodeError(f"not an Arrow IPC stream: {str(error)[:200]}", field="body") from error
    unknown = [name for name in table.schema.names if name not in SCHEMA.names]
    if unknown or len(set(table.schema.names)) != len(table.schema.names):
        raise DecodeError(
            f"columns {table.schema.names} are not those of a batch.",
            field=unknown[0] if unknown else "body",
            remedy=f"Send {', '.join(SCHEMA.names)}, each once.",
        )
    columns = []
    for spec in SCHEMA:
        if spec.name not in table.schema.names:
            if spec.name not in _OPTIONAL:
                raise DecodeError(f"column {spec.name!r} is missing.", field=spec.name)
            filler = (
                pa.nulls(table.num_rows, spec.type) if spec.nullable else pa.array(np.zeros(table.num_rows, np.uint8))
            )
            columns.append(pa.chunked_array([filler]))
            continue
        try:
            columns.append(_cast(table[spec.name], spec.type))
        except (pa.ArrowException, ValueError) as error:
            raise DecodeError(
                f"column {spec.name!r} of {table[spec.name].type} cannot be {spec.type}: {str(error)[:160]}",
                field=spec.name,
            ) from error
    # Nulls where none may be are refused row by row later, so the schema of a decoded batch lets them pass.
    return pa.table(columns, schema=pa.schema([field.with_nullable(True) for field in SCHEMA]))


def _cast(column: pa.ChunkedArray, kind: pa.DataType) -> pa.ChunkedArray:
    if pa.types.is_timestamp(kind):
        if not pa.types.is_timestamp(column.type):
            raise ValueError("expected timestamps with time zone UTC")
        if column.type.tz is None:
            raise ValueError("the timestamps have no time zone; say UTC")
        if column.type.unit == "ns":  # finer than we keep
            return pc.floor_temporal(column, unit="microsecond").cast(kind, safe=False)
    if pa.types.is_dictionary(column.type) and not pa.types.is_dictionary(kind):
        column = column.cast(column.type.value_type)
    if pa.types.is_dictionary(kind) and not pa.types.is_dictionary(column.type):
        return column.cast(pa.string()).dictionary_encode()
    return column.cast(kind)


def _blocks(body: bytes) -> tuple[list[Block], bool]:
    single = body.lstrip()[:1] == b"{"
    try:
        return ([_ONE.decode(body)], True) if single else (_MANY.decode(body), False)
    except msgspec.ValidationError as error:
        message, _, path = str(error).partition(" - at `")
        raise DecodeError(
            f"{message}.",
            field=path.rstrip("`").removeprefix("$").removeprefix(".") or "body",
            remedy="A block is {type, attribute, entity[], observedAt[], value[]}.",
        ) from None
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise DecodeError(f"not JSON: {error}.", field="body") from None


def _table(block: Block, place: str, types: Mapping[str, EntityType]) -> pa.Table:
    size = len(block.value)
    entity_type = types.get(block.type)
    if entity_type is None:
        raise InvalidInput(f"type {block.type[:64]!r} is not known.", field=f"{place}type")
    spec = entity_type.fields.get(block.attribute)
    if spec is None or not spec.field.observed:
        raise InvalidInput(
            f"{block.type} measures no {block.attribute[:64]!r}.",
            field=f"{place}attribute",
            remedy=f"One of: {', '.join(s.name for s in entity_type.observed) or 'none: nothing of it is measured'}.",
        )
    if block.origin not in _ORIGIN:
        raise InvalidInput(f"{block.origin[:64]!r}.", field=f"{place}origin", remedy=f"One of: {', '.join(ORIGINS)}.")
    entities = [block.entity] * size if isinstance(block.entity, str) else block.entity
    if len(entities) != size:
        raise InvalidInput(f"{len(entities)} entities and {size} values.", field=f"{place}entity")
    if spec.value in ("number", "integer"):
        numbers, texts = _numbers(block.value, f"{place}value"), pa.nulls(size, pa.string())
        if block.unit_code and spec.unit:
            numbers = convert_column(numbers, block.unit_code, spec.unit, field=f"{place}unitCode")
    else:
        numbers, texts = pa.nulls(size, pa.float64()), pa.array(_texts(block.value), pa.string())
    return pa.table(
        [
            pa.array(entities, pa.string()),
            _repeated(block.type, size),
            _repeated(block.attribute, size),
            _repeated(block.dataset_id, size),
            _instants(block.observed_at, size, f"{place}observedAt"),
            numbers,
            texts,
            pa.array(np.full(size, _ORIGIN[block.origin], np.uint8)),
        ],
        schema=SCHEMA,
    )


def _repeated(text: str | None, size: int) -> pa.DictionaryArray:
    if text is None:
        return pa.nulls(size, SCHEMA.field("type").type)
    return pa.DictionaryArray.from_arrays(pa.array(np.zeros(size, np.int32)), pa.array([text], pa.string()))


def _numbers(values: Sequence[float | bool | str | None], field: str) -> pa.Array:
    if not set(map(type, values)) <= {int, float}:
        n, value = next((n, v) for n, v in enumerate(values) if type(v) not in (int, float))
        raise InvalidInput(f"{msgspec.json.encode(value).decode()[:40]} is not a number.", field=f"{field}[{n}]")
    return pa.array(np.array(values, np.float64))


def _texts(values: Sequence[Any]) -> list[str | None]:
    return [None if value is None else msgspec.json.encode(value).decode() for value in values]


def _instants(given: str | int | Sequence[str | int], size: int, field: str) -> pa.Array:
    if isinstance(given, str | int):
        return pa.array(np.full(size, _instant(given, field), np.int64)).cast(SCHEMA.field("observed_at").type)
    if len(given) != size:
        raise InvalidInput(f"{len(given)} instants and {size} values.", field=field)
    kinds = set(map(type, given))
    if kinds == {str} and all(map(_INSTANT.fullmatch, given)):  # type: ignore[arg-type]
        try:
            return pa.array(given, pa.string()).cast(pa.timestamp("us", tz="UTC"))
        except pa.ArrowInvalid:
            pass  # which one it was is found below
    micros = [_instant(one, f"{field}[{n}]") for n, one in enumerate(given)]
    return pa.array(np.array(micros, np.int64)).cast(SCHEMA.field("observed_at").type)


def _instant(given: str | int, field: str) -> int:
    if isinstance(given, str):
        return (parse_instant(given, field=field) - _EPOCH) // _US
    if math.fabs(given) > _LARGEST_US:
        raise InvalidInput(
            f"{given} is not a number of microseconds since 1970.", field=field, remedy="Or give ISO 8601 text."
        )
    return given


_EPOCH = EARLIEST.replace(year=1970)
