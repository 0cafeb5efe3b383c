"""Vietnamese text from before Unicode: TCVN3 (ABC) and VNI, recognised and turned into Unicode.

Both stand in files as if they were Western European (cp1252): `Thñ DÇu Mét` and `Thuû Daàu Moät` are Thủ Dầu Một. They
are met as bytes of old files and, more often, as letters of a spreadsheet whose font hid what they were.

TCVN3 keeps capitals only for ă â ê ô ơ ư đ; its other capitals were a matter of the font, so they come back small.
Source: TCVN 5712:1993, table VN3; VNI Software, VNI for Windows.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Mapping
from typing import Final, Literal

Legacy = Literal["tcvn3", "vni"]

_TCVN3_BYTES: Final = (
    (0xA1, "ĂÂÊÔƠƯĐăâêôơưđ"), (0xB5, "àảãáạ"), (0xBB, "ằẳẵắ"), (0xC6, "ặầẩẫấậè"), (0xCE, "ẻẽéẹềểễếệìỉ"), (0xDC, "ĩíịò"),
    (0xE1, "ỏõóọồổỗốộờởỡớợù"), (0xF1, "ủũúụừửữứựỳỷỹýỵ"),
)  # fmt: skip
_VNI_LETTERS: Final[Mapping[str, str]] = {
    "a": "aù á aø à aû ả aõ ã aï ạ aâ â aá ấ aà ầ aå ẩ aã ẫ aä ậ aê ă aé ắ aè ằ aú ẳ aü ẵ aë ặ",
    "e": "eù é eø è eû ẻ eõ ẽ eï ẹ eâ ê eá ế eà ề eå ể eã ễ eä ệ",
    "i": "í í ì ì æ ỉ ó ĩ ò ị",
    "o": "où ó oø ò oû ỏ oõ õ oï ọ oâ ô oá ố oà ồ oå ổ oã ỗ oä ộ ô ơ ôù ớ ôø ờ ôû ở ôõ ỡ ôï ợ",
    "u": "uù ú uø ù uû ủ uõ ũ uï ụ ö ư öù ứ öø ừ öû ử öõ ữ öï ự",
    "y": "yù ý yø ỳ yû ỷ yõ ỹ î ỵ",
    "d": "ñ đ",
}


def _tcvn3() -> dict[int, str]:
    found: dict[int, str] = {}
    for first, letters in _TCVN3_BYTES:
        for i, letter in enumerate(letters):
            # Bytes that cp1252 gives a letter of its own lie below 0xA0; from 0xA0 on the code is the byte.
            found[first + i] = letter
    return found


def _vni() -> dict[str, str]:
    found: dict[str, str] = {}
    for line in _VNI_LETTERS.values():
        parts = line.split()
        for written, letter in zip(parts[::2], parts[1::2], strict=True):
            found[written] = letter
            found[written.upper()] = letter.upper()
            found[written[0].upper() + written[1:]] = letter.upper()  # a capital with a small mark is met too
    return found


TCVN3: Final[Mapping[int, str]] = _tcvn3()
VNI: Final[Mapping[str, str]] = _vni()
_VNI_PATTERN: Final = re.compile("|".join(sorted(map(re.escape, VNI), key=len, reverse=True)))

_ONSET = "ngh|ng|nh|gh|gi|ch|kh|ph|qu|th|tr|b|c|d|đ|g|h|k|l|m|n|p|r|s|t|v|x|"
_NUCLEUS = (
    "oai|oay|oeo|uây|uya|uyê|uyu|iêu|yêu|uôi|ươi|ươu|oao|uơi|ai|ao|au|ay|âu|ây|eo|êu|ia|iê|iu|yê|oa|oă|oe|oi|ôi|ơi|"
    "ua|uâ|uê|uô|ui|uơ|uy|ưa|ươ|ưi|ưu|a|ă|â|e|ê|i|o|ô|ơ|u|ư|y"
)
_SYLLABLE: Final = re.compile(f"(?:{_ONSET})(?:{_NUCLEUS})(?:ch|nh|ng|c|k|m|n|p|t)?")
_TONES: Final = frozenset("\u0300\u0309\u0303\u0301\u0323")
_ENOUGH: Final = 0.6
"""So many of the words with marks must be Vietnamese syllables before a text is changed."""


def decode(text: str, encoding: Legacy) -> str:
    """Legacy text, read as cp1252 or latin-1, in Unicode (NFC)."""
    if encoding == "tcvn3":
        return text.translate(TCVN3)
    return _VNI_PATTERN.sub(lambda found: VNI[found[0]], text)


def detect(texts: Iterable[str]) -> Legacy | None:
    """The encoding in which the texts are good Vietnamese while they are not as they stand; None: leave them alone.

    Decided over all texts of a column together: one short word alone proves nothing.
    """
    words = _marked(texts)
    if not words:
        return None
    best: Legacy | None = None
    plain = _score(words)
    top = plain
    for encoding in ("tcvn3", "vni"):
        score = _score([decode(w, encoding) for w in words])
        if score > top and score >= _ENOUGH:
            best, top = encoding, score
    return best


def share(texts: Iterable[str]) -> float:
    """Which part of the words with marks are Vietnamese syllables; 1 when there are none."""
    words = _marked(texts)
    return _score(words) if words else 1.0


def is_syllable(word: str) -> bool:
    """Whether a word can be one written Vietnamese syllable: its letters in order, at most one tone."""
    letters, tones = [], 0
    for letter in unicodedata.normalize("NFC", word).lower():
        marks = unicodedata.normalize("NFD", letter)
        tones += sum(m in _TONES for m in marks)
        letters.append(unicodedata.normalize("NFC", "".join(m for m in marks if m not in _TONES)))
    plain = "".join(letters)
    if tones > 1 or not _SYLLABLE.fullmatch(plain):
        return False
    # Closed by a stop, a syllable bears only the tones sắc and nặng.
    stopped = plain.endswith(("p", "t", "c", "ch"))
    marks_of = unicodedata.normalize("NFD", word)
    return not (stopped and any(m in marks_of for m in "\u0300\u0309\u0303"))


def _marked(texts: Iterable[str]) -> list[str]:
    return [w for text in texts for w in re.split(r"[\s,.;:()/\"'-]+", text) if not w.isascii()]


def _score(words: list[str]) -> float:
    return sum(is_syllable(w) for w in words) / len(words)
