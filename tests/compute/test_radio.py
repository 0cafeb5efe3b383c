"""TR 38.901 in compiled kernels, against the same tables written down once more in linear units and plain Python."""

from __future__ import annotations

import cmath
import math
from collections.abc import Callable

import numpy as np
import pytest

from province.compute.plane import Plane, middle
from province.compute.radio import antenna, entry, field, link, propagation
from province.errors import InvalidInput

_C = 3.0e8


def decades(value: float) -> float:
    return math.log(value) / math.log(10)


def by_hand(name: str, ground: float, base: float, terminal: float, ghz: float) -> tuple[float, float]:
    """Table 7.4.1-1 as powers of distance and frequency: loss factors are multiplied, then told in dB."""
    slant = math.hypot(ground, base - terminal)

    def power(constant: float, exponent: float, frequency: float) -> float:
        return 10 * decades(10 ** (constant / 10) * slant ** (exponent / 10) * ghz ** (frequency / 10))

    turn = 4 * (base - 1) * (terminal - 1) * ghz * 1e9 / _C
    if name in ("uma", "umi"):
        first, near, knee = (28.0, 22.0, 9.0) if name == "uma" else (32.4, 21.0, 9.5)
        sight = power(first, near, 20)
        if ground > turn:
            sight = power(first, 40, 20) - knee * decades(turn**2 + (base - terminal) ** 2)
        if name == "uma":
            hidden = power(13.54, 39.08, 20) - 0.6 * (terminal - 1.5)
        else:
            hidden = power(22.4, 35.3, 21.3) - 0.3 * (terminal - 1.5)
        return sight, max(sight, hidden)
    sight = power(31.84, 21.5, 19)
    sparse = power(33, 25.5, 20)
    hidden = {
        "inf-sl": sparse,
        "inf-dl": max(sparse, power(18.6, 35.7, 20)),
        "inf-sh": power(32.4, 23.0, 20),
        "inf-dh": power(33.63, 21.9, 20),
    }[name]
    return sight, max(sight, hidden)


@pytest.mark.parametrize("name", propagation.ENVIRONMENTS)
def test_losses_are_those_of_the_table(name: str) -> None:
    code = propagation.ENVIRONMENTS.index(name)  # type: ignore[arg-type]
    base = {"uma": 25.0, "umi": 10.0}.get(name, 6.0)
    for ground in (10.0, 18.0, 87.3, 250.0, 599.0, 1203.0, 4990.0):
        for terminal, ghz in ((1.5, 2.55), (1.5, 3.75), (9.0, 0.758), (12.5, 26.0)):
            found = propagation.losses_db(code, ground, base, terminal, ghz)
            assert found == pytest.approx(by_hand(name, ground, base, terminal, ghz), abs=1e-9)


def test_losses_are_those_that_a_calculator_gives() -> None:
    # UMa at 3.5 GHz, 25 m to 1.5 m, 500 m: d3D = 500.552; 28 + 22·2.69945 + 10.8814 and 13.54 + 105.494 + 10.881
    sight, hidden = propagation.losses_db(propagation.UMA, 500.0, 25.0, 1.5, 3.5)
    assert sight == pytest.approx(98.27, abs=0.01)
    assert hidden == pytest.approx(129.92, abs=0.01)
    assert propagation.breakpoint_m(25.0, 1.5, 3.5) == pytest.approx(560.0)


def test_sight_is_certain_near_and_rarer_with_distance() -> None:
    for code in (propagation.UMA, propagation.UMI):
        assert propagation.sight_probability(code, 18.0, 1.5) == 1.0
        steps = [propagation.sight_probability(code, d, 1.5) for d in (19.0, 50.0, 200.0, 1000.0)]
        assert steps == sorted(steps, reverse=True)
    near = 18 / 100
    assert propagation.sight_probability(propagation.UMI, 100.0, 1.5) == pytest.approx(
        near + math.exp(-100 / 36) * (1 - near)
    )
    high = (near + math.exp(-100 / 63) * (1 - near)) * (1 + ((20 - 13) / 10) ** 1.5 * 5 / 4 * math.exp(-100 / 150))
    assert propagation.sight_probability(propagation.UMA, 100.0, 20.0) == pytest.approx(high)
    assert propagation.sight_probability(propagation.UMA, 18.5, 22.5) <= 1.0


