"""`province plan`: what people write as a budget, and how a run is told."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from province.cli import main as cli
from province.cli.planning import read_budget
from province.errors import InvalidInput, ProvinceError

KIND = {
    "name": "fiveg",
    "title": {"vi": "Chọn vị trí trạm", "en": "Sites"},
    "missing": [],
    "prices": {"price_new_site": {"vi": "Cột mới", "en": "New"}, "price_sector": {"vi": "Cánh", "en": "Sector"}},
    "assumptions": [
        {
            "name": "building",
            "value": "high",
            "unit": "",
            "source": "TR 38.901",
            "since": "2022-03-31",
            "title": {"vi": "Tường", "en": "Wall"},
        },
        {
            "name": "pixel",
            "value": 100,
            "unit": "MTR",
            "source": "x",
            "since": "2022-03-31",
            "title": {"vi": "Ô", "en": "Square"},
        },
    ],
}
OUTCOME: dict[str, Any] = {
    "figures": [
        {"name": "a", "label": {"vi": "Cột mới", "en": "New"}, "value": 3, "unit": "C62"},
        {"name": "b", "label": {"vi": "Được phủ", "en": "Covered"}, "value": 24.5, "unit": "P1"},
    ],
    "tables": [
        {
            "name": "parks",
            "title": {},
            "columns": [{"label": {"vi": "Khu"}, "unit": ""}, {"label": {"vi": "Nhu cầu"}, "unit": "D36"}],
            "rows": [["KCN A", 1234.5], ["KCN B", None]],
        }
    ],
    "layers": [],
    "remarks": [{"vi": "Mặt đất phẳng.", "en": "Flat."}],
    "partial": None,
    "certificate": {"checked": True, "gap": 0.0373, "sense": "most"},
}


class Server:
    """A client whose answers are written down here, and who remembers what it was asked."""

    def __init__(self, *states: dict[str, Any], outcome: dict[str, Any] = OUTCOME, kind: dict[str, Any] = KIND) -> None:
        self.states = list(states)
        self.asked: list[tuple[str, Any]] = []
        self.outcome, self.kind = outcome, kind
        self.refuse: ProvinceError | None = None

    def get(self, path: str, params: object = None) -> Any:
        if path == "/api/studies/kinds":
            return [self.kind]
        return self.states.pop(0) if len(self.states) > 1 else self.states[0]

    def post(self, path: str, body: Any) -> Any:
        self.asked.append((path.rpartition("/")[2], body))
        return {"changed": [{"id": "urn:study:1"}]}

    def upload(self, path: str, file: Path, params: dict[str, str]) -> Any:
        self.asked.append((path, params))
        if self.refuse is not None:
            raise self.refuse
        return {"layer": {"features": 2, "crs": "EPSG:9210", "remarks": []}}

    def download(self, path: str, params: object) -> bytes:
        return json.dumps(self.outcome).encode()


@pytest.fixture
def plan(monkeypatch: pytest.MonkeyPatch) -> Callable[..., Result]:
    monkeypatch.setattr("province.cli.planning._POLL_S", 0.0)

    def invoke(server: Server, *arguments: str) -> Result:
        class Operations:
            def client(self) -> Server:
                return server

        group = cli.build(lambda: Operations())  # type: ignore[arg-type, return-value]
        return CliRunner().invoke(group, ["plan", *arguments])

    return invoke


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("40 sites", (40.0, "C62")), ("40 trạm", (40.0, "C62")), ("60 tỷ", (60e9, "VND")), ("60tỷ", (60e9, "VND")),
        ("1,5 tỉ", (1.5e9, "VND")), ("900 triệu", (900e6, "VND")), ("60e9", (60e9, "VND")),
        ("8000 m", (8_000.0, "MTR")), ("8.000 mét", (8_000.0, "MTR")), ("20,5 km", (20_500.0, "MTR")),
        ("300 ha", (300.0, "HAR")),
        ("60.000.000.000", (60e9, "VND")), ("60,000,000,000 đồng", (60e9, "VND")), ("2.5 tỷ", (2.5e9, "VND")),
    ],
)  # fmt: skip
def test_a_budget_is_read_as_people_write_it(text: str, wanted: tuple[float, str]) -> None:
    assert read_budget(text, ("sites", "trạm")) == wanted


@pytest.mark.parametrize("text", ["", "nhiều", "60 usd", "-3 sites", "tỷ"])
def test_what_is_no_budget_is_refused(text: str) -> None:
    with pytest.raises(InvalidInput) as refused:
        read_budget(text, ("sites",))
    assert refused.value.field == "--budget"


def test_a_plan_is_told_and_its_files_are_kept(plan: Callable[..., Result], tmp_path: Path) -> None:
    server = Server(
        {"status": "queued"},
        {"status": "running", "progress": 40.0, "stage": {"en": "Choosing"}},
        {"status": "computed"},
    )
    parks = tmp_path / "khu.csv"
    parks.write_text("x")
    result = plan(server, "fiveg", "--budget", "40 sites", "--parks", str(parks), "--crs", "EPSG:9210",
                  "--assume", "building=low", "--source", "Khảo sát", "--out", str(tmp_path / "out"))  # fmt: skip
    assert result.exit_code == 0, result.output
    assert "KCN A  1,234.5" in result.stdout
    assert "KCN B  chưa có" in result.stdout
    assert "at most 3.73% below the best possible" in result.stdout
    assert sorted(p.name for p in (tmp_path / "out").iterdir()) == [
        "certificate.json",
        "map.svg",
        "outcome.json",
        "parks.csv",
        "plan.gpkg",
    ]
    names = [name for name, _ in server.asked]
    assert names == ["study.draft", "/api/studies/urn:study:1/layers/parks", "study.assume", "start"]
    assert server.asked[1][1] == {"name": "khu.csv", "crs": "EPSG:9210"}
    assert server.asked[2][1]["inputs"] == {"name": "building", "value": "low", "unit": "C62", "source": "Khảo sát"}


def test_an_answer_that_is_partial_has_an_exit_code_of_its_own(plan: Callable[..., Result]) -> None:
    partial = {**OUTCOME, "partial": {"vi": "Không đủ.", "en": "Not enough."}}
    result = plan(Server({"status": "computed"}, outcome=partial), "fiveg", "--budget", "1 sites")
    assert result.exit_code == 4
    assert "PARTIAL: Không đủ." in result.stdout


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("--budget", "60 tỷ"), "needs the prices of: new_site, sector"),
        (("--budget", "40 sites", "--assume", "building=low"), "--source"),
        (("--budget", "40 sites", "--assume", "colour=red", "--source", "x"), "no assumption 'colour'"),
        (("--budget", "40 sites", "--price", "sector"), "not NAME=VALUE"),
    ],
)
def test_what_is_missing_is_said_before_anything_is_drafted(
    plan: Callable[..., Result], arguments: tuple[str, ...], said: str
) -> None:
    server = Server({"status": "computed"})
    result = plan(server, "fiveg", *arguments)
    assert result.exit_code == 1
    assert said in result.stderr
    assert server.asked == []


def test_a_draft_whose_file_is_refused_is_withdrawn(plan: Callable[..., Result], tmp_path: Path) -> None:
    server = Server({"status": "draft"})
    server.refuse = InvalidInput("the positions are metres.", field="crs", remedy="Name it.")
    (tmp_path / "khu.csv").write_text("x")
    result = plan(server, "fiveg", "--budget", "2 sites", "--parks", str(tmp_path / "khu.csv"))
    assert result.exit_code == 1
    assert "crs: the positions are metres. Name it." in result.stderr
    assert server.asked[-1][0] == "study.withdraw"


def test_a_failed_study_and_a_missing_extra_are_told_with_the_remedy(plan: Callable[..., Result]) -> None:
    failed = {"status": "failed", "failure": "layers.parks: none has a place.", "remedy": "Import their boundaries."}
    result = plan(Server(failed), "fiveg", "--budget", "2 sites")
    assert result.exit_code == 1
    assert "none has a place. Import their boundaries." in result.stderr
    result = plan(Server({}, kind={**KIND, "missing": ["numba"]}), "fiveg", "--budget", "2 sites")
    assert result.exit_code == 1
    assert "pip install 'province[planning]'" in result.stderr


def test_assumptions_are_listed_with_unit_and_source(plan: Callable[..., Result]) -> None:
    result = plan(Server({}), "assumptions", "fiveg")
    assert result.exit_code == 0
    assert "pixel" in result.stdout
    assert "100 m " in result.stdout
    assert "TR 38.901 (2022-03-31)" in result.stdout
    assert "price_sector" in result.stdout


def test_json_is_all_that_is_printed(plan: Callable[..., Result]) -> None:
    result = plan(Server({"status": "computed"}), "fiveg", "--budget", "2 sites", "--json")
    assert json.loads(result.stdout)["id"] == "urn:study:1"


def test_trenches_have_layers_of_their_own_and_need_a_price_for_money(
    plan: Callable[..., Result], tmp_path: Path
) -> None:
    kind = {**KIND, "name": "ducts", "prices": {"price_urban": {"vi": "Đô thị", "en": "Urban"}}}
    (tmp_path / "a.osm.pbf").write_text("x")
    outcome = {**OUTCOME, "tables": [{**OUTCOME["tables"][0], "name": "materials"}]}
    server = Server({"status": "computed"}, kind=kind, outcome=outcome)
    result = plan(server, "ducts", "--budget", "20 km", "--roads", str(tmp_path / "a.osm.pbf"))
    assert result.exit_code == 0, result.output
    assert "KCN A  1,234.5" in result.stdout
    assert server.asked[0][1]["inputs"]["budget_unit"] == "MTR"
    assert server.asked[0][1]["inputs"]["budget"] == 20_000.0
    assert server.asked[1][0].endswith("/layers/roads")
    refused = plan(Server({"status": "computed"}, kind=kind), "ducts", "--budget", "3 tỷ")
    assert refused.exit_code == 1
    assert "needs the prices of: urban" in refused.stderr
    assert '"20 km"' in refused.stderr


def test_a_kind_may_have_a_usual_budget_and_count_failures(plan: Callable[..., Result]) -> None:
    kind = {**KIND, "name": "diversity", "prices": {}}
    outcome = {**OUTCOME, "tables": [{**OUTCOME["tables"][0], "name": "failures"}]}
    for given, asked in (((), 1.0), (("--budget", "2 failures"), 2.0)):
        server = Server({"status": "computed"}, kind=kind, outcome=outcome)
        result = plan(server, "diversity", *given)
        assert result.exit_code == 0, result.output
        assert "KCN A  1,234.5" in result.stdout
        assert server.asked[0][1]["inputs"]["budget"] == asked
        assert server.asked[0][1]["inputs"]["budget_unit"] == "C62"
