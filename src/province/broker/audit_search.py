"""Questions to the audit: an inspector's search, and who has looked at records of somebody."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

import msgspec

from province.broker.database import Connection
from province.broker.rows import COLUMNS, entity_of
from province.errors import InvalidInput
from province.identity import accounts, policy
from province.identity.policy import Scope
from province.model.actor import Actor
from province.model.entity import Entity
from province.model.schema import EntityType
from province.model.time import Instant

PAGE: Final = 50
READS: Final = ("entity.read", "entity.listed")
_LONGEST: Final = 200


class Asked(msgspec.Struct, frozen=True, kw_only=True):
    """What an inspector looks for; empty: anything. who: login or id of an account.  purpose: words in it."""

    who: str = ""
    entity: str = ""
    type: str = ""
    action: str = ""
    purpose: str = ""
    since: Instant | None = None
    until: Instant | None = None

    @property
    def used(self) -> list[str]:
        """Names of the filters that are set."""
        return [name for name in self.__struct_fields__ if getattr(self, name)]


class Entry(msgspec.Struct, frozen=True, kw_only=True):
    """One row of the audit. name, agency: of the account that acted.  count: records of a read.  fields: personal ones
    that were shown.  attrs: names of attributes that were written.  glass: a read behind broken glass."""

    seq: int
    at: Instant
    actor: str
    kind: str
    action: str
    entity: str | None
    type: str | None
    purpose: str
    request: str
    address: str
    name: str
    agency: str | None
    count: int = 0
    fields: tuple[str, ...] = ()
    attrs: tuple[str, ...] = ()
    glass: bool = False


class _Detail(msgspec.Struct, frozen=True):
    count: int = 0
    fields: tuple[str, ...] = ()
    attrs: tuple[str, ...] = ()
    breakglass: bool = False


_SELECT: Final = (
    "SELECT u.seq, u.at, u.actor, u.kind, u.action, u.entity, u.type, u.purpose, u.request, u.address,"
    " u.detail::text AS detail, coalesce(a.name, '') AS name, a.agency FROM audit u"
    " LEFT JOIN account a ON a.tenant = u.tenant AND a.id::text = u.actor"
)
_NAMED: Final = "(u.entity = ANY({ids}) OR (u.detail ? 'entities' AND u.detail -> 'entities' @> ANY({lists})))"


async def search(connection: Connection, actor: Actor, asked: Asked, *, after: int = 0) -> list[Entry]:
    """A page of rows, the newest first, from before the row `after` on. An inspector of some agencies sees what their
    people did, and what was done to their records. Raises: NotSignedIn, NotAllowed, InvalidInput."""
    policy.require_somewhere(actor, "audit.read")
    for name in ("who", "entity", "type", "action", "purpose"):
        if len(getattr(asked, name)) > _LONGEST or "\0" in getattr(asked, name):
            raise InvalidInput(f"{name} is longer than {_LONGEST} characters.", field=name)
    terms = _Terms(actor.tenant)
    if after > 0:
        terms.add("u.seq < {}", after)
    if asked.who:
        terms.add(
            "u.actor = ANY(ARRAY(SELECT id::text FROM account WHERE tenant = $1 AND login_folded = {}) || {}::text)",
            accounts.fold_login(asked.who),
            asked.who,
        )
    if asked.entity:
        terms.add_entities([asked.entity])
    if asked.type:
        terms.add("u.type = {}", asked.type)
    if asked.action:
        terms.add("starts_with(u.action, {})", asked.action)
    if asked.purpose:
        terms.add("position(lower({}) IN lower(u.purpose)) > 0", asked.purpose)
    if asked.since:
        terms.add("u.at >= {}", asked.since)
    if asked.until:
        terms.add("u.at < {}", asked.until)
    _within(terms, policy.scope(actor, "audit.read"))
    return await _fetch(connection, terms, PAGE)


async def looks(connection: Connection, tenant: str, ids: Sequence[str], *, but: str, limit: int = 200) -> list[Entry]:
    """Who read or changed these records, the newest first, except the account `but` and the product itself."""
    terms = _Terms(tenant)
    terms.add_entities(list(ids))
    terms.add("u.actor <> {}", but)
    terms.add("u.kind <> {}", "system")
    return await _fetch(connection, terms, limit)


async def own_records(
    connection: Connection, types: Mapping[str, EntityType], tenant: str, account: str
) -> list[Entity]:
    """Records that name an account in one of their personal fields: those that are about the person. At most 500."""
    found: dict[str, Entity] = {}
    for entity_type in types.values():
        for spec in entity_type.fields.values():
            if not (spec.field.personal and spec.field.indexed and spec.value == "text"):
                continue
            field, name = _literal(spec.name), _literal(entity_type.name)
            rows = await connection.fetch(
                f"SELECT {COLUMNS} FROM entity WHERE tenant = $1 AND type = {name}"  # noqa: S608 - our own declarations
                f" AND (attrs -> {field} -> 'value') = $2::jsonb LIMIT 500",
                tenant,
                msgspec.json.encode(account).decode(),
            )
            found.update((e.id, e) for e in map(entity_of, rows))
    return list(found.values())[:500]


class _Terms:
    """Conditions with their parameters; $1 is the tenant."""

    def __init__(self, tenant: str) -> None:
        self.parameters: list[Any] = [tenant]
        self.conditions = ["u.tenant = $1"]

    def bind(self, value: Any) -> str:
        self.parameters.append(value)
        return f"${len(self.parameters)}"

    def add(self, condition: str, *values: Any) -> None:
        self.conditions.append(condition.format(*(self.bind(v) for v in values)))

    def add_entities(self, ids: list[str]) -> None:
        given = f"{self.bind(ids)}::text[]"
        lists = f"{self.bind([msgspec.json.encode([one]).decode() for one in ids])}::jsonb[]"
        self.conditions.append(_NAMED.format(ids=given, lists=lists))


def _within(terms: _Terms, scope: Scope) -> None:
    if scope.all:
        return
    ways = ["false"]
    if scope.agencies:
        agencies = f"{terms.bind(sorted(scope.agencies))}::text[]"
        ways.append(f"a.agency = ANY({agencies})")
        ways.append(f"EXISTS (SELECT FROM entity e WHERE e.tenant = u.tenant AND e.id = u.entity"
                    f" AND e.agency = ANY({agencies}))")  # fmt: skip
    if scope.areas:
        areas = f"{terms.bind(sorted(scope.areas))}::text[]"
        ways.append(f"EXISTS (SELECT FROM entity e WHERE e.tenant = u.tenant AND e.id = u.entity"
                    f" AND e.area = ANY({areas}))")  # fmt: skip
    terms.conditions.append("(" + " OR ".join(ways) + ")")


async def _fetch(connection: Connection, terms: _Terms, limit: int) -> list[Entry]:
    rows = await connection.fetch(
        f"{_SELECT} WHERE {' AND '.join(terms.conditions)} ORDER BY u.seq DESC LIMIT {terms.bind(limit)}",
        *terms.parameters,
    )
    return [_entry(row) for row in rows]


def _entry(row: Any) -> Entry:
    values = dict(row)
    try:
        detail = msgspec.json.decode(values.pop("detail"), type=_Detail)
    except msgspec.ValidationError:  # an action of another kind uses one of these words otherwise
        detail = _Detail()
    return Entry(**values, count=detail.count, fields=detail.fields, attrs=detail.attrs, glass=detail.breakglass)


def _literal(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"
