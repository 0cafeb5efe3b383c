"""Planning studies of every kind."""

from province.packs.studies.pack import PACK

__all__ = ["PACK"]
