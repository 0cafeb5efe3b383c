"""What went into the lake comes out, once, in order, whatever was asked and however often it was written."""

from __future__ import annotations

import os
import threading
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from province.errors import Conflict, Unavailable
from province.history.lake import LAKE, Lake, Span, arrange, may_hold, stage
from tests.effort import examples
from tests.observations import START, series, station, table

APP = "obs-test"


@pytest.fixture
def lake(tmp_path: Path) -> Lake:
    return Lake(str(tmp_path / "lake" / "binh-duong" / "observations"))


def prepare(parts: list[tuple[int, pa.Table]]) -> pa.Table:
    return arrange(stage(parts))


def put(lake: Lake, batch: pa.Table, sequence: int) -> None:
    lake.append(prepare([(sequence, batch)]), APP, sequence, expected=lake.committed(APP))


def test_an_empty_lake_answers_nothing(lake: Lake) -> None:
    assert lake.committed(APP) is None
    assert lake.count() == 0
    assert lake.read(Span()).num_rows == 0
    assert lake.last(Span(), 3).num_rows == 0
    assert lake.days() == []
    assert lake.version() is None


def test_what_goes_in_comes_out_sorted(lake: Lake) -> None:
    put(lake, series(1000), 1)
    put(lake, series(1000, start=START + timedelta(hours=20)), 2)
    found = lake.read(Span())
    keys = list(zip(found["entity"].to_pylist(), found["observed_at"].to_pylist(), strict=True))
    assert keys == sorted(keys)
    assert lake.count() == found.num_rows == 2000
    assert sum(found["number"].to_pylist()) == 2 * sum(series(1000)["number"].to_pylist())
    assert lake.committed(APP) == 2
    assert [d.date().isoformat() for d in lake.days()] == ["2026-03-02", "2026-03-01"]


def test_a_commit_from_a_stale_position_is_refused(lake: Lake) -> None:
    put(lake, series(10), 5)
    with pytest.raises(Conflict):
        lake.append(prepare([(5, series(10))]), APP, 5, expected=None)
    other = Lake(lake.uri)
    other.append(prepare([(6, series(10))]), APP, 6, expected=5)
    with pytest.raises(Conflict):
        lake.append(prepare([(6, series(10))]), APP, 6, expected=5)
    assert lake.count() == 20


def test_two_writers_at_once_write_once(lake: Lake) -> None:
    put(lake, series(10), 1)
    outcomes: list[str] = []

    def write() -> None:
        mine = Lake(lake.uri)
        try:
            mine.append(prepare([(2, series(100))]), APP, 2, expected=1)
            outcomes.append("written")
        except Conflict:
            outcomes.append("refused")

    threads = [threading.Thread(target=write) for _ in range(4)]
    for one in threads:
        one.start()
    for one in threads:
        one.join()
    assert sorted(outcomes) == ["refused"] * 3 + ["written"]
    assert lake.count() == 110


def test_positions_of_incarnations_are_apart(lake: Lake) -> None:
    put(lake, series(10), 9)
    lake.append(prepare([(1, series(10))]), "obs-other", 1, expected=None)
    assert (lake.committed(APP), lake.committed("obs-other")) == (9, 1)


def test_a_reader_sees_what_another_process_committed(lake: Lake) -> None:
    other = Lake(lake.uri)
    assert other.count() == 0
    for n in range(1, 4):
        put(lake, series(10), n)
        assert other.count() == 10 * n


def test_spans_choose(lake: Lake) -> None:
    put(lake, series(100, stations=10, step_s=3600), 1)
    assert lake.read(Span(entities=[station(3)])).num_rows == 10
    assert lake.read(Span(entities=[station(3), station(7), "urn:x:none"])).num_rows == 20
    assert lake.read(Span(entities=[])).num_rows == 0
    assert lake.read(Span(attributes=["battery"])).num_rows == 0
    start, end = START + timedelta(hours=10), START + timedelta(hours=30)
    inside = lake.read(Span(start=start, end=end))
    assert inside.num_rows == 20
    assert min(inside["observed_at"].to_pylist()) == start, "the start belongs to the span"
    assert max(inside["observed_at"].to_pylist()) == end - timedelta(hours=1), "the end does not"
    assert lake.count(Span(entities=[station(3)], start=start, end=end)) == 2
    assert lake.read(Span(), columns=("number",), limit=7).shape == (7, 1)


