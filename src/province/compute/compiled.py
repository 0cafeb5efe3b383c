"""Where compiled kernels are kept between runs, and until when: any change in this folder makes all of them anew.

numba keeps a compiled function for as long as the file of that function stays as it is, though what it calls in other
files is built into it. After an upgrade that changed only the called file, the numbers of before would go on. These
locators of its cache ask for the whole folder instead. They are named in `compute/__init__.py`, for numba imports them.
"""

from __future__ import annotations

import hashlib
from functools import cache
from pathlib import Path

from numba.core.caching import InTreeCacheLocator, UserProvidedCacheLocator, UserWideCacheLocator


@cache
def stamp() -> str:
    """SHA-256 over the sources of all kernels."""
    whole = hashlib.sha256()
    folder = Path(__file__).parent
    for path in sorted(folder.rglob("*.py")):
        whole.update(f"{path.relative_to(folder)}\0".encode() + path.read_bytes() + b"\0")
    return whole.hexdigest()


class InGivenFolder(UserProvidedCacheLocator):
    """In the folder that NUMBA_CACHE_DIR names."""

    def get_source_stamp(self) -> str:
        """What the kept function must have been made from."""
        return stamp()


class BesideSource(InTreeCacheLocator):
    """In `__pycache__`, where that may be written."""

    def get_source_stamp(self) -> str:
        """What the kept function must have been made from."""
        return stamp()


class OfUser(UserWideCacheLocator):
    """In the user's own cache."""

    def get_source_stamp(self) -> str:
        """What the kept function must have been made from."""
        return stamp()
