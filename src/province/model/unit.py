"""Units of measure by UN/CEFACT common code (Recommendation 20), as NGSI-LD `unitCode` wants them.

A field declares the unit it is stored in: `Annotated[float, Unit("KMH")]`. Input in another unit of the same
dimension is converted; input in a unit of another dimension is refused.
"""

from __future__ import annotations

from dataclasses import dataclass

from province.errors import InvalidInput


@dataclass(frozen=True, slots=True)
class UnitDefinition:
    """value_in_base = value × factor + offset."""

    code: str
    symbol: str
    dimension: str
    factor: float = 1.0
    offset: float = 0.0


_TABLE = (
    UnitDefinition("C62", "", "count"),
    UnitDefinition("P1", "%", "ratio", 0.01),
    UnitDefinition("59", "ppm", "ratio", 1e-6),
    UnitDefinition("MTR", "m", "length"),
    UnitDefinition("KMT", "km", "length", 1000),
    UnitDefinition("CMT", "cm", "length", 0.01),
    UnitDefinition("MMT", "mm", "length", 0.001),
    UnitDefinition("SMI", "mi", "length", 1609.344),
    UnitDefinition("FOT", "ft", "length", 0.3048),
    UnitDefinition("MTK", "m²", "area"),
    UnitDefinition("HAR", "ha", "area", 10_000),
    UnitDefinition("KMK", "km²", "area", 1_000_000),
    UnitDefinition("MTS", "m/s", "speed"),
    UnitDefinition("KMH", "km/h", "speed", 1 / 3.6),
    UnitDefinition("HM", "mph", "speed", 0.44704),
    UnitDefinition("SEC", "s", "time"),
    UnitDefinition("B98", "µs", "time", 1e-6),
    UnitDefinition("MIN", "min", "time", 60),
    UnitDefinition("HUR", "h", "time", 3600),
    UnitDefinition("DAY", "d", "time", 86_400),
    UnitDefinition("CEL", "°C", "temperature", 1, 273.15),
    UnitDefinition("FAH", "°F", "temperature", 5 / 9, 459.67 * 5 / 9),
    UnitDefinition("KEL", "K", "temperature"),
    UnitDefinition("PAL", "Pa", "pressure"),
    UnitDefinition("A97", "hPa", "pressure", 100),
    UnitDefinition("GQ", "µg/m³", "mass concentration", 1e-9),
    UnitDefinition("GP", "mg/m³", "mass concentration", 1e-6),
    UnitDefinition("M1", "mg/L", "mass concentration", 1e-3),
    UnitDefinition("KGM", "kg", "mass"),
    UnitDefinition("TNE", "t", "mass", 1000),
    UnitDefinition("WTT", "W", "power"),
    UnitDefinition("KWT", "kW", "power", 1000),
    UnitDefinition("MAW", "MW", "power", 1_000_000),
    UnitDefinition("KWH", "kWh", "energy", 3_600_000),
    UnitDefinition("VLT", "V", "voltage"),
    UnitDefinition("AMP", "A", "current"),
    UnitDefinition("2N", "dB", "level"),
    UnitDefinition("DBM", "dBm", "power level"),
    UnitDefinition("MHZ", "MHz", "frequency", 1e6),
    UnitDefinition("A86", "GHz", "frequency", 1e9),
    UnitDefinition("LUX", "lx", "illuminance"),
    UnitDefinition("MQS", "m³/s", "volume flow"),
    UnitDefinition("MTQ", "m³", "volume"),
    UnitDefinition("LTR", "L", "volume", 0.001),
    UnitDefinition("DD", "°", "angle"),
    UnitDefinition("Q30", "pH", "acidity"),
    UnitDefinition("E36", "veh/h", "vehicle flow"),
    UnitDefinition("D10", "S/m", "conductivity"),
    UnitDefinition("H61", "mS/cm", "conductivity", 0.1),
    UnitDefinition("D36", "Mbit/s", "data rate", 1e6),
    UnitDefinition("B80", "Gbit/s", "data rate", 1e9),
    UnitDefinition("4L", "MB", "data size", 8e6),
    UnitDefinition("VND", "₫", "money"),
)
CODES = {u.code: u for u in _TABLE}
_BY_SYMBOL = {u.symbol: u for u in _TABLE if u.symbol}


@dataclass(frozen=True, slots=True)
class Unit:
    """Field marker: the unit in which values are stored. `code` is a UN/CEFACT code or a symbol of the table."""

    code: str

    def __post_init__(self) -> None:
        object.__setattr__(self, "code", lookup(self.code).code)


def lookup(code: str, *, field: str | None = None) -> UnitDefinition:
    """Find a unit by code or symbol. Raises: InvalidInput."""
    found = CODES.get(code) or _BY_SYMBOL.get(code)
    if found is None:
        raise InvalidInput(f"unit {code[:32]!r} is not known.", field=field, remedy="Use a UN/CEFACT code such as CEL.")
    return found


def convert(value: float, source: str, target: str, *, field: str | None = None) -> float:
    """Convert `value` from unit `source` to unit `target` (codes or symbols). Raises: InvalidInput otherwise."""
    if source == target:
        return value
    a, b = lookup(source, field=field), lookup(target, field=field)
    if a.dimension != b.dimension:
        raise InvalidInput(
            f"unit {source!r} measures {a.dimension}, the field is stored in {target!r} ({b.dimension}).",
            field=field,
            remedy=f"Send the value in a unit of {b.dimension}.",
        )
    return (value * a.factor + a.offset - b.offset) / b.factor
