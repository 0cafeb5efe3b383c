"""How long `province run` takes until it says that it is ready: the first start of a home, and starts of a used one.

    .venv/bin/python scripts/measure_start.py [--warm 3] [--goal 10]

Run it from the checkout after `make install islands`. Every start has the Bình Dương example and the simulator, as
`make run` has; the home is a temporary one, the ports are free ones. The *cold* figure of a fresh machine (goal: four
minutes) is measured by hand, for it needs one without our caches:

    time sh -c 'make run & until curl -sf 127.0.0.1:8800/healthz; do sleep 1; done'

in a fresh clone,
on Debian 12 with Python 3.11, Node 20 and make; most of it is the download of the locked packages.
Ends with code 1 when the median warm start takes longer than the goal.
"""

from __future__ import annotations

import argparse
import os
import statistics
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

from tests.product import installed


def main(warm: int, goal_s: float) -> int:
    """Measure and print."""
    print(f"{os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}")
    with installed("--simulate", "--example") as product:
        print(f"first start of a home  {product.start():6.1f} s")
        product.stop()
        taken = []
        for _ in range(warm):
            taken.append(product.start())
            began = {name: child["since"] for name, child in product.children().items()}
            first = min(began.values())
            steps = ", ".join(f"{name} +{at - first:.1f}" for name, at in sorted(began.items(), key=lambda p: p[1]))
            print(f"warm start             {taken[-1]:6.1f} s   ready: {steps}")
            product.stop()
    median = statistics.median(taken)
    print(f"median warm start      {median:6.1f} s   goal {goal_s:.0f} s")
    return 0 if median <= goal_s else 1


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--warm", type=int, default=3)
    parser.add_argument("--goal", type=float, default=10.0)
    given = parser.parse_args()
    sys.exit(main(given.warm, given.goal))
