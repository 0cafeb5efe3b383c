"""5G, trenches and tours on streets that nobody on this project drew, through the command line of the product."""

from __future__ import annotations

import csv
import json
from pathlib import Path
from typing import Any

import osmium
import pytest

from tests.product import Product
from tests.shared import shared
from tests.system import planning

pytestmark = pytest.mark.slow
BOX = (106.66, 10.785, 106.69, 10.81)
"""West, south, east, north: a few districts' streets, and some of the points that stand on them."""
SMALL = {"fiveg": "4 sites", "ducts": "6 km", "tours": "2 vehicles"}


def cut(whole: Path, to: Path) -> Path:
    """The streets of an extract that lie in the box, as another one."""
    west, south, east, north = BOX
    with osmium.ForwardReferenceWriter(str(to), str(whole), overwrite=True) as writer:
        for one in osmium.FileProcessor(str(whole)).with_locations().with_filter(osmium.filter.KeyFilter("highway")):
            places = [n.location for n in one.nodes if n.location.valid()] if one.is_way() else []
            if any(west <= p.lon <= east and south <= p.lat <= north for p in places):
                writer.add(one)
    return to


def point(name: str, lon: float, lat: float, **properties: Any) -> dict[str, Any]:
    """A feature."""
    return {
        "type": "Feature", "id": name, "properties": {"name": name, **properties},
        "geometry": {"type": "Point", "coordinates": [lon, lat]},
    }  # fmt: skip


def test_three_plans_on_real_streets_with_map_bill_and_certificate(product: Product, tmp_path: Path) -> None:
    roads = cut(shared("roads/hcm_2018.osm.pbf"), tmp_path / "streets.osm.pbf")
    west, south, east, north = BOX
    rows = csv.DictReader(shared("roads/points.csv").read_text().splitlines())
    places = [(r["id"], float(r["lon"]), float(r["lat"])) for r in rows]
    inside = [p for p in places if west < p[1] < east and south < p[2] < north]
    assert len(inside) >= 6
    first, *others = inside
    given = planning.Inputs(
        parks=planning.write(tmp_path / "parks.geojson", [point("Khu A", *first[1:], land_ha=60)]),
        starts=planning.write(tmp_path / "starts.geojson", [point("Tổng đài", *others[0][1:])]),
        depots=planning.write(tmp_path / "depots.geojson", [point("Bưu cục", *first[1:])]),
        stops=planning.write(tmp_path / "stops.geojson", [point(f"Điểm {n}", x, y, load=100) for n, x, y in others]),
        roads=roads,
    )
    plans = planning.run(product, tmp_path / "out", given, print, budgets=SMALL, seconds=1)
    assert [(p.kind, p.wrong) for p in plans] == [("fiveg", ()), ("ducts", ()), ("tours", ())]
    fiveg, ducts, tours = (p.certificate for p in plans)
    assert fiveg["spent"] <= 4
    assert 0 < ducts["spent"] <= 6000
    assert tours["bound"] is None
    driven = json.loads((plans[2].folder / "tours.geojson").read_bytes())["features"]
    served = next(f["value"] for f in plans[2].outcome["figures"] if f["name"] == "stops")
    assert served >= len(others) - 2, "all but who may stand where the box cuts the streets"
    assert sum(f["properties"]["load_kg"] for f in driven) == 100 * served
    assert max(len(f["geometry"]["coordinates"]) for f in driven) > 50, "tours follow streets"


def test_what_a_plan_lacks_is_told(tmp_path: Path) -> None:
    """An empty map, an empty bill and a certificate against itself do not pass."""
    proof = {"checked": False, "objective": 5.0, "bound": 4.0, "gap": 0.5, "spent": 9.0, "budget": 8.0, "sense": "most"}
    for name, content in (("certificate.json", json.dumps(proof)), ("map.svg", "<svg></svg>"), ("plan.gpkg", ""),
                          ("materials.csv", "item,item_en,count"), ("report.pdf", "<html>")):  # fmt: skip
        (tmp_path / name).write_text(content)
    said = "; ".join(planning.wanting(tmp_path, {"certificate": proof}))
    for part in ("not checked", "spends 9 of 8", "better than its bound", "does not follow", "map shows nothing",
                 "bill", "package", "no PDF"):  # fmt: skip
        assert part in said
