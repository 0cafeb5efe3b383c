"""The query languages of NGSI-LD: `q` (clause 4.9), `scopeQ` (4.19) and the geo-query (4.10) → `model.query`.

    q=speed>50;(status=="open"|status=="late");address[city]~="^Thủ"

`;` binds closer than `|`. Beyond the standard, `!name` asks that an attribute is absent. `sensor{Device:humidity}==40`
asks of the entities that the relationship `sensor` leads to; the types before the colon are a hint and may be left out.
Also beyond the standard, several conditions may be asked of one linked entity: `sensor{(humidity>40;status=="on")}`.
"""

from __future__ import annotations

import math
import re
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

import msgspec

from province.errors import InvalidInput, Unsupported
from province.model.entity import Json
from province.model.geometry import Geometry, bounds, positions, validate
from province.model.jsonld import CORE, Context, internal
from province.model.query import RELATIONS, AnyOf, Linked, Near, Operator, Query, Relation, Where, join_path, split_path
from province.model.text import nfc
from province.model.time import format_instant, parse_instant

MAX_LENGTH: Final = 8_000
MAX_DEPTH: Final = 10
MAX_TERMS: Final = 100
MAX_LINKS: Final = 5
Term = Where | AnyOf | Linked
_NOT_LIKE = "^(?!.*(?:"
_SYSTEM = frozenset(("createdAt", "modifiedAt", "observedAt", "unitCode", "datasetId", "instanceId", "type", "id"))
_TOKEN = re.compile(r"\s*(==|!=|>=|<=|!~=|~=|>|<|!|;|\||\(|\)|\.\.|,)")
_NAME = re.compile(r"\s*((?:https?://|urn:)[^\s;|()<>=!~\[\]{}]+|[^\W_][\w\-]*(?::[\w\-]+)?)")
_STRING = re.compile(r'"(?:[^"\\\x00-\x1f]|\\["\\/bfnrt]|\\u[0-9a-fA-F]{4})*"')
_NUMBER = re.compile(r"-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?(?=$|[;|),\s]|\.\.)")
_TIME = re.compile(
    r"\d{4}-\d{2}-\d{2}(?:T\d{2}:\d{2}:\d{2}(?:[.,]\d{1,6})?(?:Z|[+-]\d{2}:\d{2}))?|\d{2}:\d{2}:\d{2}(?:\.\d+)?Z?"
)
_WORD = re.compile(r"[^;|()\",\s]+")
_HINT = re.compile(r"\s*(?!urn:)((?:[^\W_][\w\-]*|<[^<>\s]+>)(?:,(?:[^\W_][\w\-]*|<[^<>\s]+>))*):(?!//)")


def goes(terms: Sequence[Term]) -> int:
    """How many relationships conditions follow at most."""
    steps = [0]
    for term in terms:
        if isinstance(term, AnyOf):
            steps += [goes(group) for group in term.groups]
        elif isinstance(term, Linked):
            steps.append(1 + goes(term.terms))
    return max(steps)


def parse_q(text: str, context: Context = CORE, *, expand: Collection[str] = ()) -> tuple[Term, ...]:
    """Read `q`. expand: attribute names whose text values are terms (`expandValues`).

    Raises: InvalidInput naming the position, Unsupported.
    """
    if len(text) > MAX_LENGTH:
        raise InvalidInput(f"q has {len(text)} characters.", field="q", remedy=f"At most {MAX_LENGTH}.")
    parser = _Parser(nfc(text), context, frozenset(expand))
    result = parser.either(0)
    if parser.rest():
        raise parser.error("expected `;` or `|`")
    return result


