"""Photos: re-encoded upright, without place, time, device or any other metadata, at most 2048 px, with a thumbnail."""

from __future__ import annotations

import asyncio
import io
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Final

import msgspec
from PIL import Image, ImageCms, ImageOps

from province.adapters import media
from province.adapters.files import FileStore, StoredFile
from province.errors import RateLimited
from province.identity import policy
from province.model.actor import Actor

LONGEST_PX: Final = 2048
ENOUGH_PX: Final = 1600
"""A JPEG is decoded at half its size or less where the longer side keeps so many: a phone photo costs a third."""
THUMBNAIL_PX: Final = 320
_QUALITY = 85
_JPEG: Final = "image/jpeg"


class Photo(msgspec.Struct, frozen=True, kw_only=True):
    """A cleaned photo and its thumbnail as JPEG. width, height: of the photo, px."""

    full: bytes
    thumbnail: bytes
    width: int
    height: int


class StoredPhoto(msgspec.Struct, frozen=True, kw_only=True):
    """A photo in the file store."""

    full: StoredFile
    thumbnail: StoredFile
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
        async with store.receive(chunks) as (path, _, _):
            photo = await self.clean(path)
        stem = name.rpartition(".")[0] or name
        full = await store.store(actor, _once(photo.full), name=f"{stem}.jpg", public=public, known=_JPEG)
        small = await store.store(actor, _once(photo.thumbnail), name=f"{stem}-320.jpg", public=public, known=_JPEG)
        return StoredPhoto(full=full, thumbnail=small, width=photo.width, height=photo.height)


def clean(path: Path) -> Photo:
    """Decode, turn upright, shrink and encode anew: only pixels pass. Blocks. Raises: InvalidInput, field `file`."""
    with media.open_image(path) as image:
        media.load(image, enough=ENOUGH_PX)
        try:
            upright = ImageOps.exif_transpose(image)
            pixels = _flatten(_to_srgb(upright))
            pixels.thumbnail((LONGEST_PX, LONGEST_PX), Image.Resampling.LANCZOS, reducing_gap=2.0)
            full = _encode(pixels)
            width, height = pixels.size
            pixels.thumbnail((THUMBNAIL_PX, THUMBNAIL_PX), Image.Resampling.LANCZOS, reducing_gap=2.0)
            return Photo(full=full, thumbnail=_encode(pixels), width=width, height=height)
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
