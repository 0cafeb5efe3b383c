"""The kinds of study of transmission: what each is given, and how its answer is drawn."""

from __future__ import annotations

from dataclasses import replace
from typing import Final

from province.model.label import Label
from province.pack import StudyKind, StudyLayer, StudyMark
from province.packs.transmission import adopting, capacity, capacity_told, diversity, rings, rings_told
from province.packs.transmission.types import FibreRoute, TransmissionLink, TransmissionNode

_NAME: Final = Label("Tên", "Name")
_CODE: Final = Label("Mã", "Code")
_STATUS: Final = Label("Tình trạng", "Status")
NODES: Final = StudyLayer(
    "nodes",
    Label("Trạm truyền dẫn", "Stations"),
    of=TransmissionNode,
    columns={
        "code": _CODE,
        "name": _NAME,
        "kind": Label("Loại trạm", "Kind"),
        "load": Label("Lưu lượng (Gbit/s)", "Load (Gbit/s)"),
        "ways": Label("Số đường cần", "Ways needed"),
        "status": _STATUS,
    },
    required=True,
)
ROUTES: Final = StudyLayer(
    "routes",
    Label("Tuyến cáp đã có", "Cables that exist"),
    of=FibreRoute,
    columns={
        "code": _CODE,
        "name": _NAME,
        "start": Label("Trạm đầu", "From"),
        "finish": Label("Trạm cuối", "To"),
        "length": Label("Chiều dài (m)", "Length (m)"),
        "fibres": Label("Số sợi", "Fibres"),
        "fibresUsed": Label("Số sợi đã dùng", "Fibres in use"),
        "shares": Label("Đi chung hạ tầng", "Shares"),
        "status": _STATUS,
    },
    required=True,
    placed=False,
)
_CORES: Final = StudyMark(
    "cores",
    "point",
    by="kind",
    tones={
        "core": ("existing", Label("Trạm lõi", "Core")),
        "neighbour": ("shared", Label("Trạm tỉnh lân cận", "Neighbouring province")),
    },
)

DIVERSITY: Final = StudyKind(
    name="diversity",
    title=Label("Kiểm tra điểm hỏng đơn của mạng truyền dẫn", "Single points of failure in transmission"),
    layers=(NODES, ROUTES),
    assumptions=diversity.ASSUMPTIONS,
    prices={},
    solve=diversity.solve,
    budgets=("C62",),
    counted=Label("sự cố cùng lúc", "failures at once"),
    marks=(
        StudyMark(
            "cables",
            "line",
            by="state",
            tones={
                "safe": ("good", diversity.LINES["safe"]),
                "shared": ("fair", diversity.LINES["shared"]),
                "weak": ("new", diversity.LINES["weak"]),
            },
        ),
        StudyMark(
            "stations",
            "point",
            by="state",
            tones={
                "two": ("good", diversity.WAYS["two"]),
                "one": ("fair", diversity.WAYS["one"]),
                "none": ("poor", diversity.WAYS["none"]),
            },
        ),
        _CORES,
    ),
    focus="stations",
    compared="two",
)
RINGS: Final = StudyKind(
    name="rings",
    title=Label("Thiết kế vòng truyền dẫn, tuyến thứ hai", "Rings and second ways of transmission"),
    layers=(
        NODES,
        replace(ROUTES, required=False),
        StudyLayer(
            "candidates",
            Label("Tuyến đề xuất", "Candidate cables"),
            of=FibreRoute,
            columns={
                "name": _NAME,
                "start": Label("Trạm đầu", "From"),
                "finish": Label("Trạm cuối", "To"),
                "length": Label("Chiều dài (m)", "Length (m)"),
                "shares": Label("Đi chung hạ tầng", "Shares"),
            },
            placed=False,
        ),
        StudyLayer("roads", Label("Đường để đi cáp mới", "Roads to lay new cables along"), columns={"name": _NAME}),
    ),
    assumptions=rings.ASSUMPTIONS,
    prices=rings.PRICES,
    solve=rings.solve,
    needs=("numba", "scipy", "highspy"),
    budgets=("VND", "MTR"),
    marks=(
        StudyMark("existing", "line", by="kind", tones={"used": ("existing", rings_told.KINDS["used"])}),
        StudyMark("cables", "line", by="kind", tones={"new": ("new", rings_told.KINDS["new"])}),
        StudyMark(
            "stations",
            "point",
            by="state",
            tones={
                "had": ("good", rings_told.STATES["had"]),
                "gains": ("new", rings_told.STATES["gains"]),
                "joined": ("fair", rings_told.STATES["joined"]),
                "none": ("poor", rings_told.STATES["none"]),
            },
        ),
        _CORES,
    ),
    focus="stations",
    compared="after",
    adoption=adopting.CABLES,
    picks="cables",
)
CAPACITY: Final = StudyKind(
    name="capacity",
    title=Label("Dung lượng truyền dẫn: nâng cấp hệ thống nào, năm nào", "Transmission capacity: what to upgrade when"),
    layers=(
        NODES,
        StudyLayer(
            "links",
            Label("Hệ thống truyền dẫn", "Systems"),
            of=TransmissionLink,
            columns={
                "code": _CODE,
                "name": _NAME,
                "start": Label("Trạm đầu", "From"),
                "finish": Label("Trạm cuối", "To"),
                "capacity": Label("Dung lượng đang mở (Gbit/s)", "Capacity lit (Gbit/s)"),
                "possible": Label("Dung lượng tối đa (Gbit/s)", "Most possible (Gbit/s)"),
                "routes": Label("Chạy trên tuyến cáp", "Runs over"),
                "shares": Label("Đi chung hạ tầng", "Shares"),
                "status": _STATUS,
            },
            required=True,
            placed=False,
        ),
        StudyLayer(
            "history",
            Label("Lưu lượng đỉnh các năm", "Peaks of past years"),
            columns={
                "link": Label("Hệ thống", "Link"),
                "year": Label("Năm", "Year"),
                "load": Label("Lưu lượng đỉnh (Gbit/s)", "Load (Gbit/s)"),
            },
            placed=False,
        ),
        StudyLayer(
            "demands",
            Label("Nhu cầu giữa các trạm", "Demand between stations"),
            columns={
                "start": Label("Trạm đầu", "From"),
                "finish": Label("Trạm cuối", "To"),
                "load": Label("Lưu lượng (Gbit/s)", "Load (Gbit/s)"),
                "growth": Label("Tăng mỗi năm (%)", "Growth (%)"),
            },
            placed=False,
        ),
        replace(ROUTES, required=False),
    ),
    assumptions=capacity.ASSUMPTIONS,
    prices=capacity.PRICES,
    solve=capacity.solve,
    needs=("scipy", "highspy"),
    budgets=("VND", "C62"),
    counted=Label("mô-đun", "modules"),
    marks=(
        StudyMark(
            "systems",
            "line",
            by="state",
            tones={
                "enough": ("existing", capacity_told.STATES["enough"]),
                "unknown": ("poor", capacity_told.STATES["unknown"]),
                "upgraded": ("new", capacity_told.STATES["upgraded"]),
            },
        ),
        StudyMark("stations", "point", by="kind", tones={"station": ("shared", Label("Trạm", "Station"))}),
    ),
    focus="systems",
    compared="after",
    adoption=adopting.UPGRADES,
)

STUDIES: Final = (DIVERSITY, RINGS, CAPACITY)