@dataclass(slots=True)
class _Parser:
    text: str
    context: Context
    expand: frozenset[str]
    at: int = 0
    terms: int = field(default=0)

    def rest(self) -> str:
        return self.text[self.at :].strip()

    def error(self, what: str) -> InvalidInput:
        shown = self.text[self.at : self.at + 20]
        return InvalidInput(
            f"{what} at character {self.at + 1}, before {shown!r}.",
            field="q",
            remedy='Write such as speed>50;status=="open".',
        )

    def take(self, *tokens: str) -> str:
        found = _TOKEN.match(self.text, self.at)
        if found and found[1] in tokens:
            self.at = found.end()
            return found[1]
        return ""

    def either(self, depth: int) -> tuple[Term, ...]:
        if depth > MAX_DEPTH:
            raise self.error(f"parentheses are nested deeper than {MAX_DEPTH}")
        groups = [self.every(depth)]
        while self.take("|"):
            groups.append(self.every(depth))
        return groups[0] if len(groups) == 1 else (AnyOf(tuple(groups)),)

    def every(self, depth: int) -> tuple[Term, ...]:
        terms = list(self.one(depth))
        while self.take(";"):
            terms.extend(self.one(depth))
        return tuple(terms)

    def one(self, depth: int) -> tuple[Term, ...]:
        self.terms += 1
        if self.terms > MAX_TERMS:
            raise InvalidInput(f"q has more than {MAX_TERMS} terms.", field="q", remedy="Ask in several queries.")
        if self.take("("):
            inner = self.either(depth + 1)
            if not self.take(")"):
                raise self.error("expected `)`")
            return inner
        absent = bool(self.take("!"))
        return self.linked(absent, *self.path(), depth)

    def linked(self, absent: bool, name: str, plain: str, depth: int) -> tuple[Term, ...]:
        """What is asked of an attribute, or at the end of the relationships that begin with it."""
        steps: list[tuple[str, tuple[str, ...]]] = []
        inner: tuple[Term, ...] = ()
        while self.text[self.at : self.at + 1] == "{":
            self.at += 1
            if len(steps) == MAX_LINKS:
                raise self.error(f"q follows more than {MAX_LINKS} relationships")
            steps.append((name, self.hint()))
            if self.take("("):
                inner = self.either(depth + 1)
                if not self.take(")"):
                    raise self.error("expected `)`")
                break
            name, plain = self.path()
        for _ in steps:
            if not self.text.startswith("}", self.at):
                raise self.error("expected `}`")
            self.at += 1
        if absent:
            terms = inner or (Where(name, "exists" if steps else "absent"),)
        else:
            terms = inner or self.condition(name, plain)
        for i, (relation, types) in enumerate(reversed(steps), 1):
            terms = (Linked(relation, terms, types, absent and i == len(steps)),)
        return terms

    def hint(self) -> tuple[str, ...]:
        """The types before the colon, as stored."""
        found = _HINT.match(self.text, self.at)
        if not found:
            return ()
        self.at = found.end()
        return tuple(self.context.name(one.strip("<>"), field="q") for one in found[1].split(","))

    def condition(self, name: str, plain: str) -> tuple[Term, ...]:
        operator = self.take("==", "!=", ">=", "<=", "!~=", "~=", ">", "<")
        if not operator:
            return (Where(name, "exists"),)
        if operator in ("~=", "!~="):
            return (Where(name, "~", self.pattern(negated=operator == "!~=")),)
        return self.compare(name, operator, plain)

    def path(self) -> tuple[str, str]:
        """A path as stored, and its first name as written."""
        steps: list[str] = []
        found = _NAME.match(self.text, self.at)
        if not found:
            raise self.error("expected the name of an attribute")
        plain = found[1]
        if plain in ("id", "type", "scope", *_SYSTEM):
            raise Unsupported(f"q cannot ask for {plain!r}.", field="q", remedy="Use the parameters id, type, scopeQ.")
        steps.append(self.context.name(plain, field="q"))
        self.at = found.end()
        while self.text[self.at : self.at + 1] == "." and self.text[self.at : self.at + 2] != "..":
            self.at += 1
            steps.append(self.context.name(self.step(), field="q"))
        if self.text[self.at : self.at + 1] == "[":
            end = self.text.find("]", self.at)
            inside = self.text[self.at + 1 : end] if end > 0 else ""
            if not inside or not all(inside.split(".")) or set(inside) & set("<>[]"):
                raise self.error("expected a path in brackets")
            steps.extend(inside.split("."))
            self.at = end + 1
        return join_path(steps), plain

    def step(self) -> str:
        found = _NAME.match(self.text, self.at)
        if not found:
            raise self.error("expected a name after the dot")
        if found[1] in _SYSTEM:
            raise Unsupported(
                f"q cannot ask for {found[1]!r} of an attribute.", field="q", remedy="Use a temporal query."
            )
        self.at = found.end()
        return found[1]

    def compare(self, name: str, operator: str, plain: str) -> tuple[Term, ...]:
        values = [self.value(plain)]
        if self.take(".."):
            low, high = values[0], self.value(plain)
            if operator == "==":
                return (Where(name, ">=", low), Where(name, "<=", high))
            if operator == "!=":
                return (AnyOf(((Where(name, "<", low),), (Where(name, ">", high),))),)
            raise self.error("a range goes with == or != only")
        while self.take(","):
            values.append(self.value(plain))
        if plain in self.expand and operator in ("==", "!="):
            values = [spelt for v in values for spelt in _spellings(v)]
        if len(values) == 1:
            op: Operator = operator  # type: ignore[assignment]
            return (Where(name, op, values[0]),)
        if operator == "==":
            return (Where(name, "in", values),)
        if operator == "!=":
            return tuple(Where(name, "!=", v) for v in values)
        raise self.error("a list goes with == or != only")

    def value(self, plain: str) -> Json:
        while self.text[self.at : self.at + 1] == " ":
            self.at += 1
        if found := _STRING.match(self.text, self.at):
            self.at = found.end()
            return self._expanded(str(msgspec.json.decode(found[0])), plain)
        if found := _NUMBER.match(self.text, self.at):
            self.at = found.end()
            return _number(found[0])
        if found := _TIME.match(self.text, self.at):
            self.at = found.end()
            return format_instant(parse_instant(found[0], field="q")) if "T" in found[0] else found[0]
        if found := _WORD.match(self.text, self.at):
            self.at = found.end()
            if found[0] in ("true", "false"):
                return found[0] == "true"
            return self._expanded(found[0], plain)
        raise self.error("expected a value")

    def _expanded(self, text: str, plain: str) -> str:
        return self.context.expand(text, field="q") if plain in self.expand else text

    def pattern(self, *, negated: bool) -> str:
        """A regular expression: quoted, or up to the next `;`, `|` or `)` outside of its own groups."""
        if found := _STRING.match(self.text, self.at):
            self.at = found.end()
            given = str(msgspec.json.decode(found[0]))
        else:
            start, depth, escaped = self.at, 0, False
            while self.at < len(self.text):
                c = self.text[self.at]
                if escaped:
                    escaped = False
                elif c == "\\":
                    escaped = True
                elif c in "([":
                    depth += 1
                elif c in ")]":
                    if depth == 0:
                        break
                    depth -= 1
                elif c in ";|" and depth == 0:
                    break
                self.at += 1
            given = self.text[start : self.at]
        try:
            re.compile(given)
        except re.error as error:
            raise InvalidInput(f"{given[:80]!r} is not a regular expression: {error}.", field="q") from None
        if not given or len(given) > 150:
            raise InvalidInput("a regular expression has 1 to 150 characters.", field="q")
        return f"{_NOT_LIKE}{given}))" if negated else given


