"""Investors on their way to a lease, the parcels that they hold, and trials in a sandbox. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Any, Final

from province.errors import Conflict, InvalidInput
from province.model.change import Change
from province.model.label import Label
from province.model.query import Query, Where
from province.model.record import change, create, move
from province.model.schema import Field
from province.model.time import civil_date, read_day, read_past_day
from province.model.unit import Unit
from province.pack import Context, Effect, Notice, Read, step_effects
from province.packs.parks.types import RESULTS, SECTORS, InvestorCase, LandParcel, ParkTenant, SandboxTrial
from province.vocab.agency import Agency
from province.vocab.calendar import WorkingYear, every_year
from province.vocab.case import STOPPED, clock_from, require_state, require_text, step_from, the_agency, with_files

_REASON: Final = Label("Lý do", "Reason")
_DAY: Final = Label("Dạng 2026-11-25", "As 2026-11-25")
_MOST: Final = 200
YEARS: Final = Read("years", every_year, WorkingYear)
HELD: Final = Read(
    "parcels", lambda e: Query(types=("LandParcel",), where=(Where("investor", "==", e.id),), limit=_MOST), LandParcel
)
AGENCIES: Final = Read("agencies", the_agency, Agency)


def open_lead(
    *,
    context: Context,
    name: Annotated[str, Field(Label("Nhà đầu tư", "Investor"))],
    sector: Annotated[str, Field(Label("Lĩnh vực", "Sector"), values=tuple(s for s, _ in SECTORS), names=SECTORS)],
    country: Annotated[str, Field(Label("Quốc gia", "Country"))] = "",
    land: Annotated[float | None, Field(Label("Nhu cầu đất", "Land wanted"), minimum=0), Unit("HAR")] = None,
    capital: Annotated[float | None, Field(Label("Vốn dự kiến", "Capital"), minimum=0), Unit("VND")] = None,
    park: Annotated[str | None, Field(Label("Khu", "Park"), ref="IndustrialPark")] = None,
) -> list[Change]:
    """Write down an investor who asked for land; the clock begins when an agency takes it on. Raises: InvalidInput."""
    if not name.strip():
        raise InvalidInput("an investor needs a name.", field="name", remedy="Say who it is.")
    made = InvestorCase(
        id=f"urn:ngsi-ld:InvestorCase:{context.nonce[:24]}", name=name.strip(), sector=sector,
        country=country.strip() or None, landWanted=land, capital=capital, park=park, openedAt=context.now,
    )  # fmt: skip
    return [create(made, agency=context.agency)]


def take_on(
    case: InvestorCase,
    *,
    context: Context,
    years: Sequence[WorkingYear],
    agency: Annotated[str, Field(Label("Cơ quan", "Agency"), ref="Agency")],
) -> list[Effect]:
    """Give the case to an agency; the time limit of its present step begins. Raises: Conflict when it is over."""
    require_state(case.status, "lead", "survey", "memorandum", "decision")
    values = {
        "assignedTo": agency,
        **clock_from(context.params, years, context.now, term=f"investor_{case.status}_term"),
    }
    subject = Label(f"Nhà đầu tư: {case.name}"[:200], f"Investor: {case.name}"[:200])
    body = Label("Hồ sơ đã giao cho cơ quan.", "The case was given to the agency.")
    told = Notice(to=agency, about=case.id, subject=subject, body=body)
    return [change(case, event="investorcase.taken_on", agency=agency, **values), told]


def survey(
    case: InvestorCase, *, context: Context, years: Sequence[WorkingYear],
    note: Annotated[str, Field(Label("Kết quả khảo sát", "What was found"))],
) -> list[Effect]:  # fmt: skip
    """The site was surveyed with the investor. Raises: Conflict."""
    return [_onward(case, "survey", context, years, note)]


def sign_memorandum(
    case: InvestorCase,
    *,
    context: Context,
    years: Sequence[WorkingYear],
    number: Annotated[str, Field(Label("Số bản ghi nhớ", "Memorandum"))],
) -> list[Effect]:
    """A memorandum was signed; parcels may be reserved from now on. Raises: Conflict, InvalidInput."""
    require_text(number, "number", "Give the number of the memorandum.")
    return [_onward(case, "memorandum", context, years, number, decision=number.strip())]


def put_up(case: InvestorCase, *, context: Context, years: Sequence[WorkingYear]) -> list[Effect]:
    """Put the case up for decision. Raises: Conflict."""
    return [_onward(case, "decision", context, years, "")]


def lease(
    case: InvestorCase,
    *,
    context: Context,
    parcels: Sequence[LandParcel],
    contract: Annotated[str, Field(Label("Số quyết định, hợp đồng", "Decision or contract"))],
    day: Annotated[str, Field(Label("Ngày thuê", "Leased on"), hint=_DAY)],
) -> list[Effect]:
    """Approve: the parcels reserved for it are leased, and the investor becomes a tenant.

    Without a reserved parcel it rents rooms, and its land is not known. Raises: Conflict, InvalidInput.
    """
    require_text(contract, "contract", "Give the number of the decision or contract.")
    found = read_past_day(day, context.now, of="of the contract")
    held = [p for p in parcels if p.status == "reserved"]
    sizes = [p.landSize for p in held]
    tenant = ParkTenant(
        id=f"urn:ngsi-ld:ParkTenant:{case.id.rpartition(':')[2]}",
        name=case.name,
        sector=case.sector,
        park=case.park or next((p.park for p in held), None),
        investor=case.id,
        contract=contract.strip(),
        leasedOn=found.isoformat(),
        landSize=None if None in sizes or not sizes else sum(s for s in sizes if s is not None),
    )
    return [
        move(case, "leased", at=context.now, note=contract, decision=contract.strip(),
             evidence=with_files(case, context.files), **STOPPED),
        *(change(p, event="landparcel.leased", status="leased") for p in held),
        create(tenant, agency=context.agency),
    ]  # fmt: skip


def decline(
    case: InvestorCase, *, context: Context, parcels: Sequence[LandParcel],
    reason: Annotated[str, Field(_REASON)],
) -> list[Effect]:  # fmt: skip
    """Say that it goes no further, and why; what it had reserved is free again. Raises: Conflict, InvalidInput."""
    require_text(reason, "reason", "Say why.")
    freed = (p for p in parcels if p.status == "reserved")
    return [
        move(case, "declined", at=context.now, note=reason.strip(), remark=reason.strip(), **STOPPED),
        *(change(p, event="landparcel.freed", status="free", investor=None) for p in freed),
    ]


def reserve(
    parcel: LandParcel, *, context: Context,
    investor: Annotated[str, Field(Label("Hồ sơ nhà đầu tư", "Investor case"), ref="InvestorCase")],
) -> list[Effect]:  # fmt: skip
    """Hold a free parcel for an investor. Of two who ask at once, the second is refused. Raises: Conflict."""
    if parcel.status != "free":
        raise Conflict(f"the parcel is {parcel.status}.", field="status", remedy="Choose a free one.")
    return [change(parcel, event="landparcel.reserved", status="reserved", investor=investor)]


def free(parcel: LandParcel, *, context: Context, reason: Annotated[str, Field(_REASON)]) -> list[Effect]:
    """Take a reservation back. Raises: Conflict for a parcel that is not reserved, InvalidInput without a reason."""
    if parcel.status != "reserved":
        raise Conflict(f"the parcel is {parcel.status}.", field="status", remedy="Only a reservation is taken back.")
    require_text(reason, "reason", "Say why.")
    return [change(parcel, event="landparcel.freed", status="free", investor=None)]


def apply_sandbox(
    *,
    context: Context,
    title: Annotated[str, Field(Label("Tên thử nghiệm", "Title"))],
    applicant: Annotated[str, Field(Label("Đơn vị đề nghị", "Applicant"))],
    technology: Annotated[str, Field(Label("Công nghệ, mô hình", "Technology or model"))],
    limits: Annotated[str, Field(Label("Phạm vi, giới hạn", "Scope and limits"))],
    safeguards: Annotated[str, Field(Label("Biện pháp bảo vệ người dùng", "Safeguards"))],
) -> list[Effect]:
    """Apply for a controlled trial. Raises: InvalidInput naming what is missing."""
    told = {
        "title": title,
        "applicant": applicant,
        "technology": technology,
        "limits": limits,
        "safeguards": safeguards,
    }
    for name, text in told.items():
        require_text(text, name, "An application needs it.")
    made = SandboxTrial(
        id=f"urn:ngsi-ld:SandboxTrial:{context.nonce[:24]}", title=title.strip(), applicant=applicant.strip(),
        technology=technology.strip(), limits=limits.strip(), safeguards=safeguards.strip(), appliedAt=context.now,
    )  # fmt: skip
    return [create(made, agency=context.agency)]


def examine(
    trial: SandboxTrial,
    *,
    context: Context,
    years: Sequence[WorkingYear],
    agency: Annotated[str, Field(Label("Cơ quan", "Agency"), ref="Agency")],
) -> list[Effect]:
    """Give the application to the agency that decides, within its time limit. Raises: Conflict."""
    require_state(trial.status, "applied")
    values = {"assignedTo": agency, **clock_from(context.params, years, context.now, term="sandbox_decision_term")}
    subject = Label(f"Thử nghiệm: {trial.title}"[:200], f"Trial: {trial.title}"[:200])
    body = Label("Đơn đề nghị chờ xét.", "The application waits for a decision.")
    told = Notice(to=agency, about=trial.id, subject=subject, body=body)
    return [change(trial, event="sandboxtrial.taken_on", agency=agency, **values), told]


def admit(
    trial: SandboxTrial,
    *,
    context: Context,
    decision: Annotated[str, Field(Label("Số quyết định", "Decision"))],
    ends: Annotated[str, Field(Label("Phải kết thúc trước ngày", "To end by"), hint=_DAY)],
) -> list[Effect]:
    """Admit the trial until a day. Raises: Conflict, InvalidInput for a day that is too far away or past."""
    require_text(decision, "decision", "Give the number of the decision.")
    last, today = read_day(ends, field="ends"), civil_date(context.now)
    most = int(context.params["sandbox_longest"])
    if not 0 < (last - today).days <= most:
        raise InvalidInput(f"a trial until {last}.", field="ends", remedy=f"A day of the next {most} days.")
    return [
        move(trial, "running", at=context.now, note=decision, decision=decision.strip(), begunOn=today.isoformat(),
             endsOn=last.isoformat(), **STOPPED)
    ]  # fmt: skip


def refuse(trial: SandboxTrial, *, context: Context, reason: Annotated[str, Field(_REASON)]) -> list[Effect]:
    """Refuse the application, and say why. Raises: Conflict, InvalidInput."""
    require_text(reason, "reason", "Say why.")
    return [move(trial, "refused", at=context.now, note=reason.strip(), remark=reason.strip(), **STOPPED)]


def monitor(
    trial: SandboxTrial, *, context: Context, finding: Annotated[str, Field(Label("Kết quả giám sát", "Finding"))]
) -> list[Effect]:
    """Write down what monitoring found; the history keeps every finding. Raises: Conflict, InvalidInput."""
    require_state(trial.status, "running")
    require_text(finding, "finding", "Say what was found.")
    evidence = with_files(trial, context.files)
    return [change(trial, event="sandboxtrial.monitored", monitored=trial.monitored + 1, finding=finding.strip(),
                   evidence=evidence)]  # fmt: skip


def report(
    trial: SandboxTrial,
    *,
    context: Context,
    text: Annotated[str, Field(Label("Báo cáo kết thúc", "Exit report"))],
    conclusion: Annotated[
        str, Field(Label("Kết luận", "Conclusion"), values=tuple(r for r, _ in RESULTS), names=RESULTS)
    ],
) -> list[Effect]:
    """End the trial with its exit report; it must have been monitored. Raises: Conflict, InvalidInput."""
    require_text(text, "text", "A trial ends with a report.")
    if trial.monitored == 0:
        raise Conflict("the trial was never monitored.", field="monitored", remedy="Record a finding first.")
    return [
        move(trial, "completed", at=context.now, report=text.strip(), conclusion=conclusion,
             evidence=with_files(trial, context.files))
    ]  # fmt: skip


def stop(trial: SandboxTrial, *, context: Context, reason: Annotated[str, Field(_REASON)]) -> list[Effect]:
    """End a running trial early, and say why. Raises: Conflict, InvalidInput."""
    require_text(reason, "reason", "Say why.")
    return [move(trial, "ended", at=context.now, note=reason.strip(), remark=reason.strip())]


def escalate_investor(
    case: InvestorCase, *, context: Context, years: Sequence[WorkingYear], agencies: Sequence[Agency]
) -> list[Effect]:
    """Take the step that an investor's case has come to: remind, say that it is overdue, tell the level above."""
    return step_effects(step_from(case, context.params, years, context.now, agencies=agencies, label=case.name))


def escalate_trial(
    trial: SandboxTrial, *, context: Context, years: Sequence[WorkingYear], agencies: Sequence[Agency]
) -> list[Effect]:
    """The same for an application that waits for a decision."""
    return step_effects(step_from(trial, context.params, years, context.now, agencies=agencies, label=trial.title))


def _onward(
    case: InvestorCase, to: str, context: Context, years: Sequence[WorkingYear], note: str, **values: Any
) -> Change:
    """The next step, with its own time limit where an agency has the case."""
    clock = (
        clock_from(context.params, years, context.now, term=f"investor_{to}_term")
        if case.assignedTo is not None
        else dict(STOPPED)
    )
    return move(
        case, to, at=context.now, note=note.strip(), evidence=with_files(case, context.files), **values, **clock
    )
