"""From a Query and the caller's rights to one parameterised SQL statement.

Values are always parameters. Attribute names and type names are parameters too, except where a generated index must
match the expression literally: there they come from our own declarations, quoted.
"""

from __future__ import annotations

import base64
import binascii
import math
import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

import msgspec

from province.broker.access import Access
from province.broker.admission import Bind, Columns, admitted, literal, open_to
from province.broker.asked import EQUALITY
from province.broker.conditions import names_of
from province.broker.plan import searched
from province.broker.rows import COLUMNS
from province.errors import InvalidInput, NotAllowed, Unsupported
from province.model.geometry import Box, bounds, box_around, validate
from province.model.qlanguage import Term
from province.model.query import AnyOf, Linked, Near, Query, Where, split_path
from province.model.schema import EntityType, FieldSpec
from province.model.text import fold

MAX_LIMIT = 1_000
MAX_TERMS = 100
_FIRST = 1_000
"""Matches of a look at every type that are read before types are asked one by one: a common word matches very many."""


@dataclass(slots=True)
class Statement:
    """SQL and its parameters. `sql` selects COLUMNS and `order_value`; `count_sql` the exact total."""

    sql: str
    count_sql: str
    parameters: list[Any]
    counted: int
    """How many of the parameters `count_sql` takes."""


@dataclass(slots=True)
class _Builder:
    types: Mapping[str, EntityType]
    named: tuple[EntityType, ...]
    parameters: list[Any] = field(default_factory=list)
    joins: dict[str, str] = field(default_factory=dict)
    linked: Sequence[Access] = ()
    asked: Collection[str] = ()

    def bind(self, value: Any) -> str:
        self.parameters.append(value)
        return f"${len(self.parameters)}"

    def spec(self, name: str) -> FieldSpec | None:
        """The declared field when the query is about exactly one declared type."""
        return self.named[0].fields.get(name) if len(self.named) == 1 else None


def compile_query(
    tenant: str, query: Query, access: Sequence[Access], types: Mapping[str, EntityType], *, many_typed: bool,
    using: Sequence[str] = (), linked: Sequence[Access] = (), asked: Collection[str] = (),
) -> Statement:  # fmt: skip
    """Compile. access: what the caller may read of the asked types; must not be empty.

    many_typed: whether the tenant holds entities of more than one type (they need a second look at `types`).
    using: attributes that the caller reads beside the rows; rows of which they may not see one are left out.
    linked: what the caller may read of all types, for conditions on linked entities.
    asked: undeclared attributes that have an index (`broker.asked`).
    Raises: InvalidInput, NotAllowed (a hidden attribute), Unsupported.
    """
    if not 0 <= query.limit <= MAX_LIMIT:
        raise InvalidInput(f"limit {query.limit} is outside 0…{MAX_LIMIT}.", field="limit")
    named = tuple(types[t] for t in query.types if t in types)
    access = _placed(access, query)
    b = _Builder(types, named if len(named) == len(query.types) else (), linked=linked, asked=asked)
    conditions = [f"e.tenant = {b.bind(tenant)}"]
    conditions += _type_conditions(b, query, many_typed)
    conditions.append(_rights(b, access))
    if query.ids:
        conditions.append(f"e.id = ANY({b.bind(list(query.ids))}::text[])")
    if query.id_pattern:
        conditions.append(f"e.id ~ {b.bind(_regex(query.id_pattern))}")
    if query.agency:
        conditions.append(f"e.agency = ANY({b.bind(list(query.agency))}::text[])")
    if query.area:
        conditions.append(f"e.area = ANY({b.bind(list(query.area))}::text[])")
    if query.scope:
        conditions.append("(" + " OR ".join(_scopes(b, patterns) for patterns in query.scope) + ")")
    for term in query.where:
        conditions.append(_term(b, term, access, 0))
    conditions += _place(b, query) if not query.roaming else _roaming(b, query, access)
    words = _words(b, query)
    found_by = [*using, *(_searched(access) if words else ()), *(_places(access, query) if _is_placed(query) else ())]
    conditions += [shown] if (shown := open_to(access, found_by, ENTITIES, b.bind)) else []
    base = _from(b, conditions, words)
    count_sql = f"SELECT count(*) FROM {base}"  # noqa: S608 - composed of constants and placeholders
    counted = len(b.parameters)
    order, descending, cast = _order(b, query, access, many_typed)
    keyset = _keyset(b, query, order, descending, cast)
    columns = ", ".join(f"e.{c.strip()}" for c in COLUMNS.split(","))
    if query.each:
        sql = _of_each(b, query, conditions, words)
        return Statement(sql, count_sql, b.parameters, counted)
    if query.order == "any":
        base = _from(b, conditions, words, materialized=False)
        sql = f"SELECT {columns}, e.id AS order_value FROM {base} LIMIT {b.bind(query.limit + 1)}"  # noqa: S608 - as above
        return Statement(sql, count_sql, b.parameters, counted)
    direction = "DESC" if descending else "ASC"
    sql = (
        f"SELECT {columns}, {order}::text AS order_value FROM {base}{keyset}"  # noqa: S608 - as above
        f" ORDER BY {order} {direction}, e.id {direction} LIMIT {b.bind(query.limit + 1)}"
    )
    return Statement(sql, count_sql, b.parameters, counted)


