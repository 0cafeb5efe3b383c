"""Short Vietnamese texts: how alike two are, and which class one belongs to, with the words that decided.

Texts with and without diacritics meet in their bare letters (`ngập nước` = `ngap nuoc`); the diacritics that are there
count besides. Pure and deterministic: the same texts give the same model on every machine.
"""

from __future__ import annotations

import re
import unicodedata
import zlib
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import pairwise
from math import log, sqrt
from typing import Final

import numpy as np
import numpy.typing as npt

from province.errors import InvalidInput

Floats = npt.NDArray[np.float64]
Places = npt.NDArray[np.int64]
Named = tuple[tuple[str, ...], int]
"""A feature: the words that it stands for, and its place."""
BITS: Final = 18
"""Features are hashed into 2¹⁸ places: of ten thousand features about 0.2 % share one with another."""
RIDGE: Final = 0.3
_OFTEN: Final = 40
_WORD: Final = re.compile(r"\w+")
_TEMPERATURES: Final = np.geomspace(1.0, 40.0, 40)


@dataclass(frozen=True, slots=True)
class Verdict:
    """A class with the calibrated probability that it is right, and the words that decided, the weightiest first.

    chances: of every class, together 1; for a question whose mistakes do not cost the same both ways.
    """

    label: str
    confidence: float
    words: tuple[str, ...]
    chances: Mapping[str, float]


def similarity(a: str, b: str) -> float:
    """How much two texts share, 0…1: Dice's coefficient over bare words and pairs of neighbouring words.

    1 for the same words in the same order whatever the case and the diacritics; 0 when a text has no words.
    """
    one, other = _shingles(a), _shingles(b)
    both = sum((one & other).values())
    return 2 * both / (one.total() + other.total()) if one and other else 0.0


def _shingles(text: str) -> Counter[str]:
    words = [_bare(word) for word in _WORD.findall(text.casefold())]
    return Counter([*words, *(f"{x} {y}" for x, y in pairwise(words))])


class Classifier:
    """A linear model over hashed features, one head per question about a text.

    Regularised least squares on classes coded ±1 (Rifkin and Lippert 2007), solved exactly in the dual; probabilities
    by a softmax whose temperature minimises the leave-one-out log loss, which the solution gives for nothing.
    Checked against: the normal equations on small sets, and tenfold cross-validation.
    """

    def __init__(self, texts: Sequence[str], heads: Mapping[str, Sequence[str]], *, ridge: float = RIDGE) -> None:
        """heads: by the name of a question, the right answer for every text.  ridge: ≥ 0, of features of length 1.

        Raises: InvalidInput when there is nothing to learn, or answers and texts are not as many.
        """
        if len(texts) < 2 or not heads or any(len(answers) != len(texts) for answers in heads.values()):
            raise InvalidInput("a classifier needs two texts or more, and an answer for each of them.")
        counted = [Counter(place for _, place in _named(text)) for text in texts]
        frequency: Counter[int] = Counter(place for one in counted for place in one)
        self._idf: dict[int, float] = {p: float(np.log((1 + len(texts)) / (1 + n)) + 1) for p, n in frequency.items()}
        rows = [self._weighed(one) for one in counted]
        kernel = _kernel(rows)
        self._heads: dict[str, tuple[tuple[str, ...], Floats, Floats, float]] = {}
        for name, answers in heads.items():
            labels = tuple(sorted(set(answers)))
            code = np.array([[1.0 if a == label else -1.0 for label in labels] for a in answers])
            offset = code.mean(axis=0)
            dual, left_out = solve(kernel, code - offset, ridge)
            left_out += offset
            right = np.array([labels.index(a) for a in answers])
            self._heads[name] = (labels, _primal(rows, dual), offset, _temperature(left_out, right))

    def classify(self, text: str, *, reasons: int = 3) -> dict[str, Verdict]:
        """The answer to every question about a text. One without a known word has the answer of most, hardly sure."""
        named = _named(text)
        row = self._weighed(Counter(place for _, place in named))
        places = np.fromiter(row, dtype=np.int64, count=len(row))
        values = np.fromiter(row.values(), dtype=np.float64, count=len(row))
        return {head: self._judge(head, named, row, places, values, reasons) for head in self._heads}

    def _judge(
        self, head: str, named: Sequence[Named], row: Mapping[int, float], places: Places, values: Floats, reasons: int
    ) -> Verdict:
        labels, weights, offset, temperature = self._heads[head]
        part = weights[places]
        scores = offset + values @ part
        order = np.argsort(-scores, kind="stable")
        chance = _softmax(scores[None, :] * temperature)[0]
        best = int(order[0])
        chances: dict[str, float] = dict(zip(labels, chance.tolist(), strict=True))
        if len(labels) == 1:
            return Verdict(labels[0], 1.0, (), chances)
        against = part[:, best] - part[:, order[1:3]].mean(axis=1)
        return Verdict(
            labels[best],
            float(chance[best]),
            _deciding(named, dict(zip(row, (against * values).tolist(), strict=True)))[:reasons],
            chances,
        )

    def _weighed(self, counted: Mapping[int, int]) -> dict[int, float]:
        known = {p: (1 + log(n)) * self._idf[p] for p, n in counted.items() if p in self._idf}
        length = sqrt(sum(v * v for v in known.values())) or 1.0
        return {p: v / length for p, v in known.items()}


