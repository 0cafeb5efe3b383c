"""Southern Bình Dương planned end to end on a running product: 5G for its parks, trenches to the masts, delivery tours.

Parks and wards are those of the example, asked for by the open interface; roads are a file, or the main roads of the
example. Each study goes through `province plan` and is judged by what it left: map, bill, certificate, package, report.
"""

from __future__ import annotations

import contextlib
import csv
import io
import json
import math
import re
import sqlite3
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import httpx
from shapely.geometry import box as shapely_box
from shapely.geometry import shape

from province.model.unit import lookup
from tests.product import PASSWORD, Product

SOUTH: Final = (106.66, 10.885, 106.84, 10.96)
"""West, south, east, north: Thuận An and Dĩ An."""
REFORM: Final = "2025-07-01"
"""Wards end or begin on this day: the smaller ones of before are the stops of the tours."""
STARTS: Final = ("25966", "25942")
"""Wards whose points stand for the exchanges, of which the example has none: Lái Thiêu, Dĩ An."""
DEPOT: Final = "25942"
COARSE: Final = ("--assume", "reach=2500", "--source", "Đường chính của ví dụ vẽ tay, sai tới 1,5 km")
"""What makes sense on main roads that were drawn by hand; streets need nothing of it."""
BUDGETS: Final = {"fiveg": "20 sites", "ducts": "12 km", "tours": "2 vehicles"}
LIMIT_S: Final = 280.0
Say = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Planned:
    """What came of one study. wrong: what it lacks; nothing when it has everything."""

    kind: str
    folder: Path
    id: str
    seconds: float
    outcome: Mapping[str, Any]
    wrong: tuple[str, ...]

    @property
    def certificate(self) -> Mapping[str, Any]:
        """What was proved of the plan."""
        found: Mapping[str, Any] = self.outcome["certificate"]
        return found


@dataclass(frozen=True, slots=True)
class Inputs:
    """Files of layers. roads: None: the main roads of the register."""

    parks: Path
    starts: Path
    depots: Path
    stops: Path
    roads: Path | None = None


def gathered(product: Product, folder: Path, roads: Path | None = None, parks: Path | None = None) -> Inputs:
    """What the example knows of southern Bình Dương, as files in a folder."""
    folder.mkdir(parents=True, exist_ok=True)
    with product.signed_in(PASSWORD) as browser:
        wards = _within(browser, "Area", SOUTH, f'kind=="ward";validFrom=={REFORM}')
        before = _within(browser, "Area", SOUTH, f'kind=="ward";validTo=={REFORM}')
        gates = _within(browser, "IndustrialPark", SOUTH)
    return Inputs(
        parks=parks or write(folder / "parks.geojson", gates),
        starts=write(folder / "starts.geojson", [w for w in wards if w["properties"]["code"] in STARTS]),
        depots=write(folder / "depots.geojson", [w for w in wards if w["properties"]["code"] == DEPOT]),
        stops=write(folder / "stops.geojson", [*before, *gates]),
        roads=roads,
    )


def run(
    product: Product, folder: Path, given: Inputs, say: Say, *, budgets: Mapping[str, str] = BUDGETS,
    seconds: float = 20.0,
) -> list[Planned]:  # fmt: skip
    """Compute the three studies and keep their files, each in a folder of its own. Raises: AssertionError when one is
    refused, in its words."""
    streets = ("--roads", str(given.roads)) if given.roads is not None else COARSE
    with product.signed_in(PASSWORD) as browser:

        def plan(kind: str, title: str, *arguments: str) -> Planned:
            say(f"{kind}, {budgets[kind]} …")
            began = time.monotonic()
            to = folder / kind
            id = _computed(
                product, kind, "--budget", budgets[kind], "--seconds", f"{seconds:g}", "--title", title,
                "--out", str(to), *arguments,
            )  # fmt: skip
            (to / "report.pdf").write_bytes(browser.get(f"/studies/{id}/report.pdf").raise_for_status().content)
            found = json.loads((to / "outcome.json").read_bytes())
            return Planned(kind, to, id, time.monotonic() - began, found, tuple(wanting(to, found)))

        return [
            plan("fiveg", "5G cho các khu công nghiệp Thuận An, Dĩ An", "--parks", str(given.parks)),
            plan("ducts", "Rãnh cáp tới các trạm 5G", *streets, "--demand", str(folder / "fiveg" / "sites.geojson"),
                 "--starts", str(given.starts)),
            plan("tours", "Chuyến phát tới các phường và khu", *streets, "--stops", str(given.stops),
                 "--depots", str(given.depots)),
        ]  # fmt: skip


def _computed(product: Product, kind: str, *arguments: str) -> str:
    """Id of a study that `province plan` carried out. Raises: AssertionError in the words of the command."""
    done = product.command("plan", kind, *arguments, token=product.token, timeout_s=LIMIT_S)
    # 4: a plan that answers less than was asked, and says so.
    assert done.returncode in (0, 4), f"{kind}: {done.stderr.decode()}"
    return done.stdout.decode().split()[-1]


