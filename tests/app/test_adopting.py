"""An approved plan enters the register once, with milestones whose share the register measures."""

from __future__ import annotations

from collections.abc import Sequence
from types import SimpleNamespace
from typing import Any, cast

import msgspec
import pytest

from province.app.adopting import Adopter, entries_of
from province.app.core import Core
from province.app.declarations import declarations
from province.errors import Conflict, InvalidInput
from province.model.geometry import point
from province.model.label import Label
from province.model.query import Query, Where
from province.model.record import change, create, move, to_record
from province.model.schema import describe
from province.model.study import Feature, Layer, Outcome
from province.model.time import now
from province.packs.datacentres.types import DataCentre
from province.packs.ducts.adopting import ADOPTION as DUCTS
from province.packs.fiveg.adopting import ADOPTION as FIVEG
from province.packs.fiveg.types import RadioSite
from province.packs.parks.types import LandParcel
from province.packs.plan.types import PlanLine
from province.packs.transmission.types import FibreRoute, TransmissionLink
from province.vocab.park import IndustrialPark
from province.vocab.study import Study
from tests.app.test_studies import OUTCOME, PLANNER, SYSTEM, TENANT, Broker, Studies, draft, problem_of, studies

__all__ = ["studies"]
SITES = ("new", "shared", "existing", "new")


def plan() -> Outcome:
    """Three stations to build and one that is there."""
    features = tuple(
        Feature(id=f"grid-{n}", geometry=point(106.6 + n / 100, 11.1),
                properties={"name": f"Trạm {n}", "kind": kind, "azimuths": "0 120 240", "height_m": 25.0})
        for n, kind in enumerate(SITES)
    )  # fmt: skip
    layers = (msgspec.structs.replace(OUTCOME.layers[0], features=features),)
    return msgspec.structs.replace(OUTCOME, layers=layers)


async def approved(broker: Broker, studies: Studies, kind: str = "fiveg", outcome: Outcome | None = None) -> str:
    """Id of an approved study whose plan is the outcome, or `plan()`."""
    id = await draft(broker, kind=kind, budget_unit={"ducts": "MTR", "rings": "MTR", "parks": "HAR"}.get(kind, "C62"))
    kept = await studies.keep(SYSTEM, msgspec.json.encode(outcome or plan()), "outcome.json",
                              "application/vnd.province.outcome+json")  # fmt: skip
    for state in ("queued", "running", "computed", "submitted", "approved"):
        await broker.apply((move(await studies.get(id, SYSTEM), state, at=now(), outcome=kept),), SYSTEM)
    return id


def adopter(broker: Broker, studies: Studies) -> Adopter:
    return Adopter(cast(Core, SimpleNamespace(broker=broker, declared=declarations())), studies)


async def adopt(broker: Broker, id: str, **inputs: Any) -> None:
    given = {"due": "2099-12-31", "steps": "50% 2099-06-30", **inputs}
    await broker.act("study.adopt", PLANNER, id=id, inputs=given)


async def found(broker: Broker, type: str, field: str, study: str) -> list[Any]:
    query = Query(types=(type,), where=(Where(field, "==", study),), order="dueOn" if type == "Milestone" else "name")
    return list((await broker.query(query, SYSTEM)).items)


def line_of(code: str) -> PlanLine:
    return PlanLine(
        id=f"urn:ngsi-ld:PlanLine:{code}", code=code, position=3, row=code, chapter="II", chapterName="x",
        chapterNameEn="x", category="x", categoryEn="x", text="x", textEn="x", source="x", sourceDate="2024-08-03",
    )  # fmt: skip


async def test_an_approved_plan_is_entered_once_and_measured_as_it_is_built(broker: Broker, studies: Studies) -> None:
    await broker.apply((create(line_of("II.2")),), SYSTEM)
    id = await approved(broker, studies)
    await adopt(broker, id)
    with pytest.raises(Conflict) as refused:
        await adopt(broker, id)
    assert "was adopted on" in refused.value.detail
    run = adopter(broker, studies)
    await run.run(TENANT, {"study": id}, "event")
    await run.run(TENANT, {"study": id}, "again")
    entries = await found(broker, "RadioSite", "plan", id)
    assert [(e.value("name"), e.value("status")) for e in entries] == [
        ("Trạm 0", "planned"), ("Trạm 1 (5G)", "planned"), ("Trạm 3", "planned"),
    ]  # fmt: skip
    milestones = await found(broker, "Milestone", "study", id)
    assert [(m.value("line"), m.value("dueOn"), m.value("share")) for m in milestones] == [
        ("II.2", "2099-06-30", 50.0), ("II.2", "2099-12-31", 100.0),
    ]  # fmt: skip
    study = await studies.get(id, SYSTEM)
    assert study.adoption is not None
    assert (study.adoption["state"], study.adoption["items"]) == ("adopted", 3)
    assert study.status == "approved"
    before = await studies.built(PLANNER, study)
    inputs = {"day": "2026-11-01", "technology": "5G"}
    await broker.act("radiosite.switch_on", SYSTEM, id=entries[0].id, inputs=inputs)
    after = await studies.built(PLANNER, study)
    assert before is not None
    assert after is not None
    assert (before.done, before.planned, after.done) == (0.0, 3.0, 1.0)
    assert after.share == pytest.approx(100 / 3)
    with pytest.raises(Conflict):
        await adopt(broker, id)


