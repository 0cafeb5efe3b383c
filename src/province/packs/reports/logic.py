"""What becomes of a report: submitted, routed, worked on, answered, disputed. Pure.

The author needs no account: a secret that only the answer to `submit` shows proves authorship; its hash is stored.
"""

from __future__ import annotations

import hashlib
import hmac
import re
from collections.abc import Sequence
from datetime import timedelta
from typing import Annotated, Any, Final

import msgspec

from province.compute.text import similarity
from province.errors import Conflict, InvalidInput, NotAllowed
from province.model.actor import anonymous
from province.model.change import Change, Counter
from province.model.entity import Entity
from province.model.geometry import Geometry, box_around, distance_m, validate
from province.model.label import Label
from province.model.query import Near, Query, Where
from province.model.record import attributes, change, create, move
from province.model.schema import Field, describe
from province.model.time import CIVIL_ZONE, Instant, format_instant, parse_instant
from province.model.unit import Unit
from province.pack import CALLER, HISTORY_WITHDRAW, Context, Effect, Job, Notice, Parameters
from province.packs.reports import urgency
from province.packs.reports.types import (
    CATEGORIES,
    CATEGORY_NAMES,
    LEGAL,
    MATTERS,
    OPEN,
    ProtectedIdentity,
    Report,
    foreign_id,
)
from province.vocab.agency import Agency
from province.vocab.area import LOCAL, Area, civil_day, in_force, local_area
from province.vocab.calendar import WorkingYear, calendar_of
from province.vocab.case import (
    CHANNELS,
    STOPPED,
    Task,
    pause_clock,
    restart_clock,
    resume_clock,
    start_clock,
    steps_of,
    take_step,
    task_id,
    term_of,
    with_files,
)
from province.vocab.mandate import Mandate, in_charge

LOOK_AROUND_M: Final = 1000.0
"""Ceiling of the search for duplicates; the parameter `duplicate_distance` narrows it."""
LOOK_BACK_DAYS: Final = 30
"""Ceiling of the search for duplicates; the parameter `duplicate_days` narrows it."""
LOOK_AT: Final = 200
"""Reports that are compared: of a storm of them any few name the first one."""
ANONYMOUS: Final = anonymous("").id
"""Actor of a call by somebody who did not sign in."""
WARD: Final = "ward"
"""The word in the table `routes` for the People's Committee of the place."""
_PHONE = re.compile(r"\+?[0-9][0-9 .-]{6,18}[0-9]")


_EMAIL = re.compile(r"[^@\s<>\"]{1,64}@[A-Za-z0-9.-]{1,190}\.[A-Za-z]{2,24}")
_TOGETHER: Final = 240
"""Linked reports that one step of their shared matter moves; the last of them moves the next ones."""
MODEL: Final = "report_texts"
"""Name of the classifier in `Context.models`."""

_TITLE = Field(Label("Nội dung phản ánh", "What is the matter"))
_CATEGORY = Field(
    Label("Lĩnh vực", "Category"),
    values=CATEGORY_NAMES,
    names=CATEGORIES,
    hint=Label("Để trống nếu không chắc: hệ thống sẽ gợi ý", "Leave it out when unsure: the system will propose one"),
)
_MATTER = Field(Label("Loại việc", "Matter"), values=tuple(name for name, _ in MATTERS), names=MATTERS)
_NAME = Field(Label("Họ và tên", "Your name"), personal=True)
_PHONE_FIELD = Field(Label("Điện thoại", "Your phone"), personal=True)
_EMAIL_FIELD = Field(Label("Thư điện tử", "Your e-mail"), personal=True)


def submit(
    *,
    context: Context,
    title: Annotated[str, _TITLE],
    location: Annotated[Geometry, Field(Label("Vị trí", "Place"))],
    category: Annotated[str | None, _CATEGORY] = None,
    description: Annotated[str, Field(Label("Mô tả", "Description"))] = "",
    address: Annotated[str | None, Field(Label("Địa chỉ", "Address"))] = None,
    name: Annotated[str | None, _NAME] = None,
    phone: Annotated[str | None, _PHONE_FIELD] = None,
    email: Annotated[str | None, _EMAIL_FIELD] = None,
) -> list[Effect]:
    """Send in a report, with photos if any; the answer shows the secret that opens it again.

    Raises: InvalidInput naming the field.
    """
    report, identity, secret = _enter(
        context, title, location, category, description, address, (name, phone, email), channel="web", matter=None
    )
    return [
        create(report, counters=(_number(report),)),
        *identity,
        *urgency.warn(report),
        Notice(
            to=CALLER,
            subject=Label("Đã nhận phản ánh", "Report received"),
            body=Label(
                f"Mã bí mật để theo dõi và ý kiến lại: {secret}", f"Your secret to follow up and to disagree: {secret}"
            ),
            about=report.id,
            value=secret,
        ),
    ]


