"""Inter-provincial transmission."""

from province.packs.transmission.pack import PACK

__all__ = ["PACK"]
