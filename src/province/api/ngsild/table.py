"""The operations of /ngsi-ld/v1 that are offered."""

from __future__ import annotations

from typing import Final

from province.api.ngsild import (
    attributes,
    batch,
    contexts,
    entities,
    maps,
    past,
    registrations,
    snapshots,
    subscriptions,
    temporal,
    types,
)
from province.api.ngsild.pages import LIST_PARAMS
from province.api.ngsild.period import TEMPORAL_PARAMS
from province.api.ngsild.question import PAGE_PARAMS, QUERY_PARAMS
from province.api.ngsild.registrations import SOURCE_PARAMS
from province.api.ngsild.view import JSON, LD, MERGE, VIEW_PARAMS
from province.api.route import Handler, Method, Param, Route, Schema
from province.errors import AlreadyExists, Conflict, NotFound, ProvinceError, TooLarge, Unavailable, Unsupported

BASE: Final = "/ngsi-ld/v1"
ENTITY: Final[Schema] = {"$ref": "#/components/schemas/Entity"}
FRAGMENT: Final[Schema] = {"$ref": "#/components/schemas/Fragment"}
ATTRIBUTE: Final[Schema] = {"$ref": "#/components/schemas/Attribute"}
RESULT: Final[Schema] = {"$ref": "#/components/schemas/BatchResult"}
_MANY: Final[Schema] = {"type": "array", "items": ENTITY}
_ANY: Final[Schema] = {"type": "object"}
ID: Final = Param("id", "Id of the entity.", {"type": "string", "format": "uri"}, "path", True)
_ATTR: Final = Param("attr", "Name of the attribute.", {"type": "string"}, "path", True)
_LINK: Final = Param("Link", "URL of the caller's JSON-LD context.", {"type": "string"}, "header")
_KEY: Final = Param("Idempotency-Key", "A write sent again with the same key is carried out once.", place="header")
_MATCH: Final = Param("If-Match", "Refuse unless the entity has this version (its ETag).", place="header")
_INSTANCE: Final = Param("instance", "instanceId of a reading.", {"type": "string", "format": "uri"}, "path", True)
_PURPOSE: Final = Param("X-Purpose", "Why: the reason of the correction; needed for what was measured.", place="header")
_OPTIONS: Final = Param("options", "See the summary.")
_WRITE_ERRORS: Final = (NotFound, Conflict, TooLarge, Unsupported, Unavailable)
_READ_ERRORS: Final = (NotFound, Unsupported, Unavailable)


def _write(
    method: Method,
    path: str,
    handler: Handler,
    body: Schema | None,
    answers: dict[int, tuple[str, Schema | None]],
    *,
    params: tuple[Param, ...] = (),
    merge: bool = False,
    errors: tuple[type[ProvinceError], ...] = _WRITE_ERRORS,
) -> Route:
    media = (JSON, LD, MERGE) if merge else (JSON, LD)
    return Route(
        method=method,
        path=BASE + path,
        name=_name(handler),
        summary=_summary(handler),
        handler=handler,
        tag=_tag(handler),
        params=(*params, _LINK),
        body=dict.fromkeys(media, body) if body is not None else {},
        answers=answers,
        errors=errors,
        ngsi_ld=True,
        signed_in=True,
    )


def _read(path: str, handler: Handler, schema: Schema, params: tuple[Param, ...], *, signed_in: bool = False) -> Route:
    return Route(
        method="GET",
        path=BASE + path,
        name=_name(handler),
        summary=_summary(handler),
        handler=handler,
        tag=_tag(handler),
        params=(*params, _LINK),
        answers=_answers(schema, fixed=any(p.name == "NGSILD-EntityMap" for p in params)),
        errors=_READ_ERRORS,
        ngsi_ld=True,
        signed_in=signed_in,
        frozen=_FROZEN in params,
    )


def _answers(schema: Schema, *, fixed: bool) -> dict[int, tuple[str, Schema | None]]:
    """fixed: an entity map may be made for it."""
    made = {201: ("The answer, and an entity map made for it.", schema)} if fixed else {}
    return {200: ("The answer.", schema), **made}


def _fixes(method: Method, path: str, handler: Handler, params: tuple[Param, ...]) -> Route:
    """An operation that makes an entity map."""
    return Route(
        method=method,
        path=BASE + path,
        name=_name(handler),
        summary=_summary(handler),
        handler=handler,
        tag=_tag(handler),
        params=(*params, _LINK),
        body={JSON: _ANY, LD: _ANY} if method == "POST" else {},
        answers={201: ("The map; its address in NGSILD-EntityMap.", _ANY)},
        errors=_READ_ERRORS,
        ngsi_ld=True,
        signed_in=True,
    )


