"""Every page, in both languages: whole, labelled, translated, and under the content security policy."""

from __future__ import annotations

import re
from datetime import timedelta

import msgspec
import pytest

from province.console.language import translations
from province.console.overview import spark
from province.model.time import now
from tests.console.conftest import Open, csrf
from tests.console.markup import read
from tests.console.world import World, world

SIGNED_IN = (
    "/",
    "/account/password",
    "/list/Station",
    "/list/Station?q=thu+dau+mot&count=1&height=3&installed=2020-01-01T00:00",
    "/list/Case?status=new&count=1",
    "/list/Case?q=khong-co-gi",
    "/entity/urn:ngsi-ld:Station:00001?range=7d",
    "/entity/urn:ngsi-ld:Station:00003",
    "/entity/urn:ngsi-ld:Case:00000",
    "/map",
    "/map?layer=Case",
    "/silent",
    "/search",
    "/wall",
    "/search?q=thu+dau+mot",
    "/help",
    "/help/Case",
    "/dead-letters",
    "/dead-letters/letter-1",
    "/admin/accounts",
    "/admin/tokens",
    "/report",
    "/privacy",
    "/sos",
    "/work",
)
PUBLIC = (
    "/",
    "/wall",
    "/search?q=tram",
    "/help",
    "/help/Station",
    "/sign-in",
    "/sign-in?next=/map",
    "/report",
    "/privacy",
    "/sos",
    "/map",
    "/list/Station",
    "/r/" + "s" * 32,
)
ERRORS = (("/list/Nothing", 404), ("/entity/urn:x:absent", 404), ("/list/Station?height=high", 400))
_UNIQUE_ENGLISH = (
    "Overview", "Sign in", "Search", "What can be done", "Attributes", "Registers", "no data", "Times are Vietnam time",
)  # fmt: skip


def check(html: str, language: str) -> None:
    """The rules that hold on every page."""
    page = read(html)
    assert page.problems == []
    assert page.lang == language
    if language == "vi":
        seen = " ".join(page.text)
        assert not [w for w in _UNIQUE_ENGLISH if w in seen]
    assert not re.search(r"%\(\w+\)s", html)


@pytest.mark.parametrize("language", ["vi", "en"])
@pytest.mark.parametrize("path", SIGNED_IN)
async def test_page_for_a_signed_in_person(browse: Open, small: World, path: str, language: str) -> None:
    async with browse(small, language=language) as client:
        answer = await client.get(path)
    assert answer.status_code == 200
    check(answer.text, language)
    assert "Nguyễn Thị Ánh" in answer.text


@pytest.mark.parametrize("language", ["vi", "en"])
@pytest.mark.parametrize("path", PUBLIC)
async def test_page_for_a_stranger(browse: Open, small: World, path: str, language: str) -> None:
    async with browse(small, language=language, signed_in=False) as client:
        answer = await client.get(path)
    assert answer.status_code == 200
    check(answer.text, language)


@pytest.mark.parametrize("language", ["vi", "en"])
@pytest.mark.parametrize(("path", "status"), ERRORS)
async def test_error_page(browse: Open, small: World, path: str, status: int, language: str) -> None:
    async with browse(small, language=language) as client:
        answer = await client.get(path)
    assert answer.status_code == status
    check(answer.text, language)
    assert re.search(r'class="mono">[0-9a-f]{16}<', answer.text), "the request id stands on the page"


@pytest.mark.parametrize("path", ["/", "/sign-in", "/map", "/list/Nothing", "/console/areas.geojson"])
async def test_security_headers(browse: Open, small: World, path: str) -> None:
    async with browse(small) as client:
        answer = await client.get(path)
    policy = answer.headers["content-security-policy"]
    assert "default-src 'self'" in policy
    assert "unsafe" not in policy
    assert "frame-ancestors 'none'" in policy
    assert answer.headers["x-content-type-options"] == "nosniff"


@pytest.mark.parametrize("count", [0, 1, 1000])
@pytest.mark.parametrize("path", ["/", "/list/Station", "/list/Case?count=1", "/map", "/silent"])
async def test_nothing_one_and_a_thousand(browse: Open, path: str, count: int) -> None:
    async with browse(world(stations_count=count, cases_count=count)) as client:
        answer = await client.get(path)
    assert answer.status_code == 200
    check(answer.text, "vi")


