"""The broker of the conformance tests, for scenarios of single packs."""

from tests.conformance.conftest import broker, pool

__all__ = ["broker", "pool"]
