"""Temporal representations."""

from datetime import UTC, datetime

import pytest

from province.errors import InvalidInput
from province.model.entity import Attribute
from province.model.evolution import encode_aggregates, encode_evolution, encode_pairs, read_time_property

AT = [datetime(2026, 1, 1, h, tzinfo=UTC) for h in range(3)]
HISTORY = {
    "speed": [Attribute(value=v, observed_at=t) for v, t in zip((1, 2, 3), AT, strict=True)],
    "owner": [Attribute(type="Relationship", value="urn:x:2", observed_at=AT[0])],
    "title": [Attribute(type="LanguageProperty", value={"vi": "a"}, observed_at=AT[0])],
    "stops": [Attribute(type="ListRelationship", value=["urn:x:2"], observed_at=AT[0])],
}


def test_instances() -> None:
    shown = encode_evolution("urn:x:1", ("T",), HISTORY)
    assert shown["speed"][1] == {"type": "Property", "value": 2, "observedAt": "2026-01-01T01:00:00Z"}
    assert encode_evolution("urn:x:1", ("T",), {"a": [Attribute(value=1)]}, concise=True)["a"] == [{"value": 1}]


def test_pairs() -> None:
    shown = encode_pairs("urn:x:1", ("T",), HISTORY)
    assert shown["speed"] == {
        "type": "Property",
        "values": [[1, "2026-01-01T00:00:00Z"], [2, "2026-01-01T01:00:00Z"], [3, "2026-01-01T02:00:00Z"]],
    }
    assert shown["owner"]["objects"] == [["urn:x:2", "2026-01-01T00:00:00Z"]]
    assert shown["title"]["languageMaps"] == [[{"languageMap": {"vi": "a"}}, "2026-01-01T00:00:00Z"]]
    assert shown["stops"]["objectLists"] == [[["urn:x:2"], "2026-01-01T00:00:00Z"]]


def test_pairs_are_grouped_by_dataset() -> None:
    both = [Attribute(value=1, observed_at=AT[0]), Attribute(value=2, observed_at=AT[0], dataset_id="urn:d:1")]
    shown = encode_pairs("urn:x:1", ("T",), {"a": both})["a"]
    assert [s.get("datasetId") for s in shown] == [None, "urn:d:1"]


def test_aggregates() -> None:
    shown = encode_aggregates("urn:x:1", ("T",), {"speed": ("Property", {"avg": [(2.0, AT[0], AT[2])]})})
    assert shown["speed"] == {"type": "Property", "avg": [[2.0, "2026-01-01T00:00:00Z", "2026-01-01T02:00:00Z"]]}


def test_time_property() -> None:
    assert read_time_property("modifiedAt") == "modifiedAt"
    with pytest.raises(InvalidInput):
        read_time_property("dateObserved")