def test_datasets_are_told_apart(lake: Lake) -> None:
    put(lake, pa.concat_tables([table([station(1)]), table([station(1)], dataset="urn:d:1")]), 1)
    assert lake.read(Span()).num_rows == 2
    assert lake.read(Span(datasets=(None,)))["dataset"].to_pylist() == [None]
    assert lake.read(Span(datasets=("urn:d:1",)))["dataset"].to_pylist() == ["urn:d:1"]
    assert lake.read(Span(datasets=("urn:d:1", None))).num_rows == 2


def test_long_ids_and_microseconds_are_found_though_statistics_are_cut(lake: Lake) -> None:
    # A writer of Delta may keep 32 characters of a file's bounds, and milliseconds.
    long = "urn:ngsi-ld:Station:" + "đ" * 40 + "z"
    at = START + timedelta(microseconds=999_999)
    put(lake, table([long], at=at), 1)
    assert lake.read(Span(entities=[long])).num_rows == 1
    assert lake.read(Span(start=at)).num_rows == 1
    assert lake.read(Span(start=START, end=at)).num_rows == 0
    assert lake.read(Span(end=at + timedelta(microseconds=1))).num_rows == 1


def test_only_files_that_may_hold_a_long_id_are_opened(lake: Lake) -> None:
    one, other = ("urn:ngsi-ld:TrafficFlowObserved:" + end for end in ("L-0000001", "L-0000002"))
    put(lake, table([one]), 1)
    put(lake, table([other]), 2)
    assert [lake.files(Span(entities=[id])).num_rows for id in (one, other, "urn:ngsi-ld:U", one[:32])] == [1, 1, 0, 0]
    cut = pa.table({"min.entity": [one[:32]], "max.entity": [one[:32]]})
    assert pc.all(may_hold(cut, Span(entities=[one]))).as_py(), "a bound may have been cut there"


def test_readings_of_one_instant_are_kept_and_equal_rows_are_not(lake: Lake) -> None:
    put(lake, table([station(1), station(1)], number=[1.0, 2.0]), 1)
    assert lake.read(Span())["number"].to_pylist() == [1.0, 2.0]
    rows = prepare([(1, table([station(1), station(1)], number=[1.0, 2.0]))])
    lake.append(rows, "obs-again", 1, expected=None)
    assert lake.read(Span())["number"].to_pylist() == [1.0, 2.0], "equal in entity, time and sequence: one reading"


def test_the_last_n_of_each_series(lake: Lake) -> None:
    put(lake, series(100, stations=5, step_s=3600), 1)
    put(lake, series(20, stations=5, start=START - timedelta(days=9)), 2)
    found = lake.last(Span(entities=[station(1), station(2)], attributes=["temperature"]), 3)
    assert found["entity"].to_pylist() == [station(1)] * 3 + [station(2)] * 3
    whole = lake.read(Span(entities=[station(2)]))["observed_at"].to_pylist()
    assert found["observed_at"].to_pylist()[3:] == whole[-3:]
    assert lake.last(Span(entities=[station(2)]), 1000).num_rows == 24
    assert lake.last(Span(), 1).num_rows == 5