def receive(
    *,
    context: Context,
    channel: Annotated[
        str,
        Field(Label("Kênh tiếp nhận", "Channel"), values=tuple(name for name, _ in CHANNELS), names=CHANNELS),
    ],
    title: Annotated[str, _TITLE],
    location: Annotated[Geometry, Field(Label("Vị trí", "Place"))],
    category: Annotated[str | None, _CATEGORY] = None,
    matter: Annotated[str | None, _MATTER] = None,
    description: Annotated[str, Field(Label("Mô tả", "Description"))] = "",
    address: Annotated[str | None, Field(Label("Địa chỉ", "Address"))] = None,
    name: Annotated[str | None, Field(Label("Họ tên người phản ánh", "Name of the resident"), personal=True)] = None,
    phone: Annotated[str | None, Field(Label("Điện thoại", "Phone of the resident"), personal=True)] = None,
    email: Annotated[str | None, Field(Label("Thư điện tử", "E-mail of the resident"), personal=True)] = None,
    reported_at: Annotated[Instant | None, Field(Label("Lúc phản ánh", "Reported at"))] = None,
    external_code: Annotated[str | None, Field(Label("Mã nơi gửi", "Code at the sender"))] = None,
) -> list[Effect]:
    """Enter what somebody reported by telephone, Zalo, in person or through another system, under the same numbers.

    What another system sends again under its own code is the same report. Raises: InvalidInput naming the field.
    """
    if reported_at is not None and reported_at > context.now + timedelta(minutes=5):
        raise InvalidInput("this time has not come yet.", field="reported_at", remedy="Give the time of the report.")
    if external_code is not None and not 1 <= len(external_code) <= 200:
        raise InvalidInput("a code has 1 to 200 characters.", field="external_code")
    report, identity, secret = _enter(
        context, title, location, category, description, address, (name, phone, email), channel=channel, matter=matter
    )
    by_desk = category is not None and channel != "system"
    report = msgspec.structs.replace(
        report,
        reportedAt=reported_at or context.now,
        author=None,
        categoryBy="person" if by_desk else report.categoryBy,
    )
    if external_code:  # the sender has its own way to tell its people; nobody here knows who holds a secret
        known = msgspec.structs.replace(
            report, id=foreign_id(context.actor, external_code), externalCode=external_code, secretHash=None
        )
        upsert = Change(op="upsert", id=known.id, type=describe(Report).name, style="fill", attrs=attributes(known))
        return [upsert, *identity, *urgency.warn(report)]
    return [
        create(report, counters=(_number(report),)),
        *identity,
        *urgency.warn(report),
        Notice(
            to=CALLER,
            subject=Label("Đã ghi nhận", "Entered"),
            body=Label(f"Mã bí mật cho người phản ánh: {secret}", f"Secret for the resident: {secret}"),
            about=report.id,
            value=secret,
        ),
    ]


def _enter(
    context: Context,
    title: str,
    location: Geometry,
    category: str | None,
    description: str,
    address: str | None,
    contact: tuple[str | None, str | None, str | None],
    *,
    channel: str,
    matter: str | None,
) -> tuple[Report, list[Effect], str]:
    """The report, the protected identity where it is a denunciation, and the secret. Raises: InvalidInput."""
    _check(context, title, category, location, contact)
    name, phone, email = contact
    secret = _derive("secret", context.nonce)
    report = Report(
        id=f"urn:ngsi-ld:Report:{_derive('id', context.nonce)}",
        title=title.strip(),
        description=description.strip(),
        category=category or "other",
        categoryBy="sender" if category else "nobody",
        matter=matter or "report",
        channel=channel,
        location=location,
        address=address,
        reportedAt=context.now,
        photos=context.files,
        author=None if context.actor == ANONYMOUS else context.actor,
        reporterName=name,
        reporterPhone=phone,
        reporterEmail=email,
        secretHash=hash_secret(secret),
    )
    report = _classified(report, context, category, matter)
    if report.matter != "denunciation":
        return report, [], secret
    bare = msgspec.structs.replace(report, reporterName=None, reporterPhone=None, reporterEmail=None, author=None)
    return bare, _protect(report), secret


