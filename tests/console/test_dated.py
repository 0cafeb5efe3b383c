"""As on a day: lists of areas and agencies, and the boundaries beneath the map."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from province.model.label import Label
from province.pack import Pack, Table
from province.vocab.agency import Agency
from province.vocab.area import Area, area_id
from tests.console.conftest import Open
from tests.console.sample import entity_of
from tests.console.world import World

SQUARE: dict[str, Any] = {"type": "Polygon", "coordinates": [[[106, 11], [107, 11], [107, 12], [106, 12], [106, 11]]]}
DATED = Pack(
    name="dated",
    title=Label("Đơn vị", "Units"),
    row="III.1",
    types=(Area,),
    panels=(Table(Area, Label("Đơn vị", "Units"), columns=("name", "validFrom", "validTo"), group="kind"),),
)


def area(name: str, start: str, end: str | None) -> Area:
    return Area(
        id=area_id("25747", start),
        code="25747",
        name=name,
        kind="ward",
        validFrom=start,
        validTo=end,
        location=SQUARE,
    )


@pytest.fixture
def reform(small: World) -> World:
    """A code that belonged to one ward until 1 July 2025 and belongs to another since."""
    found = [area("Phú Cường", "2024-05-01", "2025-07-01"), area("Thủ Dầu Một", "2025-07-01", None)]
    small.broker = replace(small.broker, packs=(DATED,), entities={a.id: entity_of(a) for a in found})
    return small


@pytest.mark.parametrize(
    ("day", "seen", "unseen"),
    [
        ("2025-06-30", "Phú Cường", "Thủ Dầu Một"),
        ("2025-07-01", "Thủ Dầu Một", "Phú Cường"),
        ("2024-04-30", "Không có gì", "Phú Cường"),
    ],
)
async def test_a_list_shows_what_was_in_force_on_the_day(
    browse: Open, reform: World, day: str, seen: str, unseen: str
) -> None:
    async with browse(reform) as client:
        page = (await client.get(f"/list/Area?on={day}&count=1")).text
        body = page.split('id="results"')[1]
        assert f'type="date" value="{day}"' in page
        assert unseen not in body
        if day != "2024-04-30":
            assert seen in body
        assert f"on={day}" in body, "sorting and tabs keep the day"


async def test_without_a_day_a_list_holds_everything(browse: Open, reform: World) -> None:
    async with browse(reform) as client:
        page = (await client.get("/list/Area")).text
    assert "Phú Cường" in page
    assert "Thủ Dầu Một" in page


async def test_the_map_draws_the_boundaries_of_the_day(browse: Open, reform: World) -> None:
    async with browse(reform) as client:
        titles = {}
        for asked in ("", "?on=2025-06-30", "?on=2024-04-30"):
            body = (await client.get(f"/console/areas.geojson{asked}")).json()
            titles[asked] = [f["properties"]["title"] for f in body["features"]]
    assert titles == {"": ["Thủ Dầu Một"], "?on=2025-06-30": ["Phú Cường"], "?on=2024-04-30": []}


@pytest.mark.parametrize(
    "path", ["/list/Area?on=30/6/2025", "/console/areas.geojson?on=yesterday", "/map?on=2025-02-30"]
)
async def test_what_is_no_day_is_refused(browse: Open, reform: World, path: str) -> None:
    async with browse(reform) as client:
        answer = await client.get(path)
    assert answer.status_code == 400
    assert "2025-07-01" in answer.text, "the remedy shows how a day is written"


async def test_new_accounts_are_offered_the_agencies_of_today(browse: Open, small: World) -> None:
    kept = {
        "id": "urn:ngsi-ld:Agency:a",
        "identifier": "a",
        "kind": "department",
        "validFrom": "2025-03-01",
    }
    gone = Agency(**{**kept, "id": "urn:ngsi-ld:Agency:b"}, name="Sở đã giải thể", validTo="2025-07-01")
    found = [Agency(**kept, name="Sở còn hoạt động"), gone]
    pack = replace(DATED, types=(Agency,), panels=())
    small.broker = replace(small.broker, packs=(pack,), entities={a.id: entity_of(a) for a in found})
    small.accounts[0] = replace(small.accounts[0], grants=(("g-1", "operator", gone.id),))
    async with browse(small) as client:
        page = (await client.get("/admin/accounts")).text
    choices = page.split('id="new-agency"')[1].split("</select>")[0]
    assert "Sở còn hoạt động" in choices
    assert "Sở đã giải thể" not in choices
    assert "Sở đã giải thể" in page.split('id="new"')[0], "a right that was given for it still says so"