def _placed(access: Sequence[Access], query: Query) -> Sequence[Access]:
    """For a question about places: what the caller may read of the types whose place they may see.

    Raises: NotAllowed when a GeoProperty is named that they may see of none.
    """
    if not _is_placed(query):
        return access
    asked = [(a, query.geoproperty or place_of(a.type)) for a in access]
    shown = [narrow for a, name in asked if (narrow := a.narrowed((name,))).shows(name)]
    if query.geoproperty and not shown:
        raise NotAllowed(f"the attribute {query.geoproperty!r} may not be used here.", field=query.geoproperty)
    return shown


def _is_placed(query: Query) -> bool:
    return query.box is not None or query.inside is not None or query.near is not None or bool(query.area)


def _places(access: Sequence[Access], query: Query) -> list[str]:
    return [query.geoproperty] if query.geoproperty else [place_of(a.type) for a in access]


def _searched(access: Sequence[Access]) -> list[str]:
    """The attributes whose words are found."""
    return [name for a in access for name in searched(a.type)]


def place_of(entity_type: EntityType | None) -> str:
    """The attribute that says where an entity of the type is."""
    return entity_type.info.place if entity_type is not None and entity_type.info.place else "location"


def names_in(query: Query) -> set[str]:
    """The attributes that a question filters or sorts by."""
    return ({query.order.removeprefix("-")} - {"id", "any", "name", "modified"}) | names_of(query.where)


def _type_conditions(b: _Builder, query: Query, many_typed: bool) -> list[str]:
    if not query.types:
        return []
    if query.together:
        groups = [f"coalesce(e.types, ARRAY[e.type]) @> {b.bind(list(g))}::text[]" for g in query.together]
        return ["(" + " OR ".join(groups) + ")"]
    if len(query.types) == 1 and not many_typed:
        # A literal, so that the partial index of a declared field can be used.
        name = query.types[0]
        return [f"e.type = {literal(name)}" if name in b.types else f"e.type = {b.bind(name)}"]
    wanted = b.bind(list(query.types))
    if many_typed:
        return [f"(e.type = ANY({wanted}::text[]) OR e.types && {wanted}::text[])"]
    return [f"e.type = ANY({wanted}::text[])"]


def _rights(b: _Builder, access: Sequence[Access]) -> str:
    if all(a.everything for a in access) and any(a.type is None for a in access) and len(access) == len(b.types) + 1:
        return "true"
    return admitted(access, ENTITIES, b.bind, b.types)


def _is_published(entity_type: EntityType, bind: Bind) -> str:
    where = entity_type.info.public_where
    return "true" if where is None else f"{_json(where[0])} = {bind(_encode(where[1]))}::jsonb"


ENTITIES = Columns(type="e.type", types="e.types", agency="e.agency", area="e.area", id="e.id", public=_is_published)
"""Rows of the table `entity`, which is called e."""


def _scopes(b: _Builder, patterns: Sequence[str]) -> str:
    tests = (f"EXISTS (SELECT 1 FROM unnest(e.scope) s WHERE s ~ {b.bind(_regex(p))})" for p in patterns)  # noqa: S608
    return "(" + " AND ".join(tests) + ")"


def _json(name: str) -> str:
    return f"(e.attrs -> {literal(name)} -> 'value')"


def _encode(value: Any) -> str:
    return msgspec.json.encode(value).decode()


