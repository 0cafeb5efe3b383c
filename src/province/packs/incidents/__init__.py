"""Rows III.2a and III.2b: incidents, their procedures, the duty room, centres for an area."""

from province.packs.incidents.pack import PACK

__all__ = ["PACK"]
