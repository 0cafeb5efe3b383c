"""A kernel that is kept compiled is made anew when a kernel that it calls has changed, in whatever file."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

import province.compute

CALLER = """
import numba
from province.compute.called import inner

@numba.njit(cache=True)
def outer(x):
    return inner(x) + 1.0
"""
CALLED = """
import numba

@numba.njit(cache=True)
def inner(x):
    return x * FACTOR
"""
ASK = "from province.compute.caller import outer; print(outer(10.0), sum(outer.stats.cache_hits.values()))"


@pytest.mark.slow
def test_what_is_called_counts_too(tmp_path: Path) -> None:
    pytest.importorskip("numba")
    folder = tmp_path / "province" / "compute"
    folder.mkdir(parents=True)
    (tmp_path / "province" / "__init__.py").write_text("")
    for name in ("__init__.py", "compiled.py"):
        (folder / name).write_text((Path(province.compute.__file__).parent / name).read_text())
    (folder / "caller.py").write_text(CALLER)

    def ask(factor: str) -> list[float]:
        (folder / "called.py").write_text(CALLED.replace("FACTOR", factor))
        kept = {k: v for k, v in os.environ.items() if not k.startswith("NUMBA_")}
        answer = subprocess.run(
            [sys.executable, "-P", "-c", ASK], env={**kept, "PYTHONPATH": str(tmp_path)}, capture_output=True,
            text=True, check=True,
        )  # fmt: skip
        return [float(word) for word in answer.stdout.split()]

    assert ask("2.0") == [21.0, 0]
    assert ask("2.0") == [21.0, 1]  # kept
    assert ask("3.0") == [31.0, 0]
