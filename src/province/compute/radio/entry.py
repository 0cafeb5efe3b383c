"""What a building takes: TR 38.901 V17.0.0, clause 7.4.3.1, tables 7.4.3-1 and 7.4.3-2."""

from __future__ import annotations

import math
from typing import Final, Literal

from province.errors import InvalidInput

Building = Literal["outdoor", "low", "high"]
BUILDINGS: Final[tuple[Building, ...]] = ("outdoor", "low", "high")
"""No wall; the low-loss model (plain glass and concrete); the high-loss model (coated glass and concrete)."""
_ANGLE_DB: Final = 5.0
_PER_METRE_DB: Final = 0.5
_SIGMA_DB: Final = {"outdoor": 0.0, "low": 4.4, "high": 6.5}


def glass_db(ghz: float) -> float:
    """Standard multi-pane glass."""
    return 2.0 + 0.2 * ghz


def coated_glass_db(ghz: float) -> float:
    """Glass coated against infrared."""
    return 23.0 + 0.3 * ghz


def concrete_db(ghz: float) -> float:
    """Concrete."""
    return 5.0 + 4.0 * ghz


def entry_db(building: Building, ghz: float, inside_m: float) -> tuple[float, float]:
    """Median loss on the way into a building, and its standard deviation, both dB.

    inside_m: from the outer wall to the terminal, along the floor.  Raises: InvalidInput.
    Error: the standard deviation is that of buildings of the kind; sheet-metal halls, common in Vietnam's industrial
    parks, have no row in the table and may lose more than "high".
    """
    if building not in _SIGMA_DB or not inside_m >= 0 or not 0.5 <= ghz <= 100:
        raise InvalidInput(
            f"a {building!r} building, {inside_m} m inside, at {ghz} GHz.", field="building",
            remedy=f"One of {', '.join(BUILDINGS)}; a depth of 0 m or more; 0.5 to 100 GHz.",
        )  # fmt: skip
    if building == "outdoor":
        return 0.0, 0.0
    parts = (
        ((0.3, glass_db(ghz)), (0.7, concrete_db(ghz)))
        if building == "low"
        else ((0.7, coated_glass_db(ghz)), (0.3, concrete_db(ghz)))
    )
    through = _ANGLE_DB - 10.0 * math.log10(sum(share * 10.0 ** (-loss / 10.0) for share, loss in parts))
    return through + _PER_METRE_DB * inside_m, _SIGMA_DB[building]
