"""Pages about readings: what is known is shown with its source, what is not is said; a correction needs a right."""

from __future__ import annotations

from datetime import timedelta

import pytest

from province.model.time import CIVIL_ZONE
from tests.console.conftest import Open, csrf
from tests.console.kept import START, STATION, Kept
from tests.console.world import World, world

READINGS = f"/readings/{STATION}/pm25"
PAGES = (
    "/quality",
    "/quality/device?type=Station",
    f"/quality/device/{STATION}",
    READINGS,
    f"/lineage?entity={STATION}&attr=pm25&start=2026-03-01T00:00:00Z&end=2026-03-02T00:00:00Z",
    "/lineage?type=Station&attr=pm25&area=urn:ngsi-ld:Area:1&hour=2026-03-01T00:00:00Z",
    "/lake",
    "/lake/plan",
)


@pytest.mark.parametrize("path", PAGES)
@pytest.mark.parametrize("language", ["vi", "en"])
@pytest.mark.parametrize("empty", [False, True])
async def test_every_page_is_shown(browse: Open, small: World, path: str, language: str, empty: bool) -> None:
    kept = Kept(small.note, empty=empty)
    async with browse(small, language=language, keeping=kept.services()) as client:
        answer = await client.get(path)
    assert answer.status_code == 200
    assert "<1>" not in answer.text
    assert "None" not in answer.text
    assert "<đo>" not in answer.text
    assert "<room>" not in answer.text


@pytest.mark.parametrize("path", PAGES)
async def test_strangers_are_sent_away(browse: Open, small: World, path: str) -> None:
    async with browse(small, signed_in=False) as client:
        answer = await client.get(path)
    assert answer.status_code == 303
    assert answer.headers["location"].startswith("/sign-in")


async def test_a_score_explains_itself(browse: Open, small: World) -> None:
    async with browse(small, language="en") as client:
        answer = await client.get(f"/quality/device/{STATION}")
        other = await client.get("/quality/device/urn:ngsi-ld:Station:00002")
    # 0.40·0.5 + 0.25·5/105 + 0.20·0.2 + 0.10·0.1 + 0.05·5/105
    assert '<span class="badge warn">74</span>' in answer.text
    assert "lies in the future" in answer.text
    assert f'href="/readings/{STATION}/pm25"' in answer.text
    assert 'class="nodata">no data' in other.text


async def test_a_correction_is_carried_out_and_shown(browse: Open, small: World) -> None:
    at = (START + timedelta(minutes=1)).isoformat()
    form = {"csrf": csrf(), "kind": "value", "at": at, "value": "21,5", "reason": "Lỗi đo", "dataset": ""}
    async with browse(small, language="en") as client:
        chosen = await client.get(READINGS, params={"at": at})
        answer = await client.post(f"{READINGS}/correct", data=form)
        shown = await client.get(answer.headers["location"])
    assert f'value="{at.replace("+", "+")}"' in chosen.text
    assert answer.status_code == 303
    assert "Done." in shown.text
    ((_, id, attribute, given),) = small.calls
    assert (id, attribute) == (STATION, "pm25")
    assert (given["kind"], given["at"], given["value"], given["reason"]) == (
        "value", START + timedelta(minutes=1), 21.5, "Lỗi đo"
    )  # fmt: skip
    assert "measured: 80" in shown.text
    assert '<tr class="struck">' in shown.text


async def test_a_period_is_given_in_civil_time(browse: Open, small: World) -> None:
    form = {"csrf": csrf(), "kind": "invalid", "at": "2026-03-01T07:00", "until": "2026-03-02T07:00", "reason": "x"}
    async with browse(small) as client:
        assert (await client.post(f"{READINGS}/correct", data=form)).status_code == 303
    given = small.calls[0][3]
    assert given["at"].tzinfo is CIVIL_ZONE
    assert given["until"] - given["at"] == timedelta(days=1)


@pytest.mark.parametrize(
    "wrong", [{"reason": ""}, {"kind": "forget"}, {"at": "gestern"}, {"kind": "value", "value": "warm"}]
)
async def test_a_wrong_form_is_shown_again(browse: Open, small: World, wrong: dict[str, str]) -> None:
    form = {"csrf": csrf(), "kind": "invalid", "at": "2026-03-01T07:00", "reason": "hỏng <x>"} | wrong
    async with browse(small) as client:
        answer = await client.post(f"{READINGS}/correct", data=form)
    assert answer.status_code == 400
    assert 'role="alert"' in answer.text
    assert small.calls == []
    assert "<x>" not in answer.text


async def test_who_may_only_read_is_offered_no_form(browse: Open) -> None:
    reader = world(permissions=("*.read",))
    async with browse(reader) as client:
        answer = await client.get(READINGS)
        menu = (await client.get("/lake")).text
    assert 'action="/readings' not in answer.text
    assert 'action="/lake/retention"' not in menu
    assert 'href="/quality"' in menu


async def test_retention_is_declared(browse: Open, small: World) -> None:
    form = {"csrf": csrf(), "what": "Station.pm25", "days": "365", "from": "2026-01-01", "reason": "QĐ 12"}
    async with browse(small) as client:
        assert (await client.post("/lake/retention", data=form)).status_code == 303
        assert (await client.post("/lake/retention", data=form | {"days": "many"})).status_code == 400
        assert (await client.post("/lake/retention", data=form | {"from": "soon"})).status_code == 400
    ((name, type, attribute, days, valid_from, reason),) = small.calls
    assert (name, type, attribute, days, valid_from.isoformat(), reason) == (
        "declare", "Station", "pm25", 365, "2026-01-01", "QĐ 12"
    )  # fmt: skip


async def test_lineage_for_programs(browse: Open, small: World) -> None:
    path = "/lineage.json?type=Station&attr=pm25&area=urn:ngsi-ld:Area:1&hour=2026-03-01T00:00:00Z"
    async with browse(small) as client:
        found = (await client.get(path)).json()
        assert (await client.get("/lineage")).status_code == 400
    assert (found["version"], found["positions"], found["agrees"]) == (7, [3, 9], False)
    assert found["senders"][0]["sender"] == "gw-7"