def _tag(handler: Handler) -> str:
    return "NGSI-LD " + handler.__module__.rsplit(".", 1)[1]


def _name(handler: Handler) -> str:
    return f"{handler.__module__.rsplit('.', 1)[1]}.{handler.__name__}"


def _summary(handler: Handler) -> str:
    return (handler.__doc__ or "").strip().splitlines()[0]


_DONE: Final[dict[int, tuple[str, Schema | None]]] = {204: ("Done.", None)}
_SOME: Final[dict[int, tuple[str, Schema | None]]] = {204: ("All done.", None), 207: ("Some were not.", RESULT)}
_MADE: Final[dict[int, tuple[str, Schema | None]]] = {
    201: ("Created; the ids.", {"type": "array", "items": {"type": "string"}}),
    **_SOME,
}
_ATTRS_PARAM: Final = Param("attrs", "Attributes to show, separated by commas.")
_DETAILS: Final = Param("details", "true: also what each has.", {"type": "boolean"})
_ALL: Final = (
    Param("datasetId", "The instance; the default one when left out."),
    Param("deleteAll", "true: all instances.", {"type": "boolean"}),
)

_LIST: Final[Schema] = {"type": "array", "items": {}}
_CREATED: Final[dict[int, tuple[str, Schema | None]]] = {201: ("Created; its address in Location.", None)}
_CREATE_ERRORS: Final = (AlreadyExists, *_WRITE_ERRORS[1:])
_SUBSCRIPTION: Final = Param("id", "Id of the subscription.", {"type": "string", "format": "uri"}, "path", True)
_REGISTRATION: Final = Param("id", "Id of the registration.", {"type": "string", "format": "uri"}, "path", True)
_CONTEXT: Final = Param("contextId", "Id of the context, or the address of a cached one.", place="path", required=True)
_SYS: Final = Param("options", "sysAttrs: show createdAt and modifiedAt.")
_KIND: Final = Param("kind", "Hosted, ImplicitlyCreated or Cached.")
_RELOAD: Final = Param("reload", "true: fetch a cached context anew instead.", {"type": "boolean"})

_FROZEN: Final = Param("NGSILD-Snapshot", "The snapshot that is asked instead of what is there now.", place="header")
_SNAPSHOT: Final = Param("id", "Id of the snapshot.", {"type": "string", "format": "uri"}, "path", True)
_MAP_ID: Final = Param("id", "Id of the map.", {"type": "string", "format": "uri"}, "path", True)
_MAP: Final = tuple(p for p in QUERY_PARAMS if p.name in ("entityMap", "entityMapLifetime", "NGSILD-EntityMap"))
_TYPE: Final = Param("type", "The entity must have this type, else there is none.")
_LOCAL: Final = Param("local", "Accepted: everything here is local.", {"type": "boolean"})
_KEEP: Final = Param("keep", "Attributes that stay, separated by commas; all others are removed.")
_DROP: Final = Param("drop", "Attributes that are removed, separated by commas.")

