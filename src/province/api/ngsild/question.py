"""From the parameters of a query, or the body of one, to a `model.query.Query`."""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

import msgspec

from province.api.ngsild.view import read_members
from province.api.route import Call, Param
from province.broker.select import names_in
from province.errors import InvalidInput, TooComplex, Unsupported
from province.model.entity import Entity, Json
from province.model.geometry import Geometry
from province.model.jsonld import Context, is_iri
from province.model.ordering import OrderTerm, order, parse_order
from province.model.projection import Projection, read_projection
from province.model.qlanguage import Place, Term, parse_place, parse_q, parse_scope_q
from province.model.query import AnyOf, Query, Where, pages
from province.model.typeselection import parse_types

MAX_LIMIT: Final = 1_000
MAX_SORTED: Final = 20_000
"""Matches that are sorted in memory, by what no index holds."""
BY_OFFSET: Final = "offset"
"""The token of a next page that is found by its offset alone."""
SHALLOW: Final = 200
"""Up to this offset a page is found by counting, which costs next to nothing; beyond it, by where the last ended."""
_PAGE: Final = 1_000
_SYSTEM: Final = frozenset(("id", "type", "scope", "createdAt", "modifiedAt", "deletedAt"))
_WHOLE = {"type": "integer", "minimum": 0}

QUERY_PARAMS: Final = (
    Param("id", "Ids, separated by commas."),
    Param("type", "Type names, any of which may match: `Device,Station`."),
    Param("idPattern", "Regular expression that the id must match."),
    Param("attrs", "Entities with any of these attributes; only these are shown."),
    Param("q", 'Conditions on attributes, such as `speed>50;status=="open"`.'),
    Param("expandValues", "Attributes of `q` whose values are terms."),
    Param("scopeQ", "Scopes, such as `/BinhDuong/#`."),
    Param("georel", "near;maxDistance==METRES, within, intersects, contains, overlaps or equals."),
    Param("geometry", "Kind of the geometry asked about, such as Polygon."),
    Param("coordinates", "Coordinates of that geometry as JSON, longitude first."),
    Param("geoproperty", "GeoProperty asked about: `location`, or the declared place of the type."),
    Param("local", "true: also without any condition.", {"type": "boolean"}),
    Param("orderBy", "Attributes to sort by, such as `name,age;desc` or `location;dist-asc`."),
    Param("orderFrom", "Coordinates that distances are measured from."),
    Param("orderGeometry", "Kind of that geometry; Point by default."),
    Param("collation", "A language tag: texts are sorted in Vietnamese dictionary order."),
    Param("csf", "Accepted; there are no other brokers behind this one."),
    Param(
        "entityMap", "true: fix which entities are paged through; NGSILD-EntityMap tells where.", {"type": "boolean"}
    ),
    Param("entityMapLifetime", "How long the map is wished to last, such as PT10M; at most an hour."),
    Param("NGSILD-EntityMap", "The map that an earlier answer told; only its entities are looked at.", place="header"),
    Param("splitEntities", "Accepted; entities are whole here.", {"type": "boolean"}),
)
PAGE_PARAMS: Final = (
    Param("limit", f"Entities per page, at most {MAX_LIMIT}.", {**_WHOLE, "maximum": MAX_LIMIT, "default": 20}),
    Param("offset", "Entities to skip. Prefer following the `next` link, which costs the same at any depth.", _WHOLE),
    Param("after", "Where the page begins: the token of the `next` link."),
    Param("count", "true: count all matches into NGSILD-Results-Count.", {"type": "boolean"}),
)


@dataclass(frozen=True, slots=True)
class Found:
    """A page. next: the token of the page after it, empty after the last one.  next_offset: where that begins."""

    entities: list[Entity]
    next: str = ""
    next_offset: int = 0
    total: int | None = None


