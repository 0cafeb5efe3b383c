"""Row II.1: inter-provincial transmission: the inventory, what one failure cuts off, rings, capacity."""

from __future__ import annotations

from province.model.label import Label
from province.model.query import Where
from province.pack import Action, Indicator, Map, Pack, Table
from province.packs.transmission import kinds, logic
from province.packs.transmission.types import FibreRoute, TransmissionLink, TransmissionNode

_WORK = (
    "fibreroute.commission", "fibreroute.interrupt", "fibreroute.restore", "fibreroute.allocate",
    "transmissionlink.decide", "transmissionlink.upgrade", "transmissionlink.abandon", "transmissionlink.record_peak",
)  # fmt: skip
_IN_SERVICE = (Where("status", "==", "in_service"),)
_COUNTED = (*_IN_SERVICE, Where("fibres", "exists"), Where("fibresUsed", "exists"))
"""Cables of which both numbers are known: a share of others would be too small."""

PACK = Pack(
    name="transmission",
    title=Label("Truyền dẫn liên tỉnh", "Inter-provincial transmission"),
    row="II.1",
    types=(TransmissionNode, FibreRoute, TransmissionLink),
    actions=(
        Action(logic.commission, record=FibreRoute, needs="fibreroute.commission",
               title=Label("Đưa vào khai thác", "Put into service")),
        Action(logic.interrupt, record=FibreRoute, needs="fibreroute.interrupt",
               title=Label("Ghi gián đoạn", "Interrupted")),
        Action(logic.restore, record=FibreRoute, needs="fibreroute.restore",
               title=Label("Đã khôi phục", "Restored")),
        Action(logic.allocate, record=FibreRoute, needs="fibreroute.allocate",
               title=Label("Cấp hoặc thu hồi sợi", "Allocate fibres")),
        Action(logic.decide, record=TransmissionLink, needs="transmissionlink.decide",
               title=Label("Ghi dự án nâng cấp", "Decide an upgrade")),
        Action(logic.upgrade, record=TransmissionLink, needs="transmissionlink.upgrade",
               title=Label("Đã nâng cấp", "Upgraded")),
        Action(logic.abandon, record=TransmissionLink, needs="transmissionlink.abandon",
               title=Label("Bỏ dự án nâng cấp", "Abandon the upgrade")),
        Action(logic.record_peak, record=TransmissionLink, needs="transmissionlink.record_peak",
               title=Label("Ghi lưu lượng đỉnh năm", "Record a year's peak")),
    ),
    indicators=(
        Indicator("fibre_length_m", "sum", of=FibreRoute, unit="MTR", field="length", where=_IN_SERVICE,
                  title=Label("Chiều dài cáp quang đang khai thác", "Length of fibre cables in service")),
        Indicator("fibre_count", "sum", of=FibreRoute, unit="C62", field="fibres", where=_IN_SERVICE,
                  title=Label("Số sợi quang đang khai thác", "Fibres in service")),
        Indicator("fibre_used", "sum", of=FibreRoute, unit="C62", field="fibresUsed", where=_IN_SERVICE,
                  title=Label("Số sợi quang đã dùng", "Fibres in use")),
        Indicator("fibre_use", "sum", of=FibreRoute, unit="P1", field="fibresUsed", where=_COUNTED,
                  title=Label("Tỷ lệ sợi quang đã dùng", "Fibres in use, of all counted"),
                  per=Indicator("fibre_counted", "sum", of=FibreRoute, unit="C62", field="fibres", where=_COUNTED,
                                title=Label("Số sợi của tuyến đã kiểm đếm", "Fibres of counted cables"))),
        Indicator("fibre_underground", "sum", of=FibreRoute, unit="P1", field="length",
                  where=(*_IN_SERVICE, Where("laying", "in", ["duct", "buried"])),
                  title=Label("Tỷ lệ cáp quang đi ngầm theo chiều dài", "Fibre cables under the ground, by length"),
                  per=Indicator("fibre_laying_known", "sum", of=FibreRoute, unit="MTR", field="length",
                                where=(*_IN_SERVICE, Where("laying", "exists")),
                                title=Label("Chiều dài cáp đã biết cách đặt", "Length whose laying is known"))),
        Indicator("fibre_full", "over", of=FibreRoute, unit="C62", field="fibresUsed", limit="fibres",
                  where=_IN_SERVICE, title=Label("Tuyến cáp đã hết sợi", "Cables without a free fibre")),
        Indicator("fibre_interrupted", "count", of=FibreRoute, unit="C62",
                  where=(Where("status", "==", "interrupted"),),
                  title=Label("Tuyến cáp đang gián đoạn", "Cables interrupted")),
        Indicator("transmission_capacity", "sum", of=TransmissionLink, unit="B80", field="capacity",
                  where=_IN_SERVICE, title=Label("Dung lượng truyền dẫn đang mở", "Transmission capacity lit")),
        Indicator("transmission_full", "over", of=TransmissionLink, unit="C62", field="load", limit="capacity",
                  where=_IN_SERVICE, title=Label("Hệ thống đang đầy", "Systems that are full")),
    ),
    panels=(
        Map(FibreRoute, Label("Tuyến cáp quang", "Fibre cables"), colour_by="status"),
        Map(TransmissionNode, Label("Trạm truyền dẫn", "Transmission nodes"), colour_by="kind"),
        Table(
            FibreRoute, Label("Tuyến cáp quang", "Fibre cables"), group="status",
            columns=("code", "name", "start", "finish", "length", "fibres", "fibresUsed", "laying", "owner"),
        ),
        Table(
            TransmissionLink, Label("Hệ thống truyền dẫn", "Transmission systems"), group="status",
            columns=("code", "name", "start", "finish", "capacity", "upgradeTo", "upgradeYear"),
        ),
        Table(
            TransmissionNode, Label("Trạm truyền dẫn", "Transmission nodes"), group="kind",
            columns=("code", "name", "province", "load", "owner"),
        ),
    ),
    studies=kinds.STUDIES,
    roles=dict.fromkeys(("operator", "steward"), _WORK),
)  # fmt: skip