async def test_an_interrupted_adoption_enters_what_is_missing(broker: Broker, studies: Studies) -> None:
    id = await approved(broker, studies)
    study = await studies.get(id, SYSTEM)
    first = entries_of(FIVEG, study, plan().layers[0].features)[0]
    await broker.apply((create(first),), SYSTEM)
    await adopt(broker, id, line="II.2")
    await adopter(broker, studies).run(TENANT, {"study": id}, "event")
    assert len(await found(broker, "RadioSite", "plan", id)) == 3


async def test_what_cannot_be_adopted_says_why_and_may_be_tried_again(broker: Broker, studies: Studies) -> None:
    id = await approved(broker, studies)
    await adopt(broker, id, line="IV.99")
    await adopter(broker, studies).run(TENANT, {"study": id}, "event")
    study = await studies.get(id, SYSTEM)
    assert study.adoption is not None
    assert study.adoption["state"] == "failed"
    assert "no line 'IV.99'" in study.adoption["failure"]
    assert await found(broker, "RadioSite", "plan", id) == []
    await adopt(broker, id, line="II.2")
    nothing = await approved(broker, studies, "ducts")  # its layer of trenches is not there
    await adopt(broker, nothing, line="II.3")
    await adopter(broker, studies).run(TENANT, {"study": nothing}, "event")
    told = (await studies.get(nothing, SYSTEM)).adoption
    assert told is not None
    assert told["failure"] == "the plan builds nothing."


async def carried_out(
    broker: Broker, studies: Studies, kind: str, row: str, layer: str, *features: Feature, more: Sequence[Layer] = ()
) -> Study:
    """A study of a kind whose plan has one layer, and more, adopted on the line of its pack."""
    if not await found(broker, "PlanLine", "code", row):
        await broker.apply((create(line_of(row)),), SYSTEM)
    one = Layer(name=layer, title=Label("Lớp", "Layer"), features=features)
    id = await approved(broker, studies, kind, msgspec.structs.replace(OUTCOME, layers=(one, *more)))
    await adopt(broker, id)
    await adopter(broker, studies).run(TENANT, {"study": id}, "event")
    return await studies.get(id, SYSTEM)


async def share(studies: Studies, study: Study) -> tuple[float, float]:
    """(built, planned) as the register measures it."""
    built = await studies.built(PLANNER, study)
    assert built is not None, study.adoption
    return built.done, built.planned


def line(id: str, **given: Any) -> Feature:
    shape = {"type": "LineString", "coordinates": [[106.6, 11.0], [106.7, 11.0]]}
    return Feature(id=id, geometry=shape, properties={"name": id, **given})


async def test_rings_are_measured_by_the_cables_in_service(broker: Broker, studies: Studies) -> None:
    held = FibreRoute(id="urn:ngsi-ld:FibreRoute:r9", code="R9", name="R9", start="A", finish="B", status="planned")
    await broker.apply((create(held),), SYSTEM)
    study = await carried_out(
        broker, studies, "rings", "II.1", "sections",
        line("way-1", start="A", finish="C", metres=3_000.0, shares="Rãnh 1; Rãnh 2"),
        line(held.id, start="A", finish="B", metres=1_000.0, shares=""),
    )  # fmt: skip
    known, new = await found(broker, "FibreRoute", "plan", study.id)
    assert (new.value("shares"), new.value("status"), known.id) == (["Rãnh 1", "Rãnh 2"], "planned", held.id)
    assert await share(studies, study) == (0.0, 4_000.0), "its length was not known before"
    await broker.act("fibreroute.commission", SYSTEM, id=new.id, inputs={"day": "2026-11-01", "length": 3_100.0})
    await broker.act("fibreroute.interrupt", SYSTEM, id=new.id, inputs={"reason": "đứt"})
    assert await share(studies, study) == (3_100.0, 4_000.0), "a cable that is broken was built all the same"


