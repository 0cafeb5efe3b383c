"""Orders that change areas and agencies: what was decided, from which day it holds, and what it touched."""

# ruff: noqa: N815 - NGSI-LD attribute names are camelCase

from __future__ import annotations

from typing import Annotated, Any, ClassVar, Final

from province.model.label import Label
from province.model.schema import Field, Record, TypeInfo
from province.model.time import Instant
from province.model.workflow import Edge, Workflow

PROGRESS: Final = Workflow(
    attribute="status",
    initial="scheduled",
    final=frozenset(("in_force",)),
    edges=(
        Edge("scheduled", "in_force", "reorganisation.took_effect", Label("Đến ngày hiệu lực", "Its day has come")),
        Edge(
            "scheduled", "withdrawn", "reorganisation.withdrawn", Label("Rút lại trước hiệu lực", "Taken back in time")
        ),
        Edge(
            "scheduled",
            "failed",
            "reorganisation.failed",
            Label("Không còn thực hiện được", "It can no longer be done"),
        ),
        Edge("failed", "scheduled", "reorganisation.scheduled", Label("Quyết định lại", "Decided again")),
        Edge("failed", "in_force", "reorganisation.took_effect", Label("Thực hiện lại", "Carried out after all")),
        Edge("failed", "withdrawn", "reorganisation.withdrawn", Label("Bỏ", "Given up")),
        Edge("withdrawn", "scheduled", "reorganisation.scheduled", Label("Quyết định lại", "Decided again")),
        Edge("withdrawn", "in_force", "reorganisation.took_effect", Label("Quyết định lại", "Decided again")),
    ),
    names=(
        ("scheduled", Label("Chờ hiệu lực", "Scheduled")),
        ("in_force", Label("Đã có hiệu lực", "In force")),
        ("withdrawn", Label("Đã rút lại", "Withdrawn")),
        ("failed", Label("Không thực hiện được", "Failed")),
    ),
)


class Reorganisation(Record, frozen=True, kw_only=True):
    """One order, in force from `effective` at 00:00 in Vietnam. `order`: its articles, as they were decided.

    `touched`: what it touched, counted when it took effect (until then: when it was decided).
    """

    TYPE: ClassVar[TypeInfo] = TypeInfo(
        "Reorganisation",
        Label("Điều chỉnh địa giới, tổ chức", "Reorganisation"),
        title="title",
        workflow=PROGRESS,
        public=True,
        icon="area",
    )

    title: Annotated[str, Field(Label("Nội dung", "What"), indexed=True, search=True, public=True)]
    basis: Annotated[str, Field(Label("Văn bản", "Document"), search=True, public=True)]
    basisDate: Annotated[str | None, Field(Label("Ngày văn bản", "Date of the document"), public=True)] = None
    effective: Annotated[str, Field(Label("Hiệu lực từ ngày", "In force from"), indexed=True, public=True)]
    status: Annotated[str, Field(Label("Tình trạng", "Status"), indexed=True, public=True, values=PROGRESS.states)] = (
        PROGRESS.initial
    )
    areas: Annotated[tuple[str, ...], Field(Label("Đơn vị liên quan", "Areas"), public=True, ref="Area")] = ()
    agencies: Annotated[tuple[str, ...], Field(Label("Cơ quan liên quan", "Agencies"), public=True, ref="Agency")] = ()
    order: Annotated[dict[str, Any], Field(Label("Nội dung chi tiết", "Articles"))]
    touched: Annotated[dict[str, Any] | None, Field(Label("Phạm vi tác động", "What it touches"))] = None
    decidedBy: Annotated[str, Field(Label("Người quyết định", "Decided by"), indexed=True)]
    decidedAt: Annotated[Instant, Field(Label("Quyết định lúc", "Decided at"), indexed=True)]
    carriedOutAt: Annotated[Instant | None, Field(Label("Thực hiện lúc", "Carried out at"), indexed=True)] = None
    reason: Annotated[str, Field(Label("Lý do", "Reason"))] = ""
