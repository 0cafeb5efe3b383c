"""Real files that nobody here wrote, imported as a new user would; two broken copies of each, refused row by row."""

from __future__ import annotations

import csv
import json
from pathlib import Path
from typing import Any

import pytest

from tests.exchange.conftest import MAPPINGS, Site
from tests.shared import shared

pytestmark = pytest.mark.slow
SOURCE = ("--source", "thanglequoc/vietnamese-provinces-database@cd580632 (MIT)", "--source-date", "2025-07-01")


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


async def bring(site: Site, path: Path, mapping: str, *more: str) -> tuple[int, dict[str, Any]]:
    done = await site.run("import", path, "--mapping", MAPPINGS / f"{mapping}.yaml", "--json", *more)
    assert done.out, done.err
    return done.code, done.json


def refused(path: Path) -> list[tuple[int, str]]:
    with path.open(encoding="utf-8-sig", newline="") as file:
        return [(int(r["_row"]), r["_field"]) for r in csv.DictReader(file)]


async def test_beijing(site: Site, folder: Path) -> None:
    path = shared("timeseries/beijing-pm25-2010-2014.csv")
    lines = path.read_text().splitlines()
    rows = list(csv.DictReader(lines))
    values = sum(r["pm2.5"] != "NA" for r in rows) + len(rows)
    code, told = await bring(site, path, "beijing-pm25")
    assert (code, told["rows"], told["taken"], told["created"]) == (0, 43_824, 43_824, 1)
    assert told["readings"] == values == 85_581
    first, second = lines[:401], lines[:401]
    for n, change in ((5, ("2010,1", "2010,13")), (77, (",NW,", ",NW"))):
        first[n] = first[n].replace(*change, 1)
    (folder / "mot.csv").write_text("\n".join(first))
    code, told = await bring(site, folder / "mot.csv", "beijing-pm25")
    assert (code, told["taken"] + told["refused"]) == (4, 400)
    wrong = [n + 1 for n in (5, 77) if first[n] != lines[n]]
    assert [row for row, _ in refused(folder / "mot.refused.csv")] == wrong
    second[10:13] = [line.replace(line.split(",")[5], "-999", 1) for line in second[10:13]]
    second[20] = second[20].replace(second[20].split(",")[7], "1e9")
    (folder / "hai.csv").write_text("\n".join(second).replace(",2010,1,1,3,", ",2010,2,30,3,"))
    code, told = await bring(site, folder / "hai.csv", "beijing-pm25")
    assert code == 4
    assert [row for row, _ in refused(folder / "hai.refused.csv")] == [5, 11, 12, 13, 21]


async def test_metr_la(site: Site, folder: Path) -> None:
    sensors = shared("timeseries/metr-la-week/sensor-locations.csv")
    speeds = shared("timeseries/metr-la-week/data/los_speed.csv")
    code, told = await bring(site, sensors, "metr-la-sensors")
    assert (code, told["rows"], told["created"]) == (0, 207, 207)
    code, told = await bring(site, speeds, "metr-la-speeds")
    cells = [c for line in speeds.read_text().splitlines()[1:] for c in line.split(",")]
    assert (code, told["rows"], told["taken"]) == (0, 2016, 2016)
    assert told["readings"] == sum(float(c) != 0 for c in cells)
    lines = speeds.read_text().splitlines()[:61]
    broken = [*lines]
    broken[7] = broken[7] + ",55"
    broken[30] = "nhanh" + broken[30][broken[30].index(",") :]
    (folder / "mot.csv").write_text("\n".join(broken))
    code, told = await bring(site, folder / "mot.csv", "metr-la-speeds")
    assert (code, told["rows"], told["refused"], told["known"]) == (4, 60, 2, sum(
        float(c) != 0 for n, line in enumerate(lines) if n not in (0, 7, 30) for c in line.split(",")
    ))  # fmt: skip
    assert refused(folder / "mot.refused.csv") == [(8, lines[0].split(",")[-1]), (31, lines[0].split(",")[0])]
    places = sensors.read_text().splitlines()
    places[3] = places[3].replace("34.", "134.", 1)
    places[9] = places[9].replace(places[9].split(",")[1], "")
    (folder / "hai.csv").write_text("\n".join(places))
    code, told = await bring(site, folder / "hai.csv", "metr-la-sensors")
    assert (code, told["refused"], told["unchanged"]) == (4, 2, 205)
    assert [row for row, _ in refused(folder / "hai.refused.csv")] == [4, 10]


