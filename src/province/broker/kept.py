"""What the further types of an entity keep from a caller. Its first type decides who reads it; every type that declares
a field has a say about that field.

A field that a further type declares personal takes that type's permission for personal fields, concealed ones are
open to the product alone; one that only further types declare takes the right to read entities of those types.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from province.identity import policy
from province.identity.policy import EVERYWHERE, NOWHERE, Scope
from province.model.actor import Actor
from province.model.entity import Entity
from province.model.schema import EntityType


@dataclass(frozen=True, slots=True)
class Kept:
    """One type's say about one field, where it is not open everywhere.

    always: also when the entity's first type declares the field itself.
    """

    type: str
    scope: Scope
    always: bool

    def hides(self, entity: Entity, *, declared: bool) -> bool:
        """Whether the field of this entity is hidden. declared: by its first type."""
        return (
            self.type in entity.types[1:]
            and self.type != entity.type
            and (self.always or not declared)
            and not self.scope.covers(agency=entity.agency, area=entity.area, entity=entity.id)
        )


@dataclass(frozen=True, slots=True)
class Declared:
    """All declared types by name, and of every field the types that declare it."""

    types: Mapping[str, EntityType]
    fields: Mapping[str, tuple[EntityType, ...]]

    @classmethod
    def of(cls, types: Mapping[str, EntityType]) -> Declared:
        """Worked out once."""
        found: dict[str, list[EntityType]] = {}
        for one in types.values():
            for name in one.fields:
                found.setdefault(name, []).append(one)
        return cls(types, {name: tuple(some) for name, some in found.items()})


@dataclass(slots=True)
class Keeping:
    """Answers for one actor, worked out when a field is asked about."""

    actor: Actor
    declared: Declared
    own: bool
    """It is the product itself, which concealed fields are open to."""
    _known: dict[str, tuple[Kept, ...]] = field(default_factory=dict)

    def of(self, name: str) -> tuple[Kept, ...]:
        """What is kept of a field by the types that declare it."""
        if name not in self._known:
            said = ((kind, self._say(kind, name)) for kind in self.declared.fields.get(name, ()))
            self._known[name] = tuple(Kept(kind.name, scope, always) for kind, (scope, always) in said if not scope.all)
        return self._known[name]

    def elsewhere(self, name: str, first: EntityType) -> bool:
        """Whether an entity of this first type may have the field hidden by another of its types."""
        declared = name in first.fields
        return any(k.type != first.name and (k.always or not declared) for k in self.of(name))

    def anything(self) -> bool:
        """Whether anything at all is kept from this actor."""
        return any(self.of(name) for name in self.declared.fields)

    def hides(self, entity: Entity, name: str, first: EntityType | None) -> bool:
        """Whether one of the entity's further types hides the field."""
        declared = first is not None and name in first.fields
        return any(kept.hides(entity, declared=declared) for kept in self.of(name))

    def _say(self, kind: EntityType, name: str) -> tuple[Scope, bool]:
        spec = kind.fields[name].field
        if spec.concealed:
            return (EVERYWHERE if self.own else NOWHERE), True
        if spec.personal:
            return policy.scope(self.actor, f"{kind.noun}.personal"), True
        if spec.public and kind.info.public and kind.info.public_where is None:
            return EVERYWHERE, False
        return policy.scope(self.actor, f"{kind.noun}.read"), False
