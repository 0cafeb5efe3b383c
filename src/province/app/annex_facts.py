"""Reads the plan's tables (`data/binh-duong/annex-*.csv`) into changes; every row names a source of `sources.yaml`."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from province.model.change import Change
from province.packs.plan.facts import TABLES, Credit, changes, records
from province.territory.rows import read_rows, read_sources, words
from province.vocab.agency import Agency


def load(folder: Path, agencies: Iterable[Agency]) -> list[Change]:
    """The changes that bring the plan in. Raises: ConfigurationError naming file and row."""
    credits = {
        name: Credit(
            source=" ".join(source.title_vi.split()) or words(source),
            source_en=words(source),
            date=source.date.isoformat(),
            confirmed=source.confidence == "read",
        )
        for name, source in read_sources(folder).items()
    }
    tables = {name: read_rows(folder / f"annex-{name}.csv") for name in TABLES}
    return changes(records(tables, credits, agencies))
