"""What goes out: the caller's rights, disarmed cells, an audit row; and what goes out comes in again as it was."""

from __future__ import annotations

import csv
import io
import json
import uuid
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from province.adapters.tables.writers import disarm, rearm
from province.model.actor import system
from province.model.change import Change
from province.model.record import attributes
from province.vocab.road import Road
from tests.effort import examples
from tests.exchange.conftest import FACTS, MAPPINGS, TENANT, Site

SYSTEM = system(TENANT, "test")
FORMATS = ("csv", "xlsx", "geojson", "gpkg", "parquet", "jsonld")
QUICK_FORMATS = ("csv", "geojson")
"""A text and one with shapes; every way there and back takes seconds."""
LETTERS = "aăâbcđêôơưáàảãạỹABCĐ 0123456789,;.:\"'=+-@|&<>%/\\()[]{}#*"
WORDS = st.text(LETTERS, min_size=1, max_size=12).map(str.strip).filter(bool)


@given(st.text())
def test_disarmed_cells_are_no_formulas_and_come_back(text: str) -> None:
    armed = disarm(text)
    assert rearm(armed) == text
    assert armed[:1] not in ("=", "@", "\t", "\r")


@pytest.mark.parametrize("text", ["=cmd|' /C calc'!A0", "+1+1", "-2+3", "@SUM(A1)", "\t=1", "'=1"])
def test_formulas_are_disarmed(text: str) -> None:
    assert disarm(text) == f"'{text}"


@pytest.mark.parametrize("text", ["-5", "+84", "-1.234,5", "1e5", "Đường", "12%"])
def test_numbers_and_words_stay(text: str) -> None:
    assert disarm(text) == text


def road(code: str, **values: Any) -> Road:
    given = {"name": code, "kind": "urban", "status": "in_service", "source": "thử", **values}
    return Road(id=f"urn:ngsi-ld:Road:{code}", code=code, **given)


async def put(site: Site, *roads: Road) -> None:
    changes = [Change(op="put", id=r.id, type="Road", attrs=attributes(r, origin="imported")) for r in roads]
    await site.core.broker.apply(changes, SYSTEM)


LINE = {"type": "LineString", "coordinates": [[106.70321, 10.9], [106.71, 10.91]]}
ROADS = st.lists(
    st.builds(
        lambda name, kind, error, line, approximate: {
            "name": name, "kind": kind, "error": error, "location": line, "approximate": approximate,
        },
        WORDS | st.sampled_from(["NA", "-", "null", "=1+1", "'=1", "a;b", 'x "y"', "1.234", "007", "true", "@x"]),
        st.sampled_from(["urban", "ring", "national"]),
        st.none() | st.floats(0, 1e6).map(lambda x: round(x, 3)),
        st.none() | st.just(LINE) | st.just({"type": "Point", "coordinates": [106.5, 11.25]}),
        st.booleans(),
    ),
    min_size=1, max_size=6,
)  # fmt: skip


@pytest.mark.parametrize(
    "format", [f if f in QUICK_FORMATS else pytest.param(f, marks=pytest.mark.slow) for f in FORMATS]
)
@given(roads=ROADS)
@settings(
    max_examples=examples(3),
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
    phases=(Phase.explicit, Phase.generate),
)  # shrinking would run the product hundreds of times
async def test_there_and_back(
    site: Site, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, format: str, roads: list[dict[str, Any]]
) -> None:
    monkeypatch.chdir(tmp_path)
    mark = f"rt{uuid.uuid4().hex[:8]}"
    made = [road(f"{mark}{i}", **values) for i, values in enumerate(roads)]
    await put(site, *made)
    target = tmp_path / f"{mark}.{format}"
    out = await site.run("export", "Road", "--to", target, "--where", f'code~="{mark}"')
    assert out.code == 0, out.err
    guessed = await site.run("import", "guess", target, "--type", "Road")
    (tmp_path / "map.yaml").write_text(guessed.out)
    same = await site.run("import", target, "--mapping", "map.yaml", "--json")
    told = same.json
    assert (told["taken"], told["refused"], told["unchanged"]) == (len(made), 0, len(made)), same.out
    before = {r.id: await site.core.broker.get(r.id, SYSTEM) for r in made}
    await site.core.broker.apply([Change(op="delete", id=r.id, type="Road") for r in made], SYSTEM)
    again = await site.run("import", target, "--mapping", "map.yaml", "--json")
    assert again.json["created"] == len(made), again.out
    for id, old in before.items():
        new = await site.core.broker.get(id, SYSTEM)
        assert {n: (a.value, a.unit_code, a.type) for n, a in new.attrs.items()} == {
            n: (a.value, a.unit_code, a.type) for n, a in old.attrs.items()
        }


async def test_an_export_is_audited_and_filtered(site: Site, tmp_path: Path) -> None:
    done = await site.run("import", FACTS / "roads.csv", "--mapping", MAPPINGS / "roads.yaml", "--json")
    assert done.code == 0
    target = tmp_path / "duong.csv"
    out = await site.run("export", "Road", "--to", target, "--where", 'kind=="national"', "--purpose", "thử",
                         "--labels", "vi", "--bom")  # fmt: skip
    assert out.code == 0
    assert target.read_bytes().startswith(b"\xef\xbb\xbf"), "Excel wants a byte order mark"
    rows = list(csv.DictReader(io.StringIO(target.read_text("utf-8-sig"))))
    assert {r["Cấp đường"] for r in rows} == {"national"}
    assert {r["Số hiệu"] for r in rows} >= {"QL1", "QL13"}
    detail = json.loads(await site.fetch(
        "SELECT detail::text FROM audit WHERE action = 'entity.exported' AND purpose = 'thử' ORDER BY seq DESC LIMIT 1"
    ))  # fmt: skip
    assert (detail["rows"], detail["format"], detail["complete"]) == (len(rows), "csv", True)


async def test_personal_fields_need_right_and_purpose(site: Site, tmp_path: Path) -> None:
    target = tmp_path / "nguoi.csv"
    refused = await site.run("export", "Report", "--to", target)
    assert refused.code == 1
    assert "purpose" in refused.err
    told = await site.run("export", "Report", "--to", target, "--purpose", "kiểm tra")
    assert told.code == 0
    fields = site.core.broker.types["Report"].fields
    personal = {n for n, s in fields.items() if s.field.personal}
    assert personal
    columns = set(next(csv.reader(io.StringIO(target.read_text()))))
    assert personal - {"secretHash"} <= columns
    assert fields["secretHash"].field.concealed
    assert "secretHash" not in columns, "nobody gets the hash of the link that is the author's proof"
    viewer = await site.run("export", "Report", "--to", target, role="viewer")
    assert viewer.code == 0
    assert not personal & set(next(csv.reader(io.StringIO(target.read_text()))))
    stranger = await site.run("export", "Road", "--to", target, role="nobody")
    assert stranger.code == 1
