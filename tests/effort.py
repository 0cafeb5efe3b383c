"""How many examples a property is tried with: few in `make test` (PROVINCE_TESTS=quick), the full number elsewhere."""

from __future__ import annotations

import os

QUICK = os.environ.get("PROVINCE_TESTS") == "quick"


def examples(full: int) -> int:
    """A sixth of them, at least one, in the quick run."""
    return max(1, full // 6) if QUICK else full
