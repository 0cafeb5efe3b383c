"""Kinds of study as commands of `province plan`: one module each."""

from __future__ import annotations

from typing import Final

from province.cli.kinds import calibration, capacity, datacentres, diversity, ducts, fiveg, hubs, rings, tours
from province.cli.kinds.kind import Kind

__all__ = ["KINDS", "Kind"]

KINDS: Final[tuple[Kind, ...]] = (
    fiveg.KIND,
    ducts.KIND,
    calibration.KIND,
    capacity.KIND,
    datacentres.KIND,
    diversity.KIND,
    hubs.KIND,
    rings.KIND,
    tours.KIND,
)
