"""Every representation of NGSI-LD says what the entity says: written and read back, nothing is lost or invented."""

from __future__ import annotations

import contextlib
import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from tests.model.test_codec import attributes, entities, instants, iris, names, points

from province.errors import ProvinceError
from province.history.aggregate import METHODS, VALUES, Periods, of_values
from province.model.codec import KIND_OF, Reading, decode, read_evolution
from province.model.entity import Attribute, Entity, split_key
from province.model.evolution import encode_aggregates, encode_evolution, encode_pairs
from province.model.jsonld import CORE
from province.model.representation import encode, encode_collection, encode_feature, simplify
from province.model.time import parse_instant

START = datetime(2026, 1, 1, tzinfo=UTC)


def sent(value: Any) -> Any:
    """What a reader gets."""
    return json.loads(json.dumps(value))


def is_plain(value: Any) -> bool:
    """No structured value that a reader would take for an attribute with a member of its own."""
    if isinstance(value, dict):
        return not value.keys() & {*KIND_OF, "type"} and all(map(is_plain, value.values()))
    return all(map(is_plain, value)) if isinstance(value, list) else True


@given(entity=entities())
def test_simplified(entity: Entity) -> None:
    """Every value is there under its name; read back and simplified again, it is the same."""
    shown = sent(encode(entity, "simplified"))
    for key, attribute in entity.attrs.items():
        name, dataset = split_key(key)
        only = sum(split_key(k)[0] == name for k in entity.attrs) == 1 and dataset is None
        found = shown[name] if only else shown[name]["dataset"][dataset or "@none"]
        assert found == sent(simplify(attribute))
    assume(
        all(split_key(k)[1] is None and (a.type != "Property" or is_plain(a.value)) for k, a in entity.attrs.items())
    )
    assert sent(encode(decode(shown, tenant="t"), "simplified")) == shown


@pytest.mark.parametrize("form", ["normalized", "concise"])
@given(entity=entities(), place=points)
def test_geojson(form: Any, entity: Entity, place: dict[str, Any]) -> None:
    attrs = {**entity.attrs, "location": Attribute(type="GeoProperty", value=place)}
    placed = Entity(tenant="t", id=entity.id, types=entity.types, attrs=attrs, scope=entity.scope)
    [feature] = sent(encode_collection([placed], form))["features"]
    assert feature == sent(encode_feature(placed, form))
    assert (feature["type"], feature["geometry"]) == ("Feature", sent(place))
    assert decode({"id": feature["id"], **feature["properties"]}, tenant="t") == placed
    assert sent(encode_feature(entity, form))["geometry"] is None


histories = st.dictionaries(names, st.lists(attributes(), min_size=1, max_size=4), max_size=3)


@pytest.mark.parametrize("concise", [False, True])
@given(id=iris, type=names, history=histories)
def test_temporal_instances(concise: bool, id: str, type: str, history: dict[str, list[Attribute]]) -> None:
    shown = sent(encode_evolution(id, (type,), history, concise=concise))
    assert (shown.pop("id"), shown.pop("type")) == (id, type)
    assert {name: read_evolution(name, shown[name], Reading(CORE, {}))[1] for name in shown} == history


@given(id=iris, type=names, history=histories, at=instants)
def test_temporal_values(id: str, type: str, history: dict[str, list[Attribute]], at: datetime) -> None:
    """A value and its instant per instance, in order; datasets apart; an attribute without one keeps its kind."""
    placed = {
        n: [Attribute(type=one[0].type, value=a.value, observed_at=a.observed_at or at) for a in one
            if a.type == one[0].type]
        for n, one in history.items()
    }  # fmt: skip
    shown = sent(encode_pairs(id, (type,), {**placed, "nothing": []}, kinds={"nothing": "Relationship"}))
    assert shown["nothing"] == {"type": "Relationship", "objects": []}
    for name, instances in placed.items():
        found = shown[name]
        [pairs] = [v for k, v in found.items() if k != "type"]
        assert found["type"] == instances[0].type
        assert [value for value, _ in pairs] == sent([simplify(a) for a in instances])
        assert [parse_instant(time, field="t") for _, time in pairs] == [a.observed_at for a in instances]


numbers = st.integers(-1000, 1000) | st.floats(-1e6, 1e6)


@given(
    readings=st.lists(st.tuples(st.integers(0, 10 * 86_400), numbers), min_size=1, max_size=50),
    hours=st.integers(1, 100),
)
def test_aggregates_add_up(readings: list[tuple[int, Any]], hours: int) -> None:
    """What the periods say together is what the readings say; and what was shown is what was computed."""
    at = [START + timedelta(seconds=s) for s, _ in readings]
    rows = pa.table([["a"] * len(at), at, [float(v) for _, v in readings], [None] * len(at)], schema=VALUES)
    found = of_values(rows, Periods(METHODS, timedelta(hours=hours), START))["a"]
    values = [v for _, v in readings]
    assert sum(v for v, *_ in found["totalCount"]) == len(values)
    assert sum(v for v, *_ in found["sum"]) == pytest.approx(sum(values), rel=1e-9, abs=1e-6)
    assert min(v for v, *_ in found["min"]) == min(values)
    assert max(v for v, *_ in found["max"]) == max(values)
    for (mean, begin, end), (low, *_), (high, *_) in zip(found["avg"], found["min"], found["max"], strict=True):
        assert low - 1e-6 <= mean <= high + 1e-6
        assert end - begin == timedelta(hours=hours)
        assert (begin - START) % timedelta(hours=hours) == timedelta(0)
    shown = sent(encode_aggregates("urn:x:1", ("T",), {"a": ("Property", found)}))["a"]
    for method, periods in found.items():
        assert shown[method] == [
            [v, *(t.isoformat().replace("+00:00", "Z") for t in span)] for v, *span in sent_periods(periods)
        ]


def sent_periods(periods: Any) -> list[Any]:
    """Periods as they were computed, with values as JSON has them."""
    return [(sent(value), begin, end) for value, begin, end in periods]


@given(entity=entities(), cut=st.integers(0, 60))
def test_a_damaged_document_is_refused_with_a_reason(entity: Entity, cut: int) -> None:
    """Whatever is missing: an entity, or an error that says where."""
    text = json.dumps(encode(entity))
    try:
        damaged = json.loads(text[:cut] + text[cut + 1 :])
    except ValueError:
        return
    with contextlib.suppress(ProvinceError):  # anything else is a defect
        decode(damaged, tenant="t")
