"""An indicator that is told as a percentage of a number."""

from __future__ import annotations

from dataclasses import replace

import pytest

from province.broker.figures import NOTHING, AreaPart, Figure, Part, divided, shared
from province.model.time import now
from province.packs.fiveg.pack import PACK
from province.packs.parks.pack import PACK as PARKS
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


def test_a_percentage_of_a_measured_sum_is_told_where_both_are_known() -> None:
    indicator = next(i for i in PARKS.indicators if i.name == "it_parcels_occupancy")
    assert indicator.base is not None
    nothing, at = Part(None, 0, 0), now()

    def share(top: Part, base: Part) -> Part:
        found = divided(
            Figure(indicator, top, nothing, (AreaPart("a", top, nothing),), at, {"simulated": 1}),
            Figure(indicator.base, base, Part(8.0, 1, 1), (AreaPart("a", base, nothing), AreaPart("b", base, nothing)),
                   at, {"simulated": 3}),  # type: ignore[arg-type]
        )  # fmt: skip
        assert (found.excluded, found.over is not None) == ({"simulated": 3}, True)
        assert found.uncounted.value == 0.0, "of what does not count nothing is leased"
        assert [a.counted.value for a in found.areas] == [found.counted.value, 0.0 if base.value else None]
        return found.counted

    assert share(Part(30.0, 2, 2), Part(120.0, 5, 5)) == Part(25.0, 5, 5)
    assert share(nothing, Part(120.0, 5, 5)).value == 0.0, "nothing is leased"
    assert share(Part(None, 0, 2), Part(120.0, 5, 5)).value is None, "two are leased, and nobody knows how much"
    assert share(nothing, Part(0.0, 5, 5)).value is None
    assert share(nothing, NOTHING).value is None
    told = formula(indicator)
    assert "per cent of (Sum of `landSize`" in told.en
    assert "phần trăm của (Tổng của `landSize`" in told.vi
