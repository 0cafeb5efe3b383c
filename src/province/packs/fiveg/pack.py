"""Row II.2: 5G for industrial parks: the register of sites, coverage by radio model, siting within a budget."""

from __future__ import annotations

from province.model.label import Label
from province.model.query import Where
from province.pack import Action, Indicator, Map, Pack, StudyKind, StudyLayer, StudyMark, Table
from province.packs.fiveg import adopting, logic, plan, telling
from province.packs.fiveg.types import FIFTH, RadioSite
from province.vocab import IndustrialPark

PACK = Pack(
    name="fiveg",
    title=Label("5G cho khu công nghiệp", "5G for industrial parks"),
    row="II.2",
    types=(RadioSite,),
    actions=(
        Action(
            logic.permit, record=RadioSite, needs="radiosite.permit", title=Label("Ghi giấy phép xây dựng", "Permit")
        ),
        Action(
            logic.switch_on, record=RadioSite, needs="radiosite.switch", title=Label("Ghi ngày phát sóng", "On air")
        ),
        Action(logic.remove, record=RadioSite, needs="radiosite.remove", title=Label("Ghi tháo dỡ", "Remove")),
    ),
    indicators=(
        Indicator(
            "sites_on_air_5g",
            "count",
            of=RadioSite,
            title=Label("Trạm 5G đang phát sóng", "5G sites on air"),
            unit="C62",
            where=(Where("status", "==", "on_air"), Where("technologies", "==", FIFTH)),
        ),
    ),
    panels=(
        Map(RadioSite, Label("Trạm thu phát sóng", "Radio sites"), colour_by="status"),
        Table(
            RadioSite,
            Label("Trạm thu phát sóng", "Radio sites"),
            columns=("code", "name", "operator", "mast", "height", "isShareable", "inspectedUntil"),
            group="status",
        ),
    ),
    studies=(
        StudyKind(
            name="fiveg",
            title=Label("Chọn vị trí trạm 5G cho khu công nghiệp", "5G sites for industrial parks"),
            layers=(
                StudyLayer(
                    "parks",
                    Label("Khu, cụm công nghiệp", "Industrial parks"),
                    of=IndustrialPark,
                    columns={"name": Label("Tên", "Name"), "land_ha": Label("Diện tích (ha)", "Land (ha)")},
                    required=True,
                ),
                StudyLayer(
                    "masts",
                    Label("Cột đã có", "Existing masts"),
                    of=RadioSite,
                    columns={
                        "name": Label("Tên", "Name"),
                        "height": Label("Độ cao ăng ten (m)", "Height of the antennas (m)"),
                        "shareable": Label("Cho dùng chung (1/0)", "Open to sharing (1/0)"),
                        "on_air_5g": Label("Đã phát 5G (1/0)", "Sends 5G already (1/0)"),
                    },
                ),
                StudyLayer(
                    "candidates",
                    Label("Vị trí có thể dựng cột mới", "Places for new masts"),
                    columns={"name": Label("Tên", "Name"), "height": Label("Độ cao ăng ten (m)", "Height (m)")},
                ),
                StudyLayer(
                    "demand",
                    Label("Nhu cầu khác", "Other demand"),
                    columns={"mbps": Label("Nhu cầu (Mbit/s)", "Demand (Mbit/s)")},
                ),
            ),
            assumptions=plan.ASSUMPTIONS,
            prices=plan.PRICES,
            solve=plan.solve,
            needs=("numba", "scipy"),
            budgets=("VND", "C62"),
            marks=(
                StudyMark(
                    "coverage",
                    "area",
                    name="park",
                    by="level",
                    tones={
                        "inside": ("good", telling.LEVELS["inside"]),
                        "outside": ("fair", telling.LEVELS["outside"]),
                        "none": ("poor", telling.LEVELS["none"]),
                    },
                ),
                StudyMark("parks", "area", name="park"),
                StudyMark(
                    "sites",
                    "point",
                    by="kind",
                    tones={
                        "new": ("new", telling.KINDS["new"]),
                        "shared": ("shared", telling.KINDS["shared"]),
                        "existing": ("existing", telling.KINDS["existing"]),
                    },
                ),
            ),
            focus="parks",
            compared="covered",
            adoption=adopting.ADOPTION,
        ),
    ),
    roles={
        "operator": ("radiosite.permit", "radiosite.switch", "radiosite.remove"),
        "steward": ("radiosite.permit", "radiosite.switch", "radiosite.remove"),
    },
)