def _classified(report: Report, context: Context, category: str | None, matter: str | None) -> Report:
    """What the machine proposes, taken where the sender said nothing and it is sure enough; else a person decides.

    A text that may be a denunciation is treated as one until a person has looked: its sender is protected at once.
    """
    model = context.models.get(MODEL)
    if model is None:
        return report if matter else urgency.suspected(report, context, None)
    said = model(f"{report.title}. {report.description}")
    sure = context.params["sure_above"]
    if matter is None:
        # Whether it may be, not whether it most likely is: to miss an emergency costs more than to look at it in vain.
        found = [m for m in ("emergency", *LEGAL) if said["chances"].get(m, 0.0) >= sure[m]]
        report = msgspec.structs.replace(report, matter=found[0] if found else "report")
        report = urgency.suspected(report, context, said)
    if category is None and said["confidence"] >= sure["category"]:
        report = msgspec.structs.replace(report, category=said["category"], categoryBy="machine")
    return msgspec.structs.replace(
        report,
        proposedCategory=said["category"],
        proposalConfidence=100 * said["confidence"],
        proposalWords=tuple(said["words"]) or None,
        proposedMatter=said["matter"],
        matterConfidence=100 * said["matterConfidence"],
        matterWords=tuple(said["matterWords"]) or None,
    )


def _check(
    context: Context,
    title: str,
    category: str | None,
    location: Geometry,
    contact: tuple[str | None, str | None, str | None],
) -> None:
    if len(context.nonce) < 32:
        raise InvalidInput("the call carries no fresh nonce.", field="nonce", remedy="Draw 16 random bytes per call.")
    if not 3 <= len(title.strip()) <= 300:
        raise InvalidInput(f"the text has {len(title.strip())} characters.", field="title", remedy="Write 3 to 300.")
    if category is not None and category not in CATEGORY_NAMES:
        raise InvalidInput(
            f"{category[:40]!r} is not a category.", field="category", remedy=f"One of: {', '.join(CATEGORY_NAMES)}."
        )
    if validate(location)["type"] != "Point":
        raise InvalidInput(f"a {location['type']} is not a place.", field="location", remedy="Give one Point.")
    _, phone, email = contact
    if phone is not None and not _PHONE.fullmatch(phone):
        raise InvalidInput(
            "this is not a telephone number.", field="phone", remedy="Give digits, such as 0274 1234567."
        )
    if email is not None and not _EMAIL.fullmatch(email):
        raise InvalidInput("this is not an e-mail address.", field="email", remedy="Give one such as ten@vi-du.vn.")
    most = context.params["photos_at_most"]
    if len(context.files) > most:
        raise InvalidInput(f"{len(context.files)} photos.", field="photos", remedy=f"Send at most {most}.")


def _protect(report: Report) -> list[Effect]:
    """The identity behind a denunciation as a record of its own; nothing when it is not known."""
    if not any((report.reporterName, report.reporterPhone, report.reporterEmail, report.author)):
        return []
    apart = ProtectedIdentity(
        id=f"urn:ngsi-ld:ProtectedIdentity:{report.id.rpartition(':')[2]}",
        title="Danh tính người tố cáo",
        report=report.id,
        name=report.reporterName,
        phone=report.reporterPhone,
        email=report.reporterEmail,
        account=report.author,
    )
    return [
        Change(op="upsert", id=apart.id, type=describe(ProtectedIdentity).name, style="fill", attrs=attributes(apart))
    ]


def areas_here(report: Entity) -> Query:
    """Local areas, of whatever day, whose boundary may hold the report's place."""
    return Query(
        types=("Area",),
        where=(Where("kind", "in", sorted(LOCAL)),),
        box=box_around(_position(report.value("location")), 1.0),
        limit=100,
    )


def agencies_now(report: Entity) -> Query:
    """Agencies that have not ended."""
    return Query(types=("Agency",), where=(Where("validTo", "absent"),), limit=1000)


def mandates_now(report: Entity) -> Query:
    """Mandates that have not ended."""
    return Query(types=("Mandate",), where=(Where("validTo", "absent"),), limit=1000)


def reports_around(report: Entity) -> Query:
    """Reports near, not later and not over, within the ceilings; `within_limits` narrows them."""
    at = parse_instant(report.value("reportedAt"))
    return Query(
        types=("Report",),
        where=(
            Where("reportedAt", "<=", format_instant(at)),
            Where("reportedAt", ">=", format_instant(at - timedelta(days=LOOK_BACK_DAYS))),
            Where("status", "in", [*OPEN, "resolved"]),
        ),
        near=Near(_position(report.value("location")), LOOK_AROUND_M),
        order="any",
        limit=LOOK_AT,
        latest=False,
    )


def within_limits(query: Query, params: Parameters) -> Query:
    """The search for duplicates, as near and as recent as the constants say."""
    assert query.near is not None
    until, since, *rest = (one for one in query.where if isinstance(one, Where))
    earliest = parse_instant(until.value) - timedelta(days=params["duplicate_days"])
    return msgspec.structs.replace(
        query,
        where=(until, msgspec.structs.replace(since, value=format_instant(earliest)), *rest),
        near=msgspec.structs.replace(query.near, max_m=float(params["duplicate_distance"])),
    )


