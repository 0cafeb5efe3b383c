"""Numerical kernels on arrays. Knows no entity."""

import os

_LOCATORS = ("InGivenFolder", "BesideSource", "OfUser")
# numba reads this when it is imported, which every kernel does after this line.
os.environ.setdefault(
    "NUMBA_CACHE_LOCATOR_CLASSES", ",".join(f"province.compute.compiled.{name}" for name in _LOCATORS)
)
