"""Invented storms of alerts with hidden causes: what a province might see in one bad minute.

Whoever draws a storm knows nothing of how alerts are grouped. A cause is something in the world: a gateway without
power, a street-lighting feeder that tripped, a reservoir that released water, smoke over a quarter, a burst main. It
makes its devices raise alerts, each after its own delay. What a product can see of an alert stands in `Storm`; which
cause it had stands apart in `cause`, for the judge alone.
"""

from __future__ import annotations

import math
import random
from collections.abc import Callable
from dataclasses import dataclass, field

WEST, SOUTH = 106.40, 10.90
METRES = 111_195.0
"""Of a degree of latitude."""


@dataclass(slots=True)
class Storm:
    """One list per column, in the order in which the alerts are raised. position: (longitude, latitude).

    upstream: what the registry knows that the source hangs on, for this kind of alert; "" when nothing.
    """

    at: list[float] = field(default_factory=list)
    position: list[tuple[float, float]] = field(default_factory=list)
    kind: list[str] = field(default_factory=list)
    upstream: list[str] = field(default_factory=list)
    source: list[str] = field(default_factory=list)
    cause: list[int] = field(default_factory=list)

    def __len__(self) -> int:
        return len(self.at)


def draw(seed: int, *, alerts: int = 10_000, causes: int = 20, seconds: float = 60.0) -> Storm:
    """A storm. A third of the causes stand next to another one: the same quarter at the same moment.

    Neighbours differ in what a person would tell them apart by: two gateways on one roof, a feeder and a gateway in one
    street, smoke of a fire beside a flooded road.
    """
    chance = random.Random(seed)
    sizes = _sizes(chance, alerts, causes)
    found: list[tuple[float, tuple[float, float], str, str, str, int]] = []
    home = (0.0, 0.0)
    kind = ""
    plots = _plots(chance, causes)
    for cause, size in enumerate(sizes):
        beside = cause % 3 == 1
        former = kind
        if beside:
            kind = chance.choice([k for k in _KINDS if k != former or k in ("gateway", "feeder")])
        else:
            kind = chance.choice(list(_KINDS))
            home = plots.pop()
        found += _KINDS[kind](chance, cause, size, home, seconds)
    found.sort(key=lambda one: one[0])
    storm = Storm()
    for at, position, name, upstream, source, cause in found:
        storm.at.append(at)
        storm.position.append(position)
        storm.kind.append(name)
        storm.upstream.append(upstream)
        storm.source.append(source)
        storm.cause.append(cause)
    return storm


def _plots(chance: random.Random, causes: int) -> list[tuple[float, float]]:
    """Centres in metres from the corner of the province, on a loose grid of eleven kilometres."""
    side = math.ceil(math.sqrt(causes))
    plots = [(11_000.0 * x + chance.uniform(0, 1_500), 11_000.0 * y + chance.uniform(0, 1_500))
             for x in range(side) for y in range(side)]  # fmt: skip
    chance.shuffle(plots)
    return plots


def _sizes(chance: random.Random, alerts: int, causes: int) -> list[int]:
    """Some causes are great and some are a single device; together as many as were asked for."""
    weights = [chance.paretovariate(0.8) for _ in range(causes)]
    sizes = [max(1, int(alerts * w / sum(weights))) for w in weights]
    sizes[sizes.index(max(sizes))] += alerts - sum(sizes)
    return sizes


def _place(home: tuple[float, float], east: float, north: float) -> tuple[float, float]:
    y = SOUTH + (home[1] + north) / METRES
    return WEST + (home[0] + east) / (METRES * math.cos(math.radians(y))), y


def _disc(chance: random.Random, radius: float) -> tuple[float, float]:
    r, angle = radius * math.sqrt(chance.random()), chance.uniform(0, 2 * math.pi)
    return r * math.cos(angle), r * math.sin(angle)


Row = tuple[float, tuple[float, float], str, str, str, int]
Cause = Callable[[random.Random, int, int, tuple[float, float], float], list[Row]]


def _gateway(chance: random.Random, cause: int, size: int, home: tuple[float, float], seconds: float) -> list[Row]:
    """All devices of a gateway fall silent; each is missed after its own reporting interval."""
    start = chance.uniform(0, seconds * 0.3)
    name = f"gw-{cause}"
    return [
        (start + chance.uniform(0, seconds - start), _place(home, *_disc(chance, 3_000)), "silent", name,
         f"{name}-dev-{n}", cause)
        for n in range(size)
    ]  # fmt: skip


def _feeder(chance: random.Random, cause: int, size: int, home: tuple[float, float], seconds: float) -> list[Row]:
    """Lamps along a street go dark within seconds."""
    start = chance.uniform(0, seconds * 0.8)
    name = f"feeder-{cause}"
    angle = chance.uniform(0, math.pi)
    rows = []
    for n in range(size):
        along = (n - size / 2) * min(35.0, 6_000 / size)
        place = _place(home, along * math.cos(angle), along * math.sin(angle))
        rows.append((min(seconds, start + chance.expovariate(1 / 3)), place, "dark", name, f"{name}-lamp-{n}", cause))
    return rows


def _reservoir(chance: random.Random, cause: int, size: int, home: tuple[float, float], seconds: float) -> list[Row]:
    """Gauges down a river, each a little later than the one above it."""
    name = f"river-{cause}"
    start = chance.uniform(0, seconds * 0.3)
    rows = []
    for n in range(size):
        share = n / max(1, size - 1)
        place = _place(home, 8_000 * share, 900 * math.sin(6 * share))
        rows.append((start + (seconds - start) * share, place, "flood_level", name, f"{name}-gauge-{n}", cause))
    return rows


def _cloud(kind: str, radius: float) -> Cause:
    """Something in the air or on the ground that nothing in the registry explains but place and time."""

    def make(chance: random.Random, cause: int, size: int, home: tuple[float, float], seconds: float) -> list[Row]:
        start = chance.uniform(0, seconds * 0.5)
        return [
            (start + chance.triangular(0, seconds - start), _place(home, *_disc(chance, radius)), kind, "",
             f"{kind}-{cause}-{n}", cause)
            for n in range(size)
        ]  # fmt: skip

    return make


_KINDS: dict[str, Cause] = {
    "gateway": _gateway,
    "feeder": _feeder,
    "reservoir": _reservoir,
    "smoke": _cloud("smoke", 600.0),
    "water": _cloud("street_flood", 500.0),
    "noise": _cloud("noise", 400.0),
}
