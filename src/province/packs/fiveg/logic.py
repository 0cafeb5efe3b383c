"""What happens to a radio site: its permit, its first day on air, its end. Pure."""

from __future__ import annotations

from typing import Annotated, Any, Final

from province.errors import Conflict, InvalidInput
from province.model.change import Change
from province.model.label import Label
from province.model.record import change
from province.model.schema import Field
from province.model.time import read_past_day
from province.pack import Context
from province.packs.fiveg.types import FIFTH, RadioSite
from province.vocab.area import parse_day

_DAY: Final = Label("Ngày", "Day")
_DAY_HINT: Final = Label("Dạng 2026-11-25", "As 2026-11-25")


def permit(
    site: RadioSite,
    *,
    context: Context,
    number: Annotated[str, Field(Label("Số giấy phép xây dựng", "Building permit"))],
    day: Annotated[str, Field(_DAY, hint=_DAY_HINT)],
    until: Annotated[str, Field(Label("Có hiệu lực đến ngày", "Valid until"), hint=_DAY_HINT)] = "",
) -> list[Change]:
    """Record the building permit of a planned site. Raises: Conflict, InvalidInput."""
    if site.status != "planned":
        raise Conflict(f"the site is {site.status}.", field="status", remedy="Only a planned site gets a permit.")
    given = read_past_day(day, context.now).isoformat()
    ends = parse_day(until, field="until") if until else None
    if ends is not None and ends <= given:
        raise InvalidInput(f"{ends} is not after {given}.", field="until", remedy="Give the day on which it ends.")
    return [
        change(
            site, event="radiosite.permitted", status="permitted", permit=number, permitDate=given, permittedUntil=ends
        )
    ]


def switch_on(
    site: RadioSite,
    *,
    context: Context,
    day: Annotated[str, Field(_DAY, hint=_DAY_HINT)],
    inspection: Annotated[str, Field(Label("Giấy chứng nhận kiểm định", "Inspection certificate"))] = "",
    technology: Annotated[str, Field(Label("Công nghệ", "Technology"), values=("4G", "5G"))] = FIFTH,
) -> list[Change]:
    """Record that it sends from a day on. Raises: Conflict, InvalidInput."""
    if site.status == "removed":
        raise Conflict("the site was removed.", field="status", remedy="Register a new one.")
    values: dict[str, Any] = {
        "technologies": tuple(dict.fromkeys((*site.technologies, technology))),
        "onAirSince": site.onAirSince or read_past_day(day, context.now).isoformat(),
        "inspection": inspection or site.inspection,
    }
    return [change(site, event="radiosite.switched_on", status="on_air", **values)]


def remove(
    site: RadioSite, *, context: Context, reason: Annotated[str, Field(Label("Lý do", "Reason"))] = ""
) -> list[Change]:
    """Record that the mast was taken down. Raises: Conflict."""
    if site.status == "removed":
        raise Conflict("the site was removed before.", field="status")
    return [change(site, event="radiosite.removed", status="removed", source=reason or site.source)]
