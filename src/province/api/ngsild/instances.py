"""/temporal/entities/{id}: corrections of what was measured. The reason comes in the header X-Purpose."""

from __future__ import annotations

from typing import Any

from starlette.responses import Response

from province.api.ngsild.entities import entity_id
from province.api.ngsild.view import read_context
from province.api.route import Call, path_id
from province.errors import InvalidInput, NotFound
from province.model.instance import read_reading_id
from province.model.jsonld import Context
from province.model.time import EARLIEST, FUTURE_TOLERANCE, now, parse_utc
from province.model.unit import convert


async def change(call: Call, body: Any, context: Context) -> Response:
    """Correct the value of one reading; the measured one is kept with the correction."""
    id, attr, at, dataset = _reading(call, context)
    given = _instance(body, path_id(call, "attr"))
    if "observedAt" in given and parse_utc(given["observedAt"], field="observedAt") != at:
        raise InvalidInput(
            "a reading keeps its instant.", field="observedAt", remedy="Delete this reading and send another."
        )
    if "value" not in given:
        raise InvalidInput("there is no value.", field="value", remedy="Send {type, value}.")
    value = await _converted(call, id, attr, given)
    await call.services.broker.correct(
        id, attr, call.actor, kind="value", at=at, dataset=dataset, value=value, reason=_reason(call)
    )
    return Response(status_code=204)


async def delete(call: Call) -> Response:
    """Delete one reading."""
    context = await read_context(call)
    id, attr, at, dataset = _reading(call, context)
    await call.services.broker.correct(
        id, attr, call.actor, kind="delete", at=at, dataset=dataset, reason=_reason(call)
    )
    return Response(status_code=204)


async def delete_attribute(call: Call) -> Response:
    """Delete all readings of one attribute up to now; `datasetId` or `deleteAll` as for current attributes."""
    context = await read_context(call)
    id, attr = entity_id(call), context.name(path_id(call, "attr"), field="attr")
    dataset = None if call.flag("deleteAll") else call.text("datasetId").removeprefix("@none")
    await call.services.broker.correct(
        id, attr, call.actor, kind="delete", at=EARLIEST, until=now() + FUTURE_TOLERANCE, dataset=dataset,
        reason=_reason(call),
    )  # fmt: skip
    return Response(status_code=204)


async def erase(call: Call) -> Response:
    """Erase everything that was measured of an entity; its records stay."""
    await call.services.broker.erase(entity_id(call), call.actor, reason=_reason(call))
    return Response(status_code=204)


def _reading(call: Call, context: Context) -> tuple[str, str, Any, str]:
    id, attr = entity_id(call), context.name(path_id(call, "attr"), field="attr")
    at, dataset = read_reading_id(path_id(call, "instance"), id, attr)
    return id, attr, at, dataset


def _instance(body: Any, name: str) -> dict[str, Any]:
    """The one instance that a fragment holds: bare, or below the attribute's name, alone or in a list."""
    given = body.get(name, body) if isinstance(body, dict) else body
    if isinstance(given, list) and len(given) == 1:
        given = given[0]
    if not isinstance(given, dict):
        raise InvalidInput("the body is not one instance of the attribute.", field="body", remedy="{type, value}.")
    return given


async def _converted(call: Call, id: str, attr: str, given: dict[str, Any]) -> Any:
    value, unit = given["value"], given.get("unitCode")
    if not isinstance(unit, str) or isinstance(value, bool) or not isinstance(value, int | float):
        return value
    entity = await call.services.broker.get(id, call.actor, latest=False)
    declared = call.services.broker.types.get(entity.type)
    spec = declared.fields.get(attr) if declared else None
    if spec is None:
        raise NotFound(f"{entity.type} measures no {attr[:64]!r}.", field="attr")
    return convert(value, unit, spec.unit, field="unitCode") if spec.unit else value


def _reason(call: Call) -> str:
    reason = call.actor.purpose.strip()
    if not reason:
        raise InvalidInput("a correction needs a reason.", field="X-Purpose", remedy="Say why in the header X-Purpose.")
    return reason
