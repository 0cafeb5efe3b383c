"""Row III.2e: citizens' reports."""

from province.packs.reports.pack import PACK

__all__ = ["PACK"]
