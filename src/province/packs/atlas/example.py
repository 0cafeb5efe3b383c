"""Figures of a folder of facts: from rows of a table to changes. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from province.errors import ConfigurationError
from province.packs.atlas.types import Figure, quantity
from province.vocab.area import area_id


def figures(rows: Sequence[Mapping[str, str]], credits: Mapping[str, tuple[str, str, str]]) -> list[Figure]:
    """Figures from rows. credits: by name of a source, its words, its day and its confidence.

    Raises: ConfigurationError naming the row, InvalidInput for an unknown unit.
    """
    return [_figure(row, credits) for row in rows]


def _figure(row: Mapping[str, str], credits: Mapping[str, tuple[str, str, str]]) -> Figure:
    code = row["code"]
    if row["source"] not in credits:
        raise ConfigurationError(f"the figure {code!r} has the unknown source {row['source']!r}.", field=code)
    source, day, confidence = credits[row["source"]]
    key, _, start = row["area"].partition(":")
    return Figure(
        id=f"urn:ngsi-ld:Figure:{code}",
        code=code,
        title=row["title"],
        titleEn=row["title_en"],
        quantity=quantity(float(row["value"]), row["unit"]) if row["value"] else None,
        area=area_id(key, start) if key else None,
        asOf=row["as_of"] or None,
        confidence=confidence,
        source=source,
        sourceDate=day,
    )