async def test_empty_register_says_why(browse: Open) -> None:
    empty = world(stations_count=0, cases_count=0)
    async with browse(empty, language="en") as client:
        register = await client.get("/list/Case")
        filtered = await client.get("/list/Case?category=road")
    assert "This register is empty" in register.text
    assert "Nothing matches" in filtered.text


async def test_stored_text_is_never_markup(browse: Open, small: World) -> None:
    async with browse(small) as client:
        answer = await client.get("/entity/urn:ngsi-ld:Case:00000")
    assert "đường số 0 &lt;b&gt;" in answer.text
    assert "số 0 <b>" not in answer.text


async def test_simulated_values_are_flagged_and_missing_ones_are_said(browse: Open, small: World) -> None:
    async with browse(small) as client:
        measured = await client.get("/entity/urn:ngsi-ld:Station:00001")
        never = await client.get("/entity/urn:ngsi-ld:Station:00003")
    assert '<span class="badge simulated">mô phỏng</span>' in measured.text
    assert "µg/m³" in measured.text
    assert "không có dữ liệu:</span> PM2,5" in never.text
    assert "badge simulated" not in never.text


async def test_provenance_names_the_writer(browse: Open, small: World) -> None:
    async with browse(small) as client:
        answer = await client.get("/entity/urn:ngsi-ld:Case:00000")
    assert "do người báo" in answer.text
    assert "Nguyễn Thị Ánh" in answer.text


async def test_language_switch_is_remembered_and_stays_on_the_site(browse: Open, small: World) -> None:
    async with browse(small) as client:
        switched = await client.get("/language/en", params={"next": "/list/Case?q=a"})
        elsewhere = await client.get("/language/en", params={"next": "//evil.test/"})
        unknown = await client.get("/language/xx")
    assert switched.headers["location"] == "/list/Case?q=a"
    assert "lang=en" in switched.headers["set-cookie"]
    assert elsewhere.headers["location"] == "/"
    assert unknown.status_code == 404


async def test_menu_offers_only_what_rights_open(browse: Open) -> None:
    clerk = world(permissions=("case.read",))
    async with browse(clerk) as client:
        answer = await client.get("/")
        refused = await client.get("/admin/accounts")
    assert "/list/Case" in answer.text
    assert "/admin/accounts" not in answer.text
    assert refused.status_code == 403
    assert "account.read" in refused.text


async def test_form_without_token_is_refused(browse: Open, small: World) -> None:
    async with browse(small) as client:
        answer = await client.post("/inbox/n-1/read", data={"csrf": "foreign"})
        good = await client.post("/inbox/n-1/read", data={"csrf": csrf()})
    assert answer.status_code == 403
    assert good.status_code == 303
    assert small.calls == [("mark_read", "n-1")]


def test_vietnamese_is_loaded() -> None:
    assert translations("vi").gettext("Overview") == "Tổng quan"
    assert translations("en").gettext("Overview") == "Overview"


async def test_theme_is_remembered_and_needs_no_script(browse: Open, small: World) -> None:
    async with browse(small) as client:
        asked = await client.get("/theme/dark", params={"next": "/map"})
        dark = await client.get("/")
        await client.get("/theme/light")
        light = await client.get("/")
        unknown = await client.get("/theme/pink")
    assert asked.headers["location"] == "/map"
    assert re.search(r'dark\.css\?v=\w+">', dark.text), "linked without a media condition"
    assert 'content="dark"' in dark.text
    assert "dark.css" not in light.text
    assert unknown.status_code == 404


async def test_overview_puts_work_by_its_deadline_first(browse: Open, small: World) -> None:
    async with browse(small) as client:
        answer = await client.get("/")
    assert answer.text.index("Việc theo thời hạn") < answer.text.index("Danh mục")
    assert answer.text.index("Hộp thư") < answer.text.index("Danh mục")


async def test_every_number_explains_itself(browse: Open, small: World) -> None:
    async with browse(small, language="en") as client:
        answer = await client.get("/")
    assert answer.text.count('class="why"') == 2
    assert "mean over PM2.5 (Station)" in answer.text


