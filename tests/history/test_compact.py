"""Merging files changes nothing that a reader could notice."""

from __future__ import annotations

import threading
from datetime import date, timedelta
from pathlib import Path

import pytest

from province.errors import Conflict
from province.history import compact as upkeep
from province.history.compact import compact, expire, settle, vacuum
from province.history.lake import Lake, Span, arrange, stage
from tests.observations import START, series, station, table

DAY = date(2026, 3, 1)


@pytest.fixture
def lake(tmp_path: Path) -> Lake:
    made = Lake(str(tmp_path / "lake"))
    for n in range(1, 21):
        put(made, n)
    return made


def put(lake: Lake, n: int) -> None:
    batch = series(50, start=START + timedelta(minutes=n))
    lake.append(arrange(stage([(n, batch)])), "obs", n, expected=lake.committed("obs"))


def test_merged_files_hold_the_same_readings(lake: Lake) -> None:
    before = lake.read(Span())
    assert compact(lake, DAY, at_least=8) == 19
    assert lake.files().num_rows == 1
    assert lake.read(Span()).equals(before)
    assert lake.committed("obs") == 20
    assert lake.count() == 1000
    assert lake.count(Span(entities=[station(3)], start=START, end=START + timedelta(hours=1))) == 100
    assert lake.count(Span(start=START + timedelta(hours=2))) == 0
    put(lake, 21)
    assert lake.count() == 1050


def test_few_files_and_other_days_are_left_alone(lake: Lake) -> None:
    assert compact(lake, DAY, at_least=50) == 0
    assert compact(lake, date(2026, 3, 2), at_least=1) == 0
    assert lake.files().num_rows == 20


def test_readers_and_the_writer_go_on_meanwhile(lake: Lake) -> None:
    stop = threading.Event()
    seen: list[int] = []

    def read() -> None:
        mine = Lake(lake.uri)
        while not stop.is_set():
            seen.append(mine.read(Span(), columns=("number",)).num_rows)

    thread = threading.Thread(target=read)
    thread.start()
    other = Lake(lake.uri)
    for n in range(21, 61):
        put(lake, n)
        if n % 10 == 0:
            compact(other, DAY, at_least=4)
            vacuum(other, older_than_h=0)
    stop.set()
    thread.join()
    assert seen == sorted(seen)
    assert lake.read(Span()).num_rows == lake.count() == 3000
    assert lake.committed("obs") == 60


def test_the_slower_of_two_merges_is_refused(lake: Lake, monkeypatch: pytest.MonkeyPatch) -> None:
    real = upkeep._statistics

    def meanwhile(rows: object) -> str:
        monkeypatch.setattr(upkeep, "_statistics", real)
        compact(Lake(lake.uri), DAY, at_least=8)
        return real(rows)  # type: ignore[arg-type]

    monkeypatch.setattr(upkeep, "_statistics", meanwhile)
    with pytest.raises(Conflict):
        compact(lake, DAY, at_least=8)
    assert lake.read(Span()).num_rows == lake.count() == 1000


def test_old_days_are_forgotten(lake: Lake) -> None:
    batch = series(10, start=START - timedelta(days=100))
    lake.append(arrange(stage([(21, batch)])), "obs", 21, expected=20)
    assert expire(lake, DAY) == 10
    assert lake.count() == 1000
    assert lake.committed("obs") == 21


def test_a_day_that_is_over_lies_in_the_order_of_its_devices(tmp_path: Path) -> None:
    lake = Lake(str(tmp_path / "lake"))

    def put_each(n: int, devices: range) -> None:
        batch = table([station(d) for d in devices], at=START + timedelta(minutes=n))
        lake.append(arrange(stage([(n, batch)])), "obs", n, expected=lake.committed("obs"))

    for n in range(1, 4):
        put_each(n, range(30_000))
    before = lake.read(Span())
    one = Span(entities=[station(12_345)])
    assert lake.files(one).num_rows == 3
    assert settle(lake, DAY, rows=30_000) == 3
    assert lake.files().num_rows == 3
    assert min(lake.files()["num_records"].to_pylist()) > 20_000, "of about one size"
    assert lake.files(one).num_rows == 1, "a device is in one file"
    assert lake.read(Span()).equals(before)
    assert settle(lake, DAY, rows=30_000) == 0
    put_each(4, range(100))  # a few late readings
    assert settle(lake, DAY, rows=30_000) == 0
    assert lake.files(one).num_rows == 1
    for n in range(5, 9):
        put_each(n, range(30_000))
    assert compact(lake, DAY, at_least=4) == 3
    assert lake.files(one).num_rows == 2, "what lies in order is not merged with what does not"
    assert settle(lake, DAY, rows=30_000) >= 3
    assert lake.files(one).num_rows == 1
    assert lake.read(one).num_rows == 7
    assert lake.count() == 210_100
    assert lake.committed("obs") == 8
