"""Row I: the regional postal centre 11."""

from province.packs.post.pack import PACK

__all__ = ["PACK"]
