"""Classes of road by which the plan counts cables under the ground (row II.3)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from province.model.label import Label

CLASSES: Final[Mapping[str, Label]] = {
    "national": Label("Quốc lộ, đường vành đai", "National and ring roads"),
    "provincial": Label("Đường tỉnh", "Provincial roads"),
    "district": Label("Đường huyện", "District roads"),
    "urban": Label("Đường đô thị và đường còn lại", "Urban streets and all others"),
}
