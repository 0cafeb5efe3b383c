"""Land that a plan chose, on its way to those who build: compensated, handed over, or given up; and its parks. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Final

from province.errors import Conflict, InvalidInput
from province.model.change import Change
from province.model.label import Label
from province.model.query import Query, Where
from province.model.record import change
from province.model.schema import Field
from province.model.study import some
from province.model.time import read_past_day
from province.pack import Context, Read
from province.packs.parks.types import LandParcel
from province.vocab.area import civil_day
from province.vocab.case import require_state, require_text
from province.vocab.park import IndustrialPark

_WANTED: Final = ("planned", "free", "reserved", "leased")
LAND: Final = Read(
    "parcels",
    lambda e: Query(types=("LandParcel",), where=(Where("park", "==", e.id), Where("status", "in", _WANTED)), limit=20),
    LandParcel,
)
_DAY: Final = Label("Dạng 2026-11-25", "As 2026-11-25")


def compensate(
    parcel: LandParcel,
    *,
    context: Context,
    day: Annotated[str, Field(Label("Ngày bồi thường xong", "Compensated on"), hint=_DAY)],
    decision: Annotated[str, Field(Label("Số quyết định", "Decision"))],
) -> list[Change]:
    """Record that the users of a planned parcel were compensated. Raises: Conflict, InvalidInput."""
    if parcel.compensatedOn is not None:
        raise Conflict(f"it was compensated on {parcel.compensatedOn}.", field="compensatedOn",
                       remedy="Nothing is left to record.")  # fmt: skip
    require_state(parcel.status, "planned")
    return [
        change(parcel, event="landparcel.compensated", compensatedOn=_past(day, context),
               decision=_number(decision))
    ]  # fmt: skip


def hand_over(
    parcel: LandParcel,
    *,
    context: Context,
    day: Annotated[str, Field(Label("Ngày bàn giao", "Handed over on"), hint=_DAY)],
    decision: Annotated[str, Field(Label("Số quyết định giao đất", "Decision"))],
) -> list[Change]:
    """Record that a planned parcel was handed over: it is free for investors from then on.

    Land that nobody uses is handed over without compensation. Raises: Conflict, InvalidInput.
    """
    require_state(parcel.status, "planned")
    found = _past(day, context)
    if parcel.compensatedOn is not None and found < parcel.compensatedOn:
        raise InvalidInput(f"{found} lies before {parcel.compensatedOn}.", field="day",
                           remedy="Its users were compensated on that day.")  # fmt: skip
    return [
        change(parcel, event="landparcel.handed_over", status="free", handedOverOn=found, decision=_number(decision))
    ]


def drop_parcel(
    parcel: LandParcel, *, context: Context, reason: Annotated[str, Field(Label("Lý do", "Reason"))]
) -> list[Change]:
    """Record that the plan goes on without a parcel. Raises: Conflict, InvalidInput without a reason."""
    require_state(parcel.status, "planned")
    require_text(reason, "reason", "Say why.")
    if parcel.compensatedOn is not None:
        raise Conflict(f"its users were compensated on {parcel.compensatedOn}.", field="compensatedOn",
                       remedy="Land that was paid for is handed over.")  # fmt: skip
    return [change(parcel, event="landparcel.dropped", status="dropped", remark=reason.strip())]


def establish(
    park: IndustrialPark,
    *,
    context: Context,
    decision: Annotated[str, Field(Label("Số quyết định thành lập", "Decision that establishes it"))],
) -> list[Change]:
    """Record that a planned park was established: from then on its land counts. Raises: Conflict, InvalidInput."""
    _require_planned(park)
    return [
        change(park, event="industrialpark.established", status=None, source=_number(decision),
               sourceDate=civil_day(context.now))
    ]  # fmt: skip


def forgo(park: IndustrialPark, *, context: Context, parcels: Sequence[LandParcel]) -> list[Change]:
    """Take a planned park out of the register, when all of its land was dropped. Raises: Conflict."""
    _require_planned(park)
    if parcels:
        names = some([one.name for one in parcels])
        raise Conflict(f"parcels of the park are still wanted: {names}.", field="status", remedy="Drop them first.")
    return [Change(op="delete", id=park.id, type="IndustrialPark", expect_version=park.version or None)]


def _require_planned(park: IndustrialPark) -> None:
    if park.status != "planned":
        raise Conflict("the park is established already.", field="status", remedy="Only a planned one can change so.")


def _number(text: str) -> str:
    require_text(text, "decision", "A decision has a number: give it.")
    return text.strip()


def _past(text: str, context: Context) -> str:
    return read_past_day(text, context.now).isoformat()
