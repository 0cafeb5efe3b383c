"""Forms from the signatures of actions, and back: what a browser sends becomes the inputs of the action."""

from __future__ import annotations

import types
import typing
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final, get_args, get_origin

from starlette.datastructures import FormData

from province.broker.actions import Input, inputs_of
from province.console.display import Words, unit_symbol
from province.console.filters import civil_instant
from province.errors import InvalidInput
from province.model.geometry import Box, point, validate
from province.model.label import Label
from province.model.time import format_instant
from province.model.unit import Unit
from province.pack import Action

LONG: Final = frozenset(("description", "note", "reason", "answer", "comment", "message"))
"""Inputs that people write sentences into."""


@dataclass(frozen=True, slots=True)
class FormField:
    """One field. kind: text, long, number, integer, boolean, instant, choice, many or place.

    options: (value, name on screen) of a choice, or of many that may be chosen together.
    bounds: first view of the map of a place.
    ref: entity type that a text names, by id or by name.
    """

    name: str
    kind: str
    label: str
    hint: str
    required: bool
    default: Any
    unit: str = ""
    options: tuple[tuple[str, str], ...] = ()
    minimum: float | None = None
    maximum: float | None = None
    bounds: Box | None = None
    ref: str = ""


@dataclass(frozen=True, slots=True)
class ActionForm:
    """An action as a form on a page."""

    name: str
    title: str
    fields: tuple[FormField, ...]
    files: bool


def form_of(
    action: Action, words: Words, bounds: Box, choices: Mapping[str, tuple[tuple[str, str], ...]]
) -> ActionForm:
    """The form of an action. choices: (id, name) of the entities that inputs with a `ref` may name, by type."""
    hints = typing.get_type_hints(action.do, include_extras=True)
    fields = tuple(
        _field(i, words, bounds, choices.get(i.field.ref, ()), _unit(hints[i.name])) for i in inputs_of(action)
    )
    return ActionForm(action.name, words.label(action.title), fields, action.files)


def _field(spec: Input, words: Words, bounds: Box, choices: tuple[tuple[str, str], ...], unit: str) -> FormField:
    names = dict(spec.field.names)
    options = tuple((v, words.label(names[v]) if v in names else v) for v in spec.field.values) or choices
    many = get_origin(_plain_type(spec.kind)) is tuple
    kind = "many" if many else "choice" if options else _kind(spec)
    default = spec.default
    if isinstance(default, datetime):
        default = None
    return FormField(
        name=spec.name,
        kind=kind,
        label=words.label(spec.field.label),
        hint=words.label(spec.field.hint) if spec.field.hint else "",
        required=spec.required,
        default=default,
        unit=unit,
        options=options,
        minimum=spec.field.minimum,
        maximum=spec.field.maximum,
        bounds=bounds,
        ref=spec.field.ref,
    )


def _unit(hint: Any) -> str:
    marks = getattr(hint, "__metadata__", ())
    return next((unit_symbol(m.code) for m in marks if isinstance(m, Unit)), "")


def _plain_type(kind: Any) -> Any:
    if get_origin(kind) in (typing.Union, types.UnionType):
        options = [a for a in get_args(kind) if a is not type(None)]
        return options[0] if len(options) == 1 else str
    return kind


def _kind(spec: Input) -> str:
    base = _plain_type(spec.kind)
    origin = get_origin(base)
    if isinstance(origin, type) and issubclass(origin, Mapping):
        return "place"
    found = {bool: "boolean", int: "integer", float: "number", datetime: "instant"}.get(base)
    if found:
        return found
    return "long" if spec.name in LONG else "text"


def known_of(form: ActionForm) -> dict[str, Label]:
    """What the page calls the fields of a form, for a refusal that names one."""
    return {field.name: Label(field.label, field.label) for field in form.fields}


def read(form: ActionForm, data: FormData) -> dict[str, Any]:
    """The inputs that a browser sent; empty fields are left out. Raises: InvalidInput naming the field."""
    inputs: dict[str, Any] = {}
    for field in form.fields:
        if field.kind == "place":
            place = _place(field.name, data)
            if place is not None:
                inputs[field.name] = place
            continue
        if field.kind == "many":
            inputs[field.name] = [one for one in data.getlist(field.name) if isinstance(one, str) and one]
            continue
        given = data.get(field.name)
        text = given.strip() if isinstance(given, str) else ""
        if field.kind == "boolean":
            inputs[field.name] = text == "true"
        elif not text:
            continue
        elif field.kind == "instant":
            inputs[field.name] = format_instant(civil_instant(text, field=field.name))
        elif field.kind in ("number", "integer"):
            inputs[field.name] = _number(text, field)
        else:
            inputs[field.name] = text.replace("\r\n", "\n")
    return inputs


def _number(text: str, field: FormField) -> float | int:
    try:
        return int(text) if field.kind == "integer" else float(text)
    except ValueError:
        raise InvalidInput(f"{text[:40]!r} is not a number.", field=field.name, remedy="Type digits.") from None


def _place(name: str, data: FormData) -> Mapping[str, Any] | None:
    lat, lon = (str(data.get(f"{name}.{axis}") or "").strip().replace(",", ".") for axis in ("lat", "lon"))
    if not lat and not lon:
        return None
    try:
        return validate(point(float(lon), float(lat)), field=name)
    except ValueError:
        raise InvalidInput(
            f"{lat[:20]!r}, {lon[:20]!r} is no latitude and longitude.",
            field=name,
            remedy="Choose the place on the map, or type two numbers such as 11.05 and 106.65.",
        ) from None


def given(data: FormData) -> dict[str, str]:
    """The texts of a form as sent, to show it again."""
    return {name: value for name, value in data.items() if isinstance(value, str)}
