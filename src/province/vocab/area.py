"""Areas of government: province, district, ward, commune. Effective-dated; never identified by a code or a name alone.

A code is used again for another unit after a reform (25747 was Phú Cường and is Thủ Dầu Một since 1 July 2025), so the
identity is the code together with the day from which it holds. Days are civil days of Vietnam in ISO 8601 text
(`2025-07-01`), because that is what a resolution says; text of that form sorts and compares as the days do.
"""

# ruff: noqa: N815 - NGSI-LD attribute names are camelCase

from __future__ import annotations

from collections.abc import Iterable
from datetime import date
from typing import Annotated, ClassVar, Final

from province.errors import InvalidInput
from province.model.geometry import Geometry, contains
from province.model.label import Label
from province.model.schema import Field, Record, TypeInfo
from province.model.time import Instant, civil_date
from province.model.unit import Unit

KINDS: Final[tuple[str, ...]] = ("country", "province", "city", "district", "town", "ward", "commune", "township")
"""Kinds in order of rank: quốc gia; tỉnh or thành phố trực thuộc trung ương; thành phố (of a province); huyện; thị xã;
phường; xã; thị trấn."""

NAMES: Final = (
    ("country", Label("Quốc gia", "Country")),
    ("province", Label("Tỉnh, thành phố", "Province or city")),
    ("city", Label("Thành phố thuộc tỉnh", "City of a province")),
    ("district", Label("Huyện", "District")),
    ("town", Label("Thị xã", "Town")),
    ("ward", Label("Phường", "Ward")),
    ("commune", Label("Xã", "Commune")),
    ("township", Label("Thị trấn", "Township")),
)

LOCAL: Final[frozenset[str]] = frozenset(("ward", "commune", "township"))
"""The lowest tier: the units that a resident belongs to."""


class Area(Record, frozen=True, kw_only=True):
    """A unit of territory from `validFrom` (included) to `validTo` (excluded; absent: still in force)."""

    TYPE: ClassVar[TypeInfo] = TypeInfo(
        "Area",
        Label("Đơn vị hành chính", "Area"),
        unique=(("code", "validFrom"),),
        place="location",
        title="name",
        public=True,
        icon="area",
    )

    code: Annotated[str, Field(Label("Mã", "Code"), indexed=True, public=True)]
    name: Annotated[str, Field(Label("Tên", "Name"), indexed=True, search=True, public=True)]
    kind: Annotated[str, Field(Label("Loại", "Kind"), indexed=True, public=True, values=KINDS, names=NAMES)]
    validFrom: Annotated[str, Field(Label("Hiệu lực từ ngày", "In force from"), indexed=True, public=True)]
    validTo: Annotated[str | None, Field(Label("Hết hiệu lực ngày", "In force until"), indexed=True, public=True)] = (
        None
    )
    parent: Annotated[str | None, Field(Label("Thuộc", "Part of"), indexed=True, public=True, ref="Area")] = None
    successors: Annotated[
        tuple[str, ...],
        Field(
            Label("Trở thành", "Became"),
            public=True,
            ref="Area",
            hint=Label("Nhiều đơn vị khi bị chia tách", "Several units when it was divided"),
        ),
    ] = ()
    location: Annotated[Geometry | None, Field(Label("Ranh giới", "Boundary"), public=True)] = None
    areaSize: Annotated[float | None, Field(Label("Diện tích", "Size"), public=True, minimum=0), Unit("KMK")] = None
    population: Annotated[int | None, Field(Label("Dân số", "Population"), public=True, minimum=0), Unit("C62")] = None
    populationSource: Annotated[str, Field(Label("Nguồn dân số", "Source of the population"), public=True)] = ""
    approximate: Annotated[bool, Field(Label("Ranh giới gần đúng", "Approximate boundary"), public=True)] = False
    source: Annotated[str, Field(Label("Nguồn", "Source"), public=True)] = ""
    sourceDate: Annotated[str | None, Field(Label("Ngày của nguồn", "Date of the source"), public=True)] = None


def area_id(code: str, valid_from: str) -> str:
    """Id of the area that has this code since that day: `urn:ngsi-ld:Area:25747:2025-07-01`."""
    return f"urn:ngsi-ld:Area:{code}:{parse_day(valid_from, field='validFrom')}"


def parse_day(text: str, *, field: str | None = None) -> str:
    """Check a civil day and give it back as `yyyy-mm-dd`. Raises: InvalidInput."""
    try:
        return date.fromisoformat(text).isoformat()
    except ValueError:
        raise InvalidInput(
            f"{text!r} is not a day.", field=field, remedy="Give yyyy-mm-dd, such as 2025-07-01."
        ) from None


def civil_day(at: Instant) -> str:
    """The civil day of Vietnam in which an instant lies."""
    return civil_date(at).isoformat()


def in_force(valid_from: str, valid_to: str | None, day: str) -> bool:
    """Whether [valid_from, valid_to) holds the day."""
    return valid_from <= day and (valid_to is None or day < valid_to)


def local_area(areas: Iterable[Area], position: tuple[float, float], day: str) -> Area | None:
    """The ward, commune or township in force on `day` whose boundary holds the position; None when none does.

    position: (longitude, latitude).  A real boundary wins over an approximate one.
    """
    found = [
        a
        for a in areas
        if a.kind in LOCAL
        and a.location is not None
        and in_force(a.validFrom, a.validTo, day)
        and contains(a.location, position)
    ]
    return min(found, key=lambda a: (a.approximate, a.id), default=None)