def route(
    report: Report,
    *,
    context: Context,
    areas: Sequence[Area],
    agencies: Sequence[Agency],
    around: Sequence[Report],
    years: Sequence[WorkingYear],
    mandates: Sequence[Mandate] = (),
) -> list[Effect]:
    """Give a new report to the agency in charge of its place and category, and point at a likely duplicate.

    A report that came by a feed gets its number here. Without an agency in force, without a category that anybody is
    sure of, and for a complaint or a denunciation the report stays new, with what is known: a person decides, nothing
    is guessed.
    """
    if report.status != "new":
        return []
    day = civil_day(context.now)
    area = local_area(areas, _position(report.location), day)
    twin = find_duplicate(report, around, context)
    known: dict[str, Any] = {}
    if area is not None:
        known["area"] = area.id
    if twin is not None:
        known["duplicateOf"] = twin
    if report.proposedMatter is None and report.channel == "system" and not report.suspected:
        report = urgency.suspected(report, context, None)  # a feed has no classifier at hand
        if report.suspected:
            known |= {"suspected": True, "dangerWords": report.dangerWords}
    desk = competent(context.params["desk"], agencies, day)
    seen_first = urgency.tell_desk(report, desk.id if desk else None)
    agency = find_agency(report.category, area, agencies, context, mandates)
    urgent = report.matter == "emergency"
    if agency is not None and report.matter not in LEGAL and (report.categoryBy != "nobody" or urgent):
        return [*seen_first, *_assign(report, agency.id, context, years, known)]
    waiting = change(report, event="report.unrouted", agency=desk.id if desk else None, **known)
    told = [] if desk is None else seen_first or [_tell_desk(report, desk.id)]
    return [msgspec.structs.replace(waiting, counters=_missing_number(report)), *told]


def competent(competence: str, agencies: Sequence[Agency], day: str) -> Agency | None:
    """The first agency in force that has a competence."""
    alive = sorted((a for a in agencies if in_force(a.validFrom, a.validTo, day)), key=lambda a: a.id)
    return next((a for a in alive if competence in a.competences), None)


def _tell_desk(report: Report, desk: str) -> Notice:
    label = report.code or report.externalCode or report.title
    return Notice(
        to=desk,
        subject=Label(f"Phản ánh chờ người phân loại: {label}"[:200], f"A report waits for a person: {label}"[:200]),
        body=Label(
            "Hệ thống không đủ căn cứ để tự giao cơ quan xử lý.",
            "There is not enough to give it to an agency by itself.",
        ),
        about=report.id,
    )


def find_agency(
    category: str,
    area: Area | None,
    agencies: Sequence[Agency],
    context: Context,
    mandates: Sequence[Mandate] = (),
) -> Agency | None:
    """The agency for a category at a place: the one with a mandate for it there, else the one competent by the table
    `routes`, else the ward's committee."""
    day = civil_day(context.now)
    alive = sorted((a for a in agencies if in_force(a.validFrom, a.validTo, day)), key=lambda a: a.id)
    here = [id for id in (area.id, area.parent) if id] if area is not None else []
    charged = in_charge(mandates, category, here, day)
    for agency in alive:
        if agency.id == charged:
            return agency
    competence = context.params["routes"].get(category, WARD)
    if competence != WARD and (found := competent(competence, agencies, day)) is not None:
        return found
    if area is None:
        return None
    return next((a for a in alive if a.kind == "committee" and a.area == area.id), None)


def find_duplicate(report: Report, around: Sequence[Report], context: Context) -> str | None:
    """Id of the first report of the same matter: near, recent, still open, and of the same category or in nearly the
    same words. A hint for a person."""
    here = _position(report.location)
    since = report.reportedAt - timedelta(days=context.params["duplicate_days"])
    near = [
        r
        for r in around
        if r.status not in ("closed", "rejected", "referred")
        and since <= r.reportedAt
        and (r.reportedAt, r.id) < (report.reportedAt, report.id)
        and distance_m(here, _position(r.location)) <= context.params["duplicate_distance"]
        and (r.category == report.category or _alike(report, r) >= context.params["duplicate_likeness"])
    ]
    first = min(near, key=lambda r: (r.reportedAt, r.id), default=None)
    return None if first is None else first.duplicateOf or first.id


def _alike(a: Report, b: Report) -> float:
    return similarity(f"{a.title} {a.description}", f"{b.title} {b.description}")


_REASON = Label("Lý do", "Reason")


