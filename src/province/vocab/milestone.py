"""Milestones of the plan: steps that somebody sets, and steps of an approved study that the register measures.

Days are civil days of Vietnam as ISO 8601 text, as in `vocab.area`. `line` is the code of a line (`II.4`) or of a
commitment (`B.7`).
"""

# ruff: noqa: N815 - NGSI-LD attribute names are camelCase

from __future__ import annotations

import hashlib
from typing import Annotated, Any, ClassVar, Final

from province.model.label import Label
from province.model.schema import Field, Record, TypeInfo
from province.model.unit import Unit
from province.model.workflow import Edge, Workflow

MILESTONE_STATES: Final = Workflow(
    attribute="status",
    initial="planned",
    final=frozenset(("reached", "dropped")),
    edges=(
        Edge("planned", "planned", "milestone.postponed", Label("Lùi thời hạn", "Postponed")),
        Edge("planned", "reached", "milestone.reached", Label("Hoàn thành, có bằng chứng", "Done, with evidence")),
        Edge("planned", "dropped", "milestone.dropped", Label("Không còn thực hiện", "No longer pursued")),
    ),
    names=(
        ("planned", Label("Chưa hoàn thành", "Planned")),
        ("reached", Label("Đã hoàn thành", "Reached")),
        ("dropped", Label("Đã bỏ", "Dropped")),
    ),
)


class Milestone(Record, frozen=True, kw_only=True):
    """A step of a line or a project, due on a day. firstDueOn: the day set at first, whatever was postponed since.

    study: whose adoption set it: its progress is measured in the register.  measures: the kind of that study.
    planned: what was to be built in all, {"value", "unitCode"}.  share: of it, due by the day.
    """

    TYPE: ClassVar[TypeInfo] = TypeInfo(
        "Milestone", Label("Mốc tiến độ", "Milestone"), title="title", workflow=MILESTONE_STATES, public=True
    )

    line: Annotated[str, Field(Label("Dòng", "Line"), indexed=True, public=True)]
    title: Annotated[str, Field(Label("Mốc", "Milestone"), search=True, public=True)]
    project: Annotated[str | None, Field(Label("Dự án", "Project"), indexed=True, public=True, ref="Project")] = None
    dueOn: Annotated[str, Field(Label("Hạn", "Due on"), indexed=True, public=True)]
    firstDueOn: Annotated[str, Field(Label("Hạn đặt lần đầu", "First due on"), public=True)]
    status: Annotated[
        str, Field(Label("Tình trạng", "Status"), indexed=True, public=True, values=MILESTONE_STATES.states)
    ] = MILESTONE_STATES.initial
    reachedOn: Annotated[str | None, Field(Label("Ngày hoàn thành", "Reached on"), indexed=True, public=True)] = None
    evidence: Annotated[str | None, Field(Label("Bằng chứng", "Evidence"), public=True)] = None
    study: Annotated[
        str | None, Field(Label("Theo phương án", "By the study"), indexed=True, public=True, ref="Study")
    ] = None
    measures: Annotated[str | None, Field(Label("Loại phương án", "Kind of the study"), public=True)] = None
    planned: Annotated[
        dict[str, Any] | None,
        Field(
            Label("Tổng phải làm", "To be built in all"), public=True, hint=Label("Giá trị và đơn vị", "Value, unit")
        ),
    ] = None
    share: Annotated[
        float | None,
        Field(Label("Phần phải xong đến hạn", "Share due by then"), public=True, minimum=0, maximum=100),
        Unit("P1"),
    ] = None


def step_id(study: str, line: str, due: str) -> str:
    """Id of the milestone that the adoption of a study sets on a line for a day: the same every time."""
    return f"urn:ngsi-ld:Milestone:{hashlib.sha256(f'{study} {line} {due}'.encode()).hexdigest()[:32]}"
