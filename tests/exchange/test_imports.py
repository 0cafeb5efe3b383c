"""A file on its way in, through the command line and the server, into database and lake."""

from __future__ import annotations

import asyncio
import csv
import io
import json
from pathlib import Path
from typing import Any

import pytest
import yaml

from province.history.lake import Span
from tests.exchange.conftest import FACTS, MAPPINGS, Site

STATIONS = """Mã trạm;Tên trạm;Kinh độ;Vĩ độ;Ngày giờ;PM2.5 (µg/m³);Nhiệt độ (°C);Độ ẩm
BD-01;Trạm Thủ Dầu Một;106,6584;10,9702;31/12/2024 07:00;1.012,5;30,5;85
BD-01;Trạm Thủ Dầu Một;106,6584;10,9702;31/12/2024 08:00;38;31;80
BD-02;Trạm Dĩ An;106,7;10,9;31/12/2024 07:00;NA;30;75
"""
MAPPING = """
type: AirQualityObserved
numbers: vi
dates: dd/mm/yyyy
delimiter: ";"
id: urn:ngsi-ld:AirQualityObserved:{Mã trạm}
columns:
  Mã trạm: serialNumber
  Tên trạm: name
  PM2.5 (µg/m³): {field: pm25, unit: µg/m³}
  Nhiệt độ (°C): temperature
  Độ ẩm: {field: relativeHumidity, scale: 0.01}
place: {x: Kinh độ, y: Vĩ độ}
time: {column: Ngày giờ}
"""


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty working folder: refused rows are written into it."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "map.yaml").write_text(MAPPING)
    return tmp_path


async def test_one_file_gives_records_and_readings(site: Site, folder: Path) -> None:
    (folder / "tram.csv").write_text(STATIONS)
    tried = await site.run("import", "tram.csv", "--mapping", "map.yaml", "--dry-run", "--json")
    assert (tried.code, tried.json["created"], tried.json["readings"], tried.json["status"]) == (0, 2, 8, "checked")
    done = await site.run("import", "tram.csv", "--mapping", "map.yaml", "--json")
    assert (done.code, done.json["rows"], done.json["taken"], done.json["created"]) == (0, 3, 3, 2)
    assert (done.json["readings"], done.json["known"]) == (8, 0)
    entity = await site.ask("GET", "/ngsi-ld/v1/entities/urn:ngsi-ld:AirQualityObserved:BD-01")
    assert entity["name"]["value"] == "Trạm Thủ Dầu Một"
    assert entity["location"]["value"]["coordinates"] == [106.6584, 10.9702]
    assert entity["name"]["origin"]["value"] == "imported"
    again = await site.run("import", "tram.csv", "--mapping", "map.yaml", "--json")
    assert (again.json["unchanged"], again.json["readings"], again.json["known"]) == (2, 0, 8), "nothing is doubled"
    lake = site.core.lake_of("binh-duong")
    stations = [f"urn:ngsi-ld:AirQualityObserved:BD-0{n}" for n in (1, 2)]
    for _ in range(600):
        found = await asyncio.to_thread(lake.read, Span(stations))
        if found.num_rows >= 8:
            break
        await asyncio.sleep(0.1)
    rows = [(r["entity"][-5:], r["attribute"], f"{r['observed_at']:%d %H}", r["number"]) for r in found.to_pylist()]
    assert sorted(rows) == [
        ("BD-01", "pm25", "31 00", 1012.5), ("BD-01", "pm25", "31 01", 38.0),
        ("BD-01", "relativeHumidity", "31 00", 0.85), ("BD-01", "relativeHumidity", "31 01", 0.8),
        ("BD-01", "temperature", "31 00", 30.5), ("BD-01", "temperature", "31 01", 31.0),
        ("BD-02", "relativeHumidity", "31 00", 0.75), ("BD-02", "temperature", "31 00", 30.0),
    ]  # fmt: skip