def _term(b: _Builder, term: Term, access: Sequence[Access], depth: int) -> str:
    if depth > 10 or len(b.parameters) > MAX_TERMS * 3:
        raise InvalidInput("the condition is too complex.", field="q", remedy="Ask in several queries.")
    if isinstance(term, AnyOf):
        groups = [" AND ".join(_term(b, t, access, depth + 1) for t in group) for group in term.groups]
        return "((" + ") OR (".join(groups) + "))"
    if isinstance(term, Linked):
        return _linked(b, term, access, depth)
    name, *path = split_path(term.name)
    if not all(a.shows(name) for a in access):
        raise NotAllowed(f"the attribute {name!r} may not be used here.", field=name)
    found = _found(b, term, name, path)
    return f"({found} AND {shown})" if (shown := open_to(access, (name,), ENTITIES, b.bind)) else found


def _linked(b: _Builder, term: Linked, access: Sequence[Access], depth: int) -> str:
    """Whether a relationship leads to an entity that the caller may read and that meets what is asked of it (4.9).

    What is measured is asked of the latest values, type by type; of all other types the record is asked.
    """
    if not all(a.shows(term.name) for a in access):
        raise NotAllowed(f"the attribute {term.name!r} may not be used here.", field=term.name)
    asked = names_of(term.terms)
    open_ = [n for a in b.linked if all((n := a.narrowed(asked)).shows(name) for name in asked)]
    if term.types:
        open_ = [a for a in open_ if (a.type.name if a.type else "") in {t if t in b.types else "" for t in term.types}]
    if not open_:
        return "true" if term.none else "false"
    measured = [a for a in open_ if a.type is not None and any(f.name in asked for f in a.type.observed)]
    around, ways = b.named, []
    for one in measured:
        b.named = (one.type,) if one.type is not None else ()
        ways.append(_meets_all(b, (one,), term.terms, depth))
    b.named = ()
    rest = [a for a in open_ if a not in measured]
    ways += [_meets_all(b, rest, term.terms, depth)] if rest else []
    b.named = around
    fitting = ""
    if term.types:
        wanted = b.bind(list(term.types))
        fitting = f"(e.type = ANY({wanted}::text[]) OR e.types && {wanted}::text[]) AND "
    attribute = f"(e.attrs -> {b.bind(term.name)})"
    leads = (
        f"SELECT CASE WHEN coalesce({attribute} ->> 'type', '') NOT IN ('Relationship', 'ListRelationship') THEN '[]'"
        f" WHEN jsonb_typeof({attribute} -> 'value') = 'array' THEN {attribute} -> 'value'"
        f" ELSE jsonb_build_array({attribute} -> 'value') END AS ids"
    )
    inner = f"SELECT 1 FROM entity e WHERE e.tenant = $1 AND e.id = t.id AND {fitting}({' OR '.join(ways)})"  # noqa: S608
    found = (
        f"EXISTS (SELECT 1 FROM ({leads}) AS l CROSS JOIN LATERAL jsonb_array_elements_text(l.ids) AS t (id)"  # noqa: S608
        f" WHERE EXISTS ({inner}))"
    )
    shown = open_to(access, (term.name,), ENTITIES, b.bind)
    found = f"NOT {found}" if term.none else found
    return f"({found} AND {shown})" if shown else found


def _meets_all(b: _Builder, access: Sequence[Access], terms: Sequence[Term], depth: int) -> str:
    """The condition that a row may be read and meets all terms."""
    conditions = [admitted(access, ENTITIES, b.bind, b.types), *(_term(b, t, access, depth + 1) for t in terms)]
    return "(" + " AND ".join(conditions) + ")"


def _found(b: _Builder, term: Where, name: str, path: Sequence[str]) -> str:
    """The condition itself, whoever may ask."""
    spec = b.spec(name)
    if spec is not None and spec.field.observed:
        return _observed(b, spec, term)
    if path == [ANY_LANGUAGE]:
        return _any_language(b, name, term)
    found = _compare(b, _expression(b, name, path, spec), term, spec)
    if spec is None and not path and name in b.asked and term.op in EQUALITY:
        return f"({_indexed(b, name, term)} AND {found})"
    if spec is None and not path and term.op in ("<", "<=", ">", ">="):  # what a relationship leads to has no order
        kind = f"coalesce(e.attrs -> {b.bind(name)} ->> 'type', 'Property')"
        return f"({found} AND {kind} NOT IN ('Relationship', 'ListRelationship'))"
    return found


def _indexed(b: _Builder, name: str, term: Where) -> str:
    """What the index of an asked attribute finds: all that equal the value, and what contains it."""
    value = f"(e.attrs -> {literal(name)} -> 'value')"
    wanted = term.value if term.op == "in" else [term.value]
    return "(" + " OR ".join(f"{value} @> {b.bind(_encode(one))}::jsonb" for one in wanted) + ")"


