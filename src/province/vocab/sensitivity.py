"""How a computed plan changes when its assumptions do: one run over variants of one study."""

# ruff: noqa: N815 - NGSI-LD attribute names are camelCase

from __future__ import annotations

from typing import Annotated, Any, ClassVar, Final

from province.model.label import Label
from province.model.schema import Field, Record, TypeInfo
from province.model.time import Instant
from province.model.unit import Unit
from province.model.workflow import Edge, Workflow

SENSITIVITY: Final = Workflow(
    attribute="status",
    initial="queued",
    final=frozenset(("computed", "failed", "cancelled")),
    edges=(
        Edge("queued", "running", "sensitivity.started", Label("Bắt đầu tính", "The computation began")),
        Edge("queued", "cancelled", "sensitivity.cancelled", Label("Dừng", "Cancelled")),
        Edge("running", "computed", "sensitivity.computed", Label("Đã tính xong", "The variants are there")),
        Edge("running", "failed", "sensitivity.failed", Label("Không tính được", "It could not be computed")),
        Edge("running", "cancelled", "sensitivity.cancelled", Label("Dừng", "Cancelled")),
    ),
    names=(
        ("queued", Label("Chờ tính", "Waiting to be computed")),
        ("running", Label("Đang tính", "Being computed")),
        ("computed", Label("Đã tính xong", "Computed")),
        ("failed", Label("Không tính được", "Failed")),
        ("cancelled", Label("Đã dừng", "Cancelled")),
    ),
)


class Sensitivity(Record, frozen=True, kw_only=True):
    """A run over variants of a study. varied: {name, share} or {name, values}; the name `budget` is the budget.

    problem: of the study, as it was computed.  outcome: file with every variant.
    """

    TYPE: ClassVar[TypeInfo] = TypeInfo(
        "Sensitivity", Label("Phân tích độ nhạy", "Sensitivity analysis"), workflow=SENSITIVITY, icon="chart",
        by_actions=True,
    )  # fmt: skip

    study: Annotated[str, Field(Label("Phương án", "Study"), indexed=True, ref="Study")]
    varied: Annotated[
        tuple[dict[str, Any], ...],
        Field(Label("Giả định được thay đổi", "Varied"), hint=Label("Tên và khoảng", "Name and range")),
    ]
    status: Annotated[str, Field(Label("Tình trạng", "Status"), indexed=True, values=SENSITIVITY.states)] = (
        SENSITIVITY.initial
    )
    createdBy: Annotated[str | None, Field(Label("Người lập", "By"), indexed=True)] = None
    startedAt: Annotated[Instant | None, Field(Label("Bắt đầu tính", "Computation began"))] = None
    finishedAt: Annotated[Instant | None, Field(Label("Tính xong", "Computation ended"), indexed=True)] = None
    progress: Annotated[float | None, Field(Label("Tiến độ", "Progress"), minimum=0, maximum=100), Unit("P1")] = None
    stage: Annotated[dict[str, Any] | None, Field(Label("Bước đang làm", "Stage"))] = None
    failure: Annotated[str | None, Field(Label("Vì sao không tính được", "Why it failed"))] = None
    remedy: Annotated[str | None, Field(Label("Cách khắc phục", "What to do"))] = None
    outcome: Annotated[str | None, Field(Label("Mã băm của kết quả", "Hash of the outcome"))] = None


VARY: Final = "study.vary"
"""Name of the job that computes the variants."""
BUDGET: Final = "budget"
"""What stands for the budget among what is varied."""


def sensitivity_id(nonce: str) -> str:
    """Id of a new run. nonce: random hex digits."""
    return f"urn:ngsi-ld:Sensitivity:{nonce[:24]}"