def _spellings(value: Json) -> list[Json]:
    """An expanded term, and the short name under which terms of the default context were once stored."""
    short = internal(value) if isinstance(value, str) else value
    return [value] if short == value else [value, short]


def _number(text: str) -> float | int:
    if re.fullmatch(r"-?\d+", text):
        value = int(text)
        if -(2**63) <= value < 2**63:
            return value
    number = float(text)
    if not math.isfinite(number):
        raise InvalidInput(f"{text[:40]} is not a finite number.", field="q")
    return number


def format_q(terms: Collection[Term]) -> str:
    """Inverse of `parse_q` for stored names."""
    return ";".join(_format(t) for t in terms)


def _format_name(stored: str) -> str:
    first, *rest = split_path(stored)
    return first + (f"[{'.'.join(rest)}]" if rest else "")


def _format_linked(term: Linked) -> str:
    hint = ",".join(f"<{t}>" for t in term.types) + (":" if term.types else "")
    return f"{'!' if term.none else ''}{_format_name(term.name)}{{{hint}({format_q(term.terms)})}}"


def _format(term: Term) -> str:
    if isinstance(term, AnyOf):
        return "(" + "|".join(format_q(group) for group in term.groups) + ")"
    if isinstance(term, Linked):
        return _format_linked(term)
    name = _format_name(term.name)
    if term.op in ("exists", "absent"):
        return name if term.op == "exists" else f"!{name}"
    if term.op == "~":
        pattern = str(term.value)
        negated = pattern.startswith(_NOT_LIKE)
        inner = pattern.removeprefix(_NOT_LIKE).removesuffix("))") if negated else pattern
        return f"{name}{'!~=' if negated else '~='}{_json(inner)}"
    if term.op == "in":
        return f"{name}==" + ",".join(_json(v) for v in term.value)
    return f"{name}{term.op}{_json(term.value)}"


