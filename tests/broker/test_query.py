"""What a question returns: the right entities, in order, page by page, and never more than the caller may see."""

from __future__ import annotations

import math
from typing import Any, get_args

import pytest

from province.broker import select
from province.broker.broker import Broker
from province.errors import InvalidInput, NotAllowed, NotFound, NotSignedIn
from province.model import record
from province.model.actor import Actor, anonymous
from province.model.change import Change
from province.model.entity import Attribute
from province.model.geometry import point
from province.model.query import AnyOf, Near, Query, Relation, Where

from .conftest import TENANT, A, B, lamp, lamp_id, person

ROOT = person("*", id="root")


async def fill(broker: Broker) -> None:
    names = ["Ánh", "An", "Đào", "Dũng", "Ấn", "Bình", "ăn", "Thủ Dầu Một", "Thu Dau", "Zanzibar"]
    await broker.apply(
        [
            record.create(
                lamp(i, name=name, height=float(i), colour="amber" if i % 2 else "white", owner_phone=f"09{i}",
                     shown=i < 3, location=point(106.5 + i * 0.02, 11.0)),
                agency=A if i < 6 else B,
            )
            for i, name in enumerate(names)
        ],
        ROOT,
    )  # fmt: skip


async def ids(broker: Broker, actor: Actor = ROOT, **query: Any) -> list[str]:
    page = await broker.query(Query(types=("Lamp",), **query), actor)
    return [e.id.rsplit(":", 1)[1] for e in page.items]


async def test_filters(broker: Broker) -> None:
    await fill(broker)
    assert await ids(broker, where=(Where("height", ">=", 8),)) == ["8", "9"]
    assert await ids(broker, where=(Where("colour", "==", "amber"), Where("height", "<", 4))) == ["1", "3"]
    assert await ids(broker, where=(AnyOf(((Where("height", "==", 1),), (Where("height", "==", 7),))),)) == ["1", "7"]
    assert await ids(broker, where=(Where("height", "in", [2, 5]),)) == ["2", "5"]
    assert await ids(broker, where=(Where("name", "~", "^Th"),)) == ["7", "8"]
    assert await ids(broker, where=(Where("code", "absent"),), limit=2) == ["0", "1"]
    assert await ids(broker, agency=(B,)) == ["6", "7", "8", "9"]
    assert await ids(broker, area=("west",)) == ["0", "1", "2", "3", "4"]


async def test_an_injection_is_only_a_strange_name(broker: Broker) -> None:
    await fill(broker)
    for name in ("x'; DROP TABLE entity; --", 'x"', "x)"):
        assert await ids(broker, where=(Where(name, "==", 1),)) == []
    assert len(await ids(broker)) == 10


async def test_words_are_found_without_diacritics(broker: Broker) -> None:
    await fill(broker)
    assert await ids(broker, text="thu dau") == ["7", "8"]
    assert await ids(broker, text="thủ dầu mộ") == ["7"]
    assert await ids(broker, text="dao") == ["2"], "đ is found as d"
    assert await ids(broker, text="!!!") == []


@pytest.mark.parametrize("first", [1_000, 3])
async def test_a_few_of_every_type_in_one_question(broker: Broker, monkeypatch: pytest.MonkeyPatch, first: int) -> None:
    monkeypatch.setattr(select, "_FIRST", first)  # 3: fewer than match, so the types are asked one by one
    await fill(broker)
    things = [
        Change(op="put", id=f"urn:ngsi-ld:{kind}:{i}", type=kind,
               attrs={"name": Attribute(type="Property", value="Thủ Dầu Một" + " cũ" * i)})
        for kind in ("Gate", "Pier") for i in range(6)
    ]  # fmt: skip
    await broker.apply(things, ROOT)
    question = Query(types=("Lamp", "Gate", "Pier", "Nothing"), text="thủ dầu", order="any", each=4, limit=100)
    found = [e.id for e in (await broker.query(question, ROOT)).items]
    assert sorted(i for i in found if "Lamp" in i) == [lamp_id(7), lamp_id(8)]
    for kind in ("Gate", "Pier"):
        assert len([i for i in found if kind in i]) == 4
    if first == 1_000:
        assert f"urn:ngsi-ld:Gate:{0}" in found, "the shorter names first"
        assert "urn:ngsi-ld:Gate:5" not in found
    lamps_only = person("lamp.read")
    assert {e.type for e in (await broker.query(question, lamps_only)).items} == {"Lamp"}
    with pytest.raises(InvalidInput):
        await broker.query(Query(types=("Lamp",), each=3, order="any"), ROOT)


