"""Rights over rows as a condition in SQL: one tree, one text, for PostgreSQL and for DuckDB over the lake alike.

The tree is what `broker.access` found: per type, where its entities may be read, where their personal fields, and its
public view. A table of entities is asked row by row; a table of readings (a row is one attribute of one entity) also
field by field. What `Access.admits` and `Access.reveals` say in memory, these conditions say in an engine.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, field
from typing import Any

from province.broker.access import Access
from province.identity.policy import Scope
from province.model.schema import EntityType

Bind = Callable[[Any], str]
"""bind(value) → its placeholder, `$n` in both engines."""


@dataclass(frozen=True, slots=True)
class Columns:
    """What a query calls the things that rights are about; "": its rows have none, and no right reaches them by it.

    type: "" when all rows are of the one type asked about.  attribute: "" for tables of entities.
    public: (type, bind) → condition that a row is in the type's public view; None: no row is.
    """

    type: str = ""
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


def literal(text: str) -> str:
    """Text of our own declarations, quoted."""
    return "'" + text.replace("'", "''") + "'"


def _any(ways: Sequence[str]) -> str:
    return "true" if "true" in ways else f"({' OR '.join(ways)})" if ways else ""


def _both(first: str, second: str) -> str:
    if first == "true":
        return second
    return first if second == "true" else f"({first} AND {second})"
