"""`make bench`: every benchmark of the product, one after the other. Results in bench/results."""

from __future__ import annotations

import subprocess
import sys

MODULES = (
    "bench.records", "bench.ngsild", "bench.audit", "bench.rights", "bench.doors", "bench.observe", "bench.mqtt",
    "bench.streaming", "bench.lake", "bench.pages", "bench.cases", "bench.classify", "bench.planning",
)  # fmt: skip
SHORT, LONG = "4", "20"

if __name__ == "__main__":
    seconds = LONG if "--long" in sys.argv else SHORT
    for module in MODULES:
        print(f"\n== {module}", flush=True)
        subprocess.run([sys.executable, "-m", module, "--seconds", seconds], check=True)
