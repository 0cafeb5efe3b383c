"""What all cases share: tasks, and the calendars by which their clocks run."""

from province.packs.cases.pack import PACK

__all__ = ["PACK"]
