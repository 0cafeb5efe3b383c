"""A study's way: layers and inputs with the caller's own rights, a run that can fail, be stopped or come to its end."""

from __future__ import annotations

import asyncio
import contextlib
import json
import re
import sqlite3
from collections.abc import AsyncIterator, Mapping
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast
from xml.etree import ElementTree

import msgspec
import pytest

from province.adapters.files import FileStore
from province.adapters.studies import files as study_files
from province.adapters.studies import service
from province.adapters.studies.service import LAYER, PROBLEM, Studies
from province.adapters.studies.service import OUTCOME as OUTCOME_MEDIA
from province.app import solving
from province.app.core import Core
from province.app.declarations import constant_at
from province.app.studies import Runner
from province.broker.broker import Broker
from province.broker.database import Pool
from province.errors import Conflict, InvalidInput, NotAllowed, NotFound, Unavailable, Unsupported
from province.model.actor import Actor, Grant, system
from province.model.geometry import point
from province.model.label import Label
from province.model.record import change, create
from province.model.study import Certificate, Column, Feature, Layer, Outcome, Problem, Progress, Table
from province.packs.fiveg.pack import PACK
from province.packs.fiveg.types import RadioSite
from province.packs.transmission import kinds as transmission
from province.packs.transmission.types import FibreRoute, TransmissionNode
from province.vocab.park import IndustrialPark
from province.vocab.study import Study

TENANT = "binh-duong"
SYSTEM = system(TENANT, "test")
AGENCY = "urn:ngsi-ld:Agency:a:2025-07-01"


def person(name: str, *permissions: str, agency: str | None = None) -> Actor:
    return Actor(tenant=TENANT, id=f"person:{name}", kind="person",
                 grants=(Grant("some", frozenset(permissions), agency),))  # fmt: skip


PLANNER = person("planner", "study.*", "*.read", "file.create")


@pytest.fixture(scope="module")
async def studies(broker: Broker, pool: Pool, tmp_path_factory: pytest.TempPathFactory) -> Studies:
    async with pool.acquire() as connection:
        await connection.execute(
            "INSERT INTO tenant (id, name_vi, name_en) VALUES ($1, 'a', 'a') ON CONFLICT DO NOTHING", TENANT
        )
    store = FileStore(tmp_path_factory.mktemp("files"), pool, quota=10**9)
    parks = [
        IndustrialPark(id=f"urn:ngsi-ld:IndustrialPark:{n}", code=n, name=f"KCN {n}", kind="park", landSize=10.0,
                       location=point(106.6, 11.0))
        for n in ("a", "b")
    ]  # fmt: skip
    await broker.apply([create(p) for p in parks], SYSTEM)
    mine = RadioSite(id="urn:ngsi-ld:RadioSite:1", code="1", name="Cột 1", location=point(106.6, 11.0))
    theirs = RadioSite(id="urn:ngsi-ld:RadioSite:2", code="2", name="Cột 2", location=point(106.6, 11.0))
    await broker.apply([create(mine, agency=AGENCY), create(theirs, agency=f"{AGENCY}-b")], SYSTEM)
    return Studies(broker, pool, store, solving.kinds(), constant_at, broker.measured)


async def draft(broker: Broker, actor: Actor = PLANNER, **inputs: Any) -> str:
    given = {"title": "5G 2027", "kind": "fiveg", "budget": 3, "budget_unit": "C62", **inputs}
    return (await broker.act("study.draft", actor, inputs=given)).changed[0].id


async def chunks(text: str) -> AsyncIterator[bytes]:
    yield text.encode()


async def problem_of(studies: Studies, id: str) -> Problem:
    study = await studies.get(id, SYSTEM)
    assert study.problem is not None
    return msgspec.json.decode(await studies.content(TENANT, study.problem, PROBLEM), type=Problem)


async def test_a_problem_holds_the_register_the_dated_constants_and_the_planners_own(
    broker: Broker, studies: Studies
) -> None:
    id = await draft(broker)
    inputs = {"name": "carrier_frequency", "value": "3750", "unit": "MHZ", "source": "Giấy phép C2"}
    await broker.act("study.assume", PLANNER, id=id, inputs=inputs)
    started = await studies.start(PLANNER, id)
    assert started.status == "queued"
    problem = await problem_of(studies, id)
    assert {f.id for f in problem.layers["parks"]} >= {"urn:ngsi-ld:IndustrialPark:a", "urn:ngsi-ld:IndustrialPark:b"}
    assert problem.layers["parks"][0].properties["landSize"] == 10.0
    assert len(problem.layers["masts"]) == 2
    assert (problem.budget, problem.unit) == (3.0, "C62")
    frequency = problem.assumptions["carrier_frequency"]
    assert (frequency.value, frequency.unit, frequency.given) == (3.75, "A86", True)
    building = problem.assumptions["building"]
    assert (building.value, building.given) == ("high", False)
    assert "TR 38.901" in building.source


