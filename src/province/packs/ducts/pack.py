"""Row II.3: cables under the ground: which roads to trench this year within a budget."""

from __future__ import annotations

from province.model.label import Label
from province.pack import Pack, StudyKind, StudyLayer, StudyMark
from province.packs.ducts import plan, telling
from province.vocab import IndustrialPark
from province.vocab.road import Road

PACK = Pack(
    name="ducts",
    title=Label("Ngầm hoá cáp", "Cables under the ground"),
    row="II.3",
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
        ),
    ),
)
