"""Which entities a caller may read, type by type, ready to be compiled. Rights come from `identity.policy`.

A type that the caller may not read at all does not appear. Fields marked `personal` are hidden from callers without
`<noun>.personal`: they are removed from answers, and cannot be filtered or sorted on either.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace

import msgspec

from province.broker.kept import Declared, Keeping
from province.errors import NotAllowed
from province.identity import policy
from province.identity.policy import Ground, Scope
from province.model.actor import Actor
from province.model.entity import Entity, split_key
from province.model.label import Label
from province.model.schema import EntityType
from province.pack import Action

UNDECLARED = "entity"
"""Noun of the permissions over entities whose type no pack declares."""


@dataclass(frozen=True, slots=True)
class Access:
    """Rights over one declared type, or over all undeclared ones (`type` is None).

    read, personal: where the caller may read entities, and their personal fields.
    public: the type has a public view: `public_where` must hold, and only public fields are shown.
    own: it is the product's own access, which concealed fields are open to.
    keeping: what the further types of an entity keep from this caller.
    """

    type: EntityType | None
    read: Scope
    personal: Scope
    public: bool = False
    own: bool = False
    keeping: Keeping | None = field(default=None, compare=False, repr=False)

    @property
    def everything(self) -> bool:
        """Every entity of the type may be read."""
        return self.read.all

    def admits(self, entity: Entity) -> bool:
        """May this entity be read, if only its public view?"""
        return self.reads(entity) or (self.public and self._is_public(entity))

    def reads(self, entity: Entity) -> bool:
        """May this entity be read whole, but for personal fields? Else it is seen in its public view at most."""
        return self.read.covers(agency=entity.agency, area=entity.area, entity=entity.id)

    def _is_public(self, entity: Entity) -> bool:
        where = self.type.info.public_where if self.type else None
        return where is None or entity.value(where[0]) == where[1]

    def is_personal(self, entity: Entity) -> bool:
        """A type of the entity declares personal fields: whoever reads it is written down, by name of the entity."""
        return any(s.field.personal for kind in self._kinds(entity) for s in kind.fields.values())

    def personal_in(self, entity: Entity) -> set[str]:
        """Names of the personal fields that an entity holds, as it is shown."""
        names = {split_key(key)[0] for key in entity.attrs}
        kinds = self._kinds(entity)
        return {n for n in names if any(n in kind.fields and kind.fields[n].field.personal for kind in kinds)}

    def _kinds(self, entity: Entity) -> list[EntityType]:
        """The declared types of an entity."""
        if len(entity.types) == 1 or self.keeping is None:
            return [self.type] if self.type is not None else []
        return [kind for name in entity.types if (kind := self.keeping.declared.types.get(name)) is not None]

    def show(self, entity: Entity) -> Entity:
        """The entity without the attributes that the caller may not see."""
        attrs = {k: a for k, a in entity.attrs.items() if self.reveals(entity, split_key(k)[0])}
        return entity if len(attrs) == len(entity.attrs) else msgspec.structs.replace(entity, attrs=attrs)

    def reveals(self, entity: Entity, name: str) -> bool:
        """May the caller see this attribute of this entity?"""
        if len(entity.types) > 1 and self.keeping is not None and self.keeping.hides(entity, name, self.type):
            return False
        if self.type is None:
            return True
        spec = self.type.fields.get(name)
        if self._conceals(name):
            return False
        if not self.reads(entity):
            return spec is not None and spec.field.public
        if spec is None or not spec.field.personal:
            return True
        return self.personal.covers(agency=entity.agency, area=entity.area, entity=entity.id)

    def _conceals(self, name: str) -> bool:
        spec = self.type.fields.get(name) if self.type else None
        return spec is not None and spec.field.concealed and not self.own

    def narrowed(self, names: Iterable[str]) -> Access:
        """For a question about attributes that the public view lacks, a reader's own entities are the whole answer."""
        if not self.public or self.read.nothing or self.type is None or self.read.all:
            return self
        fields = self.type.fields
        hidden = any(n not in fields or not fields[n].field.public for n in names)
        return replace(self, public=False) if hidden else self

    def shows(self, name: str) -> bool:
        """May the caller filter or sort by this attribute? Only when it may be seen on every entity in reach.

        Of entities of several types that is for `admission.open_to` to look at, row by row.
        """
        if self.type is None:
            return True
        spec = self.type.fields.get(name)
        if self._conceals(name):
            return False
        if self.read.nothing or (self.public and not self.read.all):
            return spec is not None and spec.field.public
        return spec is None or not spec.field.personal or self.personal.all or self.personal == self.read


