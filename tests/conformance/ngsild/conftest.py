"""The HTTP door over a real broker and database, as the tests of the door have it."""

from __future__ import annotations

from tests.api.conftest import broker, http, migrated

__all__ = ["broker", "http", "migrated"]
