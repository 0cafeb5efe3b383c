"""Boards and alerts as pages: the unknown is said, the simulated stands apart, every limit has its source."""

from __future__ import annotations

import dataclasses
import re
from datetime import timedelta
from typing import Any

from province.broker.boards import Indexed
from province.broker.figures import AreaPart, Figure, Part, divided
from province.console.services import Boards, Constant, Reading
from province.model.entity import Attribute, Entity
from province.model.label import Label
from province.model.query import Where
from province.model.record import attributes
from province.model.time import format_instant, now
from province.pack import Band, Board, Index, Indicator, Pack
from province.vocab.alert import Alert
from tests.console.conftest import Open
from tests.console.sample import PACK, TENANT, Station
from tests.console.test_pages import check
from tests.console.world import World

WORD = Label("chữ", "word")
MEAN = Indicator("m", "mean", Station, Label("Bụi", "Dust"), "GQ", field="pm25", by="area", within_s=3600)
QUIET = Indicator("q", "silent", Station, Label("Im", "Quiet"), "C62", within_s=3600)
INDEX = Index(
    "i", Station, Label("Chỉ số", "Index"), ("pm25",), 12, lambda hours, constants: None,
    (Band(50, "good", Label("Tốt", "Good")), Band(500, "bad", Label("Xấu", "Bad"))), Label("Căn cứ", "Basis"),
)  # fmt: skip
BOARD = Board(
    "air", Label("Không khí", "Air"), of=Station, field="pm25", tiles=(MEAN, QUIET), types=(Station,), index=INDEX
)
NOTHING = Part(None, 0, 0)


def figure(indicator: Indicator, counted: Part, uncounted: Part) -> Figure:
    areas = (AreaPart(None, counted, uncounted),) if indicator.by else ()
    return Figure(indicator, counted, uncounted, areas, now(), {"simulated": uncounted.total})


def desk(world: World, **changes: Any) -> Boards:
    async def figures(indicator: Indicator, _actor: object) -> Figure:
        if indicator.measure == "silent":
            return figure(indicator, Part(1.0, 1, 4), NOTHING)
        return figure(indicator, Part(21.5, 3, 4, now(), now()), Part(99.0, 1, 1, now(), now()))

    async def ranked(*_: object) -> list[Entity]:
        return [world.broker.entities["urn:ngsi-ld:Station:00000"]]

    async def index(*_: object) -> list[Indexed]:
        entity = world.broker.entities["urn:ngsi-ld:Station:00000"]
        return [Indexed(entity, 125.0, "simulated", now()), Indexed(entity, None, "measured", now())]

    async def readings(*_: object) -> list[Reading]:
        return [Reading(now() - timedelta(minutes=m), 30.0 + m, "simulated") for m in (3, 2, 1)]

    given: dict[str, Any] = {
        "all": {"air": BOARD}, "figure": figures, "ranked": ranked, "index": index,
        "rules": lambda board: ("trial.hot",),
        "constant": lambda rule, name, at: Constant(name, 30.0, "GQ", "QCVN 05:2023", "2026-01-01"),
        "readings": readings,
    }  # fmt: skip
    return Boards(**{**given, **changes})


def with_alert(world: World, **values: Any) -> str:
    """The world with one alert in it."""
    world.broker.packs = (PACK, with_alerts())
    at = format_instant(now())
    alert = Alert(
        id="urn:ngsi-ld:Alert:1", title="Bụi: Vượt quy chuẩn – Trạm 0", category="Env", event="hot", severity="Severe",
        level=1, levelName="Vượt quy chuẩn", highestLevel=1, alertSource="urn:ngsi-ld:Station:00000", attribute="pm25",
        rule="trial.hot", raisedAt=now(), value={"number": 31.0, "unitCode": "GQ", "observedAt": at},
        evidence={
            "rule": "trial.hot", "attribute": "pm25", "direction": "above", "reading": 31.0, "unitCode": "GQ",
            "since": format_instant(now() - timedelta(minutes=2)), "at": at, "hysteresis": 2.0, "readings": 2,
            "lastsSeconds": 0, "meanHours": 24,
            "levels": [
                {"name": {"vi": "Vượt", "en": "Above the standard"}, "limit": 30.0, "parameter": "p", "field": ""},
                {"name": {"vi": "Mức trạm", "en": "Own level"}, "limit": None, "parameter": "", "field": "height"},
            ],
        },
        **values,
    )  # fmt: skip
    attrs: dict[str, Attribute] = attributes(alert)
    world.broker.entities[alert.id] = Entity(
        tenant=TENANT, id=alert.id, types=("Alert",), attrs=attrs, version=1, created_at=now(), modified_at=now()
    )
    return alert.id


def with_alerts() -> Pack:
    """A pack that brings the type Alert in."""
    return dataclasses.replace(PACK, name="alerts", types=(Alert,), actions=(), indicators=(), panels=(), rules=())


