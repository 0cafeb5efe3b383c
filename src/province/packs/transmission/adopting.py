"""What approved plans of rings and of capacity become: planned cables, and upgrades that are decided. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from province.errors import Conflict
from province.model.query import Where
from province.model.study import Feature
from province.pack import Adoption
from province.packs.transmission import network
from province.packs.transmission.types import FibreRoute, TransmissionLink
from province.vocab.study import Study


def cable(feature: Feature, study: Study, id: str, code: str) -> FibreRoute:
    """A new cable as planned. One that the register holds as planned keeps its entry."""
    given = feature.properties
    return FibreRoute(
        id=feature.id if feature.id.startswith("urn:ngsi-ld:FibreRoute:") else id,
        code=code,
        name=feature.name,
        start=str(given["start"]),
        finish=str(given["finish"]),
        status="planned",
        length=float(given["metres"]),
        shares=network.listed(given.get("shares")),
        plan=study.id,
        location=feature.geometry,
        source=study.cited,
    )


def take_cable(held: FibreRoute, item: FibreRoute) -> Mapping[str, Any]:
    """A candidate of the register. Raises: Conflict when it was built since the plan was computed."""
    if held.status != "planned":
        raise Conflict(f"the cable {held.code} is {held.status}.", field="status", remedy="Compute the plan anew.")
    return {}


def upgrade(feature: Feature, study: Study, id: str, code: str) -> TransmissionLink | None:
    """A system with what the plan raises it to within its budget; None for one that stays as it is."""
    given = feature.properties
    if given.get("paid", 0.0) <= given["capacity"]:
        return None
    return TransmissionLink(
        id=id,
        code=feature.id,
        name=feature.name,
        start=str(given["start"]),
        finish=str(given["finish"]),
        capacity=float(given["capacity"]),
        upgradeTo=float(given["paid"]),
        upgradeYear=int(given["year"]),
        plan=study.id,
        source=study.cited,
    )


def take_system(held: TransmissionLink, item: TransmissionLink) -> Mapping[str, Any]:
    """The decided upgrade of a system of the register. Raises: Conflict when it has one, or carries as much by now."""
    if held.upgradeTo is not None or held.status == "retired" or held.capacity >= (item.upgradeTo or 0.0):
        why = "has another upgrade" if held.upgradeTo is not None else f"is {held.status} with {held.capacity:g} Gbit/s"
        raise Conflict(f"the system {held.code} {why}.", field="upgradeTo", remedy="Compute the plan anew.")
    return {"upgradeTo": item.upgradeTo, "upgradeYear": item.upgradeYear}


CABLES: Final = Adoption(
    layer="sections",
    of=FibreRoute,
    entry=cable,
    built=(Where("status", "in", ["in_service", "interrupted"]),),
    size="length",
    public=True,
    over=take_cable,
)
UPGRADES: Final = Adoption(
    layer="systems", of=TransmissionLink, entry=upgrade, built=(), public=True, over=take_system, by="plansDone"
)
