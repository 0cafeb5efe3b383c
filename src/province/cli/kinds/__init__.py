"""Kinds of study as commands of `province plan`: one module each."""

from __future__ import annotations

from typing import Final

from province.cli.kinds import datacentres, ducts, fiveg, hubs, parks, tours
from province.cli.kinds.kind import Kind

__all__ = ["KINDS", "Kind"]

KINDS: Final[tuple[Kind, ...]] = (fiveg.KIND, ducts.KIND, datacentres.KIND, parks.KIND, hubs.KIND, tours.KIND)
