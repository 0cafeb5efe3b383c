"""The type decides, not the door: measured attributes become observations, the rest a change of the record."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import msgspec
import pyarrow as pa

from province.api.route import Call
from province.errors import Conflict, InvalidInput, NotFound, Unsupported
from province.model.actor import Actor
from province.model.change import Change
from province.model.entity import ORIGINS, Attribute, Entity, split_key
from province.model.fragment import Fragment
from province.model.observation import SCHEMA
from province.model.schema import EntityType, FieldSpec
from province.model.time import FUTURE_TOLERANCE, Instant, now
from province.model.unit import convert

Reading = tuple[str, str, str, str | None, Instant, float | None, str | None, int]


@dataclass(slots=True)
class Split:
    """What one write becomes. record: attributes of the record.  readings: rows of `model.observation.SCHEMA`."""

    record: dict[str, Attribute | None] = field(default_factory=dict)
    readings: list[Reading] = field(default_factory=list)


def measured_names(types: Mapping[str, EntityType]) -> frozenset[str]:
    """Every attribute name that some type declares as observed."""
    return frozenset(s.name for t in types.values() for s in t.observed)


def split(
    id: str,
    types: Sequence[str],
    attrs: Mapping[str, Attribute | None],
    declared: Mapping[str, EntityType],
    actor: Actor,
) -> Split:
    """Sort attributes by the declaration of the first type. Raises: InvalidInput, Unsupported (removing a reading)."""
    result = Split()
    entity_type = declared.get(types[0]) if types else None
    observed = {s.name: s for s in entity_type.observed} if entity_type else {}
    for key, attribute in attrs.items():
        name, dataset = split_key(key)
        spec = observed.get(name)
        if spec is None or entity_type is None:
            result.record[key] = attribute
        elif attribute is None:
            raise Unsupported(
                f"{name!r} is measured: what was measured is not removed.",
                field=name,
                remedy="Send a correction instead.",
            )
        else:
            result.readings.append(_reading(id, entity_type.name, spec, attribute, dataset, actor))
    return result


def _reading(
    id: str, type_name: str, spec: FieldSpec, attribute: Attribute, dataset: str | None, actor: Actor
) -> Reading:
    name, value = spec.name, attribute.value
    if attribute.type != "Property":
        raise InvalidInput(f"{name!r} is a Property, not a {attribute.type}.", field=f"{name}.type")
    if attribute.meta:
        first = next(iter(attribute.meta))
        raise InvalidInput(
            f"{name!r} is measured and keeps no sub-attributes.",
            field=f"{name}.{first}",
            remedy="Leave it out, or declare it as an attribute of its own.",
        )
    present = now()
    at = attribute.observed_at or present
    if at > present + FUTURE_TOLERANCE:
        raise InvalidInput(
            "the time lies in the future.", field=f"{name}.observedAt", remedy="Check the clock of the device."
        )
    number, text = None, None
    if spec.value in ("number", "integer"):
        number = _number(spec, value, attribute.unit_code)
    elif isinstance(value, bool) == (spec.value == "boolean") and isinstance(value, bool | str):
        text = msgspec.json.encode(value).decode()
        if spec.field.values and value not in spec.field.values:
            raise InvalidInput(
                f"{value!r} is not allowed.", field=name, remedy=f"One of: {', '.join(spec.field.values)}."
            )
    else:
        raise InvalidInput(f"{value!r:.60} is not {spec.value}.", field=f"{name}.value")
    # Machines measure; what a person types in stays a report.
    origin = attribute.origin
    if origin == "reported" and actor.kind in ("device", "service"):
        origin = "measured"
    return (id, type_name, name, dataset, at, number, text, ORIGINS.index(origin))


def _number(spec: FieldSpec, value: Any, unit: str | None) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        raise InvalidInput(f"{value!r:.60} is not a finite number.", field=f"{spec.name}.value")
    found = convert(float(value), unit, spec.unit, field=f"{spec.name}.unitCode") if unit else float(value)
    low, high = spec.field.minimum, spec.field.maximum
    if (low is not None and found < low) or (high is not None and found > high):
        raise InvalidInput(
            f"{found} is outside {'−∞' if low is None else low}…{'∞' if high is None else high}.",
            field=f"{spec.name}.value",
            remedy="Check the value and its unit.",
        )
    return found


def table_of(readings: Sequence[Reading]) -> pa.Table:
    """Rows as columns of `model.observation.SCHEMA`."""
    columns = list(zip(*readings, strict=True)) if readings else [()] * len(SCHEMA)
    return pa.table([pa.array(c, f.type) for c, f in zip(columns, SCHEMA, strict=True)], schema=SCHEMA)


async def observe(call: Call, readings: Sequence[Reading]) -> list[tuple[Reading, str, str]]:
    """Send readings; returns (reading, field, reason) of those that were refused."""
    if not readings:
        return []
    answer = await call.services.broker.observe(table_of(readings), call.actor, key=call.key, source="ngsi-ld")
    return [(readings[r.row], r.field, r.reason) for r in answer.rejected]


async def observe_all(call: Call, readings: Sequence[Reading]) -> None:
    """Send the readings of one entity. Raises: InvalidInput for the first one refused."""
    for (_, _, name, *_), where, reason in await observe(call, readings):
        raise InvalidInput(f"{name!r} was not taken: {reason}", field=where if where.startswith(name) else name)


def expected_version(call: Call) -> int | None:
    """The version of If-Match. Raises: InvalidInput."""
    given = call.request.headers.get("if-match")
    if given is None or given == "*":
        return None
    version = given.strip().strip('"')
    if not version.isdigit() or len(version) > 15:
        raise InvalidInput(f"{given[:40]!r} is not one of our ETags.", field="If-Match")
    return int(version)


async def write_fragment(call: Call, id: str, fragment: Fragment, base: Entity | None, **change: Any) -> None:
    """Carry out a fragment on an existing entity, its measurements after its record. Raises: as apply and observe."""
    broker = call.services.broker
    types = base.types if base is not None else fragment.types
    parts = split(id, types, fragment.attrs, broker.types, call.actor)
    added = set(fragment.types) - set(base.types) if base is not None else set()
    if parts.record or fragment.scope is not None or added or not parts.readings:
        version = expected_version(call)
        if version is None and fragment.based and base is not None:
            version = base.version
        one = Change(
            op=change.pop("op", "merge"),
            id=id,
            type="",
            types=fragment.types,
            attrs=parts.record,
            scope=fragment.scope,
            expect_version=version,
            **change,
        )
        await broker.apply((one,), call.actor, key=call.key)
    await observe_all(call, parts.readings)


def needs_entity(call: Call, names: Sequence[str], types: Sequence[str] = ()) -> bool:
    """Whether an attribute might be measured, so that the entity must be read for its type.

    types: what the body says. Devices, which may not read, say it; a wrong one is refused by broker and observer.
    """
    declared = call.services.broker.types
    return not any(t in declared for t in types) and bool(measured_names(declared) & set(names))


RETRIES = 3


async def again(error: Conflict, attempt: int, call: Call) -> None:
    """Let a merge that met another write try again, unless the caller named the version. Raises: the error."""
    if attempt + 1 == RETRIES or expected_version(call) is not None or error.field != "version":
        raise error


def require_attribute(entity: Entity, key: str) -> None:
    """Raises: NotFound when the entity has no such attribute instance."""
    if key not in entity.attrs:
        name, dataset = split_key(key)
        which = f" with datasetId {dataset}" if dataset else ""
        raise NotFound(f"{entity.id} has no attribute {name!r}{which}.", field=name[:80], remedy="POST it to /attrs.")
