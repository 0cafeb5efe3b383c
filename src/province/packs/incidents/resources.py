"""Resources of the four on the spot (bốn tại chỗ): entered, sent, called back. Pure."""

from __future__ import annotations

from typing import Annotated

from province.errors import Conflict
from province.model.geometry import Geometry
from province.model.label import Label
from province.model.record import change, create
from province.model.schema import Field
from province.model.unit import Unit
from province.pack import Context, Effect
from province.packs.incidents.entries import derive, entry
from province.packs.incidents.types import ON_THE_SPOT, EmergencyResource


def list_resource(
    *,
    context: Context,
    name: Annotated[str, Field(Label("Tên", "Name"))],
    kind: Annotated[str, Field(Label("Loại", "Kind"), values=tuple(n for n, _ in ON_THE_SPOT), names=ON_THE_SPOT)],
    area: Annotated[str, Field(Label("Địa bàn", "Area"), ref="Area")],
    quantity: Annotated[float, Field(Label("Số lượng", "Quantity"), minimum=0), Unit("C62")] = 1.0,
    measure: Annotated[str, Field(Label("Đơn vị tính", "Counted in"))] = "",
    contact: Annotated[str | None, Field(Label("Liên hệ", "Contact"), personal=True)] = None,
    location: Annotated[Geometry | None, Field(Label("Vị trí", "Place"))] = None,
) -> list[Effect]:
    """Enter a resource of the four on the spot (bốn tại chỗ)."""
    made = EmergencyResource(
        id=f"urn:ngsi-ld:EmergencyResource:{derive('resource', context)}",
        name=name.strip(),
        kind=kind,
        quantity=quantity,
        measure=measure,
        area=area,
        contact=contact,
        location=location,
    )
    return [create(made, agency=context.agency)]


def send(
    resource: EmergencyResource,
    *,
    context: Context,
    incident: Annotated[str, Field(Label("Tới sự cố", "To the incident"), ref="Incident")],
) -> list[Effect]:
    """Send it to an incident. Raises: Conflict when it is at one."""
    if resource.incident is not None:
        raise Conflict("it is at an incident.", field="incident", remedy="Call it back first.")
    return [
        change(resource, event="emergencyresource.sent", incident=incident, sentAt=context.now),
        entry(context, "note", f"Điều {resource.name} tới sự cố", incident=incident),
    ]


def recall(resource: EmergencyResource, *, context: Context) -> list[Effect]:
    """Call it back. Raises: Conflict when it is free."""
    if resource.incident is None:
        raise Conflict("it is at no incident.", field="incident", remedy="Nothing needs to be called back.")
    return [
        change(resource, event="emergencyresource.returned", incident=None, sentAt=None),
        entry(context, "note", f"Rút {resource.name}", incident=resource.incident),
    ]
