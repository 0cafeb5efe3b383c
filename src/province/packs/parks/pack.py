"""Row III.6: concentrated IT parks: land, investors and tenants, science zones, trials; and which land to take."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from province.model.label import Label
from province.model.query import Where
from province.model.schema import Record
from province.pack import Action, Indicator, Map, Pack, Read, Rule, StudyKind, StudyLayer, StudyMark, Table, Timer
from province.packs.parks import acquiring, adopting, logic, plan, telling
from province.packs.parks.types import INVESTOR, InnovationPlace, InvestorCase, LandParcel, ParkTenant, SandboxTrial
from province.vocab.park import IndustrialPark


def _investor(
    do: Callable[..., Any], vi: str, en: str, *states: str, reads: tuple[Read, ...] = (), needs: str = "handle",
    creates: bool = False,
) -> Action:  # fmt: skip
    return Action(do, record=InvestorCase, needs=f"investorcase.{needs}", title=Label(vi, en), states=states,
                  reads=reads, creates=creates, files=not creates)  # fmt: skip


def _trial(
    do: Callable[..., Any], vi: str, en: str, *states: str, reads: tuple[Read, ...] = (), needs: str = "handle",
    creates: bool = False, files: bool = False,
) -> Action:  # fmt: skip
    return Action(do, record=SandboxTrial, needs=f"sandboxtrial.{needs}", title=Label(vi, en), states=states,
                  reads=reads, creates=creates, files=files)  # fmt: skip


def _acquire(do: Callable[..., Any], vi: str, en: str) -> Action:
    return Action(do, record=LandParcel, needs="landparcel.acquire", title=Label(vi, en))


def _park(do: Callable[..., Any], vi: str, en: str, *reads: Read) -> Action:
    return Action(do, record=IndustrialPark, needs="industrialpark.establish", title=Label(vi, en), reads=reads)


def _land(name: str, vi: str, en: str, *states: str) -> Indicator:
    where = (Where("status", "in", list(states)),)
    return Indicator(name, "sum", of=LandParcel, title=Label(vi, en), unit="HAR", field="landSize", where=where)


def _count(of: type[Record], name: str, label: Label, *where: Where) -> Indicator:
    return Indicator(name, "count", of=of, title=label, unit="C62", where=where)


_HELD = ("free", "reserved", "leased")
_OPEN = tuple(state for state in INVESTOR.states if state not in INVESTOR.final)
_DESK = (
    "investorcase.create", "investorcase.handle", "landparcel.reserve", "landparcel.acquire",
    "industrialpark.establish",
    "sandboxtrial.create", "sandboxtrial.handle",
)  # fmt: skip
_CLOCKED = (logic.YEARS, logic.AGENCIES)

PACK = Pack(
    name="parks",
    title=Label("Khu công nghệ thông tin tập trung", "Concentrated IT parks"),
    row="III.6",
    types=(LandParcel, InvestorCase, ParkTenant, InnovationPlace, SandboxTrial),
    rules=(
        Rule(on="investorcase.step_reached", record=InvestorCase, do=logic.escalate_investor, reads=_CLOCKED),
        Rule(on="sandboxtrial.step_reached", record=SandboxTrial, do=logic.escalate_trial, reads=_CLOCKED),
    ),
    timers=(
        Timer(InvestorCase, "nextStepAt", "investorcase.step_reached"),
        Timer(SandboxTrial, "nextStepAt", "sandboxtrial.step_reached"),
    ),
    actions=(
        _investor(logic.open_lead, "Tiếp nhận nhà đầu tư", "Open a lead", needs="create", creates=True),
        _investor(logic.take_on, "Giao cho cơ quan", "Give to an agency", *_OPEN, reads=(logic.YEARS,)),
        _investor(logic.survey, "Ghi kết quả khảo sát", "Surveyed", "lead", reads=(logic.YEARS,)),
        _investor(logic.sign_memorandum, "Ký ghi nhớ", "Memorandum signed", "survey", reads=(logic.YEARS,)),
        _investor(logic.put_up, "Trình quyết định", "Put up for decision", "memorandum", reads=(logic.YEARS,)),
        _investor(
            logic.lease, "Chấp thuận, cho thuê", "Approve and lease", "decision", reads=(logic.HELD,), needs="decide"
        ),
        _investor(logic.decline, "Không tiếp tục", "Decline", *_OPEN, reads=(logic.HELD,)),
        Action(logic.reserve, record=LandParcel, needs="landparcel.reserve", title=Label("Giữ chỗ", "Reserve")),
        Action(logic.free, record=LandParcel, needs="landparcel.reserve", title=Label("Bỏ giữ chỗ", "Take it back")),
        _acquire(acquiring.compensate, "Ghi đã bồi thường xong", "Compensated"),
        _acquire(acquiring.hand_over, "Ghi đã bàn giao đất", "Handed over"),
        _acquire(acquiring.drop_parcel, "Không lấy thửa này nữa", "Drop"),
        _park(acquiring.establish, "Ghi quyết định thành lập khu", "Established"),
        _park(acquiring.forgo, "Không lập khu này nữa", "Not to be established", acquiring.LAND),
        _trial(logic.apply_sandbox, "Đề nghị thử nghiệm", "Apply for a trial", needs="create", creates=True),
        _trial(logic.examine, "Giao cơ quan xét", "Give to an agency", "applied", reads=(logic.YEARS,)),
        _trial(logic.admit, "Cho phép thử nghiệm", "Admit", "applied", needs="decide"),
        _trial(logic.refuse, "Không cho phép", "Refuse", "applied", needs="decide"),
        _trial(logic.monitor, "Ghi kết quả giám sát", "Record a finding", "running", files=True),
        _trial(logic.report, "Kết thúc, nộp báo cáo", "End with a report", "running", files=True),
        _trial(logic.stop, "Dừng trước hạn", "End early", "running", needs="decide"),
    ),
    indicators=(
        _land("it_parcels_land", "Diện tích thửa đất khu CNTT", "Land of the parcels of IT parks", *_HELD),
        _land("it_parcels_planned", "Diện tích chờ thu hồi, bàn giao", "Land to be acquired", "planned"),
        Indicator(
            "it_parks_planned_land", "sum", of=IndustrialPark, unit="HAR", field="landSize", public=True,
            title=Label("Diện tích khu CNTT theo phương án, chưa thành lập", "Land of IT parks that are planned"),
            where=(Where("kind", "==", "it"), Where("status", "==", "planned")),
        ),
        _land("it_parcels_leased", "Diện tích đã cho thuê", "Land leased", "leased"),
        _land("it_parcels_reserved", "Diện tích đã giữ chỗ", "Land reserved", "reserved"),
        _land("it_parcels_free", "Diện tích còn trống", "Land free", "free"),
        Indicator(
            "it_parcels_occupancy", "sum", of=LandParcel, unit="P1", field="landSize", public=True,
            title=Label("Tỷ lệ lấp đầy đất khu CNTT", "Land of IT parks that is leased"),
            where=(Where("status", "==", "leased"), Where("landSize", "exists")),
            per=_land("it_parcels_known", "Diện tích đã biết", "Land whose size is known", *_HELD),
        ),
        *(
            _count(
                InvestorCase, f"investors_{state}",
                Label(f"Nhà đầu tư: {label.vi.lower()}", f"Investors: {label.en.lower()}"),
                Where("status", "==", state),
            )
            for state, label in INVESTOR.names
        ),
        _count(InvestorCase, "investors_overdue", Label("Hồ sơ nhà đầu tư quá hạn", "Investor cases overdue"),
               Where("status", "in", list(_OPEN)), Where("overdueSince", "exists")),
        _count(ParkTenant, "it_park_tenants", Label("Doanh nghiệp trong khu CNTT", "Tenants of IT parks")),
        _count(InnovationPlace, "innovation_places_operating",
               Label("Khu khoa học, đổi mới sáng tạo đang hoạt động", "Science and innovation places in operation"),
               Where("status", "==", "operating")),
        _count(SandboxTrial, "sandbox_running", Label("Thử nghiệm đang chạy", "Trials running"),
               Where("status", "==", "running")),
    ),
    panels=(
        Map(LandParcel, Label("Thửa đất khu CNTT", "Parcels"), colour_by="status"),
        Map(InnovationPlace, Label("Khu khoa học, đổi mới sáng tạo", "Science and innovation"), colour_by="kind"),
        Table(
            LandParcel, Label("Thửa đất khu CNTT", "Parcels"),
            columns=(
                "code", "name", "park", "site", "landSize", "landUse", "price", "owner", "investor", "handedOverOn",
            ),
            group="status",
        ),
        Table(
            InvestorCase, Label("Nhà đầu tư", "Investors"),
            columns=("name", "sector", "country", "landWanted", "capital", "assignedTo", "dueAt"), group="status",
        ),
        Table(
            ParkTenant, Label("Doanh nghiệp trong khu CNTT", "Tenants"),
            columns=("name", "park", "landSize", "contract", "leasedOn"), group="sector",
        ),
        Table(
            InnovationPlace, Label("Khu khoa học, trung tâm đổi mới sáng tạo", "Science zones, innovation centres"),
            columns=("code", "name", "status", "landSize", "operator"), group="kind",
        ),
        Table(
            SandboxTrial, Label("Thử nghiệm có kiểm soát", "Sandbox trials"),
            columns=("title", "applicant", "technology", "endsOn", "monitored", "conclusion"), group="status",
        ),
    ),
    studies=(
        StudyKind(
            name="parks",
            title=Label("Chọn đất cho khu công nghệ thông tin tập trung", "Land for IT parks"),
            layers=(
                StudyLayer(
                    "parcels", Label("Thửa đất", "Parcels"), of=LandParcel, required=True,
                    columns={
                        "name": Label("Tên", "Name"),
                        "price": Label("Giá", "Price"),
                        "slope": Label("Độ dốc (%)", "Slope (%)"),
                        "flood": Label("Độ sâu ngập (m)", "Flood depth (m)"),
                        "road": Label("Cách đường (m)", "To a road (m)"),
                        "power": Label("Cách điện (m)", "To power (m)"),
                        "land_use": Label("Loại đất", "Land use"),
                        "owner": Label("Chủ sử dụng", "Owner"),
                        "status": Label("Tình trạng", "Status"),
                    },
                ),
            ),
            assumptions=plan.ASSUMPTIONS,
            prices={},
            solve=plan.solve,
            needs=("scipy", "highspy"),
            budgets=("HAR", "VND"),
            marks=(
                StudyMark(
                    "parcels", "area", by="state",
                    tones={"left": ("existing", telling.STATES["left"]), "out": ("poor", telling.STATES["out"])},
                ),
                StudyMark("chosen", "area", by="state", tones={"chosen": ("good", telling.STATES["chosen"])}),
                StudyMark("parks", "area"),
            ),
            focus="parks",
            compared="area",
            adoption=adopting.ADOPTION,
        ),
    ),
    roles={
        "operator": _DESK,
        "steward": _DESK,
        "decision-maker": ("investorcase.decide", "sandboxtrial.decide"),
    },
)  # fmt: skip
