"""What a file is, by its content: the name and the type that a sender claims are not believed."""

from __future__ import annotations

import codecs
import re
import struct
import zlib
from pathlib import Path
from typing import Final

from PIL import Image

from province.errors import InvalidInput

ALLOWED: Final = ("image/jpeg", "image/png", "image/webp", "application/pdf", "text/plain", "text/csv")
JPEG_PIXELS: Final = 80_000_000
OTHER_PIXELS: Final = 40_000_000
"""A JPEG is decoded at reduced size; PNG and WebP need up to four bytes per pixel of memory."""

BROKEN: Final = (
    Image.DecompressionBombError,
    Image.DecompressionBombWarning,
    OSError,
    SyntaxError,
    ValueError,
    TypeError,
    KeyError,
    IndexError,
    OverflowError,
    EOFError,
    MemoryError,
    struct.error,
    zlib.error,
)
"""All that Pillow's decoders raise for mutilated images."""

_CONTROL = re.compile(r"[\x00-\x08\x0b\x0e-\x1f\x7f]")
_FORMATS = {"image/jpeg": "JPEG", "image/png": "PNG", "image/webp": "WEBP"}
_REMEDY = "Send a JPEG, PNG or WebP image, a PDF, or text or CSV in UTF-8."


def detect(path: Path) -> str:
    """The media type of a file, one of `ALLOWED`, checked as deep as is needed to serve it.

    Images are decoded in full. Raises: InvalidInput with field `file` for everything else. Blocks: call it in a thread.
    """
    with path.open("rb") as file:
        head = file.read(1024)
    if not head:
        raise InvalidInput("The file is empty.", field="file", remedy=_REMEDY)
    media_type = _by_magic(head)
    if media_type is None:
        return _text(path)
    if media_type == "application/pdf":
        _check_pdf(path)
        return media_type
    with open_image(path, media_type) as image:
        load(image)
    return media_type


def open_image(path: Path, media_type: str | None = None) -> Image.Image:
    """Open an image of an allowed format whose pixels are within the limit; nothing is decoded yet.

    Raises: InvalidInput with field `file`.
    """
    if media_type is None:
        with path.open("rb") as file:
            media_type = _by_magic(file.read(16))
    if media_type not in _FORMATS:
        raise InvalidInput("The file is no image.", field="file", remedy="Send a JPEG, PNG or WebP image.")
    try:
        image = Image.open(path, formats=(_FORMATS[media_type],))
    except BROKEN as error:
        raise broken(error) from None
    limit = JPEG_PIXELS if media_type == "image/jpeg" else OTHER_PIXELS
    if image.width * image.height > limit:
        size = f"{image.width} × {image.height}"
        image.close()
        raise InvalidInput(
            f"The image has {size} pixels; at most {limit // 1_000_000} million are accepted.",
            field="file",
            remedy="Make it smaller and send it again.",
        )
    # Phones add a preview to a JPEG as a second picture; an animated PNG or WebP is no photo.
    if media_type != "image/jpeg" and getattr(image, "is_animated", False):
        image.close()
        raise InvalidInput("The image is animated.", field="file", remedy="Send a still picture.")
    return image


def load(image: Image.Image, *, enough: int = 1024) -> None:
    """Decode an opened image to the end of its data, a JPEG at no more than the size needed for the longer side.

    Raises: InvalidInput.
    """
    try:
        longest = max(image.size)
        if longest > enough:
            image.draft("RGB", (image.width * enough // longest, image.height * enough // longest))
        image.load()
    except BROKEN as error:
        raise broken(error) from None


def broken(error: BaseException) -> InvalidInput:
    """The error for an image that cannot be decoded."""
    return InvalidInput(
        f"The image is damaged ({type(error).__name__}).", field="file", remedy="Take or export it again and resend."
    )


def _by_magic(head: bytes) -> str | None:
    if head.startswith(b"\xff\xd8\xff"):
        return "image/jpeg"
    if head.startswith(b"\x89PNG\r\n\x1a\n"):
        return "image/png"
    if head[:4] == b"RIFF" and head[8:12] == b"WEBP":
        return "image/webp"
    if head.startswith(b"%PDF-"):
        return "application/pdf"
    return None


def _check_pdf(path: Path) -> None:
    with path.open("rb") as file:
        file.seek(max(0, path.stat().st_size - 2048))
        tail = file.read()
    if b"%%EOF" not in tail:
        raise InvalidInput("The PDF ends before its end mark.", field="file", remedy="Export it again and resend.")


def _text(path: Path) -> str:
    decoder = codecs.getincrementaldecoder("utf-8-sig")()
    sample = ""
    with path.open("rb") as file:
        while True:
            block = file.read(1 << 16)
            try:
                text = decoder.decode(block, final=not block)
            except UnicodeDecodeError:
                raise InvalidInput(
                    "The file is of a kind that is not accepted.", field="file", remedy=_REMEDY
                ) from None
            if _CONTROL.search(text):
                raise InvalidInput("The file is of a kind that is not accepted.", field="file", remedy=_REMEDY)
            if len(sample) < 1 << 16:
                sample += text
            if not block:
                break
    lines = [line for line in sample.splitlines()[:20] if line.strip()]
    for delimiter in ",;\t":
        columns = {_separators(line, delimiter) for line in lines}
        if len(lines) >= 2 and len(columns) == 1 and columns != {0}:
            return "text/csv"
    return "text/plain"


def _separators(line: str, delimiter: str) -> int:
    # Outside double quotes only; a quoted line break makes the counts differ, and the file is then served as text.
    return sum(part.count(delimiter) for part in line.split('"')[::2])
