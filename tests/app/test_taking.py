"""What one study found is taken over by another with its source, and a picture stands for the terrain."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import msgspec
import numpy as np
import pytest

from province.app import solving
from province.errors import InvalidInput
from province.model.study import Assumed, Outcome
from tests.adapters.test_raster import picture
from tests.app.test_studies import OUTCOME, PLANNER, Broker, Studies, chunks, draft, problem_of, run, studies

__all__ = ["studies"]
pytestmark = pytest.mark.filterwarnings("ignore::PendingDeprecationWarning")
FOUND = (Assumed(name="outdoor_offset", value=-7.5, unit="2N", source="400 phép đo, 6,1 dB", given=True),)


async def calibrated(
    broker: Broker, studies: Studies, monkeypatch: pytest.MonkeyPatch, found: tuple[Assumed, ...]
) -> str:
    """Id of a computed calibration."""

    async def solve(*_: object) -> Outcome:
        return msgspec.structs.replace(OUTCOME, assumptions=found)

    monkeypatch.setattr(solving, "solve", solve)
    id = await draft(broker, title="Đo tháng 11", kind="calibration", budget=5000)
    spots = "rsrp,lon,lat\n-90,106.7,11.1\n"
    await studies.attach(PLANNER, id, "measurements", "do.csv", chunks(spots))
    await studies.start(PLANNER, id)
    await run(broker, studies, id)
    return id


async def test_a_calibration_is_taken_over_with_its_source(
    broker: Broker, studies: Studies, monkeypatch: pytest.MonkeyPatch
) -> None:
    giver = await calibrated(broker, studies, monkeypatch, FOUND)
    id = await draft(broker)
    assert giver in [s.id for s in await studies.offers(PLANNER, await studies.get(id, PLANNER))]
    await studies.take(PLANNER, id, giver)
    value = studies.assumed(await studies.get(id, PLANNER))["outdoor_offset"]
    assert (value.value, value.unit, value.given) == (-7.5, "2N", True)
    assert value.source == f"Đo tháng 11: 400 phép đo, 6,1 dB ({giver})"
    trenches = await draft(broker, kind="ducts", budget_unit="MTR")
    assert await studies.offers(PLANNER, await studies.get(trenches, PLANNER)) == []
    with pytest.raises(InvalidInput, match="finds nothing for ducts"):
        await studies.take(PLANNER, trenches, giver)


async def test_a_calibration_that_found_nothing_gives_nothing(
    broker: Broker, studies: Studies, monkeypatch: pytest.MonkeyPatch
) -> None:
    giver = await calibrated(broker, studies, monkeypatch, ())
    with pytest.raises(InvalidInput, match="found no values"):
        await studies.take(PLANNER, await draft(broker), giver)


async def test_a_picture_stands_for_the_terrain(broker: Broker, studies: Studies, tmp_path: Path) -> None:
    path = picture(tmp_path / "a.tif", np.full((8, 8), 20, np.int16))
    id = await draft(broker)

    async def content() -> AsyncIterator[bytes]:
        yield path.read_bytes()

    study, read = await studies.attach(PLANNER, id, "terrain", "dem.tif", content())
    assert "8 × 8" in read.remarks[0].vi
    assert study.layers is not None
    assert study.layers["terrain"]["name"] == "dem.tif"
    await studies.start(PLANNER, id)
    (grid,) = (await problem_of(studies, id)).layers["terrain"]
    assert (grid.id, grid.properties["rows"], grid.properties["most"]) == ("terrain", 8, 20.0)
    with pytest.raises(InvalidInput, match="no GeoTIFF"):
        await studies.attach(PLANNER, await draft(broker), "terrain", "dem.tif", chunks("no picture"))
