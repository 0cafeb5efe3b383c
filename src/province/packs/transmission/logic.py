"""What happens to cables and systems: put into service, interrupted, lent, upgraded. Pure."""

from __future__ import annotations

from typing import Annotated, Final

from province.errors import Conflict, InvalidInput
from province.model.change import Change
from province.model.label import Label
from province.model.record import change
from province.model.schema import Field
from province.model.time import civil_date, read_past_day
from province.model.unit import Unit
from province.pack import Context
from province.packs.transmission.types import FibreRoute, TransmissionLink

_REASON: Final = Label("Lý do", "Reason")
_EARLIEST: Final = 1990


def commission(
    route: FibreRoute,
    *,
    context: Context,
    day: Annotated[
        str, Field(Label("Ngày đưa vào khai thác", "In service since"), hint=Label("Dạng 2026-11-25", "As 2026-11-25"))
    ],
    length: Annotated[
        float | None,
        Field(
            Label("Chiều dài đo được", "Length as measured"),
            minimum=0,
            hint=Label("Để trống: như dự kiến", "Empty: as planned"),
        ),
        Unit("MTR"),
    ] = None,
) -> list[Change]:
    """Record that a planned cable is in service. Raises: Conflict, InvalidInput."""
    if route.status != "planned":
        raise Conflict(f"the cable is {route.status}.", field="status", remedy="Only a planned one comes into service.")
    found = read_past_day(day, context.now)
    return [
        change(
            route, event="fibreroute.commissioned", status="in_service", year=found.year,
            length=route.length if length is None else length,
        )
    ]  # fmt: skip


def interrupt(route: FibreRoute, *, context: Context, reason: Annotated[str, Field(_REASON)]) -> list[Change]:
    """Record that a cable is broken or closed. Raises: Conflict."""
    if route.status != "in_service":
        raise Conflict(f"the cable is {route.status}.", field="status", remedy="Only one in service is interrupted.")
    return [change(route, event="fibreroute.interrupted", status="interrupted", remark=reason)]


def restore(
    route: FibreRoute, *, context: Context, note: Annotated[str, Field(Label("Ghi chú", "Remark"))] = ""
) -> list[Change]:
    """Record that an interrupted cable carries again. Raises: Conflict."""
    if route.status != "interrupted":
        raise Conflict(f"the cable is {route.status}.", field="status", remedy="Only an interrupted one is restored.")
    return [change(route, event="fibreroute.restored", status="in_service", remark=note or route.remark)]


def allocate(
    route: FibreRoute,
    *,
    context: Context,
    fibres: Annotated[
        int,
        Field(
            Label("Số sợi", "Fibres"),
            minimum=-10_000,
            hint=Label("Số âm: trả lại sợi", "A negative number gives fibres back"),
        ),
        Unit("C62"),
    ],
    holder: Annotated[str, Field(Label("Cho ai", "For whom"))],
) -> list[Change]:
    """Put free fibres to use, or give them back. Raises: Conflict when there are not so many."""
    if route.fibres is None or route.fibresUsed is None:
        raise Conflict("the fibres of this cable are not counted.", field="fibres",
                       remedy="Record how many it has and how many are in use.")  # fmt: skip
    after = route.fibresUsed + fibres
    if not 0 <= after <= route.fibres:
        raise Conflict(
            f"{after} of {route.fibres} fibres would be in use.", field="fibres",
            remedy=f"{max(0, route.fibres - route.fibresUsed)} are free, {route.fibresUsed} are in use.",
        )  # fmt: skip
    return [change(route, event="fibreroute.allocated", fibresUsed=after, remark=f"{fibres:+d}: {holder}")]


def decide(
    link: TransmissionLink,
    *,
    context: Context,
    to: Annotated[float, Field(Label("Nâng lên", "To be raised to"), minimum=0), Unit("B80")],
    year: Annotated[int, Field(Label("Năm", "Year"), minimum=_EARLIEST, maximum=2100), Unit("C62")],
    decision: Annotated[str, Field(Label("Số quyết định", "Decision"))] = "",
) -> list[Change]:
    """Record an upgrade project. Raises: Conflict, InvalidInput."""
    if link.status == "retired":
        raise Conflict("the system is retired.", field="status", remedy="Register a new one.")
    if to <= link.capacity:
        raise InvalidInput(f"{to:g} Gbit/s is no more than the {link.capacity:g} that are lit.", field="to",
                           remedy="Give the capacity after the upgrade.")  # fmt: skip
    if year < civil_date(context.now).year:
        raise InvalidInput(f"{year} is over.", field="year", remedy="Give this year or a later one.")
    return [
        change(link, event="transmissionlink.upgrade_decided", upgradeTo=to, upgradeYear=year,
               decision=decision or link.decision)
    ]  # fmt: skip


def upgrade(link: TransmissionLink, *, context: Context) -> list[Change]:
    """Record that the decided upgrade is lit. Raises: Conflict."""
    if link.upgradeTo is None:
        raise Conflict("no upgrade is decided.", field="upgradeTo", remedy="Record the project first.")
    return [
        change(link, event="transmissionlink.upgraded", status="in_service", capacity=link.upgradeTo, upgradeTo=None,
               upgradeYear=None, plan=None, plansDone=link.plansDone + ((link.plan,) if link.plan else ()))
    ]  # fmt: skip


def abandon(link: TransmissionLink, *, context: Context, reason: Annotated[str, Field(_REASON)]) -> list[Change]:
    """Record that a decided upgrade is not done. Raises: Conflict."""
    if link.upgradeTo is None:
        raise Conflict("no upgrade is decided.", field="upgradeTo")
    return [
        change(link, event="transmissionlink.upgrade_abandoned", upgradeTo=None, upgradeYear=None, plan=None,
               decision=reason)
    ]  # fmt: skip


def record_peak(
    link: TransmissionLink,
    *,
    context: Context,
    year: Annotated[int, Field(Label("Năm", "Year"), minimum=_EARLIEST, maximum=2100), Unit("C62")],
    load: Annotated[float, Field(Label("Lưu lượng đỉnh", "Peak load"), minimum=0), Unit("B80")],
) -> list[Change]:
    """Record the load of the busiest hour of a year: forecasts stand on it. Raises: InvalidInput."""
    if year > civil_date(context.now).year:
        raise InvalidInput(f"{year} has not come yet.", field="year", remedy="Give this year or an earlier one.")
    return [change(link, event="transmissionlink.peaked", peaks={**(link.peaks or {}), str(year): load})]