@dataclass(frozen=True, slots=True)
class Question:
    """A query, the attributes to show (empty: all), and how many entities to skip.

    terms: what `q` asks; `query.where` holds it too.  place: the geo-query, in `query` as well.
    order: by which entities are sorted in memory; empty when the database sorts them.  origin: where distances begin.
    pick, omit: projections of a query in a body.
    """

    query: Query
    terms: tuple[Term, ...] = ()
    place: Place | None = None
    attrs: frozenset[str] = frozenset()
    offset: int = 0
    order: tuple[OrderTerm, ...] = ()
    origin: Geometry | None = None
    pick: Projection = field(default_factory=dict)
    omit: Projection = field(default_factory=dict)


def read_question(call: Call, context: Context) -> Question:
    """From the parameters of GET. Raises: InvalidInput naming the parameter, Unsupported."""
    where: list[Term] = []
    attrs = read_members(call, context, "attrs")
    if attrs:
        where.append(AnyOf(tuple((Where(a, "exists"),) for a in attrs)))
    terms: tuple[Term, ...] = ()
    if call.text("q"):
        _require_plain(call, call.text("q"))
        terms = parse_q(call.text("q"), context, expand=call.names("expandValues"))
        where.extend(terms)
    elif "q" in call.params:
        raise InvalidInput("q is empty.", field="q")
    any_type = call.text("type") == "*"
    if any_type and call.text("local") == "false":
        raise InvalidInput("type=* is for what is here.", field="type", remedy="Leave local=false out (5.7.2.4).")
    choice = parse_types(call.text("type"), context) if "type" in call.params and not any_type else None
    if "csf" in call.params:
        parse_q(call.text("csf"), context)  # of no effect with one broker, and yet to be well formed
    _check_collation(call.text("collation"))
    count = call.flag("count") or "count" in call.names("options")
    limit = call.number("limit", 20, most=MAX_LIMIT)
    if limit == 0 and not count:
        raise InvalidInput("limit=0 needs count=true.", field="limit")
    query = Query(
        types=choice.names if choice is not None else (),
        together=() if choice is None or choice.is_plain else choice.groups,
        ids=read_ids(call.names("id")),
        id_pattern="" if "id" in call.params else read_pattern(call.text("idPattern"), "idPattern"),
        where=tuple(where),
        scope=parse_scope_q(call.text("scopeQ")) if "scopeQ" in call.params else (),
        after=call.text("after"),
        limit=limit,
        count=count,
    )
    geo = read_geo(call, context)
    if geo is not None:
        query = msgspec.structs.replace(geo[0].narrow(query), geoproperty="" if geo[1] == "location" else geo[1])
    if not (query.types or any_type or _selects(query) or "georel" in call.params or call.flag("local")):
        raise InvalidInput(
            "a query needs one of type, attrs, q, georel.",
            field="type",
            remedy="Add one, or local=true for everything.",
        )
    offset = call.number("offset", 0, most=100_000_000)
    order, origin = read_order(call.params, context)
    plain = _plain_order(call, query, order)
    if plain:
        query, order = msgspec.structs.replace(query, order=plain), ()
    return Question(query, terms, geo[0] if geo else None, frozenset(attrs), offset, order, origin)


_QUOTED: Final = re.compile(r'"(?:[^"\\]|\\.)*"')
_TERMS: Final = re.compile(r"[;|()]+")


def _require_plain(call: Call, q: str, *, join: str = "") -> None:
    """Refuse a filter of linked entities where none are joined, and one of system attributes alone (5.7.2.4).

    Raises: InvalidInput.
    """
    bare = _QUOTED.sub('""', q)
    steps = max(itertools.accumulate((c == "{") - (c == "}") for c in bare), default=0)
    joined = 0 if (join or call.text("join", "@none")) == "@none" else call.number("joinLevel", 1, least=1, most=10)
    if steps > joined:
        raise InvalidInput(f"q goes {steps} steps, and {joined} are joined.", field="q", remedy="Add join, joinLevel.")
    terms = [term.strip().lstrip("!") for term in _TERMS.split(bare) if term.strip()]
    names = [re.split(r"[^\w@]", term, maxsplit=1)[0] for term in terms]
    if names and all(name in _SYSTEM for name in names):
        raise InvalidInput("q names only what every entity has.", field="q", remedy="Name an attribute as well.")


