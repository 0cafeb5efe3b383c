"""Entity types that two or more packs share."""

from __future__ import annotations

from typing import Final

from province.model.schema import Record
from province.vocab.agency import Agency
from province.vocab.area import Area
from province.vocab.asset import Asset
from province.vocab.person import Person
from province.vocab.transfer import DataImport

TYPES: Final[tuple[type[Record], ...]] = (Area, Agency, Asset, Person, DataImport)
"""Every shared type; the composition root registers them before those of the packs."""

__all__ = ["TYPES", "Agency", "Area", "Asset", "DataImport", "Person"]
