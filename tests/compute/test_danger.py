"""Words of danger: with and without diacritics; what is denied, feared, quoted or long past does not count."""

from __future__ import annotations

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from province.compute.danger import Lexicon, dangers

LEXICON = Lexicon.of(
    {
        "alone": ["cháy nhà", "bị cháy", "hỏa hoạn", "chết người"],
        "peril": ["cháy", "lửa"],
        "now": ["đang", "114"],
        "harmless": ["chữa cháy", "đèn bị cháy"],
        "denied_by": ["không", "nguy cơ"],
        "long_ago": ["năm ngoái"],
        "ambiguous": ["bị cháy", "cháy", "đang"],
    }
)


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("Cháy nhà trong hẻm!", ("cháy nhà",)),
        ("CHAY NHA trong hem", ("cháy nhà",)),
        (unicodedata.normalize("NFD", "Cháy nhà trong hẻm"), ("cháy nhà",)),
        ("Hoả hoạn lớn ở chợ", ("hỏa hoạn",)),
        ("Xe chạy nhà nhà đều thấy", ()),
        ("lửa đang lan", ("lửa",)),
        ("Có lửa. Xe đang chờ", ()),
        ("xe bi chay lac duong o day", ()),
        ("Đèn bị cháy ở đầu hẻm", ()),
        ("Xe chữa cháy đang đậu chắn lối", ()),
        ("Không cháy nhà nào cả", ()),
        ("Không ai giúp, cháy nhà rồi", ("cháy nhà",)),
        ("Đường này có nguy cơ cháy nhà", ()),
        ("Năm ngoái cháy nhà ở đây", ()),
        ("Năm ngoái có ngập. Nay cháy nhà", ("cháy nhà",)),
        ("Tấm bảng “chết người” ở ngã tư bị gãy", ()),
        ("“Chết người rồi”", ("chết người",)),
        ("", ()),
        ("!!! 114", ()),
    ],
)
def test_danger(text: str, found: tuple[str, ...]) -> None:
    assert dangers(text, LEXICON) == found


@given(st.text(max_size=300))
def test_any_text_is_read(text: str) -> None:
    assert set(dangers(text, LEXICON)) <= {*LEXICON.alone, *LEXICON.peril}
