"""The plan as it runs: every line as written, values without what is invented, owners and places of the chosen day."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, date, datetime
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import msgspec
import numpy as np
import pypdfium2
import pytest

from province.adapters.pdf import Printer
from province.app import annex_facts
from province.app.annex import Annex, parts_of
from province.app.annex_print import document
from province.app.declarations import declarations
from province.broker.access import Rights
from province.broker.broker import Broker
from province.broker.indicators import Indicators
from province.compute.trend import straight_line
from province.errors import ConfigurationError, InvalidInput, NotFound
from province.history import latest
from province.model.actor import Actor, Grant, anonymous, system
from province.model.annex import AnnexView, TargetView
from province.model.entity import Attribute
from province.model.goal import Goal, Measured, goals_reached, reached
from province.model.label import Label
from province.model.query import Where
from province.model.record import create
from province.pack import Indicator
from province.packs import BUILT_IN
from province.packs.devices.example import example
from province.packs.devices.types import Streetlight
from province.packs.plan.annex import formula
from province.packs.plan.types import Project, TransformationIndex
from province.territory.example import load, read_facts
from province.vocab.environment import AirQualityObserved
from tests import plan
from tests.shared import shared

TENANT = "binh-duong"
SYSTEM = system(TENANT, "example")
FOLDER = Path(__file__).parents[2] / "data" / "binh-duong"
STRANGER = anonymous(TENANT)
APPROVED = "2024-08-03"
AT = datetime(2026, 11, 26, tzinfo=UTC)


@pytest.fixture(scope="module")
async def annex(broker: Broker) -> Annex:
    """The plan over a database with the example: facts, invented sensors, the lines."""
    facts = read_facts(FOLDER)
    async with broker.pool.acquire() as connection:
        await latest.ensure(connection, broker.types.values())
    await broker.apply(load(FOLDER), SYSTEM)
    await broker.apply(example(facts.areas, facts.agencies, facts.positions), SYSTEM)
    await broker.apply(annex_facts.load(FOLDER, facts.agencies), SYSTEM)
    return over(broker)


def over(broker: Broker, *, wait_s: float = 60) -> Annex:
    return Annex(SimpleNamespace(broker=broker, declared=declarations()), wait_s)  # type: ignore[arg-type]


def one_line(whole: AnnexView, code: str) -> Any:
    return next(line for line in whole.everything if line.code == code)


def target(whole: AnnexView, code: str) -> TargetView:
    return next(t for line in whole.everything for t in line.targets if t.code == code)


# --- as written --------------------------------------------------------------------------------------------------


async def test_thirty_five_lines_each_once_with_source_and_date(annex: Annex) -> None:
    whole = await annex.view(STRANGER)
    assert len(whole.lines) == 35
    assert len({line.code for line in whole.everything}) == 35 + 15
    assert [line.position for line in whole.lines] == list(range(1, 36))
    per_chapter = {c: sum(line.chapter == c for line in whole.lines) for c in ("I", "II", "III", "IV")}
    assert per_chapter == {"I": 1, "II": 5, "III": 26, "IV": 3}
    for line in whole.everything:
        assert line.said.date == APPROVED
        assert line.said.source.vi
        assert line.said.source.en
        assert line.text.vi != line.text.en
    assert {line.code for line in whole.lines if line.row == "III.7"} == {"III.3e", "III.7"}
    assert {line.row for line in whole.commitments} >= {"III.1a", "II.6", "I", "P.1"}


def squeezed(text: str) -> str:
    return re.sub(r"\s+", " ", text)


def test_the_words_are_the_official_ones_and_none_is_missing() -> None:
    official = shared("../plan/binh-duong-annex-xiv.vi.txt").read_text("utf-8")
    body, _, table = official.partition("Phụ lục XIV\n")
    cells = [squeezed(c.strip()) for c in table.partition("\nXH.")[0].split("|")]
    facts = read_facts(FOLDER)
    records = {c.id: c.attrs for c in annex_facts.load(FOLDER, facts.agencies)}
    lines = sorted(
        (a for i, a in records.items() if ":PlanLine:" in i),
        key=lambda a: a["position"].value,  # type: ignore[union-attr]
    )
    texts = [a["text"].value for a in lines]  # type: ignore[union-attr]
    known = {a[name].value for a in lines for name in ("text", "category", "chapterName", "chapter", "number")}  # type: ignore[union-attr]
    heads = {"TT", "Danh mục", "Phương án dự kiến"}
    left = [c for c in cells if c and c not in known and c not in heads and "Kèm theo Quyết định" not in c]
    assert left == []
    assert [c for c in cells if c in set(texts)] == texts, "the same words in the same order"
    paragraphs = [squeezed(p) for p in body.split("\n") if p.strip()]
    for attrs in (a for i, a in records.items() if ":Commitment:" in i):
        assert attrs["text"].value in paragraphs[attrs["paragraph"].value - 1]  # type: ignore[union-attr, index]


async def test_only_the_plan_itself_is_said_to_come_from_the_plan(annex: Annex) -> None:
    whole = await annex.view(STRANGER)
    own = {t.code: t.goal.value for line in whole.everything for t in line.targets if t.from_plan}
    assert own == {
        "iot-devices": 1_000_000, "iot-domains": 7, "it-park-land": 300, "it-park-sites": 6, "data-centre-sites": 6,
        "priority-sectors": 7, "press-agencies": 3, "sharing-agencies": 100, "postal-provinces": 4,
    }  # fmt: skip
    for line in whole.everything:
        for t in line.targets:
            assert t.said.source.vi
            assert t.said.date
            assert t.edition
            assert ("Phụ lục XIV" in t.said.source.vi or "Quy hoạch tỉnh Bình Dương" in t.said.source.vi) == t.from_plan


def test_an_owner_must_exist_while_it_owns(tmp_path: Path) -> None:
    for file in FOLDER.iterdir():
        (tmp_path / file.name).write_bytes(file.read_bytes())
    owners = tmp_path / "annex-owners.csv"
    owners.write_text(owners.read_text("utf-8").replace("2024-08-03,2025-03-01", "2024-08-03,2025-03-02"), "utf-8")
    with pytest.raises(ConfigurationError, match="does not exist from"):
        annex_facts.load(tmp_path, read_facts(tmp_path).agencies)


# --- the day ------------------------------------------------------------------------------------------------------


async def test_owners_and_places_are_those_of_the_day(annex: Annex) -> None:
    then, today = await annex.view(STRANGER, APPROVED), await annex.view(STRANGER)
    assert [o.name for o in one_line(then, "II.4").owners] == ["Sở Thông tin và Truyền thông"]
    between = await annex.view(STRANGER, "2025-03-01")
    assert [o.name for o in one_line(between, "II.4").owners] == ["Sở Khoa học và Công nghệ"]
    assert [o.name for o in one_line(today, "II.4").owners] == ["Sở Khoa học và Công nghệ Thành phố Hồ Chí Minh"]
    assert [o.name for o in one_line(between, "III.5a").owners] == ["Công an tỉnh Bình Dương"]
    assert {p.name for p in one_line(then, "B.10").places} == {
        "Tỉnh Bình Dương", "Tỉnh Bình Phước", "Tỉnh Đắk Nông", "Tỉnh Tây Ninh"
    }  # fmt: skip
    assert {(p.written, p.name) for p in one_line(today, "B.10").places} == {
        ("Tỉnh Bình Dương", "Thành phố Hồ Chí Minh"), ("Tỉnh Bình Phước", "Tỉnh Đồng Nai"),
        ("Tỉnh Đắk Nông", "Tỉnh Lâm Đồng"), ("Tỉnh Tây Ninh", "Tỉnh Tây Ninh"),
    }  # fmt: skip
    site = next(p for p in one_line(today, "III.7").places if p.written == "Thành phố Thủ Dầu Một")
    assert site.name == ""
    assert "Phường Thủ Dầu Một" in site.parts
    assert not next(p for p in one_line(then, "III.7").places if p.written == site.written).parts


async def test_a_past_day_has_only_what_was_kept_of_it(annex: Annex) -> None:
    then = await annex.view(STRANGER, APPROVED)
    assert not then.live
    for line in then.everything:
        assert line.check.outcome == "no_data"
        for t in line.targets:
            assert t.measured is None
            assert t.why_not in ("not_kept", "no_indicator")


async def test_a_day_that_is_none_and_a_year_that_has_no_report(annex: Annex) -> None:
    for year in (2023, 2099):
        with pytest.raises(NotFound):
            await annex.report(STRANGER, year)
    with pytest.raises(NotFound):
        await annex.line(STRANGER, "II.9")


# --- what counts --------------------------------------------------------------------------------------------------


async def test_what_is_simulated_or_estimated_never_counts(annex: Annex, broker: Broker) -> None:
    before = target(await annex.view(STRANGER), "iot-devices")
    assert before.measured is not None
    assert (before.measured.value, before.measured.counted) == (0, 0)
    invented = before.measured.excluded["simulated"]
    assert invented > 100
    asked = Indicators(broker.pool, broker.types, Rights(broker.types))
    devices = next(p for p in BUILT_IN if p.name == "devices")
    counts = tuple(i for i in devices.indicators if i.measure == "count")
    told = [(value, unreal) for _, value, _, unreal in await asked.all([replace(devices, indicators=counts)], SYSTEM)]
    assert (invented, {"simulated": invented}) in told, "the overview counts them, and says what they are"
    real = AirQualityObserved(id="urn:ngsi-ld:AirQualityObserved:real-1", name="Trạm thật")
    lamp = Streetlight(id="urn:ngsi-ld:Streetlight:real-1", name="Đèn thật")
    guess = AirQualityObserved(id="urn:ngsi-ld:AirQualityObserved:guess-1", name="Trạm đoán")
    guessed = create(guess)
    name = Attribute(value="Trạm đoán", origin="estimated")
    await broker.apply(
        [create(real), create(lamp), msgspec.structs.replace(guessed, attrs={**guessed.attrs, "name": name})], SYSTEM
    )
    after = target(await over(broker).view(STRANGER), "iot-devices")
    assert after.measured is not None
    assert after.measured.value == 2
    assert after.measured.excluded == {"simulated": invented, "estimated": 1}
    assert after.progress == pytest.approx(2e-6)
    assert after.reached is False
    line = one_line(await over(broker).view(STRANGER), "II.4")
    assert line.check.outcome == "not_met"
    assert f"không tính 1 ước tính, {invented} mô phỏng" in line.check.evidence.vi
    assert f"left out: 1 estimated, {invented} simulated" in line.check.evidence.en
    await broker.apply([msgspec.structs.replace(create(r), op="delete", attrs={}) for r in (real, lamp, guess)], SYSTEM)


async def test_sums_and_means_leave_out_the_same(broker: Broker, annex: Annex) -> None:
    rows = [
        TransformationIndex(
            id=f"urn:ngsi-ld:TransformationIndex:t:{y}", edition="t", units=1, year=y, score=s, rank=y, source="s",
            sourceDate="2024-01-01",
        )
        for y, s in ((1, 0.5), (2, 0.75), (3, 1.0))
    ]  # fmt: skip
    await broker.apply([create(r, origin="simulated" if r.year == 3 else "reported") for r in rows], SYSTEM)
    label = Label("x", "x")
    for measure, value in (("sum", 3.0), ("mean", 1.5), ("count", 2.0)):
        asked = Indicator(
            "x", measure, of=TransformationIndex, title=label, unit="C62",  # type: ignore[arg-type]
            where=(Where("edition", "==", "t"),), field="" if measure == "count" else "rank",
        )  # fmt: skip
        found = await broker.measured(asked, TENANT)
        assert (found.value, found.counted, found.excluded) == (value, 2, {"simulated": 1})
    await broker.apply([msgspec.structs.replace(create(r), op="delete", attrs={}) for r in rows], SYSTEM)


async def test_a_number_is_shown_only_to_whom_it_may_be_shown(annex: Annex) -> None:
    secret = Indicator("secret", "count", of=Project, title=Label("x", "x"), unit="C62")
    assert await annex._value(secret, STRANGER) is None
    clerk = Actor(tenant=TENANT, id="p", kind="person", grants=(Grant("r", frozenset(("project.read",)), agency="a"),))
    assert await annex._value(secret, clerk) is None, "a right over one agency is not a right over the sum"
    reader = Actor(tenant=TENANT, id="p", kind="person", grants=(Grant("r", frozenset(("project.read",))),))
    assert await annex._value(secret, reader) is not None


async def test_checks_are_judged_on_what_the_system_holds(annex: Annex, broker: Broker) -> None:
    whole = await over(broker).view(STRANGER)
    assert [(row, c.outcome) for row, c in whole.others] == [("P.0", "met")]
    assert one_line(whole, "III.2e").check.outcome == "no_data"
    inputs = {"title": "Đèn tắt", "category": "light", "location": {"type": "Point", "coordinates": [106.66, 10.97]}}
    sent = await broker.act("report.submit", STRANGER, inputs=inputs)
    waiting = one_line(await over(broker).view(STRANGER), "III.2e").check
    assert waiting.outcome == "not_met"
    assert "1" in waiting.evidence.en
    clerk = Actor(tenant=TENANT, id="person:clerk", kind="person", grants=(Grant("all", frozenset(("*",))),))
    agency = "urn:ngsi-ld:Agency:ubnd-25747:2025-07-01"
    await broker.act("report.assign", clerk, id=sent.changed[0].id, inputs={"agency": agency})
    assert one_line(await over(broker).view(STRANGER), "III.2e").check.outcome == "met"
    declared = {c.row for p in BUILT_IN for c in p.checks}
    for line in whole.everything:
        assert (line.check.title is not None) == bool({line.code, line.row} & declared), line.code


async def test_the_value_of_a_day_is_kept_once(annex: Annex, broker: Broker) -> None:
    named = {t.goal.indicator for line in (await annex.view(STRANGER)).everything for t in line.targets}
    declared = {i.name for p in BUILT_IN for i in p.indicators}
    # No postal facility, data centre or speed of a park is registered here, so nothing of them can be measured.
    unknown = {i.name for p in BUILT_IN if p.name == "post" for i in p.indicators} | {"data_centre_pue_worst"}
    unknown |= {"park_mobile_speed_least"}
    measured = (named & declared) - unknown
    assert await annex.keep(TENANT) == len(measured)
    assert await annex.keep(TENANT) == len(measured)
    kept = target(await over(broker).view(STRANGER), "iot-devices").series
    assert [value for _, value in kept] == [0.0]


# --- projects -----------------------------------------------------------------------------------------------------


async def test_sums_of_a_project_are_computed_from_its_entries(annex: Annex, broker: Broker) -> None:
    clerk = Actor(tenant=TENANT, id="person:clerk", kind="person", grants=(Grant("all", frozenset(("*",))),))

    async def act(name: str, id: str | None = None, **inputs: Any) -> str:
        return (await broker.act(f"project.{name}", clerk, id=id, inputs=inputs)).changed[0].id

    made = await act("register", title="Dự án kiểm thử", line="II.4", investor="Chủ đầu tư")
    assert one_line(await over(broker).view(STRANGER), "II.4").projects == (), "not public before a decision"
    await act("decide", made, number="1/QĐ", date="2025-02-01", fund="provincial", amount=5_000_000_000)
    await act("decide", made, number="1/QĐ", date="2025-02-01", fund="enterprise", amount=7_000_000_000)
    await act("disburse", made, fund="enterprise", amount=1_500_000_000, date="2025-03-01", voucher="A")
    await act("disburse", made, fund="provincial", amount=500_000_001, date="2025-03-01", voucher="A")
    (shown,) = one_line(await over(broker).view(STRANGER), "II.4").projects
    assert (shown.capital, shown.disbursed) == (12_000_000_000, 2_000_000_001)
    assert {(f.name.en, f.capital, f.disbursed) for f in shown.funds} == {
        ("Provincial or city budget", 5_000_000_000, 500_000_001),
        ("Enterprise capital", 7_000_000_000, 1_500_000_000),
    }
    broken = msgspec.structs.replace(
        create(Project(id=made, code="x", title="t", line="II.4", investor="i")), op="merge",
        attrs={"capital": Attribute(type="JsonProperty", value=[{"source": "provincial", "amount": "a lot"}])},
    )  # fmt: skip
    await broker.apply([broken], SYSTEM)
    (shown,) = one_line(await over(broker).view(STRANGER), "II.4").projects
    assert shown.capital is None, "an entry that cannot be read makes the sum unknown, not wrong"


# --- series that stay apart, forecasts ----------------------------------------------------------------------------


async def test_editions_of_the_index_are_never_joined(annex: Annex) -> None:
    old, new = (await annex.view(STRANGER)).indices
    assert (old.edition, new.edition) == ("63", "34")
    assert [(y.year, y.score, y.rank, y.units, y.gap) for y in old.years] == [(2023, 0.7411, 7, 63, None)]
    assert new.years == ()


def build(points: Mapping[str, float]) -> TargetView:
    """The target of devices after these days."""
    return target(plan.annex("2026-12-01", "2026-12-02", given=plan.records(points)), "iot-devices")


def test_a_forecast_needs_three_days_and_a_month() -> None:
    assert build({"2026-01-01": 1, "2026-11-01": 2}).forecast is None
    assert build({"2026-11-01": 1, "2026-11-02": 2, "2026-11-29": 3}).forecast is None
    found = build({"2026-01-01": 0, "2026-07-02": 182, "2026-12-01": 334}).forecast
    assert found is not None
    assert found.value == pytest.approx((date(2030, 12, 31) - date(2026, 1, 1)).days)
    assert found.error == pytest.approx(0, abs=1e-6)
    assert found.reached is False
    assert (found.first_day, found.last_day, found.points) == ("2026-01-01", "2026-12-01", 3)


def test_days_after_the_chosen_one_are_unknown_to_it() -> None:
    assert [d for d, _ in build({"2026-11-01": 1, "2026-12-02": 5}).series] == ["2026-11-01"]


def test_the_line_and_its_error() -> None:
    # Worked by hand: x̄ = 2, ȳ = 3, Sxx = 2, slope 1, residuals 1/3, −2/3, 1/3, so s² = 2/3 with one degree of freedom.
    found = straight_line([1, 2, 3], [2 + 1 / 3, 3 - 2 / 3, 4 + 1 / 3], 5)
    assert (found.slope, found.value) == (pytest.approx(1), pytest.approx(6))
    assert found.error == pytest.approx(6.314 * (2 / 3 * (4 / 3 + 9 / 2)) ** 0.5)
    for times, values in (([1, 2], [1, 2]), ([1, 1, 1], [1, 2, 3]), ([1, 2, 3], [1, 2, float("nan")])):
        with pytest.raises(InvalidInput):
            straight_line(times, values, 5)


def test_the_interval_covers_nine_times_in_ten() -> None:
    random = np.random.default_rng(5)
    x = np.arange(8.0)
    hits = 0
    for _ in range(2000):
        y = 2 * x + random.normal(0, 3, 8)
        found = straight_line(list(x), list(y), 12.0)
        hits += abs(2 * 12.0 + random.normal(0, 3) - found.value) <= found.error
    assert 0.88 <= hits / 2000 <= 0.92


def test_goals_are_reached_from_their_side_and_in_their_unit() -> None:
    def goal(comparator: Any, value: float, unit: str = "C62") -> Goal:
        return Goal(indicator="x", comparator=comparator, value=value, unit=unit, due_year=2030)

    assert reached(goal("more than", 300, "HAR"), 3.01, "KMK")
    assert not reached(goal("more than", 300, "HAR"), 3.0, "KMK")
    assert reached(goal("at most", 2, "DAY"), 48, "HUR")
    assert not reached(goal("less than", 1.4), 1.4, "C62")
    assert not reached(goal("about", 1_000_000), 999_999, "C62")
    with pytest.raises(InvalidInput):
        reached(goal("at least", 1, "DAY"), 1, "KMT")
    known = Measured(indicator="x", value=None, unit="C62", at=AT, excluded={"simulated": 3})
    assert goals_reached({"x": known}, [goal("at least", 1)]).outcome == "no_data"
    assert goals_reached({}, [goal("at least", 1)]).outcome == "no_data"


def test_units_that_took_in_an_ended_city() -> None:
    facts = read_facts(FOLDER)
    city = next(a for a in facts.areas if a.name == "Thành phố Thủ Dầu Một")
    assert parts_of([city.id], facts.areas, APPROVED) == {}
    found = parts_of([city.id], facts.areas, "2026-01-01")[city.id]
    assert not found.approximate
    assert {"Phường Thủ Dầu Một", "Phường Phú Lợi", "Phường Phú An"} <= set(found.names)
    unknown = [msgspec.structs.replace(a, successors=()) for a in facts.areas]
    guessed = parts_of([city.id], unknown, "2026-01-01")[city.id]
    assert guessed.approximate
    assert "Phường Phú Lợi" in guessed.names


# --- the printed report -------------------------------------------------------------------------------------------


def words_of(pdf: bytes) -> str:
    pages = pypdfium2.PdfDocument(pdf)
    return squeezed(" ".join(page.get_textpage().get_text_range() for page in pages))


@pytest.mark.parametrize(
    ("language", "title"),
    [("vi", "Báo cáo thực hiện Phụ lục XIV năm"), ("en", "Implementation report of Annex XIV")],
)
async def test_the_report_is_printed_with_every_line(annex: Annex, language: str, title: str) -> None:
    year = datetime.now(UTC).year
    report = await annex.report(STRANGER, year)
    text = words_of(await annex.print(report, language))
    assert title in text
    packed = re.sub(r"\W", "", text)
    for line in report.annex.everything:
        assert re.sub(r"\W", "", line.text.in_(language)) in packed, line.code
    assert re.sub(r"\W", "", "không tính" if language == "vi" else "left out") in packed


async def test_a_report_of_a_past_year_has_no_values_of_today(annex: Annex) -> None:
    report = await annex.report(STRANGER, 2024)
    assert report.complete
    assert report.annex.day == "2024-12-31"
    assert all(t.measured is None for line in report.annex.everything for t in line.targets)
    assert one_line(report.annex, "II.4").owners[0].name == "Sở Thông tin và Truyền thông"


async def test_nothing_that_a_person_wrote_is_read_as_markup(annex: Annex) -> None:
    report = await annex.report(STRANGER, 2024)
    hostile = '#panic("x") *đậm* $x^2$ @ref <nhãn> #include "/etc/passwd" \\ ] }'
    data = document(report, "vi", Label(hostile, hostile))
    data["sections"][0]["rows"][0][1][0]["text"] = hostile
    data["title"] = hostile
    text = words_of(await Printer().print("annual_report", data))
    assert text.count('#panic("x") *đậm* $x^2$ @ref <nhãn> #include "/etc/passwd"') == 2


async def test_a_template_that_is_not_there() -> None:
    for name in ("nothing", "../annual_report", "a/b"):
        with pytest.raises(ConfigurationError):
            await Printer().print(name, {})


async def test_a_target_that_a_fact_of_the_province_measures(annex: Annex) -> None:
    """The one approved IT park counts; the high-tech park, which the plan does not speak of, does not."""
    found = target(await annex.view(STRANGER), "it-park-land")
    assert found.measured is not None
    assert (found.measured.value, found.measured.counted) == (15.47, 1)
    assert found.reached is False
    whole = await annex.view(STRANGER)
    assert one_line(whole, "III.6a").check.outcome == "not_met"
    assert one_line(whole, "III.6b").check.title is None, "the check of one line is not that of its neighbour"


def test_a_number_that_is_being_computed_is_the_last_one_kept_with_its_time() -> None:
    given = plan.records({"2026-11-01": 70, "2026-11-20": 90})
    found = target(plan.annex("2026-11-26", "2026-11-26", given=given, pending={"devices_in_service"}), "iot-devices")
    assert found.measured is not None
    assert (found.measured.value, found.measured.at) == (90, datetime(2026, 11, 20, 5, tzinfo=UTC))
    new = target(plan.annex("2026-11-26", "2026-11-26", pending={"devices_in_service"}), "iot-devices")
    assert (new.measured, new.why_not) == (None, "pending")


async def test_nobody_waits_for_a_slow_number(annex: Annex, broker: Broker, monkeypatch: pytest.MonkeyPatch) -> None:
    slow = asyncio.Event()
    real = broker.measured

    async def measured(indicator: Indicator, tenant: str) -> Measured:
        await slow.wait()
        return await real(indicator, tenant)

    monkeypatch.setattr(broker, "measured", measured)
    fresh = over(broker, wait_s=0.1)
    began = asyncio.get_running_loop().time()
    first = target(await fresh.view(STRANGER), "it-park-land")
    assert asyncio.get_running_loop().time() - began < 5
    assert first.why_not in ("pending", ""), "the last value kept, or none"
    slow.set()
    await asyncio.sleep(0)
    for _ in range(2000):
        second = target(await fresh.view(STRANGER), "it-park-land")
        if second.why_not == "" and second.measured is not None and second.measured.value == 15.47:
            break
        await asyncio.sleep(0.02)
    assert second.measured is not None


async def test_a_number_that_cannot_be_computed_breaks_no_page(
    annex: Annex, broker: Broker, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def measured(indicator: Indicator, tenant: str) -> Measured:
        raise TimeoutError

    monkeypatch.setattr(broker, "measured", measured)
    whole = await over(broker).view(STRANGER)
    assert len(whole.lines) == 35


def test_every_indicator_can_say_how_it_is_computed() -> None:
    for indicator in (i for p in BUILT_IN for i in p.indicators):
        said = formula(indicator)
        assert said.vi
        assert said.en
        assert not indicator.field or f"`{indicator.field}`" in said.vi