def assign(
    report: Report,
    *,
    context: Context,
    years: Sequence[WorkingYear],
    agency: Annotated[str, Field(Label("Cơ quan xử lý", "Agency"), ref="Agency")],
    reason: Annotated[str, Field(_REASON)] = "",
) -> list[Effect]:
    """Give the report to an agency, or pass it on; the clock of a report that has one keeps running."""
    return _assign(report, agency, context, years, {}, reason)


def take(report: Report, *, context: Context) -> list[Effect]:
    """Put oneself in charge of it."""
    return [change(report, event="report.taken", assignee=context.actor)]


def start(report: Report, *, context: Context) -> list[Effect]:
    """Begin to work on it."""
    return [move(report, "in_progress", at=context.now, assignee=report.assignee or context.actor)]


def comment(
    report: Report, *, context: Context, note: Annotated[str, Field(Label("Ghi chú", "Remark"))]
) -> list[Effect]:
    """Write a remark, with files as evidence if there are any; the history keeps all of them."""
    files = with_files(report, context.files)
    return [change(report, event="report.remarked", remark=_said(note, "note"), evidence=files)]


def add_task(
    report: Report,
    *,
    context: Context,
    years: Sequence[WorkingYear],
    title: Annotated[str, Field(Label("Việc cần làm", "What to do"))],
    agency: Annotated[str, Field(Label("Cơ quan", "Agency"), ref="Agency")],
    hours: Annotated[int, Field(Label("Thời hạn", "Time limit"), minimum=1, maximum=2000), Unit("HUR")] = 24,
) -> list[Effect]:
    """Give a part of the work to an agency, with a time limit of its own in hours."""
    term = term_of({"amount": hours, "unit": "hours"})
    steps = steps_of(context.params["escalation"])
    task = Task(
        id=task_id(report.id, _derive("task", context.nonce)),
        title=_said(title, "title"),
        case=report.id,
        assignedTo=agency,
        openedAt=context.now,
        **{
            k: v
            for k, v in start_clock(calendar_of(years), context.now, term, [s for s in steps if s.days == 0]).items()
            if v is not None
        },
    )
    return [create(task, agency=agency)]


def pause(report: Report, *, context: Context, reason: Annotated[str, Field(_REASON)]) -> list[Effect]:
    """Stop the clock while something is waited for: an answer of the resident, weather, another body."""
    return [change(report, event="report.paused", **pause_clock(report, context.now, reason))]


def resume(report: Report, *, context: Context, years: Sequence[WorkingYear]) -> list[Effect]:
    """Let the clock run again, with what was left of it."""
    unit = term_of(context.params["resolution_term"]).unit
    steps = steps_of(context.params["escalation"])
    values = resume_clock(report, calendar_of(years), context.now, unit, steps)
    return [change(report, event="report.resumed", **values)]


def resolve(
    report: Report, *, context: Context, note: Annotated[str, Field(Label("Kết quả xử lý", "What was done"))]
) -> list[Effect]:
    """Answer with what was done, with files as evidence; the author may disagree until the matter closes by itself."""
    _refuse_linked(report)
    said = _said(note, "note")
    files = with_files(report, context.files)
    return [
        move(report, "resolved", at=context.now, note=said, answer=said, evidence=files, **_answered(context)),
        *_tell_author(report, "Đã xử lý phản ánh", "Your report is resolved", said),
    ]


def reject(report: Report, *, context: Context, reason: Annotated[str, Field(_REASON)]) -> list[Effect]:
    """Refuse it, with the reason that the author reads; the author may disagree."""
    _refuse_linked(report)
    said = _said(reason, "reason")
    return [
        move(report, "rejected", at=context.now, note=said, answer=said, **STOPPED),
        *_tell_author(report, "Không tiếp nhận phản ánh", "Your report is refused", said),
    ]


def _refuse_linked(report: Report) -> None:
    """A linked report has the outcome of the first one, and no other."""
    if report.status == "linked":
        raise Conflict("it is dealt with together.", field="status", remedy="Answer the first report, or unlink it.")


