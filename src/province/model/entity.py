"""The NGSI-LD information model in frozen typed form: Entity and Attribute (ETSI GS CIM 009 §4.2, §4.5)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final, Literal

import msgspec

from province.model.time import Instant

Json = Any
"""Whatever JSON can say: str, int, float, bool, None, list, dict."""

NULL: Final = "urn:ngsi-ld:null"
"""What stands for null in JSON-LD, where null itself would vanish."""
PROOF: Final = "ngsildproof"
SEALED: Final = frozenset(("entityIdSealed", "entityTypeSealed"))
"""What a proof says of the entity that it seals; plain texts, and nowhere else allowed (4.5.2.2)."""
SCOPE: Final = "scope"
"""No attribute has this name; in the history of an entity its scope stands under it."""

EXPIRY: Final = "expiresAt"
"""Under this name among the attributes stands until when an entity exists (4.22): text, in UTC, of fixed length."""

Kind = Literal[
    "Property",
    "GeoProperty",
    "Relationship",
    "LanguageProperty",
    "VocabProperty",
    "JsonProperty",
    "ListProperty",
    "ListRelationship",
]
KINDS: Final[tuple[str, ...]] = Kind.__args__  # type: ignore[attr-defined]

Origin = Literal["measured", "reported", "imported", "estimated", "simulated", "forecast"]
ORIGINS: Final[tuple[Origin, ...]] = ("measured", "reported", "imported", "estimated", "simulated", "forecast")
"""Order matters: a lake row stores the position in this tuple. Append, never reorder."""

COUNTS_TOWARDS_PLAN: Final[frozenset[Origin]] = frozenset(("measured", "reported", "imported"))


class Attribute(msgspec.Struct, frozen=True, omit_defaults=True, kw_only=True, rename="camel"):
    """One instance of an attribute. `value` holds the object of a Relationship and the map of a LanguageProperty too.

    unit_code: UN/CEFACT code.  observed_at: when it was measured.  dataset_id: IRI that tells parallel instances apart.
    meta: attributes of the attribute (sub-properties and sub-relationships).
    lang: the language that was chosen from a LanguageProperty; only in answers.
    deleted_at: when it was removed; only in histories and notifications, whose value is then NULL.
    expires_at: from then on it is as if it were not there (4.22).
    """

    type: Kind = "Property"
    value: Json = None
    unit_code: str | None = None
    observed_at: Instant | None = None
    dataset_id: str | None = None
    origin: Origin = "reported"
    created_at: Instant | None = None
    modified_at: Instant | None = None
    deleted_at: Instant | None = None
    expires_at: Instant | None = None
    instance_id: str | None = None
    object_type: str | None = None
    lang: str | None = None
    meta: Mapping[str, Attribute | list[Attribute]] = msgspec.field(default_factory=dict)


class Entity(msgspec.Struct, frozen=True, kw_only=True):
    """An entity as stored.

    types: at least one type name; the first decides storage, index and policy.
    attrs: keyed by `attribute_key`: the name, or name + space + datasetId for a further instance.
    agency: id of the owning agency, or None.  area: code of the atom the entity lies in, or None.
    Names are short when they belong to the core vocabulary or the default context, else full IRIs.
    """

    tenant: str
    id: str
    types: tuple[str, ...]
    attrs: Mapping[str, Attribute]
    scope: tuple[str, ...] = ()
    agency: str | None = None
    area: str | None = None
    version: int = 0
    created_at: Instant | None = None
    modified_at: Instant | None = None

    @property
    def type(self) -> str:
        """The first type."""
        return self.types[0]

    def value(self, name: str, default: Json = None) -> Json:
        """The value of the default instance of an attribute."""
        found = self.attrs.get(name)
        return default if found is None else found.value


def attribute_key(name: str, dataset_id: str | None = None) -> str:
    """Key of an attribute instance inside `Entity.attrs`. Neither names nor IRIs hold a space."""
    return name if dataset_id is None else f"{name} {dataset_id}"


def is_null(value: Json) -> bool:
    """Whether a value tells that its attribute was removed."""
    return bool(value in (NULL, {"@none": NULL}))


def split_key(key: str) -> tuple[str, str | None]:
    """Inverse of `attribute_key`."""
    name, _, dataset = key.partition(" ")
    return name, dataset or None
