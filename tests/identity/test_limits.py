from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from province.errors import ConfigurationError, RateLimited
from province.identity.limits import Limiter, address_key


class Clock:
    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


def test_a_burst_passes_then_the_rate_holds() -> None:
    clock = Clock()
    limiter = Limiter(rate=2, burst=3, clock=clock)
    assert [limiter.retry_after("a") for _ in range(3)] == [0, 0, 0]
    assert limiter.retry_after("a") == pytest.approx(0.5)
    assert limiter.retry_after("b") == 0
    clock.now += 0.5
    assert limiter.retry_after("a") == 0


def test_the_error_says_when_to_come_back() -> None:
    limiter = Limiter(rate=0.1, burst=1, clock=Clock())
    limiter.take("a")
    with pytest.raises(RateLimited) as caught:
        limiter.take("a")
    assert caught.value.retry_after_s == pytest.approx(10)
    assert "10 s" in caught.value.remedy


def test_memory_is_bounded() -> None:
    limiter = Limiter(rate=1, burst=1, keys=100, clock=Clock())
    for n in range(1000):
        limiter.take(str(n))
    assert limiter.known == 100


@given(st.lists(st.tuples(st.floats(0, 5), st.floats(0.1, 3)), max_size=60))
def test_never_more_than_burst_plus_rate_times_time(steps: list[tuple[float, float]]) -> None:
    clock = Clock()
    limiter = Limiter(rate=2, burst=5, clock=clock)
    passed = 0.0
    for pause, cost in steps:
        clock.now += pause
        if limiter.retry_after("k", cost) == 0:
            passed += cost
    assert passed <= 5 + 2 * (clock.now - 100) + 1e-6


def test_waiting_as_told_is_enough() -> None:
    clock = Clock()
    limiter = Limiter(rate=3, burst=2, clock=clock)
    while not (wait := limiter.retry_after("k")):
        pass
    clock.now += wait + 1e-9
    assert limiter.retry_after("k") == 0


@pytest.mark.parametrize(
    ("address", "key"),
    [
        ("203.0.113.9", "203.0.113.9"),
        ("2001:db8:1:2:3::4", "2001:db8:1:2::/64"),
        ("::ffff:203.0.113.9", "203.0.113.9"),
        ("fe80::1%eth0", "fe80::/64"),
        ("unix", "unix"),
    ],
)
def test_addresses_of_one_subscriber_share_a_bucket(address: str, key: str) -> None:
    assert address_key(address) == key


def test_senseless_limits_are_refused() -> None:
    with pytest.raises(ConfigurationError):
        Limiter(rate=0, burst=1)
