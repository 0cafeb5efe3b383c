"""The ground between masts and places: a terrain model where one was given, else flat. Pure."""

from __future__ import annotations

import base64
import zlib
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from province.compute.plane import Plane
from province.compute.terrain import Grid, Ground, cut, flat
from province.model.label import Label, vietnamese
from province.model.study import Feature, Problem

Floats = npt.NDArray[np.float64]
LAYERS: Final = ("terrain", "clutter")
FLAT: Final = Label(
    "Mặt đất coi như bằng phẳng: chưa có mô hình số độ cao.", "The ground is taken as flat: no terrain model was given."
)
_MOST_CELLS: Final = 40_000_000
_LEAST_STEP_M: Final = 25.0


def read(problem: Problem, plane: Plane, positions: Floats) -> tuple[Ground, bool, Label]:
    """The ground under everything, whether it is known, and what to say of it. Raises: InvalidInput."""
    spread = np.ptp(positions, axis=0)
    step = max(_LEAST_STEP_M, float(np.sqrt(np.prod(spread + 1.0) / _MOST_CELLS)))
    heights = _grid(problem, "terrain")
    if heights is None:
        return flat(positions, max(step, 50.0)), False, FLAT
    ground = cut(heights, _grid(problem, "clutter"), plane, positions, step)
    holes = 100 * ground.filled
    above = "" if _grid(problem, "clutter") is None else " và vật cản"
    said = Label(
        f"Mặt đất theo mô hình số độ cao{above}, ô {step:.0f} m, cao {float(ground.heights.min()):.0f} đến"
        f" {float(ground.heights.max()):.0f} m."
        + (f" Ô thiếu độ cao được lấp bằng ô gần nhất: {vietnamese(holes, 1)}%." if holes else ""),
        f"The ground follows the terrain model{' and clutter' if above else ''}, cells of {step:.0f} m,"
        f" {float(ground.heights.min()):.0f} to {float(ground.heights.max()):.0f} m high."
        + (f" Cells without a height were filled by the nearest: {holes:.1f}%." if holes else ""),
    )
    return ground, True, said


def losses(ground: Ground, site: Floats, base: Floats, place: Floats, start: Any, index: Any, sender: Any) -> Floats:
    """P.1812 of every pair, dB: (pairs,)."""
    from province.compute.radio import diffraction

    out = np.empty(len(index))
    for i in range(len(site)):
        mine = slice(int(start[i]), int(start[i + 1]))
        if mine.start < mine.stop:
            out[mine] = diffraction.field(
                ground.heights, ground.clutter, ground.step_m, ground.moved(site[i : i + 1]), base[i : i + 1],
                ground.moved(place[index[mine]]), sender.terminal_m, sender.ghz,
            )[0]  # fmt: skip
    return out


def _grid(problem: Problem, layer: str) -> Grid | None:
    found: Feature | None = next(iter(problem.layers.get(layer, ())), None)
    if found is None:
        return None
    given = found.properties
    raw = np.frombuffer(zlib.decompress(base64.b64decode(given["values"])), "<i2")
    values = raw.reshape(int(given["rows"]), int(given["columns"])).astype(np.float32)
    values[values == given["hole"]] = np.nan
    return Grid(
        values / np.float32(given["scale"]), given["west"], given["south"], (given["step_lon"], given["step_lat"])
    )