async def test_the_network_of_the_register_is_examined_and_a_file_of_rows_stands_for_it(
    broker: Broker, studies: Studies
) -> None:
    nodes = [
        TransmissionNode(id=f"urn:ngsi-ld:TransmissionNode:{c}", code=c, name=f"Trạm {c}", kind=kind, load=load,
                         location=point(106.6 + i / 10, 11.0))
        for i, (c, kind, load) in enumerate((("L", "core", None), ("A", "aggregation", 5.0), ("B", "access", 2.0)))
    ]  # fmt: skip
    cables = [
        FibreRoute(id=f"urn:ngsi-ld:FibreRoute:{a}{b}", code=f"{a}{b}", name=f"Cáp {a}{b}", start=a, finish=b,
                   status="in_service", shares=shares)
        for a, b, shares in (("L", "A", ("Rãnh 1",)), ("A", "B", ()), ("B", "L", ("Rãnh 1",)))
    ]  # fmt: skip
    await broker.apply([create(r) for r in (*nodes, *cables)], SYSTEM)
    id = await draft(broker, kind="diversity", budget=1)
    await studies.start(PLANNER, id)
    outcome = transmission.DIVERSITY.solve(await problem_of(studies, id), lambda _: None)
    table = outcome.table("failures")
    assert table is not None
    assert [(r[0], r[3], r[4]) for r in table.rows] == [("Rãnh 1", 2.0, 7.0), ("Trạm L", 2.0, 7.0)]

    id = await draft(broker, kind="diversity", budget=1)
    await studies.attach(PLANNER, id, "routes", "tuyen.csv", chunks("ma,tram_dau,tram_cuoi\nLA,L,A\nLB,L,B\n"))
    await studies.start(PLANNER, id)
    outcome = transmission.DIVERSITY.solve(await problem_of(studies, id), lambda _: None)
    table = outcome.table("failures")
    assert table is not None
    assert [(r[0], r[3]) for r in table.rows] == [("Trạm L", 2.0), ("LA", 1.0), ("LB", 1.0)]


async def test_nobodys_problem_holds_what_they_may_not_read(broker: Broker, studies: Studies) -> None:
    narrow = Actor(
        tenant=TENANT, id="person:narrow", kind="person",
        grants=(Grant("a", frozenset(("study.*", "industrialpark.read", "file.create"))),
                Grant("b", frozenset(("radiosite.read",)), AGENCY)),
    )  # fmt: skip
    id = await draft(broker, narrow)
    await studies.start(narrow, id)
    assert [f.id for f in (await problem_of(studies, id)).layers["masts"]] == ["urn:ngsi-ld:RadioSite:1"]


async def test_a_file_stands_for_a_layer(broker: Broker, studies: Studies) -> None:
    id = await draft(broker)
    text = "ten,lon,lat,dien_tich_ha\nKCN Tệp,106.7,11.1,50\n"
    study, read = await studies.attach(PLANNER, id, "parks", "khu.csv", chunks(text))
    assert len(read.features) == 1
    assert study.layers is not None
    assert (study.layers["parks"]["name"], study.layers["parks"]["rows"]) == ("khu.csv", 1)
    await studies.start(PLANNER, id)
    (park,) = (await problem_of(studies, id)).layers["parks"]
    assert park.properties["name"] == "KCN Tệp"
    with pytest.raises(Conflict):
        await studies.attach(PLANNER, id, "parks", "khu.csv", chunks(text))


async def test_a_budget_in_a_unit_that_the_kind_has_not_is_refused(broker: Broker, studies: Studies) -> None:
    id = await draft(broker, budget_unit="MTR")
    with pytest.raises(InvalidInput) as refused:
        await studies.start(PLANNER, id)
    assert refused.value.field == "budget_unit"
    assert "sites" in refused.value.remedy


