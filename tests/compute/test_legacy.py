"""Vietnamese from before Unicode: recognised, turned into Unicode, and Unicode left alone."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from province.compute.legacy import TCVN3, VNI, decode, detect, is_syllable

PLACES = (
    "Thủ Dầu Một", "Dĩ An", "Thuận An", "Bến Cát", "Tân Uyên", "Bàu Bàng", "Phú Giáo", "Dầu Tiếng", "Đường tỉnh",
    "Uỷ ban nhân dân phường", "hoà bình", "hòa bình", "khuỷu tay", "nghiêng ngả", "quyển sổ", "giữ gìn", "ngoằn ngoèo",
)  # fmt: skip
TO_TCVN3 = {letter: chr(code) for code, letter in TCVN3.items()}
TO_VNI = {letter: written for written, letter in VNI.items() if written[0].islower() == letter.islower()}


def tcvn3(text: str) -> str:
    return "".join(TO_TCVN3.get(c, c) for c in text)


def vni(text: str) -> str:
    return "".join(TO_VNI.get(c, c) for c in text)


@pytest.mark.parametrize("place", PLACES)
def test_both_encodings_are_recognised(place: str) -> None:
    assert detect([place]) is None, "good Unicode is left alone"
    assert detect([tcvn3(place)]) == "tcvn3"
    assert decode(tcvn3(place), "tcvn3") == place
    assert detect([vni(place)]) == ("vni" if place != "Dĩ An" else None), "Dó is a word: alone it proves nothing"
    assert decode(vni(place), "vni") == place


def test_known_samples() -> None:
    assert decode("Thñ DÇu Mét", "tcvn3") == "Thủ Dầu Một"
    assert decode("Céng hoµ x· héi chñ nghÜa ViÖt Nam", "tcvn3") == "Cộng hoà xã hội chủ nghĩa Việt Nam"
    assert decode("Thuû Daàu Moät", "vni") == "Thủ Dầu Một"
    assert decode("Coäng hoøa xaõ hoäi chuû nghóa Vieät Nam", "vni") == "Cộng hòa xã hội chủ nghĩa Việt Nam"


@pytest.mark.parametrize("text", ["São Paulo", "Zürich", "Málaga, Córdoba", "naïve café", "Łódź", "", "plain ascii"])
def test_other_languages_are_left_alone(text: str) -> None:
    assert detect([text]) is None


@given(st.lists(st.sampled_from(PLACES), min_size=1, max_size=6))
def test_there_and_back(places: list[str]) -> None:
    text = ", ".join(places)
    assert decode(tcvn3(text), "tcvn3") == text
    assert decode(vni(text), "vni") == text


@pytest.mark.parametrize("word", ["nghiêng", "quý", "giữa", "Đắk", "ở", "uống", "khuya", "yêu"])
def test_syllables(word: str) -> None:
    assert is_syllable(word)


@pytest.mark.parametrize("word", ["Thñ", "DÇu", "Moät", "ắàn", "tàt", "straße", "ngk"])
def test_no_syllables(word: str) -> None:
    assert not is_syllable(word)
