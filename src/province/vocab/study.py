"""Planning studies: a question with its inputs, assumptions and budget, the computed plan, and who approved it.

A study is one scenario. A copy with other assumptions is another study that says what it was copied from; a computed
study never changes, so that what was approved stays what was computed.
"""

# ruff: noqa: N815 - NGSI-LD attribute names are camelCase

from __future__ import annotations

from typing import Annotated, Any, ClassVar, Final

from province.model.label import Label
from province.model.schema import Field, TypeInfo
from province.model.time import Instant
from province.model.unit import Unit
from province.model.workflow import Edge, Workflow
from province.vocab.case import Case

STUDY: Final = Workflow(
    attribute="status",
    initial="draft",
    final=frozenset(("approved", "withdrawn")),
    edges=(
        Edge("draft", "queued", "study.queued", Label("Cho chạy", "To be computed")),
        Edge("draft", "withdrawn", "study.withdrawn", Label("Không dùng nữa", "No longer needed")),
        Edge("queued", "running", "study.started", Label("Bắt đầu tính", "The computation began")),
        Edge("queued", "cancelled", "study.cancelled", Label("Dừng", "Cancelled")),
        Edge("queued", "failed", "study.failed", Label("Không tính được", "It could not be computed")),
        Edge("running", "computed", "study.computed", Label("Đã tính xong", "The plan is there")),
        Edge("running", "failed", "study.failed", Label("Không tính được", "It could not be computed")),
        Edge("running", "cancelled", "study.cancelled", Label("Dừng", "Cancelled")),
        Edge("failed", "queued", "study.queued", Label("Cho chạy lại", "To be computed again")),
        Edge("failed", "withdrawn", "study.withdrawn", Label("Không dùng nữa", "No longer needed")),
        Edge("cancelled", "queued", "study.queued", Label("Cho chạy lại", "To be computed again")),
        Edge("cancelled", "withdrawn", "study.withdrawn", Label("Không dùng nữa", "No longer needed")),
        Edge("computed", "submitted", "study.submitted", Label("Trình phê duyệt", "Sent for approval")),
        Edge("computed", "withdrawn", "study.withdrawn", Label("Không dùng nữa", "No longer needed")),
        Edge("submitted", "approved", "study.approved", Label("Phê duyệt", "Approved")),
        Edge("submitted", "returned", "study.returned", Label("Trả lại để làm rõ", "Sent back with a reason")),
        Edge("returned", "submitted", "study.submitted", Label("Trình lại", "Sent for approval again")),
        Edge("returned", "withdrawn", "study.withdrawn", Label("Không dùng nữa", "No longer needed")),
    ),
    names=(
        ("draft", Label("Đang soạn", "Draft")),
        ("queued", Label("Chờ tính", "Waiting to be computed")),
        ("running", Label("Đang tính", "Being computed")),
        ("computed", Label("Đã có phương án", "Computed")),
        ("failed", Label("Không tính được", "Failed")),
        ("cancelled", Label("Đã dừng", "Cancelled")),
        ("submitted", Label("Chờ phê duyệt", "Waiting for approval")),
        ("returned", Label("Bị trả lại", "Sent back")),
        ("approved", Label("Đã phê duyệt", "Approved")),
        ("withdrawn", Label("Không dùng", "Withdrawn")),
    ),
)
BUDGET_UNITS: Final = (
    ("VND", Label("đồng", "đồng")),
    ("C62", Label("số lượng", "a number")),
    ("MTR", Label("m", "m")),
    ("HAR", Label("ha", "ha")),
)
"""Units of a budget. A kind of study says what its number is a number of."""
COMPUTED: Final = ("computed", "submitted", "returned", "approved")
"""States of a study that has a plan."""


