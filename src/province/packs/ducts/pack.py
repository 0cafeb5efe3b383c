"""Row II.3: cables under the ground: the inventory of ducts, and which roads to trench this year within a budget."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from province.model.label import Label
from province.model.query import Where
from province.pack import Action, Indicator, Map, Pack, Read, Rule, StudyKind, StudyLayer, StudyMark, Table, Timer
from province.packs.ducts import adopting, logic, openings, plan, telling
from province.packs.ducts.types import DuctSection, RoadOpening
from province.vocab import IndustrialPark
from province.vocab.road import Road

_DESK = ("roadopening.create", "roadopening.handle")

_COUNTED = (Where("status", "==", "laid"), Where("pipes", "exists"), Where("pipesUsed", "exists"))


def _opening(
    do: Callable[..., Any], vi: str, en: str, *states: str, reads: tuple[Read, ...] = (), needs: str = "handle",
    creates: bool = False, files: bool = False,
) -> Action:  # fmt: skip
    return Action(do, record=RoadOpening, needs=f"roadopening.{needs}", title=Label(vi, en), states=states,
                  reads=reads, creates=creates, files=files)  # fmt: skip


PACK = Pack(
    name="ducts",
    title=Label("Ngầm hoá cáp", "Cables under the ground"),
    row="II.3",
    types=(DuctSection, RoadOpening),
    rules=(
        Rule(
            on="roadopening.created",
            record=RoadOpening,
            do=openings.look_around,
            reads=(openings.PLANNED, openings.BEFORE),
        ),
        Rule(
            on="roadopening.step_reached",
            record=RoadOpening,
            do=openings.escalate,
            reads=(openings.YEARS, openings.AGENCIES),
        ),
    ),
    timers=(Timer(RoadOpening, "nextStepAt", "roadopening.step_reached"),),
    actions=(
        Action(logic.lay, record=DuctSection, needs="ductsection.lay", title=Label("Ghi đã đặt ống", "Laid")),
        Action(logic.drop, record=DuctSection, needs="ductsection.drop", title=Label("Không làm nữa", "Drop")),
        _opening(openings.apply_opening, "Xin đào đường", "Apply", needs="create", creates=True),
        _opening(openings.examine, "Giao cơ quan xét", "Give to an agency", "applied", reads=(openings.YEARS,)),
        _opening(openings.share, "Cùng đặt chung", "Join in", "applied", "permitted"),
        _opening(
            openings.permit,
            "Cấp phép đào",
            "Permit",
            "applied",
            needs="decide",
            files=True,
            reads=(openings.PLANNED, openings.BEFORE),
        ),
        _opening(openings.refuse, "Không cấp phép", "Refuse", "applied", needs="decide"),
        _opening(openings.begin, "Bắt đầu đào", "Opened", "permitted"),
        _opening(openings.mend, "Hoàn trả mặt đường", "Mended", "open", files=True),
        _opening(openings.withdraw, "Rút đơn", "Withdraw", "applied", "permitted"),
    ),
    indicators=(
        Indicator(
            "ducts_laid_m",
            "sum",
            of=DuctSection,
            title=Label("Chiều dài cáp đã ngầm hoá", "Length of ducts laid"),
            unit="MTR",
            field="length",
            where=(Where("status", "==", "laid"),),
        ),
        Indicator(
            "ducts_planned_m",
            "sum",
            of=DuctSection,
            title=Label("Chiều dài cáp còn phải ngầm hoá", "Length of ducts still planned"),
            unit="MTR",
            field="length",
            where=(Where("status", "==", "planned"),),
        ),
        Indicator(
            "ducts_laid_share",
            "sum",
            of=DuctSection,
            title=Label("Tỷ lệ đã ngầm hoá, theo chiều dài phải làm", "Ducts laid, of all that are to be"),
            unit="P1",
            field="length",
            where=(Where("status", "==", "laid"),),
            per=Indicator(
                "ducts_wanted_m",
                "sum",
                of=DuctSection,
                title=Label("Chiều dài đã và phải ngầm hoá", "Length laid and planned"),
                unit="MTR",
                field="length",
                where=(Where("status", "in", ["laid", "planned"]),),
            ),
            public=True,
        ),
        Indicator(
            "duct_occupancy",
            "sum",
            of=DuctSection,
            title=Label("Tỷ lệ ống ngầm đã có cáp", "Pipes of the ducts that hold cables"),
            unit="P1",
            field="pipesUsed",
            where=_COUNTED,
            per=Indicator(
                "duct_pipes",
                "sum",
                of=DuctSection,
                title=Label("Số ống của đoạn đã kiểm đếm", "Pipes of counted sections"),
                unit="C62",
                field="pipes",
                where=_COUNTED,
            ),
        ),
        Indicator(
            "roads_open",
            "count",
            of=RoadOpening,
            title=Label("Đường đang đào", "Roads that are open"),
            unit="C62",
            where=(Where("status", "==", "open"),),
        ),
        Indicator(
            "road_openings_waiting",
            "count",
            of=RoadOpening,
            title=Label("Đơn xin đào đường chờ xét", "Applications to open a road that wait"),
            unit="C62",
            where=(Where("status", "==", "applied"),),
        ),
    ),
    panels=(
        Map(DuctSection, Label("Đoạn ngầm hoá cáp", "Duct sections"), colour_by="status"),
        Table(
            DuctSection,
            Label("Đoạn ngầm hoá cáp", "Duct sections"),
            columns=("code", "name", "roadClass", "length", "owner", "laidOn"),
            group="status",
        ),
        Map(RoadOpening, Label("Đào đường", "Road openings"), colour_by="status"),
        Table(
            RoadOpening,
            Label("Đào đường", "Road openings"),
            columns=("title", "applicant", "purpose", "begins", "ends", "permit", "sharers", "mendedBefore", "dueAt"),
            group="status",
        ),
    ),
    studies=(
        StudyKind(
            name="ducts",
            title=Label("Chọn tuyến đường đào rãnh cáp trong năm", "Roads to trench this year"),
            layers=(
                StudyLayer(
                    "roads",
                    Label("Mạng đường", "Roads"),
                    of=Road,
                    columns={
                        "name": Label("Tên", "Name"),
                        "class": Label("Cấp đường", "Class"),
                        "works": Label("Được đào trong năm (1/0)", "Dug up this year anyway (1/0)"),
                        "duct": Label("Có ống trống (1/0)", "Holds an empty duct (1/0)"),
                    },
                    required=True,
                ),
                StudyLayer(
                    "demand",
                    Label("Điểm cần nối", "What is to be joined"),
                    of=IndustrialPark,
                    columns={"name": Label("Tên", "Name"), "weight": Label("Trọng số", "Weight")},
                    required=True,
                ),
                StudyLayer(
                    "ducts",
                    Label("Ống đã có", "Ducts that exist"),
                    of=DuctSection,
                    columns={"name": Label("Tên", "Name")},
                ),
                StudyLayer(
                    "openings",
                    Label("Đường sẽ đào", "Roads that are opened anyway"),
                    of=RoadOpening,
                    columns={"title": Label("Công việc", "Works")},
                ),
                StudyLayer(
                    "starts",
                    Label("Nơi mạng bắt đầu: nhà trạm, tủ cáp", "Where the network begins: exchanges, cabinets"),
                    columns={"name": Label("Tên", "Name")},
                ),
            ),
            assumptions=plan.ASSUMPTIONS,
            prices=plan.PRICES,
            solve=plan.solve,
            needs=("numba", "scipy"),
            budgets=("VND", "MTR"),
            marks=(
                StudyMark("main", "line"),
                StudyMark(
                    "trenches",
                    "line",
                    by="way",
                    tones={
                        "new": ("new", telling.WAYS["new"]),
                        "dug": ("shared", telling.WAYS["dug"]),
                        "duct": ("existing", telling.WAYS["duct"]),
                    },
                ),
                StudyMark(
                    "demand",
                    "point",
                    by="state",
                    tones={
                        "joined": ("good", telling.STATES["joined"]),
                        "left": ("poor", telling.STATES["left"]),
                    },
                ),
                StudyMark(
                    "starts",
                    "point",
                    by="kind",
                    tones={"start": ("fair", Label("Nơi bắt đầu", "Beginning"))},
                ),
            ),
            focus="demand",
            compared="joined",
            adoption=adopting.ADOPTION,
        ),
    ),
    roles={
        "operator": ("ductsection.lay", "ductsection.drop", *_DESK),
        "steward": ("ductsection.lay", "ductsection.drop", *_DESK),
        "decision-maker": ("roadopening.decide",),
    },
)
