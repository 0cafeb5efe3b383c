"""What came of a study, as files for other programs: map, certificate, layers, tables, a GeoPackage."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any, Final

import msgspec
import pyarrow as pa
import shapely

from province.adapters.studies import drawing
from province.adapters.studies.service import collection
from province.adapters.tables import writers
from province.errors import NotFound
from province.model.study import Column, Layer, Outcome, Table
from province.model.unit import lookup
from province.pack import StudyKind

PACKAGE: Final = "plan.gpkg"
MAP: Final = "map.svg"
CERTIFICATE: Final = "certificate.json"
WHOLE: Final = "outcome.json"
_JSON: Final = "application/json"


def names(outcome: Outcome, kind: StudyKind | None) -> tuple[str, ...]:
    """The files that there are. kind: None where it is not known any more, and nobody can say how it is drawn."""
    layers = tuple(f"{one.name}.geojson" for one in outcome.layers)
    tables = tuple(f"{one.name}.csv" for one in outcome.tables)
    drawn = (MAP,) if drawing.drawable(outcome, kind) else ()
    return (*drawn, PACKAGE, *layers, *tables, CERTIFICATE, WHOLE)


def write(outcome: Outcome, name: str, kind: StudyKind | None) -> tuple[bytes, str]:
    """(content, media type) of one of them. It may take a second: call it in a thread. Raises: NotFound."""
    made: dict[str, Callable[[], tuple[bytes, str]]] = {
        PACKAGE: lambda: (_package(outcome), writers.MEDIA["gpkg"]),
        CERTIFICATE: lambda: (_pretty(outcome.certificate), _JSON),
        WHOLE: lambda: (_pretty(outcome), _JSON),
    }
    made |= {f"{one.name}.csv": partial(_csv, one) for one in outcome.tables}
    made |= {f"{one.name}.geojson": partial(_geojson, one, outcome.credits) for one in outcome.layers}
    if name == MAP and (drawn := drawing.draw(outcome, kind)) is not None:
        return drawing.svg(drawn, drawing.keys(kind), outcome.credits).encode(), "image/svg+xml"
    if name not in made:
        raise NotFound(f"there is no file {name[:60]!r}.", field="name", remedy=f"One of: {', '.join(made)}.")
    return made[name]()


def heading(column: Column) -> str:
    """A column's name with its unit, such as `demand_Mbit/s`; counts have none."""
    symbol = lookup(column.unit).symbol if column.unit else ""
    return f"{column.name} ({symbol})" if symbol else column.name


def _pretty(value: msgspec.Struct) -> bytes:
    return msgspec.json.format(msgspec.json.encode(value), indent=1)


def _csv(table: Table) -> tuple[bytes, str]:
    lines = writers.csv_lines([heading(c) for c in table.columns], table.rows, bom=True)
    return b"".join(lines), writers.MEDIA["csv"]


def _geojson(layer: Layer, credits: Sequence[str]) -> tuple[bytes, str]:
    return msgspec.json.encode(collection(layer.features, credits)), writers.MEDIA["geojson"]


def _package(outcome: Outcome) -> bytes:
    """Every layer that has features, in longitude and latitude of WGS 84."""
    with tempfile.TemporaryDirectory(prefix="province-study-") as folder:
        path = Path(folder) / PACKAGE
        for layer in outcome.layers:
            if layer.features:
                _add(path, layer, outcome.credits)
        return path.read_bytes() if path.exists() else b""


def _add(path: Path, layer: Layer, credits: Sequence[str]) -> None:
    columns: dict[str, Any] = {"id": pa.array([f.id for f in layer.features], pa.string())}
    for name in dict.fromkeys(n for f in layer.features for n in f.properties):
        values = [f.properties.get(name) for f in layer.features]
        numbers = all(v is None or (isinstance(v, int | float) and not isinstance(v, bool)) for v in values)
        columns[name] = (
            pa.array([None if v is None else float(v) for v in values], pa.float64())
            if numbers
            else pa.array([None if v is None else str(v) for v in values], pa.string())
        )
    shapes = [None if f.geometry is None else shapely.to_wkb(_shape(f.geometry)) for f in layer.features]
    writers.write_gpkg(path, layer.name, pa.table(columns), shapes, crs="EPSG:4326", append=path.exists(),
                       credit="; ".join(credits))  # fmt: skip


def _shape(geometry: Mapping[str, Any]) -> Any:
    return shapely.from_geojson(msgspec.json.encode(geometry))