def _selects(query: Query) -> bool:
    """Whether `attrs` or `q` names an attribute, and not only what every entity has (5.7.2.4)."""
    return bool(names_in(query) - _SYSTEM)


def _check_collation(given: Any) -> None:
    """A language tag; texts are sorted in Vietnamese order whatever it says. Raises: InvalidInput."""
    if given and not (isinstance(given, str) and re.fullmatch(r"[A-Za-z]{2,8}(-[A-Za-z0-9]{1,8}){0,10}", given)):
        raise InvalidInput(f"{str(given)[:40]!r} is no collation.", field="collation", remedy="Give a tag such as vi.")


def read_order(given: Mapping[str, Any], context: Context) -> tuple[tuple[OrderTerm, ...], Geometry | None]:
    """`orderBy`, and what distances are measured from (4.23.3). Raises: InvalidInput."""
    if not given.get("orderBy"):
        return (), None
    asked = given["orderBy"]
    text = ",".join(_text(one, "orderBy") for one in asked) if isinstance(asked, list) else _text(asked, "orderBy")
    order = parse_order(text, context)
    origin = None
    if any(t.direction.startswith("dist") for t in order):
        if "orderFrom" not in given:
            raise InvalidInput("an order by distance needs orderFrom.", field="orderFrom", remedy="Give coordinates.")
        place = parse_place("intersects", given.get("orderGeometry", "Point"), given["orderFrom"])
        origin = place.inside
    return order, origin


def _plain_order(call: Call, query: Query, order: tuple[OrderTerm, ...]) -> str:
    """The order in the words of the database, when it can sort so; else empty."""
    if len(order) != 1 or len(order[0].path) != 1 or order[0].direction not in ("asc", "desc"):
        return ""
    name = order[0].path[0]
    if "collation" in call.params and name not in ("id", "modifiedAt"):
        return ""  # the database sorts texts by their codes alone
    sign = "-" if order[0].direction == "desc" else ""
    declared = call.services.broker.types.get(query.types[0]) if len(query.types) == 1 else None
    spec = declared.fields.get(name) if declared else None
    if name == "id" or (spec is not None and spec.field.indexed and not spec.field.observed):
        return sign + name
    return sign + "modified" if name == "modifiedAt" else ""


