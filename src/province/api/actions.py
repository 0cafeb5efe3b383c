"""`/api/actions`: what people do, as packs declare it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

import msgspec
from starlette.responses import Response

from province.api.route import Call, json_response, path_id
from province.broker.actions import Input, inputs_of
from province.errors import InvalidInput
from province.model.label import Label
from province.pack import Action

_FILES: Final = 20


async def list_actions(call: Call) -> Response:
    """Every action with its inputs."""
    return json_response([describe_action(a) for _, (_, a) in sorted(call.services.broker.actions.items())])


async def act(call: Call) -> Response:
    """Carry out an action: `{"id": …, "inputs": {…}, "files": […]}`."""
    body = await call.json()
    if not isinstance(body, dict):
        raise InvalidInput("expected a JSON object.", field="body", remedy='Send {"id": "urn:…", "inputs": {…}}.')
    for name in body.keys() - {"id", "inputs", "files"}:
        raise InvalidInput(f"{name[:40]!r} is not known here.", field=name[:40], remedy="Put inputs under `inputs`.")
    id, inputs, files = body.get("id"), body.get("inputs", {}), body.get("files", [])
    if id is not None and not isinstance(id, str):
        raise InvalidInput("the id is not a text.", field="id")
    if not isinstance(inputs, dict):
        raise InvalidInput("the inputs are not an object.", field="inputs", remedy='Send {"inputs": {"note": "…"}}.')
    if not isinstance(files, list) or len(files) > _FILES or not all(isinstance(f, str) for f in files):
        raise InvalidInput(f"files is a list of at most {_FILES} hashes.", field="files")
    done = await call.services.broker.act(
        path_id(call, "name"), call.actor, id=id, inputs=inputs, files=tuple(files), key=call.key
    )
    return json_response(
        {
            "changed": [msgspec.to_builtins(c) for c in done.changed],
            "answers": [
                {"subject": _label(n.subject), "body": _label(n.body), "about": n.about, "value": n.value}
                for n in done.answers
            ],
        }
    )


def describe_action(action: Action) -> dict[str, Any]:
    """An action as its callers need to know it."""
    return {
        "name": action.name,
        "title": _label(action.title),
        "type": action.record.TYPE.name,  # type: ignore[attr-defined]
        "creates": action.creates,
        "needs": action.needs,
        "public": action.public,
        "files": action.files,
        "states": list(action.states),
        "inputs": {
            "type": "object",
            "properties": {i.name: input_schema(i) for i in inputs_of(action)},
            "required": [i.name for i in inputs_of(action) if i.required],
        },
    }


def input_schema(one: Input) -> Mapping[str, Any]:
    """JSON schema of an input."""
    schema: dict[str, Any] = dict(msgspec.json.schema(one.kind))
    schema["title"] = one.field.label.en
    if one.field.values:
        schema["enum"] = list(one.field.values)
    if one.field.minimum is not None:
        schema["minimum"] = one.field.minimum
    if one.field.maximum is not None:
        schema["maximum"] = one.field.maximum
    if one.field.hint is not None:
        schema["description"] = one.field.hint.en
    return schema


def _label(label: Label) -> dict[str, str]:
    return {"vi": label.vi, "en": label.en}
