"""Row II.3: cables under the ground: the inventory of ducts, and which roads to trench this year within a budget."""

from __future__ import annotations

from province.model.label import Label
from province.model.query import Where
from province.pack import Action, Indicator, Map, Pack, StudyKind, StudyLayer, StudyMark, Table
from province.packs.ducts import adopting, logic, plan, telling
from province.packs.ducts.types import DuctSection
from province.vocab import IndustrialPark
from province.vocab.road import Road

PACK = Pack(
    name="ducts",
    title=Label("Ngầm hoá cáp", "Cables under the ground"),
    row="II.3",
    types=(DuctSection,),
    actions=(
        Action(logic.lay, record=DuctSection, needs="ductsection.lay", title=Label("Ghi đã đặt ống", "Laid")),
        Action(logic.drop, record=DuctSection, needs="ductsection.drop", title=Label("Không làm nữa", "Drop")),
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
    ),
    panels=(
        Map(DuctSection, Label("Đoạn ngầm hoá cáp", "Duct sections"), colour_by="status"),
        Table(
            DuctSection,
            Label("Đoạn ngầm hoá cáp", "Duct sections"),
            columns=("code", "name", "roadClass", "length", "owner", "laidOn"),
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
        "operator": ("ductsection.lay", "ductsection.drop"),
        "steward": ("ductsection.lay", "ductsection.drop"),
    },
)