def read_body_question(call: Call, body: Json, context: Context) -> Question:
    """From the body of `entityOperations/query`; pages come from the parameters. Raises: InvalidInput, Unsupported."""
    if not isinstance(body, dict) or body.get("type") != "Query":
        raise InvalidInput("the body is no Query.", field="type", remedy='Send {"type": "Query", …}.')
    known = {
        "type", "entities", "attrs", "q", "geoQ", "scopeQ", "lang", "pick", "omit", "expandValues", "orderBy", "join",
        "joinLevel", "csf", "datasetId", "containedBy", "jsonKeys", "splitEntities", "local", "ordering", "@context",
    }  # fmt: skip
    if "temporalQ" in body:
        raise InvalidInput("temporalQ belongs to temporal queries.", field="temporalQ", remedy="Leave it out.")
    for name in ("attrs", "pick", "omit", "entities"):
        if body.get(name) == []:
            raise InvalidInput("the list is empty.", field=name, remedy="Leave it out.")
    if "csf" in body:
        parse_q(_text(body["csf"], "csf"), context)
    for name in sorted(body.keys() - known):
        raise Unsupported(f"the member {name[:40]!r} of a query is not offered.", field=name[:40])
    types: list[str] = []
    together: list[tuple[str, ...]] = []
    any_type = False
    ids: list[str] = []
    patterns: list[str] = []
    for i, one in enumerate(_list(body.get("entities", []), "entities")):
        if not isinstance(one, dict) or "type" not in one:
            raise InvalidInput("an entity selector needs a type.", field=f"entities[{i}].type")
        any_type = any_type or one["type"] == "*"
        if one["type"] != "*":
            choice = parse_types(_text(one["type"], f"entities[{i}].type"), context, field=f"entities[{i}].type")
            types.extend(choice.names)
            together.extend(choice.groups)
        ids.extend(read_ids(_list(one.get("id", []), f"entities[{i}].id")))
        if "idPattern" in one and "id" not in one:  # ids take precedence (5.2.33)
            patterns.append(read_pattern(one["idPattern"], f"entities[{i}].idPattern"))
    where: list[Term] = []
    attrs = [context.name(_text(a, "attrs"), field="attrs") for a in _list(body.get("attrs", []), "attrs")]
    if attrs:
        where.append(AnyOf(tuple((Where(a, "exists"),) for a in attrs)))
    terms: tuple[Term, ...] = ()
    if "q" in body:
        _require_plain(call, _text(body["q"], "q"), join=_text(body.get("join", ""), "join"))
        expand = [_text(a, "expandValues") for a in _list(body.get("expandValues", []), "expandValues")]
        terms = parse_q(_text(body["q"], "q"), context, expand=expand)
        where.extend(terms)
    count = call.flag("count") or "count" in call.names("options")
    query = Query(
        types=tuple(dict.fromkeys(types)),
        together=tuple(together) if any(len(g) > 1 for g in together) else (),
        ids=tuple(dict.fromkeys(ids)),
        id_pattern="|".join(f"(?:{p})" for p in patterns),
        where=tuple(where),
        scope=parse_scope_q(_text(body["scopeQ"], "scopeQ")) if "scopeQ" in body else (),
        after=call.text("after"),
        limit=call.number("limit", 20, least=0 if count else 1, most=MAX_LIMIT),
        count=count,
    )
    place = None
    if "geoQ" in body:
        geo = body["geoQ"]
        if not isinstance(geo, dict) or not {"georel", "geometry", "coordinates"} <= geo.keys():
            raise InvalidInput("geoQ needs georel, geometry and coordinates.", field="geoQ")
        place = parse_place(_text(geo["georel"], "geoQ.georel"), _text(geo["geometry"], "geoQ"), geo["coordinates"])
        name = context.name(_text(geo.get("geoproperty", "location"), "geoQ"), field="geoQ.geoproperty")
        query = msgspec.structs.replace(place.narrow(query), geoproperty="" if name == "location" else name)
    everything = body.get("local") is True or call.flag("local") or any_type
    if not (query.types or _selects(query) or "geoQ" in body or everything):
        raise InvalidInput("a query needs one of entities, attrs, q, geoQ.", field="entities", remedy="Add one.")
    pick, omit = (
        read_projection([_text(n, f"{p}[{i}]") for i, n in enumerate(_list(body.get(p, []), p))], context, p)
        for p in ("pick", "omit")
    )
    nested = body.get("ordering")
    sorting, origin = read_order(_ordering(nested) if isinstance(nested, dict) else body, context)
    offset = call.number("offset", 0, most=100_000_000)
    return Question(query, terms, place, frozenset(attrs), offset, sorting, origin, pick, omit)


def _ordering(given: Mapping[str, Any]) -> dict[str, Any]:
    """OrderingParams (5.2.43) under the names of the parameters. Raises: InvalidInput."""
    _check_collation(given.get("collation"))
    result = {"orderBy": given.get("orderBy"), "orderGeometry": _text(given.get("geometry", "Point"), "ordering")}
    if "coordinates" in given:
        if not isinstance(given["coordinates"], list):
            raise InvalidInput("expected a list of coordinates.", field="ordering.coordinates")
        result["orderFrom"] = given["coordinates"]
    return result


