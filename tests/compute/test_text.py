"""Texts: likeness that ignores diacritics, a classifier that is solved exactly and says why, and how good it is."""

from __future__ import annotations

import unicodedata

import numpy as np
import pytest
from bench.classify import judged, summary
from hypothesis import given
from hypothesis import strategies as st

from province.app.classifying import read_corpus
from province.app.declarations import parameters_at
from province.app.example import folder
from province.compute.text import Classifier, similarity, solve
from province.errors import InvalidInput
from province.model.time import now
from province.packs.reports.learning import LEARNER

WORDS = st.lists(
    st.sampled_from(("ngập", "nước", "đường", "hẻm", "cây", "đổ", "rác", "đèn", "tắt", "ổ", "gà", "lớn")),
    min_size=1,
    max_size=12,
)
TEXTS = ["Đèn đường tắt", "đèn hẻm không sáng", "bóng đèn cháy", "Rác chất đống", "rác thối đầu hẻm", "đổ rác bừa bãi"]
LABELS = ["light", "light", "light", "waste", "waste", "waste"]


def bare(text: str) -> str:
    spread = unicodedata.normalize("NFD", text)
    return "".join(c for c in spread if not unicodedata.combining(c)).replace("đ", "d").replace("Đ", "D")


@given(WORDS, WORDS)
def test_likeness_is_symmetric_and_blind_to_case_and_diacritics(a: list[str], b: list[str]) -> None:
    one, other = " ".join(a), " ".join(b)
    assert 0 <= similarity(one, other) <= 1
    assert similarity(one, other) == similarity(other, one)
    assert similarity(one, bare(one).upper()) == 1
    assert similarity(bare(one), other) == similarity(one, other)
    if not set(map(bare, a)) & set(map(bare, b)):
        assert similarity(one, other) == 0


def test_the_same_matter_in_other_words_is_likelier_than_another_matter() -> None:
    said = "Ổ gà lớn trước chợ Phú Lợi, xe máy dễ té"
    assert similarity(said, "o ga lon truoc cho phu loi") > 0.6 > similarity(said, "Cây đổ trước chợ Phú Lợi")
    assert similarity("", said) == similarity("...", said) == 0


@given(st.integers(2, 12), st.integers(1, 4), st.integers(0, 2**32 - 1), st.floats(0.05, 5))
def test_left_out_answers_are_those_of_solving_anew(rows: int, classes: int, seed: int, ridge: float) -> None:
    drawn = np.random.default_rng(seed)
    features = drawn.normal(size=(rows, 6))
    kernel, code = features @ features.T, drawn.normal(size=(rows, classes))
    dual, left_out = solve(kernel, code, ridge)
    primal = np.linalg.solve(features.T @ features + ridge * np.eye(6), features.T @ code)
    np.testing.assert_allclose(features.T @ dual, primal, atol=1e-7)
    for i in range(rows):
        rest = np.arange(rows) != i
        without = np.linalg.solve(kernel[np.ix_(rest, rest)] + ridge * np.eye(rows - 1), code[rest])
        np.testing.assert_allclose(left_out[i], kernel[i, rest] @ without, atol=1e-6)


def test_a_text_finds_its_class_with_or_without_diacritics_and_says_why() -> None:
    model = Classifier(TEXTS, {"category": LABELS})
    for text in ("Đèn ngoài hẻm bị tắt", "den ngoai hem bi tat", "DEN NGOAI HEM BI TAT"):
        said = model.classify(text)["category"]
        assert said.label == "light"
        assert {"đèn", "den", "tắt", "tat"} & set(said.words)
        assert 0.5 < said.confidence <= 1
    unknown = model.classify("xyz 123")["category"]
    assert unknown.words == ()
    assert unknown.confidence < 0.6
    again = Classifier(TEXTS, {"category": LABELS})
    assert again.classify(TEXTS[0]) == model.classify(TEXTS[0]), "the same texts give the same model"


def test_a_corpus_that_teaches_nothing_is_refused() -> None:
    for texts, heads in ((["a"], {"x": ["1"]}), (TEXTS, {}), (TEXTS, {"x": ["1"]})):
        with pytest.raises(InvalidInput):
            Classifier(texts, heads)


@pytest.mark.slow
def test_sorting_of_texts_by_another_hand_keeps_its_precision_and_coverage() -> None:
    """Tenfold cross-validation; the floors lie a few points below what was measured, see docs/benchmarks.md."""
    found = judged(read_corpus(folder() / LEARNER.corpus, LEARNER))
    figures = summary(found, parameters_at("reports", now())["sure_above"])
    assert figures["category accuracy"] >= FLOORS["category accuracy"], figures
    assert figures["category precision when covered"] >= FLOORS["category precision when covered"], figures
    assert figures["category coverage"] >= FLOORS["category coverage"], figures
    assert figures["emergency recall"] >= FLOORS["emergency recall"], figures
    assert figures["denunciation recall"] >= FLOORS["denunciation recall"], figures


FLOORS = {
    "category accuracy": 0.77,
    "category precision when covered": 0.87,
    "category coverage": 0.65,
    "emergency recall": 0.6,
    "denunciation recall": 0.85,
}