def test_sight_in_a_hall_follows_the_clutter() -> None:
    found = propagation.factory_sight_probability
    # Sparse, low: k = −10 / ln(1 − 0.2) = 44.81 m.
    assert found(propagation.INF_SL, 44.814, 1.5, 1.5, 10.0, 0.2, 2.0) == pytest.approx(math.exp(-1), abs=1e-4)
    # Dense, high: k = −2 / ln(1 − 0.6) · (8 − 1.5) / (6 − 1.5) = 3.153 m.
    assert found(propagation.INF_DH, 3.1529, 8.0, 1.5, 2.0, 0.6, 6.0) == pytest.approx(math.exp(-1), abs=1e-4)
    assert found(propagation.INF_SH, 500.0, 8.0, 2.0, 10.0, 0.2, 2.0) == 1.0


def test_walls_take_what_the_tables_say() -> None:
    assert entry.entry_db("outdoor", 3.5, 12.0) == (0.0, 0.0)
    # At 3.5 GHz: glass 2.7, coated 24.05, concrete 19 dB.
    low, sigma = entry.entry_db("low", 3.5, 10.0)
    assert low == pytest.approx(5 - 10 * decades(0.3 * 10**-0.27 + 0.7 * 10**-1.9) + 5, abs=1e-9)
    assert sigma == 4.4
    high, sigma = entry.entry_db("high", 3.5, 0.0)
    assert high == pytest.approx(5 - 10 * decades(0.7 * 10**-2.405 + 0.3 * 10**-1.9), abs=1e-9)
    assert sigma == 6.5
    with pytest.raises(InvalidInput, match="building") as refused:
        entry.entry_db("glass", 3.5, 1.0)  # type: ignore[arg-type]
    assert refused.value.field == "building"


def test_an_element_has_the_pattern_of_the_table() -> None:
    assert antenna.element_db(90.0, 0.0) == 0.0
    assert antenna.element_db(90.0, 32.5) == pytest.approx(-3.0)
    assert antenna.element_db(122.5, 0.0) == pytest.approx(-3.0)
    assert antenna.element_db(90.0, 180.0) == -30.0
    assert antenna.element_db(0.0, 180.0) == -30.0


def phased(elements: int, spacing: float, up_deg: float, tilt_deg: float) -> float:
    """A column as the sum of its phasors."""
    turn = 2j * cmath.pi * spacing * (math.sin(math.radians(up_deg)) + math.sin(math.radians(tilt_deg)))
    total = sum(cmath.exp(turn * m) for m in range(elements))
    return 20 * decades(abs(total) / math.sqrt(elements))


@pytest.mark.parametrize("up_deg", [-20.0, -11.0, -6.0, -3.3, 0.0, 7.0])
def test_a_column_is_the_sum_of_its_elements(up_deg: float) -> None:
    north, up = math.cos(math.radians(up_deg)) * 900, math.sin(math.radians(up_deg)) * 900
    gain = antenna.sector_gain_dbi(0.0, north, up, 0.0, 0.0, 6.0, 8, 0.5)
    alone = 8.0 - min(12 * (up_deg / 65) ** 2, 30)
    filled = 10 * decades(8) - 20
    assert gain == pytest.approx(alone + max(phased(8, 0.5, up_deg, 6.0), filled), abs=1e-6)


def test_a_sector_looks_where_it_is_turned_and_tilted() -> None:
    def gain(azimuth: float, mechanical: float, east: float, north: float, up: float) -> float:
        return float(antenna.sector_gain_dbi(east, north, up, azimuth, mechanical, 0.0, 8, 0.5))

    peak = 8 + 10 * decades(8)
    assert gain(90.0, 0.0, 500.0, 0.0, 0.0) == pytest.approx(peak)
    assert gain(0.0, 10.0, 0.0, 100.0, -100 * math.tan(math.radians(10))) == pytest.approx(peak, abs=1e-6)
    assert gain(0.0, 0.0, 0.0, -500.0, 0.0) == pytest.approx(peak - 30)
    # Behind, a tilted antenna looks up: the ground there gets less than the ground ahead.
    assert gain(0.0, 6.0, 0.0, -500.0, -50.0) < gain(0.0, 6.0, 0.0, 500.0, -50.0)


CARRIER = link.Carrier(bandwidth_mhz=100.0, down_share=0.64, streams=2.0)


def test_bits_follow_shannon_with_the_named_gap() -> None:
    at = np.array([-10.5, -10.0, 0.0, 10.0, 60.0])
    scale = 100 * 0.64 * 2
    wanted = [0.0, 0.6 * math.log2(1.1) * scale, 0.6 * scale, 0.6 * math.log2(11) * scale, 7.4063 * scale]
    assert CARRIER.rate_mbps(at) == pytest.approx(wanted)
    assert CARRIER.noise_dbm == pytest.approx(-173.975 + 80 + 9)
    assert CARRIER.rate_mbps(np.array([CARRIER.needed_db(100.0)])) == pytest.approx([100.0])
    with pytest.raises(InvalidInput) as refused:
        CARRIER.needed_db(5000.0)
    assert refused.value.field == "rate"


