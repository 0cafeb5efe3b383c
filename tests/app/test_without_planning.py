"""The product without the extra `planning`: every process and command starts, and kinds of study say what they need."""

from __future__ import annotations

import subprocess
import sys

WITHOUT = """
import sys
for name in ("numba", "scipy", "highspy"):
    sys.modules[name] = None
import province.app.serve, province.app.work, province.app.ingest, province.app.installation, province.cli.main
from province.adapters.studies.service import missing
from province.app import solving
"""


def test_everything_starts_without_the_solvers() -> None:
    code = WITHOUT + "print(sorted(solving.kinds()), [k.name for _, k in solving.kinds().values() if k.needs])"
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False, timeout=120)
    assert run.returncode == 0, run.stderr[-2000:]
    assert "fiveg" in run.stdout
