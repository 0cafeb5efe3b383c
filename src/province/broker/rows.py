"""Rows in PostgreSQL: locking, reading and storing many entities with one statement each (`unnest`)."""

from __future__ import annotations

import os
import re
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import asyncpg
import msgspec

from province.broker.database import Connection
from province.broker.plan import Step, bounds_of, keys_of, sort_key_of, words_of
from province.broker.write import Write
from province.identity import commitment
from province.model.change import Changed
from province.model.entity import SCOPE, Attribute, Entity, split_key
from province.model.schema import EntityType

replace = msgspec.structs.replace
_encode = msgspec.json.Encoder()
_attrs = msgspec.json.Decoder(dict[str, Attribute])
_answer = msgspec.json.Decoder(tuple[Changed, ...])

_FILE = re.compile(r'"([0-9a-f]{64})"')
"""How a record names a file of the store, wherever in a value: by its SHA-256."""

COLUMNS = "tenant, id, type, types, attrs, scope, agency, area, version, created_at, modified_at"

_LOCK = f"""
SELECT e.* FROM unnest($1::text[], $2::text[]) AS w (tenant, id),
    LATERAL (SELECT {COLUMNS} FROM entity WHERE tenant = w.tenant AND id = w.id FOR UPDATE) AS e
"""  # noqa: S608 - composed of constants
"""One look into the primary key for each, in the order given, whatever the planner believes of the table's size."""


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
    return tuple(
        Changed(
            id=one.entity.id,
            type=one.entity.type,
            version=one.entity.version,
            created=one.before is None,
            deleted=one.after is None,
            filled={c.attribute: str(one.after.value(c.attribute)) for c in one.change.counters} if one.after else {},
            kept=one.kept,
        )
        for one in steps
    )


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
    """Write state, keys, history, outbox and audit of all accepted writes with one statement, whatever their number."""
    effective = [(w, s) for w, steps in accepted for s in steps if not s.skipped]
    net = _net([s for _, s in effective], [w.actor.tenant for w, _ in effective])
    await _delete(connection, [n.before for n in net if n.after is None and n.before is not None])
    gone, keys = _keys(net, types)
    if gone:  # before the insertion: a key may pass from one entity to another within a group
        await connection.execute(
            "DELETE FROM entity_key WHERE (tenant, type, key, value) IN"
            " (SELECT * FROM unnest($1::text[], $2::text[], $3::text[], $4::text[]))",
            *_transpose(gone, 4),
        )
    if effective or any(w.messages for w, _ in accepted):
        changes = _changes(accepted, types, now)
        await connection.execute(
            _STORE,
            *_columns([n.after for n in net if n.after is not None and n.before is None], types),
            *_columns([n.after for n in net if n.after is not None and n.before is not None], types),
            *_transpose(keys, 5),
            *_transpose(changes, len(_CHANGE)),
            *_transpose(_messages(accepted), len(_MESSAGE)),
            now,
            *_transpose(_files(changes), 2),
        )
    keyed = [(w.actor.tenant, w.key, encode(changed(steps))) for w, steps in accepted if w.key]
    if keyed:
        await connection.executemany("INSERT INTO applied (tenant, key, answer) VALUES ($1, $2, $3)", keyed)


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


async def _delete(connection: Connection, deleted: Sequence[Entity]) -> None:
    if not deleted:
        return
    gone = [e.tenant for e in deleted], [e.id for e in deleted]
    for statement in (
        "DELETE FROM entity WHERE (tenant, id) IN (SELECT * FROM unnest($1::text[], $2::text[]))",
        "DELETE FROM hold WHERE (tenant, entity) IN (SELECT * FROM unnest($1::text[], $2::text[]))",
    ):
        await connection.execute(statement, *gone)


_KINDS = {
    "t": "text[]",
    "j": "jsonb[]",
    "n": "bigint[]",
    "i": "smallint[]",
    "w": "timestamptz[]",
    "b": "bytea[]",
}
_ENTITY = [_KINDS[k] for k in "ttttjtttnwwttt"]
_KEY = [_KINDS[k] for k in "ttttt"]
_CHANGE = [_KINDS[k] for k in "tttntbjtjitjtttt"]
_MESSAGE = [_KINDS[k] for k in "ttttjit"]


