"""The page of help at once: whom to call, before any form."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from starlette.responses import Response

from province.console.visit import Visit
from province.model.label import Label

HOME: Final = "/sos"


@dataclass(frozen=True, slots=True)
class Number:
    """A number that is free to call from every telephone."""

    digits: str
    who: Label
    when: Label


NUMBERS: Final = (
    Number("113", Label("Công an", "Police"), Label("an ninh, trật tự, tội phạm", "crime, security and order")),
    Number(
        "114", Label("Cứu hoả, cứu nạn", "Fire and rescue"), Label("cháy, nổ, người mắc kẹt", "fire, people trapped")
    ),
    Number("115", Label("Cấp cứu", "Ambulance"), Label("tai nạn, bệnh nguy kịch", "accidents, mortal illness")),
)
"""National emergency numbers of Vietnam, in the order of the number."""


async def sos(visit: Visit) -> Response:
    """The page."""
    return visit.page("sos.html", {"numbers": NUMBERS})
