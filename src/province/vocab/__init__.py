"""Entity types that two or more packs share."""

from __future__ import annotations

from typing import Final

from province.model.schema import Record
from province.vocab.agency import Agency
from province.vocab.area import Area
from province.vocab.asset import Asset
from province.vocab.park import IndustrialPark
from province.vocab.person import Person
from province.vocab.road import Road
from province.vocab.waterway import Waterway

TYPES: Final[tuple[type[Record], ...]] = (Area, Agency, Asset, IndustrialPark, Person, Road, Waterway)
"""Every shared type; the composition root registers them before those of the packs."""

__all__ = ["TYPES", "Agency", "Area", "Asset", "IndustrialPark", "Person", "Road", "Waterway"]
