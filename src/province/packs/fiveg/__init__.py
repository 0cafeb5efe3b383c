"""Row II.2: 5G for industrial parks."""

from province.packs.fiveg.pack import PACK

__all__ = ["PACK"]
