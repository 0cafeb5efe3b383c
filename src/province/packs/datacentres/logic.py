"""Selling room in a data centre, tests of load and of recovery, and its PUE. Pure."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from datetime import datetime, time, timedelta
from typing import Annotated, Final

from province.errors import Conflict, InvalidInput
from province.model.change import Change
from province.model.label import Label
from province.model.query import Query, Where
from province.model.record import change, create
from province.model.schema import Field
from province.model.time import CIVIL_ZONE, read_day, read_past_day
from province.model.unit import Unit
from province.pack import Context, Effect, Notice, Parameters, Read
from province.packs.datacentres.types import MARKETS, RESULTS, Colocation, DataCentre, RecoveryTest

_MOST: Final = 1_000
"""So many contracts of one centre are added up; a centre with more is refused, not sold twice."""
_DAY: Final = Label("Dạng 2026-11-25", "As 2026-11-25")
CONTRACTS: Final = Read(
    "contracts",
    lambda e: Query(types=("Colocation",), where=(Where("centre", "==", e.id), Where("status", "==", "active")),
                    limit=_MOST),
    Colocation,
)  # fmt: skip
SIBLINGS: Final = Read(
    "contracts",
    lambda e: Query(types=("Colocation",),
                    where=(Where("centre", "==", e.value("centre")), Where("status", "==", "active")), limit=_MOST),
    Colocation,
)  # fmt: skip
CENTRE: Final = Read("centres", lambda e: Query(types=("DataCentre",), ids=(e.value("centre"),), limit=1), DataCentre)


def sell(
    centre: DataCentre,
    *,
    context: Context,
    contracts: Sequence[Colocation],
    contract: Annotated[str, Field(Label("Số hợp đồng", "Contract"))],
    customer: Annotated[str, Field(Label("Khách hàng", "Customer"))],
    market: Annotated[str, Field(Label("Thị trường", "Market"), values=tuple(m for m, _ in MARKETS), names=MARKETS)],
    power: Annotated[float, Field(Label("Công suất IT", "IT power"), minimum=0), Unit("KWT")],
    racks: Annotated[int, Field(Label("Số tủ", "Racks"), minimum=0), Unit("C62")] = 0,
    day: Annotated[str, Field(Label("Từ ngày", "From"), hint=_DAY)],
) -> list[Change]:
    """Sell IT power and racks of an operating centre; never more than it was measured or installed to carry.

    Of two sales at the same time the second one is refused, for it has read the centre as it was before the first.
    Raises: Conflict, InvalidInput naming the field.
    """
    if centre.status != "operating":
        raise Conflict(f"the centre is {centre.status}.", field="status", remedy="Only one in operation is sold.")
    if not contract.strip() or not customer.strip():
        raise InvalidInput("a contract needs its number and its customer.", field="contract", remedy="Give both.")
    if power <= 0:
        raise InvalidInput(f"{power:g} kW are no sale.", field="power", remedy="Give a power above 0.")
    found = read_day(day, field="day")
    sold, places = _sold(contracts)
    if centre.capacity is None:
        raise InvalidInput("nobody knows what the centre can carry.", field="power",
                           remedy="Record its installed power, or a load test, first.")  # fmt: skip
    if sold + power > centre.capacity + 1e-9:
        why = "measuredPower" if centre.capacity == centre.measuredPower else "installedPower"
        raise InvalidInput(
            f"{power:g} kW are more than the {centre.capacity - sold:g} kW that are left: {sold:g} of"
            f" {centre.capacity:g} kW ({why}) are sold.", field="power", remedy="Sell less, or test more load first.",
        )  # fmt: skip
    if racks and (centre.racks is None or places + racks > centre.racks):
        left = "an unknown number of" if centre.racks is None else f"{centre.racks - places}"
        raise InvalidInput(f"{racks} racks are asked for, and {left} racks are left.", field="racks",
                           remedy="Sell fewer, or correct the number of racks of the centre.")  # fmt: skip
    made = Colocation(
        id=f"urn:ngsi-ld:Colocation:{context.nonce[:24]}", contract=contract.strip(), centre=centre.id,
        customer=customer.strip(), market=market, power=power, racks=racks, begunOn=found.isoformat(),
    )  # fmt: skip
    return [
        create(made, agency=context.agency),
        change(centre, event="datacentre.sold", soldPower=sold + power, soldRacks=places + racks),
    ]


def end(
    one: Colocation,
    *,
    context: Context,
    centres: Sequence[DataCentre],
    contracts: Sequence[Colocation],
    day: Annotated[str, Field(Label("Kết thúc ngày", "Ended on"), hint=_DAY)],
) -> list[Change]:
    """End a contract; what it held can be sold again. Raises: Conflict, InvalidInput."""
    if one.status != "active":
        raise Conflict("the contract has ended already.", field="status", remedy="Nothing is left to end.")
    found = read_day(day, field="day")
    if found.isoformat() < one.begunOn:
        raise InvalidInput(f"{found} lies before {one.begunOn}.", field="day", remedy="It began on that day.")
    sold, racks = _sold([c for c in contracts if c.id != one.id])
    freed = (change(c, event="datacentre.freed", soldPower=sold, soldRacks=racks) for c in centres)
    return [change(one, event="colocation.ended", status="ended", endedOn=found.isoformat()), *freed]


def load_test(
    centre: DataCentre,
    *,
    context: Context,
    contracts: Sequence[Colocation],
    day: Annotated[str, Field(Label("Ngày thử", "Day"), hint=_DAY)],
    power: Annotated[float, Field(Label("Công suất IT đo được", "IT power measured"), minimum=0), Unit("KWT")],
) -> list[Change]:
    """Record the IT power that the centre carried in a load test: from now on no more than that is sold.

    When that is less than is sold already, the event says so. Raises: InvalidInput.
    """
    found = read_past_day(day, context.now, of="of the test")
    if power <= 0:
        raise InvalidInput(f"{power:g} kW.", field="power", remedy="Give the power that was carried.")
    sold, _ = _sold(contracts)
    overdrawn = sold > power
    event = "datacentre.overdrawn" if overdrawn else "datacentre.load_tested"
    return [change(centre, event=event, measuredPower=power, measuredOn=found.isoformat())]


def recovery_test(
    centre: DataCentre,
    *,
    context: Context,
    day: Annotated[str, Field(Label("Ngày thử", "Day"), hint=_DAY)],
    tested: Annotated[
        str, Field(Label("Phạm vi thử", "What was tested"), hint=Label("Dịch vụ, kịch bản", "Services, scenario"))
    ],
    result: Annotated[str, Field(Label("Kết quả", "Result"), values=tuple(r for r, _ in RESULTS), names=RESULTS)],
    recovery: Annotated[
        float | None,
        Field(
            Label("Thời gian phục hồi", "Recovery time"),
            minimum=0,
            hint=Label("Từ lúc hỏng đến lúc dịch vụ trở lại", "From the failure until the service was back"),
        ),
        Unit("MIN"),
    ] = None,
    remark: Annotated[str, Field(Label("Ghi chú", "Remark"))] = "",
) -> list[Change]:
    """Record a test of disaster recovery, and when the next one is due. Raises: InvalidInput."""
    found = read_past_day(day, context.now, of="of the test")
    if not tested.strip():
        raise InvalidInput("nobody says what was tested.", field="tested", remedy="Name services and scenario.")
    if result == "passed" and recovery is None:
        raise InvalidInput("a test that passed has a recovery time.", field="recovery", remedy="Give the minutes.")
    made = RecoveryTest(
        id=f"urn:ngsi-ld:RecoveryTest:{context.nonce[:24]}", centre=centre.id, day=found.isoformat(),
        tested=tested.strip(), result=result, recoveryTime=recovery, remark=remark.strip() or None,
    )  # fmt: skip
    if centre.testedOn is not None and found.isoformat() < centre.testedOn:
        return [create(made, agency=context.agency)]  # an older test, told late: the newest one decides
    due = found + timedelta(days=int(context.params["recovery_test_interval"]))
    reminder = datetime.combine(
        due - timedelta(days=int(context.params["recovery_test_notice"])), time(8), tzinfo=CIVIL_ZONE
    )
    return [
        create(made, agency=context.agency),
        change(centre, event="datacentre.recovery_tested", testedOn=found.isoformat(), testResult=result,
               testDueOn=due.isoformat(), testReminderAt=reminder),
    ]  # fmt: skip


def remind(centre: DataCentre, *, context: Context) -> list[Effect]:
    """Tell whoever follows a centre that its recovery is to be tested soon."""
    if centre.manager is None or centre.testDueOn is None or centre.status != "operating":
        return []
    return [
        Notice(
            to=centre.manager,
            about=centre.id,
            subject=Label(f"Sắp đến hạn thử phục hồi: {centre.name}"[:200], f"Recovery test due: {centre.name}"[:200]),
            body=Label(f"Phải thử phục hồi thảm hoạ trước ngày {centre.testDueOn}.",
                       f"Disaster recovery is to be tested before {centre.testDueOn}."),
        )
    ]  # fmt: skip


def pue_of(hours: Mapping[str, Sequence[float]], params: Parameters) -> float | None:
    """Energy of the whole centre over that of its IT, of the hours in which both were measured; None without any.

    An hour counts when both means are known, IT drew power, and the centre drew no less than its IT.
    """
    pairs = [
        (f, i)
        for f, i in zip(hours["facilityPower"], hours["itPower"], strict=True)
        if math.isfinite(f) and math.isfinite(i) and 0 < i <= f
    ]
    return sum(f for f, _ in pairs) / sum(i for _, i in pairs) if pairs else None


def _sold(contracts: Sequence[Colocation]) -> tuple[float, int]:
    """Power and racks of the contracts in force. Raises: InvalidInput when there are too many to add up."""
    if len(contracts) >= _MOST:
        raise InvalidInput(f"the centre has {_MOST} contracts or more.", field="contracts",
                           remedy="Divide its register into several centres.")  # fmt: skip
    active = [c for c in contracts if c.status == "active"]
    return sum(c.power for c in active), sum(c.racks for c in active)