@dataclass(frozen=True, slots=True)
class Answer:
    """May the actor do this to the entity? grounds: what each of their grants contributes."""

    permission: str
    title: Label | None
    allowed: bool
    grounds: tuple[Ground, ...]


@dataclass(frozen=True, slots=True)
class Explanation:
    """What an actor may do with an entity, by the same code that decides it.

    reads: they are shown the record.  public: only its public view.  shown, hidden: fields of what it holds.
    """

    type: str
    agency: str | None
    area: str | None
    reads: bool
    public: bool
    shown: tuple[str, ...]
    hidden: tuple[str, ...]
    answers: tuple[Answer, ...]


class Rights:
    """The policy door as the broker uses it."""

    def __init__(self, types: Mapping[str, EntityType]) -> None:
        self._types = types
        self._declared = Declared.of(types)

    def to_read(self, actor: Actor, type_name: str | None, keeping: Keeping | None = None) -> Access | None:
        """Access to a type (None: the undeclared ones), or None when the caller may read nothing of it."""
        entity_type = self._types.get(type_name) if type_name else None
        noun = entity_type.noun if entity_type else UNDECLARED
        read = policy.scope(actor, f"{noun}.read")
        public = entity_type is not None and entity_type.info.public
        if read.nothing and not public:
            return None
        own = actor.kind == "system"
        personal = policy.scope(actor, f"{noun}.personal")
        return Access(entity_type, read, personal, public, own, keeping or self.keeping(actor))

    def keeping(self, actor: Actor) -> Keeping:
        """What further types keep from the caller: one object for all types of a question works it out once."""
        return Keeping(actor, self._declared, actor.kind == "system")

    def readable(self, actor: Actor, type_names: tuple[str, ...]) -> list[Access]:
        """Access to each of the types, or to all of them for an empty tuple. Undeclared types share one Access."""
        names: list[str | None] = list(dict.fromkeys(n if n in self._types else None for n in type_names))
        if not type_names:
            names = [*self._types, None]
        keeping = self.keeping(actor)
        return [access for name in names if (access := self.to_read(actor, name, keeping)) is not None]

    def require(
        self, actor: Actor, permission: str, agencies: tuple[str | None, ...], area: str | None, entity: str | None
    ) -> None:
        """Raises: NotSignedIn, NotAllowed. Both the present and the future owner must be within the caller's rights."""
        for agency in agencies:
            policy.require(actor, permission, agency=agency, area=area, entity=entity)

    def everywhere(self, actor: Actor, permission: str) -> bool:
        """Whether the actor holds the permission over all that there is."""
        return policy.scope(actor, permission).all

    def require_open(self, entity_type: EntityType | None, keys: Iterable[str]) -> None:
        """Raises: NotAllowed when a caller writes a concealed field."""
        if entity_type is None or not entity_type.concealed:
            return
        for key in keys:
            name, _ = split_key(key)
            if name in entity_type.concealed:
                raise NotAllowed(f"{name!r} is written by actions alone.", field=name, remedy="Leave it out.")

    def allows(self, actor: Actor, permission: str, entity: Entity) -> bool:
        """Whether the actor holds the permission over this entity."""
        return policy.allows(actor, permission, agency=entity.agency, area=entity.area, entity=entity.id)

    def explain(self, actor: Actor, entity: Entity, actions: Iterable[Action]) -> Explanation:
        """Every answer about one entity. It holds no value of the entity."""
        entity_type = self._types.get(entity.type)
        noun = entity_type.noun if entity_type else UNDECLARED
        access = self.to_read(actor, entity.type)
        admitted = access is not None and access.admits(entity)
        names = dict.fromkeys(split_key(key)[0] for key in entity.attrs)
        shown = tuple(n for n in names if admitted and access is not None and access.reveals(entity, n))
        asked: list[tuple[str, Label | None]] = [(f"{noun}.{verb}", None) for verb in _VERBS]
        asked += [(a.needs, a.title) for a in actions if not a.creates and a.record.TYPE.name == entity.type]  # type: ignore[attr-defined]
        answers = []
        for permission, title in asked:
            allowed, grounds = policy.grounds(
                actor, permission, agency=entity.agency, area=entity.area, entity=entity.id
            )
            answers.append(Answer(permission, title, allowed, grounds))
        return Explanation(
            type=entity.type,
            agency=entity.agency,
            area=entity.area,
            reads=admitted,
            public=admitted and access is not None and not access.reads(entity),
            shown=shown,
            hidden=tuple(n for n in names if n not in shown),
            answers=tuple(answers),
        )


_VERBS = ("read", "personal", "change", "delete")
