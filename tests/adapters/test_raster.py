"""Heights as GeoTIFF: laid on longitude and latitude, and refused with the reason where they cannot be."""

from __future__ import annotations

import base64
import zlib
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from province.adapters import raster
from province.errors import InvalidInput

rasterio = pytest.importorskip("rasterio")
VN2000 = "EPSG:9210"
pytestmark = pytest.mark.filterwarnings("ignore::PendingDeprecationWarning")
"""Of affine, which rasterio calls the old way when it writes."""


def picture(path: Path, values: Any, *, crs: str | None = "EPSG:4326", west: float = 106.6, north: float = 11.1,
            step: float = 0.001, nodata: float | None = None) -> Path:  # fmt: skip
    from rasterio.transform import from_origin

    with rasterio.open(path, "w", driver="GTiff", width=values.shape[1], height=values.shape[0], count=1,
                       dtype=values.dtype, crs=crs, nodata=nodata,
                       transform=from_origin(west, north, step, step)) as out:  # fmt: skip
        out.write(values, 1)
    return path


def heights(feature: Any) -> Any:
    given = feature.properties
    raw = np.frombuffer(zlib.decompress(base64.b64decode(given["values"])), "<i2")
    return raw.reshape(given["rows"], given["columns"]) / given["scale"]


async def test_heights_stand_from_south_to_north_and_holes_are_counted(tmp_path: Path) -> None:
    values = np.arange(80, dtype=np.float32).reshape(8, 10)
    values[0, 0] = -9999
    found = await raster.read(picture(tmp_path / "a.tif", values, nodata=-9999), crs="")
    got = heights(found)
    assert got.shape == (8, 10)
    assert got[0].tolist() == values[-1].tolist(), "the first row lies in the south"
    assert found.properties["holes"] == pytest.approx(1 / 80, abs=1e-4)
    assert found.properties["south"] == pytest.approx(11.1 - 8 * 0.001 + 0.0005)


async def test_metres_of_vn_2000_are_laid_on_the_map(tmp_path: Path) -> None:
    values = np.full((40, 40), 25, np.int16)
    path = picture(tmp_path / "b.tif", values, crs=None, west=595_000, north=1_222_000, step=50)
    with pytest.raises(InvalidInput, match="no coordinate system"):
        await raster.read(path, crs="")
    found = await raster.read(path, crs=VN2000)
    assert 106.5 < found.properties["west"] < 106.8
    assert 10.9 < found.properties["south"] < 11.1
    assert found.properties["most"] == 25.0


@pytest.mark.parametrize(
    ("change", "word"),
    [
        ({"west": 2.3, "north": 48.9}, "outside Vietnam"),
        ({"values": np.full((5, 5), 9_000, np.int16)}, "values go from"),
        ({"values": np.full((5, 5), -9999, np.int16), "nodata": -9999}, "no cell"),
        ({"values": np.full((5, 5), -9999, np.int16)}, "values go from"),
    ],
)
async def test_what_is_no_terrain_of_vietnam_is_refused(tmp_path: Path, change: dict[str, Any], word: str) -> None:
    given = {"values": np.full((5, 5), 20, np.int16), **change}
    with pytest.raises(InvalidInput, match=word) as refused:
        await raster.read(picture(tmp_path / "c.tif", **given), crs="")
    assert refused.value.remedy


async def test_what_is_no_picture_is_refused(tmp_path: Path) -> None:
    (tmp_path / "d.tif").write_bytes(b"II*\x00 not really")
    with pytest.raises(InvalidInput, match="no GeoTIFF"):
        await raster.read(tmp_path / "d.tif", crs="")