async def test_refused_rows_come_back_with_reasons_and_can_be_mended(site: Site, folder: Path) -> None:
    broken = STATIONS.replace("1.012,5", "1.01,5").replace("31/12/2024 08:00", "31/02/2024 08:00") + (
        "BD-03;Trạm Tân Uyên;106,8;11,1;01/01/2025 07:00;-4;30;70\nBD-04;thiếu ô\n"
        ";Không mã;106,8;11,1;01/01/2025 07:00;4;3;7\n"
    )
    (folder / "hong.csv").write_text(broken.replace("BD-0", "XX-0"))
    done = await site.run("import", "hong.csv", "--mapping", "map.yaml", "--json")
    assert done.code == 4
    assert (done.json["rows"], done.json["taken"], done.json["refused"]) == (6, 1, 5)
    text = (folder / "hong.refused.csv").read_text("utf-8-sig")
    rows = list(csv.DictReader(io.StringIO(text), delimiter=";"))
    assert [(r["_row"], r["_field"]) for r in rows] == [
        ("2", "PM2.5 (µg/m³)"), ("3", "Ngày giờ"), ("5", "PM2.5 (µg/m³)"), ("6", ""), ("7", "Mã trạm"),
    ]  # fmt: skip
    assert all(" / " in r["_reason"] for r in rows), "in Vietnamese and in English"
    mended = text.replace("1.01,5", "1.012,5").replace("31/02", "31/01").replace(";-4;", ";4;")
    mended = mended.replace("XX-04;thiếu ô;;;;;;", "XX-04;đủ ô;106,8;11,2;01/01/2025 07:00;5;30;70").replace(
        "\n;Không mã", "\nXX-05;Có mã"
    )
    (folder / "sua.csv").write_text(mended)
    again = await site.run("import", "sua.csv", "--mapping", "map.yaml", "--json")
    assert (again.code, again.json["taken"], again.json["refused"]) == (0, 5, 0), again.out


async def test_rights_are_the_callers(site: Site, folder: Path) -> None:
    (folder / "tram.csv").write_text(STATIONS.replace("BD-0", "YY-0"))
    viewer = await site.run("import", "tram.csv", "--mapping", "map.yaml", role="viewer")
    assert viewer.code == 1
    assert "dataimport.create" in viewer.err
    stranger = await site.run("import", "tram.csv", "--mapping", "map.yaml", role="nobody")
    assert stranger.code == 1
    assert await site.fetch("SELECT count(*) FROM entity WHERE id LIKE 'urn:ngsi-ld:AirQualityObserved:YY-%'") == 0
    steward = await site.run("import", "tram.csv", "--mapping", "map.yaml", "--json", role="steward")
    assert steward.json["created"] == 2
    assert (steward.code, steward.json["readings"]) == (0, 8), "records and readings of a file are a steward's work"


async def test_an_import_can_be_taken_back(site: Site, folder: Path) -> None:
    (folder / "tram.csv").write_text(STATIONS.replace("BD-0", "ZZ-0"))
    done = await site.run("import", "tram.csv", "--mapping", "map.yaml", "--json")
    path = "/ngsi-ld/v1/entities/urn:ngsi-ld:AirQualityObserved:ZZ-02"
    await site.ask("PATCH", path, json={"name": "Đã sửa tay"})
    undone = await site.run("import", "undo", done.json["id"])
    assert "removed 1, restored 0, kept 1" in undone.out
    (folder / "tram.csv").write_text(STATIONS.replace("BD-0", "ZZ-0").replace("Trạm Dĩ An", "Trạm khác"))
    changed = await site.run("import", "tram.csv", "--mapping", "map.yaml", "--json")
    assert (changed.json["created"], changed.json["changed"]) == (1, 1)
    undone = await site.run("import", "undo", changed.json["id"])
    assert "removed 1, restored 1, kept 0" in undone.out
    entity = await site.ask("GET", "/ngsi-ld/v1/entities/urn:ngsi-ld:AirQualityObserved:ZZ-02")
    assert entity["name"]["value"] == "Đã sửa tay"
    left = "SELECT array_agg(id) FROM entity WHERE id LIKE 'urn:ngsi-ld:AirQualityObserved:ZZ-%'"
    assert await site.fetch(left) == ["urn:ngsi-ld:AirQualityObserved:ZZ-02"]
    shown = await site.run("import", "show", done.json["id"])
    assert shown.json["status"] == "undone"


