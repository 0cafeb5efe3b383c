"""Registers: columns, filters, search without diacritics, keyset pages, counts on demand."""

from __future__ import annotations

from province.model.query import Where
from tests.console.conftest import Open, csrf
from tests.console.world import World, world


async def test_filters_become_conditions(browse: Open, small: World) -> None:
    async with browse(small) as client:
        await client.get("/list/Station?gateway=GW-1&height=3.5&height.to=8&installed=2026-01-01T07:00&active=true")
    query = next(q for q in small.broker.asked if q.types == ("Station",))
    assert query.where == (
        Where("gateway", "==", "GW-1"),
        Where("installed", ">=", "2026-01-01T00:00:00Z"),
        Where("height", ">=", 3.5),
        Where("height", "<=", 8.0),
        Where("active", "==", True),
    )
    assert not query.count


async def test_pages_follow_each_other_to_the_end(browse: Open) -> None:
    many = world(stations_count=120, cases_count=0)
    seen: list[str] = []
    path = "/list/Station"
    async with browse(many) as client:
        while path:
            text = (await client.get(path)).text
            seen += [line for line in text.split('"') if line.startswith("/entity/urn:ngsi-ld:Station")]
            before, mark, _ = text.partition('" rel="next"')
            path = before.rpartition('href="')[2].replace("&amp;", "&") if mark else ""
    assert len(seen) == len(set(seen)) == 120


async def test_search_ignores_diacritics_and_keeps_the_words(browse: Open, small: World) -> None:
    async with browse(small) as client:
        answer = await client.get("/list/Case?q=duong+so+3")
    assert "đường số 3" in answer.text
    assert "đường số 4" not in answer.text
    assert 'value="duong so 3"' in answer.text


async def test_counts_are_asked_for_only_on_demand(browse: Open, small: World) -> None:
    async with browse(small, language="en") as client:
        plain = await client.get("/list/Case")
        asked = [q for q in small.broker.asked if q.count]
        counted = await client.get("/list/Case?count=1")
    assert asked == []
    assert "Count them" in plain.text
    assert "9 in total" in counted.text
    assert "New <span>3</span>" in counted.text


async def test_columns_and_titles_of_relationships(browse: Open, small: World) -> None:
    async with browse(small) as client:
        answer = await client.get("/list/Case")
    assert "UBND phường Thủ Dầu Một" in answer.text
    assert "Đường sá" in answer.text, "a declared value is shown by its name"
    assert "0274 123 4567" not in answer.text


async def test_sort_by_a_column_turns_round(browse: Open, small: World) -> None:
    async with browse(small) as client:
        answer = await client.get("/list/Case?sort=code")
    assert 'aria-sort="ascending"><a href="/list/Case?sort=-code"' in answer.text
    assert small.broker.asked[0].order == "code"


async def test_one_query_names_all_relationships_of_a_page(browse: Open) -> None:
    many = world(stations_count=0, cases_count=50)
    async with browse(many) as client:
        await client.get("/list/Case")
    assert len(many.broker.asked) == 2


async def test_columns_are_chosen_and_stay_in_every_link(browse: Open, small: World) -> None:
    async with browse(small, language="en") as client:
        page = (await client.get("/list/Station?col=pm25&col=gateway&q=tram")).text
    head = page.partition("<thead>")[2].partition("</thead>")[0]
    assert [h in head for h in ("Name", "PM2.5", "Gateway", "Height")] == [True, True, True, False]
    assert "col=pm25&amp;col=gateway" in head, "sorting keeps the choice"
    assert 'value="pm25" checked' in page


async def test_a_view_is_saved_shown_and_removed(browse: Open, small: World) -> None:
    form = {"csrf": csrf(), "name": "Quá hạn", "query": "status=new&sort=code&after=abc&count=1", "share": "true"}
    async with browse(small) as client:
        saved = await client.post("/list/Case/views", data=form)
        page = (await client.get(saved.headers["location"])).text
        await client.post("/list/Case/views/0/remove", data={"csrf": csrf()})
        after = (await client.get("/list/Case")).text
        unknown = await client.post("/list/Nothing/views", data=form)
    assert saved.headers["location"] == "/list/Case?status=new&sort=code"
    assert '<a href="/list/Case?status=new&amp;sort=code" aria-current="true">' in page
    assert "Quá hạn" not in after
    assert unknown.status_code == 404


async def test_a_stranger_keeps_no_views(browse: Open, small: World) -> None:
    async with browse(small, signed_in=False) as client:
        page = (await client.get("/list/Station")).text
        refused = await client.post("/list/Station/views", data={"csrf": csrf(False), "name": "x"})
    assert "/views" not in page
    assert refused.status_code == 401


async def test_rows_that_are_wholly_simulated_say_so_once(browse: Open, small: World) -> None:
    async with browse(small) as client:
        page = (await client.get("/list/Station?col=pm25")).text
    assert page.count('class="badge simulated"') == 10, "one for each value that is simulated"
