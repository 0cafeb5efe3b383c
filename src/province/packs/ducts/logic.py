"""What happens to a duct section: it is laid, or dropped. Pure."""

from __future__ import annotations

from typing import Annotated

from province.errors import Conflict
from province.model.change import Change
from province.model.label import Label
from province.model.record import change
from province.model.schema import Field
from province.model.time import read_past_day
from province.model.unit import Unit
from province.pack import Context
from province.packs.ducts.types import DuctSection


def lay(
    section: DuctSection,
    *,
    context: Context,
    day: Annotated[str, Field(Label("Ngày đặt ống", "Laid on"), hint=Label("Dạng 2026-11-25", "As 2026-11-25"))],
    length: Annotated[
        float | None,
        Field(
            Label("Chiều dài đo được", "Length as measured"),
            minimum=0,
            hint=Label("Để trống: như dự kiến", "Empty: as planned"),
        ),
        Unit("MTR"),
    ] = None,
    permit: Annotated[str, Field(Label("Số giấy phép đào đường", "Road-opening permit"))] = "",
) -> list[Change]:
    """Record that the ducts lie in the ground. Raises: Conflict, InvalidInput."""
    _require_planned(section)
    found = read_past_day(day, context.now, of="on which it was laid")
    return [
        change(
            section, event="ductsection.buried", status="laid", laidOn=found.isoformat(),
            length=section.length if length is None else length, decision=permit or section.decision,
        )
    ]  # fmt: skip


def drop(
    section: DuctSection, *, context: Context, reason: Annotated[str, Field(Label("Lý do", "Reason"))]
) -> list[Change]:
    """Say that a planned section is not built. Raises: Conflict."""
    _require_planned(section)
    return [change(section, event="ductsection.dropped", status="dropped", source=reason)]


def _require_planned(section: DuctSection) -> None:
    if section.status != "planned":
        raise Conflict(f"the section is {section.status}.", field="status", remedy="Only a planned one can change.")
