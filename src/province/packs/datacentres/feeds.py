"""The feed `data-centre-readings`: what a data centre measures, as JSON of one centre.

    {"centre": "urn:ngsi-ld:DataCentre:tdm-1", "readings": [
        {"at": "2026-11-25T02:00:00Z", "itPower": 820.5, "facilityPower": 1090.0, "temperature": 24.1}, …]}

Powers are kW, temperatures °C. A row with both powers gives the PUE of that instant; a row with one gives none.
"""

from __future__ import annotations

import math
import re
from typing import Any, Final

import msgspec
import pyarrow as pa

from province.errors import DecodeError, InvalidInput
from province.model.entity import ORIGINS
from province.model.observation import SCHEMA
from province.model.time import Instant, parse_instant
from province.pack import Context, Decoded

MOST: Final = 10_000
_CENTRE: Final = re.compile(r"urn:ngsi-ld:DataCentre:[!-~]{1,200}")
_FIELDS: Final = ("itPower", "facilityPower", "temperature")
_MEASURED: Final = ORIGINS.index("measured")
_LARGEST: Final = 1e9


def from_readings(payload: bytes, *, context: Context) -> Decoded:
    """Read the readings of one centre. Raises: DecodeError naming the place, such as `readings[3].itPower`."""
    try:
        document = msgspec.json.decode(payload)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise DecodeError(f"not JSON: {error}.", field="body") from None
    centre = document.get("centre") if isinstance(document, dict) else None
    if not isinstance(centre, str) or not _CENTRE.fullmatch(centre):
        raise DecodeError("no centre is named.", field="centre", remedy="Its id, urn:ngsi-ld:DataCentre:….")
    given = document.get("readings")
    if not isinstance(given, list) or not 0 < len(given) <= MOST:
        raise DecodeError("readings are a list.", field="readings", remedy=f"1 to {MOST} rows.")
    rows: list[tuple[Any, ...]] = []
    for i, one in enumerate(given):
        if not isinstance(one, dict):
            raise DecodeError("a reading is a JSON object.", field=f"readings[{i}]")
        at = _at(one.get("at"), f"readings[{i}].at")
        told = {name: _number(one[name], f"readings[{i}].{name}") for name in _FIELDS if one.get(name) is not None}
        it, whole = told.get("itPower"), told.get("facilityPower")
        if it is not None and whole is not None:
            if whole < it:
                said = f"the centre draws {whole:g} kW and its IT {it:g} kW."
                raise DecodeError(said, field=f"readings[{i}].facilityPower", remedy="Check which meter is which.")
            if it > 0:
                told["pue"] = whole / it
        rows += [(centre, "DataCentre", name, None, at, value, None, _MEASURED) for name, value in told.items()]
    if not rows:
        raise DecodeError("no reading holds a value.", field="readings", remedy=f"Give {', '.join(_FIELDS)}.")
    columns = [pa.array(c, f.type) for c, f in zip(zip(*rows, strict=True), SCHEMA, strict=True)]
    return Decoded(observations=pa.Table.from_arrays(columns, schema=SCHEMA))


def _at(value: object, place: str) -> Instant:
    if not isinstance(value, str):
        raise DecodeError("a reading has its time.", field=place, remedy="As 2026-11-25T02:00:00Z.")
    try:
        return parse_instant(value)
    except InvalidInput as error:
        raise DecodeError(error.detail, field=place, remedy=error.remedy) from None


def _number(value: object, place: str) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        raise DecodeError(f"{str(value)[:40]!r} is no number.", field=place)
    if abs(value) > _LARGEST or (value < 0 and not place.endswith("temperature")):
        raise DecodeError(f"{value:g} cannot be.", field=place, remedy="kW and °C are expected.")
    return float(value)
