from __future__ import annotations

import io
import random
import re
import struct
import zlib
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image, ImageCms

from province.adapters import jpeg, media, photo
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
    small = photo.preview(file)
    for out in (photo.clean(file).full, small, _anew(sent)):
        assert b"SECRET" not in out
        with Image.open(io.BytesIO(out)) as image:
            assert set(image.getexif()) <= {0x0112}, "how it is turned, and nothing else"
            assert set(image.info) <= {
                "dpi",  # 72, which Pillow takes where nothing says so
                "exif",
                "jfif",
                "jfif_version",
                "jfif_unit",
                "jfif_density",
                "progressive",
                "progression",
            }


def _anew(content: bytes) -> bytes:
    """The same photo as one that is not copied: progressive."""
    out = io.BytesIO()
    with Image.open(io.BytesIO(content)) as image:
        image.save(out, "JPEG", progressive=True, exif=image.getexif(), comment=b"SECRET-COMMENT")
    with Image.open(io.BytesIO(out.getvalue())) as image:
        return photo._anew(image).full


def test_a_telephones_photo_is_copied_pixel_by_pixel_and_says_how_it_is_turned(file: Path) -> None:
    sent = phone_photo(size=(400, 300), orientation=6)
    file.write_bytes(sent)
    cleaned = photo.clean(file)
    assert (cleaned.width, cleaned.height) == (300, 400)
    with Image.open(io.BytesIO(sent)) as before, Image.open(io.BytesIO(cleaned.full)) as after:
        assert before.tobytes() == after.tobytes()
        assert after.getexif()[0x0112] == 6


@pytest.mark.parametrize(("attribute", "limit"), [("COPIED_PIXELS", 1000), ("COPIED_BYTES", 1000)])
def test_photos_that_are_too_large_stand_upright_and_shrink(
    file: Path, monkeypatch: pytest.MonkeyPatch, attribute: str, limit: int
) -> None:
    monkeypatch.setattr(photo, attribute, limit)
    file.write_bytes(phone_photo(size=(4000, 3000), orientation=6))
    cleaned = photo.clean(file)
    assert (cleaned.width, cleaned.height) == (1500, 2000)
    with Image.open(io.BytesIO(cleaned.full)) as image:
        assert image.size == (1500, 2000)
        assert not image.getexif()
        # The gradient runs from dark (top) to bright; turned by 90° it runs from right to left.
        assert image.convert("L").getpixel((1480, 1000)) < image.convert("L").getpixel((20, 1000))


def test_a_preview_is_small_and_upright(file: Path) -> None:
    file.write_bytes(phone_photo(size=(4000, 3000), orientation=6))
    with Image.open(io.BytesIO(photo.preview(file))) as image:
        assert image.size == (480, 640)
        assert image.convert("L").getpixel((470, 320)) < image.convert("L").getpixel((5, 320))


def test_what_follows_the_picture_is_left_out(file: Path) -> None:
    """A telephone adds a second picture, or a film; a stranger might add a page."""
    file.write_bytes(picture(size=(60, 40)) + b"<script>SECRET</script>" + phone_photo(size=(60, 40)))
    with Image.open(io.BytesIO(photo.clean(file).full)) as image:
        assert image.size == (60, 40)
        assert b"SECRET" not in photo.clean(file).full


def test_a_colour_profile_is_turned_into_colours(file: Path) -> None:
    """Its colours would be others without the profile: it is encoded anew."""
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    file.write_bytes(picture(size=(60, 40), icc_profile=profile))
    assert jpeg.bare(file.read_bytes()) is None
    with Image.open(io.BytesIO(photo.clean(file).full)) as image:
        assert "icc_profile" not in image.info


@pytest.mark.parametrize("cut", [2, 4, 20, 30, 200, -3])
def test_a_jpeg_that_ends_too_early_is_not_copied(cut: int) -> None:
    whole = picture(size=(60, 40))
    assert jpeg.bare(whole) is not None
    assert jpeg.bare(whole[:cut]) is None


@given(st.binary(max_size=40).map(lambda b: bytes((0xFF, 0xFF, 0x00, 0xD3, 0xD9, 0xC4, 0x17)[one % 7] for one in b)))
def test_coded_data_end_at_the_first_marker_that_is_none_of_theirs(data: bytes) -> None:
    found = re.search(rb"\xff+[\x01-\xcf\xd8-\xfe]", data)
    assert jpeg._scan_end(data, 0) == (found.start() if found else None)


def test_each_byte_is_looked_at_once_whatever_a_stranger_sends() -> None:
    """Two million fill bytes: whoever began anew behind each of them would be at it for a day."""
    whole = picture(size=(60, 40))
    start = whole.index(b"\xff\xda")
    scan = start + 2 + int.from_bytes(whole[start + 2 : start + 4])
    assert jpeg.bare(whole[:scan] + b"\xff" * 2_000_000 + b"\x00" + whole[scan:]) is not None
    assert jpeg.bare(whole[:scan] + b"\xff" * 2_000_000) is None


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
        assert image.mode == ("L" if (format, mode) == ("JPEG", "L") else "RGB"), "grey stays grey"
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
    assert (kept.width, kept.height) == (900, 1200)
    small = await photo.Photos().preview(store, kept.full)
    assert await photo.Photos().preview(store, kept.full) == small
    everything = [p for p in (tmp_path / "files").rglob("*") if p.is_file()]
    assert len(everything) == 2
    assert not any(b"SECRET" in p.read_bytes() for p in everything)
    assert await conn.fetchval("SELECT count(*) FROM file WHERE tenant = $1", tenant) == 1
    assert await store.remove(tenant, [kept.full.sha256]) == 1
    assert not any(p.is_file() for p in (tmp_path / "files").rglob("*"))
