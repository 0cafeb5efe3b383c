"""Rows in PostgreSQL: locking, reading and storing many entities with one statement each (`unnest`)."""

from __future__ import annotations

import re
import uuid
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import asyncpg
import msgspec

from province.broker.database import Connection
from province.broker.plan import Step, bounds_of, keys_of, sort_key_of, words_of
from province.broker.write import Write
from province.model.change import Changed
from province.model.entity import Attribute, Entity
from province.model.schema import EntityType

replace = msgspec.structs.replace
_encode = msgspec.json.Encoder()
_attrs = msgspec.json.Decoder(dict[str, Attribute])
_answer = msgspec.json.Decoder(tuple[Changed, ...])

COLUMNS = "tenant, id, type, types, attrs, scope, agency, area, version, created_at, modified_at"

_LOCK = f"""
SELECT {COLUMNS} FROM entity WHERE (tenant, id) IN (SELECT * FROM unnest($1::text[], $2::text[]))
ORDER BY tenant, id FOR UPDATE
"""  # noqa: S608 - composed of constants


def entity_of(row: asyncpg.Record) -> Entity:
    """An entity from a row with COLUMNS."""
    return Entity(
        tenant=row["tenant"],
        id=row["id"],
        types=tuple(row["types"]) if row["types"] else (row["type"],),
        attrs=_attrs.decode(row["attrs"]),
        scope=tuple(row["scope"] or ()),
        agency=row["agency"],
        area=row["area"],
        version=row["version"],
        created_at=row["created_at"],
        modified_at=row["modified_at"],
    )


def encode(value: object) -> str:
    """JSON text for a jsonb parameter."""
    return _encode.encode(value).decode()


def decode_attribute(text: str) -> Attribute:
    """An attribute from its jsonb text."""
    return msgspec.json.decode(text, type=Attribute)


def changed(steps: Sequence[Step]) -> tuple[Changed, ...]:
    """What a caller is told about the steps of a write."""
    result = []
    for one in steps:
        entity = one.after or one.before
        assert entity is not None
        filled = {c.attribute: str(one.after.value(c.attribute)) for c in one.change.counters} if one.after else {}
        result.append(
            Changed(
                id=entity.id,
                type=entity.type,
                version=entity.version,
                created=one.before is None,
                deleted=one.after is None,
                filled=filled,
            )
        )
    return tuple(result)


async def lock_entities(
    connection: Connection, wanted: Iterable[tuple[str, str]]
) -> dict[tuple[str, str], Entity | None]:
    """Read and lock entities by (tenant, id), in sorted order so that no two groups deadlock. Absent ones are None."""
    ordered = sorted(wanted)
    found: dict[tuple[str, str], Entity | None] = dict.fromkeys(ordered)
    records = await connection.fetch(
        _LOCK,
        [t for t, _ in ordered],
        [i for _, i in ordered],
    )
    for row in records:
        found[(row["tenant"], row["id"])] = entity_of(row)
    return found


async def read_answers(connection: Connection, group: Sequence[Write]) -> dict[tuple[str, str], tuple[Changed, ...]]:
    """The answers already given to the idempotency keys of these writes."""
    keyed = [w for w in group if w.key]
    if not keyed:
        return {}
    records = await connection.fetch(
        "SELECT tenant, key, answer FROM applied WHERE (tenant, key) IN (SELECT * FROM unnest($1::text[], $2::text[]))",
        [w.actor.tenant for w in keyed],
        [w.key for w in keyed],
    )
    return {(row["tenant"], row["key"]): _answer.decode(row["answer"]) for row in records}


async def store(
    connection: Connection,
    accepted: Sequence[tuple[Write, list[Step]]],
    types: Mapping[str, EntityType],
    now: datetime,
) -> None:
    """Write state, history, keys, outbox, audit and answers of all accepted writes: one statement per table."""
    effective = [(w, s) for w, steps in accepted for s in steps if not s.skipped]
    net = _net([s for _, s in effective], [w.actor.tenant for w, _ in effective])
    await _store_state(connection, net, types)
    await _store_keys(connection, net, types)
    await _store_history(connection, effective, now)
    await _store_outbox(connection, accepted, now)
    await _store_audit(connection, accepted, now)
    keyed = [(w, steps) for w, steps in accepted if w.key]
    if keyed:
        await connection.executemany(
            "INSERT INTO applied (tenant, key, answer) VALUES ($1, $2, $3)",
            [(w.actor.tenant, w.key, encode(changed(steps))) for w, steps in keyed],
        )


