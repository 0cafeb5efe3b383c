"""An indicator that is told as a percentage of a number."""

from __future__ import annotations

from dataclasses import replace

import pytest

from province.broker.figures import AreaPart, Figure, Part, shared
from province.model.time import now
from province.packs.fiveg.pack import PACK
from province.packs.plan.annex import formula


def test_a_share_is_of_what_the_indicator_names_and_nothing_stays_nothing() -> None:
    indicator = next(i for i in PACK.indicators if i.name == "sites_5g_share")
    areas = (AreaPart("a", Part(366.6, 367, 367), Part(None, 0, 0)),)
    found = Figure(indicator, Part(1833.0, 1833, 1833), Part(None, 0, 0), areas, now(), {})
    told = shared(found)
    assert told.counted.value == pytest.approx(50.0)
    assert told.counted.sources == 1833
    assert told.uncounted.value is None
    assert told.areas[0].counted.value == pytest.approx(10.0)
    assert shared(replace(found, indicator=replace(indicator, per=0.0))).counted.value == 1833.0
    assert "trên 3.666" in formula(indicator).vi
    assert "per 3,666" in formula(indicator).en
