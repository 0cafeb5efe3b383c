"""The menu: what this person can open."""

from __future__ import annotations

from dataclasses import dataclass

from province.console.language import mark
from province.console.services import Services
from province.model.actor import Actor
from province.model.label import Label
from province.pack import Action, Map, Pack, Silent, Table


@dataclass(frozen=True, slots=True)
class Entry:
    """One link. text: a message to translate, or a pack's label."""

    href: str
    text: str | Label
    current: bool
    group: str = ""


def entries(services: Services, actor: Actor, path: str) -> list[Entry]:
    """Links in order; those that the actor's rights do not open are left out."""
    found: list[tuple[str, str | Label, str]] = []
    person = actor.kind == "person"
    if services.annex is not None:
        found.append(("/phu-luc-xiv", mark("The plan (Annex XIV)"), ""))
    if person:
        found.append(("/", mark("Overview"), ""))
    found.append(("/map", mark("Map"), ""))
    if person:
        found += [(f"/list/{name}", label, mark("Registers")) for name, label in lists(services, actor)]
        if any(isinstance(p, Silent) for pack in services.broker.packs for p in pack.panels):
            found.append(("/silent", mark("Silent devices"), mark("Operations")))
        if services.may(actor, "letter.read"):
            found.append(("/dead-letters", mark("Dead letters"), mark("Operations")))
        if services.may(actor, "account.read"):
            found.append(("/admin/accounts", mark("Accounts"), mark("Administration")))
        found.append(("/admin/tokens", mark("Tokens and devices"), mark("Administration")))
    if public_action(services) is not None:
        found.append(("/report", mark("Send a report"), mark("For residents")))
    return [Entry(href, text, _is_current(href, path), group) for href, text, group in found]


def public_action(services: Services) -> Action | None:
    """The action behind the form for residents, when a pack declares it."""
    for pack in services.broker.packs:
        for action in pack.actions:
            if action.name == services.report_action and action.public:
                return action
    return None


def lists(services: Services, actor: Actor) -> list[tuple[str, Label]]:
    """(type name, title) of the registers: types that a pack offers as a table, each once, that the actor may read."""
    result: dict[str, Label] = {}
    for panel in panels(services.broker.packs):
        name = panel.of.TYPE.name  # type: ignore[attr-defined]
        if isinstance(panel, Table) and name not in result and readable(services, actor, name):
            result[name] = panel.title
    return list(result.items())


def panels(packs: tuple[Pack, ...]) -> list[Table | Map]:
    """Tables and map layers of all packs, in declared order."""
    return [p for pack in packs for p in pack.panels if isinstance(p, Table | Map)]


def readable(services: Services, actor: Actor, type_name: str) -> bool:
    """May the actor read entities of a type: by right, or because the type is public?"""
    entity_type = services.broker.types.get(type_name)
    if entity_type is None:
        return False
    return entity_type.info.public or services.may(actor, f"{entity_type.noun}.read")


def _is_current(href: str, path: str) -> bool:
    return path == href or (href != "/" and path.startswith(href + "/"))
