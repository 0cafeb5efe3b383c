"""Points that a study of the post counts with: those that have a place, in Vietnam; the others are told. Pure."""

from __future__ import annotations

from collections.abc import Iterable

from province.model.label import Label
from province.model.study import Feature, require_in_vietnam, some


def placed(features: Iterable[Feature], layer: str, remarks: list[Label]) -> list[Feature]:
    """Those that have a place; a remark names the others. Raises: InvalidInput for a place elsewhere."""
    found = list(features)
    nowhere = [f.name for f in found if f.geometry is None]
    if nowhere:
        remarks.append(Label(f"{len(nowhere)} điểm chưa có vị trí nên không tính: {some(nowhere)}.",
                             f"{len(nowhere)} points have no place and are left out: {some(nowhere)}."))  # fmt: skip
    there = [f for f in found if f.geometry is not None]
    for feature in there:
        require_in_vietnam(feature, layer)
    return there