def _unnest(first: int, kinds: Sequence[str]) -> str:
    return "unnest(" + ", ".join(f"${first + i}::{kind}" for i, kind in enumerate(kinds)) + ")"


def _states(first: int) -> str:
    return f"""
    SELECT u.tenant, u.id, u.type, u.types::text[] AS types, u.attrs, u.scope::text[] AS scope, u.agency, u.area,
           u.version, u.created_at, u.modified_at, u.bounds::box AS bounds, to_tsvector('simple', u.words) AS words,
           u.sort_key
    FROM {_unnest(first, _ENTITY)} AS u (tenant, id, type, types, attrs, scope, agency, area, version, created_at,
         modified_at, bounds, words, sort_key)
    """  # noqa: S608 - composed of constants


_STORE = f"""
WITH inserted AS (
    INSERT INTO entity (tenant, id, type, types, attrs, scope, agency, area, version, created_at, modified_at, bounds,
                        words, sort_key) {_states(1)}
), updated AS (
    UPDATE entity AS e SET type = n.type, types = n.types, attrs = n.attrs, scope = n.scope, agency = n.agency,
        area = n.area, version = n.version, modified_at = n.modified_at, bounds = n.bounds, words = n.words,
        sort_key = n.sort_key
    FROM ({_states(15)}) AS n WHERE e.tenant = n.tenant AND e.id = n.id
), keyed AS (
    INSERT INTO entity_key (tenant, type, key, value, entity) SELECT * FROM {_unnest(29, _KEY)}
), changes AS (
    SELECT * FROM {_unnest(34, _CHANGE)} AS c (tenant, entity, type, version, actor, salt, attrs, event, payload, depth,
        action, detail, kind, purpose, request, address)
), told AS (
    INSERT INTO change_history (tenant, entity, version, type, at, actor, salt, attrs)
    SELECT tenant, entity, version, type, $57::timestamptz, actor, salt, attrs FROM changes WHERE attrs IS NOT NULL
), sent AS (
    INSERT INTO outbox (tenant, kind, name, entity, type, payload, depth, actor, at, id)
    SELECT *, $57, gen_random_uuid() FROM (
        SELECT tenant, 'event', event, entity, type, payload, depth, actor FROM changes WHERE event IS NOT NULL
        UNION ALL
        SELECT tenant, kind, name, entity, NULL, payload, depth, actor
        FROM {_unnest(50, _MESSAGE)} AS m (tenant, kind, name, entity, payload, depth, actor)
    ) AS o
), named AS (
    UPDATE file AS f SET named = true FROM unnest($58::text[], $59::text[]) AS n (tenant, sha256)
    WHERE f.tenant = n.tenant AND f.sha256 = decode(n.sha256, 'hex') AND f.named IS NOT TRUE
)
INSERT INTO audit (tenant, actor, kind, action, entity, type, purpose, request, address, detail, at)
SELECT tenant, actor, kind, action, entity, type, purpose, request, address, detail, $57
FROM changes WHERE action IS NOT NULL
"""  # noqa: S608 - composed of constants


def _transpose(records: Sequence[tuple[Any, ...]], width: int) -> list[list[Any]]:
    return [list(column) for column in zip(*records, strict=True)] if records else [[] for _ in range(width)]


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


def _keys(
    net: Sequence[_Net], types: Mapping[str, EntityType]
) -> tuple[list[tuple[str, str, str, str]], list[tuple[str, str, str, str, str]]]:
    """Unique keys to free, and to take."""
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
    return gone, new


