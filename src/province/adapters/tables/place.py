"""Coordinates and shapes of a file in WGS 84. VN-2000 goes by the seven parameters of the state (Decision 05/2007)."""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import lru_cache
from typing import Any, Final

import msgspec
import numpy as np
import numpy.typing as npt
import shapely

from province.errors import InvalidInput
from province.model.geometry import Geometry

Positions = npt.NDArray[np.float64]
"""Shape (n, 2): easting or longitude, northing or latitude."""
Convert = Callable[[Positions], Positions]

_TM3: Final = {
    "103": 9205, "104": 9206, "104.5": 9207, "104.75": 9208, "105.5": 9209, "105.75": 9210, "106": 9211, "106.25": 9212,
    "106.5": 9213, "107": 9214, "107.25": 9215, "107.5": 9216, "108.25": 9217, "108.5": 9218,
}  # fmt: skip
_VN2000: Final = re.compile(
    r"vn-?2000(?:\s*/?\s*tm-?3)?[\s:/]*(\d{3})(?:[.,](\d+)|[°\s-]+(\d{1,2})['′]?)?", re.IGNORECASE
)
_LINE: Final = re.compile(r"\s*-?[\d.]+ -?[\d.]+\s*(;\s*-?[\d.]+ -?[\d.]+\s*)+;?\s*")
"""Positions in a row, as lines stand in tables made by hand: `106.70 10.87; 106.71 10.88`."""
_DIGITS: Final = 7
"""Decimals of a degree that are kept: a centimetre."""


def read_crs(text: str, *, field: str = "mapping.crs") -> str:
    """`EPSG:n` of what people write: `9210`, `EPSG:9210`, `VN-2000 TM-3 105°45'`, `vn2000 105.75`, an OGC URN.

    Raises: InvalidInput for what is not known.
    """
    given = text.strip()
    found = _VN2000.search(given)
    if found:
        degrees = (
            float(found[1]) + (float(f"0.{found[2]}") if found[2] else 0) + (float(found[3]) / 60 if found[3] else 0)
        )
        code = _TM3.get(f"{degrees:g}")
        if code is None:
            raise InvalidInput(
                f"VN-2000 has no TM-3 zone at {degrees:g}°.", field=field, remedy=f"Meridians: {', '.join(_TM3)}."
            )
        return f"EPSG:{code}"
    if re.search(r"CRS:?:?84$", given, re.IGNORECASE):
        return "EPSG:4326"
    number = re.search(r"(?:^|EPSG:(?:[\d.]*:)?)(\d{4,5})$", given, re.IGNORECASE)
    if number is None:
        raise InvalidInput(
            f"{given[:60]!r} is not a coordinate system.",
            field=field,
            remedy="Such as EPSG:9210 or VN-2000 TM-3 105°45'.",
        )
    return f"EPSG:{number[1]}"


@lru_cache(maxsize=64)
def to_wgs84(crs: str) -> Convert | None:
    """The transformation into longitude and latitude; None when they are that already. Raises: InvalidInput."""
    code = read_crs(crs)
    if code == "EPSG:4326":
        return None
    from pyproj.exceptions import CRSError
    from pyproj.transformer import TransformerGroup

    try:
        group = TransformerGroup(code, "EPSG:4326", always_xy=True)
    except CRSError:
        raise InvalidInput(f"{code} is not a coordinate system.", field="mapping.crs") from None
    # Of the two published sets for VN-2000 the second is the state's own; PROJ would take the first.
    chosen = next((t for t in group.transformers if "VN-2000 to WGS 84 (2)" in t.description), group.transformers[0])

    def convert(positions: Positions) -> Positions:
        x, y = chosen.transform(positions[:, 0], positions[:, 1])
        return np.round(np.column_stack([x, y]), _DIGITS)

    return convert


def from_wkb(cells: list[bytes | None], convert: Convert | None) -> list[Geometry | str | None]:
    """GeoJSON geometries of WKB, without heights; None for an empty one, a text saying why one is impossible."""
    shapes = shapely.from_wkb(np.array(cells, object), on_invalid="ignore")
    flat = shapely.force_2d(shapes)
    if convert is not None:
        flat = shapely.transform(flat, convert)
    return [_one(given, shape) for given, shape in zip(cells, flat, strict=True)]


def from_text(text: str, convert: Convert | None) -> Geometry | str:
    """A geometry written as GeoJSON, WKT or a row of positions; a text says why it is none."""
    if _LINE.fullmatch(text):
        text = f"LINESTRING ({text.strip().strip(';').replace(';', ',')})"
    if text.lstrip().startswith("{"):
        try:
            found = msgspec.json.decode(text)
        except (msgspec.DecodeError, RecursionError) as error:
            return f"not JSON: {error}"
        if convert is None or not isinstance(found, dict):
            return found if isinstance(found, dict) else "not a GeoJSON geometry"
        try:
            shape = shapely.from_geojson(text)
        except shapely.GEOSException as error:
            return str(error)
    else:
        shape = shapely.from_wkt(text, on_invalid="ignore")
    if shape is None:
        return "neither GeoJSON nor WKT"
    flat = shapely.force_2d(shape)
    found = _one(b"", flat if convert is None else shapely.transform(flat, convert))
    return found if found is not None else "empty"


def geojson(shape: Any) -> Geometry:
    """A shapely shape as a GeoJSON geometry of plain lists."""
    found: Geometry = msgspec.json.decode(shapely.to_geojson(shape))
    return found


def _one(given: bytes | None, shape: Any) -> Geometry | str | None:
    if given is None or (shape is not None and shape.is_empty):
        return None
    if shape is None:
        return "the shape cannot be read"
    if not np.isfinite(shapely.get_coordinates(shape)).all():
        return "the position lies outside the coordinate system"
    return geojson(shape)
