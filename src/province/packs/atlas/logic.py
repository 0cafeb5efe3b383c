"""What a steward does with figures: confirm one, with the document that it stands in. Pure."""

from __future__ import annotations

from typing import Annotated

from province.errors import InvalidInput
from province.model.change import Change
from province.model.label import Label
from province.model.record import change
from province.model.schema import Field
from province.model.time import read_day, read_past_day
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
    dated = read_past_day(source_date, context.now, field="source_date", of="of the document")
    return [
        change(
            figure,
            event="figure.confirmed",
            confidence="confirmed",
            source=source.strip(),
            sourceDate=dated.isoformat(),
            **({"asOf": read_day(as_of, field="as_of").isoformat()} if as_of else {}),
        )
    ]
