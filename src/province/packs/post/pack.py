"""Row I: the regional postal centre 11: facilities, parcels and their events, hubs and tours."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from province.model.label import Label
from province.pack import Action, Ask, Check, Feed, Map, Pack, Round, StudyKind, StudyLayer, StudyMark, Table
from province.packs.post import (
    adopting,
    board,
    epcis,
    following,
    hubs,
    logic,
    scans,
    siting,
    touring,
    tours,
    withdrawing,
)
from province.packs.post.types import Parcel, PostalDay, PostalEvent, PostalFacility
from province.vocab import Area
from province.vocab.road import Road

_ROADS: Final[Mapping[str, Label]] = {
    "name": Label("Tên", "Name"),
    "class": Label("Cấp đường", "Class"),
    "oneway": Label("Một chiều (forward, backward)", "One way (forward, backward)"),
    "kmh": Label("Tốc độ (km/h)", "Speed (km/h)"),
    "osm_id": Label("Mã đường", "Number of the road"),
    "turns": Label("Cấm rẽ", "Forbidden turns"),
}

_TOURS = StudyKind(
    name="tours",
    title=Label("Xếp chuyến phát, chuyến vận chuyển", "Tours of delivery and line haul"),
    layers=(
        StudyLayer(
            "roads",
            Label("Mạng đường", "Roads"),
            of=Road,
            columns=_ROADS,
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

_HUBS = StudyKind(
    name="hubs",
    title=Label("Chọn vị trí trung tâm bưu chính vùng", "Sites of regional postal centres"),
    layers=(
        StudyLayer(
            "demand",
            Label("Nhu cầu", "Demand"),
            of=Area,
            columns={
                "name": Label("Tên", "Name"),
                "volume": Label("Khối lượng (t)", "Volume (t)"),
                "population": Label("Dân số", "Population"),
            },
            required=True,
        ),
        StudyLayer(
            "candidates",
            Label("Vị trí có thể đặt", "Candidate sites"),
            of=PostalFacility,
            columns={
                "name": Label("Tên", "Name"),
                "capacity": Label("Công suất (t)", "Capacity (t)"),
                "cost": Label("Chi phí (đồng)", "Cost (đồng)"),
                "exists": Label("Đã có (1/0)", "Exists (1/0)"),
            },
        ),
        StudyLayer(
            "roads",
            Label("Mạng đường", "Roads"),
            columns=_ROADS,
        ),
    ),
    assumptions=hubs.ASSUMPTIONS,
    prices=hubs.PRICES,
    solve=hubs.solve,
    needs=("highspy", "numba", "scipy"),
    budgets=("C62", "VND"),
    counted=Label("trung tâm", "centres"),
    marks=(
        StudyMark("radius", "area"),
        StudyMark("links", "line"),
        StudyMark(
            "demand",
            "point",
            by="state",
            tones={"inside": ("good", siting.STATES["inside"]), "outside": ("poor", siting.STATES["outside"])},
        ),
        StudyMark(
            "hubs",
            "point",
            by="kind",
            tones={"new": ("new", siting.KINDS["new"]), "existing": ("existing", siting.KINDS["existing"])},
        ),
    ),
    focus="hubs",
    compared="mean",
    adoption=adopting.ADOPTION,
)

PACK = Pack(
    name="post",
    title=Label("Bưu chính", "Post"),
    row="I",
    types=(PostalFacility, Parcel, PostalEvent, PostalDay),
    feeds=(
        Feed(
            "epcis",
            decode=epcis.decode,
            title=Label("Sự kiện EPCIS 2.0 (GS1)", "EPCIS 2.0 events (GS1)"),
            needs="parcel.feed",
            media_types=("application/json", "application/ld+json"),
        ),
        Feed(
            "postal-scans",
            decode=scans.decode,
            title=Label("Quét mã bưu gửi S10, SSCC", "Scans of S10 and SSCC codes"),
            needs="parcel.feed",
        ),
    ),
    rounds=(
        Round(
            "following",
            following.follow,
            (
                Ask("events", following.waiting, PostalEvent, most=400),
                Ask("parcels", following.parcels_of, Parcel),
                Ask("facilities", following.facilities_of, PostalFacility),
                Ask("days", following.days_of, PostalDay),
            ),
        ),
        Round(
            "events taken back",
            withdrawing.take_back,
            (
                Ask("events", withdrawing.withdrawn, PostalEvent, most=400),
                Ask("parcels", following.parcels_of, Parcel),
                Ask("history", withdrawing.history_of, PostalEvent),
                Ask("facilities", withdrawing.facilities_of, PostalFacility),
                Ask("days", withdrawing.days_of, PostalDay),
            ),
        ),
        Round(
            "closing of postal days",
            following.close_days,
            (
                Ask("facilities", following.over, PostalFacility),
                Ask("days", following.days_ended, PostalDay),
            ),
        ),
    ),
    actions=(
        Action(
            logic.collect,
            record=Parcel,
            needs="parcel.collect",
            title=Label("Ghi đã thu tiền", "Cash collected"),
            states=("delivered",),
        ),
        Action(
            logic.hand_over,
            record=Parcel,
            needs="parcel.hand_over",
            title=Label("Ghi đã nộp tiền thu hộ", "Cash handed over"),
            states=("delivered",),
        ),
    ),
    indicators=(*board.INDICATORS, *board.CAPACITY),
    checks=(
        Check(
            "I",
            Label("Trung tâm bưu chính vùng 11 đạt chỉ tiêu", "The postal centre of region 11 reaches its targets"),
            indicators=(
                "postal_capacity_day",
                "postal_service_radius",
                "postal_days_inside_region",
                "postal_days_between_provinces",
            ),
        ),
    ),
    panels=(
        board.BOARD,
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
            columns=("code", "place", "destination", "acceptedAt", "movedAt", "transitDays", "cod", "paid"),
            group="status",
        ),
        Table(
            PostalDay,
            Label("Sản lượng từng ngày", "Day by day"),
            columns=("day", "facility", "sorted", "mass", "load", "accepted", "delivered", "late"),
        ),
    ),
    studies=(_TOURS, _HUBS),
    roles={
        "operator": ("parcel.feed", "parcel.collect", "parcel.hand_over"),
        "integrator": ("parcel.feed",),
    },
)
