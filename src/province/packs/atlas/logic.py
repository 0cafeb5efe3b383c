"""What a steward does with figures: confirm one, with the document that it stands in. Pure."""

from __future__ import annotations

from datetime import date
from typing import Annotated

from province.errors import InvalidInput
from province.model.change import Change
from province.model.label import Label
from province.model.record import change
from province.model.schema import Field
from province.model.time import CIVIL_ZONE
from province.pack import Context
from province.packs.atlas.types import Figure


def confirm(
    figure: Figure,
    *,
    context: Context,
    source: Annotated[str, Field(Label("Văn bản, nguồn", "Document or source"))],
    source_date: Annotated[
        str,
        Field(Label("Ngày của nguồn", "Date of the source"), hint=Label("Dạng 2025-07-01", "As 2025-07-01")),
    ],
    as_of: Annotated[
        str | None,
        Field(Label("Số liệu tại ngày", "Figure as of"), hint=Label("Dạng 2025-07-01", "As 2025-07-01")),
    ] = None,
) -> list[Change]:
    """Confirm a figure as it stands, by the document that holds it. Raises: InvalidInput.

    A figure without a value cannot be confirmed: it is changed first.
    """
    if figure.quantity is None:
        raise InvalidInput("the figure has no value.", field="id", remedy="Write the value first, then confirm it.")
    if not source.strip():
        raise InvalidInput("the source is empty.", field="source", remedy="Name the document with its number.")
    today = context.now.astimezone(CIVIL_ZONE).date()
    return [
        change(
            figure,
            event="figure.confirmed",
            confidence="confirmed",
            source=source.strip(),
            sourceDate=_day(source_date, "source_date", today),
            **({"asOf": _day(as_of, "as_of", None)} if as_of else {}),
        )
    ]


def _day(text: str, field: str, latest: date | None) -> str:
    """A civil day, at most `latest`. Raises: InvalidInput."""
    try:
        day = date.fromisoformat(text.strip())
    except ValueError:
        raise InvalidInput(f"{text[:40]!r} is not a day.", field=field, remedy="Give yyyy-mm-dd.") from None
    if latest is not None and day > latest:
        raise InvalidInput(f"{day} has not come yet.", field=field, remedy="Give the day of the document.")
    return day.isoformat()
