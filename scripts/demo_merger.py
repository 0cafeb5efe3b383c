"""`make demo-merger`: merger day on a real product of its own, told step by step; about three minutes.

    .venv/bin/python scripts/demo_merger.py [--keep FOLDER]

Ends with code 1 when an inventory finds a difference that nothing explains.
"""

from __future__ import annotations

import argparse
import asyncio
import sys
import tempfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

from tests.product import running_product
from tests.system import merger


def main(keep: Path | None) -> int:
    """Run and tell."""
    with tempfile.TemporaryDirectory() as temporary:
        folder = keep or Path(temporary)
        folder.mkdir(parents=True, exist_ok=True)
        print(f"starting the product with the map of {merger.BEFORE} and the simulator …")
        with running_product("--simulate", "--map-of", merger.BEFORE, outbound_allow="127.0.0.1") as product:
            try:
                day = asyncio.run(merger.run(product, folder, print))
            except AssertionError as error:
                print(f"FAILED: {error}")
                return 1
        print("orders took " + ", ".join(f"{name} {s:.2f} s" for name, s in day.took_s.items()))
        if keep is not None:
            print(f"inventories and orders: {folder}")
    return 0


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--keep", type=Path, help="Folder in which inventories and orders stay.")
    sys.exit(main(parser.parse_args().keep))