def _changes(
    accepted: Sequence[tuple[Write, list[Step]]], types: Mapping[str, EntityType], now: datetime
) -> list[tuple[Any, ...]]:
    """One record per change, with the values of `_CHANGE`: what goes into the history, the outbox and the audit.

    The audit has names of attributes and commitments to what was written; it never holds values. The salts stand beside
    the values in the history. What may be erased alone has one of its own: it goes with the value.
    """
    records: list[tuple[Any, ...]] = []
    for write, steps in accepted:
        actor = write.actor
        for one in steps:
            if one.skipped:
                continue
            entity, version, salt = one.entity, one.version, os.urandom(commitment.SALT_BYTES)
            guarded = _guarded(entity, types)
            told: list[Any] = [(k, a) for k, a in one.past]
            commitments: list[str] = []
            for key, attribute in one.written.items():
                text = commitment.text_of(attribute)
                own = os.urandom(commitment.SALT_BYTES) if guarded and split_key(key)[0] in guarded else None
                told.append((key, msgspec.Raw(text)) if own is None else (key, msgspec.Raw(text), own.hex()))
                exact = attribute is None or (type(attribute.value) in _EXACT and not attribute.meta)
                commitments.append(commitment.commit(own or salt, key, text, numbers=not exact))
            told += _scopes(one, now)
            names = list(one.written)
            detail = encode({"attrs": names, "version": version, "commitments": commitments})
            parts: list[str | None] = [encode(told[i : i + _AT_MOST]) for i in range(0, len(told), _AT_MOST)] or [None]
            records.append((
                actor.tenant, entity.id, entity.type, version, actor.id, salt, parts[0], one.event,
                encode(_payload(one, names)), write.depth, write.action or one.event, detail, actor.kind, actor.purpose,
                actor.request, actor.address,
            ))  # fmt: skip
            records.extend(
                (actor.tenant, entity.id, entity.type, version, actor.id, salt, part, *(None,) * 9)
                for part in parts[1:]
            )
    return records


def _files(changes: Sequence[tuple[Any, ...]]) -> list[tuple[str, str]]:
    """(tenant, SHA-256) of the files that what is written may name, in order: no two groups wait for each other."""
    return sorted({(change[0], found) for change in changes if change[6] for found in _FILE.findall(change[6])})


def _guarded(entity: Entity, types: Mapping[str, EntityType]) -> Collection[str]:
    """Names of the attributes that may be erased alone, as any type of the entity says."""
    if len(entity.types) == 1:
        kind = types.get(entity.type)
        return kind.guarded if kind is not None else ()
    return frozenset().union(*(types[t].guarded for t in entity.types if t in types))


_AT_MOST = 1_000
"""Instances in one row of the history."""
_EXACT = frozenset((str, bool, int, type(None)))


def _scopes(one: Step, now: datetime) -> list[tuple[str, Attribute | None]]:
    """The scope in the history, as the temporal representation has it (4.18): one instance, None when it is removed."""
    before = one.before.scope if one.before else ()
    after = one.after.scope if one.after else ()
    if before == after:
        return []
    return [(SCOPE, Attribute(value=list(after), created_at=now, modified_at=now) if after else None)]


def _payload(one: Step, names: Sequence[str]) -> dict[str, Any]:
    """What an event says."""
    before = one.before.attrs if one.before else {}
    payload: dict[str, Any] = {
        "version": one.version,
        "changed": names,
        "was": {k: before[k] for k in names if k in before},
        "agency": one.entity.agency,
        "created": one.before is None,
        "deleted": one.after is None,
    }
    if one.after is None:  # nothing else tells what it was
        gone = one.entity
        payload |= {"types": gone.types, "scope": gone.scope, "area": gone.area, "createdAt": gone.created_at,
                    "modifiedAt": gone.modified_at}  # fmt: skip
    return payload


def _messages(accepted: Sequence[tuple[Write, list[Step]]]) -> list[tuple[Any, ...]]:
    return [
        (w.actor.tenant, m.kind, m.name, m.entity, encode(m.payload), w.depth, w.actor.id)
        for w, _ in accepted
        for m in w.messages
    ]


@dataclass(frozen=True, slots=True)
class TakenKey:
    """A unique key that another entity has."""

    type: str
    fields: str


def taken_key(detail: str) -> TakenKey:
    """Read PostgreSQL's `Key (tenant, type, key, value)=(t, Type, a+b, …) already exists.`"""
    match = re.search(r"=\([^,]*, ([^,]*), ([^,]*),", detail)
    return TakenKey(match[1], match[2].replace("+", " and ")) if match else TakenKey("entity", "key")
