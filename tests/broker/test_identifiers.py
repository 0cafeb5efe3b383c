"""Names, telephones and mail addresses are found as people write them, in Python and in PostgreSQL alike."""

from __future__ import annotations

import pytest

from province.broker.database import Pool
from province.broker.identifiers import any_of, identifier, kinds_in


@pytest.mark.parametrize(
    ("held", "written", "kind"),
    [
        ("0912345678", "gọi 0912 345 678 sau 17h", "phone"),
        ("0912 345 678", "ĐT: (+84) 912-345-678.", "phone"),
        ("+84912345678", "0912.345.678", "phone"),
        ("Nguyễn Thị Ánh", "chị NGUYỄN THỊ ÁNH đã tới", "name"),
        ("Nguyễn Thị Ánh", "gap chi nguyen thi anh", "name"),
        ("Nguyễn  Thị Ánh", "bà Nguyễn   Thị Ánh", "name"),
        ("anh.nt@example.vn", "thư tới ANH.NT@example.vn nhé", "mail"),
        ("12/3 Yersin (hẻm 5)", "nhà 12/3 yersin (hẻm 5), cửa xanh", "other"),
    ],
)
async def test_what_people_write_is_found(migrated: Pool, held: str, written: str, kind: str) -> None:
    one = identifier(held)
    assert one is not None
    assert one.kind == kind
    assert kinds_in(written, [one]) == (kind,)
    assert await migrated.fetchval("SELECT $1::text ~* $2::text", written, any_of([one]))


@pytest.mark.parametrize(
    ("held", "written"),
    [
        ("0912345678", "mã 109123456789"),
        ("0912345678", "0912345679"),
        ("Nguyễn Thị Ánh", "Nguyễn Thị Hoa"),
        ("anh.nt@example.vn", "anhXnt@example.vn"),
    ],
)
async def test_what_only_looks_like_it_is_not(migrated: Pool, held: str, written: str) -> None:
    one = identifier(held)
    assert one is not None
    assert kinds_in(written, [one]) == ()
    assert not await migrated.fetchval("SELECT $1::text ~* $2::text", written, any_of([one]))


@pytest.mark.parametrize(
    "text", ["An", "a" * 64, "urn:ngsi-ld:Lamp:1", "0d9c2f0e-6a0b-4f5e-9d3a-2f6b0c1d2e3f", "x" * 300]
)
def test_ids_hashes_and_scraps_are_none(text: str) -> None:
    assert identifier(text) is None
