"""NGSI v2 payloads."""

import json
from pathlib import Path
from typing import Any

import pytest

from province.errors import InvalidInput
from province.model.codec import decode
from province.model.entity import Attribute, Entity
from province.model.ngsiv2 import decode_v2
from province.model.representation import encode

DATA = Path(__file__).parents[2] / "../shared/data/data-models"


def test_units_times_and_places() -> None:
    entity = decode_v2(
        {
            "id": "S1",
            "type": "Station",
            "temperature": {"type": "Number", "value": 12.2, "metadata": {
                "unitCode": {"value": "CEL"}, "TimeInstant": {"type": "DateTime", "value": "2026-01-01T00:00:00Z"},
                "accuracy": {"value": 1}}},
            "location": {"type": "geo:point", "value": "11, 106.6"},
            "dateObserved": {"type": "DateTime", "value": "2026-01-01T07:00:00+07:00"},
            "owner": {"type": "Relationship", "value": "urn:x:2"},
        },
        tenant="t",
    )  # fmt: skip
    assert entity.id == "urn:ngsi-ld:Station:S1"
    assert entity.attrs["temperature"].unit_code == "CEL"
    assert entity.attrs["temperature"].observed_at is not None
    assert entity.attrs["temperature"].meta == {"accuracy": Attribute(value=1)}
    assert entity.value("location") == {"type": "Point", "coordinates": [106.6, 11.0]}
    assert entity.value("dateObserved")["@value"] == "2026-01-01T00:00:00Z"
    assert entity.attrs["owner"].type == "Relationship"
    assert decode_v2(
        {"id": "a b", "type": "T", "a": {"type": "DateTime", "value": "2026-01-01/2026-01-02"}}, tenant="t"
    ) == (
        Entity(
            tenant="t", id="urn:ngsi-ld:T:a%20b", types=("T",), attrs={"a": Attribute(value="2026-01-01/2026-01-02")}
        )
    )


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ([], None),
        ({"type": "T"}, "id"),
        ({"id": " 1", "type": "T"}, "id"),
        ({"id": "urn:x:1 ", "type": "T"}, "id"),
        ({"id": "1", "type": "T", "a": 5}, "a.value"),
        ({"id": "1", "type": "T", "a": {"type": "geo:point", "value": "x"}}, "a"),
        ({"id": "1", "type": "T", "a": {"value": 1, "metadata": 5}}, "a.metadata"),
        ({"id": "1", "type": "T", "a": {"value": 1, "metadata": {"TimeInstant": {"value": "x"}}}}, "a.observedAt"),
    ],
)
def test_bad_input_names_its_field(body: Any, field: str | None) -> None:
    with pytest.raises(InvalidInput) as caught:
        decode_v2(body, tenant="t")
    assert caught.value.field == field


@pytest.mark.skipif(not DATA.is_dir(), reason="the Smart Data Models examples are not beside this checkout")
def test_smart_data_models_examples() -> None:
    read, refused = 0, {}
    for path in sorted(DATA.glob("*/*/examples/example-normalized.json")):
        body = json.loads(path.read_text())
        try:
            entity = decode_v2(body, tenant="t")
        except InvalidInput as error:
            refused[f"{path.parts[-4]}/{path.parts[-3]}"] = error.field
            continue
        shown = encode(entity, "simplified")
        for name, given in body.items():
            if name in ("id", "type") or given["type"] == "DateTime":
                continue
            assert shown[name] == given["value"], (path, name)
        assert decode(encode(entity), tenant="t") == entity
        read += 1
    assert refused == {"Device/Camera": "location.value.coordinates"}  # latitude 91.28
    assert read == 36
