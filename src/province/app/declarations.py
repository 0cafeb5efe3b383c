"""What is installed: packs, the types they declare, the roles they extend, their dated constants."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache
from importlib import resources
from importlib.metadata import entry_points

from province.errors import ConfigurationError
from province.model import parameters
from province.model.schema import EntityType, describe
from province.model.time import CIVIL_ZONE, Instant
from province.pack import Pack, Parameters
from province.packs import BUILT_IN
from province.vocab import TYPES

TITLE_VI, TITLE_EN = "Bình Dương số", "Digital Bình Dương"


@dataclass(frozen=True, slots=True)
class Declarations:
    """packs: built-in and installed ones.  types: by NGSI-LD name.  roles: permissions that packs add, by role."""

    packs: tuple[Pack, ...]
    types: Mapping[str, EntityType]
    roles: Mapping[str, tuple[str, ...]]


@cache
def declarations() -> Declarations:
    """Collect everything. Raises: ConfigurationError when two packs claim one type, action or feed."""
    packs = (*BUILT_IN, *_installed())
    types: dict[str, EntityType] = {}
    for record in (*TYPES, *(r for p in packs for r in p.types)):
        entity_type = describe(record)
        if entity_type.name in types:
            raise ConfigurationError(f"the type {entity_type.name} is declared twice.", field=record.__module__)
        types[entity_type.name] = entity_type
    for what, names in (
        ("action", [a.name for p in packs for a in p.actions]),
        ("feed", [f.name for p in packs for f in p.feeds]),
        ("pack", [p.name for p in packs]),
        ("kind of study", [s.name for p in packs for s in p.studies]),
    ):
        for name in {n for n in names if names.count(n) > 1}:
            raise ConfigurationError(f"the {what} {name!r} is declared twice.")
    roles: dict[str, tuple[str, ...]] = {}
    for pack in packs:
        for role, permissions in pack.roles.items():
            roles[role] = (*roles.get(role, ()), *permissions)
    return Declarations(packs, types, roles)


def _installed() -> tuple[Pack, ...]:
    """Packs of other distributions, by the entry point group `province.packs`."""
    found = []
    for point in entry_points(group="province.packs"):
        pack = point.load()
        if not isinstance(pack, Pack):
            raise ConfigurationError(f"the entry point {point.name} of {point.module} is no Pack.")
        found.append(pack)
    return tuple(found)


def parameters_at(pack_name: str, at: Instant) -> Parameters:
    """The dated constants of a pack that hold at an instant."""
    return parameters.at(_parameters(pack_name), at)


def constant_at(pack_name: str, name: str, at: Instant) -> parameters.Parameter | None:
    """A dated constant of a pack with its source, as it held on the civil day of an instant; None when none did."""
    day = at.astimezone(CIVIL_ZONE).date()
    return next((p for p in _parameters(pack_name) if p.name == name and p.holds(day)), None)


@cache
def _parameters(pack_name: str) -> tuple[parameters.Parameter, ...]:
    pack = next(p for p in declarations().packs if p.name == pack_name)
    # The folder of a pack is where its functions live; a pack without rules and actions has no constants to read.
    functions: list[Callable[..., object]] = [r.do for r in pack.rules]
    functions += [a.do for a in pack.actions]
    functions += [f.decode for f in pack.feeds]
    functions += [s.solve for s in pack.studies]
    if not functions:
        return ()
    package = functions[0].__module__.rpartition(".")[0]
    file = resources.files(package).joinpath("params.yaml")
    return parameters.parse(file.read_text("utf-8"), name=f"{pack_name}/params.yaml") if file.is_file() else ()