def refer(
    report: Report,
    *,
    context: Context,
    matter: Annotated[
        str,
        Field(
            Label("Thủ tục", "Procedure"),
            values=LEGAL,
            names=tuple((name, label) for name, label in MATTERS if name in LEGAL),
        ),
    ],
    agency: Annotated[str, Field(Label("Cơ quan có thẩm quyền", "Competent agency"), ref="Agency")],
    reason: Annotated[str, Field(_REASON)],
) -> list[Effect]:
    """Let a complaint or a denunciation leave for its legal procedure: the competent agency is told, the clock of
    reports ends, nothing of it stays public, and who sent a denunciation is kept apart from it."""
    said = _said(reason, "reason")
    moved = move(
        report,
        "referred",
        at=context.now,
        note=said,
        matter=matter,
        answer=said,
        assignedTo=agency,
        published=False,
        publicPhotos=(),
        **STOPPED,
        **(_FORGOTTEN if matter == "denunciation" else {}),
    )
    told = Notice(
        to=agency,
        subject=Label(f"Chuyển đơn theo thẩm quyền: {report.code}", f"Referred by law: {report.code}"),
        body=Label(said, said),
        about=report.id,
    )
    identity: list[Effect] = []
    if matter == "denunciation":
        hidden = Job(name=HISTORY_WITHDRAW, arguments={"entity": report.id, "attrs": list(_FORGOTTEN)})
        identity = [*_protect(report), hidden]
    return [
        msgspec.structs.replace(moved, agency=agency, counters=_missing_number(report)),
        *identity,
        told,
        *_tell_author(report, "Đã chuyển cơ quan có thẩm quyền", "Referred to the competent agency", said),
    ]


_FORGOTTEN: Final = {"reporterName": None, "reporterPhone": None, "reporterEmail": None, "author": None}


def classify(
    report: Report,
    *,
    context: Context,
    areas: Sequence[Area],
    agencies: Sequence[Agency],
    mandates: Sequence[Mandate],
    years: Sequence[WorkingYear],
    category: Annotated[str, Field(Label("Lĩnh vực", "Category"), values=CATEGORY_NAMES, names=CATEGORIES)],
    matter: Annotated[str, _MATTER] = "report",
) -> list[Effect]:
    """Decide the category and the matter, as a person: the machine learns from it, and a report that waited for the
    category goes to the agency in charge."""
    decided = {"category": category, "matter": matter, "categoryBy": "person", "suspected": None}
    if matter == "emergency" and report.matter != "emergency" and report.status in _GIVEN:
        return _hurry(report, context, years, decided)
    if report.status == "new" and matter not in LEGAL:
        area = local_area(areas, _position(report.location), civil_day(context.now))
        agency = find_agency(category, area, agencies, context, mandates)
        if agency is not None:
            return _assign(report, agency.id, context, years, decided)
    return [change(report, event="report.classified", **decided)]


_GIVEN: Final = ("assigned", "in_progress", "reopened")


def alarm(report: Report, *, context: Context, years: Sequence[WorkingYear]) -> list[Effect]:
    """Say that it is an emergency: its limit is that of emergencies, and the agency is told by every way."""
    decided = {"matter": "emergency", "suspected": None}
    if report.status in _GIVEN:
        return _hurry(report, context, years, decided)
    return [change(report, event="report.alarmed", **decided)]


def stand_down(report: Report, *, context: Context, years: Sequence[WorkingYear]) -> list[Effect]:
    """Say that nobody is in danger: it is a report like any other, and has the limit of one."""
    decided: dict[str, Any] = {"suspected": None}
    if report.matter == "emergency":
        decided["matter"] = "report"
        if report.status in _GIVEN:
            calm = msgspec.structs.replace(report, matter="report")
            decided |= _clock(calm, context, years, since=context.now)
    return [change(report, event="report.stood_down", **decided)]


def _hurry(report: Report, context: Context, years: Sequence[WorkingYear], decided: dict[str, Any]) -> list[Effect]:
    """What an agency has already becomes an emergency."""
    urgent = msgspec.structs.replace(report, matter="emergency")
    clock = _clock(urgent, context, years, since=context.now)
    told = [_tell_agency(urgent, report.assignedTo)] if report.assignedTo else []
    return [change(report, event="report.alarmed", **decided, **clock), *told]


def link(
    report: Report,
    *,
    context: Context,
    first: Annotated[
        str | None,
        Field(
            Label("Phản ánh chính", "First report"),
            ref="Report",
            hint=Label("Để trống: phản ánh mà hệ thống gợi ý", "Left out: the one that the system points at"),
        ),
    ] = None,
) -> list[Effect]:
    """Say that it is the same matter as another report: it is dealt with together, and its author learns the answer."""
    target = first or report.duplicateOf
    if target is None or target == report.id:
        raise InvalidInput("there is no other report to link it to.", field="first", remedy="Name the first report.")
    moved = move(report, "linked", at=context.now, duplicateOf=target, **STOPPED)
    return [msgspec.structs.replace(moved, counters=_missing_number(report))]


def unlink(report: Report, *, context: Context, years: Sequence[WorkingYear]) -> list[Effect]:
    """Say that it is a matter of its own after all: it runs on its own clock again."""
    if report.assignedTo is None:
        raise InvalidInput("no agency has it.", field="assignedTo", remedy="Assign it first.")
    return [
        move(report, "assigned", at=context.now, duplicateOf=None, **_clock(report, context, years, since=context.now))
    ]


