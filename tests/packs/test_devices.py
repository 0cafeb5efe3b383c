"""The feed of Smart Data Models on the models' own examples."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from province.errors import DecodeError, InvalidInput
from province.model.observation import SCHEMA
from province.model.schema import describe
from province.pack import Context
from province.packs.devices.example import RHYTHMS, SILENT_GATEWAY, example, falls_silent, sensors
from province.packs.devices.feeds import MAX_ENTITIES, from_smart_data_models
from province.packs.devices.logic import KINDS, sensor_id
from province.packs.devices.types import SENSORS
from province.territory.example import read_facts
from tests.shared import shared

FOLDER = Path(__file__).parents[2] / "data" / "binh-duong"

CONTEXT = Context(now=datetime(2026, 11, 24, 1, tzinfo=UTC), params={}, actor="device:x")


@pytest.mark.parametrize(
    ("folder", "readings"),
    [
        ("Device/Device", {"batteryLevel", "deviceState", "rssi"}),
        ("Environment/AirQualityObserved", {"co", "no2", "so2", "temperature", "relativeHumidity"}),
        ("Streetlighting/Streetlight", {"powerState", "illuminanceLevel", "powerConsumption"}),
    ],
)
@pytest.mark.parametrize("form", ["example-normalized.jsonld", "example.jsonld"])
def test_example_of_the_models_is_read_whole(folder: str, form: str, readings: set[str]) -> None:
    path: Path = shared(f"data-models/{folder}/examples/{form}")
    document = json.loads(path.read_text("utf-8"))
    decoded = from_smart_data_models(path.read_bytes(), context=CONTEXT)
    assert decoded.observations is not None
    assert decoded.observations.schema == SCHEMA
    seen = set(decoded.observations["attribute"].to_pylist())
    assert readings & set(document) <= seen
    (change,) = decoded.changes
    assert change.id == document["id"]
    times = {"dateObserved", "observationDateTime", "dateLastValueReported"}
    left_out = set(document) - seen - set(change.attrs) - times - {"id", "type", "@context"}
    assert left_out == set(), "nothing that was sent is lost"


def test_times_of_the_entity_are_those_of_its_readings() -> None:
    path = shared("data-models/Environment/AirQualityObserved/examples/example-normalized.jsonld")
    decoded = from_smart_data_models(path.read_bytes(), context=CONTEXT)
    assert decoded.observations is not None
    assert set(decoded.observations["observed_at"].to_pylist()) == {datetime(2016, 3, 15, 11, tzinfo=UTC)}


def test_batch_over_the_limit_is_refused() -> None:
    one = b'{"id":"urn:x:1","type":"Device"}'
    assert len(from_smart_data_models(b"[" + b",".join([one] * 3) + b"]", context=CONTEXT).changes) == 3
    with pytest.raises(DecodeError, match="at most"):
        from_smart_data_models(b"[" + b",".join([one] * (MAX_ENTITIES + 1)) + b"]", context=CONTEXT)


@pytest.mark.parametrize("number", ["1e400", "9" * 400, "NaN", "-Infinity"])
def test_number_that_no_computer_holds_is_refused(number: str) -> None:
    with pytest.raises(DecodeError):
        from_smart_data_models(b'{"id":"urn:x:1","type":"Device","rssi":%s}' % number.encode(), context=CONTEXT)


def test_lifecycle_cannot_be_moved_by_a_payload() -> None:
    raw = b'{"id":"urn:x:1","type":"Device","lifecycle":"decommissioned"}'
    assert from_smart_data_models(raw, context=CONTEXT).changes[0].attrs == {}


@given(st.text(max_size=80))
def test_id_never_reaches_beyond_its_topic(serial: str) -> None:
    try:
        made = sensor_id("Device", serial)
    except InvalidInput:
        return
    assert not set(made) & set("/+#.*> \x00")
    assert len(made) <= 128


def test_simulated_signals_are_declared_observed_fields_inside_their_range() -> None:
    assert set(RHYTHMS) <= set(SENSORS)
    assert set(KINDS) == {t.TYPE.name for t in SENSORS}  # type: ignore[attr-defined]
    for record, rhythms in RHYTHMS.items():
        observed = {s.name: s.field for s in describe(record).observed}
        for name, rhythm in rhythms.items():
            field = observed[name]
            assert field.minimum is None or field.minimum <= rhythm.low
            assert field.maximum is None or rhythm.high <= field.maximum


def test_invented_sensors_are_many_deterministic_and_marked() -> None:
    facts = read_facts(FOLDER)
    made = sensors(facts.areas, facts.positions)
    assert made == sensors(reversed(facts.areas), facts.positions)
    assert len(made) == 261
    assert len({s.id for s in made}) == 261
    assert all("(giả lập)" in (s.name or "") for s in made)
    silent = [s for s in made if falls_silent(s)]
    behind = [s for s in silent if s.gateway == SILENT_GATEWAY]
    assert len(behind) > len(silent) / 2
    assert len(silent) < len(made) / 3
    for change in example(facts.areas, facts.agencies, facts.positions):
        assert change.style == "fill"
        assert change.agency is not None
        assert {a.origin for a in change.attrs.values() if a} == {"simulated"}
