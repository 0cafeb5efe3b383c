"""How an answer of NGSI-LD looks: media type, form, members, language, context."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Final

import msgspec
from starlette.exceptions import HTTPException
from starlette.responses import Response

from province.api.contexts import document, link_header, linked
from province.api.request import media_type, parse_json, read_body, require_media
from province.api.route import Call, Param
from province.errors import InvalidInput, InvalidRequest
from province.model.entity import Entity, Json, split_key
from province.model.jsonld import Context
from province.model.jsonvalue import is_plain
from province.model.projection import Projection, depth, parse_projection
from province.model.representation import Form, LinkedBy, encode, encode_feature

LD: Final = "application/ld+json"
GEO: Final = "application/geo+json"
JSON: Final = "application/json"
MERGE: Final = "application/merge-patch+json"
_OPTIONS: Final = frozenset(("keyValues", "simplified", "concise", "normalized", "sysAttrs"))
_FORMS: Final[Mapping[str, Form]] = {
    "normalized": "normalized",
    "concise": "concise",
    "simplified": "simplified",
    "keyValues": "simplified",
}

_SHOWN_WITH_ATTRS: Final = ("id", "type", "scope", "createdAt", "modifiedAt")

VIEW_PARAMS: Final = (
    Param("format", "Form of the answer.", {"type": "string", "enum": list(_FORMS)}),
    Param("options", "Older spelling of `format`; also `sysAttrs` for createdAt and modifiedAt."),
    Param("pick", "Members to show, separated by commas."),
    Param("omit", "Members to leave out, separated by commas."),
    Param("join", "flat or inline: show linked entities, after the others or inside their relationships."),
    Param("joinLevel", "How many steps of relationships are joined; 1 by default.", {"type": "integer", "minimum": 1}),
    Param("containedBy", "Ids of entities that contain this one; accepted for linked brokers, without effect."),
    Param("jsonKeys", "Attributes whose values are plain JSON; without effect, as none is changed."),
    Param("lang", "Show one language of language properties, such as `vi,en;q=0.5`."),
    Param("datasetId", "Only these instances of attributes; `@none` is the default one."),
    Param("geometryProperty", "GeoProperty that becomes the geometry of a GeoJSON feature; `location` by default."),
    Param("sysAttrs", "Show createdAt and modifiedAt.", {"type": "boolean"}),
)


@dataclass(frozen=True, slots=True)
class View:
    """What the caller wants to see, with stored names."""

    context: Context
    media: str = JSON
    form: Form = "normalized"
    sys_attrs: bool = False
    pick: Projection = field(default_factory=dict)
    omit: Projection = field(default_factory=dict)
    lang: str = ""
    datasets: frozenset[str] = frozenset()
    geometry: str = "location"
    join: str = ""
    join_level: int = 1
    plain_geo: bool = False
    """GeoJSON without `@context`, which the Link header names instead (`Prefer: body=json`)."""

    def require_flat(self) -> None:
        """Refuse projections of linked entities, where none are joined (5.7.3.4). Raises: InvalidInput."""
        if depth(self.pick) or depth(self.omit):
            raise InvalidInput("linked entities are not joined here.", field="pick", remedy="Leave the braces out.")

    def admits(self, entity: Entity) -> bool:
        """Whether anything of an entity is shown: one that has none of the picked members is left out."""
        if not self.pick:
            names = {split_key(k)[0] for k in entity.attrs} - self.omit.keys()
            core = {"id", "type"} - self.omit.keys()
            return bool(names or core)
        if self.pick.keys() & {"id", "type"}:
            return True
        names = {split_key(k)[0] for k in entity.attrs} | ({"scope"} if entity.scope else set())
        return bool((names & self.pick.keys()) - self.omit.keys())

    def only(self, attrs: frozenset[str]) -> View:
        """The same with these attributes alone, besides id, type and scope."""
        return replace(self, pick=self.pick or {n: {} for n in (*sorted(attrs), *_SHOWN_WITH_ATTRS)})

    def show(self, entity: Entity, linked: LinkedBy | None = None) -> dict[str, Json]:
        """One entity in this view. linked: see `model.representation.encode`."""
        options: dict[str, Any] = {
            "linked": linked,
            "sys_attrs": self.sys_attrs,
            "pick": self.pick,
            "omit": [n for n, inner in self.omit.items() if not inner],  # of a linked entity, not the link itself
            "lang": self.lang,
            "datasets": self.datasets,
        }
        if self.media == GEO:
            return encode_feature(entity, self.form, geometry_property=self.geometry, context=self.context, **options)
        return encode(entity, self.form, context=self.context, **options)

    def answer(self, body: Json, status: int = 200, headers: Mapping[str, str] | None = None) -> Response:
        """JSON with the context in a Link header, or JSON-LD and GeoJSON with it in the body."""
        extra = dict(headers or {})
        if self.media == JSON:
            link = link_header(self.context)
            if link:
                extra["Link"] = f"{extra['Link']}, {link}" if "Link" in extra else link
        elif self.media == GEO and self.plain_geo:
            extra["Link"] = link_header(self.context) if "Link" not in extra else extra["Link"]
        elif isinstance(body, dict):
            body = {**body, "@context": document(self.context)}
        else:
            body = [{**one, "@context": document(self.context)} for one in body]
        return Response(msgspec.json.encode(body), status, extra, self.media)

    def answer_many(
        self, shown: Sequence[dict[str, Json]], headers: Mapping[str, str] | None = None, status: int = 200
    ) -> Response:
        """A list of shown entities, or a FeatureCollection."""
        body: Json = {"type": "FeatureCollection", "features": shown} if self.media == GEO else shown
        return self.answer(body, status, headers)


def read_accept(call: Call, *, geo: bool = True) -> str:
    """The media type to answer in: the best liked; then JSON, then JSON-LD, then GeoJSON. Raises: HTTPException 406."""
    offered = (JSON, LD, GEO) if geo else (JSON, LD)
    liked = dict(_range(part) for part in (call.request.headers.get("accept", "") or "*/*").split(","))
    # The closest range decides for a type (RFC 9110, 12.5.1): `application/json;q=0, */*` is anything but JSON.
    ranked = [
        (-next((liked[r] for r in (media, "application/*", "*/*") if r in liked), 0.0), i, media)
        for i, media in enumerate(offered)
    ]
    best = min(ranked)
    if best[0] == 0:
        raise HTTPException(406, f"Not acceptable: this is offered as {', '.join(offered)}.")
    return best[2]


def _range(part: str) -> tuple[str, float]:
    """A media range and how much it is liked; a weight that is none says nothing."""
    name, _, rest = part.strip().partition(";")
    weight = re.search(r"(?:^|;)\s*q=(\d(?:\.\d{0,3})?)\s*(?:;|$)", rest, re.IGNORECASE)
    return name.strip().lower(), float(weight[1]) if weight else 1.0


async def read_context(call: Call) -> Context:
    """The context of a request without a body. Raises: InvalidInput, Unavailable."""
    return await call.services.contexts.read(linked(call.request.headers.get("link", "")), call.actor.tenant)


async def read_ld(call: Call, *, merge: bool = False, many: bool = False) -> tuple[Json, Context]:
    """The body and its context. many: a list, whose members are looked at one by one by the caller.

    Raises: InvalidInput for an @context in the wrong place, TooLarge, Unavailable.
    """
    media = require_media(call.request, JSON, LD, *((MERGE,) if merge else ()))
    read = await read_body(call.request, call.services.max_body_bytes)
    body, call.plain = parse_json(read), is_plain(read)
    link = linked(call.request.headers.get("link", ""))
    if many and isinstance(body, list):
        if media == LD and link is not None:
            raise InvalidInput("application/ld+json takes no context from the Link header.", field="Link")
        return body, await call.services.contexts.read(link, call.actor.tenant)
    carriers = body if isinstance(body, list) else [body]
    given = [c["@context"] for c in carriers if isinstance(c, dict) and "@context" in c]
    if media == LD:
        if link is not None:
            raise InvalidInput(
                "application/ld+json takes no context from the Link header.", field="Link", remedy="Put it in the body."
            )
        if not given and any(isinstance(c, dict) for c in carriers):
            raise InvalidInput(
                "application/ld+json needs an @context.", field="@context", remedy="Add it, or send application/json."
            )
        # In a list every element has its own; the batch operations read them one by one.
        return body, await context_in_body(call, given[0] if given else None)
    if given and media != MERGE:
        raise InvalidInput(
            "application/json takes no @context.",
            field="@context",
            remedy="Send application/ld+json, or a Link header.",
        )
    if link is not None:
        return body, await call.services.contexts.read(link, call.actor.tenant)
    return body, await context_in_body(call, given[0] if given else None)


async def context_in_body(call: Call, value: Json) -> Context:
    """The context that a body brings. One that is written out has no scoped contexts (5.5.7); published ones may, and
    these are without effect. Raises: InvalidInput, Unavailable."""
    for part in value if isinstance(value, list) else [value]:
        for term, meaning in part.items() if isinstance(part, dict) else ():
            if isinstance(meaning, dict) and "@context" in meaning:
                raise InvalidInput(f"the term {term[:60]!r} has a context of its own.", field="@context")
    return await call.services.contexts.read(value, call.actor.tenant)


def is_ld(call: Call) -> bool:
    """Whether the body is JSON-LD."""
    return media_type(call.request) == LD


def read_view(
    call: Call, context: Context, *, geo: bool = True, pick: Projection | None = None, omit: Projection | None = None
) -> View:
    """What the parameters ask to see. pick, omit: those of a body, in place of the parameters.

    Raises: InvalidInput, HTTPException 406.
    """
    options = set(call.names("options"))
    for unknown in options - _OPTIONS - {"count", "temporalValues", "aggregatedValues"}:
        raise InvalidRequest(f"the option {unknown[:40]!r} is not known.", field="options")
    form: Form = next((_FORMS[o] for o in ("keyValues", "simplified", "concise") if o in options), "normalized")
    given = call.text("format")
    if given:
        if given not in _FORMS and given not in ("temporalValues", "aggregatedValues"):
            raise InvalidRequest(
                f"{given[:40]!r} is not a format.", field="format", remedy=f"One of: {', '.join(_FORMS)}."
            )
        form = _FORMS.get(given, "normalized")
    pick = dict(pick or {}) or (parse_projection(call.text("pick"), context, "pick") if "pick" in call.params else {})
    omit = dict(omit or {}) or (parse_projection(call.text("omit"), context, "omit") if "omit" in call.params else {})
    if {n for n in pick if not pick[n]} & {n for n in omit if not omit[n]}:
        raise InvalidInput("pick and omit name the same member.", field="omit")
    if (pick or omit) and "attrs" in call.params:
        raise InvalidInput("attrs excludes pick and omit.", field="attrs", remedy="Use pick.")
    media = read_accept(call, geo=geo)
    if "geometryProperty" in call.params and media != GEO:
        raise InvalidInput(
            "geometryProperty is for GeoJSON.", field="geometryProperty", remedy=f"Send Accept: {GEO}, or leave it out."
        )
    join, level = read_join(call)
    if max(depth(pick), depth(omit)) > (level if join else 0):
        raise InvalidInput("the projection goes further than join and joinLevel.", field="pick")
    return View(
        context=context,
        media=media,
        form=form,
        sys_attrs="sysAttrs" in options or call.flag("sysAttrs"),
        pick=pick,
        omit=omit,
        lang=call.text("lang"),
        datasets=frozenset(call.names("datasetId")),
        geometry=context.name(call.text("geometryProperty", "location"), field="geometryProperty"),
        join=join,
        join_level=level,
        plain_geo=call.request.headers.get("prefer", "").strip() == "body=json",
    )


def read_join(call: Call) -> tuple[str, int]:
    """How linked entities are joined, and how far. Raises: InvalidInput."""
    join = call.text("join", "@none")
    if join not in ("flat", "inline", "@none"):
        raise InvalidInput(f"{join[:40]!r} is not a way to join.", field="join", remedy="flat, inline or @none.")
    return "" if join == "@none" else join, call.number("joinLevel", 1, least=1, most=10)


def read_members(call: Call, context: Context, param: str) -> list[str]:
    """Names of members as stored. Raises: InvalidInput."""
    own = ("id", "type", "scope")
    return [n if n in own else context.name(n, field=param) for n in call.names(param)]
