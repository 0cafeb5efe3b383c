"""How pretended devices misbehave: gaps, drift, stuck values, faults, a memory for readings, a course through a flood.

Drawn per device from a seed, so that the same seed gives the same field of good and bad devices.
"""

from __future__ import annotations

import zlib
from collections.abc import Mapping, Sequence
from typing import Final

import msgspec
import numpy as np

GAP_SHARE: Final = 0.01
"""Share of readings that even a good device leaves out."""
FAULT_VALUE: Final = -9999.0
"""What a sensor says whose cable is broken. Fields with a least value refuse it."""


class Conduct(msgspec.Struct, frozen=True, kw_only=True):
    """gap_share: readings left out.  drift: swings of the rhythm per day, by which values wander off.

    stuck_after: readings after which the values repeat for ever.  fault_share: readings with FAULT_VALUE in one field.
    memory: readings kept while there is no connection, sent late with their true times, the oldest first.
    """

    gap_share: float = GAP_SHARE
    drift: float = 0.0
    stuck_after: int | None = None
    fault_share: float = 0.0
    memory: int = 0


GOOD: Final = Conduct()
Course = Sequence[tuple[float, float]]
"""(seconds since the start, what is added to the rhythm), joined by straight lines; held at the last one."""


def draw(entity: str, *, seed: int, faults: bool) -> Conduct:
    """The conduct of one device. Without `faults` every device is good, and a third of them has a memory."""
    random = np.random.default_rng([seed, zlib.crc32(entity.encode())])
    kind, size = random.random(), random.random()
    memory = 120 if random.random() < 1 / 3 else 0
    if not faults:
        return Conduct(memory=memory)
    if kind < 0.04:
        return Conduct(memory=memory, drift=1.0 + 4.0 * size)
    if kind < 0.07:
        return Conduct(memory=memory, stuck_after=5 + int(size * 50))
    if kind < 0.10:
        return Conduct(memory=memory, fault_share=0.02 + 0.1 * size)
    if kind < 0.15:
        return Conduct(memory=memory, gap_share=0.1 + 0.5 * size)
    return Conduct(memory=memory)


def offset(course: Course, elapsed_s: float) -> float:
    """What a course adds at a moment."""
    times, values = zip(*course, strict=True)
    return float(np.interp(elapsed_s, times, values))


def flood(rise_m: float, *, minute_s: float = 60.0) -> Mapping[str, Course]:
    """A gauge that rises by `rise_m` within six minutes, stands for two, and falls within six."""
    times = (0.0, 6 * minute_s, 8 * minute_s, 14 * minute_s)
    return {"currentLevel": tuple(zip(times, (0.0, rise_m, rise_m, 0.0), strict=True))}
