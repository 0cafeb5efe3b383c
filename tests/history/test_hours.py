"""Roll-ups say what the readings say, whatever came late, was corrected, merged or lost in between."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from province.errors import Conflict
from province.history.compact import compact, vacuum
from province.history.correction import KINDS, Correction
from province.history.days import Days, bounds, civil, read_days, settle
from province.history.fold import fold
from province.history.hours import HOUR, Hours, advance, compact_hours, read_hours
from province.history.lake import Lake, Span, arrange, stage
from tests.effort import examples
from tests.observations import START, series, station, table

DAY = START.date()


@dataclass
class World:
    lake: Lake
    hours: Hours
    corrections: list[Correction] = field(default_factory=list)
    sent: int = 0
    kinds: tuple[str, ...] = KINDS

    def put(self, batch: pa.Table) -> None:
        self.sent += 1
        self.lake.append(arrange(stage([(self.sent, batch)])), "obs", self.sent, expected=self.lake.committed("obs"))

    def say(self, **given: Any) -> None:
        self.corrections.append(Correction(id=len(self.corrections) + 1, **given))

    @property
    def days(self) -> Days:
        return Days(self.hours)

    def check_days(self) -> None:
        found = read_days(self.days, Span(), self.corrections).to_pylist()
        expected: dict[tuple[Any, ...], list[Any]] = {}
        for r in self.lake.read(Span(), corrections=self.corrections).to_pylist():
            key = (r["entity"], r["attribute"], r["dataset"] or "", r["origin"], civil(r["observed_at"]))
            expected.setdefault(key, []).append(r)
        mine = {(r["entity"], r["attribute"], r["dataset"] or "", r["origin"], civil(r["start"])): r for r in found}
        assert mine.keys() == expected.keys()
        assert len(mine) == len(found)
        for key, rows in expected.items():
            values = [r["number"] for r in rows]
            row = mine[key]
            assert row["start"] == bounds(key[-1])[0]
            assert (row["readings"], row["low"], row["high"]) == (len(values), min(values), max(values))
            assert math.isclose(row["total"], math.fsum(values), rel_tol=1e-9, abs_tol=1e-6)
            assert row["last_at"] == max(r["observed_at"] for r in rows)

    def read(self, span: Span | None = None) -> list[dict[str, Any]]:
        return read_hours(self.hours, span or Span(), self.corrections).to_pylist()

    def check(self, span: Span | None = None) -> None:
        rows = self.lake.read(span or Span(), corrections=self.corrections).to_pylist()
        expected: dict[tuple[Any, ...], list[dict[str, Any]]] = {}
        for row in rows:
            if row["number"] is not None:
                hour = row["observed_at"].replace(minute=0, second=0, microsecond=0)
                key = (row["entity"], row["attribute"], row["dataset"] or "", row["origin"], hour)
                expected.setdefault(key, []).append(row)
        found = {(r["entity"], r["attribute"], r["dataset"] or "", r["origin"], r["start"]): r for r in self.read(span)}
        assert found.keys() == expected.keys()
        assert list(found) == sorted(found)
        for key, mine in expected.items():
            row, values = found[key], [r["number"] for r in mine]
            assert (row["readings"], row["low"], row["high"]) == (len(values), min(values), max(values))
            assert math.isclose(row["total"], math.fsum(values), rel_tol=1e-9, abs_tol=1e-6)
            assert math.isclose(row["squares"], math.fsum(v * v for v in values), rel_tol=1e-9, abs_tol=1e-6)
            times = [r["observed_at"] for r in mine]
            assert (row["first_at"], row["last_at"]) == (min(times), max(times))
            assert row["first"] in {r["number"] for r in mine if r["observed_at"] == min(times)}
            assert row["last"] in {r["number"] for r in mine if r["observed_at"] == max(times)}


@pytest.fixture
def world(tmp_path: Path) -> World:
    lake = Lake(str(tmp_path / "binh-duong" / "observations"))
    return World(lake, Hours(lake))


def test_an_empty_lake_has_no_hours(world: World) -> None:
    assert world.read() == []
    assert advance(world.hours, []).rows == 0
    world.check()


def test_a_number_is_fresh_and_stored_ones_are_used(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    world.put(series(100, step_s=300))
    assert advance(world.hours, []).rebuilt
    world.put(series(50, step_s=300, start=START + timedelta(hours=5)))
    world.check()
    done = advance(world.hours, [])
    assert (done.readings, done.rebuilt) == (50, False)
    assert advance(world.hours, []).rows == 0
    monkeypatch.setattr(Lake, "read", None)
    monkeypatch.setattr(Lake, "batches", None)
    assert sum(r["readings"] for r in world.read()) == 150, "nothing is read from the lake"


def test_corrections_count_before_and_after_the_round_that_takes_them_in(world: World) -> None:
    world.put(series(200, step_s=200))
    advance(world.hours, [])
    world.say(entity=station(1), attribute="temperature", start=START, end=START + 3 * HOUR, kind="invalid")
    world.say(entity=station(2), attribute=None, dataset=None, start=START, end=START + 99 * HOUR, kind="delete")
    world.put(table([station(1), station(2)], at=START + timedelta(minutes=5), number=[84.0, 84.0]))
    world.check()
    assert advance(world.hours, world.corrections).corrections == 2
    world.check()
    assert {r["entity"] for r in world.read()} == {station(n) for n in range(10)} - {station(2)}
    assert compact_hours(world.hours, DAY) > 0
    world.check()
    world.put(table([station(1)], at=START + timedelta(hours=3, minutes=5), number=[-39.0]))
    world.check()


def test_another_lake_under_the_same_name_is_noticed(world: World, tmp_path: Path) -> None:
    world.put(series(100, step_s=300))
    advance(world.hours, [])
    other = World(Lake(str(tmp_path / "other" / "observations")), world.hours)
    other.put(series(20))
    world.hours.lake = other.lake
    other.check()
    assert advance(world.hours, []).rebuilt
    other.check()


def test_of_two_rounds_at_once_one_counts(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    world.put(series(100, step_s=300))
    advance(world.hours, [])
    world.put(series(100, step_s=300))
    rival, real = Hours(world.lake), Hours.commit

    def later(self: Hours, *args: Any, **kwargs: Any) -> None:
        monkeypatch.setattr(Hours, "commit", real)
        advance(rival, [])
        real(self, *args, **kwargs)

    monkeypatch.setattr(Hours, "commit", later)
    with pytest.raises(Conflict):
        advance(world.hours, [])
    world.check()


def test_days_are_those_of_vietnam_and_are_used(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    # 16:59 and 17:01 UTC lie on two days of Vietnam.
    for n in range(3):
        at = [START + timedelta(days=n, hours=10, minutes=59), START + timedelta(days=n, hours=11, minutes=1)]
        world.put(table([station(1)] * 2, at=at, number=[1.0, 2.0]))
    advance(world.hours, [])
    assert [d.isoformat() for d in settle(world.days, START + timedelta(days=9))] == [
        "2026-03-04", "2026-03-03", "2026-03-02", "2026-03-01"
    ]  # fmt: skip
    assert settle(world.days, START + timedelta(days=9)) == []
    world.check_days()
    totals = [r["total"] for r in read_days(world.days, Span(), []).to_pylist()]
    assert totals == [1.0, 3.0, 3.0, 2.0]
    world.put(table([station(2)], at=START + timedelta(days=1)))
    world.check_days()
    advance(world.hours, [])
    assert [d.isoformat() for d in settle(world.days, START + timedelta(days=9))] == ["2026-03-02"]
    monkeypatch.setattr("province.history.days.read_hours", None)
    assert len(read_days(world.days, Span(), [])) == 5, "the hours are not asked"


_times = st.integers(-40, 40).map(lambda n: START + timedelta(minutes=37 * n))
_reading = st.tuples(st.integers(0, 3), _times, st.floats(-40, 80, width=32), st.sampled_from((None, "urn:d:1")))
_step = st.one_of(
    st.tuples(st.just("put"), st.lists(_reading, min_size=1, max_size=12)),
    st.tuples(st.just("say"), st.tuples(st.integers(0, 3), _times, st.integers(1, 900),
              st.sampled_from(("value", "invalid", "delete", "restore")))),
    st.tuples(st.just("advance"), st.none()),
    st.tuples(st.just("settle"), st.none()),
    st.tuples(st.just("fold"), st.none()),
    st.tuples(st.just("compact"), st.none()),
)  # fmt: skip


@given(st.lists(_step, min_size=1, max_size=14), st.sampled_from((None, START - 5 * HOUR)))
@settings(max_examples=examples(40), suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
def test_whatever_happens_the_hours_are_those_of_the_readings(
    tmp_path_factory: pytest.TempPathFactory, steps: list[tuple[str, Any]], start: datetime | None
) -> None:
    lake = Lake(str(tmp_path_factory.mktemp("lake") / "observations"))
    world = World(lake, Hours(lake))
    for what, given_ in steps:
        if what == "put":
            for dataset in {d for *_, d in given_}:
                mine = [r for r in given_ if r[3] == dataset]
                ids, at, number, _ = zip(*mine, strict=True)
                world.put(table([station(n) for n in ids], at=list(at), number=list(number), dataset=dataset))
        elif what == "say":
            n, at, minutes, kind = given_
            if kind not in world.kinds:
                continue
            until = timedelta(microseconds=1) if kind == "value" else timedelta(minutes=minutes)
            world.say(entity=station(n), attribute="temperature", start=at, end=at + until, kind=kind,
                      number=1.5 if kind == "value" else None)  # fmt: skip
        elif what == "advance":
            advance(world.hours, world.corrections, most=5)
        elif what == "settle":
            settle(world.days, START + timedelta(hours=10))
        elif what == "fold":
            reflected = world.hours.state()[0]["corrections"] or 0
            fold(lake, world.corrections, [c.id for c in world.corrections if c.id <= reflected])
            world.kinds = ("value", "invalid", "delete")  # what is folded cannot be restored: the door refuses it
        else:
            for day in lake.days():
                compact(lake, day.date(), at_least=2)
                compact_hours(world.hours, day.date())
            if world.hours.state()[0]["lake"] == lake.version():
                vacuum(lake, older_than_h=0)
    world.check()
    world.check(Span(entities=[station(1)], start=start))
    world.check_days()
