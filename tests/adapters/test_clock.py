"""Clock skew is measured against the database and against a clock that nobody can set."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import asyncpg
import pytest
from hypothesis import given
from hypothesis import strategies as st

from province.adapters.clock import CRITICAL_S, REMEMBER_S, ClockWatch
from province.errors import Unavailable

START = datetime(2026, 11, 24, tzinfo=UTC)


class Clocks:
    """A machine whose wall clock can be set, and a database on another machine."""

    def __init__(self, ahead_s: float = 0.0, round_trip_s: float = 0.0) -> None:
        self.steady, self.set_by, self.ahead_s, self.round_trip_s = 100.0, 0.0, ahead_s, round_trip_s

    def wall(self) -> datetime:
        return START + timedelta(seconds=self.steady + self.set_by)

    async def database_now(self) -> datetime:
        self.steady += self.round_trip_s / 2
        theirs = self.wall() + timedelta(seconds=self.ahead_s)
        self.steady += self.round_trip_s / 2
        return theirs

    def watch(self) -> ClockWatch:
        return ClockWatch(self.database_now, wall=self.wall, steady=lambda: self.steady)


@given(ahead=st.floats(-1e6, 1e6), trip=st.floats(0, 10))
async def test_skew_is_measured_and_judged(ahead: float, trip: float) -> None:
    skew = await Clocks(ahead, trip).watch().measure()
    assert skew.database_s == pytest.approx(ahead, abs=1e-3)
    surely = abs(ahead) - trip / 2
    if abs(surely - 2) > 0.01 and abs(surely - CRITICAL_S) > 0.01:
        assert skew.state == ("critical" if surely > CRITICAL_S else "skewed" if surely > 2 else "ok")


@given(
    steps=st.lists(st.floats(-5000, 5000).filter(lambda s: s == 0 or abs(s) > 2), max_size=5),
    pause_s=st.floats(0, 100),
)
async def test_jumps_are_seen_and_gentle_corrections_are_not(steps: list[float], pause_s: float) -> None:
    clocks = Clocks()
    watch = clocks.watch()
    for step in steps:
        clocks.steady += pause_s
        clocks.set_by += step + pause_s * 0.0004
        skew = await watch.measure()
        assert skew.state == ("skewed" if skew.jump_s else "ok")
    largest = max((abs(s) for s in steps), default=0)
    assert abs((await watch.measure()).jump_s) == pytest.approx(largest, abs=0.1)
    clocks.steady += REMEMBER_S + 1
    assert (await watch.measure()).jump_s == 0


async def test_readiness_warns_then_fails() -> None:
    assert await Clocks().watch().check() == ""
    assert "+3.0 s" in await Clocks(3.0).watch().check()
    with pytest.raises(Unavailable, match=r"differ by -400\.0 s"):
        await Clocks(-400.0).watch().check()
    clocks = Clocks()
    watch = clocks.watch()
    clocks.set_by -= 30
    assert "jumped by -30.0 s" in await watch.check()


async def test_the_real_clocks_agree(make_database: Callable[[], str]) -> None:
    connection = await asyncpg.connect(make_database())

    async def database_now() -> datetime:
        value = await connection.fetchval("SELECT clock_timestamp()")
        assert isinstance(value, datetime)
        return value

    skew = await ClockWatch(database_now).measure()
    await connection.close()
    assert skew.state == "ok"
    assert abs(skew.database_s) < 1
