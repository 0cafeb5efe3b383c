"""Pages of planning studies: the list, a draft, a plan with its proof, scenarios side by side, the report on paper."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from typing import Any, cast

import msgspec
import pytest

from province.adapters.files import FileStore
from province.adapters.pdf import Printer
from province.adapters.studies import drawing
from province.adapters.studies.service import Studies
from province.adapters.tables.features import Layer as ReadLayer
from province.app.declarations import constant_at
from province.errors import InvalidInput
from province.identity.audit import Pool
from province.model.actor import Actor
from province.model.geometry import point
from province.model.label import Label
from province.model.study import Certificate, Column, Feature, Layer, Outcome, Pick, Quantity, Spread, Table, Variant
from province.pack import Pack
from province.packs.fiveg.pack import PACK as FIVEG
from province.packs.studies.pack import PACK as STUDIES
from province.vocab import IndustrialPark, Milestone
from province.vocab.sensitivity import Sensitivity
from province.vocab.study import Study
from tests.console.conftest import Open, csrf
from tests.console.sample import PACK, entity_of
from tests.console.test_pages import check
from tests.console.world import World, world

RING = [[106.6, 11.05], [106.61, 11.05], [106.61, 11.06], [106.6, 11.06], [106.6, 11.05]]
SQUARE = {"type": "Polygon", "coordinates": [RING]}
HASH = "a" * 64


def outcome(covered: float = 24.5, **given: Any) -> Outcome:
    columns = (
        Column(name="park", label=Label("Khu", "Park")),
        Column(name="covered", label=Label("Được phủ", "Covered"), unit="P1"),
    )
    bill = (
        Column(name="item", label=Label("Hạng mục", "Item (Vietnamese)")),
        Column(name="item_en", label=Label("Hạng mục (tiếng Anh)", "Item")),
        Column(name="amount", label=Label("Thành tiền", "Amount"), unit="VND"),
    )
    values: dict[str, Any] = {
        "figures": (
            Quantity(name="covered", label=Label("Nhu cầu được phủ", "Demand covered"), value=covered, unit="P1"),
        ),
        "tables": (
            Table(
                name="parks",
                title=Label("Từng khu", "Park by park"),
                columns=columns,
                rows=(("KCN <b>A</b>", covered), ("KCN B", None)),
            ),
            Table(
                name="materials",
                title=Label("Khối lượng", "Bill of materials"),
                columns=bill,
                rows=(("Cột mới", "New masts", 9e8),),
            ),
        ),
        "layers": (
            Layer(
                name="parks",
                title=Label("Khu", "Parks"),
                features=(
                    Feature(id="urn:park:a", geometry=SQUARE, properties={"park": "KCN <b>A</b>"}),
                    Feature(id="urn:park:b", geometry=point(106.9, 11.3), properties={"park": "KCN B"}),
                ),
            ),
            Layer(
                name="coverage",
                title=Label("Vùng phủ", "Coverage"),
                features=(Feature(id="c", geometry=SQUARE, properties={"level": "inside", "park": "A"}),),
            ),
            Layer(
                name="sites",
                title=Label("Trạm", "Sites"),
                features=(
                    Feature(
                        id="s",
                        geometry=point(106.605, 11.055),
                        properties={"kind": "new", "name": "Trạm 1", "azimuths": "0 120 240"},
                    ),
                ),
            ),
        ),
        "certificate": Certificate(
            objective=100.0,
            objective_unit="D36",
            objective_label=Label("Nhu cầu", "Demand"),
            bound=104.0,
            bound_source=Label("Nới lỏng Lagrange", "Lagrangian relaxation"),
            gap=0.04,
            spent=2.0,
            budget=3.0,
            budget_unit="C62",
            checked=True,
            verdict=Label("Đã xác nhận", "Confirmed"),
            seed=0,
            versions={"numba": "0.68"},
            inputs=HASH,
        ),
        "remarks": (Label("Mặt đất coi như bằng phẳng.", "The ground is taken as flat."),),
    }
    return Outcome(**(values | given))


class Shelf(Studies):
    """Studies whose files are in memory, and that start nothing."""

    def __init__(self, made: World, contents: Mapping[str, bytes]) -> None:
        kinds = {k.name: (FIVEG.name, k) for k in FIVEG.studies}
        super().__init__(made.broker, cast(Pool, None), cast(FileStore, None), kinds, constant_at)
        self.contents = contents
        self.calls: list[tuple[str, ...]] = []
        self.refuse: InvalidInput | None = None

    async def content(self, tenant: str, sha256: str, media: str) -> bytes:
        return self.contents[sha256]

    async def start(self, actor: Actor, id: str) -> Study:
        self.calls.append(("start", id))
        if self.refuse is not None:
            raise self.refuse
        return await self.get(id, actor)

    async def attach(
        self, actor: Actor, id: str, layer: str, name: str, chunks: AsyncIterator[bytes], *, crs: str = ""
    ) -> tuple[Study, ReadLayer]:
        content = b"".join([part async for part in chunks])
        self.calls.append(("attach", layer, name, content.decode(), crs))
        return await self.get(id, actor), ReadLayer((), crs, (), ())


def study(name: str, status: str, **values: Any) -> Study:
    given = {
        "title": f"Phương án {name}",
        "kind": "fiveg",
        "budget": {"value": 3, "unitCode": "C62"},
        "createdBy": "account-1",
    }
    return Study(id=f"urn:ngsi-ld:Study:{name}", status=status, **(given | values))


OTHER = {"building": {"value": "low", "unit": "", "source": "Khảo sát"}}
PLANS = (
    study("a", "computed", outcome="1" * 64, isChecked=True, gap=4.0, objective={"value": 100.0, "unitCode": "D36"}),
    study("b", "approved", outcome="2" * 64, basedOn="urn:ngsi-ld:Study:a", assumptions=OTHER, remark="12/QĐ"),
    study("c", "draft", budget={"value": 6e10, "unitCode": "VND"}),
    study("d", "running", progress=40.0, stage={"vi": "Chọn vị trí", "en": "Choosing sites"}),
    study("e", "failed", failure="layers.parks: none has a place.", remedy="Import their boundaries."),
)  # fmt: skip


@pytest.fixture
def planned() -> tuple[World, Shelf]:
    made = world()
    vocabulary = Pack(
        name="vocab", title=Label("Chung", "Shared"), row="X", types=(Study, Sensitivity, Milestone, IndustrialPark)
    )
    made.broker.packs = (PACK, vocabulary, FIVEG, STUDIES)
    for one in PLANS:
        made.broker.entities[one.id] = entity_of(one)
    contents = {"1" * 64: msgspec.json.encode(outcome()), "2" * 64: msgspec.json.encode(outcome(31.0))}
    return made, Shelf(made, contents)


PATHS = ("/studies", *(f"/studies/urn:ngsi-ld:Study:{n}" for n in "abcde"),
         "/studies/urn:ngsi-ld:Study:a?at=urn:park:a",
         "/studies/compare?id=urn:ngsi-ld:Study:a&id=urn:ngsi-ld:Study:b")  # fmt: skip


@pytest.mark.parametrize("language", ["vi", "en"])
@pytest.mark.parametrize("path", PATHS)
async def test_page(browse: Open, planned: tuple[World, Shelf], path: str, language: str) -> None:
    made, shelf = planned
    async with browse(made, language=language, studies=shelf) as client:
        answer = await client.get(path)
    assert answer.status_code == 200, answer.text[:2000]
    check(answer.text, language)
    assert "<b>A</b>" not in answer.text


async def test_a_plan_shows_its_map_its_parks_and_its_proof(browse: Open, planned: tuple[World, Shelf]) -> None:
    made, shelf = planned
    async with browse(made, language="en", studies=shelf) as client:
        page = (await client.get("/studies/urn:ngsi-ld:Study:a")).text
        csv = await client.get("/studies/urn:ngsi-ld:Study:a/files/parks.csv")
        missing = await client.get("/studies/urn:ngsi-ld:Study:a/files/secrets")
    assert 'class="area tone-good"' in page
    assert 'class="tone-new"' in page
    assert "24.5%" in page
    assert "at most 4% below the best possible" in page
    assert HASH in page
    assert "The ground is taken as flat." in page
    assert "no data" in page, "a park whose share is not known"
    assert "TR 38.901" in page
    assert csv.status_code == 200
    assert "KCN <b>A</b>,24.5" in csv.text
    assert missing.status_code == 404


async def test_scenarios_show_in_what_they_differ(browse: Open, planned: tuple[World, Shelf]) -> None:
    made, shelf = planned
    async with browse(made, language="en", studies=shelf) as client:
        page = (await client.get(PATHS[-1])).text
        alone = await client.get("/studies/compare?id=urn:ngsi-ld:Study:a")
    assert "24.5%" in page
    assert "31%" in page
    assert "Kind of wall" in page
    assert "Bandwidth" not in page, "both stand on the same"
    assert alone.status_code == 400


async def test_a_running_study_looks_again_and_a_failed_one_says_why(
    browse: Open, planned: tuple[World, Shelf]
) -> None:
    made, shelf = planned
    async with browse(made, studies=shelf) as client:
        running = (await client.get("/studies/urn:ngsi-ld:Study:d")).text
        failed = (await client.get("/studies/urn:ngsi-ld:Study:e")).text
        record = await client.get("/entity/urn:ngsi-ld:Study:a")
    assert 'http-equiv="refresh"' in running
    assert "Chọn vị trí" in running
    assert "none has a place." in failed
    assert "Import their boundaries." in failed
    assert record.headers["location"] == "/studies/urn:ngsi-ld:Study:a"


async def test_a_study_is_begun_given_files_prices_and_started(browse: Open, planned: tuple[World, Shelf]) -> None:
    made, shelf = planned
    draft = "/studies/urn:ngsi-ld:Study:c"
    form = {"csrf": csrf(), "title": "Mới", "kind": "fiveg", "budget": "60 tỷ", "budget_unit": "VND"}
    async with browse(made, studies=shelf) as client:
        begun = await client.post("/studies", data=form)
        wrong = await client.post("/studies", data={**form, "budget": "nhiều"})
        sent = await client.post(f"{draft}/layers", data={"csrf": csrf(), "layer": "parks", "crs": "EPSG:9210"},
                                 files={"file": ("khu.csv", b"ten,x,y", "text/csv")})  # fmt: skip
        price = {"csrf": csrf(), "name": "price_new_site", "unit": "VND", "value": "900 triệu", "source": "Báo giá"}
        priced = await client.post(f"{draft}/assume", data=price)
        started = await client.post(f"{draft}/start", data={"csrf": csrf()})
    assert begun.status_code == 303
    assert made.broker.acted[0][1]["budget"] == 60e9
    assert wrong.status_code == 400
    check(wrong.text, "vi")
    assert 'value="nhiều"' in wrong.text
    assert sent.headers["location"] == priced.headers["location"] == f"{draft}#inputs"
    assert started.headers["location"] == draft
    assert shelf.calls == [("attach", "parks", "khu.csv", "ten,x,y", "EPSG:9210"), ("start", "urn:ngsi-ld:Study:c")]
    assert made.broker.acted[1][1] == {
        "name": "price_new_site",
        "value": "900000000.0",
        "unit": "VND",
        "source": "Báo giá",
    }


async def test_a_refusal_stands_on_the_page_of_the_study(browse: Open, planned: tuple[World, Shelf]) -> None:
    made, shelf = planned
    shelf.refuse = InvalidInput("the layer parks is empty.", field="layers.parks", remedy="Attach a file.")
    async with browse(made, language="en", studies=shelf) as client:
        answer = await client.post("/studies/urn:ngsi-ld:Study:c/start", data={"csrf": csrf()})
        nothing = await client.post("/studies/urn:ngsi-ld:Study:c/layers", data={"csrf": csrf(), "layer": "parks"})
    assert answer.status_code == 400
    check(answer.text, "en")
    assert "the layer parks is empty." in answer.text
    assert nothing.status_code == 400


async def test_a_refusal_and_the_sources_are_told_in_vietnamese(browse: Open, planned: tuple[World, Shelf]) -> None:
    made, shelf = planned
    shelf.refuse = InvalidInput(
        "the layer parks is empty.", field="layers.parks", remedy="Check the coordinate system, and raise `site_range`."
    )
    async with browse(made, studies=shelf) as client:
        page = (await client.post("/studies/urn:ngsi-ld:Study:c/start", data={"csrf": csrf()})).text
    check(page, "vi")
    assert "<strong>Khu, cụm công nghiệp</strong> · Lớp “Khu, cụm công nghiệp” chưa có dữ liệu." in page
    assert '<span lang="en">Check the coordinate system, and raise `site_range`.</span>' in page
    assert "Mặc định của phần mềm" in page
    assert "Default of this product" not in page


async def test_without_the_extra_the_page_says_what_to_install(
    browse: Open, planned: tuple[World, Shelf], monkeypatch: pytest.MonkeyPatch
) -> None:
    made, shelf = planned
    monkeypatch.setattr("province.console.studies.missing", lambda kind: ("numba",))
    async with browse(made, language="en", studies=shelf) as client:
        overview = (await client.get("/studies")).text
        draft = (await client.get("/studies/urn:ngsi-ld:Study:c")).text
    for page in (overview, draft):
        assert "the server lacks numba. Install the extra province[planning] there." in page
    assert "/start" not in draft


async def test_pages_are_not_for_strangers(browse: Open, planned: tuple[World, Shelf]) -> None:
    made, shelf = planned
    async with browse(made, signed_in=False, studies=shelf) as client:
        for path in (*PATHS, "/studies/urn:ngsi-ld:Study:a/report.pdf", "/studies/urn:ngsi-ld:Study:a/files/plan.gpkg"):
            answer = await client.get(path)
            assert answer.status_code == 303, path
            assert answer.headers["location"].startswith("/sign-in")


@pytest.mark.parametrize("language", ["vi", "en"])
async def test_the_report_is_printed_with_its_map(browse: Open, planned: tuple[World, Shelf], language: str) -> None:
    made, shelf = planned
    async with browse(made, language=language, studies=shelf, print=Printer().print) as client:
        answer = await client.get("/studies/urn:ngsi-ld:Study:a/report.pdf")
    assert answer.status_code == 200
    assert answer.content.startswith(b"%PDF-")
    import pypdfium2

    document = pypdfium2.PdfDocument(answer.content)
    text = " ".join(page.get_textpage().get_text_bounded() for page in document)
    for word in (
        ("Từng khu", "Chưa phủ", "Chứng nhận tính toán", "31/03/2022")
        if language == "vi"
        else ("Park by park", "Not covered", "Certificate", "New masts")
    ):
        assert word in text, word
    assert "KCN <b>A</b>" in text, "as it is, never as markup"


def test_a_drawing_has_one_frame_for_everything_and_a_close_one_for_a_park() -> None:
    whole = drawing.draw(outcome(), FIVEG.studies[0])
    close = drawing.draw(outcome(), FIVEG.studies[0], around="urn:park:a")
    assert whole is not None
    assert close is not None
    for made in (whole, close):
        assert all(0 <= s.x <= made.width and 0 <= s.y <= made.height for s in made.spots)
        assert 0 < made.scale < made.width / 2
        assert made.scale_m in {f * 10**n for f in (1, 2, 5) for n in range(6)}
    assert close.scale_m < whole.scale_m
    assert len(close.outlines) == 1
    assert whole.spots[0].rays.count("M") == 3
    assert drawing.draw(outcome(layers=()), FIVEG.studies[0]) is None
    assert drawing.draw(outcome(), None) is None, "nobody says how it is drawn"
    assert drawing.svg(whole).count("<circle") == 1


async def test_different_kinds_and_a_kind_that_is_gone_stand_side_by_side(
    browse: Open, planned: tuple[World, Shelf]
) -> None:
    made, shelf = planned
    metres = Quantity(name="metres_new", label=Label("Đào mới", "New trench"), value=1200.0, unit="MTR")
    shelf.contents = {**shelf.contents, "3" * 64: msgspec.json.encode(outcome(figures=(metres,)))}
    for name, kind in (("f", "ducts"), ("g", "gone")):
        one = study(name, "computed", kind=kind, outcome="3" * 64, budget={"value": 5000, "unitCode": "MTR"})
        made.broker.entities[one.id] = entity_of(one)
    for other in "fg":
        async with browse(made, language="en", studies=shelf) as client:
            answer = await client.get(f"/studies/compare?id=urn:ngsi-ld:Study:a&id=urn:ngsi-ld:Study:{other}")
        assert answer.status_code == 200
        check(answer.text, "en")
        assert "1,200 m" in answer.text
        assert "different kinds of study" in answer.text
        assert "no data" in answer.text


def spread() -> Spread:
    base = outcome()
    low = Variant(name="attenuation", value=48.0, unit="P1", base=60.0, objective=88.0, gap=0.05, figures=base.figures)
    high = Variant(name="attenuation", value=72.0, unit="P1", base=60.0, objective=107.0, gap=0.03,
                   figures=outcome(31.0).figures)  # fmt: skip
    wrong = Variant(name="budget", value=1.0, unit="C62", base=3.0, failure="budget: 1 <b>site</b> joins nothing.")
    return Spread(
        objective=100.0, objective_unit="D36", objective_label=Label("Nhu cầu", "Demand"), sense="most", gap=0.04,
        figures=base.figures, seed=0, variants=(low, high, wrong), computed=2,
        picks=(Pick(id="s", name="Trạm 1", kept=2), Pick(id="t", name="Trạm 2", kept=1)),
    )  # fmt: skip


async def test_a_run_that_was_stopped_shows_what_it_has(browse: Open, planned: tuple[World, Shelf]) -> None:
    made, shelf = planned
    shelf.contents = {**shelf.contents, "4" * 64: msgspec.json.encode(msgspec.structs.replace(spread(), asked=6))}
    record = study("a", "computed", outcome="1" * 64, isChecked=True, problem="5" * 64)
    run = Sensitivity(id="urn:ngsi-ld:Sensitivity:1", study=record.id, varied=({"name": "attenuation", "share": 20},),
                      status="cancelled", outcome="4" * 64)  # fmt: skip
    made.broker.entities |= {record.id: entity_of(record), run.id: entity_of(run)}
    async with browse(made, language="vi", studies=shelf) as client:
        answer = await client.get(f"/studies/{record.id}")
    check(answer.text, "vi")
    assert "Đã dừng: mới tính 3 trên 6" in answer.text
    assert answer.text.count('<rect class="') == 2


@pytest.mark.parametrize("language", ["vi", "en"])
async def test_what_a_plan_hangs_on_is_a_chart_a_table_and_a_file(
    browse: Open, planned: tuple[World, Shelf], language: str
) -> None:
    made, shelf = planned
    shelf.contents = {**shelf.contents, "4" * 64: msgspec.json.encode(spread())}
    record = study("a", "computed", outcome="1" * 64, isChecked=True, problem="5" * 64)
    made.broker.entities[record.id] = entity_of(record)
    run = Sensitivity(id="urn:ngsi-ld:Sensitivity:1", study=record.id, varied=({"name": "attenuation", "share": 20},),
                      status="computed", outcome="4" * 64)  # fmt: skip
    made.broker.entities[run.id] = entity_of(run)
    async with browse(made, language=language, studies=shelf) as client:
        answer = await client.get(f"/studies/{record.id}")
        file = await client.get(f"/studies/{record.id}/sensitivity/{run.id}.csv")
        asked = await client.post(
            f"/studies/{record.id}/sensitivity",
            data={"csrf": csrf(), "name": ["attenuation", "budget"], "share": "20", "more": "building=low"},
        )
    assert answer.status_code == 200
    check(answer.text, language)
    assert answer.text.count('<rect class="') == 2
    assert '<rect class="down"' in answer.text
    assert "<b>site</b>" not in answer.text
    assert ("1 of 2 chosen items stay" if language == "en" else "1 trên 2 mục đã chọn") in answer.text
    assert file.status_code == 200
    assert "attenuation" in file.text
    assert asked.status_code == 303
    assert made.broker.acted[-1][1] == {"varied": "attenuation=±20%; budget=±20%; building=low"}
