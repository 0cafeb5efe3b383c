"""How a report comes in: from a resident, or through the desk; checked, classified, its author protected. Pure.

The author needs no account: a secret that only the answer to `submit` shows proves authorship; its hash is stored.
"""

from __future__ import annotations

import re
from datetime import timedelta
from typing import Annotated, Final

import msgspec

from province.errors import InvalidInput
from province.model.actor import anonymous
from province.model.change import Change
from province.model.geometry import Geometry, validate
from province.model.label import Label
from province.model.record import attributes, create
from province.model.schema import Field, describe
from province.model.time import Instant
from province.pack import CALLER, Context, Effect, Notice
from province.packs.reports import urgency
from province.packs.reports.marks import derive, hash_secret, number
from province.packs.reports.types import (
    CATEGORIES,
    CATEGORY_NAMES,
    LEGAL,
    MATTERS,
    ProtectedIdentity,
    Report,
    foreign_id,
)
from province.vocab.case import CHANNELS

ANONYMOUS: Final = anonymous("").id
"""Actor of a call by somebody who did not sign in."""
_PHONE = re.compile(r"\+?[0-9][0-9 .-]{6,18}[0-9]")
_EMAIL = re.compile(r"[^@\s<>\"]{1,64}@[A-Za-z0-9.-]{1,190}\.[A-Za-z]{2,24}")
MODEL: Final = "report_texts"
"""Name of the classifier in `Context.models`."""
_TITLE = Field(Label("Nội dung phản ánh", "What is the matter"))
CATEGORY_FIELD = Field(
    Label("Lĩnh vực", "Category"),
    values=CATEGORY_NAMES,
    names=CATEGORIES,
    hint=Label("Để trống nếu không chắc: hệ thống sẽ gợi ý", "Leave it out when unsure: the system will propose one"),
)
MATTER_FIELD = Field(Label("Loại việc", "Matter"), values=tuple(name for name, _ in MATTERS), names=MATTERS)
_NAME = Field(Label("Họ và tên", "Your name"), personal=True)
_PHONE_FIELD = Field(Label("Điện thoại", "Your phone"), personal=True)
_EMAIL_FIELD = Field(Label("Thư điện tử", "Your e-mail"), personal=True)


def submit(
    *,
    context: Context,
    title: Annotated[str, _TITLE],
    location: Annotated[Geometry, Field(Label("Vị trí", "Place"))],
    category: Annotated[str | None, CATEGORY_FIELD] = None,
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
        create(report, counters=(number(report),)),
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
    category: Annotated[str | None, CATEGORY_FIELD] = None,
    matter: Annotated[str | None, MATTER_FIELD] = None,
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
        create(report, counters=(number(report),)),
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
    secret = derive("secret", context.nonce)
    report = Report(
        id=f"urn:ngsi-ld:Report:{derive('id', context.nonce)}",
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
    return bare, protect(report), secret


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


def protect(report: Report) -> list[Effect]:
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
