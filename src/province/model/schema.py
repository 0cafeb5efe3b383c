"""Entity types as declared by frozen typed records: fields with units, indexes, unique keys and a workflow.

    class Report(Record, frozen=True, kw_only=True):
        TYPE: ClassVar = TypeInfo("Report", Label("Phản ánh", "Report"), place="location", workflow=WORKFLOW)
        title: Annotated[str, Field(Label("Nội dung", "What"), search=True)]
        location: Annotated[Geometry, Field(Label("Vị trí", "Place"))]

`describe(Report)` gives the `EntityType` that the broker, the doors and the documentation read.
"""

from __future__ import annotations

import types
import typing
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from functools import cache
from typing import Any, Final, Literal, get_args, get_origin

import msgspec

from province.errors import ConfigurationError
from province.model.entity import Kind
from province.model.label import Label
from province.model.unit import Unit
from province.model.workflow import Workflow

ValueKind = Literal["text", "number", "integer", "boolean", "instant", "geometry", "relationship", "json"]


@dataclass(frozen=True, slots=True)
class Field:
    """Marker of a record's field.

    indexed: equality, range and order are answered by an index.  search: its words are found without diacritics.
    observed: measured by machines; goes to the lake through whichever door it comes.
    personal: hidden from callers without `<type>.personal`.  public: shown to anybody when the entity is public.
    concealed: shown to no caller and written by actions alone: what only the product's own logic checks, such as the
    hash of a secret.
    ref: entity type that a relationship points to.  values: the only texts allowed.
    names: (value, name on screen) for `values`.
    minimum, maximum: range in the declared unit.  hint: one sentence under the form field.
    """

    label: Label
    indexed: bool = False
    search: bool = False
    observed: bool = False
    personal: bool = False
    concealed: bool = False
    public: bool = False
    ref: str = ""
    values: tuple[str, ...] = ()
    names: tuple[tuple[str, Label], ...] = ()
    minimum: float | None = None
    maximum: float | None = None
    hint: Label | None = None


Ground = Literal["consent", "law", "contract", "task", "vital"]
"""Why personal data may be held: the person agreed; a law orders it; a contract with them; a public task; to save a
life."""


@dataclass(frozen=True, slots=True)
class Processing:
    """What the personal fields of a type are held for, from a day on. The newest one that has begun holds.

    source: of the ground, the law or decision.  keep_days: days after which the fields are erased, counted from
    the instant in the field `after`, and not before the workflow has ended; None: until a person decides.
    keep_source: who set that period.  also: fields that go with the personal ones, such as photos as they were sent.
    """

    purpose: Label
    ground: Ground
    source: Label
    since: str
    keep_days: int | None = None
    after: str = ""
    keep_source: Label | None = None
    also: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class TypeInfo:
    """What a record class says about itself in `TYPE`.

    name: NGSI-LD type name.  unique: keys, each a tuple of field names that no two entities of a tenant share.
    place: field that holds the location.  title: field shown as the entity's name.
    public: anonymous callers may read entities of this type (only fields marked public).
    by_actions: made, changed and deleted by actions, rules and feeds alone: nobody writes past what these demand.
    public_where: (field, value) that an entity must have besides, such as ("published", True).
    icon: one word, for the map.
    processing: why its personal fields are held and for how long, dated.
    """

    name: str
    label: Label
    unique: tuple[tuple[str, ...], ...] = ()
    place: str = ""
    title: str = ""
    workflow: Workflow | None = None
    public: bool = False
    public_where: tuple[str, Any] | None = None
    by_actions: bool = False
    icon: str = "dot"
    processing: tuple[Processing, ...] = ()


@dataclass(frozen=True, slots=True)
class FieldSpec:
    """A field, compiled. unit: UN/CEFACT code of the stored value, or "". many: a list of values."""

    name: str
    kind: Kind
    value: ValueKind
    field: Field
    unit: str = ""
    many: bool = False
    required: bool = False


@dataclass(frozen=True, slots=True)
class EntityType:
    """A type, compiled from a record class."""

    info: TypeInfo
    fields: Mapping[str, FieldSpec]
    record: type[Record]
    observed: tuple[FieldSpec, ...] = field(default=())
    required: tuple[str, ...] = ()
    """Names of the fields that every entity has."""
    searched: tuple[str, ...] = ()
    """Names of the fields whose words anybody may search."""
    concealed: frozenset[str] = frozenset()
    """Names of the fields that only actions write."""
    guarded: frozenset[str] = frozenset()
    """Names of the fields that may be erased while the rest of the entity stays."""

    @property
    def name(self) -> str:
        """NGSI-LD type name."""
        return self.info.name

    @property
    def personal(self) -> tuple[str, ...]:
        """Names of the fields that are about a person."""
        return tuple(s.name for s in self.fields.values() if s.field.personal)

    def processing_on(self, day: str) -> Processing | None:
        """Why personal fields are held on a civil day; None: nobody declared it."""
        begun = [p for p in self.info.processing if p.since <= day]
        return max(begun, key=lambda p: p.since) if begun else None

    @property
    def noun(self) -> str:
        """The noun of its permissions and events: `Report` → `report`, `AirQualityObserved` → `airqualityobserved`."""
        return self.info.name.lower()


