"""One folder per row of the plan. `BUILT_IN` is the explicit list: a pack that is not named here does not exist."""

from __future__ import annotations

from province.pack import Pack
from province.packs import (
    alerts,
    atlas,
    cases,
    datacentres,
    devices,
    ducts,
    environment,
    fiveg,
    incidents,
    plan,
    post,
    reports,
    studies,
    transmission,
)

BUILT_IN: tuple[Pack, ...] = (
    alerts.PACK,
    atlas.PACK,
    cases.PACK,
    datacentres.PACK,
    devices.PACK,
    ducts.PACK,
    environment.PACK,
    fiveg.PACK,
    incidents.PACK,
    plan.PACK,
    post.PACK,
    reports.PACK,
    studies.PACK,
    transmission.PACK,
)
