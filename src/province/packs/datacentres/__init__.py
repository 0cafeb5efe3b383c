"""Datacentres."""

from province.packs.datacentres.pack import PACK

__all__ = ["PACK"]