ANY_LANGUAGE = "*"
"""The step of `q` that asks for a text in whatever language (4.9)."""


def _any_language(b: _Builder, name: str, term: Where) -> str:
    """A term over the texts of a language property: one of them meets it; with `!=`, all of them."""
    value = f"(e.attrs -> {b.bind(name)} -> 'value')"
    texts = f"jsonb_each(CASE jsonb_typeof({value}) WHEN 'object' THEN {value} ELSE '{{}}' END) AS t (tag, text)"
    if term.op == "absent":
        return f"NOT EXISTS (SELECT 1 FROM {texts})"  # noqa: S608 - placeholders
    if term.op == "!=":
        same = _compare(b, "t.text", Where(term.name, "==", term.value), None)
        return f"(jsonb_typeof({value}) = 'object' AND NOT EXISTS (SELECT 1 FROM {texts} WHERE {same}))"  # noqa: S608
    return f"EXISTS (SELECT 1 FROM {texts} WHERE {_compare(b, 't.text', term, None)})"  # noqa: S608


def _expression(b: _Builder, name: str, path: Sequence[str], spec: FieldSpec | None) -> str:
    key = literal(name) if spec is not None else b.bind(name)
    if not path:
        return f"(e.attrs -> {key} -> 'value')"
    # A dotted path goes into the structured value, or into a sub-attribute of that name.
    steps = b.bind(list(path))
    metas = b.bind(["meta", path[0], "value", *path[1:]])
    base = f"(e.attrs -> {key})"
    return f"coalesce({base} -> 'value' #> {steps}::text[], {base} #> {metas}::text[])"


def _compare(b: _Builder, expression: str, term: Where, spec: FieldSpec | None) -> str:
    if term.op == "exists":
        return f"{expression} IS NOT NULL"
    if term.op == "absent":
        return f"{expression} IS NULL"
    if term.op == "~":
        pattern = _regex(term.value)
        text = f"({expression} #>> '{{}}') ~ {b.bind(pattern)}"
        return (
            text if spec is not None and spec.value == "text" else f"(jsonb_typeof({expression}) = 'string' AND {text})"
        )
    if term.op == "in":
        values = b.bind([_encode(v) for v in term.value])
        if spec is not None and not spec.many:
            return f"{expression} = ANY({values}::jsonb[])"
        return f"({expression} = ANY({values}::jsonb[]) OR {expression} @> ANY({values}::jsonb[]))"
    value = f"{b.bind(_encode(term.value))}::jsonb"
    if term.op == "==":
        if spec is not None and not spec.many:
            return f"{expression} = {value}"
        return f"({expression} = {value} OR (jsonb_typeof({expression}) = 'array' AND {expression} @> {value}))"
    if term.op == "!=":
        other = f"{expression} IS NOT NULL AND {expression} <> {value}"
        if spec is not None and not spec.many:
            return f"({other})"
        return f"({other} AND NOT (jsonb_typeof({expression}) = 'array' AND {expression} @> {value}))"
    if term.op not in ("<", "<=", ">", ">="):
        raise Unsupported(f"the operator {term.op!r} is not offered.", field="q")
    # jsonb orders different kinds among each other; a comparison is only meant within one kind.
    return f"(jsonb_typeof({expression}) = jsonb_typeof({value}) AND {expression} {term.op} {value})"


def _regex(pattern: Any) -> str:
    if not isinstance(pattern, str) or len(pattern) > 200:
        raise InvalidInput("a pattern is a text of at most 200 characters.", field="q")
    try:
        re.compile(pattern)
    except re.error as error:
        raise InvalidInput(f"{pattern!r} is not a regular expression: {error}.", field="q") from None
    return pattern