async def test_capacity_is_measured_by_the_upgrades_that_are_lit(broker: Broker, studies: Studies) -> None:
    held = TransmissionLink(
        id="urn:ngsi-ld:TransmissionLink:l9", code="L9", name="L9", start="A", finish="B", capacity=100.0
    )
    await broker.apply((create(held),), SYSTEM)
    given = {"start": "A", "finish": "B", "capacity": 100.0, "year": "2028"}
    plan = (line("L9", paid=500.0, **given), line("L10", paid=200.0, **given), line("L11", paid=100.0, **given))
    study = await carried_out(broker, studies, "capacity", "II.1", "systems", *plan)
    new, known = await found(broker, "TransmissionLink", "plan", study.id)
    assert (new.value("code"), known.id, known.value("upgradeTo"), known.value("upgradeYear")) == (
        "L10",
        held.id,
        500,
        2028,
    )
    assert await share(studies, study) == (0.0, 2.0)
    again = await carried_out(broker, studies, "capacity", "II.1", "systems", plan[0])
    assert again.adoption is not None
    assert f"L9 belongs to the adopted plan {study.id}" in again.adoption["failure"]
    await broker.act("transmissionlink.upgrade", SYSTEM, id=held.id, inputs={})
    await broker.act("transmissionlink.abandon", SYSTEM, id=new.id, inputs={"reason": "không còn"})
    assert await share(studies, study) == (1.0, 2.0), "what was given up is not built"
    later = await carried_out(broker, studies, "capacity", "II.1", "systems", line("L9", paid=900.0, **given))
    assert await share(studies, later) == (0.0, 1.0)
    assert await share(studies, study) == (1.0, 2.0), "the next upgrade takes nothing from the one before"


async def test_land_is_measured_by_the_hectares_handed_over(broker: Broker, studies: Studies) -> None:
    held = LandParcel(id="urn:ngsi-ld:LandParcel:p9", code="P9", name="P9", landSize=12.0)
    await broker.apply((create(held),), SYSTEM)
    plan = (line("row-1", park="Khu 1", area_ha=30.0), line(held.id, park="Khu 2", area_ha=11.9))
    study = await carried_out(broker, studies, "parks", "III.6", "chosen", *plan)
    known, new = await found(broker, "LandParcel", "plan", study.id)
    assert (known.id, known.value("status"), new.value("site")) == (held.id, "planned", f"Khu 1, {study.title}")
    assert await share(studies, study) == (0.0, 42.0)
    told = {"day": "2026-11-01", "decision": "12/QĐ-UBND"}
    await broker.act("landparcel.compensate", SYSTEM, id=new.id, inputs=told)
    assert await share(studies, study) == (0.0, 42.0), "compensated land is not handed over yet"
    await broker.act("landparcel.hand_over", SYSTEM, id=new.id, inputs=told)
    assert await share(studies, study) == (30.0, 42.0)
    await broker.act("landparcel.hand_over", SYSTEM, id=held.id, inputs=told)
    await broker.act("landparcel.reserve", SYSTEM, id=held.id, inputs={"investor": "urn:ngsi-ld:InvestorCase:1"})
    other = await carried_out(broker, studies, "parks", "III.6", "chosen", plan[1])
    assert other.adoption is not None
    assert other.adoption["state"] == "failed"
    assert await share(studies, study) == (42.0, 42.0), "a lease changes nothing"


def square(id: str, name: str, hectares: float) -> Feature:
    ring = [[106.6, 11.0], [106.61, 11.0], [106.61, 11.01], [106.6, 11.01], [106.6, 11.0]]
    shape = {"type": "Polygon", "coordinates": [ring]}
    return Feature(id=id, geometry=shape, properties={"name": name, "area_ha": hectares})


