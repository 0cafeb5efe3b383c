"""Rights over rows as a condition in SQL: one tree, one text, for PostgreSQL and for DuckDB over the lake alike.

The tree is what `broker.access` found: per type, where its entities may be read, where their personal fields, its
public view, and what the further types of an entity keep of their fields. A table of entities is asked row by row; a
table of readings (a row is one attribute of one entity) also field by field. What `Access.admits` and `Access.reveals`
say in memory, these conditions say in an engine.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

from province.broker.access import Access
from province.broker.kept import Kept
from province.identity.policy import Scope
from province.model.schema import EntityType

Bind = Callable[[Any], str]
"""bind(value) → its placeholder, `$n` in both engines."""


@dataclass(frozen=True, slots=True)
class Columns:
    """What a query calls the things that rights are about; "": its rows have none, and no right reaches them by it.

    type: "" when all rows are of the one type asked about.  attribute: "" for tables of entities.
    public: (type, bind) → condition that a row is in the type's public view; None: no row is.
    types: all types of an entity that has several, else NULL.
    """

    type: str = ""
    types: str = ""
    agency: str = ""
    area: str = ""
    id: str = ""
    attribute: str = ""
    public: Callable[[EntityType, Bind], str] | None = None


@dataclass(slots=True)
class Bound:
    """Values bound in order, for an engine that takes them as a list."""

    values: list[Any] = field(default_factory=list)

    def bind(self, value: Any) -> str:
        """The placeholder of a value."""
        self.values.append(value)
        return f"${len(self.values)}"


def admitted(access: Sequence[Access], columns: Columns, bind: Bind, declared: Collection[str]) -> str:
    """The condition that a row may be seen. declared: names of all declared types; others share one Access."""
    return "(" + (" OR ".join(_of_type(a, columns, bind, declared) for a in access) or "false") + ")"


def _of_type(access: Access, columns: Columns, bind: Bind, declared: Collection[str]) -> str:
    ways = _ways(access, columns, bind)
    if ways and (kept := _kept_readings(access, columns, bind)):
        ways = [_both(_any(ways), kept)]
    if ways == ["true"] and not columns.type:
        return "true"
    if not columns.type:
        return "(" + (" OR ".join(ways) or "false") + ")"
    if access.type is not None:
        # A literal, so that a partial index over the type can be used.
        mine = f"{columns.type} = {literal(access.type.name)}"
    else:
        mine = f"NOT ({columns.type} = ANY({bind(sorted(declared))}::text[]))"
    return mine if ways == ["true"] else f"({mine} AND ({' OR '.join(ways) or 'false'}))"


def _ways(access: Access, columns: Columns, bind: Bind) -> list[str]:
    """The ways in which a row of the type may be seen; ["true"]: every row may. What is bound is used: an engine
    cannot tell the kind of a parameter that stands nowhere."""
    kind = access.type
    if not columns.attribute or kind is None:
        if access.read.all:
            return ["true"]
        seen = _published(access, columns, bind)
        return ["true"] if seen == "true" else [*within(access.read, columns, bind), *([seen] if seen else ())]
    fields = kind.fields.values()
    closed = [s.name for s in fields if s.field.concealed and not access.own]
    personal = [s.name for s in fields if s.field.personal and s.name not in closed]
    public = [s.name for s in fields if s.field.public and s.name not in closed]
    hidden = closed + ([] if access.personal.all else personal)
    if access.read.all and not hidden:
        return ["true"]
    ways = []
    if read := _any(within(access.read, columns, bind)):
        ways.append(_both(read, f"NOT ({columns.attribute} = ANY({bind(hidden)}::text[]))" if hidden else "true"))
    if read and personal and not access.personal.all:
        more = _any(within(access.personal, columns, bind))
        if more:
            ways.append(_both(_both(read, more), f"{columns.attribute} = ANY({bind(personal)}::text[])"))
    if public and not access.read.all and (seen := _published(access, columns, bind)):
        ways.append(_both(seen, f"{columns.attribute} = ANY({bind(public)}::text[])"))
    return ways


def _published(access: Access, columns: Columns, bind: Bind) -> str:
    """The condition that a row is in the public view; "" where there is none."""
    if not access.public or access.type is None or columns.public is None:
        return ""
    return columns.public(access.type, bind)


def within(scope: Scope, columns: Columns, bind: Bind) -> list[str]:
    """The conditions of which one must hold for a row to lie in a scope; none for a scope that holds nowhere."""
    if scope.all:
        return ["true"]
    ways = []
    if scope.agencies and columns.agency:
        ways.append(f"{columns.agency} = ANY({bind(sorted(scope.agencies))}::text[])")
    if scope.areas and columns.area:
        ways.append(f"{columns.area} = ANY({bind(sorted(scope.areas))}::text[])")
    if scope.entities and columns.id:
        ways.append(f"{columns.id} = ANY({bind(sorted(scope.entities))}::text[])")
    if scope.pairs and columns.agency and columns.area:
        # Neither engine reads pairs as the other does: the agency finds them by its index, both together decide.
        pairs = sorted(scope.pairs)
        agencies = bind(sorted({a for a, _ in pairs}))
        both = bind([f"{a}\x1f{b}" for a, b in pairs])
        joined = f"{columns.agency} || chr(31) || {columns.area}"
        ways.append(f"({columns.agency} = ANY({agencies}::text[]) AND {joined} = ANY({both}::text[]))")
    return ways


def open_to(access: Sequence[Access], names: Iterable[str], columns: Columns, bind: Bind) -> str:
    """The condition that no further type of a row keeps one of these fields from the caller; "" when none does.

    For whatever asks for a value, sorts or ranks by it, finds by it: what is hidden on a row answers nothing.
    """
    keeping = access[0].keeping if access else None
    if keeping is None or not columns.types:
        return ""
    terms: list[str] = []
    for name in dict.fromkeys(names):
        declared = [kind.name for kind in keeping.declared.fields.get(name, ())]
        # Where every first type declares the field itself, only what is personal elsewhere is kept of it.
        foreign = not all(a.type is not None and name in a.type.fields for a in access)
        groups: dict[tuple[Scope, bool], list[str]] = {}
        for kept in keeping.of(name, foreign=foreign):
            groups.setdefault((kept.scope, kept.always), []).append(kept.type)
        for (scope, always), kinds in groups.items():
            own = [] if always else [f"{columns.type} IN ({', '.join(map(literal, declared))})"]
            terms.append(_opens(kinds, scope, own, columns, bind))
    return f"({columns.types} IS NULL OR ({' AND '.join(terms)}))" if terms else ""


def _opens(kinds: Sequence[str], scope: Scope, ways: Sequence[str], columns: Columns, bind: Bind) -> str:
    """That these types keep nothing of a row of several types: it is none of them, or they say yes."""
    none = f"NOT ({columns.types} && ARRAY[{', '.join(map(literal, kinds))}])"
    return f"({' OR '.join([none, *ways, *within(scope, columns, bind)])})"


def _kept_readings(access: Access, columns: Columns, bind: Bind) -> str:
    """Of a table of readings: that no further type of the entity keeps the reading's attribute; "" when none does."""
    keeping, kind = access.keeping, access.type
    if not columns.attribute or not columns.types or keeping is None or kind is None:
        return ""
    groups: dict[Kept, list[str]] = {}
    for name in kind.fields:
        for kept in keeping.of(name, foreign=False):
            if kept.type != kind.name:
                groups.setdefault(kept, []).append(name)
    terms = []
    for kept, names in groups.items():
        other = f"NOT ({columns.attribute} = ANY({bind(names)}::text[]))"
        terms.append(_opens((kept.type,), kept.scope, (other,), columns, bind))
    return f"({columns.types} IS NULL OR ({' AND '.join(terms)}))" if terms else ""


def literal(text: str) -> str:
    """Text of our own declarations, quoted."""
    return "'" + text.replace("'", "''") + "'"


def _any(ways: Sequence[str]) -> str:
    return "true" if "true" in ways else f"({' OR '.join(ways)})" if ways else ""


def _both(first: str, second: str) -> str:
    if first == "true":
        return second
    return first if second == "true" else f"({first} AND {second})"
