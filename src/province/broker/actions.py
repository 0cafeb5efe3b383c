"""Carrying out a pack's action: inputs from the signature, rights, reads, pure logic, one write."""

from __future__ import annotations

import inspect
import types
import typing
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any, get_args, get_origin

import msgspec

from province.broker.write import Message
from province.errors import ConfigurationError, InvalidInput, TooLarge
from province.model.change import Change
from province.model.geometry import validate
from province.model.schema import Field
from province.model.text import nfc
from province.pack import CALLER, Action, Effect, Job, Notice

MAX_EFFECTS = 500


@dataclass(frozen=True, slots=True)
class Input:
    """One input of an action. kind: Python type it is converted to; required: it has no default."""

    name: str
    kind: Any
    field: Field
    required: bool
    default: Any = None


@cache
def inputs_of(action: Action) -> tuple[Input, ...]:
    """The inputs that an action declares: keyword parameters of `do` that carry a Field, in order."""
    hints = typing.get_type_hints(action.do, include_extras=True)
    reads = {r.name for r in action.reads}
    found: list[Input] = []
    for name, parameter in inspect.signature(action.do).parameters.items():
        if parameter.kind is not inspect.Parameter.KEYWORD_ONLY or name == "context" or name in reads:
            continue
        hint = hints[name]
        base, marks = (get_args(hint)[0], get_args(hint)[1:]) if get_origin(hint) is typing.Annotated else (hint, ())
        field = next((m for m in marks if isinstance(m, Field)), None)
        if field is None:
            raise ConfigurationError(f"{action.name}: the parameter {name!r} has no Field(…) marker.")
        required = parameter.default is inspect.Parameter.empty
        found.append(Input(name, base, field, required, None if required else parameter.default))
    return tuple(found)


def read_inputs(action: Action, given: Mapping[str, Any]) -> dict[str, Any]:
    """Convert and check what a door received. Raises: InvalidInput naming the input."""
    specs = {i.name: i for i in inputs_of(action)}
    for name in given:
        if name not in specs:
            raise InvalidInput(
                f"{action.name} has no input {name!r}.", field=name, remedy=f"Its inputs: {', '.join(specs) or 'none'}."
            )
    result: dict[str, Any] = {}
    for name, spec in specs.items():
        value = given.get(name)
        if value is None or value == "":
            if spec.required:
                raise InvalidInput(f"{name!r} is required.", field=name, remedy=spec.field.label.en)
            result[name] = spec.default
            continue
        result[name] = _convert(spec, value)
    return result


def _convert(spec: Input, value: Any) -> Any:
    try:
        converted = msgspec.convert(value, spec.kind, strict=False)
    except msgspec.ValidationError as error:
        raise InvalidInput(f"{error}", field=spec.name, remedy=spec.field.label.en) from None
    if isinstance(converted, str):
        converted = nfc(converted).strip()
        if len(converted) > 20_000 or "\x00" in converted:
            raise InvalidInput("the text is too long or holds a NUL character.", field=spec.name)
        if spec.required and not converted:
            raise InvalidInput(f"{spec.name!r} is required.", field=spec.name, remedy=spec.field.label.en)
    if spec.field.values and converted not in spec.field.values:
        raise InvalidInput(
            f"{converted!r} is not allowed.", field=spec.name, remedy=f"One of: {', '.join(spec.field.values)}."
        )
    low, high = spec.field.minimum, spec.field.maximum
    if isinstance(converted, int | float) and (
        (low is not None and converted < low) or (high is not None and converted > high)
    ):
        raise InvalidInput(
            f"{converted:g} is outside {'−∞' if low is None else f'{low:g}'}…{'∞' if high is None else f'{high:g}'}.",
            field=spec.name, remedy="Give a number within these limits.",
        )  # fmt: skip
    if _is_mapping(spec.kind) and isinstance(converted, dict) and "coordinates" in converted:
        validate(converted, field=spec.name)
    return converted


def _is_mapping(kind: Any) -> bool:
    options = get_args(kind) if get_origin(kind) in (typing.Union, types.UnionType) else (kind,)
    return any(isinstance(get_origin(o), type) and issubclass(get_origin(o), Mapping) for o in options)


@dataclass(frozen=True, slots=True)
class Effects:
    """The effects of pack logic, sorted. answers: notices for the caller alone."""

    changes: tuple[Change, ...]
    messages: tuple[Message, ...]
    answers: tuple[Notice, ...]


def run(do: Callable[..., Iterable[Effect]], /, *args: Any, **kwargs: Any) -> Effects:
    """Call pack logic and sort what it returns. Raises: what the logic refuses, TooLarge."""
    changes: list[Change] = []
    messages: list[Message] = []
    answers: list[Notice] = []
    for effect in do(*args, **kwargs):
        if isinstance(effect, Change):
            changes.append(effect)
        elif isinstance(effect, Notice) and effect.to == CALLER:
            answers.append(effect)
        elif isinstance(effect, Notice):
            messages.append(Message("notice", "notice", msgspec.to_builtins(effect), effect.about or None))
        elif isinstance(effect, Job):
            messages.append(Message("job", effect.name, msgspec.to_builtins(effect)))
        else:
            raise ConfigurationError(
                f"{do.__name__} returned a {type(effect).__name__}.", remedy="Return Change, Notice, Job."
            )
        if len(changes) + len(messages) > MAX_EFFECTS:
            raise TooLarge(f"{do.__name__} has more than {MAX_EFFECTS} effects.", remedy="Split the work into jobs.")
    return Effects(tuple(changes), tuple(messages), tuple(answers))
