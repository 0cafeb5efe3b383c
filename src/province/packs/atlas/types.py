"""Figures: single facts about the province that other work starts from, each with its day, source and confidence."""

# ruff: noqa: N815 - NGSI-LD attribute names are camelCase

from __future__ import annotations

from typing import Annotated, Any, ClassVar, Final

from province.model.label import Label
from province.model.schema import Field, Record, TypeInfo
from province.model.unit import lookup

CONFIDENCE: Final = (
    ("confirmed", Label("Đã được xác nhận", "Confirmed")),
    ("read", Label("Đọc từ nguồn công khai", "Read in a public source")),
    ("general", Label("Hiểu biết chung", "General knowledge")),
    ("estimate", Label("Ước tính", "Estimate")),
)


class Figure(Record, frozen=True, kw_only=True):
    """One fact. `quantity` brings its unit along; it is absent when the fact was looked for and not found.

    `asOf`: the day that it describes; None: not known.  `area`: the unit it speaks of.
    """

    TYPE: ClassVar[TypeInfo] = TypeInfo(
        "Figure",
        Label("Số liệu", "Figure"),
        unique=(("code",),),
        title="title",
        public=True,
        icon="figure",
    )

    code: Annotated[str, Field(Label("Khoá", "Key"), indexed=True, public=True)]
    title: Annotated[str, Field(Label("Nội dung", "What"), indexed=True, search=True, public=True)]
    titleEn: Annotated[str, Field(Label("Nội dung (tiếng Anh)", "What (English)"), search=True, public=True)] = ""
    quantity: Annotated[
        dict[str, Any] | None,
        Field(
            Label("Giá trị", "Value"),
            public=True,
            hint=Label('Dạng {"value": 75, "unitCode": "KMT"}', 'As {"value": 75, "unitCode": "KMT"}'),
        ),
    ] = None
    area: Annotated[str | None, Field(Label("Địa bàn", "Area"), indexed=True, public=True, ref="Area")] = None
    asOf: Annotated[str | None, Field(Label("Tại ngày", "As of"), indexed=True, public=True)] = None
    confidence: Annotated[
        str,
        Field(
            Label("Độ tin cậy", "Confidence"),
            indexed=True,
            public=True,
            values=tuple(c for c, _ in CONFIDENCE),
            names=CONFIDENCE,
        ),
    ]
    source: Annotated[str, Field(Label("Nguồn", "Source"), public=True)]
    sourceDate: Annotated[str, Field(Label("Ngày của nguồn", "Date of the source"), public=True)]


def quantity(value: float, unit: str) -> dict[str, Any]:
    """A value with its UN/CEFACT unit code, in the words of schema.org. Raises: InvalidInput for an unknown unit."""
    lookup(unit)
    return {"value": value, "unitCode": unit}