@dataclass(slots=True)
class _Net:
    """What a group did to one entity, first state to last: a group may change an entity more than once."""

    before: Entity | None
    after: Entity | None


def _net(steps: Sequence[Step], tenants: Sequence[str]) -> list[_Net]:
    result: dict[tuple[str, str], _Net] = {}
    for tenant, one in zip(tenants, steps, strict=True):
        net = result.setdefault((tenant, one.change.id), _Net(one.before, one.after))
        net.after = one.after
    return list(result.values())


async def _store_state(connection: Connection, net: Sequence[_Net], types: Mapping[str, EntityType]) -> None:
    inserts = [n.after for n in net if n.after is not None and n.before is None]
    updates = [n.after for n in net if n.after is not None and n.before is not None]
    deletes = [n.before for n in net if n.after is None and n.before is not None]
    if inserts:
        await connection.execute(_INSERT, *_columns(inserts, types))
    if updates:
        await connection.execute(_UPDATE, *_columns(updates, types))
    if deletes:
        gone = [e.tenant for e in deletes], [e.id for e in deletes]
        await connection.execute(
            "DELETE FROM entity WHERE (tenant, id) IN (SELECT * FROM unnest($1::text[], $2::text[]))", *gone
        )
        await connection.execute(
            "DELETE FROM hold WHERE (tenant, entity) IN (SELECT * FROM unnest($1::text[], $2::text[]))", *gone
        )


_SELECT = """
SELECT u.tenant, u.id, u.type, u.types::text[], u.attrs, u.scope::text[], u.agency, u.area, u.version, u.created_at,
       u.modified_at, u.bounds::box, to_tsvector('simple', u.words), u.sort_key
FROM unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::jsonb[], $6::text[], $7::text[], $8::text[],
            $9::bigint[], $10::timestamptz[], $11::timestamptz[], $12::text[], $13::text[], $14::text[])
     AS u (tenant, id, type, types, attrs, scope, agency, area, version, created_at, modified_at, bounds, words,
           sort_key)
"""
_INSERT = f"""
INSERT INTO entity (tenant, id, type, types, attrs, scope, agency, area, version, created_at, modified_at, bounds,
                    words, sort_key) {_SELECT}
"""
_UPDATE = f"""
UPDATE entity AS e SET type = n.type, types = n.types, attrs = n.attrs, scope = n.scope, agency = n.agency,
    area = n.area, version = n.version, modified_at = n.modified_at, bounds = n.bounds, words = n.to_tsvector,
    sort_key = n.sort_key
FROM ({_SELECT}) AS n WHERE e.tenant = n.tenant AND e.id = n.id
"""  # noqa: S608 - composed of constants


def _columns(entities: Sequence[Entity], types: Mapping[str, EntityType]) -> list[list[Any]]:
    columns: list[list[Any]] = [[] for _ in range(14)]
    for e in entities:
        entity_type = types.get(e.type)
        box = bounds_of(e, entity_type)
        values = (
            e.tenant,
            e.id,
            e.type,
            _array(e.types) if len(e.types) > 1 else None,
            encode(e.attrs),
            _array(e.scope) if e.scope else None,
            e.agency,
            e.area,
            e.version,
            e.created_at,
            e.modified_at,
            f"({box[2]},{box[3]}),({box[0]},{box[1]})" if box else None,
            words_of(e, entity_type),
            sort_key_of(e, entity_type),
        )
        for column, value in zip(columns, values, strict=True):
            column.append(value)
    return columns


def _array(texts: Iterable[str]) -> str:
    """A text[] literal: `unnest` cannot carry arrays of arrays."""
    return "{" + ",".join('"' + re.sub(r'(["\\])', r"\\\1", t) + '"' for t in texts) + "}"


async def _store_keys(connection: Connection, net: Sequence[_Net], types: Mapping[str, EntityType]) -> None:
    gone: list[tuple[str, str, str, str]] = []
    new: list[tuple[str, str, str, str, str]] = []
    for one in net:
        entity = one.after or one.before
        entity_type = types.get(entity.type) if entity else None
        if entity is None or entity_type is None or not entity_type.info.unique:
            continue
        old, now = keys_of(one.before, entity_type), keys_of(one.after, entity_type)
        gone.extend((entity.tenant, entity.type, k, v) for k, v in old.items() if now.get(k) != v)
        new.extend((entity.tenant, entity.type, k, v, entity.id) for k, v in now.items() if old.get(k) != v)
    if gone:
        await connection.execute(
            "DELETE FROM entity_key WHERE (tenant, type, key, value) IN"
            " (SELECT * FROM unnest($1::text[], $2::text[], $3::text[], $4::text[]))",
            *(list(column) for column in zip(*gone, strict=True)),
        )
    if new:
        await connection.execute(
            "INSERT INTO entity_key (tenant, type, key, value, entity)"
            " SELECT * FROM unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::text[])",
            *(list(column) for column in zip(*new, strict=True)),
        )


