"""Rows P.0 and P.1: the Annex as the front door; targets, owners, projects and milestones behind every line."""

from __future__ import annotations

from province.model.label import Label
from province.model.query import Where
from province.pack import Action, Check, Indicator, Map, Pack, Read, Rule, Table
from province.packs.plan import logic
from province.packs.plan.judging import every_line_stands
from province.packs.plan.types import (
    Commitment,
    PlanLine,
    PlanMeasurement,
    PlanOwner,
    PlanPlace,
    PlanTarget,
    Project,
    TransformationIndex,
)
from province.vocab.milestone import Milestone

_PROJECT = ("project.register", "project.decide", "project.disburse", "project.accept", "project.cancel")
_MILESTONE = ("milestone.plan", "milestone.report", "milestone.postpone", "milestone.drop")

PACK = Pack(
    name="plan",
    title=Label("Quy hoạch (Phụ lục XIV)", "The plan (Annex XIV)"),
    row="P.0",
    types=(
        PlanLine,
        Commitment,
        PlanTarget,
        PlanOwner,
        PlanPlace,
        PlanMeasurement,
        TransformationIndex,
        Project,
    ),
    rules=(
        Rule(
            on="project.created",
            do=logic.question_line,
            record=Project,
            reads=(
                Read("lines", logic.lines_named, PlanLine),
                Read("commitments", logic.commitments_named, Commitment),
            ),
        ),
    ),
    actions=(
        Action(
            logic.register,
            record=Project,
            needs="project.register",
            title=Label("Đăng ký dự án", "Register a project"),
            creates=True,
        ),
        Action(
            logic.decide,
            record=Project,
            needs="project.decide",
            title=Label("Ghi quyết định đầu tư", "Record an investment decision"),
            states=("registered", "decided", "started"),
        ),
        Action(
            logic.disburse,
            record=Project,
            needs="project.disburse",
            title=Label("Ghi giải ngân", "Record a disbursement"),
            states=("decided", "started"),
        ),
        Action(
            logic.accept,
            record=Project,
            needs="project.accept",
            title=Label("Ghi nghiệm thu", "Record the acceptance"),
            states=("decided", "started"),
        ),
        Action(
            logic.cancel,
            record=Project,
            needs="project.cancel",
            title=Label("Dừng dự án", "Cancel"),
            states=("registered", "decided", "started"),
        ),
        Action(
            logic.plan,
            record=Milestone,
            needs="milestone.plan",
            title=Label("Đặt mốc tiến độ", "Set a milestone"),
            creates=True,
        ),
        Action(
            logic.report,
            record=Milestone,
            needs="milestone.report",
            title=Label("Báo hoàn thành mốc", "Report a milestone as reached"),
            states=("planned",),
        ),
        Action(
            logic.postpone,
            record=Milestone,
            needs="milestone.postpone",
            title=Label("Lùi thời hạn", "Postpone"),
            states=("planned",),
        ),
        Action(
            logic.drop,
            record=Milestone,
            needs="milestone.drop",
            title=Label("Bỏ mốc", "Drop"),
            states=("planned",),
        ),
    ),
    indicators=(
        Indicator(
            "plan_lines",
            "count",
            of=PlanLine,
            title=Label("Dòng Phụ lục XIV", "Lines of Annex XIV"),
            unit="C62",
            public=True,
        ),
        Indicator(
            "projects_under_way",
            "count",
            of=Project,
            title=Label("Dự án đang thực hiện", "Projects under way"),
            unit="C62",
            where=(Where("status", "==", "started"),),
            row="P.1",
            public=True,
        ),
    ),
    checks=(
        Check(
            "P.0",
            Label("35 dòng Phụ lục XIV đều có mặt", "All 35 lines of Annex XIV stand in the system"),
            indicators=("plan_lines",),
            judge=every_line_stands,
        ),
    ),
    panels=(
        Table(
            Project,
            Label("Dự án của quy hoạch", "Projects of the plan"),
            ("code", "title", "line", "investor"),
            group="status",
        ),
        Map(Project, Label("Dự án của quy hoạch", "Projects of the plan"), colour_by="status"),
        Table(Milestone, Label("Mốc tiến độ", "Milestones"), ("title", "line", "dueOn", "reachedOn"), group="status"),
        Table(PlanTarget, Label("Chỉ tiêu", "Targets"), ("title", "line", "dueYear", "edition", "source")),
        Table(
            PlanOwner,
            Label("Cơ quan chủ trì theo thời gian", "Owners in time"),
            ("line", "agency", "validFrom", "validTo"),
        ),
    ),
    roles={
        "steward": (*_PROJECT, *_MILESTONE),
        "operator": ("milestone.report",),
    },
)