def linked_to(report: Entity) -> Query:
    """Reports that wait for the outcome of the same matter: linked to the first one, or to this one itself."""
    first = report.value("duplicateOf") or report.id
    return Query(
        types=("Report",),
        where=(Where("duplicateOf", "in", sorted({first, report.id})), Where("status", "==", "linked")),
        limit=_TOGETHER,
    )


def follow(report: Report, *, context: Context, together: Sequence[Report]) -> list[Effect]:
    """What the shared matter came to holds for every report that is linked to it, and every author is told."""
    if report.status not in ("resolved", "rejected") or not report.answer:
        return []
    effects: list[Effect] = []
    for one in together:
        ended = _answered(context) if report.status == "resolved" else STOPPED
        effects.append(move(one, report.status, at=context.now, note=report.answer, answer=report.answer, **ended))
        effects += _tell_author(one, "Đã có kết quả", "There is an outcome", report.answer)
    return effects


def dispute(
    report: Report,
    *,
    context: Context,
    secret: Annotated[str, Field(Label("Mã bí mật", "Secret"))],
    reason: Annotated[str, Field(_REASON)],
) -> list[Effect]:
    """Disagree with the outcome, as the author whom the secret proves. Raises: NotAllowed."""
    _prove(report, secret)
    effects: list[Effect] = [move(report, "disputed", at=context.now, note=_said(reason, "reason"), nextStepAt=None)]
    if report.assignedTo:
        subject = Label(f"Người dân chưa đồng ý: {report.code}", f"Disputed: {report.code}")
        effects.append(Notice(to=report.assignedTo, subject=subject, body=Label(reason, reason), about=report.id))
    return effects


def rate(
    report: Report,
    *,
    context: Context,
    secret: Annotated[str, Field(Label("Mã bí mật", "Secret"))],
    stars: Annotated[int, Field(Label("Chấm điểm 1–5", "Rating 1–5"), minimum=1, maximum=5), Unit("C62")],
    note: Annotated[str, Field(Label("Nhận xét", "Comment"))] = "",
) -> list[Effect]:
    """Say how well it was dealt with, as the author whom the secret proves. Raises: NotAllowed, InvalidInput."""
    _prove(report, secret)
    if not 1 <= stars <= 5:
        raise InvalidInput(f"{stars} is no rating.", field="stars", remedy="Give 1 to 5.")
    return [change(report, event="report.rated", rating=stars, ratingNote=note.strip() or None)]


def reopen(
    report: Report, *, context: Context, years: Sequence[WorkingYear], reason: Annotated[str, Field(_REASON)]
) -> list[Effect]:
    """Accept the dispute: the work begins again with a new time limit."""
    said = _said(reason, "reason")
    clock = _clock(report, context, years, since=context.now)
    return [
        move(report, "reopened", at=context.now, note=said, **clock),
        *_tell_author(report, "Xử lý lại phản ánh", "Your report is dealt with again", said),
    ]


def close(report: Report, *, context: Context, reason: Annotated[str, Field(_REASON)] = "") -> list[Effect]:
    """End it: accepted, not disputed in time, or the dispute is not upheld."""
    return [move(report, "closed", at=context.now, note=reason, **STOPPED)]


def step(report: Report, *, context: Context, years: Sequence[WorkingYear], agencies: Sequence[Agency]) -> list[Effect]:
    """What time brings: a reminder, overdue, the level above; and the end of an outcome that nobody disputed."""
    if report.status == "resolved":
        return [move(report, "closed", at=context.now, note="Hết thời gian ý kiến lại", **STOPPED)]
    if report.status not in OPEN or report.status == "linked":
        return []
    reached = take_step(
        report,
        calendar_of(years),
        context.now,
        steps_of(context.params["escalation"]),
        agencies=agencies,
        label=f"{report.code or ''} {report.title}".strip(),
    )
    if reached is None:
        return []
    return [
        reached.change,
        *(
            Notice(to=to, subject=reached.subject, body=reached.body, about=report.id, channels=reached.step.channels)
            for to in reached.recipients
        ),
    ]


def without_clock(_: Entity) -> Query:
    """Reports whose clock waits for the calendar of a year."""
    return Query(types=("Report",), where=(Where("clockProblem", "exists"),), limit=400)


