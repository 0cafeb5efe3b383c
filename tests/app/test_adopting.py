"""An approved plan enters the register once, with milestones whose share the register measures."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any, cast

import msgspec
import pytest

from province.app.adopting import Adopter, entries_of
from province.app.core import Core
from province.app.declarations import declarations
from province.errors import Conflict, InvalidInput
from province.model.geometry import point
from province.model.query import Query, Where
from province.model.record import create, move
from province.model.schema import describe
from province.model.study import Feature, Outcome
from province.model.time import now
from province.packs.ducts.adopting import ADOPTION as DUCTS
from province.packs.fiveg.adopting import ADOPTION as FIVEG
from province.packs.fiveg.types import RadioSite
from province.packs.plan.types import PlanLine
from province.vocab.study import Study
from tests.app.test_studies import OUTCOME, PLANNER, SYSTEM, TENANT, Broker, Studies, draft, studies

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


async def approved(broker: Broker, studies: Studies, kind: str = "fiveg") -> str:
    """Id of an approved study whose plan is `plan()`."""
    id = await draft(broker, kind=kind, budget_unit="C62" if kind == "fiveg" else "MTR")
    kept = await studies.keep(SYSTEM, msgspec.json.encode(plan()), "outcome.json",
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
    query = Query(types=(type,), where=(Where(field, "==", study),), order="dueOn" if type == "Milestone" else "code")
    return list((await broker.query(query, SYSTEM)).items)


async def test_an_approved_plan_is_entered_once_and_measured_as_it_is_built(broker: Broker, studies: Studies) -> None:
    line = PlanLine(
        id="urn:ngsi-ld:PlanLine:test", code="II.2", position=3, row="II.2", chapter="II", chapterName="x",
        chapterNameEn="x", category="x", categoryEn="x", text="x", textEn="x", source="x", sourceDate="2024-08-03",
    )  # fmt: skip
    await broker.apply((create(line),), SYSTEM)
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
        assert all(w.name in fields for w in one.built if isinstance(w, Where))
        assert not one.size or fields[one.size].unit == one.unit
    assert RadioSite in [a.of for a in adoptions]
