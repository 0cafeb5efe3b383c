"""The radio model against measurements: how far it is off, what to add, and what that is worth on other land.

Both models are judged: TR 38.901, with which sites are chosen, and P.1812 over the terrain. The correction is fitted
for the first, outdoors and indoors apart; the error that counts is that on squares of land which the fit never saw.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, cast

import numpy as np
import numpy.typing as npt
import shapely.geometry

from province.compute.plane import Plane, middle
from province.errors import InvalidInput
from province.model.label import Label, vietnamese
from province.model.study import (
    Assumed,
    Certificate,
    Column,
    Feature,
    Layer,
    Outcome,
    Problem,
    Progress,
    Quantity,
    Table,
    Tell,
    require_in_vietnam,
)
from province.packs.fiveg import ground, plan
from province.packs.fiveg.demand import number
from province.packs.fiveg.places import SECTORS, YES, azimuths
from province.packs.fiveg.types import FIFTH

Floats = npt.NDArray[np.float64]
Integers = npt.NDArray[np.int64]
Bools = npt.NDArray[np.bool_]
FOLDS: Final = 5
LEAST: Final = 30
"""Fewer measurements with a known site correct nothing."""
LEAST_CLASS: Final = 10
"""Fewer of a class are not corrected by themselves."""
CLASSES: Final[Mapping[str, Label]] = {
    "outdoor": Label("Ngoài trời", "Outdoors"),
    "indoor": Label("Trong nhà", "Indoors"),
}
ASSUMPTIONS: Final[Mapping[str, Label]] = {
    **{
        name: plan.ASSUMPTIONS[name]
        for name in (
            "carrier_frequency", "carrier_bandwidth", "environment", "terminal_height", "mast_height", "sector_power",
            "antenna_elements", "mechanical_tilt", "electrical_tilt", "building", "indoor_depth",
        )
    },
    "measured_subcarriers": Label("Số sóng mang con của sóng mang", "Subcarriers of the carrier"),
    "fold_side": Label("Cạnh ô đất khi kiểm tra chéo", "Side of a square of land held out"),
}  # fmt: skip
_FAR_M: Final = 5_000.0
_NEAR_M: Final = 20.0
"""Nearer the place of a mast is not known well enough to say anything of distance."""
_TONES: Final = ((6.0, "near"), (12.0, "off"), (np.inf, "far"))


@dataclass(frozen=True, slots=True)
class Drive:
    """Measurements with their site, in a plane. error_db: measured less predicted, of each model."""

    features: tuple[Feature, ...]
    place: Floats
    rsrp_dbm: Floats
    indoor: Bools
    clutter: tuple[str, ...]
    distance_m: Floats
    statistical_db: Floats
    terrain_db: Floats
    unmatched: int
    ground: Label


def solve(problem: Problem, tell: Tell) -> Outcome:
    """The calibration. Raises: InvalidInput naming the layer or assumption."""
    from province.compute.radio import calibrating, check

    tell(Progress(share=0.05, stage=Label("Đọc phép đo", "Reading measurements")))
    drive = _read(problem)
    if len(drive.rsrp_dbm) < LEAST:
        raise InvalidInput(
            f"{len(drive.rsrp_dbm)} measurements have a site within {_FAR_M / 1000:g} km"
            f" ({drive.unmatched} have none).", field="layers.measurements",
            remedy=f"At least {LEAST}, in {FOLDS} squares: drive farther, or give the sites that were on air.",
        )  # fmt: skip
    side = problem.number("fold_side")
    if not side >= 50:
        raise InvalidInput(f"squares of {side} m.", field="assumptions.fold_side", remedy="50 m or more.")
    tell(Progress(share=0.6, stage=Label("Hiệu chỉnh và kiểm tra chéo", "Fitting, and holding out squares")))
    fold = calibrating.folds(drive.place, side, FOLDS)
    before, after, terrain_after = (np.empty(len(fold)) for _ in range(3))
    outlier = np.zeros(len(fold), np.bool_)
    fits: dict[str, Any] = {}
    for name in CLASSES:
        mine = drive.indoor == (name == "indoor")
        if not mine.any():
            continue
        if int(mine.sum()) < LEAST_CLASS or len(np.unique(fold[mine])) < FOLDS:
            before[mine] = after[mine] = drive.statistical_db[mine]
            terrain_after[mine] = drive.terrain_db[mine]
            continue
        fit = calibrating.calibrate(drive.distance_m[mine], drive.statistical_db[mine], fold[mine])
        other = calibrating.calibrate(drive.distance_m[mine], drive.terrain_db[mine], fold[mine])
        check.held_out(
            drive.distance_m[mine].tolist(), drive.statistical_db[mine].tolist(),
            [(int(x), int(y)) for x, y in np.floor(drive.place[mine] / side)], fold[mine].tolist(),
            [(c.offset_db, c.slope_db) for c in fit.by_fold], calibrating.root_mean_square(fit.after),
        )  # fmt: skip
        fits[name] = fit
        before[mine], after[mine], terrain_after[mine] = fit.before, fit.after, other.after
        outlier[mine] = fit.outlier
    if not fits:
        raise InvalidInput(
            f"no class has {LEAST_CLASS} measurements in {FOLDS} folds.", field="layers.measurements",
            remedy="Drive farther, or give a smaller assumption `fold_side`.",
        )  # fmt: skip
    tell(Progress(share=0.9, stage=Label("Tổng hợp", "Writing up")))
    return _outcome(problem, drive, fits, before, after, terrain_after, outlier, fold)


def _read(problem: Problem) -> Drive:
    given = [f for f in problem.layers.get("measurements", ()) if f.geometry is not None]
    most = int(problem.budget)
    if len(given) > most >= 1:  # evenly over the drive
        given = [given[int(k)] for k in np.linspace(0, len(given) - 1, most).round().astype(int)]
    rsrp = [number(f.properties, "rsrp", "ss_rsrp") for f in given]
    kept = [(f, value) for f, value in zip(given, rsrp, strict=True) if value is not None]
    if not kept:
        raise InvalidInput(
            f"none of {len(given)} measurements has a power.", field="layers.measurements",
            remedy="Give dBm as a column `rsrp`.",
        )  # fmt: skip
    wrong = next((value for _, value in kept if not -160 < value < -20), None)
    if wrong is not None:
        raise InvalidInput(f"{wrong:g} dBm is no power of a terminal.", field="layers.measurements",
                           remedy="Give RSRP in dBm, such as -95.")  # fmt: skip
    for feature, _ in kept:
        require_in_vietnam(feature, "measurements")
    masts = [f for f in problem.layers.get("masts", ()) if f.geometry is not None]
    points = [shapely.geometry.shape(f.geometry).centroid for f in (*(k for k, _ in kept), *masts)]
    degrees = np.array([(p.x, p.y) for p in points]).reshape(-1, 2)
    plane = middle(degrees[: len(kept)])
    metres = plane.metres(degrees)
    return _predicted(problem, plane, kept, metres[: len(kept)], masts, metres[len(kept) :])


def _predicted(
    problem: Problem, plane: Plane, kept: Sequence[tuple[Feature, float]], place: Floats, masts: Sequence[Feature],
    stand: Floats,
) -> Drive:  # fmt: skip
    from province.compute.radio import entry, field

    named = {str(f.properties.get("site") or "").strip() for f, _ in kept} - {""}
    used = [i for i, m in enumerate(masts) if _sends(m) or _names(m) & named]
    if not used:
        raise InvalidInput(
            "no site on air was given, and no measurement names one.", field="layers.masts",
            remedy="Give the sites with `on_air_5g`, or the code of the site in the column `site`.",
        )  # fmt: skip
    sender = plan.sender_of(problem)
    site = stand[used]
    base = np.array([number(masts[i].properties, "height") or problem.number("mast_height") for i in used])
    turned = np.array([azimuths(masts[i].properties.get("azimuths") or ()) for i in used]).reshape(-1, SECTORS)
    indoor = np.array([f.properties.get("indoor") in YES for f, _ in kept])
    wall, _ = entry.entry_db(cast(Any, problem.word("building")), sender.ghz, problem.number("indoor_depth"))
    wall_db = np.where(indoor, wall, 0.0)
    heard = field.reach(
        sender, site, base, turned, place, wall_db, np.zeros(len(place)), -200.0, range_m=_FAR_M
    )  # fmt: skip
    owner = np.repeat(np.arange(len(used)), np.diff(heard.start))
    power = heard.signal_dbm.max(axis=1)
    codes = [_names(masts[i]) for i in used]
    asked = [str(f.properties.get("site") or "").strip() for f, _ in kept]
    best = np.full(len(place), -1)
    top = np.full(len(place), -np.inf)
    for pair in range(len(owner)):
        j, i = int(heard.place[pair]), int(owner[pair])
        if (not asked[j] or asked[j] in codes[i]) and power[pair] > top[j]:
            best[j], top[j] = i, power[pair]
    away = np.hypot(*(place - site[np.maximum(best, 0)]).T)
    there = (best >= 0) & (away >= _NEAR_M)
    level = 10.0 * np.log10(problem.number("measured_subcarriers"))
    measured = np.array([value for _, value in kept])
    rows = np.flatnonzero(there)
    loss_uma = field.losses_of(
        sender, site[best[rows]], base[best[rows]], place[rows], (np.arange(len(rows) + 1), np.arange(len(rows)))
    )
    land, _, said = ground.read(problem, plane, np.vstack([place[rows], site]))
    near = np.arange(len(rows) + 1), np.arange(len(rows))
    chosen = best[rows]
    loss_terrain = ground.losses(land, site[chosen], base[chosen], place[rows], *near, sender)
    change = loss_terrain - loss_uma  # the antenna is the same
    return Drive(
        tuple(kept[int(k)][0] for k in rows), place[rows], measured[rows], indoor[rows],
        tuple(str(kept[int(k)][0].properties.get("clutter") or "") for k in rows), away[rows],
        measured[rows] - (top[rows] - level), measured[rows] - (top[rows] - level - change), int((~there).sum()), said,
    )  # fmt: skip


def _sends(mast: Feature) -> bool:
    given = mast.properties
    on_air = FIFTH in (given.get("technologies") or ()) and given.get("status") == "on_air"
    return on_air or given.get("on_air_5g") in YES


def _names(mast: Feature) -> set[str]:
    return {str(mast.properties[n]).strip() for n in ("code", "name") if mast.properties.get(n)} | {mast.id}


def _outcome(
    problem: Problem, drive: Drive, fits: Mapping[str, Any], before: Floats, after: Floats, terrain: Floats,
    outlier: Bools, fold: Integers,
) -> Outcome:  # fmt: skip
    from province.compute.radio.calibrating import root_mean_square as rmse

    error, was = rmse(after), rmse(before)
    rows: list[tuple[str | float | None, ...]] = []
    for name, label in CLASSES.items():
        mine = drive.indoor == (name == "indoor")
        fit = fits.get(name)
        if mine.any():
            rows.append((
                label.vi, label.en, int(mine.sum()), fit and round(fit.correction.offset_db, 2),
                fit and round(fit.correction.slope_db, 2), round(rmse(before[mine]), 2), round(rmse(after[mine]), 2),
            ))  # fmt: skip
    models = (
        ("TR 38.901", round(float(before.mean()), 2), round(was, 2), round(error, 2)),
        ("ITU-R P.1812", round(float(drive.terrain_db.mean()), 2), round(rmse(drive.terrain_db), 2),
         round(rmse(terrain), 2)),
    )  # fmt: skip
    source = (
        f"{len(after)} phép đo, sai số trên đất chưa dùng để hiệu chỉnh {vietnamese(error, 1)} dB"
        f" (trước đó {vietnamese(was, 1)} dB)"
    )
    figures = (
        _figure("measurements", "Phép đo dùng được", "Measurements used", len(after), "C62"),
        _figure("unmatched", "Phép đo không rõ trạm", "Measurements without a site", drive.unmatched, "C62"),
        _figure("outliers", "Phép đo lệch xa", "Outliers", float(outlier.sum()), "C62"),
        _figure("before", "Sai số trước hiệu chỉnh", "Error before", was, "2N"),
        _figure("after", "Sai số sau, trên đất chưa dùng", "Error after, on land held out", error, "2N"),
        _figure("terrain_before", "P.1812 trước hiệu chỉnh", "P.1812 before", rmse(drive.terrain_db), "2N"),
        _figure("terrain_after", "P.1812 sau hiệu chỉnh", "P.1812 after", rmse(terrain), "2N"),
    )
    certificate = Certificate(
        objective=error, objective_unit="2N",
        objective_label=Label("Sai số trên đất chưa dùng để hiệu chỉnh", "Error on land that was held out"),
        bound=None,
        bound_source=Label(
            f"Không có cận; so với {vietnamese(was, 1)} dB khi chưa hiệu chỉnh",
            f"No bound; compared with {was:.1f} dB uncorrected",
        ),
        gap=None, spent=float(len(after)), budget=problem.budget, budget_unit=problem.unit, checked=True,
        verdict=Label(
            "Mã kiểm chứng độc lập đã tính lại sai số, và xác nhận không ô đất nào nằm ở hai phần",
            "Independent code recomputed the error and confirmed that no square of land lies in two folds",
        ),
        seed=problem.seed, sense="least",
    )  # fmt: skip
    return Outcome(
        figures=figures,
        tables=(_classes(rows), _models(models), _folds(fold, before, after), *_clutter(drive, before, after)),
        layers=(_layer(drive, after),),
        certificate=certificate,
        remarks=_remarks(was, error, drive, fits),
        assumptions=_assumptions(fits, source) if error < was else (),
        partial=None if error < was else Label(
            "Hiệu chỉnh không làm mô hình đúng hơn trên đất chưa dùng: không có giá trị nào để dùng tiếp.",
            "The correction does not help on land that was held out: there is nothing to take over.",
        ),
    )  # fmt: skip


def _assumptions(fits: Mapping[str, Any], source: str) -> tuple[Assumed, ...]:
    """Values for the next study of 5G sites."""
    found = []
    for name, fit in fits.items():
        for what, value in (("offset", fit.correction.offset_db), ("slope", fit.correction.slope_db)):
            found.append(Assumed(name=f"{name}_{what}", value=round(value, 2), unit="2N", source=source, given=True))
    return tuple(found)


def _remarks(was: float, error: float, drive: Drive, fits: Mapping[str, Any]) -> tuple[Label, ...]:
    said = [
        Label(
            "Sai số sau hiệu chỉnh được tính trên các ô đất không dùng để hiệu chỉnh: đây là sai số khi dùng ở nơi khác"
            " trong cùng vùng.",
            "The error after is that of squares of land which the fit never saw: what to expect elsewhere in the area.",
        ),
        drive.ground,
    ]
    for name, label in CLASSES.items():
        count = int((drive.indoor == (name == "indoor")).sum())
        if count and name not in fits:
            said.append(Label(
                f"{label.vi}: chỉ có {count} phép đo, quá ít để hiệu chỉnh.",
                f"{label.en}: only {count} measurements, too few to correct anything.",
            ))  # fmt: skip
    if drive.unmatched:
        said.append(Label(
            f"{drive.unmatched} phép đo không có trạm nào trong 5 km, hoặc trạm ghi trong tệp không có trong sổ.",
            f"{drive.unmatched} measurements have no site within 5 km, or name one that nobody knows.",
        ))  # fmt: skip
    return tuple(said)


def _figure(name: str, vi: str, en: str, value: float, unit: str) -> Quantity:
    return Quantity(name=name, label=Label(vi, en), value=round(float(value), 2), unit=unit)


def _classes(rows: Sequence[tuple[str | float | None, ...]]) -> Table:
    columns = (
        Column(name="class", label=Label("Loại", "Class (Vietnamese)")),
        Column(name="class_en", label=Label("Loại (tiếng Anh)", "Class")),
        Column(name="count", label=Label("Phép đo", "Measurements"), unit="C62"),
        Column(name="offset", label=Label("Cộng thêm ở 1 km", "Added at 1 km"), unit="2N"),
        Column(name="slope", label=Label("Cộng thêm khi xa gấp 10", "Added per decade"), unit="2N"),
        Column(name="before", label=Label("Sai số trước", "Error before"), unit="2N"),
        Column(name="after", label=Label("Sai số sau", "Error after"), unit="2N"),
    )
    return Table(name="classes", title=Label("Hiệu chỉnh", "Correction"), columns=columns, rows=tuple(rows))


def _models(rows: Sequence[tuple[str | float | None, ...]]) -> Table:
    columns = (
        Column(name="model", label=Label("Mô hình", "Model")),
        Column(name="mean", label=Label("Lệch trung bình", "Mean error"), unit="2N"),
        Column(name="before", label=Label("Sai số trước", "Error before"), unit="2N"),
        Column(name="after", label=Label("Sai số sau", "Error after"), unit="2N"),
    )
    return Table(name="models", title=Label("Hai mô hình", "Both models"), columns=columns, rows=tuple(rows))


def _folds(fold: Integers, before: Floats, after: Floats) -> Table:
    from province.compute.radio.calibrating import root_mean_square as rmse

    rows = tuple(
        (f"{k + 1}", int((fold == k).sum()), round(rmse(before[fold == k]), 2), round(rmse(after[fold == k]), 2))
        for k in range(FOLDS)
    )
    columns = (
        Column(name="fold", label=Label("Phần đất", "Part of the land")),
        Column(name="count", label=Label("Phép đo", "Measurements"), unit="C62"),
        Column(name="before", label=Label("Sai số trước", "Error before"), unit="2N"),
        Column(name="after", label=Label("Sai số sau", "Error after"), unit="2N"),
    )
    return Table(name="folds", title=Label("Từng phần đất để kiểm tra", "Parts held out"), columns=columns, rows=rows)


def _clutter(drive: Drive, before: Floats, after: Floats) -> tuple[Table, ...]:
    """By the words of the column `clutter`, where it was given."""
    from province.compute.radio.calibrating import root_mean_square as rmse

    words = sorted(set(drive.clutter) - {""})
    given = np.array(drive.clutter)
    rows = tuple(
        (word, int((given == word).sum()), round(float(after[given == word].mean()), 2),
         round(rmse(before[given == word]), 2), round(rmse(after[given == word]), 2))
        for word in words
    )  # fmt: skip
    columns = (
        Column(name="clutter", label=Label("Vật cản", "Clutter")),
        Column(name="count", label=Label("Phép đo", "Measurements"), unit="C62"),
        Column(name="mean", label=Label("Còn lệch trung bình", "Mean error left"), unit="2N"),
        Column(name="before", label=Label("Sai số trước", "Error before"), unit="2N"),
        Column(name="after", label=Label("Sai số sau", "Error after"), unit="2N"),
    )
    return (
        (Table(name="clutter", title=Label("Theo vật cản", "By clutter"), columns=columns, rows=rows),) if rows else ()
    )


def _layer(drive: Drive, after: Floats) -> Layer:
    features = tuple(
        Feature(
            id=f.id,
            geometry=f.geometry,
            properties={
                "name": f"{drive.rsrp_dbm[i]:.0f} dBm ({after[i]:+.0f} dB)",
                "rsrp": float(drive.rsrp_dbm[i]),
                "error": round(float(after[i]), 1),
                "fit": next(name for upto, name in _TONES if abs(after[i]) <= upto),
            },
        )
        for i, f in enumerate(drive.features)
    )
    return Layer(name="measurements", title=Label("Phép đo", "Measurements"), features=features, colour_by="fit")


FITS: Final[Mapping[str, Label]] = {
    "near": Label("Lệch dưới 6 dB", "Off by less than 6 dB"),
    "off": Label("Lệch 6 đến 12 dB", "Off by 6 to 12 dB"),
    "far": Label("Lệch trên 12 dB", "Off by more than 12 dB"),
}