async def test_unknown_layers_assumptions_and_kinds_are_refused_by_name(broker: Broker, studies: Studies) -> None:
    id = await draft(broker)
    with pytest.raises(InvalidInput) as refused:
        await studies.attach(PLANNER, id, "roads", "a.csv", chunks("x"))
    assert refused.value.field == "layer"
    await broker.act(
        "study.assume", PLANNER, id=id, inputs={"name": "colour", "value": "1", "unit": "C62", "source": "x"}
    )
    with pytest.raises(InvalidInput) as refused:
        await studies.start(PLANNER, id)
    assert refused.value.field == "assumptions.colour"
    assert "building" in studies.standing(await studies.get(id, PLANNER)), "it can be looked at all the same"
    other = await draft(broker, kind="trams")
    with pytest.raises(InvalidInput) as refused:
        await studies.start(PLANNER, other)
    assert refused.value.field == "kind"


async def test_a_unit_of_another_kind_is_refused(broker: Broker, studies: Studies) -> None:
    id = await draft(broker)
    inputs = {"name": "price_sector", "value": "2", "unit": "MTR", "source": "x"}
    await broker.act("study.assume", PLANNER, id=id, inputs=inputs)
    with pytest.raises(InvalidInput) as refused:
        await studies.start(PLANNER, id)
    assert refused.value.field == "assumptions.price_sector"


async def test_without_the_extra_it_says_what_to_install(
    broker: Broker, studies: Studies, monkeypatch: pytest.MonkeyPatch
) -> None:
    id = await draft(broker)
    monkeypatch.setattr(service, "missing", lambda kind: ("numba",))
    with pytest.raises(Unsupported) as refused:
        await studies.start(PLANNER, id)
    assert "province[planning]" in refused.value.remedy
    assert (await studies.get(id, PLANNER)).status == "draft"


async def test_strangers_see_and_start_nothing(broker: Broker, studies: Studies) -> None:
    id = await draft(broker)
    stranger = person("stranger")
    for attempt in (studies.get(id, stranger), studies.start(stranger, id), studies.outcome(stranger, id)):
        with pytest.raises((NotFound, NotAllowed)):
            await attempt
    reader = person("reader", "*.read")
    with pytest.raises(NotAllowed):
        await studies.start(reader, id)


async def test_a_file_of_somebody_elses_making_is_no_problem(broker: Broker, studies: Studies) -> None:
    id = await draft(broker)
    study, _ = await studies.attach(PLANNER, id, "parks", "khu.csv", chunks("ten,lon,lat\nKCN,106.7,11.1\n"))
    assert study.layers is not None
    await broker.act("study.run", PLANNER, id=id, inputs={"problem": study.layers["parks"]["file"]})
    await run(broker, studies, id)
    failed = await studies.get(id, PLANNER)
    assert failed.status == "failed"
    assert failed.failure is not None
    assert "not of a study's making" in failed.failure
    assert LAYER != PROBLEM


OUTCOME = Outcome(
    figures=(),
    tables=(Table(name="parks", title=Label("Khu", "Parks"),
                  columns=(Column(name="park", label=Label("Khu", "Park")),
                           Column(name="demand", label=Label("Nhu cầu", "Demand"), unit="D36")),
                  rows=(("=KCN A", 12.5), ("KCN B", None))),),
    layers=(Layer(name="sites", title=Label("Trạm", "Sites"),
                  features=(Feature(id="s1", geometry=point(106.7, 11.1), properties={"kind": "new", "cost": 2.0}),
                            Feature(id="s2", geometry=point(106.8, 11.1), properties={"kind": "shared"}))),
            Layer(name="empty", title=Label("Trống", "Empty"), features=())),
    certificate=Certificate(
        objective=10.0, objective_unit="D36", objective_label=Label("a", "a"), bound=11.0, bound_source=Label("a", "a"),
        gap=0.1, spent=2.0, budget=3.0, budget_unit="C62", checked=True, verdict=Label("a", "a"), seed=0,
    ),
)  # fmt: skip


def runner(broker: Broker, studies: Studies) -> Runner:
    return Runner(cast(Core, SimpleNamespace(broker=broker)), studies)


async def run(broker: Broker, studies: Studies, id: str) -> None:
    study = await studies.get(id, SYSTEM)
    await runner(broker, studies).run(TENANT, {"study": id, "problem": study.problem}, "event")