def _deciding(named: Sequence[Named], weighed: Mapping[int, float]) -> tuple[str, ...]:
    """Words by what they add to the answer over its rivals; a feature of several words counts for each of them."""
    added: dict[str, float] = defaultdict(float)
    for words, place in named:
        share = weighed.get(place, 0.0) / len(words)
        for word in words:
            added[word] += share
    return tuple(w for w, n in sorted(added.items(), key=lambda item: (-item[1], item[0])) if n > 0 and len(w) > 1)


def solve(kernel: Floats, code: Floats, ridge: float) -> tuple[Floats, Floats]:
    """Regularised least squares in the dual: its coefficients, and what it says of each row when that is left out.

    kernel: (n, n).  code: (n, classes).  ridge: > 0.
    Checked against: solving anew without each row, in `tests/compute/test_text.py`.
    """
    inverse = np.linalg.inv(kernel + ridge * np.eye(len(kernel)))
    dual = inverse @ code
    return dual, code - dual / inverse.diagonal()[:, None]


def _named(text: str) -> list[Named]:
    """Features with the words that they stand for: words, bare words, runs of two and three, runs of letters."""
    words = _WORD.findall(unicodedata.normalize("NFC", text).casefold())
    bare = [_bare(word) for word in words]
    found: list[tuple[tuple[str, ...], str]] = []
    for i, (word, plain) in enumerate(zip(words, bare, strict=True)):
        found.append(((word,), f"1 {plain}"))
        if word != plain:
            found.append(((word,), f"a {word}"))
        runs = [n for n in (2, 3) if i + n <= len(words)]
        found += [(tuple(words[i : i + n]), f"{n} {' '.join(bare[i : i + n])}") for n in runs]
        edged = f"<{plain}>"
        found += [((word,), f"c {edged[j : j + 3]}") for j in range(len(edged) - 2) if len(plain) > 2]
    return [(parts, zlib.crc32(name.encode()) >> (32 - BITS)) for parts, name in found]


@lru_cache(maxsize=20_000)
def _bare(word: str) -> str:
    """A lower-case word without diacritics."""
    spread = unicodedata.normalize("NFD", word)
    return "".join(c for c in spread if not unicodedata.combining(c)).replace("đ", "d")


def _kernel(rows: Sequence[Mapping[int, float]]) -> Floats:
    """Inner products of all rows, (n, n). Features that many rows have go through one dense product."""
    having: dict[int, list[tuple[int, float]]] = defaultdict(list)
    for i, row in enumerate(rows):
        for place, value in row.items():
            having[place].append((i, value))
    often = [p for p, found in having.items() if len(found) > _OFTEN]
    dense = np.zeros((len(rows), len(often)))
    for column, place in enumerate(often):
        for i, value in having[place]:
            dense[i, column] = value
    kernel: Floats = dense @ dense.T
    for found in having.values():
        if len(found) <= _OFTEN:
            index = np.array([i for i, _ in found])
            values = np.array([v for _, v in found])
            kernel[np.ix_(index, index)] += np.outer(values, values)
    return kernel


def _primal(rows: Sequence[Mapping[int, float]], dual: Floats) -> Floats:
    weights = np.zeros((1 << BITS, dual.shape[1]))
    for row, part in zip(rows, dual, strict=True):
        places = np.fromiter(row, dtype=np.int64, count=len(row))
        weights[places] += np.outer(np.fromiter(row.values(), dtype=np.float64, count=len(row)), part)
    return weights


def _temperature(left_out: Floats, right: npt.NDArray[np.int64]) -> float:
    losses = [-np.log(_softmax(left_out * t)[np.arange(len(right)), right].clip(1e-12)).mean() for t in _TEMPERATURES]
    return float(_TEMPERATURES[int(np.argmin(losses))])


def _softmax(scores: Floats) -> Floats:
    raised = np.exp(scores - scores.max(axis=1, keepdims=True))
    result: Floats = raised / raised.sum(axis=1, keepdims=True)
    return result
