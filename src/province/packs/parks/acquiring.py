"""Land that a plan chose, on its way to those who build: compensated, handed over, or given up. Pure."""

from __future__ import annotations

from typing import Annotated, Final

from province.errors import Conflict, InvalidInput
from province.model.change import Change
from province.model.label import Label
from province.model.record import change
from province.model.schema import Field
from province.model.time import read_past_day
from province.pack import Context
from province.packs.parks.types import LandParcel
from province.vocab.case import require_state, require_text

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


def _number(text: str) -> str:
    require_text(text, "decision", "A decision has a number: give it.")
    return text.strip()


def _past(text: str, context: Context) -> str:
    return read_past_day(text, context.now).isoformat()