class Study(Case, frozen=True, kw_only=True):
    """One scenario. layers: name → {file, name, rows, credit}, of those given by file.  assumptions: those that the
    planner gave, name → {value, unit, source}.  problem: file with all inputs as they were when it was computed.
    outcome: file with everything that came of it.
    adoption: {state: adopting, adopted or failed; by, at, line, steps; items, planned, lines once they stand}."""

    TYPE: ClassVar[TypeInfo] = TypeInfo(
        "Study", Label("Phương án quy hoạch", "Planning study"), title="title", workflow=STUDY, icon="chart",
        by_actions=True,
    )  # fmt: skip

    title: Annotated[str, Field(Label("Tên phương án", "Title"), indexed=True, search=True)]
    kind: Annotated[str, Field(Label("Loại bài toán", "Kind"), indexed=True)]
    status: Annotated[str, Field(Label("Tình trạng", "Status"), indexed=True, values=STUDY.states)] = STUDY.initial
    budget: Annotated[
        dict[str, Any], Field(Label("Ngân sách", "Budget"), hint=Label("Giá trị và đơn vị", "Value and unit code"))
    ]
    layers: Annotated[dict[str, Any] | None, Field(Label("Lớp dữ liệu từ tệp", "Layers from files"))] = None
    assumptions: Annotated[dict[str, Any] | None, Field(Label("Giả định đã đặt", "Assumptions given"))] = None
    seconds: Annotated[float, Field(Label("Thời gian tìm kiếm", "Time of the search"), minimum=1), Unit("SEC")] = 20.0
    basedOn: Annotated[str | None, Field(Label("Sao từ phương án", "Copied from"), indexed=True, ref="Study")] = None
    problem: Annotated[str | None, Field(Label("Mã băm của bài toán", "Hash of the problem"))] = None
    createdBy: Annotated[str | None, Field(Label("Người lập", "By"), indexed=True)] = None
    startedAt: Annotated[Instant | None, Field(Label("Bắt đầu tính", "Computation began"))] = None
    finishedAt: Annotated[Instant | None, Field(Label("Tính xong", "Computation ended"), indexed=True)] = None
    progress: Annotated[float | None, Field(Label("Tiến độ", "Progress"), minimum=0, maximum=100), Unit("P1")] = None
    stage: Annotated[dict[str, Any] | None, Field(Label("Bước đang làm", "Stage"))] = None
    failure: Annotated[str | None, Field(Label("Vì sao không tính được", "Why it failed"))] = None
    remedy: Annotated[str | None, Field(Label("Cách khắc phục", "What to do"))] = None
    objective: Annotated[
        dict[str, Any] | None, Field(Label("Kết quả", "Objective"), hint=Label("Giá trị và đơn vị", "Value and unit"))
    ] = None
    gap: Annotated[float | None, Field(Label("Khoảng cách tới cận", "Gap to the bound"), minimum=0), Unit("P1")] = None
    isChecked: Annotated[bool | None, Field(Label("Đã kiểm chứng độc lập", "Checked"), indexed=True)] = None
    partial: Annotated[bool | None, Field(Label("Kết quả một phần", "Partial"), indexed=True)] = None
    outcome: Annotated[str | None, Field(Label("Mã băm của kết quả", "Hash of the outcome"))] = None
    decidedBy: Annotated[str | None, Field(Label("Người quyết định", "Decided by"), indexed=True)] = None
    decidedAt: Annotated[Instant | None, Field(Label("Quyết định lúc", "Decided at"), indexed=True)] = None
    adoption: Annotated[
        dict[str, Any] | None,
        Field(
            Label("Đưa vào thực hiện", "Adoption"),
            hint=Label("Tình trạng, các mốc, số mục phải làm", "State, steps, what is to be built"),
        ),
    ] = None

    @property
    def cited(self) -> str:
        """The study with its decision, as the source of what its plan enters into a register."""
        return f"{self.title}. {self.remark or ''}".strip()


RUN: Final = "study.run"
"""Name of the job that computes a study."""
ADOPT: Final = "study.adopt"
"""Name of the job that enters an approved plan into the registers."""


def study_id(nonce: str) -> str:
    """Id of a new study. nonce: random hex digits."""
    return f"urn:ngsi-ld:Study:{nonce[:24]}"
