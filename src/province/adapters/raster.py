"""A GeoTIFF as a layer of a study: heights or clutter on a grid of longitude and latitude, small enough to be kept.

It is read by a process of its own (`python -m province.adapters.raster PATH CRS`), with a limit of memory and time: a
picture of a stranger may be anything. The feature that comes of it carries the grid in its properties.
"""

from __future__ import annotations

import asyncio
import base64
import json
import resource
import sys
import zlib
from pathlib import Path
from typing import Any, Final

import msgspec
import numpy as np

from province.adapters.tables.place import read_crs
from province.errors import InvalidInput, TooLarge, Unsupported
from province.model.study import Feature, require_in_vietnam

SIDE: Final = 2_500
"""Cells in a row or column of what is kept: 30 m over 75 km. Finer ones are averaged."""
LARGEST: Final = 400_000_000
"""Cells of a file; more is a country, not a province."""
_TIMEOUT_S: Final = 120.0
_MEMORY: Final = 3 * 1024**3
_LOWEST, _HIGHEST = -150.0, 3_300.0
"""Of Vietnam, with open pits and towers."""
_SCALE: Final = 10.0
_HOLE: Final = -32_768
_KINDS: Final = {"InvalidInput": InvalidInput, "TooLarge": TooLarge, "Unsupported": Unsupported}


async def read(path: Path, *, crs: str) -> Feature:
    """The grid of a GeoTIFF as one feature. crs: as people write it, or "" for what the file says.

    Raises: InvalidInput, TooLarge, Unsupported.
    """
    offered = read_crs(crs, field="crs") if crs else ""
    child = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "province.adapters.raster", str(path), offered, stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.DEVNULL,
    )  # fmt: skip
    try:
        out, _ = await asyncio.wait_for(child.communicate(), _TIMEOUT_S)
    except TimeoutError:
        raise TooLarge("the picture takes too long to read.", field="file", remedy="Cut it to the area.") from None
    finally:
        if child.returncode is None:
            child.kill()
            await child.wait()
    try:
        told = json.loads(out)
    except ValueError:
        raise InvalidInput("the picture cannot be read.", field="file", remedy="Give a GeoTIFF.") from None
    if "error" in told:
        one = told["error"]
        raise _KINDS[one["kind"]](one["detail"], field=one["field"], remedy=one["remedy"])
    feature = msgspec.convert(told["feature"], Feature)
    require_in_vietnam(feature, "terrain")
    return feature


def _grid(path: str, offered: str) -> dict[str, Any]:
    """What the child reads. Raises: InvalidInput, TooLarge, Unsupported."""
    try:
        import rasterio
        from rasterio.enums import Resampling
        from rasterio.vrt import WarpedVRT
    except ImportError:
        raise Unsupported("reading terrain needs rasterio, which this installation lacks.", field="file",
                          remedy="Install the extra: pip install 'province[planning]'.") from None  # fmt: skip
    try:
        source = rasterio.open(path, driver="GTiff")
    except rasterio.errors.RasterioError:
        raise InvalidInput("this is no GeoTIFF.", field="file", remedy="Give heights as GeoTIFF (.tif).") from None
    with source:
        if source.width * source.height > LARGEST:
            raise TooLarge(f"the picture has {source.width:,} × {source.height:,} cells.", field="file",
                           remedy="Cut it to the area of the study.")  # fmt: skip
        if source.count != 1 or source.dtypes[0] not in ("int16", "uint16", "int32", "float32", "float64", "uint8"):
            raise InvalidInput(f"the picture has {source.count} bands of {source.dtypes[0]}.", field="file",
                               remedy="Give one band of metres.")  # fmt: skip
        crs = source.crs or offered
        if not crs or source.transform.is_identity:
            raise InvalidInput("the picture says no coordinate system.", field="crs",
                               remedy="Name it, such as EPSG:4326; the picture needs a place in it too.")  # fmt: skip
        try:
            with WarpedVRT(source, src_crs=crs, crs="EPSG:4326", resampling=Resampling.bilinear, dtype="float32",
                           src_nodata=source.nodata, nodata=float("nan")) as warped:  # fmt: skip
                shrink = max(1.0, max(warped.width, warped.height) / SIDE)
                shape = (max(1, round(warped.height / shrink)), max(1, round(warped.width / shrink)))
                values = warped.read(1, out_shape=shape, resampling=Resampling.average, masked=True)
                west, south, east, north = warped.bounds
        except rasterio.errors.RasterioError as error:
            raise InvalidInput(f"the picture cannot be laid on the map: {str(error)[:120]}", field="crs",
                               remedy="Check its coordinate system.") from None  # fmt: skip
    return _told(np.flipud(values.filled(np.nan)), west, south, east, north)


def _told(values: Any, west: float, south: float, east: float, north: float) -> dict[str, Any]:
    known = values[np.isfinite(values)]
    if not len(known):
        raise InvalidInput("no cell of the picture has a value.", field="file", remedy="Check its no-data value.")
    least, most = float(known.min()), float(known.max())
    if least < _LOWEST or most > _HIGHEST:
        raise InvalidInput(
            f"the values go from {least:,.0f} to {most:,.0f}.", field="file",
            remedy="Heights of Vietnam in metres lie between −150 and 3,300: check unit and no-data value.",
        )  # fmt: skip
    rows, columns = values.shape
    packed = np.where(np.isfinite(values), np.round(values * _SCALE), _HOLE).astype("<i2")
    step = ((east - west) / columns, (north - south) / rows)
    ring = [[west, south], [east, south], [east, north], [west, north], [west, south]]
    return {
        "id": "raster", "geometry": {"type": "Polygon", "coordinates": [ring]},
        "properties": {
            "rows": rows, "columns": columns, "west": west + step[0] / 2, "south": south + step[1] / 2,
            "step_lon": step[0], "step_lat": step[1], "least": least, "most": most,
            "holes": round(1.0 - len(known) / values.size, 4), "scale": _SCALE, "hole": _HOLE,
            "values": base64.b64encode(zlib.compress(packed.tobytes(), 6)).decode(),
        },
    }  # fmt: skip


def main(path: str, crs: str) -> None:
    """The child."""
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    resource.setrlimit(resource.RLIMIT_DATA, (_MEMORY, _MEMORY))
    try:
        told: dict[str, Any] = {"feature": _grid(path, crs)}
    except (InvalidInput, TooLarge, Unsupported) as error:
        told = {"error": {"kind": type(error).__name__, "detail": error.detail, "field": error.field,
                          "remedy": error.remedy}}  # fmt: skip
    except MemoryError:
        told = {"error": {"kind": "TooLarge", "detail": "the picture takes too much memory.", "field": "file",
                          "remedy": "Cut it to the area of the study."}}  # fmt: skip
    sys.stdout.write(json.dumps(told))


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2])
