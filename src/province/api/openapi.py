"""The OpenAPI 3.1 document, generated from the table of routes and the declared types."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

import province
from province.api.actions import describe_action
from province.api.errors import STATUS
from province.api.route import Route
from province.errors import AlreadyExists, Conflict, InvalidInput, NotAllowed, NotFound, NotSignedIn, ProvinceError
from province.model.entity import KINDS, ORIGINS
from province.model.schema import EntityType, FieldSpec, ValueKind
from province.pack import Action, Pack

_VALUES: Final[Mapping[ValueKind, Mapping[str, Any]]] = {
    "text": {"type": "string"},
    "number": {"type": "number"},
    "integer": {"type": "integer"},
    "boolean": {"type": "boolean"},
    "instant": {"type": "string", "format": "date-time"},
    "geometry": {"$ref": "#/components/schemas/Geometry"},
    "relationship": {"type": "string", "format": "uri"},
    "json": {},
}
_PROBLEM: Final = {
    "type": "object",
    "description": "RFC 9457. `field` is the path of the offending field, `remedy` what to do about it.",
    "required": ["type", "title", "status", "detail", "requestId"],
    "properties": {
        "type": {"type": "string", "format": "uri"},
        "title": {"type": "string"},
        "status": {"type": "integer"},
        "detail": {"type": "string"},
        "field": {"type": "string"},
        "remedy": {"type": "string"},
        "requestId": {"type": "string"},
    },
}
_ATTRIBUTE: Final = {
    "description": "An attribute in normalized or concise form; in a fragment, null removes it.",
    "type": ["object", "array", "string", "number", "boolean", "null"],
    "properties": {
        "type": {"enum": list(KINDS)},
        "value": {},
        "object": {"type": ["string", "array"]},
        "unitCode": {"type": "string", "description": "UN/CEFACT code."},
        "observedAt": {"type": "string", "format": "date-time"},
        "datasetId": {"type": "string", "format": "uri"},
        "origin": {"enum": list(ORIGINS), "description": "Where the value comes from; `reported` when left out."},
    },
}


def document(
    routes: Sequence[Route], types: Mapping[str, EntityType], actions: Mapping[str, tuple[Pack, Action]]
) -> dict[str, Any]:
    """The document. types: declared types by name.  actions: by name."""
    paths: dict[str, dict[str, Any]] = {}
    for route in routes:
        paths.setdefault(route.path, {})[route.method.lower()] = _operation(route)
    for name, (_, action) in sorted(actions.items()):
        paths[f"/api/actions/{name}"] = {"post": _action(action)}
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "Province",
            "version": province.__version__,
            "summary": "Entities, observations and actions of a province.",
            "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"},
        },
        "servers": [{"url": "/"}],
        "security": [{"token": []}, {"session": []}],
        "tags": [{"name": tag} for tag in dict.fromkeys(r.tag for r in routes)],
        "paths": paths,
        "components": {
            "securitySchemes": {
                "token": {"type": "http", "scheme": "bearer"},
                "session": {"type": "apiKey", "in": "cookie", "name": "session"},
            },
            "schemas": {
                "Problem": _PROBLEM,
                "Attribute": _ATTRIBUTE,
                "Entity": _entity(["id", "type"]),
                "Fragment": _entity([]),
                "BatchResult": {"type": "object"},
                "Geometry": {
                    "type": "object",
                    "required": ["type"],
                    "description": "GeoJSON, longitude first, WGS 84.",
                },
                **{name: type_schema(t) for name, t in sorted(types.items())},
            },
        },
    }


def type_schema(entity_type: EntityType) -> dict[str, Any]:
    """The simplified form of a declared type."""
    return {
        "type": "object",
        "title": entity_type.info.label.en,
        "description": f"{entity_type.info.label.vi}. Simplified form.",
        "required": ["id", "type", *(s.name for s in entity_type.fields.values() if s.required)],
        "properties": {
            "id": {"type": "string", "format": "uri"},
            "type": {"const": entity_type.name},
            **{s.name: _field(s) for s in entity_type.fields.values()},
        },
    }


def _field(spec: FieldSpec) -> dict[str, Any]:
    schema: dict[str, Any] = dict(_VALUES[spec.value])
    mark = spec.field
    limits = {"minimum": mark.minimum, "maximum": mark.maximum, "enum": list(mark.values) or None}
    schema.update({k: v for k, v in limits.items() if v is not None})
    if spec.many:
        schema = {"type": "array", "items": schema}
    schema["title"] = mark.label.en
    if mark.hint is not None:
        schema["description"] = mark.hint.en
    more: dict[str, Any] = {
        "x-kind": spec.kind,
        "x-unit": spec.unit,
        "x-ref": mark.ref,
        "x-observed": mark.observed,
        "x-indexed": mark.indexed,
        "x-personal": mark.personal,
        "x-concealed": mark.concealed,
        "x-public": mark.public,
    }
    schema.update({k: v for k, v in more.items() if v})
    return schema


def _entity(required: list[str]) -> dict[str, Any]:
    return {
        "type": "object",
        "required": required,
        "properties": {
            "id": {"type": "string", "format": "uri"},
            "type": {"type": ["string", "array"], "items": {"type": "string"}},
            "scope": {"type": ["string", "array"], "items": {"type": "string"}},
        },
        "additionalProperties": {"$ref": "#/components/schemas/Attribute"},
    }


def _operation(route: Route) -> dict[str, Any]:
    result: dict[str, Any] = {"operationId": route.name, "summary": route.summary, "tags": [route.tag]}
    if route.params:
        result["parameters"] = [
            {
                "name": p.name,
                "in": p.place,
                "description": p.summary,
                "schema": dict(p.schema),
                "required": p.required or p.place == "path",
            }
            for p in route.params
        ]
    if route.body:
        content = {media: {"schema": dict(schema)} for media, schema in route.body.items()}
        result["requestBody"] = {"required": True, "content": content}
    result["responses"] = _responses(route.answers, route.errors)
    if not route.signed_in:
        result["security"] = [{"token": []}, {"session": []}, {}]
    return result


def _responses(answers: Mapping[int, Any], errors: Sequence[type[ProvinceError]]) -> dict[str, Any]:
    result: dict[str, Any] = {}
    for status, (meaning, schema) in answers.items():
        result[str(status)] = {"description": meaning}
        if schema is not None:
            result[str(status)]["content"] = {"application/json": {"schema": dict(schema)}}
    titles: dict[int, list[str]] = {}
    every: tuple[type[ProvinceError], ...] = (InvalidInput, NotSignedIn, NotAllowed, *errors)
    for error in every:
        titles.setdefault(STATUS[error], []).append(error.title)
    problem = {"application/problem+json": {"schema": {"$ref": "#/components/schemas/Problem"}}}
    for status, found in sorted(titles.items()):
        result[str(status)] = {"description": "; ".join(dict.fromkeys(found)) + ".", "content": problem}
    return result


def _action(action: Action) -> dict[str, Any]:
    described = describe_action(action)
    properties: dict[str, Any] = {"inputs": described["inputs"]}
    required = ["inputs"] if described["inputs"]["required"] else []
    if not action.creates:
        properties["id"] = {"type": "string", "format": "uri", "description": f"Id of the {described['type']}."}
        required.append("id")
    if action.files:
        properties["files"] = {"type": "array", "items": {"type": "string"}, "description": "Hashes of uploaded files."}
    schema = {"type": "object", "properties": properties, "required": required}
    return {
        "operationId": f"actions.{action.name}",
        "summary": f"{action.title.en} · {action.title.vi}",
        "description": f"Needs the permission `{action.needs}`." if not action.public else "Open to everybody.",
        "tags": ["Actions"],
        "requestBody": {"required": True, "content": {"application/json": {"schema": schema}}},
        "responses": _responses({200: ("Done.", {"type": "object"})}, (NotFound, AlreadyExists, Conflict)),
        **({"security": [{}, {"token": []}, {"session": []}]} if action.public else {}),
    }
