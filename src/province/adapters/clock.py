"""Clock skew: our wall clock against the database's and against a clock that nobody can set.

What the system does when clocks are wrong: instants are stored in UTC; order comes from transactions and stream
sequences, never from time; a reading more than `FUTURE_TOLERANCE` ahead of the server's clock is refused, one behind is
taken (it is history); sessions, tokens and roles are valid by the server's clock. A wrong clock therefore costs refused
readings or early and late ends of rights, never the order of changes. It is shown here, so that a person repairs it.
"""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Final, Literal

from province.errors import Unavailable
from province.model.time import FUTURE_TOLERANCE, now

WARN_S: Final = 2.0
CRITICAL_S: Final = FUTURE_TOLERANCE.total_seconds()
JUMP_S: Final = 1.0
"""Beyond what a time service corrects gently (0.05 % of the time that passed), a step of this size is a jump."""
REMEMBER_S: Final = 600.0
_SLEW: Final = 0.0005

State = Literal["ok", "skewed", "critical"]


def _boot_time() -> float:
    """Seconds since boot, sleep included: set by nobody."""
    return time.clock_gettime(time.CLOCK_BOOTTIME)


@dataclass(frozen=True, slots=True)
class Skew:
    """One measurement. database_s: how far the database's clock is ahead of ours (negative: behind).

    uncertainty_s: half the round trip.  jump_s: the largest step of our own clock in the last ten minutes, positive
    forwards, 0 when there was none.
    """

    database_s: float
    uncertainty_s: float
    jump_s: float
    state: State


class ClockWatch:
    """database_now: asks the database for its clock (`SELECT clock_timestamp()`). Call `measure` now and then."""

    def __init__(
        self,
        database_now: Callable[[], Awaitable[datetime]],
        *,
        wall: Callable[[], datetime] = now,
        steady: Callable[[], float] = _boot_time,
    ) -> None:
        self._database_now = database_now
        self._wall, self._steady = wall, steady
        self._last = (wall(), steady())
        self._jumps: list[tuple[float, float]] = []

    async def measure(self) -> Skew:
        """Compare the clocks. Raises: what asking the database raises."""
        before, began = self._wall(), self._steady()
        self._notice_jump(before, began)
        theirs = await self._database_now()
        half = (self._steady() - began) / 2
        difference = (theirs - before).total_seconds() - half
        # Within the round trip nothing can be said.
        surely = max(0.0, abs(difference) - half)
        jump = max((size for at, size in self._jumps), key=abs, default=0.0)
        state: State = "ok"
        if surely > CRITICAL_S:
            state = "critical"
        elif surely > WARN_S or jump:
            state = "skewed"
        return Skew(difference, half, jump, state)

    async def check(self) -> str:
        """For `/readyz`: "" or a warning. Raises: Unavailable when the clocks differ by more than the tolerance."""
        skew = await self.measure()
        if skew.state == "critical":
            raise Unavailable(
                f"the clocks of server and database differ by {skew.database_s:.1f} s.",
                field="clock",
                remedy="Set both by a time service (chrony, systemd-timesyncd).",
            )
        if skew.jump_s:
            return f"the server's clock jumped by {skew.jump_s:+.1f} s; is a time service running?"
        if skew.state == "skewed":
            return f"the database's clock is {skew.database_s:+.1f} s from the server's; is a time service running?"
        return ""

    def _notice_jump(self, wall: datetime, steady: float) -> None:
        elapsed = steady - self._last[1]
        step = (wall - self._last[0]).total_seconds() - elapsed
        self._last = (wall, steady)
        if abs(step) > JUMP_S + elapsed * _SLEW:
            self._jumps.append((steady, step))
        self._jumps = [(at, size) for at, size in self._jumps if steady - at < REMEMBER_S]
