"""Row III.2b, alerts to the public: CAP 1.2 in and out."""

from __future__ import annotations

from province.model.label import Label
from province.model.query import Where
from province.pack import Action, Ask, Command, Feed, Indicator, Map, Pack, Read, Round, Rule, Table
from province.packs.alerts import carrying, feeds, issuing, logic
from province.packs.alerts.types import AlertBoard, AlertDelivery, AlertSubscriber, TrustedSender
from province.vocab.area import Area
from province.vocab.public_alert import PublicAlert

_FORMER = Read("former", logic.replaced_by, PublicAlert)
_AROUND = Read("around", logic.areas_around, Area)

PACK = Pack(
    name="alerts",
    title=Label("Cảnh báo cho người dân", "Alerts to the public"),
    row="III.2b",
    types=(TrustedSender, AlertBoard, AlertDelivery, AlertSubscriber),
    feeds=(
        Feed(
            "cap",
            decode=feeds.from_cap,
            title=Label("Cảnh báo theo CAP 1.2 có chữ ký số", "Signed CAP 1.2 alerts"),
            needs="publicalert.feed",
            media_types=("application/cap+xml", "application/xml", "text/xml"),
        ),
    ),
    rules=(
        Rule(
            on="publicalert.created",
            do=logic.look_up,
            record=PublicAlert,
            reads=(Read("chosen", logic.areas_chosen, Area), _AROUND),
        ),
        Rule(
            on="publicalert.received",
            do=logic.judge,
            record=PublicAlert,
            reads=(
                Read("senders", logic.believed, TrustedSender),
                Read("earlier", logic.referred, PublicAlert),
                _AROUND,
            ),
        ),
        Rule(
            on="publicalert.released",
            do=logic.mail,
            record=PublicAlert,
            reads=(Read("subscribed", logic.subscribers, AlertSubscriber),),
        ),
    ),
    rounds=(
        Round("ending of alerts", carrying.end, (Ask("over", carrying.over, PublicAlert),)),
        Round(
            "telling of boards",
            carrying.begin,
            (
                Ask("alerts", carrying.in_force, PublicAlert),
                Ask("boards", carrying.boards, None),
                Ask("begun", carrying.begun, AlertDelivery),
            ),
        ),
    ),
    commands=(
        Command(
            "alert",
            of=AlertDelivery,
            waiting=(Where("status", "==", "sending"),),
            device="board",
            about="alert",
            tell=carrying.tell,
            answered=carrying.answered,
            over=carrying.give_up,
        ),
    ),
    actions=(
        Action(
            logic.subscribe,
            record=AlertSubscriber,
            needs="alertsubscriber.manage",
            title=Label("Thêm nơi nhận thư", "Add a subscriber by mail"),
            creates=True,
        ),
        Action(
            logic.unsubscribe,
            record=AlertSubscriber,
            needs="alertsubscriber.manage",
            title=Label("Thôi gửi", "Send no more"),
            states=("active",),
        ),
        Action(
            issuing.prepare,
            record=PublicAlert,
            needs="publicalert.prepare",
            title=Label("Soạn cảnh báo", "Prepare an alert"),
            creates=True,
        ),
        Action(
            issuing.release,
            record=PublicAlert,
            needs="publicalert.release",
            title=Label("Phát cảnh báo", "Release"),
            states=("prepared",),
            reads=(_FORMER,),
        ),
        Action(
            issuing.confirm,
            record=PublicAlert,
            needs="publicalert.release",
            title=Label("Đồng ý phát (người thứ hai)", "Agree as the second person"),
            states=("waiting",),
            reads=(_FORMER,),
        ),
        Action(
            issuing.revise,
            record=PublicAlert,
            needs="publicalert.prepare",
            title=Label("Soạn bản cập nhật", "Prepare an update"),
            states=("in_force",),
        ),
        Action(
            issuing.all_clear,
            record=PublicAlert,
            needs="publicalert.release",
            title=Label("Báo hết nguy hiểm", "All clear"),
            states=("in_force",),
        ),
        Action(
            issuing.cancel,
            record=PublicAlert,
            needs="publicalert.release",
            title=Label("Huỷ cảnh báo", "Cancel"),
            states=("in_force",),
        ),
        Action(
            issuing.discard,
            record=PublicAlert,
            needs="publicalert.prepare",
            title=Label("Bỏ bản soạn", "Discard"),
            states=("prepared", "waiting"),
        ),
        Action(
            logic.trust,
            record=PublicAlert,
            needs="trustedsender.decide",
            title=Label("Tin nơi phát này", "Believe this sender"),
            states=("prepared", "in_force", "expired"),
        ),
        Action(
            logic.withdraw,
            record=TrustedSender,
            needs="trustedsender.decide",
            title=Label("Thôi tin", "Believe no longer"),
            states=("trusted",),
        ),
    ),
    indicators=(
        Indicator(
            "public_alerts_in_force",
            "count",
            of=PublicAlert,
            title=Label("Cảnh báo đang hiệu lực", "Alerts to the public in force"),
            unit="C62",
            where=(Where("status", "==", "in_force"), Where("published", "==", True)),
            public=True,
        ),
        Indicator(
            "public_alerts_issued",
            "count",
            of=PublicAlert,
            title=Label("Cảnh báo đã phát", "Alerts issued"),
            unit="C62",
            where=(
                Where("direction", "==", "issued"),
                Where("messageStatus", "==", "Actual"),
                Where("releasedAt", "exists"),
            ),
        ),
        Indicator(
            "alert_deliveries_lost",
            "count",
            of=AlertDelivery,
            title=Label("Lượt phát không tới bảng", "Deliveries that no board answered"),
            unit="C62",
            where=(Where("status", "==", "given_up"),),
        ),
    ),
    panels=(
        Map(PublicAlert, Label("Cảnh báo cho người dân", "Alerts to the public"), colour_by="severity"),
        Table(
            PublicAlert,
            Label("Cảnh báo cho người dân", "Alerts to the public"),
            columns=("title", "severity", "messageType", "sender", "sentAt", "endsAt"),
            group="status",
        ),
        Table(AlertBoard, Label("Bảng cảnh báo", "Alert boards"), columns=("name", "area", "lifecycle", "shownAlert")),
        Table(
            AlertDelivery,
            Label("Lượt phát tới bảng", "Deliveries to boards"),
            columns=("board", "alert", "beganAt", "acknowledgedAt", "delay"),
            group="status",
        ),
        Table(
            AlertSubscriber,
            Label("Nơi nhận cảnh báo qua thư", "Subscribers by mail"),
            columns=("name", "areas", "since"),
            group="status",
        ),
        Table(
            TrustedSender,
            Label("Nơi phát được tin", "Believed senders"),
            columns=("sender", "signerName", "trustedAt", "reason"),
            group="status",
        ),
    ),
    roles={
        "operator": ("publicalert.prepare",),
        "alert-officer": (
            "alertsubscriber.manage",
            "alertsubscriber.personal",
            "publicalert.prepare",
            "publicalert.release",
            "publicalert.personal",
        ),
        "emergency-commander": ("publicalert.prepare", "publicalert.release", "publicalert.personal"),
        "decision-maker": ("publicalert.release", "publicalert.personal"),
        "centre-administrator": ("trustedsender.decide",),
        "integrator": ("publicalert.feed",),
    },
)
