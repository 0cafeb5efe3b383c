"""Rows III.2a and III.2b: from an alert to an incident that is over, in a duty room, for the province or one area."""

from __future__ import annotations

from province.model.label import Label
from province.model.query import Where
from province.pack import Action, Check, Indicator, Map, Pack, Read, Rule, Table
from province.packs.incidents import judging, logic
from province.packs.incidents.types import (
    DutyShift,
    EmergencyResource,
    Incident,
    IncidentTask,
    LogEntry,
    OperationsCentre,
)
from province.vocab.agency import Agency
from province.vocab.alert import Alert

_ALERTS = Read("alerts", logic.of_incident("Alert"), Alert)
_AGENCIES = Read("agencies", logic.agencies_now, Agency)
_REAL = Where("exercise", "==", False)

PACK = Pack(
    name="incidents",
    title=Label("Trung tâm điều hành", "Operations centre"),
    row="III.2b",
    types=(Incident, IncidentTask, LogEntry, EmergencyResource, OperationsCentre, DutyShift),
    rules=(
        Rule(on="incident.opened", do=logic.tell, record=Incident, reads=(_AGENCIES,)),
        Rule(on="incident.escalated", do=logic.tell, record=Incident, reads=(_AGENCIES,)),
    ),
    actions=(
        Action(
            logic.drill,
            record=Incident,
            needs="incident.open",
            title=Label("Mở sự cố hoặc diễn tập", "Open an incident or an exercise"),
            creates=True,
        ),
        Action(
            logic.accept,
            record=Incident,
            needs="incident.handle",
            title=Label("Tiếp nhận, chạy quy trình", "Take on, run the procedure"),
            states=("new",),
            reads=(_ALERTS, _AGENCIES),
        ),
        Action(
            logic.close,
            record=Incident,
            needs="incident.close",
            title=Label("Đóng sự cố, lập báo cáo", "Close, write the report"),
            states=("handling", "resolved"),
            reads=(
                Read("tasks", logic.of_incident("IncidentTask"), IncidentTask),
                Read("entries", logic.of_incident("LogEntry"), LogEntry),
                _ALERTS,
                Read("resources", logic.of_incident("EmergencyResource"), EmergencyResource),
            ),
        ),
        Action(
            logic.log,
            record=Incident,
            needs="incident.handle",
            title=Label("Ghi nhật ký", "Write into the log"),
            states=("new", "handling", "resolved"),
        ),
        Action(
            logic.quick_report,
            record=Incident,
            needs="incident.handle",
            title=Label("Báo cáo nhanh", "Quick report"),
            states=("new", "handling", "resolved"),
        ),
        Action(
            logic.watch,
            record=Incident,
            needs="incident.handle",
            title=Label("Gắn camera", "Add a camera"),
            states=("new", "handling", "resolved"),
        ),
        Action(
            logic.resolve,
            record=Incident,
            needs="incident.handle",
            title=Label("Đã khống chế", "Under control"),
            states=("handling",),
        ),
        Action(
            logic.reopen,
            record=Incident,
            needs="incident.handle",
            title=Label("Diễn biến trở lại", "It goes on"),
            states=("resolved",),
        ),
        Action(
            logic.dismiss,
            record=Incident,
            needs="incident.close",
            title=Label("Không phải sự cố", "Not an incident"),
            states=("new",),
            reads=(_ALERTS,),
        ),
        Action(
            logic.finish,
            record=IncidentTask,
            needs="incidenttask.finish",
            title=Label("Đã xong", "Done"),
            files=True,
            states=("open",),
        ),
        Action(
            logic.skip,
            record=IncidentTask,
            needs="incidenttask.finish",
            title=Label("Bỏ qua", "Skip"),
            states=("open",),
        ),
        Action(
            logic.shelve,
            record=Alert,
            needs="alert.shelve",
            title=Label("Tạm gác", "Set aside"),
            states=("raised", "acknowledged"),
        ),
        Action(
            logic.unshelve,
            record=Alert,
            needs="alert.shelve",
            title=Label("Thôi gác", "Bring back"),
            states=("raised", "acknowledged"),
        ),
        Action(
            logic.list_resource,
            record=EmergencyResource,
            needs="emergencyresource.list",
            title=Label("Thêm nguồn lực tại chỗ", "Add a resource on the spot"),
            creates=True,
        ),
        Action(
            logic.send,
            record=EmergencyResource,
            needs="emergencyresource.send",
            title=Label("Điều tới sự cố", "Send to an incident"),
        ),
        Action(
            logic.recall,
            record=EmergencyResource,
            needs="emergencyresource.send",
            title=Label("Rút về", "Call back"),
        ),
        Action(
            logic.establish,
            record=OperationsCentre,
            needs="operationscentre.establish",
            title=Label("Lập trung tâm điều hành", "Establish a centre"),
            creates=True,
        ),
        Action(
            logic.roster,
            record=OperationsCentre,
            needs="operationscentre.establish",
            title=Label("Lập lịch trực tiếp theo", "Write the roster of further days"),
        ),
        Action(
            logic.begin,
            record=DutyShift,
            needs="dutyshift.serve",
            title=Label("Nhận ca", "Go on duty"),
            states=("planned",),
            reads=(Read("running", logic.shifts_of_centre, DutyShift),),
        ),
        Action(
            logic.hand_over,
            record=DutyShift,
            needs="dutyshift.serve",
            title=Label("Ký giao ca", "Sign the hand-over"),
            states=("on_duty",),
            reads=(Read("unfinished", logic.open_incidents, Incident),),
        ),
        Action(
            logic.note,
            record=DutyShift,
            needs="dutyshift.serve",
            title=Label("Ghi nhật ký trực", "Write into the duty log"),
            states=("on_duty", "handing_over"),
        ),
        Action(
            logic.drop,
            record=DutyShift,
            needs="operationscentre.establish",
            title=Label("Bỏ ca", "Drop the shift"),
            states=("planned",),
        ),
    ),
    indicators=(
        Indicator(
            "incidents_open",
            "count",
            of=Incident,
            title=Label("Sự cố đang mở", "Open incidents"),
            unit="C62",
            where=(Where("status", "in", ["new", "handling", "resolved"]), _REAL),
        ),
        Indicator(
            "incidents_closed",
            "count",
            of=Incident,
            title=Label("Sự cố đã kết thúc có báo cáo", "Incidents closed with a report"),
            unit="C62",
            where=(Where("closingReason", "==", "handled"), _REAL),
        ),
        Indicator(
            "incident_tasks_late",
            "count",
            of=IncidentTask,
            title=Label("Việc xử lý sự cố quá hạn", "Late tasks of incidents"),
            unit="C62",
            where=(Where("status", "==", "open"), Where("lateSince", "exists"), _REAL),
        ),
        Indicator(
            "centres_open",
            "count",
            of=OperationsCentre,
            title=Label("Trung tâm điều hành theo địa bàn", "Centres for an area"),
            unit="C62",
            row="III.2a",
        ),
        Indicator(
            "officers_on_duty",
            "count",
            of=DutyShift,
            title=Label("Ca đang trực", "Shifts on duty"),
            unit="C62",
            where=(Where("status", "in", ["on_duty", "handing_over"]),),
            row="III.2a",
        ),
    ),
    checks=(
        Check(
            "III.2a",
            Label("Trung tâm của mỗi địa bàn hoạt động", "The centre of every district works"),
            indicators=("centres_open", "officers_on_duty"),
            judge=judging.centres_work,
        ),
        Check(
            "III.2b",
            Label("Sự cố được xử lý đến cùng", "Incidents are seen through"),
            indicators=("incidents_closed", "incident_tasks_late"),
            judge=judging.incidents_are_closed_with_a_report,
        ),
    ),
    panels=(
        Map(Incident, Label("Sự cố", "Incidents"), colour_by="status"),
        Table(
            Incident,
            Label("Sự cố", "Incidents"),
            columns=("code", "title", "severity", "area", "alertCount", "openedAt", "exercise"),
            group="status",
        ),
        Table(
            IncidentTask,
            Label("Việc xử lý sự cố", "Tasks of incidents"),
            columns=("incident", "number", "title", "assignedTo", "dueAt", "lateSince"),
            group="status",
        ),
        Table(
            EmergencyResource,
            Label("Bốn tại chỗ", "Resources on the spot"),
            columns=("name", "kind", "quantity", "measure", "area", "incident"),
            group="kind",
        ),
        Table(
            DutyShift,
            Label("Lịch trực", "Duty roster"),
            columns=("name", "centre", "startsAt", "endsAt", "officer"),
            group="status",
        ),
        Table(LogEntry, Label("Nhật ký trực", "Duty log"), columns=("at", "kind", "text", "incident", "shift")),
        Table(OperationsCentre, Label("Trung tâm theo địa bàn", "Centres"), columns=("name", "area", "openedAt")),
    ),
    roles={
        "operator": (
            "incident.open",
            "incident.handle",
            "incident.close",
            "incidenttask.finish",
            "alert.shelve",
            "emergencyresource.list",
            "emergencyresource.send",
            "dutyshift.serve",
        ),
        "clerk": ("incidenttask.finish",),
        "alert-officer": ("incident.open", "incident.handle", "alert.acknowledge", "alert.shelve", "dutyshift.serve"),
        "emergency-commander": (
            "incident.open",
            "incident.handle",
            "incident.close",
            "incidenttask.finish",
            "alert.acknowledge",
            "emergencyresource.list",
            "emergencyresource.send",
            "emergencyresource.personal",
            "dutyshift.serve",
        ),
        "decision-maker": ("incident.open", "incident.handle", "incident.close"),
        "centre-administrator": (
            "operationscentre.establish",
            "emergencyresource.list",
            "emergencyresource.personal",
        ),
    },
)
