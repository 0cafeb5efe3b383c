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

from province.errors import InvalidInput, NotAllowed
from province.model.actor import anonymous
from province.model.change import Counter
from province.model.entity import Entity
from province.model.geometry import Geometry, box_around, distance_m, validate
from province.model.label import Label
from province.model.query import Near, Query, Where
from province.model.record import change, create, move
from province.model.schema import Field
from province.model.time import CIVIL_ZONE, format_instant, parse_instant
from province.pack import CALLER, Context, Effect, Notice
from province.packs.reports.types import CATEGORIES, CATEGORY_NAMES, Report
from province.vocab.agency import Agency
from province.vocab.area import Area, civil_day, in_force, local_area
from province.vocab.mandate import Mandate, in_charge

LOOK_AROUND_M: Final = 1000.0
"""Ceiling of the search for duplicates; the parameter `duplicate_distance` narrows it."""
LOOK_BACK_DAYS: Final = 30
"""Ceiling of the search for duplicates; the parameter `duplicate_days` narrows it."""
ANONYMOUS: Final = anonymous("").id
"""Actor of a call by somebody who did not sign in."""
WARD: Final = "ward"
"""The word in the table `routes` for the People's Committee of the place."""
_PHONE = re.compile(r"\+?[0-9][0-9 .-]{6,18}[0-9]")


