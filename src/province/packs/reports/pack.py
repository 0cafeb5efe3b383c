"""Row III.2e: a citizen reports, the right agency answers, everybody sees the clock."""

from __future__ import annotations

from province.model.label import Label
from province.model.query import Where
from province.pack import Action, Check, Feed, Indicator, Map, Pack, Read, Rule, Secret, Table, Timer
from province.packs.reports import desk, entry, feeds, judging, logic, marks, messages
from province.packs.reports.learning import LEARNER
from province.packs.reports.types import OPEN, DeskMessage, ProtectedIdentity, Report
from province.vocab.agency import Agency
from province.vocab.area import Area
from province.vocab.calendar import WorkingYear, every_year
from province.vocab.case import the_agency
from province.vocab.mandate import Mandate

_OPEN = Where("status", "in", list(OPEN))
_SETTLED_S = 1.0
"""Agencies, mandates and calendars change a few times a year: their answer may be so old."""
_YEARS = Read("years", every_year, WorkingYear, age_s=_SETTLED_S)
_YEARS_NOW = Read("years", every_year, WorkingYear)
_PLACE = (
    Read("areas", logic.areas_here, Area),
    Read("agencies", logic.agencies_now, Agency, age_s=_SETTLED_S),
    Read("mandates", logic.mandates_now, Mandate, age_s=_SETTLED_S),
)
_WAITING = Read("waiting", logic.without_clock, Report)

