"""Row II.3: undergrounding of cables."""

from province.packs.ducts.pack import PACK

__all__ = ["PACK"]
