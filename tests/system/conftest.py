"""One running product for the tests that leave it as it was; those that break it start their own."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.product import Product, running_product


@pytest.fixture(scope="package")
def product() -> Iterator[Product]:
    """`province run` in a temporary home, without example, with the token of an administrator."""
    with running_product() as started:
        yield started