PACK = Pack(
    name="reports",
    title=Label("Phản ánh, kiến nghị", "Citizen reports"),
    row="III.2e",
    types=(Report, DeskMessage, ProtectedIdentity),
    feeds=(
        Feed(
            "open311",
            decode=feeds.from_open311,
            title=Label("Phản ánh theo Open311 GeoReport v2", "Open311 GeoReport v2 requests"),
            needs="report.feed",
        ),
        Feed(
            "zalo",
            decode=messages.from_zalo,
            title=Label("Tin nhắn gửi trang Zalo (webhook của Zalo OA)", "Messages to the Zalo account (its webhook)"),
            needs="report.feed",
        ),
    ),
    rules=(
        Rule(
            on="report.created",
            do=logic.route,
            record=Report,
            reads=(*_PLACE, Read("around", logic.reports_around, Report, narrow=logic.within_limits), _YEARS),
        ),
        Rule(
            on="deskmessage.created",
            do=messages.arrive,
            record=DeskMessage,
            reads=(Read("agencies", messages.agencies_now, Agency, age_s=_SETTLED_S),),
        ),
        Rule(
            on="report.step_reached",
            do=logic.step,
            record=Report,
            reads=(_YEARS, Read("agencies", the_agency, Agency)),
        ),
        *(
            Rule(on=event, do=logic.follow, record=Report, reads=(Read("together", logic.linked_to, Report),))
            for event in ("report.resolved", "report.rejected")
        ),
        *(
            Rule(on=event, do=logic.start_waiting_clocks, record=WorkingYear, reads=(_YEARS_NOW, _WAITING))
            for event in ("workingyear.created", "workingyear.changed")
        ),
    ),
    timers=(Timer(Report, "nextStepAt", "report.step_reached"),),
    learners=(LEARNER,),
    secret=Secret(Report, "secretHash", marks.hash_secret),
    actions=(
        Action(
            entry.submit,
            record=Report,
            needs="report.submit",
            title=Label("Gửi phản ánh", "Send a report"),
            creates=True,
            public=True,
            files=True,
        ),
        Action(
            entry.receive,
            record=Report,
            needs="report.receive",
            title=Label("Tiếp nhận phản ánh (1022)", "Take in a report (1022)"),
            creates=True,
            files=True,
        ),
        Action(
            desk.take,
            record=Report,
            needs="report.start",
            title=Label("Nhận việc", "Take it"),
            states=("assigned", "in_progress", "reopened"),
        ),
        Action(
            desk.start,
            record=Report,
            needs="report.start",
            title=Label("Bắt đầu xử lý", "Start"),
            states=("assigned", "reopened"),
        ),
        Action(
            desk.resolve,
            record=Report,
            needs="report.resolve",
            title=Label("Báo đã xử lý", "Resolve"),
            files=True,
            states=("in_progress",),
        ),
        Action(
            desk.assign,
            record=Report,
            needs="report.assign",
            title=Label("Giao xử lý", "Assign"),
            states=("new", "assigned", "in_progress", "reopened"),
            reads=(_YEARS,),
        ),
        Action(
            desk.classify,
            record=Report,
            needs="report.assign",
            title=Label("Xác định lĩnh vực", "Classify"),
            states=("new", "assigned", "in_progress", "reopened"),
            reads=(*_PLACE, _YEARS),
        ),
        Action(
            desk.alarm,
            record=Report,
            needs="report.assign",
            title=Label("Xác nhận khẩn cấp", "It is an emergency"),
            states=("new", "assigned", "in_progress", "reopened"),
            reads=(_YEARS,),
        ),
        Action(
            desk.stand_down,
            record=Report,
            needs="report.assign",
            title=Label("Không khẩn cấp", "Nobody is in danger"),
            states=("new", "assigned", "in_progress", "reopened"),
            reads=(_YEARS,),
        ),
        Action(
            desk.link,
            record=Report,
            needs="report.assign",
            title=Label("Gộp xử lý chung", "Link to the first report"),
            states=("new", "assigned"),
        ),
        Action(
            desk.unlink,
            record=Report,
            needs="report.assign",
            title=Label("Tách ra xử lý riêng", "Unlink"),
            states=("linked",),
            reads=(_YEARS,),
        ),
        Action(
            desk.add_task,
            record=Report,
            needs="report.assign",
            title=Label("Giao nhiệm vụ", "Add a task"),
            states=("assigned", "in_progress", "reopened"),
            reads=(_YEARS,),
        ),
        Action(
            desk.comment,
            record=Report,
            needs="report.start",
            title=Label("Ghi chú", "Remark"),
            files=True,
        ),
        Action(
            desk.pause,
            record=Report,
            needs="report.pause",
            title=Label("Tạm dừng thời hạn", "Stop the clock"),
            states=("assigned", "in_progress", "reopened"),
        ),
        Action(
            desk.resume,
            record=Report,
            needs="report.pause",
            title=Label("Tính tiếp thời hạn", "Let the clock run"),
            states=("assigned", "in_progress", "reopened"),
            reads=(_YEARS,),
        ),
        Action(
            desk.refer,
            record=Report,
            needs="report.assign",
            title=Label("Chuyển theo thủ tục khiếu nại, tố cáo", "Refer by law"),
            states=("new", "assigned", "in_progress"),
        ),
        Action(
            desk.reject,
            record=Report,
            needs="report.reject",
            title=Label("Từ chối", "Reject"),
            states=("new", "assigned"),
        ),
        Action(
            desk.dispute,
            record=Report,
            needs="report.dispute",
            title=Label("Chưa đồng ý", "Disagree"),
            public=True,
            states=("resolved", "rejected"),
        ),
        Action(
            desk.rate,
            record=Report,
            needs="report.dispute",
            title=Label("Chấm điểm", "Rate"),
            public=True,
            states=("resolved", "closed"),
        ),
        Action(
            desk.reopen,
            record=Report,
            needs="report.reopen",
            title=Label("Xử lý lại", "Reopen"),
            states=("disputed",),
            reads=(_YEARS,),
        ),
        Action(
            desk.close,
            record=Report,
            needs="report.close",
            title=Label("Đóng", "Close"),
            states=("resolved", "disputed"),
        ),
        Action(
            messages.enter,
            record=DeskMessage,
            needs="report.receive",
            title=Label("Nhập thành phản ánh", "Enter as a report"),
            states=("waiting",),
        ),
        Action(
            messages.dismiss,
            record=DeskMessage,
            needs="report.receive",
            title=Label("Không phải phản ánh", "Not a report"),
            states=("waiting",),
        ),
        Action(desk.publish, record=Report, needs="report.publish", title=Label("Công khai", "Publish")),
        Action(desk.withdraw, record=Report, needs="report.publish", title=Label("Gỡ công khai", "Withdraw")),
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
            "overdue_reports",
            "count",
            of=Report,
            title=Label("Phản ánh quá hạn", "Overdue reports"),
            unit="C62",
            where=(_OPEN, Where("overdueSince", "exists")),
        ),
        Indicator(
            "rating_of_reports",
            "mean",
            of=Report,
            title=Label("Điểm người dân chấm", "Rating by residents"),
            unit="C62",
            field="rating",
            public=True,
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
        Table(
            DeskMessage,
            Label("Tin nhắn gửi 1022", "Messages to the desk"),
            columns=("title", "channel", "receivedAt", "report"),
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
            "report.receive",
            "report.pause",
            "deskmessage.read",
            "deskmessage.personal",
        ),
        "integrator": ("report.feed", "report.receive"),
    },
)
