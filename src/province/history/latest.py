"""Latest values: one logged row per entity and type in PostgreSQL, written only when newer, rebuildable from the lake.

The table `latest_<noun>` of a type with observed fields has for each of them the columns

    <name>         float8 for numbers, text otherwise (raw text; `true`/`false`)
    <name>_at      timestamptz: when it was measured
    <name>_origin  smallint: place in `model.entity.ORIGINS`
    <name>_seq     bigint: stream sequence that brought it

Readings with a datasetId are history only. "Newer" is the later (observed_at, seq); writing the same batch again
changes nothing, so the lake writer may repeat one after a crash.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import TypeAlias

import asyncpg
import msgspec
import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from province.errors import ConfigurationError
from province.history.correction import Correction, amend
from province.history.lake import COLUMNS, Lake, Span
from province.model.entity import ORIGINS, Attribute
from province.model.schema import EntityType, FieldSpec

Connection: TypeAlias = "asyncpg.Connection[asyncpg.Record] | asyncpg.pool.PoolConnectionProxy[asyncpg.Record]"

Objects: TypeAlias = npt.NDArray[np.object_]

_EPOCH = "timestamptz 'epoch' + {} * interval '1 microsecond'"
_SUFFIXES = ("", "_at", "_origin", "_seq")
MAX_ROWS = 50_000
"""Entities per statement."""


def table_name(entity_type: EntityType) -> str:
    """Name of the generated table, quoted."""
    return _quote(f"latest_{entity_type.noun}")


async def ensure(connection: Connection, types: Iterable[EntityType]) -> list[str]:
    """Create the tables and columns that declared types need and that are missing. Returns what was added.

    A column that is no longer declared stays: a pack may come back. Raises: ConfigurationError.
    """
    added: list[str] = []
    for entity_type in types:
        if not entity_type.observed:
            continue
        _check_names(entity_type)
        name = f"latest_{entity_type.noun}"
        present = {
            row["column_name"]: row["data_type"]
            for row in await connection.fetch(
                "SELECT column_name, data_type FROM information_schema.columns"
                " WHERE table_schema = current_schema() AND table_name = $1",
                name,
            )
        }
        if not present:
            await connection.execute(
                f"CREATE TABLE IF NOT EXISTS {table_name(entity_type)}"
                " (tenant text NOT NULL, entity text NOT NULL, PRIMARY KEY (tenant, entity)) WITH (fillfactor = 70)"
            )
            added.append(name)
        for spec in entity_type.observed:
            kind = _kind(spec)
            if (have := present.get(spec.name)) is None:
                await connection.execute(
                    f"ALTER TABLE {table_name(entity_type)}"
                    f" ADD COLUMN IF NOT EXISTS {_quote(spec.name)} {kind},"
                    f" ADD COLUMN IF NOT EXISTS {_quote(spec.name + '_at')} timestamptz,"
                    f" ADD COLUMN IF NOT EXISTS {_quote(spec.name + '_origin')} smallint,"
                    f" ADD COLUMN IF NOT EXISTS {_quote(spec.name + '_seq')} bigint"
                )
                added.append(f"{name}.{spec.name}")
            elif have != kind:
                raise ConfigurationError(
                    f"{entity_type.name}.{spec.name} was stored as {have}, its declaration now needs {kind}.",
                    field=spec.name,
                    remedy="Give the field a new name: measured history keeps the kind it was written with.",
                )
    return added


async def write(connection: Connection, tenant: str, rows: pa.Table, types: Mapping[str, EntityType]) -> int:
    """Write the newest reading per entity and attribute of a batch, where it is newer than what is stored.

    rows: columns entity, type, attribute, dataset, observed_at, number, text, origin, seq, row.
    Returns the number of entity rows sent. Readings of undeclared types or attributes are skipped: they are history.
    """
    newest = conflate(rows)
    sent = 0
    for type_name in pc.unique(newest["type"]).to_pylist():
        entity_type = types.get(type_name)
        if entity_type is None:
            continue
        mine = newest.filter(pc.equal(newest["type"], type_name))
        entities, columns, specs = _widen(mine, entity_type)
        if not specs:
            continue
        statement = _upsert(entity_type, specs)
        for start in range(0, len(entities), MAX_ROWS):
            part = [column[start : start + MAX_ROWS].tolist() for column in columns]
            await connection.execute(statement, tenant, entities[start : start + MAX_ROWS].tolist(), *part)
        sent += len(entities)
    return sent


async def read(
    connection: Connection, tenant: str, entity_type: EntityType, ids: Sequence[str]
) -> dict[str, dict[str, Attribute]]:
    """Latest values of entities of one type, by id and attribute name. An entity that sent nothing is absent."""
    if not entity_type.observed or not ids:
        return {}
    found = await connection.fetch(
        f"SELECT * FROM {table_name(entity_type)} WHERE tenant = $1 AND entity = ANY($2::text[])",  # noqa: S608
        tenant,
        list(ids),
    )
    result: dict[str, dict[str, Attribute]] = {}
    for row in found:
        values = {}
        for spec in entity_type.observed:
            if row[f"{spec.name}_at"] is None:
                continue
            values[spec.name] = Attribute(
                value=_value(spec, row[spec.name]),
                unit_code=spec.unit or None,
                observed_at=row[f"{spec.name}_at"],
                origin=ORIGINS[row[f"{spec.name}_origin"]],
            )
        result[row["entity"]] = values
    return result


async def rebuild(
    connection: Connection,
    tenant: str,
    lake: Lake,
    types: Mapping[str, EntityType],
    *,
    since: datetime | None = None,
    corrections: Sequence[Correction] = (),
) -> int:
    """Write the latest values again from the lake, newest day first, for example after PostgreSQL was restored.

    since: no older days.  corrections: laid over the readings.
    Returns the number of readings looked at. Stored values that are newer stay.
    """
    seen = 0
    for day in lake.days(Span(start=since)):
        span = Span(start=day, end=day + timedelta(days=1))
        for part in lake.parts(span, COLUMNS, rows=1_000_000):
            await write(connection, tenant, amend(part, corrections), types)
            seen += part.num_rows
    return seen


async def renew(
    connection: Connection,
    tenant: str,
    lake: Lake,
    entity_type: EntityType,
    entity: str,
    fields: Sequence[FieldSpec],
    corrections: Sequence[Correction],
) -> None:
    """Make the latest values of some fields of one entity again, after corrections: what is stored does not count.

    The caller holds back the writer (`area_hours.hold`). What is not in the lake yet comes later, when newer.
    """
    span = Span(entities=[entity], attributes=[spec.name for spec in fields], datasets=(None,))
    rows = await asyncio.to_thread(lake.last, span, 1, corrections=corrections)
    names = ", ".join(f"{_quote(spec.name + suffix)} = NULL" for spec in fields for suffix in _SUFFIXES)
    await connection.execute(
        f"UPDATE {table_name(entity_type)} SET {names} WHERE tenant = $1 AND entity = $2",  # noqa: S608
        tenant,
        entity,
    )
    await write(connection, tenant, rows, {entity_type.name: entity_type})


def conflate(rows: pa.Table) -> pa.Table:
    """The newest reading of each (entity, type, attribute) without datasetId, by (observed_at, seq, row)."""
    rows = rows.filter(pc.is_null(rows["dataset"])) if rows["dataset"].null_count < rows.num_rows else rows
    rows = rows.unify_dictionaries().combine_chunks()
    if rows.num_rows == 0:
        return rows
    key = np.zeros(rows.num_rows, np.int64)
    for name in ("type", "attribute", "entity"):
        codes, size = _codes(rows[name])
        key = key * size + codes
    at = rows["observed_at"].cast(pa.int64()).to_numpy()
    order = np.lexsort((rows["row"].to_numpy(), rows["seq"].to_numpy(), at, key))
    last = np.append(np.flatnonzero(np.diff(key[order])), len(order) - 1)
    return rows.take(pa.array(order[last]))


def _codes(column: pa.ChunkedArray) -> tuple[npt.NDArray[np.int64], int]:
    encoded = column.combine_chunks()
    if not pa.types.is_dictionary(encoded.type):
        encoded = encoded.dictionary_encode()
    return encoded.indices.to_numpy().astype(np.int64), max(1, len(encoded.dictionary))


def _widen(mine: pa.Table, entity_type: EntityType) -> tuple[Objects, list[Objects], list[FieldSpec]]:
    """Ids, and per observed field that is present four columns (value, µs, origin, seq), None where absent."""
    codes, size = _codes(mine["entity"])
    encoded = mine["entity"].combine_chunks()
    if not pa.types.is_dictionary(encoded.type):
        encoded = encoded.dictionary_encode()
    columns = []
    specs = []
    for spec in entity_type.observed:
        chosen = pc.equal(mine["attribute"], spec.name).combine_chunks().to_numpy(zero_copy_only=False)
        if not chosen.any():
            continue
        part = mine.filter(pa.array(chosen))
        place = codes[chosen]
        for values in (_raw(part, spec), part["observed_at"].cast(pa.int64()), part["origin"], part["seq"]):
            column = np.full(size, None, dtype=object)
            column[place] = np.array(values.to_pylist(), dtype=object)
            columns.append(column)
        specs.append(spec)
    touched = np.zeros(size, np.bool_)
    touched[codes] = True
    ids = np.array(encoded.dictionary.to_pylist(), dtype=object)
    return ids[touched], [column[touched] for column in columns], specs


def _raw(part: pa.Table, spec: FieldSpec) -> pa.ChunkedArray:
    if _kind(spec) != "text":
        return part["number"]
    texts = part["text"].to_pylist()
    return pa.chunked_array(
        [pa.array([t if spec.value == "boolean" or t is None else msgspec.json.decode(t) for t in texts], pa.string())]
    )


def _upsert(entity_type: EntityType, specs: Sequence[FieldSpec]) -> str:
    names: list[str] = []
    values: list[str] = []
    casts: list[str] = []
    updates: list[str] = []
    newer: list[str] = []
    for n, spec in enumerate(specs):
        quoted = [_quote(spec.name + suffix) for suffix in _SUFFIXES]
        names.extend(quoted)
        values.extend((f"v{n}", _EPOCH.format(f"t{n}"), f"o{n}", f"s{n}"))
        casts.extend(
            f"${3 + 4 * n + k}::{kind}[]" for k, kind in enumerate((_kind(spec), "bigint", "smallint", "bigint"))
        )
        test = (
            f"(EXCLUDED.{quoted[1]} IS NOT NULL AND (l.{quoted[1]} IS NULL OR"
            f" (EXCLUDED.{quoted[1]}, EXCLUDED.{quoted[3]}) > (l.{quoted[1]}, l.{quoted[3]})))"
        )
        newer.append(test)
        updates.extend(f"{q} = CASE WHEN {test} THEN EXCLUDED.{q} ELSE l.{q} END" for q in quoted)
    fields = ", ".join(f"v{n}, t{n}, o{n}, s{n}" for n in range(len(specs)))
    return (
        f"INSERT INTO {table_name(entity_type)} AS l (tenant, entity, {', '.join(names)})"  # noqa: S608
        f" SELECT $1, entity, {', '.join(values)} FROM unnest($2::text[], {', '.join(casts)}) AS u(entity, {fields})"
        f" ON CONFLICT (tenant, entity) DO UPDATE SET {', '.join(updates)} WHERE {' OR '.join(newer)}"
    )


def _value(spec: FieldSpec, stored: float | str) -> object:
    if spec.value == "boolean":
        return stored == "true"
    if spec.value == "integer":
        return int(stored)
    return stored


def _kind(spec: FieldSpec) -> str:
    return "double precision" if spec.value in ("number", "integer") else "text"


def _check_names(entity_type: EntityType) -> None:
    if not re.fullmatch(r"[a-z][a-z0-9_]{0,54}", entity_type.noun):
        raise ConfigurationError(
            f"type {entity_type.name!r} has observed fields and cannot name a table.",
            remedy="Use at most 55 ASCII letters.",
        )
    taken = {"tenant", "entity"}
    for spec in entity_type.observed:
        names = {spec.name + suffix for suffix in _SUFFIXES}
        if taken & names or not re.fullmatch(r"[A-Za-z_][A-Za-z0-9_]{0,54}", spec.name):
            raise ConfigurationError(
                f"{entity_type.name}.{spec.name} collides with another column of the latest values.",
                field=spec.name,
                remedy="Rename the observed field; names ending in _at, _origin and _seq are reserved.",
            )
        taken |= names


def _quote(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'