def _within(browser: httpx.Client, type: str, box: Sequence[float], q: str = "") -> list[dict[str, Any]]:
    """Points of what the register has in a box, by the open interface."""
    frame = shapely_box(*box)
    ring = [list(corner) for corner in frame.exterior.coords]
    asked = {
        "type": type, "options": "keyValues", "limit": "1000", "geometry": "Polygon", "georel": "intersects",
        "coordinates": json.dumps([ring]), **({"q": q} if q else {}),
    }  # fmt: skip
    answer = browser.get("/ngsi-ld/v1/entities", params=asked).raise_for_status()
    found = []
    for one in answer.json():
        middle = shape(one["location"]).representative_point()
        if not frame.contains(middle):
            continue
        place = {"type": "Point", "coordinates": [round(middle.x, 6), round(middle.y, 6)]}
        named = {"name": one.get("name"), "code": one.get("code"), "source": one.get("source")}
        size = one.get("landSize")
        properties = named if size is None else {**named, "kind": one.get("kind"), "land_ha": size}
        found.append({"type": "Feature", "id": one["id"], "geometry": place, "properties": properties})
    return found


def write(path: Path, features: Sequence[Mapping[str, Any]]) -> Path:
    """Features as a file."""
    path.write_text(json.dumps({"type": "FeatureCollection", "features": features}, ensure_ascii=False))
    return path


def wanting(folder: Path, outcome: Mapping[str, Any]) -> Iterator[str]:
    """What a plan lacks of map, bill, certificate, package and report, and what in them cannot be."""
    certificate = json.loads((folder / "certificate.json").read_bytes())
    if not certificate["checked"] or certificate != outcome["certificate"]:
        yield "the certificate was not checked"
    yield from _impossible(certificate)
    if not re.search(r"<(circle|path) [^>]*stroke=|<circle", _text(folder / "map.svg")):
        yield "the map shows nothing"
    rows = list(csv.reader(io.StringIO(_text(folder / "materials.csv").removeprefix("\ufeff"))))
    if len(rows) < 2 or not any(cell for row in rows[1:] for cell in row[2:3]):
        yield "the bill of materials is empty"
    if not _features(folder / "plan.gpkg"):
        yield "the package holds nothing"
    if not (folder / "report.pdf").read_bytes().startswith(b"%PDF-"):
        yield "the report is no PDF"


def _impossible(certificate: Mapping[str, Any]) -> Iterator[str]:
    """What a certificate says against itself."""
    objective, bound, gap = certificate["objective"], certificate["bound"], certificate["gap"]
    if not objective > 0:
        yield f"the plan is worth {objective}"
    if certificate["spent"] > certificate["budget"] * (1 + 1e-9):
        yield f"it spends {certificate['spent']:,.0f} of {certificate['budget']:,.0f}"
    if bound is None:
        return
    over = objective - bound if certificate["sense"] == "most" else bound - objective
    if over > 1e-6 * abs(objective):
        yield f"the objective {objective} is better than its bound {bound}"
    if objective and not math.isclose(gap, abs(bound - objective) / abs(objective), abs_tol=1e-6):
        yield f"the gap {gap} does not follow from {objective} and {bound}"


def _text(path: Path) -> str:
    return path.read_text("utf-8") if path.exists() else ""


def _features(package: Path) -> int:
    """Rows of all layers of a GeoPackage."""
    if not package.stat().st_size:
        return 0
    with contextlib.closing(sqlite3.connect(f"file:{package}?mode=ro", uri=True)) as opened:
        tables = [name for (name,) in opened.execute("SELECT table_name FROM gpkg_contents")]
        return sum(opened.execute(f'SELECT count(*) FROM "{name}"').fetchone()[0] for name in tables)


def table(plans: Sequence[Planned], folder: Path) -> list[str]:
    """What came of it, line by line."""
    lines = [f"{'study':<7}{'objective':>26}{'bound':>14}{'gap':>9}{'spent':>22}{'seconds':>9}  files"]
    for one in plans:
        proof = one.certificate
        bound = "none known" if proof["bound"] is None else f"{proof['bound']:,.1f}"
        gap = "–" if proof["gap"] is None else f"{100 * proof['gap']:.2f}%"
        worth = f"{proof['objective']:,.1f} {lookup(proof['objective_unit']).symbol}"
        symbol = lookup(proof["budget_unit"]).symbol
        spent = f"{proof['spent']:,.0f} of {proof['budget']:,.0f} {symbol}"
        where = f"{one.folder.relative_to(folder)}/"
        lines.append(f"{one.kind:<7}{worth:>26}{bound:>14}{gap:>9}{spent:>22}{one.seconds:>9.1f}  {where}")
        lines += [f"       {f['label']['en']}: {_amount(f['value'], f['unit'])}" for f in one.outcome["figures"]]
        if one.outcome.get("partial"):
            lines.append(f"       PARTIAL: {one.outcome['partial']['en']}")
        lines += [f"       WRONG: {what}" for what in one.wrong]
    return lines


def _amount(value: float | None, unit: str) -> str:
    return "no data" if value is None else f"{value:,.1f} {lookup(unit).symbol if unit else ''}".rstrip()