async def test_boundaries_stand_in_the_register_and_can_be_taken_back(site: Site, folder: Path) -> None:
    def feature(code: str, west: float) -> dict[str, Any]:
        ring = [[west, 11.0], [west + 0.01, 11.0], [west + 0.01, 11.01], [west, 11.01], [west, 11.0]]
        shape = {"type": "Polygon", "coordinates": [ring]}
        return {"type": "Feature", "properties": {"code": code, "name": f"Phường thử {code}"}, "geometry": shape}

    features = [feature("99901", 106.5), feature("99902", 106.6), feature("99901", 106.7)]
    (folder / "ranh.geojson").write_text(json.dumps({"type": "FeatureCollection", "features": features}))
    words = ("import", "areas", "ranh.geojson", "--source", "thử", "--day", "2030-01-01", "--create", "--json")
    tried = await site.run(*words, "--dry-run")
    assert (tried.json["created"], tried.json["id"]) == (2, ""), "a trial leaves nothing behind"
    done = await site.run(*words)
    assert (done.code, done.json["created"]) == (4, 2)
    shown = (await site.run("import", "show", done.json["id"])).json
    counts = {n: shown[n] for n in ("status", "target", "fileName", "rows", "taken", "refused", "created", "mapping")}
    assert counts == {"status": "done", "target": "Area", "fileName": "ranh.geojson", "rows": 3, "taken": 2,
                      "refused": 1, "created": 2, "mapping": None}  # fmt: skip
    assert "thử" in shown["note"]
    refused = await site.ask("GET", f"/api/imports/{done.json['id']}/refused")
    assert "Mã 99901 có hai lần" in str(refused)
    undone = await site.run("import", "undo", done.json["id"])
    assert "removed 2" in undone.out
    assert await site.fetch("SELECT count(*) FROM entity WHERE type = 'Area' AND id LIKE '%:9990_:%'") == 0


async def test_ids_with_blanks_are_refused(site: Site, folder: Path) -> None:
    ids = ["urn:ngsi-ld:Thing:blank-1 ", " blank-2", "blank 3"]
    lines = [json.dumps({"id": id, "type": "Thing", "name": {"type": "Property", "value": "x"}}) for id in ids]
    (folder / "ma.jsonl").write_text("\n".join(lines))
    done = await site.run("import", "ma.jsonl", "--type", "Thing", "--json")
    first = done.json["firstRefused"]
    assert [(r["row"], r["reasons"][0]["field"]) for r in first] == [(1, "id"), (2, "id")], done.out + done.err
    assert all(r["reasons"][0]["vi"].startswith("Mã ") and r["reasons"][0]["remedyVi"] for r in first)
    assert done.json["created"] == 1, "a blank inside becomes an underscore, as before"


@pytest.mark.parametrize("name", ["parks", "roads", "waterways", "agencies"])
async def test_the_examples_own_files(site: Site, folder: Path, name: str) -> None:
    with (FACTS / f"{name}.csv").open(encoding="utf-8", newline="") as file:
        rows = sum(1 for _ in csv.DictReader(file))
    done = await site.run("import", FACTS / f"{name}.csv", "--mapping", MAPPINGS / f"{name}.yaml", "--json")
    assert (done.code, done.json["taken"], done.json["refused"]) == (0, rows, 0), done.out


async def test_a_proposal_can_be_used_as_it_is(site: Site, folder: Path) -> None:
    (folder / "tram.csv").write_text(STATIONS.replace("BD-0", "GG-0"))
    guessed = await site.run("import", "guess", "tram.csv", "--type", "AirQualityObserved")
    assert guessed.code == 0
    body = yaml.safe_load(guessed.out)
    assert {n: c["field"] for n, c in body["columns"].items()} == {
        "Mã trạm": "serialNumber", "Tên trạm": "name", "PM2.5 (µg/m³)": "pm25", "Nhiệt độ (°C)": "temperature",
        "Độ ẩm": "relativeHumidity",
    }  # fmt: skip
    assert (body["numbers"], body["dates"], body["delimiter"]) == ("vi", "dd/mm/yyyy", ";")
    assert body["columns"]["Độ ẩm"]["scale"] == 0.01
    assert body["time"]["column"] == "Ngày giờ"
    assert body["place"] == {"x": "Kinh độ", "y": "Vĩ độ"}
    assert body["key"] == ["serialNumber"]
    done = await site.run("import", "-", "--type", "AirQualityObserved", "--json", "--name", "tram.csv",
                          stdin=(folder / "tram.csv").read_bytes())  # fmt: skip
    assert (done.code, done.json["created"], done.json["readings"]) == (0, 2, 8)
    again = await site.run("import", "tram.csv", "--type", "AirQualityObserved", "--json")
    assert again.json["unchanged"] == 2, "the serial number finds the stations again"
