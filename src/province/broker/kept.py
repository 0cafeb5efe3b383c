"""What the further types of an entity keep from a caller. Its first type decides who reads it; every type that declares
a field has a say about that field.

A field that a further type declares personal takes that type's permission for personal fields, concealed ones are
open to the product alone; one that only further types declare takes the right to read entities of those types.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from province.identity import policy
from province.identity.policy import NOWHERE, Scope
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

    def hides(self, entity: Entity) -> bool:
        """Whether the field of this entity is hidden."""
        return (
            self.type in entity.types[1:]
            and self.type != entity.type
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
    _known: dict[tuple[str, bool], tuple[Kept, ...]] = field(default_factory=dict)
    _anything: bool | None = None

    def of(self, name: str, *, foreign: bool = True) -> tuple[Kept, ...]:
        """What is kept of a field by the types that declare it.

        foreign: also of entities whose first type does not declare it; else only what is personal or concealed.
        """
        if (name, foreign) not in self._known:
            said = (self._say(kind, name, foreign) for kind in self.declared.fields.get(name, ()))
            self._known[name, foreign] = tuple(kept for kept in said if kept is not None)
        return self._known[name, foreign]

    def elsewhere(self, name: str, first: EntityType) -> bool:
        """Whether an entity of this first type may have the field hidden by another of its types."""
        return any(k.type != first.name for k in self.of(name, foreign=name not in first.fields))

    def anything(self) -> bool:
        """Whether anything at all is kept from this actor."""
        if self._anything is None:
            self._anything = any(
                not policy.scope(self.actor, f"{kind.noun}.read").all
                or (bool(kind.personal) and not policy.scope(self.actor, f"{kind.noun}.personal").all)
                or (not self.own and any(s.field.concealed for s in kind.fields.values()))
                for kind in self.declared.types.values()
            )
        return self._anything

    def hides(self, entity: Entity, name: str, first: EntityType | None) -> bool:
        """Whether one of the entity's further types hides the field."""
        declared = first is not None and name in first.fields
        return any(kept.hides(entity) for kept in self.of(name, foreign=not declared))

    def _say(self, kind: EntityType, name: str, foreign: bool) -> Kept | None:
        spec = kind.fields[name].field
        if spec.concealed:
            return None if self.own else Kept(kind.name, NOWHERE, always=True)
        if not spec.personal and (not foreign or self._is_open(kind, name)):
            return None
        scope = policy.scope(self.actor, f"{kind.noun}.{'personal' if spec.personal else 'read'}")
        return None if scope.all else Kept(kind.name, scope, always=spec.personal)

    def _is_open(self, kind: EntityType, name: str) -> bool:
        """Everybody may see the field of every entity of the type."""
        return kind.fields[name].field.public and kind.info.public and kind.info.public_where is None
