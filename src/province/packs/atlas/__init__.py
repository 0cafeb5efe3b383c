"""Row III.1: the shared ground of facts."""

from province.packs.atlas.pack import PACK

__all__ = ["PACK"]
