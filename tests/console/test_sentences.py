"""Refusals and sources of the planners' rooms in Vietnamese: each has its words, and is found again when filled in."""

from __future__ import annotations

import re
from collections.abc import Iterator

from province.app.declarations import declarations
from province.console.sentences import SENTENCES, numbered, read, templates, translate
from province.model.parameters import parse
from tests.console.composed import PACKS, SOURCE, composed

_GAP = re.compile(r"\{(\d+)(?::[\w.]+)?\}")


def sources() -> Iterator[str]:
    """The sources of the dated constants on which studies stand."""
    for pack in declarations().packs:
        if pack.name in PACKS:
            names = {name for kind in pack.studies for name in kind.assumptions}
            rows = parse((SOURCE / "packs" / pack.name / "params.yaml").read_text("utf-8"))
            yield from (row.source.strip() for row in rows if row.name in names)


def test_every_sentence_has_its_vietnamese_and_none_is_left_over() -> None:
    found = composed()
    assert found.unreadable == []
    said = {**found.templates, **dict.fromkeys(sources(), "params.yaml")}
    known = {str(m.id): m for m in read(SENTENCES) if m.string and not m.fuzzy}
    assert {text: where for text, where in said.items() if text not in known} == {}
    assert set(known) - set(said) == set()
    for text, message in known.items():
        assert {m[1] for m in _GAP.finditer(text)} == {m[1] for m in _GAP.finditer(message.string)}, text
        assert not re.search(r"\b(the|and|is|of|are|or)\b", re.sub(r"`[^`]*`|“[^”]*”", "", message.string)), text


def test_each_filled_in_is_found_as_itself() -> None:
    for sentence in templates():
        filled = "".join(f"{'' if n == 0 else f'Q{n}x'}{piece}" for n, piece in enumerate(sentence.pieces))
        wanted = _GAP.sub(lambda m: f"Q{m[1]}x", sentence.said)
        assert translate(filled) == wanted, numbered(sentence.pieces)


def test_numbers_and_quotes_are_written_as_vietnamese_writes_them() -> None:
    assert translate("a budget of 1,500,000.5 ha does not reach one parcel: the least needs 2,000 ha.") == (
        "Ngân sách 1.500.000,5 ha không đủ cho một thửa: ít nhất cần 2.000 ha."
    )
    assert translate("row 3: 'a b' is no number.") == "Dòng 3: cột “a b” không phải là số."


def test_a_refusal_inside_another_is_told_too() -> None:
    assert translate("none of 2 variants could be computed; the first: Give a larger square.") == (
        "Không biến thể nào trong 2 biến thể tính được; biến thể đầu: Chọn ô lớn hơn."
    )


def test_what_no_code_says_stays_as_it_is() -> None:
    assert translate("Somebody wrote this by hand.") is None
    assert translate("x" * 5_000) is None
