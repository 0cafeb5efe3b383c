"""Batches are read exactly, or refused by the name of what is wrong."""

from __future__ import annotations

import io
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from province.broker.readings import arrange, check_values
from province.errors import DecodeError, InvalidInput, TooLarge, Unsupported
from province.ingest.observations import ARROW, JSON, decode
from province.model.observation import SCHEMA
from tests.observations import START, TYPES, series, station

BLOCK: dict[str, Any] = {
    "type": "Station",
    "attribute": "temperature",
    "entity": [station(1), station(2)],
    "observedAt": ["2026-03-01T13:00:00+07:00", 1772344800000000],
    "value": [21.5, 22],
}


def read(document: object) -> pa.Table:
    return decode(msgspec.json.encode(document), JSON, TYPES)


def arrow(table: pa.Table) -> bytes:
    sink = io.BytesIO()
    with pa.ipc.new_stream(sink, table.schema) as writer:
        writer.write_table(table)
    return sink.getvalue()


def test_a_block_becomes_readings() -> None:
    table = read(BLOCK)
    assert table.schema == SCHEMA
    assert table["number"].to_pylist() == [21.5, 22.0]
    assert table["observed_at"].to_pylist() == [datetime(2026, 3, 1, 6, tzinfo=UTC)] * 2
    assert table["origin"].to_pylist() == [0, 0]
    assert read([BLOCK, {**BLOCK, "origin": "simulated", "datasetId": "urn:d"}]).num_rows == 4
    assert read([]).num_rows == 0


def test_single_entity_and_instant_hold_for_the_block() -> None:
    table = read({**BLOCK, "entity": station(7), "observedAt": "2026-03-01T06:00:00.25Z"})
    assert table["entity"].to_pylist() == [station(7)] * 2
    assert table["observed_at"].to_pylist() == [START + timedelta(milliseconds=250)] * 2


def test_units_are_converted_and_wrong_ones_refused() -> None:
    assert read({**BLOCK, "unitCode": "FAH", "value": [32, 212]})["number"].to_pylist() == pytest.approx([0, 100])
    with pytest.raises(InvalidInput) as caught:
        read({**BLOCK, "unitCode": "MTR"})
    assert caught.value.field == "unitCode"


