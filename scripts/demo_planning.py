"""`make demo-planning ROADS=FILE`: southern Bình Dương planned on a real product of its own; about three minutes.

    .venv/bin/python scripts/demo_planning.py [--roads FILE] [--parks FILE] [--out FOLDER]

Three studies one after another: 5G for the industrial parks, trenches to the masts that it chose, delivery tours to
wards and parks. Each leaves a map, a bill of materials, a certificate, a GeoPackage and a report in a folder of its
own. Ends with code 1 when one of them is missing, or says what cannot be.
"""

from __future__ import annotations

import argparse
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

from tests.product import running_product
from tests.system import planning

OUT = Path(__file__).parents[1] / "var" / "demo-planning"
NO_ROADS = """No roads were given: the plans stand on the main roads of the example, which were drawn by hand and lie up
to 1.5 km off. They show what the program does, not what to build. For streets give an extract of OpenStreetMap:
make demo-planning ROADS=binh-duong.osm.pbf"""


def main(roads: Path | None, parks: Path | None, out: Path, budgets: dict[str, str], seconds: float) -> int:
    """Run and tell."""
    if roads is None:
        print(NO_ROADS)
    began = time.monotonic()
    out.mkdir(parents=True, exist_ok=True)
    print("starting the product with the example …")
    with running_product("--example", "--no-simulate") as product:
        try:
            given = planning.gathered(product, out / "inputs", roads, parks)
            plans = planning.run(product, out, given, print, budgets=budgets, seconds=seconds)
        except AssertionError as error:
            print(f"FAILED: {error}")
            return 1
    print("\n".join(planning.table(plans, out)))
    print(f"{time.monotonic() - began:.0f} s in all; files: {out}")
    return int(any(one.wrong for one in plans))


def file(text: str) -> Path:
    """A file that is there."""
    path = Path(text).resolve()
    if not path.is_file():
        raise argparse.ArgumentTypeError(f"there is no file {text}")
    return path


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--roads", type=file, help="Streets: OpenStreetMap (.osm.pbf), GeoPackage, GeoJSON, DXF.")
    parser.add_argument("--parks", type=file, help="Parks with their land. Default: those of the example, as circles.")
    parser.add_argument("--out", type=Path, default=OUT, help="Folder for the files. Default: var/demo-planning.")
    parser.add_argument("--seconds", type=float, default=20.0, help="Time of each search. Default: 20.")
    for kind, budget in planning.BUDGETS.items():
        parser.add_argument(f"--{kind}", default=budget, metavar="BUDGET", help=f"Default: {budget!r}.")
    given = parser.parse_args()
    sys.exit(main(given.roads, given.parks, given.out, {k: getattr(given, k) for k in planning.BUDGETS}, given.seconds))
