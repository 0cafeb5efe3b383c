"""What is to be routed: a table of times, one of costs, stops with windows, kinds of vehicles at their depots."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from province.errors import InvalidInput

Floats = npt.NDArray[np.float64]
Integers = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Stops:
    """place: (stops,) rows of the tables.  load: (stops,) to bring or to fetch.  service: (stops,) seconds at the door.

    opens, closes: (stops,) between which the service begins; who comes early waits.
    """

    place: Integers
    load: Floats
    service: Floats
    opens: Floats
    closes: Floats


@dataclass(frozen=True, slots=True)
class Fleet:
    """Kinds of vehicles. depot: (kinds,) rows of the tables, where they leave and return.  count: (kinds,) of each.

    capacity: (kinds,).  opens, closes: (kinds,) nobody is out before and after.  longest: (kinds,) seconds on the road,
    at the doors and waiting together.
    """

    depot: Integers
    count: Integers
    capacity: Floats
    opens: Floats
    closes: Floats
    longest: Floats


@dataclass(frozen=True, slots=True)
class Case:
    """seconds, cost: (places, places), infinite where no way leads. The sum of `cost` over all tours is to be least."""

    seconds: Floats
    cost: Floats
    stops: Stops
    fleet: Fleet


@dataclass(frozen=True, slots=True)
class Tour:
    """kind: of its vehicle.  stops: in order, never empty.  leaves: when it leaves its depot."""

    kind: int
    stops: tuple[int, ...]
    leaves: float


def require_sound(case: Case) -> None:
    """Raises: InvalidInput naming what does not fit together."""
    places = len(case.seconds)
    for name, table in (("seconds", case.seconds), ("cost", case.cost)):
        if table.shape != (places, places) or np.isnan(table).any() or (table < 0).any():
            raise InvalidInput(f"a table of shape {table.shape} with negative or unknown values.", field=name,
                               remedy="Give places × places, ≥ 0, infinite where no way leads.")  # fmt: skip
    stops, fleet = case.stops, case.fleet
    for field, columns in (
        ("stops", (stops.place, stops.load, stops.service, stops.opens, stops.closes)),
        ("fleet", (fleet.depot, fleet.count, fleet.capacity, fleet.opens, fleet.closes, fleet.longest)),
    ):
        if len({len(c) for c in columns}) != 1:
            raise InvalidInput("columns of different lengths.", field=field, remedy="One value for each.")
        if not all(np.isfinite(c).all() and (c >= 0).all() for c in columns):
            raise InvalidInput("a value is negative, infinite or unknown.", field=field, remedy="Give numbers ≥ 0.")
        if len(columns[0]) and columns[0].max() >= places:
            raise InvalidInput(f"place {columns[0].max()} of {places}.", field=field, remedy="Rows of the tables.")
    if not fleet.count.sum():
        raise InvalidInput("there is no vehicle.", field="fleet", remedy="Give at least one.")