async def _store_history(connection: Connection, effective: Sequence[tuple[Write, Step]], now: datetime) -> None:
    records: list[tuple[Any, ...]] = []
    for write, one in effective:
        entity = one.after or one.before
        assert entity is not None
        version = entity.version if one.after else entity.version + 1
        for key, attribute in one.written.items():
            stored = None if attribute is None else encode(attribute)
            records.append((write.actor.tenant, entity.id, version, key, entity.type, stored, now, write.actor.id))
    if records:
        await connection.execute(
            "INSERT INTO attribute_history (tenant, entity, version, attr, type, attribute, at, actor)"
            " SELECT * FROM unnest($1::text[], $2::text[], $3::bigint[], $4::text[], $5::text[], $6::jsonb[],"
            " $7::timestamptz[], $8::text[])",
            *(list(column) for column in zip(*records, strict=True)),
        )


async def _store_outbox(connection: Connection, accepted: Sequence[tuple[Write, list[Step]]], now: datetime) -> None:
    records: list[tuple[Any, ...]] = []
    for write, steps in accepted:
        actor = write.actor
        for one in steps:
            if one.skipped:
                continue
            entity = one.after or one.before
            assert entity is not None
            before = one.before.attrs if one.before else {}
            payload = {
                "version": entity.version,
                "changed": list(one.written),
                "before": {k: before[k].value for k in one.written if k in before},
                "agency": entity.agency,
                "created": one.before is None,
                "deleted": one.after is None,
            }
            records.append((actor.tenant, uuid.uuid4(), "event", one.event, entity.id, entity.type, encode(payload),
                            write.depth, actor.id, now))  # fmt: skip
        records.extend(
            (actor.tenant, uuid.uuid4(), m.kind, m.name, m.entity, None, encode(m.payload), write.depth, actor.id, now)
            for m in write.messages
        )
    if records:
        await connection.execute(
            "INSERT INTO outbox (tenant, id, kind, name, entity, type, payload, depth, actor, at)"
            " SELECT * FROM unnest($1::text[], $2::uuid[], $3::text[], $4::text[], $5::text[], $6::text[], $7::jsonb[],"
            " $8::smallint[], $9::text[], $10::timestamptz[])",
            *(list(column) for column in zip(*records, strict=True)),
        )


async def _store_audit(connection: Connection, accepted: Sequence[tuple[Write, list[Step]]], now: datetime) -> None:
    """One row per change. Names of attributes only: an audit never holds values."""
    records: list[tuple[Any, ...]] = []
    for write, steps in accepted:
        actor = write.actor
        for one in steps:
            if one.skipped:
                continue
            detail = {"attrs": list(one.written), "version": (one.after or one.before or one.change).version}  # type: ignore[union-attr]
            records.append(
                (actor.tenant, now, actor.id, actor.kind, write.action or one.event, one.change.id,
                 one.change.type, actor.purpose, actor.request, actor.address, encode(detail))
            )  # fmt: skip
    if records:
        await connection.execute(
            "INSERT INTO audit (tenant, at, actor, kind, action, entity, type, purpose, request, address, detail)"
            " SELECT * FROM unnest($1::text[], $2::timestamptz[], $3::text[], $4::text[], $5::text[], $6::text[],"
            " $7::text[], $8::text[], $9::text[], $10::text[], $11::jsonb[])",
            *(list(column) for column in zip(*records, strict=True)),
        )


@dataclass(frozen=True, slots=True)
class TakenKey:
    """A unique key that another entity has."""

    type: str
    fields: str


def taken_key(detail: str) -> TakenKey:
    """Read PostgreSQL's `Key (tenant, type, key, value)=(t, Type, a+b, …) already exists.`"""
    match = re.search(r"=\([^,]*, ([^,]*), ([^,]*),", detail)
    return TakenKey(match[1], match[2].replace("+", " and ")) if match else TakenKey("entity", "key")
