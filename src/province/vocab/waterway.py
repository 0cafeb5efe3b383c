"""Rivers, streams, canals, lakes and reservoirs: what flood levels, bridges and water quality speak of."""

# ruff: noqa: N815 - NGSI-LD attribute names are camelCase

from __future__ import annotations

from typing import Annotated, ClassVar, Final

from province.model.geometry import Geometry
from province.model.label import Label
from province.model.schema import Field, Record, TypeInfo
from province.model.unit import Unit

KINDS: Final = (
    ("river", Label("Sông", "River")),
    ("stream", Label("Suối, rạch", "Stream")),
    ("canal", Label("Kênh", "Canal")),
    ("lake", Label("Hồ tự nhiên", "Lake")),
    ("reservoir", Label("Hồ chứa", "Reservoir")),
)
STANDING: Final[frozenset[str]] = frozenset(("lake", "reservoir"))
"""Kinds whose place is a surface; the others are lines."""


class Waterway(Record, frozen=True, kw_only=True):
    """A named water. `error`: how far the drawn line or shore may lie from the water; None: not known."""

    TYPE: ClassVar[TypeInfo] = TypeInfo(
        "Waterway",
        Label("Sông, hồ", "River or lake"),
        unique=(("code",),),
        place="location",
        title="name",
        public=True,
        icon="river",
    )

    code: Annotated[str, Field(Label("Mã", "Code"), indexed=True, public=True)]
    name: Annotated[str, Field(Label("Tên", "Name"), indexed=True, search=True, public=True)]
    kind: Annotated[
        str, Field(Label("Loại", "Kind"), indexed=True, public=True, values=tuple(k for k, _ in KINDS), names=KINDS)
    ]
    location: Annotated[Geometry | None, Field(Label("Vị trí", "Place"), public=True)] = None
    approximate: Annotated[bool, Field(Label("Vị trí gần đúng", "Approximate place"), indexed=True, public=True)] = (
        False
    )
    error: Annotated[
        float | None, Field(Label("Sai số vị trí", "Error of the place"), public=True, minimum=0), Unit("MTR")
    ] = None
    source: Annotated[str, Field(Label("Nguồn", "Source"), public=True)] = ""
    sourceDate: Annotated[str | None, Field(Label("Ngày của nguồn", "Date of the source"), public=True)] = None


def waterway_id(code: str) -> str:
    """Id of the water with this key of ours: `urn:ngsi-ld:Waterway:song-be`."""
    return f"urn:ngsi-ld:Waterway:{code}"
