"""The menu: what this person can open."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import groupby
from typing import Final

from province.console.language import mark
from province.console.services import Services
from province.model.actor import Actor
from province.model.label import Label
from province.pack import Action, Map, Pack, Silent, Table

FEW: Final = 12
"""Up to so many registers stand open in the menu; more are folded by pack, but for the one that is being read."""


@dataclass(frozen=True, slots=True)
class Entry:
    """One link. text, group: a message to translate, or a pack's label.  icon: name of a symbol in `icons.svg`."""

    href: str
    text: str | Label
    current: bool
    group: str | Label = ""
    icon: str = "dot"


@dataclass(frozen=True, slots=True)
class Group:
    """Links under one heading. fold: they stand in a fold that the reader opens."""

    title: str | Label
    entries: tuple[Entry, ...]
    fold: bool = False
    open: bool = False


def entries(services: Services, actor: Actor, path: str) -> list[Entry]:
    """Links in order; those that the actor's rights do not open are left out."""
    found: list[tuple[str, str | Label, str | Label, str]] = []
    person = actor.kind == "person"
    if person:
        found.append(("/", mark("Overview"), "", "overview"))
        found.append(("/work", mark("My work"), "", "list"))
    if services.annex is not None:
        found.append(("/phu-luc-xiv", mark("The plan (Annex XIV)"), "", "plan"))
    found.append(("/map", mark("Map"), "", "map"))
    if services.signed_alert is not None:
        found.append(("/alerts/public", mark("Alerts to the public"), "", "alert"))
    if services.land is not None:
        found.append(("/addresses", mark("Addresses, old and new"), "", "search"))
    if person and services.boards is not None:
        found.append(("/boards", mark("Domain boards"), "", "chart"))
        if services.may(actor, "alert.read"):
            found.append(("/alerts", mark("Alerts"), "", "alert"))
    if person and "Incident" in services.broker.types and services.may(actor, "incident.read"):
        found.append(("/centres", mark("Operations centre"), "", "overview"))
    if person and services.studies is not None and services.may(actor, "study.read"):
        found.append(("/studies", mark("Planning studies"), "", "plan"))
    if person:
        found += registers(services, actor)
        operations = mark("Operations")
        if any(isinstance(p, Silent) for pack in services.broker.packs for p in pack.panels):
            found.append(("/silent", mark("Silent devices"), operations, "silent"))
        if services.imports is not None and services.may(actor, "dataimport.create"):
            found.append(("/imports", mark("Import files"), operations, "exchange"))
        found.append(("/wall", mark("Video wall"), operations, "wall"))
        if services.may(actor, "letter.read"):
            found.append(("/dead-letters", mark("Dead letters"), operations, "letter"))
            if services.messages is not None:
                found.append(("/messages", mark("Mail and SMS"), operations, "letter"))
        if services.may(actor, "quality.read"):
            found.append(("/quality", mark("Data quality"), operations, "list"))
        if services.may(actor, "lake.read"):
            found.append(("/lake", mark("Kept readings"), operations, "water"))
        if services.inspecting is not None:
            found += _inspecting(services, actor)
        administration = mark("Administration")
        if services.may(actor, "account.read"):
            found.append(("/admin/accounts", mark("Accounts"), administration, "people"))
        if services.posts is not None:
            found.append(("/admin/organisations", mark("Organisations"), administration, "agency"))
            found.append(("/admin/people", mark("Posts and delegations"), administration, "people"))
        if services.land is not None and services.may(actor, "reorganisation.read"):
            found.append(("/admin/territory", mark("Mergers and splits"), administration, "area"))
        found.append(("/admin/tokens", mark("Tokens and devices"), administration, "key"))
    if public_action(services) is not None:
        found.append(("/sos", mark("Help at once: 113, 114, 115"), mark("For residents"), "alert"))
        found.append(("/report", mark("Send a report"), mark("For residents"), "report"))
    return [Entry(href, text, _is_current(href, path), group, icon) for href, text, group, icon in found]


def _inspecting(services: Services, actor: Actor) -> list[tuple[str, str | Label, str | Label, str]]:
    """Access and its audit: everybody may ask who looked at their own data."""
    access = mark("Access to data")
    found: list[tuple[str, str | Label, str | Label, str]] = [
        ("/my-data", mark("Who has looked at my data"), access, "person")
    ]
    found.append(("/privacy", mark("Protection of personal data"), access, "help"))
    if services.may(actor, "erasure.read"):
        found.append(("/admin/erasures", mark("Erasure of personal data"), access, "key"))
    if services.may(actor, "audit.read"):
        found.append(("/audit", mark("Audit of access"), access, "search"))
    if services.may(actor, "audit.read") or services.may(actor, "grant.read"):
        found.append(("/access", mark("Why can they see it?"), access, "help"))
    if services.may(actor, "audit.read") or services.may(actor, "breakglass.open"):
        found.append(("/break-glass", mark("Break the glass"), access, "alert"))
    return found


def menu(found: list[Entry]) -> list[Group]:
    """The links by their groups; the registers of packs are folded when there are many."""
    registers = [e for e in found if isinstance(e.group, Label)]
    many = len(registers) > FEW
    result = []
    for title, members in groupby(found, key=lambda e: e.group):
        inside = tuple(members)
        fold = many and isinstance(title, Label)
        result.append(Group(title, inside, fold, fold and any(e.current for e in inside)))
    return result


def registers(services: Services, actor: Actor) -> list[tuple[str, Label, Label, str]]:
    """(address, title, title of the pack, icon) of every register that the actor may read, pack by pack."""
    seen: set[str] = set()
    result = []
    for pack in services.broker.packs:
        for panel in pack.panels:
            info = panel.of.TYPE  # type: ignore[attr-defined]
            if isinstance(panel, Table) and info.name not in seen and readable(services, actor, info.name):
                seen.add(info.name)
                result.append((f"/list/{info.name}", panel.title, pack.title, info.icon))
    return result


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
