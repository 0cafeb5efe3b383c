"""Row III.2e: a citizen reports, the right agency answers, everybody sees the clock."""

from __future__ import annotations

from province.model.label import Label
from province.model.query import Where
from province.pack import Action, Check, Feed, Indicator, Map, Pack, Read, Rule, Table
from province.packs.reports import feeds, judging, logic
from province.packs.reports.types import Report
from province.vocab.agency import Agency
from province.vocab.area import Area
from province.vocab.mandate import Mandate

_OPEN = Where("status", "in", ["new", "assigned", "in_progress", "disputed", "reopened"])

PACK = Pack(
    name="reports",
    title=Label("Phản ánh, kiến nghị", "Citizen reports"),
    row="III.2e",
    types=(Report,),
    feeds=(
        Feed(
            "open311",
            decode=feeds.from_open311,
            title=Label("Phản ánh theo Open311 GeoReport v2", "Open311 GeoReport v2 requests"),
            needs="report.feed",
        ),
    ),
    rules=(
        Rule(
            on="report.created",
            do=logic.route,
            record=Report,
            reads=(
                Read("areas", logic.areas_here, Area),
                Read("agencies", logic.agencies_now, Agency),
                Read("around", logic.reports_around, Report),
                Read("mandates", logic.mandates_now, Mandate),
            ),
        ),
    ),
    actions=(
        Action(
            logic.submit,
            record=Report,
            needs="report.submit",
            title=Label("Gửi phản ánh", "Send a report"),
            creates=True,
            public=True,
            files=True,
        ),
        Action(
            logic.assign,
            record=Report,
            needs="report.assign",
            title=Label("Giao xử lý", "Assign"),
            states=("new", "assigned", "in_progress", "reopened"),
        ),
        Action(
            logic.start,
            record=Report,
            needs="report.start",
            title=Label("Bắt đầu xử lý", "Start"),
            states=("assigned", "reopened"),
        ),
        Action(
            logic.resolve,
            record=Report,
            needs="report.resolve",
            title=Label("Báo đã xử lý", "Resolve"),
            states=("in_progress",),
        ),
        Action(
            logic.reject,
            record=Report,
            needs="report.reject",
            title=Label("Từ chối", "Reject"),
            states=("new", "assigned"),
        ),
        Action(
            logic.dispute,
            record=Report,
            needs="report.dispute",
            title=Label("Chưa đồng ý", "Disagree"),
            public=True,
            states=("resolved", "rejected"),
        ),
        Action(
            logic.reopen,
            record=Report,
            needs="report.reopen",
            title=Label("Xử lý lại", "Reopen"),
            states=("disputed",),
        ),
        Action(
            logic.close,
            record=Report,
            needs="report.close",
            title=Label("Đóng", "Close"),
            states=("resolved", "disputed"),
        ),
        Action(logic.publish, record=Report, needs="report.publish", title=Label("Công khai", "Publish")),
        Action(logic.withdraw, record=Report, needs="report.publish", title=Label("Gỡ công khai", "Withdraw")),
    ),
    indicators=(
        Indicator(
            "open_reports",
            "count",
            of=Report,
            title=Label("Phản ánh đang mở", "Open reports"),
            unit="C62",
            where=(_OPEN,),
        ),
        Indicator(
            "disputed_reports",
            "count",
            of=Report,
            title=Label("Phản ánh chưa đồng ý", "Disputed reports"),
            unit="C62",
            where=(Where("status", "==", "disputed"),),
        ),
        Indicator(
            "reports_received",
            "count",
            of=Report,
            title=Label("Phản ánh đã nhận", "Reports received"),
            unit="C62",
            public=True,
        ),
        Indicator(
            "reports_without_agency",
            "count",
            of=Report,
            title=Label("Phản ánh chưa có cơ quan xử lý", "Reports that no agency has"),
            unit="C62",
            where=(Where("status", "==", "new"),),
            public=True,
        ),
    ),
    checks=(
        Check(
            "III.2e",
            Label("Mọi phản ánh đều đến được cơ quan xử lý", "Every report reaches an agency"),
            indicators=("reports_received", "reports_without_agency"),
            judge=judging.every_report_reaches_an_agency,
        ),
    ),
    panels=(
        Map(Report, Label("Bản đồ phản ánh", "Map of reports"), colour_by="status"),
        Table(
            Report,
            Label("Danh sách phản ánh", "Reports"),
            columns=("code", "title", "category", "area", "assignedTo", "dueAt"),
            group="status",
        ),
    ),
    roles={
        "operator": (
            "report.assign",
            "report.start",
            "report.resolve",
            "report.reject",
            "report.reopen",
            "report.close",
            "report.publish",
            "report.personal",
        ),
        "integrator": ("report.feed",),
    },
)
