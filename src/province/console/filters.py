"""Filters of a list: one control per indexed field, read back from the address so that a list can be bookmarked."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, Final

from starlette.datastructures import QueryParams

from province.console.display import Words, unit_symbol
from province.console.language import mark
from province.errors import InvalidInput
from province.model.query import AnyOf, Where
from province.model.schema import EntityType, FieldSpec
from province.model.time import CIVIL_ZONE, Instant, format_instant, parse_instant
from province.vocab.area import parse_day

ON: Final = "on"
"""Name in the address: the day on which areas or agencies were in force."""
WITHIN: Final = "within"
"""Name in the address: the unit inside which entities stand, by their land."""
MAP: Final = "map"
"""Name in the address: the day whose map says what lies inside that unit."""


@dataclass(frozen=True, slots=True)
class Control:
    """One filter. kind: choice, text, day, number or instant (these two have a lower and an upper bound).

    options: (value, name on screen).  value: as given; for bounds the lower one, with `upper` beside it.
    ref: the type that a relationship points to; `shown` is the name of the chosen one.
    """

    name: str
    label: str
    kind: str
    options: tuple[tuple[str, str], ...] = ()
    value: str = ""
    upper: str = ""
    unit: str = ""
    ref: str = ""
    shown: str = ""

    @property
    def active(self) -> bool:
        """Something was asked for."""
        return bool(self.value or self.upper)


def options_of(spec: FieldSpec, entity_type: EntityType | None, words: Words) -> tuple[tuple[str, str], ...]:
    """The allowed values of a field with their names on screen; empty when any value is allowed."""
    workflow = entity_type.info.workflow if entity_type else None
    if workflow is not None and spec.name == workflow.attribute:
        return tuple((state, words.label(name)) for state, name in workflow.names)
    if spec.value == "boolean":
        return (("true", words.yes_no(True)), ("false", words.yes_no(False)))
    names = dict(spec.field.names)
    return tuple((v, words.label(names[v]) if v in names else v) for v in spec.field.values)


def controls(entity_type: EntityType, params: QueryParams, words: Words) -> list[Control]:
    """The controls of a type's indexed fields with the values that the address holds."""
    found = []
    if is_dated(entity_type):
        found.append(Control(ON, words(mark("In force on the day")), "day", value=params.get(ON, "").strip()))
    elif entity_type.info.place:
        found.append(Control(WITHIN, words(mark("Within the unit")), "text", value=params.get(WITHIN, "").strip(),
                             ref="Area"))  # fmt: skip
        found.append(Control(MAP, words(mark("On the map of the day")), "day", value=params.get(MAP, "").strip()))
    for spec in entity_type.fields.values():
        if not spec.field.indexed or spec.field.observed or spec.field.personal or spec.many:
            continue
        if spec.value in ("geometry", "json"):
            continue
        control = Control(
            spec.name, words.label(spec.field.label), "text", unit=unit_symbol(spec.unit), ref=spec.field.ref
        )
        options = options_of(spec, entity_type, words)
        if options:
            control = replace(control, kind="choice", options=options)
        elif spec.value in ("number", "integer", "instant"):
            kind = "instant" if spec.value == "instant" else "number"
            control = replace(control, kind=kind, upper=params.get(f"{spec.name}.to", "").strip())
        found.append(replace(control, value=params.get(spec.name, "").strip()))
    return found


def terms(entity_type: EntityType, given: list[Control]) -> tuple[Where | AnyOf, ...]:
    """The conditions that the controls ask for. Raises: InvalidInput naming the field."""
    result: list[Where | AnyOf] = []
    for control in given:
        if control.name in (WITHIN, MAP):
            continue
        if control.kind == "day":
            result += held_on(parse_day(control.value, field=ON)) if control.value else ()
            continue
        spec = entity_type.fields[control.name]
        if control.kind in ("number", "instant"):
            if control.value:
                result.append(Where(control.name, ">=", _bound(spec, control.value)))
            if control.upper:
                result.append(Where(control.name, "<=", _bound(spec, control.upper)))
        elif control.value:
            value: Any = control.value == "true" if spec.value == "boolean" else control.value
            result.append(Where(control.name, "==", value))
    return tuple(result)


def is_dated(entity_type: EntityType) -> bool:
    """Do entities of this type hold from a day to a day, such as areas and agencies?"""
    return {"validFrom", "validTo"} <= entity_type.fields.keys()


def held_on(day: str) -> tuple[Where | AnyOf, ...]:
    """Conditions that leave those that held on a civil day: `validFrom` included, `validTo` excluded."""
    open_end, later = (Where("validTo", "absent"),), (Where("validTo", ">", day),)
    return (Where("validFrom", "<=", day), AnyOf((open_end, later)))


def _bound(spec: FieldSpec, text: str) -> float | str:
    if spec.value == "instant":
        return format_instant(civil_instant(text, field=spec.name))
    try:
        return float(text)
    except ValueError:
        raise InvalidInput(f"{text[:40]!r} is not a number.", field=spec.name, remedy="Type digits.") from None


def civil_instant(text: str, *, field: str) -> Instant:
    """An instant as a form gives it: without a zone it is civil time of Vietnam. Raises: InvalidInput."""
    try:
        value = datetime.fromisoformat(text)
    except ValueError:
        raise InvalidInput(f"{text[:40]!r} is not a time.", field=field, remedy="Choose a day and an hour.") from None
    aware = value if value.tzinfo else value.replace(tzinfo=CIVIL_ZONE)
    return parse_instant(aware.isoformat(), field=field)