ROUTES: Final[tuple[Route, ...]] = (
    _write("POST", "/entities", entities.create, ENTITY, {201: ("Created; its address in Location.", None)},
           params=(_KEY,), errors=(AlreadyExists, *_WRITE_ERRORS[1:])),
    _read("/entities", entities.query, _MANY, (*QUERY_PARAMS, *PAGE_PARAMS, *VIEW_PARAMS, _FROZEN)),
    _read("/entities/{id}", entities.retrieve, ENTITY, (ID, _TYPE, _LOCAL, _ATTRS_PARAM, *_MAP, *VIEW_PARAMS, _FROZEN)),
    _write("DELETE", "/entities", entities.purge, None, _SOME,
           params=(*(p for p in QUERY_PARAMS if not p.name.startswith("order") and p not in _MAP), _KEEP, _DROP)),
    _write("PATCH", "/entities/{id}", entities.merge, FRAGMENT, _DONE, params=(ID, _KEY, _MATCH), merge=True),
    _write("PUT", "/entities/{id}", entities.replace_entity, ENTITY, _DONE, params=(ID, _KEY, _MATCH)),
    _write("DELETE", "/entities/{id}", entities.delete, None, _DONE, params=(ID, _TYPE, _KEY, _MATCH)),
    _write("POST", "/entities/{id}/attrs", attributes.append, FRAGMENT, _SOME,
           params=(ID, _TYPE, _OPTIONS, _KEY, _MATCH)),
    _write("PATCH", "/entities/{id}/attrs", attributes.update, FRAGMENT, _SOME,
           params=(ID, _TYPE, _KEY, _MATCH), merge=True),
    _write("PATCH", "/entities/{id}/attrs/{attr}", attributes.update_one, ATTRIBUTE, _DONE,
           params=(ID, _ATTR, _TYPE, _KEY, _MATCH), merge=True),
    _write("PUT", "/entities/{id}/attrs/{attr}", attributes.replace_one, ATTRIBUTE, _DONE,
           params=(ID, _ATTR, _KEY, _MATCH)),
    _write("DELETE", "/entities/{id}/attrs/{attr}", attributes.delete_one, None, _DONE,
           params=(ID, _ATTR, _TYPE, *_ALL, _KEY, _MATCH)),
    _write("POST", "/entityOperations/create", batch.create, _MANY, _MADE, params=(_KEY,)),
    _write("POST", "/entityOperations/upsert", batch.upsert, _MANY, _MADE, params=(_OPTIONS, _KEY)),
    _write("POST", "/entityOperations/update", batch.update, _MANY, _SOME, params=(_OPTIONS, _KEY)),
    _write("POST", "/entityOperations/merge", batch.merge, _MANY, _SOME, params=(_KEY,), merge=True),
    _write("POST", "/entityOperations/delete", batch.delete, {"type": "array", "items": {"type": "string"}}, _SOME),
    Route("POST", f"{BASE}/entityOperations/query", "batch.query", _summary(batch.query), batch.query,
          _tag(batch.query), (*PAGE_PARAMS, *VIEW_PARAMS, *_MAP, _FROZEN, _LINK), {JSON: _ANY, LD: _ANY},
          _answers(_MANY, fixed=True), _READ_ERRORS, ngsi_ld=True, frozen=True),
    _read("/temporal/entities", temporal.query, {"type": "array", "items": _ANY},
          (*QUERY_PARAMS, *PAGE_PARAMS, *VIEW_PARAMS, *TEMPORAL_PARAMS)),
    _read("/temporal/entities/{id}", temporal.retrieve, _ANY,
          (ID, _ATTRS_PARAM, *_MAP, *VIEW_PARAMS, *TEMPORAL_PARAMS)),
    _write("POST", "/temporal/entities", past.create, _ANY, {**_CREATED, **_DONE}, errors=_CREATE_ERRORS),
    _write("DELETE", "/temporal/entities/{id}", past.delete, None, _DONE, params=(ID, _PURPOSE)),
    _write("POST", "/temporal/entities/{id}/attrs", past.append, _ANY, _DONE, params=(ID,)),
    _write("DELETE", "/temporal/entities/{id}/attrs/{attr}", past.delete_attribute, None, _DONE,
           params=(ID, _ATTR, *_ALL, _PURPOSE)),
    _write("PATCH", "/temporal/entities/{id}/attrs/{attr}/{instance}", past.correct_instance, _ANY, _DONE,
           params=(ID, _ATTR, _INSTANCE, _PURPOSE), merge=True),
    _write("DELETE", "/temporal/entities/{id}/attrs/{attr}/{instance}", past.delete_instance, None, _DONE,
           params=(ID, _ATTR, _INSTANCE, _PURPOSE)),
    Route("POST", f"{BASE}/temporal/entityOperations/query", "temporal.query_body", _summary(temporal.query_body),
          temporal.query_body, _tag(temporal.query_body), (*PAGE_PARAMS, *VIEW_PARAMS, *TEMPORAL_PARAMS, *_MAP, _LINK),
          {JSON: _ANY, LD: _ANY}, _answers(_LIST, fixed=True), _READ_ERRORS, ngsi_ld=True),
    _fixes("GET", "/entityMaps", maps.create, (*QUERY_PARAMS, *PAGE_PARAMS, *VIEW_PARAMS)),
    _fixes("POST", "/entityMaps", maps.create_body, (*_MAP, *PAGE_PARAMS, *VIEW_PARAMS)),
    _fixes("GET", "/temporal/entityMaps", temporal.create_map,
           (*QUERY_PARAMS, *PAGE_PARAMS, *VIEW_PARAMS, *TEMPORAL_PARAMS)),
    _fixes("POST", "/temporal/entityMaps", temporal.create_map_body,
           (*_MAP, *PAGE_PARAMS, *VIEW_PARAMS, *TEMPORAL_PARAMS)),
    _read("/entityMaps/{id}", maps.retrieve, _ANY, (_MAP_ID,), signed_in=True),
    _write("PATCH", "/entityMaps/{id}", maps.update, _ANY, _DONE, params=(_MAP_ID,), merge=True),
    _write("DELETE", "/entityMaps/{id}", maps.delete, None, _DONE, params=(_MAP_ID,)),
    _write("POST", "/snapshots", snapshots.create, _ANY, _CREATED, errors=_CREATE_ERRORS),
    _write("DELETE", "/snapshots", snapshots.purge, None, _DONE, params=(Param("q", "Which; over their members."),)),
    _read("/snapshots/{id}", snapshots.retrieve, _ANY, (_SNAPSHOT,), signed_in=True),
    _write("PATCH", "/snapshots/{id}", snapshots.update, _ANY, {200: ("The snapshot as it is now.", _ANY)},
           params=(_SNAPSHOT,), merge=True),
    _write("DELETE", "/snapshots/{id}", snapshots.delete, None, _DONE, params=(_SNAPSHOT,)),
    _write("POST", "/snapshots/{id}/clone", snapshots.clone, _ANY, _CREATED, params=(_SNAPSHOT,),
           errors=_CREATE_ERRORS),
    _write("POST", "/subscriptions", subscriptions.create, _ANY, _CREATED, errors=_CREATE_ERRORS),
    _read("/subscriptions", subscriptions.query, _LIST, LIST_PARAMS, signed_in=True),
    _read("/subscriptions/{id}", subscriptions.retrieve, _ANY, (_SUBSCRIPTION, _SYS), signed_in=True),
    _write("PATCH", "/subscriptions/{id}", subscriptions.update, _ANY, _DONE, params=(_SUBSCRIPTION,), merge=True),
    _write("DELETE", "/subscriptions/{id}", subscriptions.delete, None, _DONE, params=(_SUBSCRIPTION,)),
    _write("POST", "/csourceSubscriptions", subscriptions.create_registration, _ANY, _CREATED, errors=_CREATE_ERRORS),
    _read("/csourceSubscriptions", subscriptions.query_registration, _LIST, LIST_PARAMS, signed_in=True),
    _read("/csourceSubscriptions/{id}", subscriptions.retrieve_registration, _ANY, (_SUBSCRIPTION, _SYS),
          signed_in=True),
    _write("PATCH", "/csourceSubscriptions/{id}", subscriptions.update_registration, _ANY, _DONE,
           params=(_SUBSCRIPTION,), merge=True),
    _write("DELETE", "/csourceSubscriptions/{id}", subscriptions.delete_registration, None, _DONE,
           params=(_SUBSCRIPTION,)),
    _write("POST", "/csourceRegistrations", registrations.create, _ANY, _CREATED, errors=_CREATE_ERRORS),
    _read("/csourceRegistrations", registrations.query, _LIST, (*SOURCE_PARAMS, *LIST_PARAMS), signed_in=True),
    _read("/csourceRegistrations/{id}", registrations.retrieve, _ANY, (_REGISTRATION, _SYS), signed_in=True),
    _write("PATCH", "/csourceRegistrations/{id}", registrations.update, _ANY, _DONE, params=(_REGISTRATION,),
           merge=True),
    _write("DELETE", "/csourceRegistrations/{id}", registrations.delete, None, _DONE, params=(_REGISTRATION,)),
    _write("POST", "/jsonldContexts", contexts.add, _ANY, _CREATED, errors=_CREATE_ERRORS),
    _read("/jsonldContexts", contexts.query, _LIST, (_DETAILS, _KIND), signed_in=True),
    _read("/jsonldContexts/{contextId}", contexts.retrieve, _ANY, (_CONTEXT, _DETAILS), signed_in=False),
    _write("DELETE", "/jsonldContexts/{contextId}", contexts.delete, None, _DONE, params=(_CONTEXT, _RELOAD)),
    _read("/types", types.list_types, _ANY, (_DETAILS,)),
    _read("/types/{type}", types.retrieve_type, _ANY, (Param("type", "Name.", {"type": "string"}, "path", True),)),
    _read("/attributes", types.list_attributes, _ANY, (_DETAILS,)),
    _read("/attributes/{attr}", types.retrieve_attribute, _ANY, (_ATTR,)),
    _read("/info/sourceIdentity", types.identity, _ANY, (), signed_in=True),
)  # fmt: skip
