"""Tables of a folder of facts: rows of CSV, and the sources that each row names."""

from __future__ import annotations

import csv
from collections.abc import Mapping
from datetime import date
from pathlib import Path
from typing import Any, Literal

import msgspec
import yaml

from province.errors import ConfigurationError
from province.model.change import Change
from province.model.document import read_yaml
from province.model.geometry import Geometry
from province.model.record import attributes
from province.model.schema import Record, describe

Row = Mapping[str, str]


class Source(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What a row stands on. confidence: `read` in a public source, `general` knowledge, or an `estimate`.

    title_vi: the title in Vietnamese, when there is one.
    """

    title: str
    title_vi: str = ""
    date: date
    confidence: Literal["read", "general", "estimate"]


def read_rows(path: Path) -> list[Row]:
    """The rows of a table by column name, without blanks around a value. Raises: ConfigurationError."""
    try:
        with path.open(encoding="utf-8", newline="") as file:
            rows: list[Row] = [{k: (v or "").strip() for k, v in row.items() if k} for row in csv.DictReader(file)]
    except OSError as error:
        raise ConfigurationError(f"cannot read {path.name}: {error.strerror}.", field=str(path)) from None
    if not rows:
        raise ConfigurationError(f"{path.name} has no rows.", field=str(path))
    return rows


def read_sources(folder: Path) -> dict[str, Source]:
    """`sources.yaml` of the folder. Raises: ConfigurationError."""
    path = folder / "sources.yaml"
    try:
        return msgspec.convert(read_yaml(path.read_text("utf-8")), dict[str, Source])
    except (OSError, yaml.YAMLError, ValueError) as error:  # msgspec's and a day that does not exist are ValueErrors
        raise ConfigurationError(f"{error}", field=str(path)) from None


def find_source(sources: Mapping[str, Source], name: str, path: Path) -> Source:
    """The source that a row of `path` names. Raises: ConfigurationError."""
    source = sources.get(name)
    if source is None:
        raise ConfigurationError(
            f"source {name!r} is unknown.",
            field=str(path),
            remedy=f"Describe it in sources.yaml: {', '.join(sources)}.",
        )
    return source


def credit(sources: Mapping[str, Source], name: str, path: Path) -> dict[str, Any]:
    """The fields `source` and `sourceDate` of a record. Raises: ConfigurationError."""
    source = find_source(sources, name, path)
    return {"source": words(source), "sourceDate": source.date.isoformat()}


def words(source: Source) -> str:
    """The title of a source on one line."""
    return " ".join(source.title.split())


def line(text: str, path: Path) -> list[list[float]]:
    """Positions from `lon lat;lon lat`. Raises: ConfigurationError."""
    try:
        positions = [[float(number) for number in pair.split()] for pair in text.split(";")]
    except ValueError:
        positions = []
    if len(positions) < 2 or any(len(p) != 2 for p in positions):
        raise ConfigurationError(
            f"{text[:60]!r} is not a line.", field=str(path), remedy="Write lon lat;lon lat with two places or more."
        )
    return positions


def line_string(text: str, path: Path) -> Geometry:
    """A GeoJSON LineString. Raises: ConfigurationError."""
    return {"type": "LineString", "coordinates": line(text, path)}


def polygon(text: str, path: Path) -> Geometry:
    """A GeoJSON Polygon from one ring that ends where it begins. Raises: ConfigurationError."""
    ring = line(text, path)
    if len(ring) < 4 or ring[0] != ring[-1]:
        raise ConfigurationError(
            f"the ring {text[:60]!r} is not closed.", field=str(path), remedy="End it with its first place."
        )
    return {"type": "Polygon", "coordinates": [ring]}


def upsert(record: Record, *, agency: str | None = None) -> Change:
    """A change that brings a fact in where it is missing. What somebody has written since is kept.

    So a boundary that was imported, or a figure that was confirmed, outlives the next start with the example.
    """
    return Change(
        op="upsert",
        id=record.id,
        type=describe(type(record)).name,
        attrs=attributes(record, origin="imported"),
        style="fill",
        agency=agency,
    )
