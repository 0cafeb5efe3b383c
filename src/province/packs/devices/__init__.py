"""Row II.4: IoT devices."""

from province.packs.devices.pack import PACK

__all__ = ["PACK"]
