"""What people do with projects and milestones of the plan, and the sums that are computed from entries. Pure."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Any, Final

import msgspec

from province.errors import Conflict, InvalidInput
from province.model.change import Change, Counter
from province.model.entity import Entity
from province.model.geometry import Geometry, validate
from province.model.label import Label
from province.model.query import Query, Where
from province.model.record import change, create, move
from province.model.schema import Field
from province.model.unit import Unit
from province.pack import Context, Effect, Notice
from province.packs.plan.types import FUND_NAMES, FUNDS, Commitment, PlanLine, Project
from province.vocab.area import civil_day, parse_day
from province.vocab.milestone import Milestone

MAX_ENTRIES: Final = 2_000
_LARGEST_VND: Final = 10**15
"""A million billion đồng: more is a slip of the finger, not a project of a province."""
_CODE: Final = re.compile(r"B\.\d{1,2}|[IV]{1,4}(?:\.\d{1,2}[a-z]?)?")
_LINE_HINT: Final = Label("Mã dòng, như II.4 hoặc B.7", "Code of the line, such as II.4 or B.7")
_DAY_HINT: Final = Label("Dạng 2026-03-31", "As 2026-03-31")


class Entry(msgspec.Struct, frozen=True, kw_only=True):
    """An amount of one source of capital: given by a decision, or paid out."""

    source: str
    amount: int


@dataclass(frozen=True, slots=True)
class Totals:
    """Sums of a project in đồng, recomputed from its entries. by_source: source → (capital, disbursed)."""

    capital: int
    disbursed: int
    by_source: Mapping[str, tuple[int, int]]


def totals(project: Project) -> Totals:
    """The sums of a project's entries. Raises: InvalidInput when an entry is not a source and an amount."""
    by_source: dict[str, list[int]] = {}
    for place, entries in enumerate((project.capital, project.disbursements)):
        try:
            read = msgspec.convert(entries, tuple[Entry, ...])
        except msgspec.ValidationError as error:
            raise InvalidInput(f"{project.id}: {error}", field=("capital", "disbursements")[place]) from None
        for entry in read:
            by_source.setdefault(entry.source, [0, 0])[place] += entry.amount
    return Totals(
        sum(c for c, _ in by_source.values()),
        sum(d for _, d in by_source.values()),
        {name: (c, d) for name, (c, d) in sorted(by_source.items())},
    )


def register(
    *,
    context: Context,
    title: Annotated[str, Field(Label("Tên dự án", "Title"))],
    line: Annotated[str, Field(Label("Dòng của quy hoạch", "Line of the plan"), hint=_LINE_HINT)],
    investor: Annotated[str, Field(Label("Chủ đầu tư", "Investor"))],
    location: Annotated[Geometry | None, Field(Label("Vị trí, tuyến", "Place or route"))] = None,
    source: Annotated[str, Field(Label("Nguồn thông tin", "Source"))] = "",
) -> list[Change]:
    """Enter a project that carries out a line of the plan. It is not public before its investment is decided."""
    project = Project(
        id=f"urn:ngsi-ld:Project:{_new_id('project', context)}",
        code="",
        title=_text(title, "title", 5, 500),
        line=check_line(line),
        investor=_text(investor, "investor", 2, 300),
        location=None if location is None else validate(location),
        source=source.strip(),
    )
    year = civil_day(context.now)[:4]
    number = Counter(attribute="code", name=f"project-{year}", template=f"DA-{year}-{{n:04d}}")
    return [create(project, agency=context.agency, counters=(number,))]


def decide(
    project: Project,
    *,
    context: Context,
    number: Annotated[str, Field(Label("Số quyết định", "Decision number"))],
    date: Annotated[str, Field(Label("Ngày quyết định", "Decision date"), hint=_DAY_HINT)],
    fund: Annotated[str, Field(Label("Nguồn vốn", "Source of capital"), values=FUND_NAMES, names=FUNDS)],
    amount: Annotated[int, Field(Label("Số vốn", "Capital"), minimum=-_LARGEST_VND, maximum=_LARGEST_VND), Unit("VND")],
) -> list[Change]:
    """Record an investment decision, or one that amends it: it adds (or, negative, takes away) capital of one source.

    A decision with several sources is recorded once per source. No source may fall below what it has paid out.
    """
    day = _past_day(date, "date", context)
    amount = _amount(amount, negative=True)
    entry = {"source": _fund(fund), "amount": amount, "decision": _text(number, "number", 1, 100), "date": day}
    capital = (*project.capital, entry)
    _bounded(capital, "capital")
    after, paid = totals(msgspec.structs.replace(project, capital=capital)).by_source[fund]
    if after < 0 or after < paid:
        raise Conflict(
            f"the capital of {fund} would be {after} ₫, with {paid} ₫ paid out.",
            field="amount",
            remedy="Take away less, or correct the disbursements first.",
        )
    return [
        move(
            project,
            "decided",
            at=context.now,
            note=f"{number.strip()}, {day}",
            capital=capital,
            decisionNumber=number.strip(),
            decisionDate=day,
            published=True,
        )
    ]