def _json(value: Any) -> str:
    return msgspec.json.encode(value).decode()


# --- scopes ----------------------------------------------------------------------------------------------------------

_LEVEL = r"(?:\+|[^\W\d_]\w*)"
_SCOPE = re.compile(rf"/?{_LEVEL}(?:/{_LEVEL})*(?:/#)?|/#")


def parse_scope_q(text: str) -> tuple[tuple[str, ...], ...]:
    """Read `scopeQ`: groups joined by OR, each of patterns that all match a scope. Raises: InvalidInput."""
    groups = []
    for part in re.split(r"[|,](?![^(]*\))", nfc(text.strip())):
        inner = part[1:-1] if part.startswith("(") and part.endswith(")") else part
        scopes = inner.split(";")
        if not all(_SCOPE.fullmatch(s) for s in scopes) or (len(scopes) > 1 and inner is part):
            raise InvalidInput(
                f"{part[:80]!r} is not a scope query.",
                field="scopeQ",
                remedy="Write such as /Province/+/Roads|/Company/#.",
            )
        groups.append(tuple(_scope_pattern(s) for s in scopes))
    if len(groups) > 50:
        raise InvalidInput("scopeQ has more than 50 alternatives.", field="scopeQ")
    return tuple(groups)


def _scope_pattern(scope: str) -> str:
    if scope == "/#":
        return "^/.+$"
    body, tree = (scope.removesuffix("/#"), True) if scope.endswith("/#") else (scope, False)
    levels = ["[^/]+" if level == "+" else level for level in body.removeprefix("/").split("/")]
    return "^/" + "/".join(levels) + ("(/.*)?$" if tree else "$")


# --- places ----------------------------------------------------------------------------------------------------------


class Place(msgspec.Struct, frozen=True, kw_only=True):
    """A geo-query as members of `Query`."""

    near: Near | None = None
    inside: Geometry | None = None
    relation: Relation = "intersects"

    def narrow(self, query: Query) -> Query:
        """The query with this place."""
        return msgspec.structs.replace(query, near=self.near, inside=self.inside, relation=self.relation)


def parse_place(georel: str, geometry: str, coordinates: Json) -> Place:
    """Read `georel`, `geometry`, `coordinates` (JSON text or lists). Raises: InvalidInput, Unsupported."""
    if isinstance(coordinates, str):
        try:
            coordinates = msgspec.json.decode(coordinates)
        except (msgspec.DecodeError, RecursionError, UnicodeDecodeError):
            raise InvalidInput(
                f"{coordinates[:40]!r} is not JSON.", field="coordinates", remedy="Give [longitude,latitude]."
            ) from None
    if geometry == "GeometryCollection":
        raise InvalidInput("a GeometryCollection is not allowed here.", field="geometry")
    shape = validate({"type": geometry, "coordinates": coordinates}, field="geoquery")
    relation, _, rest = georel.partition(";")
    if relation == "near":
        return Place(near=_near(shape, rest))
    if rest or relation not in RELATIONS:
        raise InvalidInput(
            f"{georel[:60]!r} is not a relation.",
            field="georel",
            remedy=f"One of: near;maxDistance==METRES, near;minDistance==METRES, {', '.join(RELATIONS)}.",
        )
    bounds(shape)
    return Place(inside=shape, relation=relation)


def _near(shape: Geometry, modifier: str) -> Near:
    found = re.fullmatch(r"(maxDistance|minDistance)==(\d+(?:\.\d+)?(?:[eE][+-]?\d+)?)", modifier)
    if not found or not 0 < float(found[2]) < 20_100_000:
        raise InvalidInput(
            f"{modifier[:60]!r} is not a distance.", field="georel", remedy="Write near;maxDistance==2000 (metres)."
        )
    lon, lat = next(positions(shape))[:2]
    place = (float(lon), float(lat))
    distance_m = float(found[2])
    other = None if shape["type"] == "Point" else shape
    if found[1] == "minDistance":
        return Near(place, math.inf, distance_m, other)
    return Near(place, distance_m, 0.0, other)
