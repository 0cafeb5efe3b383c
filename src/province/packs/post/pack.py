"""Row I: the regional postal centre 11: facilities, parcels and their events, hubs and tours."""

from __future__ import annotations

from province.model.label import Label
from province.pack import Map, Pack, StudyKind, StudyLayer, StudyMark, Table
from province.packs.post import touring, tours
from province.packs.post.types import Parcel, PostalDay, PostalEvent, PostalFacility
from province.vocab.road import Road

_TOURS = StudyKind(
    name="tours",
    title=Label("Xếp chuyến phát, chuyến vận chuyển", "Tours of delivery and line haul"),
    layers=(
        StudyLayer(
            "roads",
            Label("Mạng đường", "Roads"),
            of=Road,
            columns={
                "name": Label("Tên", "Name"),
                "class": Label("Cấp đường", "Class"),
                "oneway": Label("Một chiều (forward, backward)", "One way (forward, backward)"),
                "kmh": Label("Tốc độ (km/h)", "Speed (km/h)"),
                "osm_id": Label("Mã đường", "Number of the road"),
                "turns": Label("Cấm rẽ", "Forbidden turns"),
            },
            required=True,
        ),
        StudyLayer(
            "stops",
            Label("Điểm cần tới", "Stops"),
            of=PostalFacility,
            columns={
                "name": Label("Tên", "Name"),
                "load": Label("Khối lượng (kg)", "Load (kg)"),
                "service": Label("Thời gian phục vụ (phút)", "Service (min)"),
                "opens": Label("Mở cửa lúc", "Opens"),
                "closes": Label("Đóng cửa lúc", "Closes"),
            },
            required=True,
        ),
        StudyLayer(
            "depots",
            Label("Nơi xe xuất phát", "Where vehicles leave"),
            of=PostalFacility,
            columns={"name": Label("Tên", "Name"), "vehicles": Label("Số xe", "Vehicles")},
            required=True,
        ),
    ),
    assumptions=tours.ASSUMPTIONS,
    prices=tours.PRICES,
    solve=tours.solve,
    needs=("pyvrp", "scipy"),
    budgets=("C62",),
    counted=Label("xe", "vehicles"),
    marks=(
        StudyMark("roads", "line"),
        StudyMark("tours", "line", by="colour", tones={c: (c, touring.series(c)) for c in touring.COLOURS}),
        StudyMark(
            "points",
            "point",
            by="state",
            tones={
                "served": ("existing", touring.STATES["served"]),
                "left": ("poor", touring.STATES["left"]),
                "depot": ("new", touring.STATES["depot"]),
            },
        ),
    ),
    focus="tours",
    compared="km",
)

PACK = Pack(
    name="post",
    title=Label("Bưu chính", "Post"),
    row="I",
    types=(PostalFacility, Parcel, PostalEvent, PostalDay),
    panels=(
        Map(PostalFacility, Label("Cơ sở bưu chính", "Postal facilities"), colour_by="kind"),
        Table(
            PostalFacility,
            Label("Cơ sở bưu chính", "Postal facilities"),
            columns=("name", "area", "sortPerDay", "backlog", "lastSorted", "lastLoad", "lastMass"),
            group="kind",
        ),
        Table(
            Parcel,
            Label("Bưu gửi", "Parcels"),
            columns=("code", "at", "destination", "acceptedAt", "movedAt", "transitDays", "cod", "paid"),
            group="status",
        ),
        Table(
            PostalDay,
            Label("Sản lượng từng ngày", "Day by day"),
            columns=("day", "facility", "sorted", "mass", "load", "accepted", "delivered", "late"),
        ),
    ),
    studies=(_TOURS,),
)
