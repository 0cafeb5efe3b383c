"""Whose data it is: the records about a person, and what of each is personal."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import msgspec

from province.broker.audit_search import own_records
from province.broker.database import Connection
from province.broker.identifiers import Identifier, identifiers_of
from province.broker.rows import COLUMNS, entity_of
from province.errors import NotFound
from province.identity import accounts
from province.model.entity import Attribute, Entity, split_key
from province.model.schema import EntityType
from province.model.time import now
from province.vocab.area import civil_day

FIND = f"SELECT {COLUMNS} FROM entity WHERE tenant = $1 AND id = $2"  # noqa: S608 - constants
Types = Mapping[str, EntityType]


class Part(msgspec.Struct, frozen=True, kw_only=True):
    """What goes of one record. fields: names.  whole: the record goes, for it cannot be without one of them."""

    entity: str
    type: str
    fields: tuple[str, ...]
    whole: bool = False


async def records_of(connection: Connection, types: Types, tenant: str, subject: str) -> tuple[list[Entity], str, str]:
    """(records, what to call the subject on a page, its id). subject: id of a record, or login or id of an account.

    Raises: NotFound.
    """
    row = await connection.fetchrow(FIND, tenant, subject)
    if row is not None:
        entity = entity_of(row)
        return [entity], entity.id, entity.id
    account = await connection.fetchrow(
        "SELECT id::text AS id, login FROM account WHERE tenant = $1 AND (id::text = $2 OR login_folded = $3)",
        tenant, subject, accounts.fold_login(subject) if subject else "",
    )  # fmt: skip
    if account is None:
        raise NotFound(
            "there is no such record or account.", field="subject", remedy="Give the id of a record, or a login."
        )
    records = await own_records(connection, types, tenant, account["id"])
    return records, account["login"], account["id"]


def part_of(types: Types, entity: Entity) -> Part | None:
    """What of a record is about a person; None when it holds nothing of the kind.

    A field that any of its types declares personal is. The first type says what goes with them.
    """
    kinds = [types[name] for name in entity.types if name in types]
    personal = dict.fromkeys(name for kind in kinds for name in kind.personal)
    if not personal:
        return None
    names = {split_key(k)[0] for k in entity.attrs}
    day = civil_day(now())
    also = [n for kind in kinds if (declared := kind.processing_on(day)) is not None for n in declared.also]
    measured = {s.name for kind in kinds for s in kind.observed if s.field.personal}
    fields = tuple(n for n in dict.fromkeys((*personal, *also)) if n in names or n in measured)
    if not fields:
        return None
    first = types.get(entity.type)
    whole = first is not None and any(n in first.fields and first.fields[n].required for n in fields)
    return Part(entity=entity.id, type=entity.type, fields=fields, whole=whole)


def files_of(types: Types, entities: Sequence[Entity]) -> tuple[str, ...]:
    """Hashes of the files that go with the personal fields of records."""
    found: dict[str, None] = {}
    day = civil_day(now())
    for entity in entities:
        for kind in (types[name] for name in entity.types if name in types):
            declared = kind.processing_on(day)
            for name in declared.also if declared is not None else ():
                value = entity.value(name)
                found.update((v, None) for v in (value if isinstance(value, list | tuple) else [value]) if _is_hash(v))
    return tuple(found)


class Aside(msgspec.Struct, frozen=True, kw_only=True):
    """Values that were set aside when a consent was withdrawn, and wait for a person's word."""

    part: Part
    agency: str | None
    area: str | None
    files: tuple[str, ...]


async def set_aside_of(connection: Connection, tenant: str, subject: str, ids: Sequence[str]) -> list[Aside]:
    """What waits of a subject, or of these records."""
    rows = await connection.fetch(
        "SELECT plan::text AS plan, agency, area, files::text AS files FROM set_aside WHERE tenant = $1"
        " AND state = 'waiting' AND (subject = $2 OR entity = ANY($3::text[])) ORDER BY at, id",
        tenant, subject, list(ids),
    )  # fmt: skip
    return [
        Aside(part=msgspec.json.decode(r["plan"], type=Part), agency=r["agency"], area=r["area"],
              files=msgspec.json.decode(r["files"], type=tuple[str, ...]))
        for r in rows
    ]  # fmt: skip


async def identifiers_in(
    connection: Connection, types: Types, tenant: str, parts: Sequence[Part]
) -> tuple[Identifier, ...]:
    """By what the persons of these records can be recognised: what the fields hold, or ever held."""
    found: dict[Identifier, None] = {}
    for part in parts:
        rows = await connection.fetch(
            "SELECT attr, attribute::text AS attribute FROM attribute_instance WHERE tenant = $1 AND entity = $2"
            " AND split_part(attr, ' ', 1) = ANY($3::text[]) AND attribute IS NOT NULL UNION ALL"
            " SELECT k, e.attrs -> k #>> '{}' FROM entity e, jsonb_object_keys(e.attrs) k WHERE e.tenant = $1"
            " AND e.id = $2 AND split_part(k, ' ', 1) = ANY($3) UNION ALL"
            " SELECT k, s.attrs -> k #>> '{}' FROM set_aside s, jsonb_object_keys(s.attrs) k WHERE s.tenant = $1"
            " AND s.entity = $2 AND split_part(k, ' ', 1) = ANY($3)",
            tenant, part.entity, list(part.fields),
        )  # fmt: skip
        for row in rows:
            attrs = {row["attr"]: msgspec.json.decode(row["attribute"], type=Attribute)}
            found.update(dict.fromkeys(identifiers_of(types.values(), attrs, part.fields)))
    return tuple(found)


def _is_hash(value: object) -> bool:
    return isinstance(value, str) and len(value) == 64 and all(c in "0123456789abcdef" for c in value)
