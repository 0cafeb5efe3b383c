"""Whom we believe, where an alert is shown, and what became of each delivery."""

# ruff: noqa: N815 - NGSI-LD attribute names are camelCase

from __future__ import annotations

from typing import Annotated, ClassVar, Final

from province.model.label import Label
from province.model.schema import Field, Processing, Record, TypeInfo
from province.model.time import Instant
from province.model.unit import Unit
from province.model.workflow import Edge, Workflow
from province.vocab.privacy import LAW_91
from province.vocab.sensing import Sensor, sensor_info

TRUST: Final = Workflow(
    attribute="status",
    initial="trusted",
    final=frozenset(("withdrawn",)),
    edges=(Edge("trusted", "withdrawn", "trustedsender.revoked", Label("Không tin nữa", "No longer believed")),),
    names=(("trusted", Label("Được tin", "Believed")), ("withdrawn", Label("Đã thôi", "Withdrawn"))),
)
DELIVERY: Final = Workflow(
    attribute="status",
    initial="sending",
    final=frozenset(("acknowledged", "given_up")),
    edges=(
        Edge("sending", "acknowledged", "alertdelivery.acknowledged", Label("Bảng đã xác nhận", "The board answered")),
        Edge(
            "sending", "given_up", "alertdelivery.given_up", Label("Hết hiệu lực trước khi bảng trả lời", "Over first")
        ),
    ),
    names=(
        ("sending", Label("Đang gửi", "Being sent")),
        ("acknowledged", Label("Đã hiển thị", "Shown")),
        ("given_up", Label("Không tới nơi", "Never arrived")),
    ),
)

SUBSCRIPTION: Final = Workflow(
    attribute="status",
    initial="active",
    final=frozenset(("ended",)),
    edges=(Edge("active", "ended", "alertsubscriber.ended", Label("Thôi nhận", "Wants no more")),),
    names=(("active", Label("Đang nhận", "Active")), ("ended", Label("Đã thôi", "Ended"))),
)


class TrustedSender(Record, frozen=True, kw_only=True):
    """A sender whose signed messages are passed on without a person, by the key that signs them."""

    TYPE: ClassVar[TypeInfo] = TypeInfo(
        "TrustedSender",
        Label("Nơi phát được tin", "Believed sender"),
        unique=(("sender", "signerKey"),),
        title="sender",
        workflow=TRUST,
        icon="agency",
        by_actions=True,
        processing=(
            Processing(
                purpose=Label("Biết ai quyết định tin một nơi phát", "To know who decided to believe a sender"),
                ground="task",
                source=LAW_91,
                since="2026-01-01",
            ),
        ),
    )

    sender: Annotated[str, Field(Label("Nơi phát", "Sender"), indexed=True, search=True)]
    signerKey: Annotated[str, Field(Label("Khoá ký (SHA-256)", "Signer's key (SHA-256)"), indexed=True)]
    signerName: Annotated[str, Field(Label("Chứng thư ký", "Signer's certificate"))] = ""
    status: Annotated[str, Field(Label("Tình trạng", "State"), indexed=True, values=TRUST.states)] = TRUST.initial
    reason: Annotated[str, Field(Label("Căn cứ", "On what ground"))]
    trustedAt: Annotated[Instant, Field(Label("Từ lúc", "Since"), indexed=True)]
    trustedBy: Annotated[str | None, Field(Label("Người quyết định", "Decided by"), personal=True)] = None


class AlertBoard(Sensor, frozen=True, kw_only=True):
    """A board, siren or loudspeaker that shows alerts. It listens by MQTT and says which alert it shows."""

    TYPE: ClassVar[TypeInfo] = sensor_info("AlertBoard", Label("Bảng cảnh báo", "Alert board"), "device")

    shownAlert: Annotated[str | None, Field(Label("Đang hiển thị", "Shows"), observed=True, public=True)] = None


class AlertDelivery(Record, frozen=True, kw_only=True):
    """One alert on its way to one board, until the board has answered."""

    TYPE: ClassVar[TypeInfo] = TypeInfo(
        "AlertDelivery",
        Label("Lượt phát tới bảng", "Delivery to a board"),
        title="board",
        workflow=DELIVERY,
        icon="device",
        by_actions=True,
    )

    alert: Annotated[str, Field(Label("Cảnh báo", "Alert"), indexed=True, ref="PublicAlert")]
    board: Annotated[str, Field(Label("Bảng", "Board"), indexed=True, ref="AlertBoard")]
    status: Annotated[str, Field(Label("Tình trạng", "State"), indexed=True, values=DELIVERY.states)] = DELIVERY.initial
    area: Annotated[str | None, Field(Label("Địa bàn", "Area"), indexed=True, ref="Area")] = None
    beganAt: Annotated[Instant, Field(Label("Bắt đầu", "Began"), indexed=True)]
    acknowledgedAt: Annotated[Instant | None, Field(Label("Bảng trả lời lúc", "Answered at"), indexed=True)] = None
    delay: Annotated[float | None, Field(Label("Sau", "After"), minimum=0), Unit("SEC")] = None


class AlertSubscriber(Record, frozen=True, kw_only=True):
    """A school, an enterprise, a newsroom that gets alerts by mail: of its areas, or of all."""

    TYPE: ClassVar[TypeInfo] = TypeInfo(
        "AlertSubscriber",
        Label("Nơi nhận cảnh báo qua thư", "Subscriber by mail"),
        unique=(("address",),),
        title="name",
        workflow=SUBSCRIPTION,
        icon="people",
        by_actions=True,
        processing=(
            Processing(
                purpose=Label("Gửi cảnh báo cho nơi đã đăng ký", "To send alerts to those who asked for them"),
                ground="task",
                source=LAW_91,
                since="2026-01-01",
            ),
        ),
    )

    name: Annotated[str, Field(Label("Tên", "Name"), indexed=True, search=True)]
    address: Annotated[str, Field(Label("Địa chỉ thư", "Mail address"), indexed=True, personal=True)]
    areas: Annotated[
        tuple[str, ...],
        Field(Label("Địa bàn", "Areas"), ref="Area", hint=Label("Để trống: mọi địa bàn", "Empty: all of them")),
    ] = ()
    status: Annotated[str, Field(Label("Tình trạng", "State"), indexed=True, values=SUBSCRIPTION.states)] = (
        SUBSCRIPTION.initial
    )
    since: Annotated[Instant, Field(Label("Từ lúc", "Since"), indexed=True)]