def disburse(
    project: Project,
    *,
    context: Context,
    fund: Annotated[str, Field(Label("Nguồn vốn", "Source of capital"), values=FUND_NAMES, names=FUNDS)],
    amount: Annotated[int, Field(Label("Số tiền", "Amount"), minimum=1, maximum=_LARGEST_VND), Unit("VND")],
    date: Annotated[str, Field(Label("Ngày giải ngân", "Paid out on"), hint=_DAY_HINT)],
    voucher: Annotated[str, Field(Label("Số chứng từ", "Voucher"))],
) -> list[Change]:
    """Record a payment. Refused beyond the capital that decisions gave this source, and for a voucher known already."""
    day = _past_day(date, "date", context)
    voucher = _text(voucher, "voucher", 1, 100)
    if any(e["voucher"] == voucher and e["source"] == fund for e in project.disbursements):
        raise Conflict(f"the voucher {voucher} is recorded already.", field="voucher", remedy="Check the number.")
    entry = {"source": _fund(fund), "amount": _amount(amount), "date": day, "voucher": voucher}
    disbursements = (*project.disbursements, entry)
    _bounded(disbursements, "disbursements")
    given, paid = totals(msgspec.structs.replace(project, disbursements=disbursements)).by_source[fund]
    if paid > given:
        raise Conflict(
            f"{paid} ₫ would be paid out of {given} ₫ of {fund}.",
            field="amount",
            remedy="Record the decision that gives more capital first.",
        )
    note = f"{voucher}, {day}"
    if project.status == "decided":
        return [move(project, "started", at=context.now, note=note, disbursements=disbursements)]
    return [change(project, event="project.disbursed", disbursements=disbursements)]


def accept(
    project: Project,
    *,
    context: Context,
    date: Annotated[str, Field(Label("Ngày nghiệm thu", "Accepted on"), hint=_DAY_HINT)],
    outcome: Annotated[str, Field(Label("Kết quả đưa vào sử dụng", "What was put into use"))],
) -> list[Change]:
    """Record that the project was accepted, with what it put into use."""
    day = _past_day(date, "date", context)
    if project.decisionDate is not None and day < project.decisionDate:
        raise InvalidInput(f"{day} lies before the decision of {project.decisionDate}.", field="date")
    said = _text(outcome, "outcome", 3, 2_000)
    return [move(project, "accepted", at=context.now, note=said, acceptedOn=day, outcome=said)]


def cancel(
    project: Project, *, context: Context, reason: Annotated[str, Field(Label("Lý do", "Reason"))]
) -> list[Change]:
    """Stop a project, with the reason. What was paid out stays on the record."""
    return [move(project, "cancelled", at=context.now, note=_text(reason, "reason", 3, 2_000))]


def plan(
    *,
    context: Context,
    line: Annotated[str, Field(Label("Dòng của quy hoạch", "Line of the plan"), hint=_LINE_HINT)],
    title: Annotated[str, Field(Label("Mốc", "Milestone"))],
    due: Annotated[str, Field(Label("Hạn", "Due on"), hint=_DAY_HINT)],
    project: Annotated[str | None, Field(Label("Dự án", "Project"), ref="Project")] = None,
) -> list[Change]:
    """Set a milestone of a line, or of one of its projects."""
    day = parse_day(due, field="due")
    return [
        create(
            Milestone(
                id=f"urn:ngsi-ld:Milestone:{_new_id('milestone', context)}",
                line=check_line(line),
                title=_text(title, "title", 5, 500),
                project=project,
                dueOn=day,
                firstDueOn=day,
            ),
            agency=context.agency,
        )
    ]


