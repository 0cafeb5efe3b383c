"""Persons, as thin as the law allows: what two packs must share about somebody, and nothing more.

An account that signs in is not an entity; this is the person whom records speak of (Law 91/2025 on personal data).
"""

from __future__ import annotations

from typing import Annotated, ClassVar

from province.model.label import Label
from province.model.schema import Field, Processing, Record, TypeInfo
from province.vocab.privacy import LAW_91


class Person(Record, frozen=True, kw_only=True):
    """Somebody that records refer to. Every field that identifies is personal: shown only with `person.personal`."""

    TYPE: ClassVar[TypeInfo] = TypeInfo(
        "Person", Label("Người", "Person"), title="name", icon="person",
        processing=(Processing(
            purpose=Label("Biết ai phụ trách, liên hệ với ai", "To know who is in charge, and whom to ask"),
            ground="task", source=LAW_91, since="2026-01-01",
        ),),
    )  # fmt: skip

    name: Annotated[str, Field(Label("Họ và tên", "Full name"), personal=True, search=True)]
    phone: Annotated[str | None, Field(Label("Điện thoại", "Phone"), personal=True)] = None
    email: Annotated[str | None, Field(Label("Thư điện tử", "E-mail"), personal=True)] = None
    agency: Annotated[str | None, Field(Label("Cơ quan", "Agency"), indexed=True, ref="Agency")] = None
    position: Annotated[str | None, Field(Label("Chức vụ", "Position"))] = None