def test_texts_and_truths() -> None:
    assert read({**BLOCK, "attribute": "open", "value": [True, False]})["text"].to_pylist() == ["true", "false"]
    assert read({**BLOCK, "attribute": "mode", "value": ["auto", "tay"]})["text"].to_pylist() == ['"auto"', '"tay"']


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"type": "Nothing"}, "[1].type"),
        ({"attribute": "name"}, "[1].attribute"),
        ({"attribute": "nothing"}, "[1].attribute"),
        ({"origin": "guessed"}, "[1].origin"),
        ({"entity": [station(1)]}, "[1].entity"),
        ({"entity": [station(1), 5]}, "[1].entity[1]"),
        ({"observedAt": ["2026-03-01T06:00:00Z"]}, "[1].observedAt"),
        ({"observedAt": ["2026-03-01T06:00:00Z", "yesterday"]}, "[1].observedAt[1]"),
        ({"observedAt": ["2026-03-01T06:00:00Z", "2026-02-30T06:00:00Z"]}, "[1].observedAt[1]"),
        ({"observedAt": ["2026-03-01T06:00:00Z", "2026-03-01T06:00:00"]}, "[1].observedAt[1]"),
        ({"observedAt": [0, 2**63]}, "[1].observedAt[1]"),
        ({"value": [1.0, "x"]}, "[1].value[1]"),
        ({"value": [1.0, None]}, "[1].value[1]"),
        ({"value": [True, 1.0]}, "[1].value[0]"),
        ({"unitCode": "parsec"}, "[1].unitCode"),
        ({"more": 1}, "[1]"),
    ],
)
def test_what_is_wrong_is_named(change: dict[str, Any], field: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        read([BLOCK, {**BLOCK, **change}])
    assert caught.value.field == field


@pytest.mark.parametrize("body", [b"", b"nothing", b"[", b'{"type": NaN}', b"\xff\xfe", b"[" * 100_000, b"{}", b"3"])
def test_other_bytes_are_decode_errors(body: bytes) -> None:
    for media_type in (JSON, ARROW):
        with pytest.raises(DecodeError):
            decode(body, media_type, TYPES)


def test_other_media_types_are_not_read() -> None:
    with pytest.raises(Unsupported):
        decode(b"", "text/csv", TYPES)


def test_too_many_readings_are_refused() -> None:
    block = {**BLOCK, "entity": station(1), "observedAt": 0, "value": [1] * 1_000_001}
    with pytest.raises(TooLarge):
        read(block)
    with pytest.raises(TooLarge):
        decode(arrow(pa.concat_tables([series(1000)] * 1001)), ARROW, TYPES)


def test_arrow_streams_are_taken_as_they_are() -> None:
    batch = series(100)
    assert decode(arrow(batch), ARROW, TYPES).to_pylist() == batch.to_pylist()


def test_plainer_arrow_columns_will_do() -> None:
    batch = series(3).select(["entity", "type", "attribute", "observed_at", "number"])
    plain = pa.table(
        {
            "observed_at": batch["observed_at"].cast(pa.timestamp("ns", tz="UTC")),
            "entity": batch["entity"].dictionary_encode(),
            "type": batch["type"].cast(pa.string()),
            "attribute": batch["attribute"].cast(pa.large_string()),
            "number": batch["number"].cast(pa.float32()),
        }
    )
    assert decode(arrow(plain), ARROW, TYPES).to_pylist() == series(3).to_pylist()


@pytest.mark.parametrize(
    ("column", "values"),
    [
        ("observed_at", pa.array([1, 2, 3])),
        ("observed_at", pa.array([START.replace(tzinfo=None)] * 3)),
        ("number", pa.array(["a", "b", "c"])),
        ("origin", pa.array([-1, 0, 1])),
        ("entity", pa.array([1, 2, 3])),
    ],
)
def test_other_arrow_columns_are_named(column: str, values: pa.Array) -> None:
    batch = series(3)
    changed = batch.set_column(batch.schema.get_field_index(column), column, values)
    if column == "entity":
        assert decode(arrow(changed), ARROW, TYPES)["entity"].to_pylist() == ["1", "2", "3"]
        return
    with pytest.raises(DecodeError) as caught:
        decode(arrow(changed), ARROW, TYPES)
    assert caught.value.field == column


def test_a_missing_column_is_named() -> None:
    with pytest.raises(DecodeError) as caught:
        decode(arrow(series(3).drop_columns(["observed_at"])), ARROW, TYPES)
    assert caught.value.field == "observed_at"


_values = st.one_of(st.none(), st.booleans(), st.floats(), st.text(max_size=6), st.integers(-(2**70), 2**70))
_blocks = st.fixed_dictionaries(
    {
        "type": st.sampled_from(("Station", "Gate", "X")),
        "attribute": st.sampled_from(("temperature", "open", "note", "count", "name")),
        "entity": st.one_of(st.text(max_size=9), st.lists(st.text(max_size=5), max_size=4)),
        "observedAt": st.one_of(
            st.integers(-(2**65), 2**65), st.lists(st.one_of(st.integers(), st.datetimes().map(str)), max_size=4)
        ),
        "value": st.lists(_values, max_size=4),
    },
    optional={"unitCode": st.sampled_from(("CEL", "FAH", "MTR", "?")), "origin": st.text(max_size=3)},
)


@given(st.one_of(st.lists(_blocks, max_size=3), _blocks))
def test_any_json_is_read_or_refused(document: object) -> None:
    try:
        table = read(document)
    except InvalidInput:
        return
    checked = arrange(table)
    check_values(checked, TYPES, datetime.now(UTC))
    assert len(checked.good) == table.num_rows


@given(st.integers(0, 2000), st.integers(0, 255))
def test_any_damaged_arrow_stream_is_read_or_refused(place: int, value: int) -> None:
    body = bytearray(arrow(series(5)))
    body[place % len(body)] = value
    try:
        table = decode(bytes(body), ARROW, TYPES)
    except DecodeError:
        return
    check_values(arrange(table), TYPES, datetime.now(UTC))