async def test_a_run_comes_to_its_end_and_is_never_done_again(
    broker: Broker, studies: Studies, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls = []

    async def solve(kind: str, problem: Problem, hear: solving.Hear) -> Outcome:
        calls.append(kind)
        await hear(Progress(share=0.5, stage=Label("a", "a")))
        return OUTCOME

    monkeypatch.setattr(solving, "solve", solve)
    id = await draft(broker)
    await studies.start(PLANNER, id)
    await run(broker, studies, id)
    study, outcome = await studies.outcome(PLANNER, id)
    assert (study.status, study.gap, study.isChecked, study.partial) == ("computed", 10.0, True, False)
    assert study.objective == {"value": 10.0, "unitCode": "D36"}
    assert outcome.certificate.inputs == study.problem
    await run(broker, studies, id)
    assert calls == ["fiveg"]
    with pytest.raises(Conflict):
        await studies.start(PLANNER, id)


async def test_a_refusal_and_a_defect_leave_the_study_failed_with_the_reason(
    broker: Broker, studies: Studies, monkeypatch: pytest.MonkeyPatch
) -> None:
    id = await draft(broker)
    for error, told in (
        (InvalidInput("no price.", field="assumptions.x", remedy="Give it."), ("assumptions.x: no price.", "Give it.")),
        (
            RuntimeError("secret detail"),
            ("a defect of this program; the server's log has the details.", "Tell the operator."),
        ),
    ):

        async def solve(*_: object, error: Exception = error) -> Outcome:
            raise error

        monkeypatch.setattr(solving, "solve", solve)
        await studies.start(PLANNER, id)
        await run(broker, studies, id)
        study = await studies.get(id, PLANNER)
        assert (study.status, study.failure, study.remedy) == ("failed", *told)


async def test_a_run_during_an_outage_is_done_again(
    broker: Broker, studies: Studies, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def away(*_: object) -> Outcome:
        raise Unavailable("the database does not answer.")

    id = await draft(broker)
    await studies.start(PLANNER, id)
    monkeypatch.setattr(solving, "solve", away)
    with pytest.raises(Unavailable):  # the queue tries again
        await run(broker, studies, id)
    assert (await studies.get(id, PLANNER)).status == "running"


async def test_an_outcome_that_is_too_large_leaves_the_study_failed(
    broker: Broker, studies: Studies, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def solve(*_: object) -> Outcome:
        return OUTCOME

    id = await draft(broker)
    await studies.start(PLANNER, id)
    monkeypatch.setattr(solving, "solve", solve)
    monkeypatch.setattr(studies._files, "_largest", 10)
    await run(broker, studies, id)
    study = await studies.get(id, PLANNER)
    assert study.status == "failed"
    assert study.failure is not None
    assert "more than 10 bytes" in study.failure


async def test_a_run_that_somebody_stops_ends(
    broker: Broker, studies: Studies, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("province.app.studies._LOOK_S", 0.02)
    begun, ended = asyncio.Event(), asyncio.Event()

    async def solve(*_: object) -> Outcome:
        begun.set()
        try:
            await asyncio.Event().wait()
        finally:
            ended.set()
        return OUTCOME

    monkeypatch.setattr(solving, "solve", solve)
    id = await draft(broker)
    await studies.start(PLANNER, id)
    work = asyncio.create_task(run(broker, studies, id))
    await begun.wait()
    await broker.act("study.cancel", PLANNER, id=id)
    await asyncio.wait_for(work, 60)
    assert ended.is_set()
    assert (await studies.get(id, PLANNER)).status == "cancelled"


async def test_a_run_whose_process_died_begins_again(
    broker: Broker, studies: Studies, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def killed(*_: object) -> Outcome:
        raise asyncio.CancelledError

    async def solve(*_: object) -> Outcome:
        return OUTCOME

    id = await draft(broker)
    await studies.start(PLANNER, id)
    monkeypatch.setattr(solving, "solve", killed)
    with pytest.raises(asyncio.CancelledError):
        await run(broker, studies, id)
    assert (await studies.get(id, PLANNER)).status == "running"
    monkeypatch.setattr(solving, "solve", solve)
    await run(broker, studies, id)
    assert (await studies.get(id, PLANNER)).status == "computed"


def test_every_file_of_an_outcome_is_there_and_readable(tmp_path: Path) -> None:
    import pyogrio

    kind = next(k for k in PACK.studies if k.name == "fiveg")
    names = study_files.names(OUTCOME, kind)
    assert names == (
        "map.svg",
        "plan.gpkg",
        "sites.geojson",
        "empty.geojson",
        "parks.csv",
        "certificate.json",
        "outcome.json",
    )
    made: Mapping[str, bytes] = {name: study_files.write(OUTCOME, name, kind)[0] for name in names}
    assert made["parks.csv"].decode("utf-8-sig").splitlines() == ["park,demand (Mbit/s)", "'=KCN A,12.5", "KCN B,"]
    assert json.loads(made["certificate.json"])["checked"] is True
    drawn = ElementTree.fromstring(made["map.svg"])
    assert len(drawn.findall("{http://www.w3.org/2000/svg}circle")) == 2 + sum(
        m.mark == "point" for m in kind.marks for _ in m.tones
    )
    assert "Cột mới / New mast" in made["map.svg"].decode()
    assert "map.svg" not in study_files.names(OUTCOME, None), "a kind that is not known any more draws nothing"
    assert [f["id"] for f in json.loads(made["sites.geojson"])["features"]] == ["s1", "s2"]
    path = tmp_path / "plan.gpkg"
    path.write_bytes(made["plan.gpkg"])
    assert [str(name) for name, _ in pyogrio.list_layers(path)] == ["sites"]
    meta, table = pyogrio.read_arrow(path, layer="sites")
    assert meta["crs"] == "EPSG:4326"
    assert table.column("cost").to_pylist() == [2.0, None]
    with pytest.raises(NotFound):
        study_files.write(OUTCOME, "../secrets", kind)


async def test_a_form_sent_twice_drafts_one_study_under_a_random_hex_id(broker: Broker, studies: Studies) -> None:
    given = {"title": "5G 2027", "kind": "fiveg", "budget": 3, "budget_unit": "C62"}
    sent = [(await broker.act("study.draft", PLANNER, inputs=given, key=k)).changed[0].id for k in ("a", "a", "b")]
    assert sent[0] == sent[1] != sent[2]
    assert all(re.fullmatch(r"urn:ngsi-ld:Study:[0-9a-f]{24}", id) for id in sent)


async def test_the_source_of_a_layer_is_said_beside_what_is_made_of_it(
    broker: Broker, studies: Studies, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    async def solve(*_: object) -> Outcome:
        return OUTCOME

    monkeypatch.setattr(solving, "solve", solve)
    id = await draft(broker, kind="ducts", budget=1_000, budget_unit="MTR")
    extract = (
        '<?xml version="1.0"?><osm version="0.6"><node id="1" version="1" lat="11" lon="106.6"/>'
        '<node id="2" version="1" lat="11" lon="106.7"/>'
        '<way id="5" version="1"><nd ref="1"/><nd ref="2"/><tag k="highway" v="primary"/></way></osm>'
    )
    await studies.attach(PLANNER, id, "roads", "tinh.osm", chunks(extract))
    await studies.start(PLANNER, id)
    await run(broker, studies, id)
    credit = "© OpenStreetMap contributors (ODbL)"
    _, outcome = await studies.outcome(PLANNER, id)
    assert outcome.credits == (credit,)
    kind = next(k for k in PACK.studies if k.name == "fiveg")
    made = {name: study_files.write(outcome, name, kind)[0] for name in ("map.svg", "sites.geojson", "plan.gpkg")}
    assert f">{credit}</text>" in made["map.svg"].decode()
    assert json.loads(made["sites.geojson"])["attribution"] == credit
    path = tmp_path / "plan.gpkg"
    path.write_bytes(made["plan.gpkg"])
    with contextlib.closing(sqlite3.connect(path)) as package:
        assert package.execute("SELECT table_name, description FROM gpkg_contents").fetchall() == [("sites", credit)]
    before = await studies.keep(SYSTEM, msgspec.json.encode(OUTCOME), "outcome.json", OUTCOME_MEDIA)
    await broker.apply((change(await studies.get(id, SYSTEM), outcome=before),), SYSTEM)
    assert (await studies.outcome(PLANNER, id))[1].credits == (credit,), "plans of before credits were kept, too"


@pytest.mark.slow
async def test_a_child_solves_tells_its_progress_and_passes_on_a_refusal(broker: Broker, studies: Studies) -> None:
    ring = [[106.6, 11.05], [106.61, 11.05], [106.61, 11.06], [106.6, 11.06], [106.6, 11.05]]
    park = Feature(id="a", geometry={"type": "Polygon", "coordinates": [ring]}, properties={"name": "KCN A"})
    study = Study(id="urn:x", title="x", kind="fiveg", budget={})
    problem = Problem(layers={"parks": (park,)}, assumptions=studies.assumed(study), budget=2, unit="C62", seconds=1)
    told: list[float] = []

    async def hear(progress: Progress) -> None:
        told.append(progress.share)

    outcome = await solving.solve("fiveg", problem, hear)
    assert outcome.certificate.checked
    assert set(outcome.certificate.versions) >= {"province", "numba", "scipy"}
    assert told
    assert told == sorted(told)
    with pytest.raises(InvalidInput) as refused:
        await solving.solve("fiveg", msgspec.structs.replace(problem, unit="VND"), hear)
    assert refused.value.field == "assumptions.price_new_site"
