"""PATCH: set, change parts, remove."""

from typing import Any

import pytest

from province.errors import InvalidInput
from province.model.codec import decode
from province.model.entity import Attribute, Entity
from province.model.fragment import Fragment, decode_fragment, needs_base

BASE = decode(
    {
        "id": "urn:x:1",
        "type": "T",
        "speed": {"value": 50, "unitCode": "KMH", "accuracy": 1, "note": "old"},
        "address": {"value": {"street": "Yersin", "city": "TDM"}},
        "title": {"languageMap": {"vi": "Đường", "en": "Road"}},
        "many": [{"value": 1}, {"value": 2, "datasetId": "urn:d:1"}],
    },
    tenant="t",
)


def patch(base: Entity | None = BASE, **attrs: Any) -> Fragment:
    assert needs_base(attrs) is decode_fragment(attrs, base=BASE).based or base is None
    return decode_fragment(attrs, base=base)


def test_whole_attributes_need_no_base() -> None:
    found = patch(base=None, speed={"value": 60}, scope="/A")
    assert found.attrs == {"speed": Attribute(value=60)}
    assert (found.scope, found.based) == (("/A",), False)


def test_null_removes() -> None:
    assert patch(speed=None, title="urn:ngsi-ld:null").attrs == {"speed": None, "title": None}
    assert patch(speed={"type": "Property", "value": "urn:ngsi-ld:null"}).attrs == {"speed": None}
    assert patch(title={"languageMap": {"@none": "urn:ngsi-ld:null"}}).attrs == {"title": None}
    assert patch(many={"value": None, "datasetId": "urn:d:1"}).attrs == {"many urn:d:1": None}
    assert decode_fragment({"scope": None}).scope == ()


def test_parts_change_and_the_rest_stays() -> None:
    assert patch(speed={"unitCode": "MTS"}).attrs["speed"] == Attribute(
        value=50, unit_code="MTS", meta={"accuracy": Attribute(value=1), "note": Attribute(value="old")}
    )
    found = patch(speed={"value": 55, "note": None, "unitCode": None}).attrs["speed"]
    assert found == Attribute(value=55, meta={"accuracy": Attribute(value=1)})
    assert patch(address={"value": {"street": None, "ward": "Phú Lợi"}}).attrs["address"] == Attribute(
        value={"city": "TDM", "ward": "Phú Lợi"}
    )
    assert patch(title={"languageMap": {"en": "urn:ngsi-ld:null"}}).attrs["title"].value == {"vi": "Đường"}  # type: ignore[union-attr]


def test_a_part_of_nothing_is_refused() -> None:
    with pytest.raises(InvalidInput) as caught:
        decode_fragment({"absent": {"unitCode": "KMH"}}, base=BASE)
    assert caught.value.field == "absent"


def test_nulls_in_a_new_attribute_vanish() -> None:
    assert decode_fragment({"new": {"value": {"a": None, "b": 1}}}, base=BASE).attrs["new"] == Attribute(value={"b": 1})


def test_errors_name_the_field() -> None:
    for body, field in (
        ({"speed": {"value": 1, "observedAt": "x"}}, "speed.observedAt"),
        ({"a b": 1}, "a b"),
        ([], None),
    ):
        with pytest.raises(InvalidInput) as caught:
            decode_fragment(body)
        assert caught.value.field == field
