"""Row III.1: the shared ground: units of government, agencies, roads, waters, parks, and figures with their sources."""

from __future__ import annotations

from province.model.label import Label
from province.model.query import Where
from province.pack import Action, Check, Indicator, Map, Pack, Table
from province.packs.atlas import logic
from province.packs.atlas.types import Figure
from province.vocab import Agency, Area, IndustrialPark, Road, Waterway

_OCCUPIED = (Where("leasableSize", "exists"), Where("leasedSize", "exists"))
"""Parks of which both are known: a share of others would be too small."""

PACK = Pack(
    name="atlas",
    title=Label("Nền dữ liệu chung", "Shared ground"),
    row="III.1",
    types=(Figure,),
    actions=(Action(logic.confirm, record=Figure, needs="figure.confirm", title=Label("Xác nhận số liệu", "Confirm")),),
    indicators=(
        Indicator(
            "it_park_land",
            "sum",
            of=IndustrialPark,
            title=Label("Diện tích khu công nghệ thông tin tập trung đã được duyệt", "Land of approved IT parks"),
            unit="HAR",
            where=(Where("kind", "==", "it"), Where("status", "absent")),
            field="landSize",
            row="III.6",
            public=True,
        ),
        Indicator(
            "industrial_land_occupancy",
            "sum",
            of=IndustrialPark,
            title=Label("Tỷ lệ lấp đầy khu, cụm công nghiệp", "Industrial land that is leased"),
            unit="P1",
            where=_OCCUPIED,
            field="leasedSize",
            public=True,
            per=Indicator(
                "industrial_land_leasable",
                "sum",
                of=IndustrialPark,
                title=Label("Đất công nghiệp cho thuê", "Industrial land for lease"),
                unit="HAR",
                where=_OCCUPIED,
                field="leasableSize",
            ),
        ),
    ),
    checks=(
        Check(
            "III.6a",
            Label("Diện tích khu công nghệ thông tin đạt chỉ tiêu", "The land of IT parks reaches the target"),
            indicators=("it_park_land",),
        ),
    ),
    panels=(
        Map(Waterway, Label("Sông, hồ", "Rivers and lakes"), colour_by="kind", beneath=True),
        Map(Road, Label("Đường chính", "Main roads"), colour_by="kind", beneath=True),
        Map(IndustrialPark, Label("Khu công nghiệp", "Industrial parks"), colour_by="kind"),
        Table(
            Area,
            Label("Đơn vị hành chính", "Units of government"),
            columns=("name", "code", "parent", "validFrom", "validTo", "areaSize"),
            group="kind",
        ),
        Table(
            Agency,
            Label("Cơ quan", "Agencies"),
            columns=("name", "validFrom", "validTo", "parent", "successor"),
            group="kind",
        ),
        Table(Road, Label("Đường chính", "Main roads"), columns=("code", "name", "status", "manager"), group="kind"),
        Table(Waterway, Label("Sông, hồ", "Rivers and lakes"), columns=("name", "error", "source"), group="kind"),
        Table(
            IndustrialPark,
            Label("Khu công nghiệp", "Industrial parks"),
            columns=("name", "status", "landSize", "area", "sourceDate"),
            group="kind",
        ),
        Table(
            Figure,
            Label("Số liệu nền", "Base figures"),
            columns=("title", "quantity", "area", "asOf", "confidence"),
            group="confidence",
        ),
    ),
    roles={"steward": ("figure.confirm",)},
)