def _observed(b: _Builder, spec: FieldSpec, term: Where) -> str:
    """A term over a measured attribute is answered by the latest values."""
    table = f"latest_{b.named[0].noun}"
    column = f'l."{spec.name}"'
    if term.op in ("exists", "absent"):
        test = "IS NOT NULL"
    elif term.op == "in":
        test = f"= ANY({b.bind(list(term.value))})"
    else:
        operator = {"==": "=", "!=": "<>"}.get(term.op, term.op)
        if operator == "~":
            raise Unsupported(f"{spec.name!r} is measured: patterns are not offered.", field="q")
        if spec.value in ("number", "integer") and (
            isinstance(term.value, bool) or not isinstance(term.value, int | float)
        ):
            raise InvalidInput(f"{term.value!r} is not a number.", field=spec.name)
        cast = "float8" if spec.value in ("number", "integer") else "text"
        if isinstance(term.value, bool):
            value: float | str = "true" if term.value else "false"  # as `history.latest` stores it
        else:
            value = float(term.value) if cast == "float8" else str(term.value)
        test = f"{operator} {b.bind(value)}::{cast}"
    found = f"EXISTS (SELECT 1 FROM {table} l WHERE l.tenant = e.tenant AND l.entity = e.id AND {column} {test})"  # noqa: S608
    return f"NOT {found}" if term.op == "absent" else found


def _place(b: _Builder, query: Query) -> list[str]:
    """The box test by index; exact geometry is refined by the broker afterwards."""
    boxes = []
    if query.box is not None:
        boxes.append(query.box)
    if query.geoproperty:
        return [f"(e.attrs ? {b.bind(query.geoproperty)})"]  # the index holds the declared place alone
    if query.relation == "disjoint" or (query.near is not None and math.isinf(query.near.max_m)):
        return ["e.bounds IS NOT NULL"]
    if query.inside is not None:
        boxes.append(bounds(validate(query.inside, field="inside")))
    if query.near is not None:
        boxes.append(_around(query.near))
    result = []
    for west, south, east, north in boxes:
        if not (-180 <= west <= east <= 180.0001 and -90 <= south <= north <= 90.0001):
            raise InvalidInput("the box is not (west, south, east, north) in degrees.", field="box")
        result.append(f"e.bounds && box(point({b.bind(east)}::float8, {b.bind(north)}::float8),"
                      f" point({b.bind(west)}::float8, {b.bind(south)}::float8))")  # fmt: skip
    return result


def _roaming(b: _Builder, query: Query, access: Sequence[Access]) -> list[str]:
    """One instance of the GeoProperty says when it was observed; or as `_place`."""
    names = b.bind(sorted(set(_places(access, query))))
    told = (
        "EXISTS (SELECT FROM jsonb_each(e.attrs) AS a"
        f" WHERE split_part(a.key, ' ', 1) = ANY({names}::text[]) AND a.value ? 'observedAt')"
    )
    return [told] if query.roaming == "only" else [f"(({' AND '.join(_place(b, query))}) OR {told})"]


def _around(near: Near) -> Box:
    """A box that holds every position within the distance of the whole geometry."""
    west, south, east, north = bounds(near.geometry)
    corners = [box_around((lon, lat), near.max_m) for lon in (west, east) for lat in (south, north)]
    return (
        max(-180.0, min(c[0] for c in corners)),
        max(-90.0, min(c[1] for c in corners)),
        min(180.0, max(c[2] for c in corners)),
        min(90.0, max(c[3] for c in corners)),
    )


def _words(b: _Builder, query: Query) -> str:
    """A tsquery: all words, the last one as a prefix. Empty without text."""
    words = re.findall(r"\w+", fold(query.text))[:20]
    if query.text.strip() and not words:
        return "false"
    if not words:
        return ""
    return b.bind(" & ".join([*words[:-1], words[-1] + ":*"]))


def _from(b: _Builder, conditions: Sequence[str], words: str, *, materialized: bool = True) -> str:
    where = " AND ".join(conditions)
    if words == "false":
        return f"entity e WHERE {where} AND false"
    if words and not materialized:
        return f"entity e WHERE {where} AND e.words @@ to_tsquery('simple', {words})"
    if words:
        # MATERIALIZED: with ORDER BY id LIMIT the planner would walk the primary key and test every row for the words.
        matching = f"SELECT * FROM entity e WHERE {where} AND e.words @@ to_tsquery('simple', {words})"  # noqa: S608
        return f"(WITH found AS MATERIALIZED ({matching}) SELECT * FROM found) e WHERE true"  # noqa: S608
    return f"entity e WHERE {where}"


