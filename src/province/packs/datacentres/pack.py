"""Rows III.7 and III.3e: data centres: what there is, what is sold, how well they run, and where to build."""

from __future__ import annotations

from dataclasses import replace

from province.model.label import Label
from province.model.query import Where
from province.pack import (
    Action,
    Band,
    Board,
    Chart,
    Check,
    Feed,
    Index,
    Indicator,
    Level,
    Map,
    Mean,
    Pack,
    Rule,
    StudyKind,
    StudyLayer,
    StudyMark,
    Table,
    Threshold,
    Timer,
)
from province.packs.datacentres import adopting, feeds, logic, plan, telling
from province.packs.datacentres.types import Colocation, DataCentre, DataCentrePlace, RecoveryTest
from province.vocab import IndustrialPark

DAY_S = 24 * 3600
_OPERATING = (Where("status", "==", "operating"),)
INSTALLED = Indicator(
    "data_centre_power_installed", "sum", of=DataCentre, title=Label("Công suất IT lắp đặt", "IT power installed"),
    unit="KWT", field="installedPower", where=_OPERATING,
)  # fmt: skip
SOLD = Indicator(
    "data_centre_power_sold", "sum", of=DataCentre, title=Label("Công suất IT đã bán", "IT power sold"), unit="KWT",
    field="soldPower", where=_OPERATING,
)  # fmt: skip
LOAD = Indicator(
    "data_centre_it_load", "sum", of=DataCentre, title=Label("Tải IT đang đo", "IT load as measured"), unit="KWT",
    field="itPower", where=_OPERATING, within_s=DAY_S,
)  # fmt: skip
WORST_PUE = Indicator(
    "data_centre_pue_worst", "max", of=DataCentre, title=Label("PUE cao nhất", "Highest PUE"), unit="C62", field="pue",
    where=_OPERATING, within_s=DAY_S,
)  # fmt: skip
UNTESTED = Indicator(
    "data_centre_recovery_untested", "count", of=DataCentre,
    title=Label("Trung tâm chưa thử phục hồi đạt", "Centres without a recovery test that passed"), unit="C62",
    where=(*_OPERATING, Where("testResult", "!=", "passed")),
)  # fmt: skip
_RATED = (*_OPERATING, Where("installedPower", "exists"), Where("soldPower", "exists"))
SOLD_SHARE = Indicator(
    "data_centre_sold_share", "sum", of=DataCentre, title=Label("Tỷ lệ công suất IT đã bán", "Share of IT power sold"),
    unit="P1", field="soldPower", where=_RATED, per=replace(INSTALLED, name="data_centre_power_rated", where=_RATED),
)  # fmt: skip
FULL = Indicator(
    "data_centre_full", "over", of=DataCentre, title=Label("Trung tâm đã bán hết", "Centres that are sold out"),
    unit="C62", field="soldPower", limit="installedPower", where=_OPERATING,
)  # fmt: skip
LOCALITIES = Indicator(
    "data_centre_localities",
    "count",
    of=DataCentrePlace,
    title=Label("Địa bàn được nêu tên có trung tâm dữ liệu", "Named localities with a data centre"),
    unit="C62",
    where=(Where("named", "==", True), Where("centre", "exists")),
)
PUE = Index(
    "pue", of=DataCentre, title=Label("PUE 24 giờ", "PUE of 24 hours"), fields=("facilityPower", "itPower"), hours=24,
    do=logic.pue_of,
    bands=(
        Band(1.2, "good", Label("Rất tốt", "Very good")),
        Band(1.4, "fair", Label("Đạt mục tiêu", "Within the goal")),
        Band(1.7, "poor", Label("Vượt mục tiêu", "Above the goal")),
        Band(99.0, "bad", Label("Vượt xa mục tiêu", "Far above the goal")),
    ),
    basis=Label(
        "Điện năng toàn trung tâm chia điện năng IT, trong những giờ có cả hai số đo; mục tiêu dưới 1,4",
        "Energy of the centre over that of its IT, of the hours in which both were measured; the goal is below 1.4",
    ),
)  # fmt: skip

