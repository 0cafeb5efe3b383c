"""How the columns of a file become entities and readings: the mapping that people read, edit and keep (YAML).

A file names one target type. Columns go to its fields; fields declared `observed` become readings at the row's time,
all others an upsert of the row's entity. See docs/guide/import-export.md for examples.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping as Map
from collections.abc import Sequence
from typing import Any, Final, Literal

import msgspec
import yaml

from province.errors import InvalidInput
from province.model.entity import ORIGINS, Origin
from province.model.schema import EntityType, FieldSpec
from province.model.text import fold
from province.model.time import parse_instant
from province.model.unit import convert, lookup
from province.model.written import DATES, EPOCHS, NUMBERS, is_zone

DEFAULT_EMPTY: Final = ("", "NA", "N/A", "NaN", "nan", "null", "NULL", "-")
FORMATS: Final = ("csv", "xlsx", "geojson", "ngsi-ld", "gpkg", "dxf", "parquet")
ENCODINGS: Final = ("utf-8", "utf-16", "cp1258", "cp1252", "tcvn3", "vni")
GEOMETRY: Final = "geometry"
"""Name of the column that holds the shape of a row in formats that have one."""
ID: Final = "id"


class Column(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """Where a column goes. unit: in which it is written.  values: text in the file → value of the field.

    scale: factor before the unit, such as 0.01 for a share that is written in percent.

    split: separator of several values in one cell.  confidence, reason, reason_vi: of a guess; they change
    nothing.
    """

    field: str = ""
    unit: str = ""
    scale: float = 1.0
    numbers: str = ""
    dates: str = ""
    values: Map[str, Any] = {}
    template: str = ""
    split: str = ""
    confidence: float | None = None
    reason: str = ""
    reason_vi: str = ""


class Time(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """When a row was measured: one `column`; or numbers in `year`, `month`, `day`, `hour`, `minute`, `second` columns;
    or, for rows without a time, `start` (of the first row, with offset) and `step` such as "5 min"."""

    column: str = ""
    dates: str = ""
    year: str = ""
    month: str = ""
    day: str = ""
    hour: str = ""
    minute: str = ""
    second: str = ""
    start: str = ""
    step: str = ""


class Place(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """Where a row lies: columns `x` (longitude or easting) and `y`, or the column `geometry` (WKT or GeoJSON text)."""

    x: str = ""
    y: str = ""
    geometry: str = ""


class Wide(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """One column per entity, one row per time. entity: template over `{_column}`.  columns: regular expression."""

    entity: str
    attribute: str
    unit: str = ""
    scale: float = 1.0
    columns: str = ".+"


class Long(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """One row per reading: the attribute's name stands in `attribute`, its value in `value`.

    attributes: text in the file → field; empty: the text is the field's name.
    """

    attribute: str
    value: str
    attributes: Map[str, str] = {}
    units: Map[str, str] = {}


class Mapping(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """One file → one type. `describe` in the guide says what each member means.

    id: template of the entity's id, such as `urn:ngsi-ld:Park:{code}`.  key: fields whose values find an entity that
    exists (a declared unique key); without id and key a row's content makes its id.
    skip: columns left out on purpose.  constants: field → value for every row.  agency: owner of what is created.
    records: write records too; false: readings only.
    """

    type: str
    version: Literal[1] = 1
    format: str = ""
    encoding: str = ""
    delimiter: str = ""
    header: int = 1
    sheet: str = ""
    layer: str = ""
    crs: str = ""
    empty: tuple[str, ...] = DEFAULT_EMPTY
    numbers: str = "plain"
    dates: str = "iso"
    timezone: str = "Asia/Ho_Chi_Minh"
    id: str = ""
    key: tuple[str, ...] = ()
    agency: str = ""
    origin: Origin = "imported"
    records: bool = True
    columns: Map[str, Column] = {}
    skip: tuple[str, ...] = ()
    constants: Map[str, Any] = {}
    time: Time | None = None
    place: Place | None = None
    wide: Wide | None = None
    long: Long | None = None


class _Loader(yaml.SafeLoader):
    """YAML in which only true and false are booleans: a column may be called `No`."""


_Loader.yaml_implicit_resolvers = {
    first: [
        (tag, pattern) for tag, pattern in found if tag not in ("tag:yaml.org,2002:bool", "tag:yaml.org,2002:timestamp")
    ]
    for first, found in yaml.SafeLoader.yaml_implicit_resolvers.items()
}
_Loader.add_implicit_resolver("tag:yaml.org,2002:bool", re.compile(r"^(?:true|false)$"), list("tf"))


def load_yaml(text: str) -> Any:
    """Decode the text of a mapping file. Raises: InvalidInput with line and column."""
    try:
        return yaml.load(text, Loader=_Loader)  # noqa: S506 - derived from SafeLoader
    except (yaml.YAMLError, RecursionError) as error:
        raise InvalidInput(f"the mapping is not YAML: {str(error)[:300]}.", field="mapping") from None


def read_mapping(data: Any, types: Map[str, EntityType]) -> Mapping:
    """A mapping from decoded YAML or JSON. `column: field` is short for `column: {field: field}`.

    Raises: InvalidInput naming the member.
    """
    if not isinstance(data, dict):
        raise InvalidInput("a mapping is a table of members.", field="mapping", remedy="Begin with `type: …`.")
    body = dict(data)
    if isinstance(body.get("columns"), dict):
        body["columns"] = {
            str(name): {"field": to} if isinstance(to, str) else {} if to is None else to
            for name, to in body["columns"].items()
        }
    try:
        mapping = msgspec.convert(body, Mapping, strict=False)
    except msgspec.ValidationError as error:
        message, _, path = str(error).partition(" - at `$")
        field = "mapping" + path.strip("`") if path else "mapping"
        raise InvalidInput(f"{message}.", field=field, remedy="See docs/guide/import-export.md.") from None
    check(mapping, types)
    return mapping


def check(mapping: Mapping, types: Map[str, EntityType]) -> None:
    """Does the mapping fit the declared type? Raises: InvalidInput naming the member, with the remedy."""
    if mapping.format == "ngsi-ld" and not mapping.columns:
        _check_words(mapping)
        return
    entity_type = types.get(mapping.type)
    if entity_type is None:
        raise InvalidInput(
            f"there is no type {mapping.type[:60]!r}.", field="mapping.type", remedy=f"One of: {', '.join(types)}."
        )
    _check_words(mapping)
    for name, column in mapping.columns.items():
        where = f"mapping.columns.{name}"
        if column.field == ID or not column.field:
            continue
        spec = _spec(entity_type, column.field, f"{where}.field")
        _check_unit(column.unit, spec, f"{where}.unit")
        _among(column.numbers, NUMBERS, f"{where}.numbers")
        _among(column.dates, (*DATES, *EPOCHS), f"{where}.dates")
    for name in (*mapping.constants, *mapping.key):
        _spec(entity_type, name, "mapping.key" if name in mapping.key else f"mapping.constants.{name}")
    for name in mapping.constants:
        if entity_type.fields[name].field.observed:
            raise InvalidInput(f"{name!r} is measured: a constant is no reading.", field=f"mapping.constants.{name}")
    if mapping.wide is not None:
        spec = _observed(entity_type, mapping.wide.attribute, "mapping.wide.attribute")
        _check_unit(mapping.wide.unit, spec, "mapping.wide.unit")
        _pattern(mapping.wide.columns)
    if mapping.long is not None:
        for name, to in mapping.long.attributes.items():
            _observed(entity_type, to, f"mapping.long.attributes.{name}")
    if measures(mapping, entity_type) and mapping.time is None:
        raise InvalidInput(
            "the file brings readings, but nothing says when they were measured.",
            field="mapping.time",
            remedy="Name the column of the time, such as time: {column: date}.",
        )


def measures(mapping: Mapping, entity_type: EntityType) -> bool:
    """Whether the mapping brings readings."""
    observed = {s.name for s in entity_type.observed}
    return bool(mapping.wide or mapping.long or any(c.field in observed for c in mapping.columns.values()))


def wide_columns(mapping: Mapping, names: Sequence[str]) -> list[str]:
    """The columns of a wide file that are entities: those that match and serve nothing else."""
    if mapping.wide is None:
        return []
    taken = {*mapping.skip, *mapping.columns, *used_by_time(mapping.time), GEOMETRY}
    pattern = _pattern(mapping.wide.columns)
    return [n for n in names if n not in taken and not n.startswith("_") and pattern.fullmatch(n)]


def used_by_time(time: Time | None) -> tuple[str, ...]:
    """Columns that tell the time."""
    if time is None:
        return ()
    names = (time.column, time.year, time.month, time.day, time.hour, time.minute, time.second)
    return tuple(n for n in names if n)


_DURATION: Final = re.compile(r"\s*(\d+(?:\.\d+)?)\s*(s|sec|min|h|hour|d|day)s?\s*")
_SECONDS: Final = {"s": 1, "sec": 1, "min": 60, "h": 3600, "hour": 3600, "d": 86_400, "day": 86_400}


def read_step(text: str) -> float:
    """Seconds of a step such as `5 min`. Raises: InvalidInput."""
    found = _DURATION.fullmatch(text)
    if found is None or float(found[1]) <= 0:
        raise InvalidInput(f"{text!r} is not a step.", field="mapping.time.step", remedy='Write such as "5 min".')
    return float(found[1]) * _SECONDS[found[2]]


def fingerprint(mapping: Mapping) -> str:
    """A hash of what the mapping does; the remarks of a guess do not count."""
    bare = msgspec.structs.replace(
        mapping,
        columns={
            n: msgspec.structs.replace(c, confidence=None, reason="", reason_vi="") for n, c in mapping.columns.items()
        },
    )
    return hashlib.sha256(msgspec.json.encode(bare, order="deterministic")).hexdigest()


_PART: Final = re.compile(r"\{([^{}|]+)(\|slug)?\}")


def parts(template: str) -> list[tuple[str, bool]]:
    """A template cut up: (text, False) for what stands as it is, (column, True); `{column|slug}` keeps the suffix."""
    result: list[tuple[str, bool]] = []
    end = 0
    for found in _PART.finditer(template):
        if found.start() > end:
            result.append((template[end : found.start()], False))
        result.append((found[1].strip() + (found[2] or ""), True))
        end = found.end()
    if end < len(template):
        result.append((template[end:], False))
    return result


def slug(text: str) -> str:
    """A text as part of an id: letters without marks, digits, hyphens."""
    return re.sub(r"[^a-z0-9]+", "-", fold(text)).strip("-")


def _check_words(mapping: Mapping) -> None:
    _among(mapping.format, FORMATS, "mapping.format")
    _among(mapping.encoding, ENCODINGS, "mapping.encoding")
    _among(mapping.numbers, NUMBERS, "mapping.numbers")
    _among(mapping.dates, (*DATES, *EPOCHS), "mapping.dates")
    _among(mapping.origin, ORIGINS, "mapping.origin")
    if len(mapping.delimiter) > 1:
        raise InvalidInput(f"{mapping.delimiter!r} is not one character.", field="mapping.delimiter")
    if not 0 <= mapping.header <= 1000:
        raise InvalidInput("the header stands in one of the first 1,000 lines.", field="mapping.header")
    if not is_zone(mapping.timezone):
        raise InvalidInput(
            f"{mapping.timezone!r} is not a time zone.", field="mapping.timezone", remedy="Such as Asia/Ho_Chi_Minh."
        )
    time = mapping.time
    if time is not None:
        _among(time.dates, (*DATES, *EPOCHS), "mapping.time.dates")
        if bool(time.column) + bool(time.year) + bool(time.start) != 1:
            raise InvalidInput("a time is a column, or a year and so on, or a start and a step.", field="mapping.time")
        if time.year and not (time.month and time.day):
            raise InvalidInput("a year needs month and day.", field="mapping.time")
        if time.start:
            parse_instant(time.start, field="mapping.time.start")
            if mapping.format != "ngsi-ld":
                read_step(time.step)
    if mapping.place is not None and bool(mapping.place.x and mapping.place.y) == bool(mapping.place.geometry):
        raise InvalidInput("a place is x and y, or a geometry.", field="mapping.place")


def _spec(entity_type: EntityType, name: str, field: str) -> FieldSpec:
    spec = entity_type.fields.get(name)
    if spec is None:
        known = ", ".join(entity_type.fields)
        raise InvalidInput(f"{entity_type.name} has no field {name!r}.", field=field, remedy=f"Its fields: {known}.")
    return spec


def _observed(entity_type: EntityType, name: str, field: str) -> FieldSpec:
    spec = _spec(entity_type, name, field)
    if not spec.field.observed:
        known = ", ".join(s.name for s in entity_type.observed) or "none"
        raise InvalidInput(f"{name!r} is not measured.", field=field, remedy=f"Measured are: {known}.")
    return spec


def _check_unit(unit: str, spec: FieldSpec, field: str) -> None:
    if unit and not spec.unit:
        raise InvalidInput(f"{spec.name!r} has no unit.", field=field, remedy="Leave the unit out.")
    if unit:
        convert(0.0, lookup(unit, field=field).code, spec.unit, field=field)


def _among(value: str, known: Any, field: str) -> None:
    if value and value not in known:
        raise InvalidInput(f"{value[:40]!r} is not known.", field=field, remedy=f"One of: {', '.join(known)}.")


def _pattern(text: str) -> re.Pattern[str]:
    try:
        if len(text) > 200:
            raise re.error("too long")
        return re.compile(text)
    except re.error as error:
        raise InvalidInput(f"{text[:60]!r} is no pattern: {error}.", field="mapping.wide.columns") from None