async def test_names_follow_the_vietnamese_dictionary(broker: Broker) -> None:
    await fill(broker)
    names = [e.value("name") for e in (await broker.query(Query(types=("Lamp",), order="name"), ROOT)).items]
    assert names == ["An", "Ánh", "ăn", "Ấn", "Bình", "Dũng", "Đào", "Thu Dau", "Thủ Dầu Một", "Zanzibar"]


@pytest.mark.parametrize("order", ["id", "-id", "name", "-modified", "height", "-height"])
async def test_pages_cover_everything_once(broker: Broker, order: str) -> None:
    await fill(broker)
    seen: list[str] = []
    after = ""
    while True:
        page = await broker.query(Query(types=("Lamp",), order=order, limit=3, after=after, count=True), ROOT)
        assert page.total == 10
        seen += [e.id for e in page.items]
        after = page.next
        if not after:
            break
    assert len(seen) == len(set(seen)) == 10


async def test_any_order_gives_a_few_matches_within_the_rights_and_no_next_page(broker: Broker) -> None:
    await fill(broker)
    assert set(await ids(broker, text="thu dau", order="any")) == {"7", "8"}
    clerk = person("lamp.read", agency=A)
    assert await ids(broker, clerk, text="thu", order="any") == []
    page = await broker.query(Query(types=("Lamp",), order="any", limit=3), ROOT)
    assert (len(page.items), page.next) == (3, "")


async def test_words_of_hidden_attributes_tell_a_stranger_nothing(broker: Broker) -> None:
    await broker.apply(
        [record.create(lamp(i, name="Đèn công khai", code="mật khẩu cổng", shown=True), agency=A) for i in range(3)],
        ROOT,
    )
    assert await ids(broker, text="mat khau") == ["0", "1", "2"]
    assert await ids(broker, person("lamp.read", agency=A), text="mat khau") == ["0", "1", "2"]
    for reader in (anonymous(TENANT), person("lamp.read", agency=B)):
        assert await ids(broker, reader, text="cong khai") == ["0", "1", "2"]
        page = await broker.query(Query(types=("Lamp",), text="mat kha", limit=1, count=True), reader)
        assert (page.items, page.next, page.total) == ((), "", None)
        assert await ids(broker, reader, text="cong khai mat") == []


async def test_places(broker: Broker) -> None:
    await fill(broker)
    assert await ids(broker, box=(106.51, 10.9, 106.55, 11.1)) == ["1", "2"]
    assert await ids(broker, near=Near((106.5, 11.0), 2300)) == ["0", "1"]
    triangle = {"type": "Polygon", "coordinates": [[[106.49, 10.9], [106.6, 10.9], [106.49, 11.05], [106.49, 10.9]]]}
    page = await broker.query(Query(types=("Lamp",), inside=triangle, count=True), ROOT)
    assert [e.id for e in page.items] == [lamp_id(0), lamp_id(1)]
    assert page.total == 2


