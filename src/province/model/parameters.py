"""Dated constants of a pack (`params.yaml`): value, unit, source, and the days between which they hold.

A file is a list of rows; a constant that changed has one row per period:

    - name: duplicate_distance
      value: 100
      unit: MTR                      # UN/CEFACT code; left out for text, lists and tables
      source: Circular 1/2025, article 3
      valid_from: 2025-07-01
      valid_to: 2027-01-01           # excluded; left out: still in force

Pure: reading the file is the business of the composition root.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from datetime import date
from itertools import pairwise
from types import MappingProxyType
from typing import Any

import msgspec
import yaml

from province.errors import ConfigurationError, InvalidInput
from province.model.document import read_yaml
from province.model.time import CIVIL_ZONE, Instant
from province.model.unit import lookup


class Parameter(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One constant over one period. unit: UN/CEFACT code, "" when the value is not a number."""

    name: str
    value: Any
    source: str
    valid_from: date
    valid_to: date | None = None
    unit: str = ""

    def holds(self, day: date) -> bool:
        """Whether [valid_from, valid_to) holds the civil day."""
        return self.valid_from <= day and (self.valid_to is None or day < self.valid_to)


def parse(text: str, *, name: str = "params.yaml") -> tuple[Parameter, ...]:
    """Read the text of a `params.yaml`. An empty text has no parameters.

    Raises: ConfigurationError that names the row: syntax, a number without a unit, no source, overlapping periods.
    """
    try:
        rows = read_yaml(text)
    except (yaml.YAMLError, ValueError) as error:  # ValueError: a day that does not exist
        raise ConfigurationError(f"not YAML: {error}", field=name) from None
    if rows is None:
        return ()
    if not isinstance(rows, list):
        raise ConfigurationError("expected a list of parameters.", field=name, remedy="Begin each row with `- name:`.")
    found = tuple(_parse_row(row, f"{name}[{i}]") for i, row in enumerate(rows))
    _refuse_overlaps(found, name)
    return found


def _parse_row(row: object, field: str) -> Parameter:
    try:
        parameter = msgspec.convert(row, Parameter)
    except msgspec.ValidationError as error:
        raise ConfigurationError(f"{error}", field=field) from None
    if not parameter.source.strip():
        raise ConfigurationError(f"{parameter.name} has no source.", field=field, remedy="Name the law or document.")
    if parameter.valid_to is not None and parameter.valid_to <= parameter.valid_from:
        raise ConfigurationError(f"{parameter.name} ends before it begins.", field=f"{field}.valid_to")
    if isinstance(parameter.value, int | float) and not isinstance(parameter.value, bool):
        if not math.isfinite(parameter.value):
            raise ConfigurationError(f"{parameter.name} is not a finite number.", field=f"{field}.value")
        try:
            lookup(parameter.unit)
        except InvalidInput as error:
            raise ConfigurationError(
                f"{parameter.name} is a number, {error.detail}", field=f"{field}.unit", remedy="C62 is a count."
            ) from None
    elif parameter.unit:
        raise ConfigurationError(f"{parameter.name} is not a number and has a unit.", field=f"{field}.unit")
    return parameter


def _refuse_overlaps(parameters: Iterable[Parameter], name: str) -> None:
    ordered = sorted(parameters, key=lambda p: (p.name, p.valid_from))
    for a, b in pairwise(ordered):
        if a.name == b.name and (a.valid_to is None or b.valid_from < a.valid_to):
            raise ConfigurationError(
                f"{a.name} has two values on {b.valid_from}.", field=name, remedy="Let the earlier row end that day."
            )


def at(parameters: Iterable[Parameter], now: Instant) -> Mapping[str, Any]:
    """The values in force on the civil day (Vietnam) of an instant, by name; a constant not in force is absent."""
    day = now.astimezone(CIVIL_ZONE).date()
    return MappingProxyType({p.name: p.value for p in parameters if p.holds(day)})