SENDER = field.Sender("uma", 3.5, 1.5, 46.0, mechanical_deg=4.0, electrical_deg=2.0, elements=8)


def test_a_field_is_its_formulas_pair_by_pair() -> None:
    random = np.random.default_rng(4)
    site, place = random.uniform(0, 2000, (3, 2)), random.uniform(0, 2000, (40, 2))
    base = np.array([25.0, 30.0, 18.0])
    azimuth = np.array([[0.0, 120.0, 240.0]] * 3) + random.uniform(0, 120, (3, 1))
    walls, sigma = np.where(np.arange(40) % 2, 20.0, 0.0), np.where(np.arange(40) % 2, 6.5, 0.0)
    found = field.reach(SENDER, site, base, azimuth, place, walls, sigma, -90.0, range_m=900.0)
    losses = field.losses("uma", site, place, base, 1.5, 3.5)
    pairs = 0
    for i in range(3):
        for k in range(found.start[i], found.start[i + 1]):
            j = found.place[k]
            away = place[j] - site[i]
            ground = max(10.0, math.hypot(*away))
            assert ground <= 900.0
            seen, hidden = by_hand("uma", ground, float(base[i]), 1.5, 3.5)
            p = propagation.sight_probability(propagation.UMA, ground, 1.5)
            assert losses[i, j] == pytest.approx(p * seen + (1 - p) * hidden, abs=1e-3)
            for s in range(3):
                gain = antenna.sector_gain_dbi(away[0], away[1], 1.5 - base[i], azimuth[i, s], 4.0, 2.0, 8, 0.5)
                at = 46.0 + gain - walls[j]
                assert found.signal_dbm[k, s] == pytest.approx(at - losses[i, j], abs=1e-3)
                chance = p * normal((at - seen + 90) / math.hypot(4, sigma[j])) + (1 - p) * normal(
                    (at - hidden + 90) / math.hypot(6, sigma[j])
                )
                assert found.likely[k, s] == pytest.approx(chance, abs=1e-5)
            pairs += 1
    assert pairs == sum(math.hypot(*(p - s)) <= 900.0 for p in place for s in site)


def normal(z: float) -> float:
    return 0.5 * math.erfc(-z / math.sqrt(2))


def test_the_best_sector_serves_and_the_others_disturb_by_their_load() -> None:
    found = field.Field(
        np.array([0, 2, 3]), np.array([0, 1, 0]),
        np.array([[-80, -90], [-70, -100], [-85, -95]], np.float32), np.zeros((3, 2), np.float32),
    )  # fmt: skip
    best, top, rest = field.best_and_rest(found, 3, np.array([[1.0, 0.5], [0.5, 0.0]]))
    assert best.tolist() == [0, 0, -1]
    assert top.tolist() == [-80.0, -70.0, -math.inf]
    assert rest[0] == pytest.approx(10 * decades(0.5 * 10**-9.0 + 0.5 * 10**-8.5))
    assert rest[2] == -math.inf


@pytest.mark.parametrize(
    ("name", "make"),
    [
        ("environment", lambda: field.Sender("inf-sl", 3.5, 1.5, 40.0)),
        ("ghz", lambda: field.Sender("uma", 0.1, 1.5, 40.0)),
        ("terminal_m", lambda: field.Sender("uma", 3.5, 60.0, 40.0)),
        ("elements", lambda: field.Sender("uma", 3.5, 1.5, 40.0, elements=0)),
        ("bandwidth_mhz", lambda: link.Carrier(0.0, 0.6, 2.0)),
    ],
)
def test_what_the_formulas_do_not_know_is_refused_by_name(name: str, make: Callable[[], object]) -> None:
    with pytest.raises(InvalidInput) as refused:
        make()
    assert refused.value.field == name


def test_a_plane_keeps_distances_of_a_province() -> None:
    from pyproj import Geod

    corners = np.array([[106.33, 10.86], [106.97, 11.50], [106.33, 11.50], [106.97, 10.86]])
    plane = middle(corners)
    flat = plane.metres(corners)
    assert plane.degrees(flat) == pytest.approx(corners)
    geod = Geod(ellps="WGS84")
    for a in range(4):
        for b in range(a):
            true = geod.inv(*corners[a], *corners[b])[2]
            assert math.hypot(*(flat[a] - flat[b])) == pytest.approx(true, rel=1.5e-3)
    assert Plane(106.65, 11.18).metres(np.array([[106.65, 11.18]])).tolist() == [[0.0, 0.0]]
