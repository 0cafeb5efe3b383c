from __future__ import annotations

import io
import random
import struct
import zlib
from collections.abc import Callable
from pathlib import Path

import pytest
from PIL import Image

from province.adapters import media, photo
from province.adapters.files import FileStore
from province.errors import InvalidInput
from province.identity.audit import Connection, Pool
from province.model.actor import anonymous
from tests.adapters.pictures import GPS_MARK, phone_photo, picture, stream


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "upload"


def test_nothing_but_pixels_passes(file: Path) -> None:
    sent = phone_photo()
    assert GPS_MARK in sent
    assert b"SECRET-COMMENT" in sent
    file.write_bytes(sent)
    cleaned = photo.clean(file)
    for out in (cleaned.full, cleaned.thumbnail):
        assert b"SECRET" not in out
        with Image.open(io.BytesIO(out)) as image:
            assert not image.getexif()
            assert set(image.info) <= {
                "jfif",
                "jfif_version",
                "jfif_unit",
                "jfif_density",
                "progressive",
                "progression",
            }


def test_photos_stand_upright_and_shrink(file: Path) -> None:
    file.write_bytes(phone_photo(size=(4000, 3000), orientation=6))
    cleaned = photo.clean(file)
    assert (cleaned.width, cleaned.height) == (1500, 2000)
    with Image.open(io.BytesIO(cleaned.full)) as image:
        assert image.size == (1500, 2000)
        # The gradient runs from dark (top) to bright; turned by 90° it runs from right to left.
        assert image.convert("L").getpixel((1480, 1000)) < image.convert("L").getpixel((20, 1000))
    with Image.open(io.BytesIO(cleaned.thumbnail)) as image:
        assert image.size == (240, 320)


def test_small_photos_are_not_blown_up(file: Path) -> None:
    file.write_bytes(picture(size=(100, 50)))
    cleaned = photo.clean(file)
    assert (cleaned.width, cleaned.height) == (100, 50)


@pytest.mark.parametrize(
    ("format", "mode"),
    [
        ("JPEG", "L"),
        ("JPEG", "CMYK"),
        ("PNG", "1"),
        ("PNG", "P"),
        ("PNG", "LA"),
        ("PNG", "RGBA"),
        ("PNG", "I;16"),
        ("WEBP", "RGBA"),
    ],
)
def test_every_colour_model_becomes_a_plain_photo(file: Path, format: str, mode: str) -> None:
    if mode == "I;16":
        image = Image.new("I;16", (40, 40), 32768)
        image.save(file, format)
    else:
        file.write_bytes(picture(format, mode=mode))
    cleaned = photo.clean(file)
    with Image.open(io.BytesIO(cleaned.full)) as image:
        assert image.format == "JPEG"
        assert image.mode == "RGB"
        if mode == "I;16":
            assert abs(image.getpixel((20, 20))[0] - 128) < 4


def test_what_is_transparent_becomes_white(file: Path) -> None:
    Image.new("RGBA", (50, 50), (255, 0, 0, 0)).save(file, "PNG")
    with Image.open(io.BytesIO(photo.clean(file).full)) as image:
        assert min(image.getpixel((25, 25))) > 250


def _png(width: int, height: int) -> bytes:
    """A PNG that claims a size and holds almost no data."""

    def chunk(kind: bytes, body: bytes) -> bytes:
        return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))

    head = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", zlib.compress(b"0")) + chunk(b"IEND", b"")


@pytest.mark.parametrize("size", [(50_000, 50_000), (9_500, 9_500), (7_000, 7_000), (2**31 - 1, 2**31 - 1), (0, 10)])
def test_bombs_are_refused_before_they_are_decoded(file: Path, size: tuple[int, int]) -> None:
    file.write_bytes(_png(*size))
    with pytest.raises(InvalidInput) as caught:
        photo.clean(file)
    assert caught.value.field == "file"


def test_an_animation_is_no_photo(file: Path) -> None:
    frames = [Image.new("RGB", (20, 20), c) for c in ("red", "blue")]
    frames[0].save(file, "PNG", save_all=True, append_images=frames[1:])
    with pytest.raises(InvalidInput, match="animated"):
        photo.clean(file)


def _refusal(read: Callable[[Path], object], file: Path) -> list[InvalidInput]:
    """The refusal, if any; any other error fails the test."""
    try:
        read(file)
    except InvalidInput as error:
        return [error]
    return []


# Pillow warns of damaged metadata, which is dropped anyway.
@pytest.mark.filterwarnings("ignore::UserWarning:PIL")
@pytest.mark.parametrize("format", ["JPEG", "PNG", "WEBP"])
def test_mutilated_photos_give_a_named_error_and_nothing_else(file: Path, format: str) -> None:
    whole = phone_photo(size=(200, 150)) if format == "JPEG" else picture(format, size=(200, 150))
    draw = random.Random(format)
    refusals: list[InvalidInput] = []
    for _ in range(150):
        broken = bytearray(whole)
        for _ in range(draw.randint(1, 8)):
            broken[draw.randrange(12, len(broken))] = draw.randrange(256)
        if draw.random() < 0.3:
            del broken[draw.randrange(16, len(broken)) :]
        file.write_bytes(broken)
        refusals += [*_refusal(photo.clean, file), *_refusal(media.detect, file)]
    assert len(refusals) > 40
    assert all(error.field == "file" and error.remedy for error in refusals)


def test_other_files_are_no_photos(file: Path) -> None:
    for content in (b"", b"%PDF-1.7", b"hello", b"GIF89a"):
        file.write_bytes(content)
        with pytest.raises(InvalidInput, match="no image"):
            photo.clean(file)


async def test_a_photo_is_stored_clean(pool: Pool, tmp_path: Path, tenant: str, conn: Connection) -> None:
    store = FileStore(tmp_path / "files", pool, quota=10_000_000)
    sent = phone_photo(size=(1200, 900))
    kept = await photo.Photos().store(store, anonymous(tenant), stream(sent), name="IMG_1.HEIC.jpg", public=True)
    assert kept.full.name == "IMG_1.HEIC.jpg"
    assert kept.thumbnail.name == "IMG_1.HEIC-320.jpg"
    assert (kept.width, kept.height) == (900, 1200)
    everything = b"".join(p.read_bytes() for p in (tmp_path / "files").rglob("*") if p.is_file())
    assert b"SECRET" not in everything
    assert await conn.fetchval("SELECT count(*) FROM file WHERE tenant = $1", tenant) == 2