async def test_what_lies_somewhere_is_counted_as_it_is_found(broker: Broker) -> None:
    await fill(broker)
    line = {"type": "LineString", "coordinates": [[106.5, 11.2], [106.62, 11.0]]}
    area = {"type": "Polygon", "coordinates": [[[106.6, 11.0], [106.7, 11.0], [106.7, 11.1], [106.6, 11.0]]]}
    elsewhere = Attribute(type="GeoProperty", value=point(106.53, 11.013), dataset_id="urn:ngsi-ld:Dataset:b")
    await broker.apply(
        [
            record.create(lamp(20, name="Dây", location=line), agency=A),
            record.create(lamp(21, name="Vùng", location=area), agency=A),
            Change(op="merge", id=lamp_id(0), type="Lamp", attrs={"location urn:ngsi-ld:Dataset:b": elsewhere}),
        ],
        ROOT,
    )
    triangle = {"type": "Polygon", "coordinates": [[[106.49, 10.9], [106.6, 10.9], [106.49, 11.05], [106.49, 10.9]]]}
    crooked = {
        "type": "Polygon",
        "coordinates": [[[106.5, 10.9], [106.7, 11.1], [106.5, 11.1], [106.7, 10.9], [106.5, 10.9]]],
    }
    at = {"type": "Point", "coordinates": [106.54, 11.0]}
    questions: list[dict[str, Any]] = [
        {"near": Near((106.5, 11.0), metres)} for metres in (0, 2100, 2300, 3700, 9000, math.inf)
    ]
    questions += [{"near": Near((106.54, 11.0), 5000, 2000)}, {"near": Near((106.54, 11.0), 1500, 0, line)}]
    questions += [{"inside": shape, "relation": r} for shape in (triangle, crooked, at) for r in get_args(Relation)]
    questions += [{"box": (106.51, 10.9, 106.61, 11.01)}, {"box": (106.51, 10.9, 106.61, 11.01), "inside": triangle}]
    for question in questions:
        page = await broker.query(Query(types=("Lamp",), limit=50, count=True, **question), ROOT)
        assert page.total == len(page.items), question
    # Its first place lies in the box around the circle and not in the circle, another one does.
    found = await broker.query(Query(types=("Lamp",), near=Near((106.515, 11.01), 1800), count=True), ROOT)
    assert (found.items[0].id, found.total) == (lamp_id(0), len(found.items))


async def test_a_reader_of_one_agency_sees_only_its_lamps(broker: Broker) -> None:
    await fill(broker)
    reader = person("lamp.read", agency=A)
    page = await broker.query(Query(types=("Lamp",), count=True, order="height"), reader)
    assert page.total == 6
    assert all("owner_phone" not in e.attrs for e in page.items), "personal fields need lamp.personal"
    with pytest.raises(NotFound):
        await broker.get(lamp_id(9), reader)
    with pytest.raises(NotAllowed):
        await broker.query(Query(types=("Lamp",), where=(Where("owner_phone", "==", "090"),)), reader)
    assert await ids(broker, person("lamp.read", areas=("west",)), order="height") == ["0", "1", "2", "3", "4"]
    assert await ids(broker, person("lamp.read", agency=A, areas=("east",)), order="height") == ["5"]


async def test_a_stranger_sees_public_fields_of_public_lamps(broker: Broker) -> None:
    await fill(broker)
    stranger = anonymous(TENANT)
    page = await broker.query(Query(types=("Lamp",), count=True), stranger)
    assert page.total == 3
    assert all(set(e.attrs) == {"name"} for e in page.items)
    with pytest.raises(NotAllowed):
        await broker.query(Query(types=("Lamp",), where=(Where("height", ">", 0),)), stranger)
    with pytest.raises(NotSignedIn):
        await broker.query(Query(types=("Unknown",)), stranger)
    with pytest.raises(NotFound):
        await broker.get(lamp_id(9), stranger)


async def test_tenants_never_meet(broker: Broker) -> None:
    await fill(broker)
    other = Actor(tenant="other", id="root", kind="person", grants=ROOT.grants)
    assert await ids(broker, other) == []
    with pytest.raises(NotFound):
        await broker.get(lamp_id(1), other)


async def test_counts_by_type_follow_the_rights(broker: Broker) -> None:
    await fill(broker)
    assert [(t, n) for t, n, _ in await broker.type_counts(ROOT)] == [("Lamp", 10)]
    assert [(t, n) for t, n, _ in await broker.type_counts(person("lamp.read", agency=B))] == [("Lamp", 7)], (
        "and public ones"
    )
    assert [(t, n) for t, n, _ in await broker.type_counts(person("report.read"))] == [("Lamp", 3)], "the public ones"


async def test_bad_questions_are_refused(broker: Broker) -> None:
    for query, field in (
        (Query(types=("Lamp",), limit=5000), "limit"),
        (Query(types=("Lamp",), order="owner_phone"), "order"),
        (Query(types=("Lamp",), after="garbage!"), "after"),
        (Query(types=("Lamp",), box=(200, 0, 10, 5)), "box"),
        (Query(types=("Lamp",), where=(Where("name", "~", "("),)), "q"),
    ):
        with pytest.raises(InvalidInput) as caught:
            await broker.query(query, ROOT)
        assert caught.value.field == field