def read_geo(call: Call, context: Context) -> tuple[Place, str] | None:
    """The geo-query of the parameters and the GeoProperty it is about. Raises: InvalidInput."""
    if "georel" not in call.params:
        for lonely in ("geometry", "coordinates"):
            if lonely in call.params:
                raise InvalidInput(f"{lonely} needs georel.", field="georel", remedy="Add it.")
        return None
    for needed in ("geometry", "coordinates"):
        if needed not in call.params:
            raise InvalidInput(f"georel needs {needed}.", field=needed, remedy="Add it.")
    name = context.name(call.text("geoproperty", "location"), field="geoproperty")
    return parse_place(call.text("georel"), call.text("geometry"), call.text("coordinates")), name


def read_ids(given: Iterable[Any]) -> tuple[str, ...]:
    """Ids. Raises: InvalidInput."""
    found = tuple(dict.fromkeys(given))
    for id in found:
        if not is_iri(id):
            raise InvalidInput(
                f"{str(id)[:80]!r} is not a URI.", field="id", remedy="Give ids such as urn:ngsi-ld:X:1."
            )
    return found


def read_pattern(given: Any, field: str) -> str:
    """A regular expression. Raises: InvalidInput."""
    text = _text(given, field)
    try:
        re.compile(text)
    except re.error as error:
        raise InvalidInput(f"{text[:60]!r} is not a regular expression: {error}.", field=field) from None
    if len(text) > 150:
        raise InvalidInput("the pattern is longer than 150 characters.", field=field)
    return text


async def find(call: Call, question: Question) -> Found:
    """A page of what is asked. Raises: TooComplex."""
    broker, query = call.services.broker, question.query
    if question.order:
        return await _find_ordered(call, question)
    skip = 0 if query.after else question.offset  # `after` is where the offset leads, found without counting
    while skip:
        step = min(skip, _PAGE)
        passed = await broker.query(msgspec.structs.replace(query, limit=step, count=False, latest=False), call.actor)
        if not passed.next:
            if not query.count:
                return Found([])
            counted = await broker.query(msgspec.structs.replace(query, limit=0, after=""), call.actor)
            return Found([], total=counted.total)
        query = msgspec.structs.replace(query, after=passed.next)
        skip -= step
    page = await broker.query(query, call.actor)
    return Found(list(page.items), page.next, question.offset + query.limit, page.total)


async def _find_ordered(call: Call, question: Question) -> Found:
    """Read all that match, sort them, and cut out the page."""
    found = await every_one(call, question)
    limit = question.query.limit
    ends = question.offset + limit
    following = BY_OFFSET if ends < len(found) and limit else ""
    return Found(found[question.offset : ends], following, ends, len(found) if question.query.count else None)


async def every_one(call: Call, question: Question) -> list[Entity]:
    """All that match, sorted in memory. Raises: TooComplex."""
    found: list[Entity] = []
    query = msgspec.structs.replace(question.query, limit=_PAGE, count=False, after="")
    async for page in pages(call.services.broker.query, query, call.actor):
        found.extend(page.items)
        if len(found) > MAX_SORTED:
            raise TooComplex(
                f"more than {MAX_SORTED} entities would have to be sorted.",
                field="orderBy",
                remedy="Order by id, modifiedAt or an indexed attribute of one type, or narrow the query.",
            )
    return order(found, question.order, question.origin)


def _list(value: Any, field: str) -> list[Any]:
    if isinstance(value, str):
        return [value]
    if not isinstance(value, list):
        raise InvalidInput("expected a list.", field=field)
    return value


def _text(value: Any, field: str) -> str:
    if not isinstance(value, str):
        raise InvalidInput(f"{str(value)[:60]!r} is not a text.", field=field)
    return value
