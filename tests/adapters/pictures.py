"""Pictures made on the spot."""

from __future__ import annotations

import io
from collections.abc import AsyncIterator
from typing import Any

from PIL import Image

GPS_MARK = b"SECRET-PLACE"


def picture(format: str = "JPEG", size: tuple[int, int] = (640, 480), mode: str = "RGB", **options: Any) -> bytes:
    """A gradient: it compresses like a photo, not like one colour."""
    image = Image.linear_gradient("L").resize(size).convert(mode)
    out = io.BytesIO()
    image.save(out, format, **options)
    return out.getvalue()


def phone_photo(size: tuple[int, int] = (4000, 3000), orientation: int = 6) -> bytes:
    """A JPEG as a telephone makes it: lying on its side, with place, device and comment."""
    exif = Image.Exif()
    exif[0x0112] = orientation
    exif[0x010F] = "SECRET-MAKER"
    exif.get_ifd(0x8825)[29] = GPS_MARK.decode()
    return picture(size=size, exif=exif, comment=b"SECRET-COMMENT", xmp=b"<x>SECRET-XMP</x>")


async def stream(content: bytes, size: int = 60_000) -> AsyncIterator[bytes]:
    for start in range(0, len(content), size):
        yield content[start : start + size]
