"""Row II.2: 5G for industrial parks: the register of sites, coverage by radio model, siting within a budget."""

from __future__ import annotations

from province.model.label import Label
from province.model.query import Where
from province.pack import Action, Check, Indicator, Map, Pack, StudyKind, StudyLayer, StudyMark, Table
from province.packs.fiveg import adopting, calibration, logic, plan, telling
from province.packs.fiveg.types import FIFTH, ParkSpeed, RadioSite
from province.vocab import IndustrialPark

SITES_4G = 3_666.0
"""4G sites of the old province on 31 March 2024, as the plan counts them (data/binh-duong/figures.csv, sites-4g)."""
_GROUND = (
    StudyLayer("terrain", Label("Mô hình số độ cao (GeoTIFF)", "Terrain model (GeoTIFF)"), raster=True),
    StudyLayer("clutter", Label("Chiều cao vật cản (GeoTIFF)", "Heights of clutter (GeoTIFF)"), raster=True),
)

PACK = Pack(
    name="fiveg",
    title=Label("5G cho khu công nghiệp", "5G for industrial parks"),
    row="II.2",
    types=(RadioSite, ParkSpeed),
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
        Indicator(
            "sites_5g_share",
            "count",
            of=RadioSite,
            title=Label("Trạm 5G so với 3.666 trạm 4G (3/2024)", "5G sites per 3,666 4G sites (March 2024)"),
            unit="P1",
            where=(Where("status", "==", "on_air"), Where("technologies", "==", FIFTH)),
            per=SITES_4G,
            public=True,
        ),
        Indicator(
            "park_mobile_speed_least",
            "min",
            of=ParkSpeed,
            title=Label("Tốc độ di động thấp nhất đo tại các khu", "Lowest mobile speed measured in a park"),
            unit="D36",
            field="download",
            public=True,
        ),
        Indicator(
            "park_speeds_measured",
            "count",
            of=ParkSpeed,
            title=Label("Kết quả đo tốc độ tại các khu", "Measured speeds of parks"),
            unit="C62",
            public=True,
        ),
    ),
    checks=(
        Check(
            "II.2",
            Label("Số trạm 5G và tốc độ tại các khu", "Number of 5G sites, and speed in the parks"),
            indicators=("sites_5g_share", "park_mobile_speed_least"),
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
        Table(
            RadioSite,
            Label("Giấy phép và kiểm định", "Permits and inspections"),
            columns=("code", "name", "permit", "permitDate", "permittedUntil", "inspection", "inspectedUntil"),
            group="status",
        ),
        Table(
            ParkSpeed,
            Label("Tốc độ di động tại các khu", "Mobile speed in parks"),
            columns=("name", "operator", "download", "tests", "measuredOn", "source"),
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
                *_GROUND,
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
        StudyKind(
            name="calibration",
            title=Label("Hiệu chỉnh mô hình sóng bằng phép đo", "Radio model calibrated by measurements"),
            layers=(
                StudyLayer(
                    "measurements",
                    Label("Phép đo (drive test)", "Measurements (drive tests)"),
                    columns={
                        "rsrp": Label("RSRP (dBm)", "RSRP (dBm)"),
                        "site": Label("Mã trạm", "Site"),
                        "indoor": Label("Trong nhà (1/0)", "Indoors (1/0)"),
                        "clutter": Label("Vật cản", "Clutter"),
                    },
                    required=True,
                ),
                StudyLayer(
                    "masts",
                    Label("Trạm đang phát", "Sites on air"),
                    of=RadioSite,
                    columns={
                        "name": Label("Tên", "Name"),
                        "code": Label("Mã trạm", "Code"),
                        "height": Label("Độ cao ăng ten (m)", "Height of the antennas (m)"),
                        "on_air_5g": Label("Đã phát 5G (1/0)", "Sends 5G already (1/0)"),
                    },
                    required=True,
                ),
                *_GROUND,
            ),
            assumptions=calibration.ASSUMPTIONS,
            prices={},
            solve=calibration.solve,
            needs=("numba", "scipy"),
            budgets=("C62",),
            counted=Label("phép đo", "measurements"),
            marks=(
                StudyMark(
                    "measurements",
                    "point",
                    by="fit",
                    tones={
                        "near": ("good", calibration.FITS["near"]),
                        "off": ("fair", calibration.FITS["off"]),
                        "far": ("poor", calibration.FITS["far"]),
                    },
                ),
            ),
            yields="fiveg",
        ),
    ),
    roles={
        "operator": ("radiosite.permit", "radiosite.switch", "radiosite.remove"),
        "steward": ("radiosite.permit", "radiosite.switch", "radiosite.remove"),
    },
)