async def test_a_number_has_its_trend_where_somebody_wrote_it_down(browse: Open, small: World) -> None:
    async with browse(small, language="en") as client:
        page = (await client.get("/")).text
    assert page.count('class="trend"') == 1, "of the other indicator nothing is known"
    assert "+2<span" in page, "nine now, seven a day ago"


def test_a_trend_is_drawn_inside_its_box() -> None:
    at = now()
    assert spark([]) == spark([(at, 1.0)]) == ""
    flat = spark([(at - timedelta(hours=1), 5.0), (at, 5.0)])
    assert flat == "M0.0 22.0L100.0 22.0"
    assert spark([(at - timedelta(hours=1), 0.0), (at, 10.0)]) == "M0.0 22.0L100.0 2.0"


async def test_tour_goes_step_by_step_and_ends(browse: Open, small: World) -> None:
    async with browse(small, language="en") as client:
        first = await client.get("/")
        begun = await client.get("/tour/1")
        on_it = await client.get(begun.headers["location"])
        beyond = await client.get("/tour/99")
        await client.get("/tour/done")
        after = await client.get("/")
    assert "New here?" in first.text
    assert "What needs you now" in on_it.text
    assert "/tour/2" in on_it.text
    assert beyond.status_code == 404
    assert "New here?" not in after.text
    assert "/tour/" not in after.text


async def test_search_ignores_diacritics_and_keeps_rights(browse: Open, small: World) -> None:
    async with browse(small) as client:
        found = await client.get("/search?q=o ga")
        pages = await client.get("/search?q=thiet bi mat tin hieu")
        direct = await client.get("/search?q=urn:ngsi-ld:Case:00000")
    async with browse(small, signed_in=False) as client:
        stranger = await client.get("/search?q=o ga")
    assert "/entity/urn:ngsi-ld:Case:00000" in found.text
    assert "/silent" in pages.text
    assert direct.headers["location"] == "/entity/urn:ngsi-ld:Case:00000"
    assert "Case" not in stranger.text
    assert "Không tìm thấy" in stranger.text


async def test_candidates_for_a_field_are_the_best_first(browse: Open, small: World) -> None:
    async with browse(small) as client:
        body = (await client.get("/console/pick/Office?q=thu dau")).json()
        none = await client.get("/console/pick/Nothing")
    assert body == [["urn:ngsi-ld:Office:1", "UBND phường Thủ Dầu Một", ""]]
    assert none.status_code == 404


async def test_help_is_made_from_the_declarations(browse: Open, small: World) -> None:
    async with browse(small, language="en") as client:
        page = (await client.get("/help/Station")).text
    assert "µg/m³" in page
    assert 'id="pm25"' in page
    assert "60 minutes" in page


async def test_the_wall_shows_alone_what_its_account_may_see(browse: Open, small: World) -> None:
    async with browse(small) as client:
        staff = (await client.get("/wall?seconds=30")).text
        one = (await client.get("/wall?board=numbers")).text
        never = await client.get("/wall?seconds=0")
    async with browse(small, signed_in=False) as client:
        stranger = (await client.get("/wall")).text
    assert 'data-wall="30"' in staff
    assert [b in staff for b in ('data-board="map"', 'data-board="numbers"', 'data-board="work"')] == [True] * 3
    assert [b in one for b in ('data-board="map"', 'data-board="numbers"')] == [False, True]
    assert 'data-board="work"' not in stranger
    assert never.status_code == 400


async def test_a_count_says_how_many_of_it_are_simulated(browse: Open, small: World) -> None:
    stations = [e for e in small.broker.entities.values() if e.type == "Case"]
    for one in stations[:2]:
        invented = {k: msgspec.structs.replace(a, origin="simulated") for k, a in one.attrs.items()}
        small.broker.entities[one.id] = msgspec.structs.replace(one, attrs=invented)
    async with browse(small, language="en") as client:
        for path in ("/", "/wall?board=numbers"):
            page = (await client.get(path)).text
            assert re.search(r'badge simulated">[12] simulated<', page), path