def start_waiting_clocks(
    year: WorkingYear, *, context: Context, years: Sequence[WorkingYear], waiting: Sequence[Report]
) -> list[Effect]:
    """A calendar came in: reports that had no time limit for want of it get theirs, from when they were given out."""
    effects: list[Effect] = []
    term, steps = term_of(context.params["resolution_term"]), steps_of(context.params["escalation"])
    for report in waiting:
        if report.status in OPEN and report.status not in ("new", "linked"):
            values = restart_clock(report, calendar_of(years), report.reportedAt, term, steps)
            if values:
                effects.append(change(report, event="report.clocked_in", **values))
    return effects


def the_agency(report: Entity) -> Query:
    """The agency that has the report."""
    owner = report.value("assignedTo")
    return Query(types=("Agency",), ids=(str(owner) if owner else "urn:none",))


def publish(
    report: Report,
    *,
    context: Context,
    photos: Annotated[bool, Field(Label("Đã xem ảnh và cho công khai", "Photos seen and fit to be public"))] = False,
) -> list[Effect]:
    """Show the report on the public map; its photos only when a person has looked at them."""
    shown = report.photos if photos else ()
    return [change(report, event="report.published", published=True, publicPhotos=shown)]


def withdraw(report: Report, *, context: Context) -> list[Effect]:
    """Take the report off the public map."""
    return [change(report, event="report.withdrawn", published=False, publicPhotos=())]


def _assign(
    report: Report,
    agency: str,
    context: Context,
    years: Sequence[WorkingYear],
    known: dict[str, Any],
    reason: str = "",
) -> list[Effect]:
    clock = {"dueAt": report.dueAt} if report.dueAt else _clock(report, context, years, since=context.now)
    moved = move(report, "assigned", at=context.now, note=reason, assignedTo=agency, assignee=None, **clock, **known)
    return [
        msgspec.structs.replace(moved, agency=agency, counters=_missing_number(report)),
        _tell_agency(report, agency),
    ]


def _tell_agency(report: Report, agency: str) -> Notice:
    label = report.code or report.externalCode or report.title
    urgent = report.matter == "emergency"
    first = urgency.URGENT if urgent else Label("Phản ánh mới", "New report")
    return Notice(
        to=agency,
        subject=Label(f"{first.vi}: {label}"[:200], f"{first.en}: {label}"[:200]),
        body=Label(report.title, report.title),
        about=report.id,
        channels=("mail", "sms") if urgent else (),
    )


def _clock(report: Report, context: Context, years: Sequence[WorkingYear], *, since: Instant) -> dict[str, Any]:
    """A clock that begins anew."""
    kind = "emergency_term" if report.matter == "emergency" else "resolution_term"
    return start_clock(calendar_of(years), since, term_of(context.params[kind]), steps_of(context.params["escalation"]))


def _answered(context: Context) -> dict[str, Any]:
    """The clock of a report with an answer: it waits for the author, then closes by itself."""
    return {**STOPPED, "nextStepAt": context.now + timedelta(days=context.params["dispute_days"])}


def _prove(report: Report, secret: str) -> None:
    if report.secretHash is None or not hmac.compare_digest(hash_secret(secret.strip()), report.secretHash):
        raise NotAllowed("the secret does not open this report.", field="secret", remedy="Use the one shown to you.")


def _tell_author(report: Report, vi: str, en: str, text: str) -> list[Effect]:
    """Tell an author who has an account, or who left an address; the others look with their secret."""
    label = report.code or report.title
    subject = Label(f"{vi}: {label}"[:200], f"{en}: {label}"[:200])
    ways = [report.author] if report.author else []
    ways += [f"mailto:{report.reporterEmail}"] if report.reporterEmail else []
    ways += [f"tel:{report.reporterPhone}"] if report.reporterPhone and not report.reporterEmail else []
    return [Notice(to=to, subject=subject, body=Label(text, text), about=report.id) for to in ways]


def _number(report: Report) -> Counter:
    year = report.reportedAt.astimezone(CIVIL_ZONE).year
    return Counter(attribute="code", name=f"report-{year}", template=f"PA-{year}-{{n:06d}}")


def _missing_number(report: Report) -> tuple[Counter, ...]:
    return () if report.code else (_number(report),)


def _said(text: str, field: str) -> str:
    if not text.strip():
        raise InvalidInput("the author must be told.", field=field, remedy="Write at least one sentence.")
    return text.strip()


def _position(location: Geometry) -> tuple[float, float]:
    """The position of a Point; of any other geometry, its first position."""
    node: Any = location["coordinates"]
    while not isinstance(node[0], int | float):
        node = node[0]
    return float(node[0]), float(node[1])


def _derive(use: str, nonce: str) -> str:
    return hashlib.sha256(f"report:{use}:{nonce}".encode()).hexdigest()[:32]


def hash_secret(secret: str) -> str:
    """What is stored of a secret."""
    return hashlib.sha256(secret.encode()).hexdigest()
