"""Photos: without place, time, device or any other metadata. A preview is made when somebody first looks at one.

A JPEG as telephones make it is copied without its metadata, once it could be decoded to its end; any other picture, and
what is larger than is needed, is decoded, turned upright, shrunk to 2048 px and encoded anew.
"""

from __future__ import annotations

import asyncio
import io
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Final

import msgspec
from PIL import Image, ImageCms, ImageOps

from province.adapters import jpeg, media
from province.adapters.files import FileStore, StoredFile
from province.errors import RateLimited
from province.identity import policy
from province.model.actor import Actor

LONGEST_PX: Final = 2048
ENOUGH_PX: Final = 1600
"""A JPEG is decoded at half its size or less where the longer side keeps so many: a phone photo costs a third."""
COPIED_BYTES: Final = 4 * 1024**2
COPIED_PIXELS: Final = 16_500_000
"""A JPEG up to these limits is kept at its size; larger ones are shrunk."""
PREVIEW_PX: Final = 640
_CHECK_PX: Final = 320
_ORIENTATION: Final = 0x0112
_SIDEWAYS: Final = 5
"""From this orientation on width and height change places."""
_QUALITY = 85
_JPEG: Final = "image/jpeg"


class Photo(msgspec.Struct, frozen=True, kw_only=True):
    """A cleaned photo as JPEG. width, height: as it is shown, px."""

    full: bytes
    width: int
    height: int


class StoredPhoto(msgspec.Struct, frozen=True, kw_only=True):
    """A photo in the file store."""

    full: StoredFile
    width: int
    height: int


class Photos:
    """Cleans photos in threads. at_once: photos decoded at a time (each up to 0.5 GB).  waiting: before refusal."""

    def __init__(self, *, at_once: int = 2, waiting: int = 32) -> None:
        self._turn = asyncio.Semaphore(at_once)
        self._room = at_once + waiting
        self._busy = 0

    async def clean(self, path: Path) -> Photo:
        """Clean the photo in a file. Raises: InvalidInput with field `file`; RateLimited when too many wait."""
        if self._busy >= self._room:
            raise RateLimited("Too many photos at once.", retry_after_s=5.0, remedy="Send it again in a moment.")
        self._busy += 1
        try:
            async with self._turn:
                return await asyncio.to_thread(clean, path)
        finally:
            self._busy -= 1

    async def store(
        self, store: FileStore, actor: Actor, chunks: AsyncIterator[bytes], *, name: str, public: bool = False
    ) -> StoredPhoto:
        """Receive, clean and keep a photo; the bytes that were sent are not kept. Raises: as `clean` and `store`."""
        if not public:
            policy.require_somewhere(actor, "file.create")
        async with store.receive(chunks, durable=False) as (path, _, _):
            photo = await self.clean(path)
        stem = name.rpartition(".")[0] or name
        full = await store.store(actor, _once(photo.full), name=f"{stem}.jpg", public=public, known=_JPEG)
        return StoredPhoto(full=full, width=photo.width, height=photo.height)

    async def preview(self, store: FileStore, file: StoredFile) -> bytes:
        """A photo small enough for a list, as JPEG: made the first time, kept beside the photo. Raises: InvalidInput"""
        kept = store.preview_path(file)
        try:
            return await asyncio.to_thread(kept.read_bytes)
        except FileNotFoundError:
            async with self._turn:
                small = await asyncio.to_thread(preview, store.path(file))
            await store.keep_preview(file, small)
            return small


def clean(path: Path) -> Photo:
    """A photo without its metadata. Blocks. Raises: InvalidInput, field `file`."""
    with media.open_image(path) as image:
        return _copy(path, image) or _anew(image)


def preview(path: Path) -> bytes:
    """A stored photo at no more than 640 px. Blocks. Raises: InvalidInput, field `file`."""
    with media.open_image(path) as image:
        media.load(image, enough=PREVIEW_PX)
        try:
            pixels = _flatten(ImageOps.exif_transpose(image))
            pixels.thumbnail((PREVIEW_PX, PREVIEW_PX), Image.Resampling.LANCZOS, reducing_gap=2.0)
            return _encode(pixels)
        except media.BROKEN as error:
            raise media.broken(error) from None


def _copy(path: Path, image: Image.Image) -> Photo | None:
    """The picture of a JPEG byte by byte, once it was decoded to its end; None for what has to be encoded anew."""
    pixels, orientation = image.width * image.height, _orientation(image)
    if image.format != "JPEG" or pixels > COPIED_PIXELS or path.stat().st_size > COPIED_BYTES:
        return None
    found = jpeg.bare(path.read_bytes(), orientation)
    if found is None:
        return None
    try:
        with Image.open(io.BytesIO(found.content), formats=("JPEG",)) as copy:
            media.load(copy, enough=_CHECK_PX)
    except media.BROKEN as error:
        raise media.broken(error) from None
    width, height = found.width, found.height
    return Photo(
        full=found.content,
        width=height if orientation >= _SIDEWAYS else width,
        height=width if orientation >= _SIDEWAYS else height,
    )


def _orientation(image: Image.Image) -> int:
    """How the picture is to be turned, 1…8; 1 where nothing that can be read says so."""
    try:
        found = image.getexif().get(_ORIENTATION, 1)
    except media.BROKEN:
        return 1
    return found if isinstance(found, int) and 1 <= found <= 8 else 1


def _anew(image: Image.Image) -> Photo:
    """Decode, turn upright, shrink and encode anew: only pixels pass."""
    media.load(image, enough=ENOUGH_PX)
    try:
        upright = ImageOps.exif_transpose(image)
        pixels = _flatten(_to_srgb(upright))
        pixels.thumbnail((LONGEST_PX, LONGEST_PX), Image.Resampling.LANCZOS, reducing_gap=2.0)
        return Photo(full=_encode(pixels), width=pixels.width, height=pixels.height)
    except media.BROKEN as error:
        raise media.broken(error) from None


def _to_srgb(image: Image.Image) -> Image.Image:
    """Colours as a browser shows them without the profile, which is metadata too and leaves with the rest."""
    profile = image.info.get("icc_profile")
    if not profile or image.mode not in ("RGB", "RGBA", "CMYK"):
        return image
    mode = "RGBA" if image.mode == "RGBA" else "RGB"
    try:
        source = ImageCms.ImageCmsProfile(io.BytesIO(profile))
        converted = ImageCms.profileToProfile(image, source, ImageCms.createProfile("sRGB"), outputMode=mode)
    except (ImageCms.PyCMSError, OSError, ValueError, TypeError):
        # A broken profile says nothing about the colours: they are taken as they are.
        return image
    return image if converted is None else converted


def _flatten(image: Image.Image) -> Image.Image:
    if image.mode.startswith("I;16"):
        image = image.point(lambda value: value / 256).convert("L")
    if image.mode in ("RGBA", "LA", "PA") or "transparency" in image.info:
        with_alpha = image.convert("RGBA")
        ground = Image.new("RGB", image.size, "white")
        ground.paste(with_alpha, mask=with_alpha.getchannel("A"))
        return ground
    # A new image of the pixels alone: nothing that hangs on the opened one comes along.
    plain = Image.new("RGB", image.size)
    plain.paste(image.convert("RGB"))
    return plain


def _encode(image: Image.Image) -> bytes:
    out = io.BytesIO()
    image.save(out, "JPEG", quality=_QUALITY)
    return out.getvalue()


async def _once(content: bytes) -> AsyncIterator[bytes]:
    yield content
