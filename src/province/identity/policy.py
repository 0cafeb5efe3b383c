"""The one policy door: may this actor do that, to something of this agency in this area? Default: no.

A permission is `noun.verb`. The nouns are entity types in lower case (`report`, `airqualityobserved`) and those of
`GUARDED`; the verbs of entities are read, create, change, delete, observe, personal, and the names of actions.
Anonymous callers hold nothing; what a type marks public is the broker's affair. A device (its actor id is the id of
its entity) may observe its own entity and nothing else, whatever it was granted.

Grants with areas compare codes as they are: who calls with an atom of the territory grants atoms.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Final, Literal

import msgspec

from province.errors import InvalidInput, NotAllowed, NotSignedIn
from province.model.actor import Actor, Grant

GUARDED: Final = frozenset(
    ("account", "audit", "breakglass", "consent", "context", "erasure", "grant", "key", "registration", "role",
     "secret", "session", "subscription", "system", "tenant", "token")
)  # fmt: skip
"""Nouns that the pattern `*.verb` leaves out: `*.read` reads entities, not accounts. Only `*` reaches them unnamed."""

_PATTERN = re.compile(r"(\*|[^\s*]+)\.(\*|[a-z][a-z0-9_-]*)")
_NO_AREAS: Final[frozenset[str]] = frozenset()


class Scope(msgspec.Struct, frozen=True, kw_only=True):
    """Where a permission holds: everywhere, or in the union of its parts, or (no parts) nowhere.

    agencies: everything owned by these.  areas: everything inside these.  pairs: (agency, area), both must match.
    entities: these ids, whoever owns them.
    """

    all: bool = False
    agencies: frozenset[str] = frozenset()
    areas: frozenset[str] = frozenset()
    pairs: frozenset[tuple[str, str]] = frozenset()
    entities: frozenset[str] = frozenset()

    @property
    def nothing(self) -> bool:
        """The permission holds nowhere."""
        return not (self.all or self.agencies or self.areas or self.pairs or self.entities)

    def covers(self, *, agency: str | None = None, area: str | None = None, entity: str | None = None) -> bool:
        """Whether something of this agency, in this area, with this id lies inside. None: has none."""
        return (
            self.all
            or agency in self.agencies
            or area in self.areas
            or entity in self.entities
            or (agency, area) in self.pairs
        )


NOWHERE: Final = Scope()
EVERYWHERE: Final = Scope(all=True)


def check_pattern(pattern: str, *, field: str = "permission") -> str:
    """Return a permission or pattern that is well formed. Raises: InvalidInput."""
    if pattern != "*" and not (_PATTERN.fullmatch(pattern) and pattern.isprintable()):
        raise InvalidInput(
            f"{pattern[:80]!r} is not a permission.",
            field=field,
            remedy="Give noun.verb, noun.*, *.verb or *, such as report.read.",
        )
    return pattern


def matches(pattern: str, permission: str) -> bool:
    """Whether `pattern` contains `permission`, which may be a pattern itself (then: contains all of it)."""
    if pattern in ("*", permission):
        return True
    if permission == "*":
        return False
    noun, _, verb = pattern.rpartition(".")
    wanted_noun, _, wanted_verb = permission.rpartition(".")
    noun_fits = noun == wanted_noun or (noun == "*" and wanted_noun not in GUARDED)
    return noun_fits and verb in ("*", wanted_verb)


def intersect(first: str, second: str) -> str | None:
    """The pattern of all permissions that both patterns contain, or None."""
    if matches(first, second):
        return second
    if matches(second, first):
        return first
    noun, _, verb = first.rpartition(".")
    other_noun, _, other_verb = second.rpartition(".")
    both_noun = _meet(noun, other_noun)
    both_verb = _meet(verb, other_verb)
    if both_noun is None or both_verb is None or (both_noun in GUARDED and "*" in (noun, other_noun)):
        return None
    return f"{both_noun}.{both_verb}"


def _meet(first: str, second: str) -> str | None:
    if first == "*" or first == second:
        return second
    return first if second == "*" else None


def narrow(grants: Iterable[Grant], permissions: Iterable[str], agency: str | None) -> tuple[Grant, ...]:
    """The grants cut down to `permissions` and, unless None, to `agency`: never more than either side."""
    wanted = tuple(permissions)
    kept = []
    for grant in grants:
        if agency is not None and grant.agency not in (None, agency):
            continue
        both = frozenset(p for have in grant.permissions for w in wanted if (p := intersect(have, w)) is not None)
        if both:
            owner = agency if grant.agency is None else grant.agency
            kept.append(Grant(grant.role, both, owner, grant.areas, grant.entities))
    return tuple(kept)


def scope(actor: Actor, permission: str) -> Scope:
    """Where the actor holds the permission. The broker turns the answer into conditions of its queries."""
    if actor.kind == "anonymous":
        return NOWHERE
    if actor.kind == "device":
        return Scope(entities=frozenset((actor.id,))) if permission.rpartition(".")[2] == "observe" else NOWHERE
    found = [reach for grant in actor.grants if (reach := reach_of(grant, permission)) is not NOWHERE]
    if any(one.all for one in found):
        return EVERYWHERE
    return Scope(
        agencies=frozenset().union(*(one.agencies for one in found)),
        areas=frozenset().union(*(one.areas for one in found)),
        pairs=frozenset().union(*(one.pairs for one in found)),
        entities=frozenset().union(*(one.entities for one in found)),
    )


def reach_of(grant: Grant, permission: str) -> Scope:
    """Where this one grant gives the permission."""
    if not any(matches(pattern, permission) for pattern in grant.permissions):
        return NOWHERE
    if grant.entities:
        return Scope(entities=grant.entities)
    if grant.agency is None and not grant.areas:
        return EVERYWHERE
    if grant.agency is None:
        return Scope(areas=grant.areas)
    if not grant.areas:
        return Scope(agencies=frozenset((grant.agency,)))
    return Scope(pairs=frozenset((grant.agency, area) for area in grant.areas))


Why = Literal["gives", "lacks", "elsewhere"]


class Ground(msgspec.Struct, frozen=True, kw_only=True):
    """What one grant says to a question. pattern: of its permissions, the one that answers; "" for none.

    why: it gives the permission here; it lacks the permission; it gives it, but over something else.
    """

    grant: Grant
    why: Why
    pattern: str = ""


def grounds(
    actor: Actor, permission: str, *, agency: str | None = None, area: str | None = None, entity: str | None = None
) -> tuple[bool, tuple[Ground, ...]]:
    """The answer of `allows`, and what each grant contributes to it: for people who ask why."""
    found = []
    for grant in actor.grants:
        pattern = next((p for p in sorted(grant.permissions) if matches(p, permission)), "")
        here = reach_of(grant, permission).covers(agency=agency, area=area, entity=entity)
        found.append(Ground(grant=grant, why="gives" if here else "elsewhere" if pattern else "lacks", pattern=pattern))
    return allows(actor, permission, agency=agency, area=area, entity=entity), tuple(found)


def allows(
    actor: Actor,
    permission: str,
    *,
    agency: str | None = None,
    area: str | None = None,
    type: str | None = None,
    entity: str | None = None,
) -> bool:
    """Whether the actor may. agency, area, entity: of what it is done to; None: it has none.

    type: entity type; then `permission` may be the verb alone (`read` with type `Report` is `report.read`).
    A grant limited to an agency or to areas does not reach what has none: ask `scope(…)` for "anywhere at all".
    """
    wanted = _named(permission, type)
    return scope(actor, wanted).covers(agency=agency, area=area, entity=entity)


def require(
    actor: Actor,
    permission: str,
    *,
    agency: str | None = None,
    area: str | None = None,
    type: str | None = None,
    entity: str | None = None,
) -> None:
    """`allows` or raise. Raises: NotSignedIn for anonymous callers, NotAllowed naming the missing permission."""
    if allows(actor, permission, agency=agency, area=area, type=type, entity=entity):
        return
    wanted = _named(permission, type)
    if actor.kind == "anonymous":
        raise NotSignedIn(f"This needs the permission {wanted}.", remedy="Sign in, or send a token.")
    where = "".join(
        f" {word} {value}" for word, value in (("of agency", agency), ("in area", area)) if value is not None
    )
    raise NotAllowed(
        f"{actor.name or actor.id} lacks the permission {wanted}{where}.",
        field=wanted,
        remedy="Ask an administrator for a role that holds it.",
    )


def require_somewhere(actor: Actor, permission: str) -> None:
    """Refuse who holds the permission nowhere: for deeds that concern no agency or area, such as an upload.

    Raises: NotSignedIn, NotAllowed.
    """
    if scope(actor, permission).nothing:
        require(actor, permission)


def holds(actor: Actor, grants: Iterable[Grant]) -> bool:
    """Whether the actor holds everything that `grants` give: nobody may hand out, or take over, more than they have."""
    for grant in grants:
        for pattern in grant.permissions:
            have = scope(actor, pattern)
            areas: Iterable[str | None] = grant.areas or (None,)
            if not all(have.covers(agency=grant.agency, area=area) for area in areas):
                return False
    return True


def sees_personal(actor: Actor, noun: str, agency: str | None = None, area: str | None = None) -> bool:
    """Whether the actor may see fields marked personal of entities of this noun."""
    return allows(actor, f"{noun}.personal", agency=agency, area=area)


def _named(permission: str, type: str | None) -> str:
    return permission if type is None or "." in permission else f"{type.lower()}.{permission}"