def _of_each(b: _Builder, query: Query, conditions: Sequence[str], words: str) -> str:
    """A few of every type. Types that the first matches leave out, since there are too many, are asked one by one."""
    if query.order != "any" or not words or not query.types:
        raise InvalidInput("a few of each type are found by words, in no order.", field="each")
    base = _from(b, conditions, words, materialized=False)
    columns = f"{COLUMNS}, sort_key"
    each, first = b.bind(query.each), b.bind(_FIRST)
    return (
        f"WITH first AS MATERIALIZED (SELECT {columns} FROM {base} LIMIT {first}),"  # noqa: S608 - constants and placeholders
        f" short AS MATERIALIZED (SELECT t AS type FROM unnest({b.bind(list(query.types))}::text[]) t"
        f"  WHERE (SELECT count(*) FROM first) = {first}"
        f"  AND (SELECT count(*) FROM first f WHERE f.type = t) < {each}),"
        f" found AS (SELECT * FROM first WHERE type NOT IN (SELECT type FROM short) UNION ALL"
        f"  SELECT more.* FROM short s CROSS JOIN LATERAL"
        f"  (SELECT {columns} FROM {base} AND e.type = s.type LIMIT {each}) more),"
        " placed AS (SELECT *, row_number() OVER (PARTITION BY type ORDER BY length(sort_key), id) AS place"
        " FROM found)"
        f" SELECT {COLUMNS}, id AS order_value FROM placed WHERE place <= {each} LIMIT {b.bind(query.limit + 1)}"
    )


_PRESENT: Final = frozenset(("==", "<", "<=", ">", ">=", "in", "exists"))
"""Operators that no absent attribute meets."""


def _order(b: _Builder, query: Query, access: Sequence[Access], many_typed: bool) -> tuple[str, bool, str]:
    descending = query.order.startswith("-")
    name = query.order.removeprefix("-")
    if name in ("id", "any"):
        return "e.id", descending, "text"
    if name == "name":
        return f'{_by_name(b, access, many_typed)} COLLATE "C"', descending, "text"
    if name == "modified":
        return "e.modified_at", descending, "timestamptz"
    spec = b.spec(name)
    if spec is None or not spec.field.indexed or spec.field.observed:
        raise InvalidInput(
            f"cannot order by {name!r}.", field="order", remedy="Use id, name, modified, or a declared indexed field."
        )
    if not all(a.shows(name) for a in access):
        raise NotAllowed(f"the attribute {name!r} may not be used here.", field="order")
    # Where it is never NULL, as a required field or by a term, the plain expression is that of the generated index.
    there = spec.required or any(isinstance(w, Where) and w.name == name and w.op in _PRESENT for w in query.where)
    expression = _json(name) if there else f"coalesce({_json(name)}, 'null'::jsonb)"
    if many_typed and (shown := open_to(access, (name,), ENTITIES, b.bind)):
        expression = f"(CASE WHEN {shown} THEN {expression} ELSE 'null'::jsonb END)"
    return expression, descending, "jsonb"


def _by_name(b: _Builder, access: Sequence[Access], many_typed: bool) -> str:
    """The order of names; entities whose name the caller may not see stand in no order of names."""
    titles = [(a.type.name if a.type else "", a) for a in access]
    titled = [(name, a, a.type.info.title) for name, a in titles if a.type is not None and a.type.info.title]
    nameless = [literal(name) for name, a, title in titled if not a.shows(title)]
    hidden = [f"e.type IN ({', '.join(nameless)})"] if nameless else []
    named = {title for _, _, title in titled} | {"name", "title"}
    if many_typed and (shown := open_to(access, sorted(named), ENTITIES, b.bind)):
        hidden.append(f"NOT coalesce({shown}, false)")
    return f"(CASE WHEN {' OR '.join(hidden)} THEN '' ELSE e.sort_key END)" if hidden else "e.sort_key"


def _keyset(b: _Builder, query: Query, order: str, descending: bool, cast: str) -> str:
    if not query.after or query.order == "any":
        return ""
    value, last = read_token(query.after)
    operator = "<" if descending else ">"
    return f" AND ({order}, e.id) {operator} ({b.bind(value)}::text::{cast}, {b.bind(last)}::text)"


def make_token(value: str, last_id: str) -> str:
    """Opaque keyset token: where the next page begins."""
    return base64.urlsafe_b64encode(msgspec.json.encode([value, last_id])).decode().rstrip("=")


def read_token(token: str) -> tuple[str, str]:
    """Inverse of `make_token`. Raises: InvalidInput."""
    try:
        value, last = msgspec.json.decode(
            base64.urlsafe_b64decode(token + "=" * (-len(token) % 4)), type=tuple[str, str]
        )
    except (binascii.Error, msgspec.DecodeError, ValueError):
        raise InvalidInput(
            "the page token is not one of ours.", field="after", remedy="Start from the first page."
        ) from None
    return value, last
