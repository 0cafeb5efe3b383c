"""What people do with a parcel's cash on delivery. Pure."""

from __future__ import annotations

from typing import Annotated

from province.errors import Conflict
from province.model.change import Change
from province.model.label import Label
from province.model.record import change
from province.model.schema import Field
from province.pack import Context
from province.packs.post.types import Parcel


def collect(parcel: Parcel, *, context: Context) -> list[Change]:
    """Record that the addressee paid, where no scan said so. Raises: Conflict."""
    if parcel.cod is None or parcel.paid != "due":
        raise Conflict("there is no cash to collect.", field="paid", remedy="Only cash that is due can be collected.")
    if parcel.status != "delivered":
        raise Conflict(f"the parcel is {parcel.status}.", field="status", remedy="Cash is collected at delivery.")
    return [change(parcel, event="parcel.collected", paid="collected")]


def hand_over(
    parcel: Parcel,
    *,
    context: Context,
    receipt: Annotated[
        str, Field(Label("Số chứng từ", "Receipt"), hint=Label("Phiếu chi, lệnh chuyển", "Voucher or transfer"))
    ],
) -> list[Change]:
    """Record that the collected cash reached the sender. Raises: Conflict."""
    if parcel.paid != "collected":
        raise Conflict(
            f"the cash is {parcel.paid or 'none'}.", field="paid", remedy="Only collected cash can be handed over."
        )
    return [change(parcel, event="parcel.handed_over", paid="handed_over", handedOverAt=context.now, receipt=receipt)]
