"""Data that stands beside the project and is never copied into it; tests that need it skip when it is absent."""

from __future__ import annotations

from pathlib import Path

import pytest

DATA = Path(__file__).parents[2] / "shared" / "data"


def shared(path: str) -> Path:
    """A file or folder below the shared data. Skips the test when there is none."""
    found = DATA / path
    if not found.exists():
        pytest.skip(f"no shared data at {found}")
    return found
