"""The broker of the conformance tests."""

from tests.conformance.conftest import broker, pool

__all__ = ["broker", "pool"]