def test_a_lake_that_cannot_be_written_says_so(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    lake = Lake(str(tmp_path / "file" / "table"))
    with pytest.raises((Unavailable, NotADirectoryError)):
        put(lake, series(1), 1)


_instants = st.integers(-2_208_988_800, 1_893_456_000).map(lambda s: datetime.fromtimestamp(s, UTC))


@given(st.lists(st.tuples(st.text(min_size=1, max_size=3), st.sampled_from("ab"), _instants), min_size=1, max_size=30))
@settings(max_examples=examples(60), suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
def test_arranging_orders_every_batch(rows: list[tuple[str, str, datetime]]) -> None:
    batch = table([e for e, _, _ in rows], attribute=[a for _, a, _ in rows], at=[t for _, _, t in rows])
    half = len(rows) // 2
    sorted_rows = arrange(stage([(7, batch.slice(0, half)), (9, batch.slice(half))]))
    assert sorted_rows.schema == LAKE
    keys = [
        (r["entity"].encode(), r["attribute"], r["observed_at"], r["seq"], r["row"]) for r in sorted_rows.to_pylist()
    ]
    assert keys == sorted(keys)
    assert all(r["day"] == r["observed_at"].date() for r in sorted_rows.to_pylist())
    assert sorted((r["entity"], r["observed_at"]) for r in sorted_rows.to_pylist()) == sorted(
        (e, t) for e, _, t in rows
    )


def test_a_reading_that_stands_twice_in_one_message_is_kept_once(lake: Lake) -> None:
    """A device that had no acknowledgement sends again; both messages may have become one batch."""
    names = [station(1), station(2), station(1), station(1), station(1)]
    batch = table(names, number=[1.0, 1.0, 1.0, 2.0, 1.0])
    other = table([station(1)], number=[1.0], dataset="urn:x:d")
    repeated = pa.concat_tables([batch, other, other])
    put(lake, repeated, 1)
    put(lake, batch.slice(0, 1), 2)  # another message: another source sequence
    found = lake.read(Span())
    kept = list(zip(*(found[name].to_pylist() for name in ("entity", "number", "dataset", "seq")), strict=True))
    assert sorted(kept, key=str) == sorted(
        [(station(1), 1.0, None, 1), (station(1), 2.0, None, 1), (station(1), 1.0, "urn:x:d", 1),
         (station(2), 1.0, None, 1), (station(1), 1.0, None, 2)],
        key=str,
    )  # fmt: skip
    assert lake.count() == 5


@given(
    st.lists(st.tuples(st.integers(0, 2), st.integers(0, 2), st.integers(0, 1), st.sampled_from([None, "urn:x:d"]))),
)  # fmt: skip
def test_arranging_keeps_each_reading_of_a_message_once(rows: list[tuple[int, int, int, str | None]]) -> None:
    tables = [table([station(n)], at=START + timedelta(seconds=t), number=[float(v)], dataset=d) for n, t, v, d in rows]
    if not tables:
        return
    for parts in ([(1, pa.concat_tables(tables))], list(enumerate(tables, 1))):
        arranged = arrange(stage(parts))
        expected = len(set(rows)) if len(parts) == 1 else len(rows)
        assert arranged.num_rows == expected
        names = ("entity", "attribute", "observed_at", "seq", "row")
        keys = list(zip(*(arranged[name].to_pylist() for name in names), strict=True))
        assert keys == sorted(keys)


def test_a_commit_is_flushed_before_it_is_told(lake: Lake, monkeypatch: pytest.MonkeyPatch) -> None:
    """The writer removes readings from the stream after the commit: a power failure must not take them from here."""
    flushed: list[str] = []

    def fsync(handle: int) -> None:
        flushed.append(os.readlink(f"/proc/self/fd/{handle}"))

    monkeypatch.setattr(os, "fsync", fsync)
    put(lake, series(100), 1)
    put(lake, series(100, start=START + timedelta(days=1)), 2)
    for n in (1, 2):
        assert any(path.endswith(f"_delta_log/{n:020}.json") for path in flushed), flushed
    data = [str(path) for path in Path(lake.uri).rglob("*.parquet")]
    assert data
    assert set(data) <= set(flushed)
    last = max(n for n, path in enumerate(flushed) if path.endswith(".json"))
    assert {str(Path(lake.uri) / "_delta_log"), *(str(Path(path).parent) for path in data[-1:])} <= set(flushed)
    assert last > max(flushed.index(path) for path in data[:1])
