"""The next state of an entity, worked out without a database."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated, ClassVar, Literal

import pytest

from province.broker.plan import step
from province.model.change import Change
from province.model.entity import Attribute, Entity
from province.model.label import Label
from province.model.schema import Field, Record, TypeInfo, describe

LABEL = Label("một", "one")
AT = datetime(2026, 3, 1, tzinfo=UTC)


class Letter(Record, frozen=True, kw_only=True):
    """A letter whose seal nobody is shown."""

    TYPE: ClassVar = TypeInfo("Letter", LABEL)
    text: Annotated[str, Field(LABEL)] = ""
    note: Annotated[str | None, Field(LABEL)] = None
    seal: Annotated[str | None, Field(LABEL, concealed=True)] = None


@pytest.mark.parametrize("op", ["replace", "put"])
def test_a_replacement_keeps_what_nobody_is_shown(op: Literal["replace", "put"]) -> None:
    attrs = {"text": Attribute(value="a"), "note": Attribute(value="b"), "seal": Attribute(value="s")}
    before = Entity(tenant="t", id="urn:x:1", types=("Letter",), attrs=attrs, version=1, created_at=AT, modified_at=AT)
    change = Change(op=op, id="urn:x:1", type="Letter", attrs={"text": Attribute(value="c")})
    after = step("t", change, before, describe(Letter), AT).after
    assert after is not None
    assert {k: a.value for k, a in after.attrs.items()} == {"text": "c", "seal": "s"}