def report(
    milestone: Milestone,
    *,
    context: Context,
    date: Annotated[str, Field(Label("Ngày hoàn thành", "Reached on"), hint=_DAY_HINT)],
    evidence: Annotated[str, Field(Label("Bằng chứng", "Evidence"))],
) -> list[Change]:
    """Report a milestone as reached, with the evidence that anybody may read."""
    day = _past_day(date, "date", context)
    said = _text(evidence, "evidence", 5, 2_000)
    return [move(milestone, "reached", at=context.now, note=said, reachedOn=day, evidence=said)]


def postpone(
    milestone: Milestone,
    *,
    context: Context,
    due: Annotated[str, Field(Label("Hạn mới", "New day"), hint=_DAY_HINT)],
    reason: Annotated[str, Field(Label("Lý do", "Reason"))],
) -> list[Change]:
    """Set a later day. The day that was set first stays on the record."""
    day = parse_day(due, field="due")
    if day <= milestone.dueOn:
        raise InvalidInput(f"{day} is not after {milestone.dueOn}.", field="due", remedy="Give a later day.")
    return [move(milestone, "planned", at=context.now, note=_text(reason, "reason", 3, 2_000), dueOn=day)]


def drop(
    milestone: Milestone, *, context: Context, reason: Annotated[str, Field(Label("Lý do", "Reason"))]
) -> list[Change]:
    """Give a milestone up, with the reason."""
    return [move(milestone, "dropped", at=context.now, note=_text(reason, "reason", 3, 2_000))]


def lines_named(record: Entity) -> Query:
    """Lines and commitments with the code that a project or milestone names."""
    return Query(types=("PlanLine",), where=(Where("code", "==", record.value("line")),), limit=1)


def commitments_named(record: Entity) -> Query:
    """Commitments with that code."""
    return Query(types=("Commitment",), where=(Where("code", "==", record.value("line")),), limit=1)


def question_line(
    project: Project, *, context: Context, lines: Sequence[PlanLine], commitments: Sequence[Commitment]
) -> list[Effect]:
    """Tell who registered a project that the plan has no line of that code: it would appear on no page of the plan."""
    if lines or commitments:
        return []
    return [
        Notice(
            to=context.actor,
            subject=Label(f"Quy hoạch không có dòng {project.line}", f"The plan has no line {project.line}"),
            body=Label(
                f"Dự án “{project.title}” không thuộc dòng nào. Hãy dừng và đăng ký lại với mã đúng.",
                f"The project “{project.title}” belongs to no line. Cancel it and register it with the right code.",
            ),
            about=project.id,
        )
    ]


def check_line(code: str) -> str:
    """A code of the form that lines and commitments have. Raises: InvalidInput."""
    if not _CODE.fullmatch(code.strip()):
        raise InvalidInput(f"{code[:40]!r} is not a code of a line.", field="line", remedy="Give one such as II.4.")
    return code.strip()


def _new_id(what: str, context: Context) -> str:
    if len(context.nonce) < 32:
        raise InvalidInput("the call carries no fresh nonce.", field="nonce", remedy="Draw 16 random bytes per call.")
    return hashlib.sha256(f"{what} {context.nonce}".encode()).hexdigest()[:32]


def _text(value: str, field: str, least: int, most: int) -> str:
    if not least <= len(value.strip()) <= most:
        raise InvalidInput(f"the text has {len(value.strip())} characters.", field=field, remedy=f"{least} to {most}.")
    return value.strip()


def _past_day(value: str, field: str, context: Context) -> str:
    day = parse_day(value, field=field)
    if day > civil_day(context.now):
        raise InvalidInput(f"{day} lies in the future.", field=field, remedy="Record it when it has happened.")
    return day


def _fund(name: str) -> str:
    if name not in FUND_NAMES:
        raise InvalidInput(f"{name[:40]!r} is no source.", field="fund", remedy=f"One of: {', '.join(FUND_NAMES)}.")
    return name


def _amount(value: int, *, negative: bool = False) -> int:
    if value == 0 or abs(value) > _LARGEST_VND or (value < 0 and not negative):
        raise InvalidInput(f"{value} ₫ is no amount.", field="amount", remedy="Give whole đồng.")
    return value


def _bounded(entries: Sequence[Mapping[str, Any]], field: str) -> None:
    if len(entries) > MAX_ENTRIES:
        raise InvalidInput(f"{len(entries)} entries.", field=field, remedy=f"At most {MAX_ENTRIES} per project.")
