"""What people do with sensors: register, take out, return, decommission, replace. Pure."""

from __future__ import annotations

import re
from typing import Annotated, Final

import msgspec

from province.errors import InvalidInput
from province.model.change import Change
from province.model.geometry import Geometry, validate
from province.model.label import Label
from province.model.record import create, move
from province.model.schema import Field, describe
from province.pack import Context
from province.packs.devices.types import SENSORS
from province.vocab.sensing import LIFECYCLE, Sensor

KINDS: Final = {describe(t).name: t for t in SENSORS}
_SERIAL = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9_-]{0,62}[A-Za-z0-9])?")


def sensor_id(kind: str, serial: str) -> str:
    """Id of the sensor of a kind with a serial number; it is also a topic level. Raises: InvalidInput."""
    if kind not in KINDS:
        raise InvalidInput(f"{kind!r} is not a kind of device.", field="kind", remedy=f"One of: {', '.join(KINDS)}.")
    if not _SERIAL.fullmatch(serial):
        raise InvalidInput(
            f"{serial[:80]!r} is not a serial number.",
            field="serialNumber",
            remedy="Use 1 to 64 letters, digits, dashes and underscores.",
        )
    return f"urn:ngsi-ld:{kind}:{serial}"


def register(
    *,
    context: Context,
    kind: Annotated[str, Field(Label("Loại thiết bị", "Kind"), values=tuple(KINDS))],
    serial_number: Annotated[str, Field(Label("Số sê-ri", "Serial number"))],
    name: Annotated[str, Field(Label("Tên", "Name"))],
    location: Annotated[Geometry, Field(Label("Vị trí", "Place"))],
    category: Annotated[str | None, Field(Label("Lĩnh vực", "Domain"))] = None,
    model: Annotated[str | None, Field(Label("Kiểu máy", "Model"))] = None,
    gateway: Annotated[str | None, Field(Label("Cổng kết nối", "Gateway"))] = None,
    firmware_version: Annotated[str | None, Field(Label("Phần mềm", "Firmware"))] = None,
) -> list[Change]:
    """Enter a device into the registry, owned by the agency of who registers it.

    Registered is not connected: credentials are issued apart. Raises: InvalidInput.
    """
    new = sensor_id(kind, serial_number)
    return [
        create(
            KINDS[kind](
                id=new,
                serialNumber=serial_number,
                name=name,
                location=validate(location),
                category=category,
                model=model,
                gateway=gateway,
                firmwareVersion=firmware_version,
                dateInstalled=context.now,
            ),
            agency=context.agency,
        )
    ]


_NOTE = Label("Lý do", "Reason")


def take_out(sensor: Sensor, *, context: Context, reason: Annotated[str, Field(_NOTE)]) -> list[Change]:
    """Take a device away for repair; its silence is expected from now on."""
    return [move(sensor, "repair", at=context.now, note=reason)]


def put_back(
    sensor: Sensor, *, context: Context, note: Annotated[str, Field(Label("Ghi chú", "Note"))]
) -> list[Change]:
    """Return a repaired device to service."""
    return [move(sensor, "in_service", at=context.now, note=note)]


def decommission(sensor: Sensor, *, context: Context, reason: Annotated[str, Field(_NOTE)]) -> list[Change]:
    """Take a device out of service for good. Its history stays."""
    return [move(sensor, "decommissioned", at=context.now, note=reason)]


def replace(
    sensor: Sensor,
    *,
    context: Context,
    serial_number: Annotated[str, Field(Label("Số sê-ri máy mới", "Serial number of the new device"))],
    reason: Annotated[str, Field(_NOTE)],
) -> list[Change]:
    """Put another device of the same kind in the place of this one; both changes happen or none."""
    kind = describe(type(sensor)).name
    new = sensor_id(kind, serial_number)
    if new == sensor.id:
        raise InvalidInput("a device cannot replace itself.", field="serial_number", remedy="Give the new serial.")
    successor = msgspec.structs.replace(
        sensor,
        id=new,
        version=0,
        serialNumber=serial_number,
        dateInstalled=context.now,
        lifecycle=LIFECYCLE.initial,
        replacedBy=None,
    )
    return [
        create(successor, agency=context.agency),
        move(sensor, "replaced", at=context.now, note=reason, replacedBy=new),
    ]
