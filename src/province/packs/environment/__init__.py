"""Row III.3d: resources and environment."""

from province.packs.environment.pack import PACK

__all__ = ["PACK"]
