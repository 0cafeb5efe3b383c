"""Row III.2b, alerts: CAP 1.2 in and out, prepared and released by people, delivered to all who subscribe."""

from province.packs.alerts.pack import PACK

__all__ = ["PACK"]