PACK = Pack(
    name="datacentres",
    title=Label("Trung tâm dữ liệu", "Data centres"),
    row="III.7",
    types=(DataCentre, Colocation, RecoveryTest, DataCentrePlace),
    feeds=(
        Feed(
            "data-centre-readings",
            decode=feeds.from_readings,
            needs="datacentre.measure",
            title=Label("Số đo của trung tâm dữ liệu", "Readings of a data centre"),
        ),
    ),
    rules=(Rule(on="datacentre.test_missed", record=DataCentre, do=logic.remind),),
    timers=(Timer(DataCentre, "testReminderAt", "datacentre.test_missed"),),
    actions=(
        Action(
            logic.sell,
            record=DataCentre,
            needs="colocation.sell",
            title=Label("Ký hợp đồng đặt chỗ", "Sell colocation"),
            reads=(logic.CONTRACTS,),
        ),
        Action(
            logic.end,
            record=Colocation,
            needs="colocation.sell",
            title=Label("Kết thúc hợp đồng", "End"),
            reads=(logic.CENTRE, logic.SIBLINGS),
        ),
        Action(
            logic.load_test,
            record=DataCentre,
            needs="datacentre.test",
            title=Label("Ghi kết quả thử tải", "Record a load test"),
            reads=(logic.CONTRACTS,),
        ),
        Action(
            logic.recovery_test,
            record=DataCentre,
            needs="datacentre.test",
            title=Label("Ghi lần thử phục hồi thảm hoạ", "Record a recovery test"),
        ),
    ),
    thresholds=(
        Threshold(
            "pue_high",
            of=DataCentre,
            field="pue",
            title=Label("PUE trung bình 24 giờ vượt mục tiêu", "PUE of 24 hours above the goal"),
            category="Infra",
            levels=(Level(Label("Vượt mục tiêu", "Above the goal"), "Minor", parameter="pue_goal", urgency="Future"),),
            hysteresis="pue_hysteresis",
            mean=Mean(hours=24, least=18),
        ),
    ),
    indicators=(INSTALLED, SOLD, SOLD_SHARE, LOAD, WORST_PUE, UNTESTED, FULL, LOCALITIES),
    checks=(
        Check(
            "III.7",
            Label(
                "Đủ địa bàn có trung tâm dữ liệu, PUE đạt mục tiêu",
                "The named localities have data centres, PUE within the goal",
            ),
            indicators=("data_centre_localities", "data_centre_pue_worst"),
        ),
    ),
    panels=(
        Board(
            "datacentres",
            Label("Trung tâm dữ liệu", "Data centres"),
            of=DataCentre,
            field="itPower",
            tiles=(INSTALLED, SOLD, SOLD_SHARE, LOAD, WORST_PUE, UNTESTED, FULL),
            types=(DataCentre,),
            within_s=DAY_S,
            index=PUE,
            icon="asset",
        ),
        Map(DataCentre, Label("Trung tâm dữ liệu", "Data centres"), colour_by="status"),
        Table(
            DataCentre,
            Label("Trung tâm dữ liệu", "Data centres"),
            columns=("code", "name", "tier", "installedPower", "measuredPower", "soldPower", "testDueOn"),
            group="status",
        ),
        Table(
            Colocation,
            Label("Hợp đồng đặt chỗ", "Colocation contracts"),
            columns=("contract", "centre", "customer", "market", "power", "racks", "begunOn", "endedOn"),
            group="status",
        ),
        Table(
            RecoveryTest,
            Label("Thử phục hồi thảm hoạ", "Recovery tests"),
            columns=("day", "centre", "tested", "recoveryTime", "remark"),
            group="result",
        ),
        Table(
            DataCentrePlace,
            Label("Địa điểm đặt trung tâm dữ liệu", "Places for data centres"),
            columns=("code", "name", "cost", "flood", "centre", "approximate", "source"),
        ),
        Chart(DataCentre, Label("Tải IT", "IT load"), field="itPower"),
    ),
    studies=(
        StudyKind(
            name="datacentres",
            title=Label("Chọn địa điểm trung tâm dữ liệu", "Places for data centres"),
            layers=(
                StudyLayer(
                    "candidates",
                    Label("Địa điểm", "Places"),
                    of=DataCentrePlace,
                    required=True,
                    columns={
                        "name": Label("Tên", "Name"),
                        "cost": Label("Chi phí xây dựng", "Cost of building"),
                        "flood": Label("Độ sâu ngập (m)", "Flood depth (m)"),
                    },
                ),
                StudyLayer(
                    "demand",
                    Label("Nơi cần dịch vụ", "Demand"),
                    of=IndustrialPark,
                    columns={"name": Label("Tên", "Name"), "weight": Label("Trọng số", "Weight")},
                ),
                StudyLayer(
                    "substations",
                    Label("Trạm biến áp", "Substations"),
                    columns={
                        "name": Label("Tên", "Name"),
                        "spare": Label("Công suất còn trống (MW)", "Spare capacity (MW)"),
                    },
                ),
            ),
            assumptions=plan.ASSUMPTIONS,
            prices=plan.PRICES,
            solve=plan.solve,
            needs=("scipy",),
            budgets=("C62", "VND"),
            counted=Label("địa điểm", "places"),
            marks=(
                StudyMark("front", "line"),
                StudyMark(
                    "lines", "line", by="kind", tones={"power": ("existing", Label("Đường dây điện", "Power line"))}
                ),
                StudyMark("demand", "point", by="kind", tones={"demand": ("good", Label("Nơi cần dịch vụ", "Demand"))}),
                StudyMark(
                    "substations",
                    "point",
                    by="kind",
                    tones={"substation": ("fair", Label("Trạm biến áp", "Substation"))},
                ),
                StudyMark(
                    "places",
                    "point",
                    by="state",
                    tones={
                        "knee": ("new", telling.STATES["knee"]),
                        "front": ("shared", telling.STATES["front"]),
                        "off": ("existing", telling.STATES["off"]),
                        "out": ("poor", telling.STATES["out"]),
                    },
                ),
            ),
            focus="front",
            compared="delay",
            adoption=adopting.ADOPTION,
        ),
    ),
    roles={
        "operator": ("colocation.sell", "datacentre.test", "datacentre.measure"),
        "steward": ("colocation.sell", "datacentre.test", "datacentre.measure"),
    },
)
