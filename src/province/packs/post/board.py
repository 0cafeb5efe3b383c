"""The board of the service level: how many parcels arrive in time, what waits where, how full facilities are."""

from __future__ import annotations

from typing import Final

from province.model.label import Label
from province.model.query import Where
from province.pack import Board, Indicator
from province.packs.post.types import Parcel, PostalFacility

_DELIVERED: Final = Where("status", "==", "delivered")
_REGION: Final = (_DELIVERED, Where("reach", "==", "region"))
_BETWEEN: Final = (_DELIVERED, Where("reach", "==", "between"))

INDICATORS: Final = (
    Indicator(
        "post_on_time_region", "mean", Parcel,
        Label("Phát trong vùng không quá 2 ngày", "Delivered inside the region within 2 days"), "P1",
        where=_REGION, field="onTime",
    ),
    Indicator(
        "post_on_time_between", "mean", Parcel,
        Label("Phát liên tỉnh không quá 5 ngày", "Delivered between provinces within 5 days"), "P1",
        where=_BETWEEN, field="onTime",
    ),
    Indicator(
        "postal_days_inside_region", "mean", Parcel,
        Label("Số ngày phát trong vùng", "Days in transit inside the region"), "DAY",
        where=_REGION, field="transitDays",
    ),
    Indicator(
        "postal_days_between_provinces", "mean", Parcel,
        Label("Số ngày phát liên tỉnh", "Days in transit between provinces"), "DAY",
        where=_BETWEEN, field="transitDays",
    ),
    Indicator(
        "post_backlog", "sum", PostalFacility, Label("Bưu gửi đang tồn", "Parcels waiting"), "C62", field="backlog",
        by="area",
    ),
    Indicator(
        "post_load", "max", PostalFacility,
        Label("Mức sử dụng công suất cao nhất, ngày trước", "Fullest facility on the last whole day"), "P1",
        field="lastLoad",
    ),
    Indicator(
        "post_over_capacity", "over", PostalFacility,
        Label("Cơ sở chạm công suất ngày trước", "Facilities at their capacity on the last whole day"), "C62",
        field="lastSorted", limit="sortPerDay",
    ),
    Indicator(
        "post_mass_day", "sum", PostalFacility,
        Label("Khối lượng qua trung tâm vùng, ngày trước", "Mass through the regional centre on the last whole day"),
        "TNE", where=(Where("kind", "==", "hub"),), field="lastMass",
    ),
    Indicator(
        "post_cash_out", "sum", Parcel, Label("Tiền thu hộ chưa nộp", "Cash collected and not handed over"), "VND",
        where=(Where("paid", "==", "collected"),), field="cod",
    ),
)  # fmt: skip

CAPACITY: Final = (
    Indicator(
        "postal_capacity_day", "sum", PostalFacility,
        Label("Năng lực xử lý một ngày của trung tâm vùng", "Handling capacity of the regional centre per day"), "TNE",
        where=(Where("kind", "==", "hub"), Where("status", "==", "in_service")), field="massPerDay",
    ),
    Indicator(
        "postal_service_radius", "max", PostalFacility,
        Label("Bán kính phục vụ của trung tâm vùng", "Service radius of the regional centre"), "KMT",
        where=(Where("kind", "==", "hub"), Where("status", "==", "in_service")), field="serviceRadius",
    ),
)  # fmt: skip
"""What the plan asks of the centre, as it stands there."""

BOARD: Final = Board(
    "post",
    Label("Bưu chính", "Post"),
    of=PostalFacility,
    field="backlog",
    tiles=INDICATORS,
    types=(PostalFacility,),
    icon="exchange",
)
