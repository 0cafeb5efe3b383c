"""Mandates: which agency is in charge of which subject, in which areas, and when. Owners change in time."""

# ruff: noqa: N815 - NGSI-LD attribute names are camelCase

from __future__ import annotations

from collections.abc import Iterable
from typing import Annotated, ClassVar

from province.model.label import Label
from province.model.schema import Field, Record, TypeInfo
from province.vocab.area import in_force


class Mandate(Record, frozen=True, kw_only=True):
    """An agency is in charge of `subjects` in `areas` (none: everywhere) from `validFrom` to `validTo` (excluded)."""

    TYPE: ClassVar[TypeInfo] = TypeInfo(
        "Mandate", Label("Phân công lĩnh vực", "Mandate"), title="title", public=True, icon="agency"
    )

    title: Annotated[str, Field(Label("Nội dung", "What"), indexed=True, search=True, public=True)]
    agency: Annotated[str, Field(Label("Cơ quan", "Agency"), indexed=True, public=True, ref="Agency")]
    subjects: Annotated[
        tuple[str, ...],
        Field(
            Label("Lĩnh vực", "Subjects"),
            public=True,
            hint=Label("Từ khoá, như trong lĩnh vực phụ trách", "Words, as in the competences of agencies"),
        ),
    ]
    areas: Annotated[tuple[str, ...], Field(Label("Địa bàn", "Areas"), public=True, ref="Area")] = ()
    validFrom: Annotated[str, Field(Label("Hiệu lực từ ngày", "In force from"), indexed=True, public=True)]
    validTo: Annotated[str | None, Field(Label("Hết hiệu lực ngày", "In force until"), indexed=True, public=True)] = (
        None
    )
    basis: Annotated[str, Field(Label("Văn bản", "Document"), public=True)]


def in_charge(mandates: Iterable[Mandate], subject: str, areas: Iterable[str], day: str) -> str | None:
    """The agency that has a mandate for a subject in one of the areas on a day; one for an area beats one for all.

    areas: the place's own area and those above it.  None: nobody has one.
    """
    here = set(areas)
    found = [
        m
        for m in mandates
        if subject in m.subjects and in_force(m.validFrom, m.validTo, day) and (not m.areas or here & set(m.areas))
    ]
    best = min(found, key=lambda m: (not m.areas, m.validFrom, m.id), default=None)
    return None if best is None else best.agency