async def test_planned_parks_are_entered_with_their_land(broker: Broker, studies: Studies) -> None:
    parks = Layer(
        name="parks", title=Label("Khu", "Parks"), features=(square("park-1", "Khu 1", 210.0), square("p", "Khu 2", 99))
    )
    plan = [line(f"row-{n}", park=f"Khu {n % 2 + 1}", area_ha=103.0) for n in range(3)]
    study = await carried_out(broker, studies, "parks", "III.6", "chosen", *plan, more=[parks])
    await adopter(broker, studies).run(TENANT, {"study": study.id}, "again")
    first, second = [to_record(IndustrialPark, e) for e in await found(broker, "IndustrialPark", "plan", study.id)]
    assert (first.name, first.kind, first.status, first.landSize) == (f"Khu 1, {study.title}", "it", "planned", 210.0)
    assert (first.location or {})["type"] == "Polygon"
    assert (first.source, first.approximate) == (study.cited, False)
    land = [to_record(LandParcel, e) for e in await found(broker, "LandParcel", "plan", study.id)]
    assert [one.park for one in land] == [first.id, second.id, first.id]
    assert await share(studies, study) == (0.0, 309.0), "parks are not counted beside their land"
    masts = await draft(broker)
    await studies.start(PLANNER, masts)
    asked = {f.id: f.properties.get("status") for f in (await problem_of(studies, masts)).layers["parks"]}
    assert asked[first.id] == "planned", "5G is planned for a park before it is established"
    decided = {"decision": "15/QĐ-UBND"}
    await broker.act("industrialpark.establish", SYSTEM, id=first.id, inputs=decided)
    (there,) = await found(broker, "IndustrialPark", "source", "15/QĐ-UBND")
    assert there.value("status") is None
    with pytest.raises(Conflict, match="established already"):
        await broker.act("industrialpark.establish", SYSTEM, id=first.id, inputs=decided)
    with pytest.raises(Conflict, match="still wanted: row-1"):
        await broker.act("industrialpark.forgo", SYSTEM, id=second.id, inputs={})
    await broker.act("landparcel.drop_parcel", SYSTEM, id=land[1].id, inputs={"reason": "vướng đất lúa"})
    await broker.act("industrialpark.forgo", SYSTEM, id=second.id, inputs={})
    assert [e.id for e in await found(broker, "IndustrialPark", "plan", study.id)] == [first.id]


async def test_land_that_cannot_be_had_enters_no_park(broker: Broker, studies: Studies) -> None:
    held = LandParcel(id="urn:ngsi-ld:LandParcel:p8", code="P8", name="P8", landSize=12.0, status="leased")
    await broker.apply((create(held),), SYSTEM)
    parks = Layer(name="parks", title=Label("Khu", "Parks"), features=(square("park-1", "Khu 1", 12.0),))
    one = line(held.id, park="Khu 1", area_ha=12.0)
    study = await carried_out(broker, studies, "parks", "III.6", "chosen", one, more=[parks])
    assert (study.adoption or {})["state"] == "failed"
    assert await found(broker, "IndustrialPark", "plan", study.id) == []


async def test_data_centres_are_measured_by_those_that_operate_and_were_load_tested(
    broker: Broker, studies: Studies
) -> None:
    places = [
        Feature(id=f"row-{n}", geometry=point(106.6 + n / 10, 11.1), properties={"name": f"Nơi {n}", "state": state})
        for n, state in enumerate(("knee", "front", "knee", "out"))
    ]
    study = await carried_out(broker, studies, "datacentres", "III.7", "places", *places)
    first, second = [to_record(DataCentre, e) for e in await found(broker, "DataCentre", "plan", study.id)]
    assert (first.name, second.name, first.status) == ("Nơi 0", "Nơi 2", "planned")
    await broker.apply((change(first, status="operating"),), SYSTEM)
    assert await share(studies, study) == (0.0, 2.0), "nobody knows yet what it carries"
    await broker.act("datacentre.load_test", SYSTEM, id=first.id, inputs={"day": "2026-11-01", "power": 900.0})
    assert await share(studies, study) == (1.0, 2.0)


def test_a_trench_becomes_a_section_and_a_duct_that_exists_none() -> None:
    study = Study(id="urn:ngsi-ld:Study:abcdef012345", title="Đào 2027", kind="ducts", budget={}, remark="12/QĐ")
    line = {"type": "LineString", "coordinates": [[106.6, 11.0], [106.7, 11.0]]}
    given = {"name": "QL 13", "class": "national", "metres": 120.5}
    features = [
        Feature(id="edge-1", geometry=line, properties={**given, "way": "new"}),
        Feature(id="edge-2", geometry=line, properties={**given, "way": "duct"}),
    ]
    (section,) = entries_of(DUCTS, study, features)
    assert (section.code, section.length, section.plan) == ("ABCDEF-1", 120.5, study.id)  # type: ignore[attr-defined]
    assert entries_of(DUCTS, study, features)[0].id == section.id
    with pytest.raises(InvalidInput):
        entries_of(DUCTS, study, features[1:])


def test_every_kind_that_is_adopted_names_a_register_with_a_plan() -> None:
    adoptions = [k.adoption for p in declarations().packs for k in p.studies if k.adoption is not None]
    assert adoptions
    for one in adoptions:
        fields = describe(one.of).fields
        assert fields["plan"].field.indexed
        assert fields["plan"].field.ref == "Study"
        assert one.by in fields
        assert all(w.name in fields for w in one.built if isinstance(w, Where))
        assert one.over is None or ("code",) in describe(one.of).info.unique
        assert not one.size or fields[one.size].unit == one.unit
    assert RadioSite in [a.of for a in adoptions]
