"""One running product for the tests that leave it as it was; those that break it start their own."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.product import Product, running_product


@pytest.fixture(scope="module")
def product() -> Iterator[Product]:
    """`province run` in a temporary home, without example, with the token of an administrator; one per module."""
    with running_product() as started:
        yield started


@pytest.fixture(scope="package")
def example() -> Iterator[Product]:
    """The same with the example, and with the secrets of an account of Zalo."""
    with running_product("--example", "--no-simulate", zalo_app="7", zalo_secret="secret-of-the-account") as started:
        yield started
