"""Parks."""

from province.packs.parks.pack import PACK

__all__ = ["PACK"]