def submit(
    *,
    context: Context,
    title: Annotated[str, Field(Label("Nội dung phản ánh", "What is the matter"))],
    category: Annotated[str, Field(Label("Lĩnh vực", "Category"), values=CATEGORY_NAMES, names=CATEGORIES)],
    location: Annotated[Geometry, Field(Label("Vị trí", "Place"))],
    description: Annotated[str, Field(Label("Mô tả", "Description"))] = "",
    address: Annotated[str | None, Field(Label("Địa chỉ", "Address"))] = None,
    name: Annotated[str | None, Field(Label("Họ và tên", "Your name"), personal=True)] = None,
    phone: Annotated[str | None, Field(Label("Điện thoại", "Your phone"), personal=True)] = None,
) -> list[Effect]:
    """Send in a report, with photos if any; the answer shows the secret that opens it again.

    Raises: InvalidInput naming the field.
    """
    if len(context.nonce) < 32:
        raise InvalidInput("the call carries no fresh nonce.", field="nonce", remedy="Draw 16 random bytes per call.")
    if not 3 <= len(title.strip()) <= 300:
        raise InvalidInput(f"the text has {len(title.strip())} characters.", field="title", remedy="Write 3 to 300.")
    if category not in CATEGORY_NAMES:
        raise InvalidInput(
            f"{category[:40]!r} is not a category.", field="category", remedy=f"One of: {', '.join(CATEGORY_NAMES)}."
        )
    if validate(location)["type"] != "Point":
        raise InvalidInput(f"a {location['type']} is not a place.", field="location", remedy="Give one Point.")
    if phone is not None and not _PHONE.fullmatch(phone):
        raise InvalidInput(
            "this is not a telephone number.", field="phone", remedy="Give digits, such as 0274 1234567."
        )
    most = context.params["photos_at_most"]
    if len(context.files) > most:
        raise InvalidInput(f"{len(context.files)} photos.", field="photos", remedy=f"Send at most {most}.")
    secret = _derive("secret", context.nonce)
    report = Report(
        id=f"urn:ngsi-ld:Report:{_derive('id', context.nonce)}",
        title=title.strip(),
        description=description.strip(),
        category=category,
        location=location,
        address=address,
        reportedAt=context.now,
        photos=context.files,
        author=None if context.actor == ANONYMOUS else context.actor,
        reporterName=name,
        reporterPhone=phone,
        secretHash=hash_secret(secret),
    )
    return [
        create(report, counters=(_number(report),)),
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


def areas_here(report: Entity) -> Query:
    """Areas whose boundary may hold the report's place."""
    return Query(types=("Area",), box=box_around(_position(report.value("location")), 1.0), limit=100)


def agencies_now(report: Entity) -> Query:
    """Agencies that have not ended."""
    return Query(types=("Agency",), where=(Where("validTo", "absent"),), limit=1000)


def mandates_now(report: Entity) -> Query:
    """Mandates that have not ended."""
    return Query(types=("Mandate",), where=(Where("validTo", "absent"),), limit=1000)


def reports_around(report: Entity) -> Query:
    """Reports of the same category, near and recent, within the ceilings."""
    since = parse_instant(report.value("reportedAt")) - timedelta(days=LOOK_BACK_DAYS)
    return Query(
        types=("Report",),
        where=(
            Where("category", "==", report.value("category")),
            Where("reportedAt", ">=", format_instant(since)),
        ),
        near=Near(_position(report.value("location")), LOOK_AROUND_M),
        limit=200,
    )


def route(
    report: Report,
    *,
    context: Context,
    areas: Sequence[Area],
    agencies: Sequence[Agency],
    around: Sequence[Report],
    mandates: Sequence[Mandate] = (),
) -> list[Effect]:
    """Give a new report to the agency in charge of its place and category, and link it to a likely duplicate.

    A report that came by a feed gets its number here. Without an agency in force the report stays new, with what is
    known: a person decides, nothing is guessed.
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
    agency = find_agency(report.category, area, agencies, context, mandates)
    if agency is not None:
        return _assign(report, agency.id, context, known)
    waiting = change(report, event="report.unrouted", **known)
    return [msgspec.structs.replace(waiting, counters=_missing_number(report))]


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
    if competence != WARD:
        for agency in alive:
            if competence in agency.competences:
                return agency
    if area is None:
        return None
    return next((a for a in alive if a.kind == "committee" and a.area == area.id), None)


def find_duplicate(report: Report, around: Sequence[Report], context: Context) -> str | None:
    """Id of the first report of the same matter: same category, near, recent, still open. A hint for a person."""
    here = _position(report.location)
    since = report.reportedAt - timedelta(days=context.params["duplicate_days"])
    near = [
        r
        for r in around
        if r.id != report.id
        and r.category == report.category
        and r.status not in ("closed", "rejected")
        and since <= r.reportedAt <= report.reportedAt
        and distance_m(here, _position(r.location)) <= context.params["duplicate_distance"]
    ]
    first = min(near, key=lambda r: (r.reportedAt, r.id), default=None)
    return None if first is None else first.duplicateOf or first.id


_REASON = Label("Lý do", "Reason")


def assign(
    report: Report,
    *,
    context: Context,
    agency: Annotated[str, Field(Label("Cơ quan xử lý", "Agency"), ref="Agency")],
    reason: Annotated[str, Field(_REASON)] = "",
) -> list[Effect]:
    """Give the report to an agency, or pass it on; the clock of a report that has one keeps running."""
    return _assign(report, agency, context, {}, reason)


def start(report: Report, *, context: Context) -> list[Effect]:
    """Begin to work on it."""
    return [move(report, "in_progress", at=context.now)]


def resolve(
    report: Report, *, context: Context, note: Annotated[str, Field(Label("Kết quả xử lý", "What was done"))]
) -> list[Effect]:
    """Answer with what was done; the author may disagree."""
    said = _said(note, "note")
    return [
        move(report, "resolved", at=context.now, note=said, answer=said),
        *_tell_author(report, "Đã xử lý phản ánh", "Your report is resolved", said),
    ]


def reject(report: Report, *, context: Context, reason: Annotated[str, Field(_REASON)]) -> list[Effect]:
    """Refuse it, with the reason that the author reads; the author may disagree."""
    said = _said(reason, "reason")
    return [
        move(report, "rejected", at=context.now, note=said, answer=said),
        *_tell_author(report, "Không tiếp nhận phản ánh", "Your report is refused", said),
    ]


def dispute(
    report: Report,
    *,
    context: Context,
    secret: Annotated[str, Field(Label("Mã bí mật", "Secret"))],
    reason: Annotated[str, Field(_REASON)],
) -> list[Effect]:
    """Disagree with the outcome, as the author whom the secret proves. Raises: NotAllowed."""
    if report.secretHash is None or not hmac.compare_digest(hash_secret(secret.strip()), report.secretHash):
        raise NotAllowed("the secret does not open this report.", field="secret", remedy="Use the one shown to you.")
    effects: list[Effect] = [move(report, "disputed", at=context.now, note=_said(reason, "reason"))]
    if report.assignedTo:
        subject = Label(f"Người dân chưa đồng ý: {report.code}", f"Disputed: {report.code}")
        effects.append(Notice(to=report.assignedTo, subject=subject, body=Label(reason, reason), about=report.id))
    return effects


def reopen(report: Report, *, context: Context, reason: Annotated[str, Field(_REASON)]) -> list[Effect]:
    """Accept the dispute: the work begins again with a new time limit."""
    return [move(report, "reopened", at=context.now, note=_said(reason, "reason"), dueAt=_due(context))]


def close(report: Report, *, context: Context, reason: Annotated[str, Field(_REASON)] = "") -> list[Effect]:
    """End it: accepted, not disputed in time, or the dispute is not upheld."""
    return [move(report, "closed", at=context.now, note=reason)]


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


def _assign(report: Report, agency: str, context: Context, known: dict[str, Any], reason: str = "") -> list[Effect]:
    due = report.dueAt or _due(context)
    moved = move(report, "assigned", at=context.now, note=reason, assignedTo=agency, dueAt=due, **known)
    label = report.code or report.externalCode or report.title
    return [
        msgspec.structs.replace(moved, agency=agency, counters=_missing_number(report)),
        Notice(
            to=agency,
            subject=Label(f"Phản ánh mới: {label}", f"New report: {label}"),
            body=Label(report.title, report.title),
            about=report.id,
        ),
    ]


def _tell_author(report: Report, vi: str, en: str, text: str) -> list[Notice]:
    """A notice to an author who has an account; the others look with their secret."""
    if report.author is None:
        return []
    subject = Label(f"{vi}: {report.code}", f"{en}: {report.code}")
    return [Notice(to=report.author, subject=subject, body=Label(text, text), about=report.id)]


def _number(report: Report) -> Counter:
    year = report.reportedAt.astimezone(CIVIL_ZONE).year
    return Counter(attribute="code", name=f"report-{year}", template=f"PA-{year}-{{n:06d}}")


def _missing_number(report: Report) -> tuple[Counter, ...]:
    return () if report.code else (_number(report),)


def _due(context: Context) -> Any:
    return context.now + timedelta(days=context.params["resolution_days"])


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