async def test_smart_data_models(site: Site, folder: Path) -> None:
    paths = sorted(shared("data-models").glob("*/*/examples/example-normalized.jsonld"))
    lines = [json.dumps(json.loads(p.read_text())) for p in paths]
    (folder / "sdm.jsonl").write_text("\n".join(lines))
    code, told = await bring(site, folder / "sdm.jsonl", "smart-data-models")
    kept = [json.loads(line) for line in (folder / "sdm.refused.jsonl").read_text().splitlines()]
    assert (code, told["rows"], told["taken"]) == (4, len(paths), len(paths) - len(kept))
    # What is refused is wrong in the example itself: kinds of attributes that NGSI-LD lacks, values out of range.
    assert len(kept) <= 6, [(k["id"], k["_reason"]) for k in kept]
    before = {r["row"] for r in told["firstRefused"]}
    one, two = [*lines], [*lines]
    one[0], one[9] = one[0][:-20], one[9].replace('"type"', '"typ"', 1)
    two[2], two[12] = "[]", two[12].replace('"id": "', '"idd": "', 1)
    for name, copy, wrong in (("mot", one, {1, 10}), ("hai", two, {3, 13})):
        (folder / f"{name}.jsonl").write_text("\n".join(copy))
        code, told = await bring(site, folder / f"{name}.jsonl", "smart-data-models")
        assert code == 4
        assert wrong <= {r["row"] for r in told["firstRefused"]}
        assert told["refused"] == len(before | wrong)


async def test_ward_polygons(site: Site, folder: Path) -> None:
    await site.run("import", Path(__file__).parents[2] / "data/binh-duong/wards-2025-07.csv", "--mapping",
                   MAPPINGS / "wards.yaml", "--json")  # fmt: skip
    wards = shared("areas/after-2025-07/json/geojson/79_ho_chi_minh/wards")
    done = await site.run("import", "areas", wards, *SOURCE, "--day", "2025-07-01", "--json")
    told = done.json
    assert (done.code, told["rows"], told["changed"] + told["unchanged"], len(told["unmatched"])) == (0, 168, 36, 132)
    entity = await site.ask("GET", "/ngsi-ld/v1/entities/urn:ngsi-ld:Area:25747:2025-07-01")
    assert entity["approximate"]["value"] is False
    assert entity["sourceDate"]["value"] == "2025-07-01"
    again = await site.run("import", "areas", wards, *SOURCE, "--day", "2025-07-01", "--create", "--json")
    assert (again.json["unchanged"], again.json["created"]) == (36, 132)
    features = [json.loads(p.read_text())["features"][0] for p in sorted(wards.glob("25*.geojson"))[:8]]
    one, two = json.loads(json.dumps(features)), json.loads(json.dumps(features))
    ring = one[1]["geometry"]["coordinates"][0][0]
    ring[:] = [[y, x] for x, y in ring]
    one[2]["properties"]["code"] = one[3]["properties"]["code"]
    one[4]["geometry"] = None
    two[0]["properties"].pop("code")
    two[5]["geometry"] = {"type": "Polygon", "coordinates": [[[106, 11], [107, 12], [107, 11], [106, 12], [106, 11]]]}
    two[6]["geometry"]["type"] = "LineString"
    for name, copy, wrong in (("mot", one, [2, 4, 5]), ("hai", two, [1, 6, 7])):
        (folder / f"{name}.geojson").write_text(json.dumps({"type": "FeatureCollection", "features": copy}))
        done = await site.run("import", "areas", f"{name}.geojson", *SOURCE, "--day", "2025-07-01", "--json")
        assert done.code == 4
        assert [r["row"] for r in done.json["refused"]] == wrong, done.out
        assert all(r["vi"] and r["en"] for r in done.json["refused"])
