"""5G sites for industrial parks within a budget: demand, places, radio field, choice, check, and what the plan gives.

A row of demand counts as covered when one sector serves it with the required rate at the required probability, against
noise and a margin for interference. The chosen sectors then disturb each other for real: rates, loads and what each
park gets are computed from their signals, so the figures of a park may be lower than its coverage says.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from statistics import NormalDist
from typing import TYPE_CHECKING, Any, Final, cast

import numpy as np
import numpy.typing as npt

from province.compute.terrain import Ground
from province.errors import InvalidInput
from province.model.label import Label, vietnamese
from province.model.study import Certificate, Outcome, Problem, Progress, Tell
from province.packs.fiveg import demand as demands
from province.packs.fiveg import ground, places, telling
from province.packs.fiveg.demand import Demand
from province.packs.fiveg.places import SECTORS, Place

if TYPE_CHECKING:
    from province.compute.radio.field import Field, Sender
    from province.compute.radio.link import Carrier

Floats = npt.NDArray[np.float64]
Integers = npt.NDArray[np.int64]
PRICES: Final[Mapping[str, Label]] = {
    "price_new_site": Label("Dựng một cột mới, có nguồn và truyền dẫn", "A new mast with power and backhaul"),
    "price_shared_site": Label("Lắp thêm trên cột dùng chung", "Mounting on a shared mast"),
    "price_sector": Label("Thiết bị vô tuyến của một cánh sóng", "Radio equipment of one sector"),
}
ASSUMPTIONS: Final[Mapping[str, Label]] = {
    "carrier_frequency": Label("Tần số", "Carrier frequency"),
    "carrier_bandwidth": Label("Độ rộng băng tần", "Bandwidth"),
    "environment": Label("Mô hình truyền sóng", "Propagation model"),
    "terminal_height": Label("Độ cao thiết bị đầu cuối", "Height of the terminal"),
    "mast_height": Label("Độ cao ăng ten", "Height of the antennas"),
    "sector_power": Label("Công suất một cánh sóng", "Power of a sector"),
    "antenna_elements": Label("Số phần tử ăng ten theo chiều dọc", "Elements in a column"),
    "mechanical_tilt": Label("Góc cụp cơ", "Mechanical tilt"),
    "electrical_tilt": Label("Góc cụp điện", "Electrical tilt"),
    "streams": Label("Số luồng không gian", "Layers to one terminal"),
    "down_share": Label("Tỷ lệ thời gian đường xuống", "Share of time downwards"),
    "attenuation": Label("Hệ số so với giới hạn Shannon", "Share of Shannon's bound"),
    "noise_figure": Label("Hệ số tạp âm của đầu cuối", "Noise figure of the terminal"),
    "interference_margin": Label("Dự trữ nhiễu khi chọn vị trí", "Margin for interference"),
    "location_probability": Label("Xác suất phủ tại một điểm", "Probability of service at a place"),
    "required_rate": Label("Tốc độ tối thiểu", "Required rate"),
    "demand_per_hectare": Label("Nhu cầu giờ cao điểm mỗi hecta", "Demand per hectare in the busy hour"),
    "indoor_share": Label("Tỷ lệ nhu cầu trong nhà", "Share of demand indoors"),
    "building": Label("Loại tường nhà xưởng", "Kind of wall"),
    "indoor_depth": Label("Độ sâu trong nhà", "Depth inside"),
    "other_weight": Label("Trọng số nhu cầu ngoài khu", "Weight of demand outside parks"),
    "pixel": Label("Cạnh ô tính", "Side of a square"),
    "grid": Label("Bước lưới vị trí", "Grid of places"),
    "margin": Label("Dải quanh khu được dựng cột", "Margin around a park"),
    "site_range": Label("Bán kính xét của một trạm", "Range of a site"),
    "outdoor_offset": Label("Hiệu chỉnh ngoài trời ở 1 km", "Correction outdoors at 1 km"),
    "outdoor_slope": Label("Hiệu chỉnh ngoài trời khi xa gấp 10", "Correction outdoors per decade"),
    "indoor_offset": Label("Hiệu chỉnh trong nhà ở 1 km", "Correction indoors at 1 km"),
    "indoor_slope": Label("Hiệu chỉnh trong nhà khi xa gấp 10", "Correction indoors per decade"),
}
MONEY: Final = "VND"
CORRECTIONS: Final = ("outdoor_offset", "outdoor_slope", "indoor_offset", "indoor_slope")
"""What a calibration adds to the model; a problem of before has none."""
_FAR_M: Final = 5_000.0
"""Farther the model does not go, and a sector disturbs nobody."""
_ROUNDS: Final = 8
_TERRAIN_SIGMA_DB: Final = 5.5
"""Variation with locations of P.1812-8 §4.8 outdoors, for places of a few tens of metres, as it recommends."""
Land = tuple[Ground, bool, Label]
"""The ground, whether it is known, and what to say of it."""


@dataclass(frozen=True, slots=True)
class Costs:
    """site: (sites,), paid once.  option: (sites × sectors,)."""

    site: Floats
    option: Floats


@dataclass(frozen=True, slots=True)
class Served:
    """What rows get from the plan. rate: of one terminal alone in its sector.  got: Mbit/s of the row's demand.

    best: index of the sector among the plan's, −1 for none.
    """

    rate: Floats
    got: Floats
    best: Integers
    load: Floats


def solve(problem: Problem, tell: Tell) -> Outcome:
    """The plan. Raises: InvalidInput, TooLarge naming the layer or assumption."""
    from province.compute.radio import field
    from province.compute.siting import budgeted, check

    need = demands.read(problem)
    sites, said = places.read(problem, need)
    cost = costs(problem, sites)
    tell(Progress(share=0.05, stage=Label("Tính vùng phủ", "Computing coverage")))
    sender, carrier = sender_of(problem), _carrier(problem)
    where = np.array([[p.x, p.y] for p in sites])
    land = ground.read(problem, need.plane, np.vstack([need.place, where]))
    heard, needed = _field(problem, need, sites, sender, carrier, problem.number("site_range"), land)
    covers = _covers(heard, len(need.mbps), len(sites), _probability(problem))
    weight = need.mbps * need.weight
    fixed = np.array([i * SECTORS + s for i, p in enumerate(sites) if p.kind == "existing" for s in range(SECTORS)])
    site_of = np.repeat(np.arange(len(sites)), SECTORS)
    budgeted.prepare()
    tell(Progress(share=0.15, stage=Label("Chọn vị trí", "Choosing sites")))
    steps = {"at": 0.15}

    def on(covered: float, bound: float) -> None:
        steps["at"] = min(0.85, steps["at"] + 0.7 / 20)
        tell(
            Progress(
                share=steps["at"],
                stage=Label("Chọn vị trí", "Choosing sites"),
                objective=float(covered),
                bound=float(bound),
            )
        )

    found = budgeted.solve(
        covers, weight, cost.option, problem.budget, site=site_of, site_cost=cost.site, place=where,
        fixed=fixed.astype(np.int64) if len(fixed) else None, seconds=problem.seconds, seed=problem.seed, progress=on,
    )  # fmt: skip
    tell(Progress(share=0.88, stage=Label("Kiểm chứng và tính từng khu", "Checking, and computing each park")))
    checked = check.budgeted(
        covers, weight, cost.option, problem.budget, found.chosen.tolist(), found.covered, found.bound,
        site=site_of.tolist(), site_cost=cost.site, fixed=fixed.tolist(),
    )  # fmt: skip
    opened = np.unique(site_of[found.chosen])
    active = np.zeros((len(opened), SECTORS))
    for option in found.chosen:
        active[np.searchsorted(opened, option // SECTORS), option % SECTORS] = 1.0
    picked = [sites[i] for i in opened]
    served = _serve(field, need, picked, active, sender, carrier, problem, land)
    covered = np.asarray(covers[:, found.chosen].sum(axis=1)).ravel() > 0
    certificate = Certificate(
        objective=float(checked.objective),
        objective_unit="D36",
        objective_label=Label("Nhu cầu được phủ, có trọng số", "Covered demand, weighted"),
        bound=float(checked.bound),
        bound_source=Label(
            "Nới lỏng Lagrange của ràng buộc phủ và ngân sách", "Lagrangian relaxation of coverage and budget"
        ),
        gap=float(checked.gap),
        spent=float(found.spent),
        budget=problem.budget,
        budget_unit=problem.unit,
        checked=True,
        verdict=Label(
            "Mã kiểm chứng độc lập đã tính lại chi phí và vùng phủ từ dữ liệu và xác nhận",
            "Independent code recomputed cost and coverage from the data and confirmed both",
        ),
        seed=problem.seed,
    )
    spent_new = [p for p in picked if p.kind != "existing"]
    return telling.outcome(
        problem, need, picked, active, cost_of(cost, opened, active, picked), covered, served, certificate,
        _by_terrain(problem, need, picked, active, sender, needed, land),
        (*need.remarks, *said, *telling.standing(land[2], needed, _source(problem))),
        None if spent_new else _nothing(problem, sites, cost),
    )  # fmt: skip


def costs(problem: Problem, sites: tuple[Place, ...]) -> Costs:
    """What sites and sectors cost, in the unit of the budget. Raises: InvalidInput naming the missing price."""
    if problem.unit != MONEY:
        return Costs(np.ones(len(sites)), np.zeros(len(sites) * SECTORS))
    prices = {}
    for name, label in PRICES.items():
        if name == "price_shared_site" and not any(p.kind == "shared" for p in sites):
            continue
        prices[name] = problem.number(
            name, remedy=f"Give the price ({label.en.lower()}) in đồng with its source, or a budget in sites."
        )
        if not 0 <= prices[name] < 1e15:
            raise InvalidInput(f"a price of {prices[name]}.", field=f"assumptions.{name}", remedy="0 đồng or more.")
    each = {"new": prices["price_new_site"], "shared": prices.get("price_shared_site", 0.0), "existing": 0.0}
    return Costs(np.array([each[p.kind] for p in sites]), np.full(len(sites) * SECTORS, prices["price_sector"]))


def cost_of(cost: Costs, opened: Integers, active: Floats, picked: list[Place]) -> Floats:
    """What each opened site costs with its sectors; what exists costs nothing."""
    paid = np.array([p.kind != "existing" for p in picked], np.float64)
    return np.asarray(paid * (cost.site[opened] + active.sum(axis=1) * cost.option.reshape(-1, SECTORS)[opened, 0]))


def _nothing(problem: Problem, sites: tuple[Place, ...], cost: Costs) -> Label:
    """Why no site was chosen."""
    open_ = [i for i, p in enumerate(sites) if p.kind != "existing"]
    if not open_:
        return Label("Không có vị trí nào để lắp thêm.", "There is no place where anything could be added.")
    least = float((cost.site + cost.option.reshape(-1, SECTORS)[:, 0])[open_].min())
    if least <= problem.budget:
        return Label("Không vị trí nào phủ thêm nhu cầu.", "No place covers further demand.")
    unit = ("đồng", "đồng") if problem.unit == MONEY else ("trạm", "sites")
    return Label(
        f"Ngân sách {vietnamese(problem.budget)} {unit[0]} không đủ cho một trạm:"
        f" rẻ nhất {vietnamese(least)} {unit[0]}.",
        f"A budget of {problem.budget:,.0f} {unit[1]} does not pay for one site: the cheapest costs {least:,.0f}.",
    )


def sender_of(problem: Problem) -> Sender:
    """What every sector of a plan has alike."""
    from province.compute.radio.field import Sender

    return Sender(
        environment=cast(Any, problem.word("environment")),
        ghz=problem.number("carrier_frequency"),
        terminal_m=problem.number("terminal_height"),
        power_dbm=problem.number("sector_power"),
        mechanical_deg=problem.number("mechanical_tilt"),
        electrical_deg=problem.number("electrical_tilt"),
        elements=int(problem.number("antenna_elements")),
    )


def _carrier(problem: Problem) -> Carrier:
    from province.compute.radio.link import Carrier

    return Carrier(
        bandwidth_mhz=problem.number("carrier_bandwidth"),
        down_share=problem.number("down_share") / 100.0,
        streams=problem.number("streams"),
        attenuation=problem.number("attenuation") / 100.0,
        noise_figure_db=problem.number("noise_figure"),
    )


def _source(problem: Problem) -> str:
    """Where the corrections come from; empty: there are none."""
    given = (problem.assumptions[n] for n in CORRECTIONS if corrected(problem, n))
    return next((one.source for one in given), "")


def _hills(
    land: Land, where: Floats, base: Floats, place: Floats, near: tuple[Integers, Integers], sender: Sender
) -> npt.NDArray[np.float32] | None:
    """What the terrain takes beyond flat ground, by P.1812; it never gives. None: the ground is taken as flat."""
    model, known, _ = land
    if not known:
        return None
    level = replace(model, heights=np.zeros_like(model.heights), clutter=np.zeros_like(model.clutter))
    over = ground.losses(model, where, base, place, *near, sender)
    return np.maximum(over - ground.losses(level, where, base, place, *near, sender), 0.0).astype(np.float32)


def _by_terrain(
    problem: Problem, need: Demand, picked: list[Place], active: Floats, sender: Sender, needed: float, land: Land
) -> float:
    """Percent of the demand in parks that the plan covers when P.1812 stands for the statistical model."""
    from province.compute.radio import entry, field

    inside = need.park >= 0
    total = float(need.mbps[inside].sum())
    if not picked or not total:
        return 0.0
    where = np.array([[p.x, p.y] for p in picked])
    base = np.array([p.height_m for p in picked])
    near = field.pairs(where, need.place, problem.number("site_range"))
    loss, sigma = entry.entry_db(cast(Any, problem.word("building")), sender.ghz, problem.number("indoor_depth"))
    owner = np.repeat(np.arange(len(picked)), np.diff(near[0]))
    swap = field.losses_of(sender, where, base, need.place, near)  # what the statistical model says of the same pairs
    heard = field.reach(
        sender, where, base, np.array([p.azimuths for p in picked]), need.place, np.where(need.inside, loss, 0.0),
        np.where(need.inside, sigma, 0.0), needed, range_m=_FAR_M, near=near,
    )  # fmt: skip
    signal = heard.signal_dbm + (swap - ground.losses(land[0], where, base, need.place, *near, sender))[:, None]
    signal[active[owner] == 0] = -np.inf
    best = np.full(len(need.mbps), -np.inf)
    np.maximum.at(best, near[1], signal.max(axis=1))
    spread = np.where(need.inside, np.hypot(_TERRAIN_SIGMA_DB, sigma), _TERRAIN_SIGMA_DB)
    served = best - needed >= NormalDist().inv_cdf(_probability(problem)) * spread
    return 100.0 * float(need.mbps[served & inside].sum()) / total


def corrected(problem: Problem, name: str) -> float:
    """A correction of the model, dB."""
    return problem.number(name) if name in problem.assumptions else 0.0


def _probability(problem: Problem) -> float:
    found = problem.number("location_probability") / 100.0
    if not 0 < found < 1:
        raise InvalidInput(
            f"a probability of {found:.0%}.", field="assumptions.location_probability", remedy="Above 0, below 100%."
        )
    return found


def _field(
    problem: Problem, need: Demand, sites: tuple[Place, ...] | list[Place], sender: Sender, carrier: Carrier,
    range_m: float, land: Land,
) -> tuple[Field, float]:  # fmt: skip
    from province.compute.radio import entry, field

    needed = (
        carrier.noise_dbm + problem.number("interference_margin") + carrier.needed_db(problem.number("required_rate"))
    )
    given = {name: corrected(problem, name) for name in CORRECTIONS}
    loss, sigma = entry.entry_db(cast(Any, problem.word("building")), sender.ghz, problem.number("indoor_depth"))
    where = np.array([[p.x, p.y] for p in sites]).reshape(-1, 2)
    base = np.array([p.height_m for p in sites])
    near = field.pairs(where, need.place, range_m)
    found = field.reach(
        sender, where, base,
        np.array([p.azimuths for p in sites]).reshape(-1, SECTORS), need.place,
        np.where(need.inside, loss - given["indoor_offset"], -given["outdoor_offset"]),
        np.where(need.inside, sigma, 0.0), needed, range_m=range_m,
        slope_db=np.where(need.inside, given["indoor_slope"], given["outdoor_slope"]), near=near,
        loss_db=_hills(land, where, base, need.place, near, sender),
    )  # fmt: skip
    return found, needed


def _covers(heard: Field, rows: int, sites: int, probability: float) -> Any:
    """(rows, options) of what a sector covers."""
    import scipy.sparse as sp

    pair, sector = np.nonzero(heard.likely >= probability)
    owner = np.repeat(np.arange(sites), np.diff(heard.start))
    options = owner[pair] * SECTORS + sector
    return sp.csc_array((np.ones(len(pair)), (heard.place[pair], options)), shape=(rows, sites * SECTORS))


def _serve(
    field: Any,
    need: Demand,
    picked: list[Place],
    active: Floats,
    sender: Sender,
    carrier: Carrier,
    problem: Problem,
    land: Land,
) -> Served:
    """Rates and loads of the plan, with its sectors disturbing each other as much as they are used.

    Fixed point of load and interference, from full load downwards; each step lowers the loads or leaves them, so it
    converges to the busiest consistent state.
    """
    rows = len(need.mbps)
    if not picked:
        return Served(np.zeros(rows), np.zeros(rows), np.full(rows, -1), np.zeros(0))
    heard, _ = _field(problem, need, picked, sender, carrier, _FAR_M, land)
    silent = np.repeat(active, np.diff(heard.start), axis=0) == 0
    heard.signal_dbm[silent] = -400.0
    load = active.copy()
    noise = 10.0 ** (carrier.noise_dbm / 10.0)
    best = np.full(rows, -1)
    rate = np.zeros(rows)
    for _ in range(_ROUNDS):
        best, top, rest = field.best_and_rest(heard, rows, load)
        with np.errstate(divide="ignore", invalid="ignore"):
            sinr = top - 10.0 * np.log10(noise + 10.0 ** (rest / 10.0))
        rate = carrier.rate_mbps(np.where(np.isfinite(sinr), sinr, -np.inf))
        best = np.where(rate > 0, best, -1)
        used = np.zeros(active.size)
        linked = best >= 0
        np.add.at(used, best[linked], need.mbps[linked] / rate[linked])
        load = np.minimum(used, 1.0).reshape(active.shape) * active
    asked = np.maximum(used, 1.0)
    got = np.where(best >= 0, need.mbps / asked[np.maximum(best, 0)], 0.0)
    return Served(rate, got, best, used)