async def test_board_shows_both_kinds_of_values_apart_and_where_they_come_from(browse: Open, small: World) -> None:
    async with browse(small, language="en", boards=desk(small)) as client:
        page = (await client.get("/boards/air")).text
        overview = (await client.get("/boards")).text
    check(page, "en")
    check(overview, "en")
    assert page.index(">21.5 <") < page.index(">99 <"), "what counts stands first"
    assert "3 of 4 sensors" in page
    assert "1 of 4 silent" in page
    assert '<p class="figure-line unreal">' in page
    assert "values not older than 60 minutes" in page
    assert '<span class="aqi bad">125</span> Bad <span class="badge simulated">' in page
    assert "1 of 2 stations have the hours that it needs." in page
    assert "/entity/urn:ngsi-ld:Station:00000" in page
    assert "/boards/air" in overview


async def test_the_wall_draws_the_day_of_the_sensor_at_the_bad_end(browse: Open, small: World) -> None:
    async with browse(small, language="en", boards=desk(small)) as client:
        page = (await client.get("/wall")).text
    async with browse(small, language="en", signed_in=False, boards=desk(small)) as client:
        stranger = (await client.get("/wall")).text
    check(page, "en")
    assert 'data-board="charts"' in page
    assert re.search(r'data-series="/console/series/urn[^"]+/pm25\.json\?range=24h" [^>]*data-refresh="60"', page)
    assert "boards.css" in page, "the boards that it shows in turn have their style"
    assert 'data-board="charts"' not in stranger


async def test_board_in_vietnamese(browse: Open, small: World) -> None:
    alert = with_alert(small)
    async with browse(small, boards=desk(small)) as client:
        for path in ("/boards", "/boards/air", "/alerts", f"/alerts/{alert}"):
            check((await client.get(path)).text, "vi")


async def test_without_readings_the_board_says_no_data(browse: Open, small: World) -> None:
    async def none(indicator: Indicator, _actor: object) -> Figure:
        return figure(indicator, NOTHING, NOTHING)

    async def empty(*_: object) -> list[Any]:
        return []

    silent = desk(small, figure=none, ranked=empty, index=empty)
    async with browse(small, language="en", boards=silent) as client:
        page = (await client.get("/boards/air")).text
        missing = await client.get("/boards/nowhere")
    assert page.count("no data") >= 3
    assert ">0<" not in page
    assert missing.status_code == 404
    async with browse(small, signed_in=False, boards=silent) as client:
        for path in ("/boards", "/boards/air", "/alerts"):
            assert (await client.get(path)).status_code in (303, 401), path


async def test_alert_says_why_with_the_source_of_every_limit(browse: Open, small: World) -> None:
    alert = with_alert(small)
    async with browse(small, language="en", boards=desk(small)) as client:
        listed = (await client.get("/alerts")).text
        page = (await client.get(f"/alerts/{alert}")).text
        moved = await client.get(f"/entity/{alert}")
        whole = await client.get(f"/entity/{alert}?whole=1")
    check(listed, "en")
    check(page, "en")
    assert f'href="/alerts/{alert}"' in listed
    assert "PM2.5 rose to a limit." in page
    assert "QCVN 05:2023" in page
    assert "in force since 2026-01-01" in page
    assert "Set for this station" in page
    assert "It is the mean of the last 24 hours." in page
    assert "It takes 2 readings in a row." in page
    assert page.count('<tr class="current">') >= 2, "the level that holds, and the readings of the run"
    assert "simulated" in page
    assert (moved.status_code, moved.headers["location"]) == (303, f"/alerts/{alert}")
    assert whole.status_code == 200


async def test_a_drill_is_called_one(browse: Open, small: World) -> None:
    alert = with_alert(small, basis="simulated")
    async with browse(small, language="en", boards=desk(small)) as client:
        listed = (await client.get("/alerts?state=all")).text
        page = (await client.get(f"/alerts/{alert}")).text
    assert "They are a drill." in listed
    assert "It is a drill: nothing happened." in page


async def test_a_percentage_leads_to_both_of_its_sums(browse: Open, small: World) -> None:
    tall = Where("height", ">=", 3)
    share = Indicator("s", "count", Station, Label("Cao", "Tall"), "P1", where=(tall,),
                      per=Indicator("n", "count", Station, Label("Tất cả", "All"), "C62"))  # fmt: skip
    unknown = dataclasses.replace(share, name="u", title=Label("Chưa biết", "Unknown"))
    board = dataclasses.replace(BOARD, tiles=(share, unknown))

    async def figures(indicator: Indicator, _actor: object) -> Figure:
        assert indicator.base is not None
        top, base = Part(3.0, 3, 3), Part(4.0, 4, 4) if indicator is share else Part(0.0, 0, 0)
        return divided(figure(indicator, top, NOTHING), figure(indicator.base, base, NOTHING))

    async with browse(small, language="vi", boards=desk(small, all={"air": board}, figure=figures)) as client:
        page = (await client.get("/boards/air")).text
    check(page, "vi")
    first, second = page.split("Chưa biết")[:2]
    assert ">75 <" in first
    assert "4 trên 4" in first
    assert re.search(r"<dt>tử số</dt><dd><a href=\"/list/Station\">3[ :]", first)
    assert re.search(r"<dt>mẫu số</dt><dd><a href=\"/list/Station\">4[ :]", first)
    assert "không có dữ liệu" in second