class Record(msgspec.Struct, frozen=True, kw_only=True):
    """A typed view of an entity: what logic works with. `version` is 0 before the first write."""

    id: str
    version: int = 0


_SCALARS: Mapping[Any, ValueKind] = {
    str: "text",
    int: "integer",
    float: "number",
    bool: "boolean",
    datetime: "instant",
}


_MEMBERS: Final = frozenset(("type", "scope", "createdAt", "modifiedAt", "deletedAt", "expiresAt"))
"""Members of every entity (NGSI-LD, 5.2.4): no attribute is called so."""


@cache
def describe(record: type[Record]) -> EntityType:
    """Compile a record class. Raises: ConfigurationError that names class and field."""
    info = getattr(record, "TYPE", None)
    if not isinstance(info, TypeInfo):
        raise ConfigurationError(f"{record.__name__} has no `TYPE: ClassVar = TypeInfo(…)`.")
    hints = typing.get_type_hints(record, include_extras=True)
    required = {f.name for f in msgspec.structs.fields(record) if f.required}
    specs: dict[str, FieldSpec] = {}
    for name, hint in hints.items():
        if name in ("id", "version") or get_origin(hint) is typing.ClassVar or name == "TYPE":
            continue
        if name in _MEMBERS:
            raise ConfigurationError(f"{record.__name__}.{name}: NGSI-LD means something else by this name.")
        specs[name] = replace(_compile(record, name, hint), required=name in required)
    if info.workflow is not None and info.workflow.attribute not in specs:
        raise ConfigurationError(f"{record.__name__}: workflow attribute {info.workflow.attribute!r} is no field.")
    for names in (*info.unique, (info.place,) if info.place else (), (info.title,) if info.title else ()):
        for missing in set(names) - set(specs):
            raise ConfigurationError(f"{record.__name__}: {missing!r} is no field.")
    for processing in info.processing:
        for missing in {*processing.also, processing.after} - set(specs) - {""}:
            raise ConfigurationError(f"{record.__name__}: {missing!r} is no field.")
        if (processing.keep_days is None) != (not processing.after):
            raise ConfigurationError(f"{record.__name__}: a period needs `keep_days` and the field it counts from.")
        for spec in specs.values():
            held = spec.field.personal or spec.name in processing.also
            if processing.ground == "consent" and spec.required and held:
                raise ConfigurationError(
                    f"{record.__name__}.{spec.name} rests on consent: a record must be able to be without it."
                )
    observed = tuple(s for s in specs.values() if s.field.observed)
    for spec in observed:
        if spec.required:
            raise ConfigurationError(f"{record.__name__}.{spec.name}: an observed field needs the default None.")
        if spec.value not in ("number", "integer", "text", "boolean"):
            raise ConfigurationError(f"{record.__name__}.{spec.name}: {spec.value} cannot be observed.")
    searched = tuple(s.name for s in specs.values() if s.field.search and not (s.field.personal or s.field.concealed))
    guarded = {s.name for s in specs.values() if s.field.personal} | {n for p in info.processing for n in p.also}
    return EntityType(
        info, specs, record, observed,
        required=tuple(n for n in specs if specs[n].required),
        searched=searched,
        concealed=frozenset(s.name for s in specs.values() if s.field.concealed),
        guarded=frozenset(guarded),
    )  # fmt: skip


def _compile(record: type[Record], name: str, hint: Any) -> FieldSpec:
    base, marks = (get_args(hint)[0], get_args(hint)[1:]) if get_origin(hint) is typing.Annotated else (hint, ())
    mark = next((m for m in marks if isinstance(m, Field)), None)
    if mark is None:
        raise ConfigurationError(f"{record.__name__}.{name} has no Field(…) marker.")
    if mark.personal and mark.public:
        raise ConfigurationError(f"{record.__name__}.{name} is personal: it cannot be public too.")
    unit = next((m.code for m in marks if isinstance(m, Unit)), "")
    if get_origin(base) in (typing.Union, types.UnionType):
        options = [a for a in get_args(base) if a is not type(None)]
        if len(options) != 1:
            raise ConfigurationError(f"{record.__name__}.{name}: a union of several types is not supported.")
        base = options[0]
    many = get_origin(base) is tuple
    if many:
        base = get_args(base)[0]
    value: ValueKind
    if mark.ref:
        return FieldSpec(name, "Relationship", "relationship", mark, "", many)
    if base in _SCALARS:
        value = _SCALARS[base]
    elif get_args(base)[:2] == (str, Any) and name in ("location", record.TYPE.place):  # type: ignore[attr-defined]
        return FieldSpec(name, "GeoProperty", "geometry", mark, "", many)
    else:
        value = "json"
    if value in ("number", "integer") and not unit:
        raise ConfigurationError(f'{record.__name__}.{name}: a number needs a Unit(…); Unit("C62") for a count.')
    return FieldSpec(name, "JsonProperty" if value == "json" else "Property", value, mark, unit, many)
