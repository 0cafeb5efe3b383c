"""Rows P.0 and P.1: the plan itself, line by line, with what the running system measures of it."""

from province.packs.plan.pack import PACK

__all__ = ["PACK"]
