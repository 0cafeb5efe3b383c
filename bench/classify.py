"""Sorting of citizens' texts: precision and coverage by tenfold cross-validation on the shipped corpus.

The corpus was written by another hand than the classifier. A text is covered when the calibrated probability reaches
the threshold of `params.yaml`; the others are left to a person. Precision is told of the covered ones. A *suspected*
emergency is one that the words of danger, or a small probability, put before the desk first. Neither the words nor the
thresholds were chosen by these texts: the words are general knowledge, the thresholds follow from what a mistake costs.

    python -m bench.classify [--seconds 4]

--seconds: how long texts are sorted one by one, for the figure per second.
"""

from __future__ import annotations

import argparse
import time
from collections import defaultdict
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, Final

from bench.product import write
from province.app.classifying import Example, read_corpus, train
from province.app.declarations import parameters_at
from province.app.example import folder
from province.compute.danger import Lexicon, dangers
from province.compute.text import Classifier, Verdict
from province.packs.reports.learning import LEARNER

FOLDS: Final = 10


def judged(examples: Sequence[Example], folds: int = FOLDS) -> list[tuple[Example, Verdict, Verdict]]:
    """Each text with what a classifier says of it that was trained on the other folds: category and matter."""
    found = []
    for fold in range(folds):
        held = [one for i, one in enumerate(examples) if i % folds == fold]
        rest = [one for i, one in enumerate(examples) if i % folds != fold]
        model = Classifier(
            [one.text for one in rest],
            {"category": [one.answers["category"] for one in rest], "matter": [one.answers["matter"] for one in rest]},
        )
        answers = [(one, model.classify(one.text)) for one in held]
        found += [(one, said["category"], said["matter"]) for one, said in answers]
    return found


def summary(found: Sequence[tuple[Example, Verdict, Verdict]], sure: dict[str, float]) -> dict[str, float]:
    """Shares, 0…1. category: over all texts; covered: those at or above the threshold."""
    covered = [(e, c) for e, c, _ in found if c.confidence >= sure["category"]]
    figures = {
        "category accuracy": sum(e.answers["category"] == c.label for e, c, _ in found) / len(found),
        "category coverage": len(covered) / len(found),
        "category precision when covered": sum(e.answers["category"] == c.label for e, c in covered) / len(covered),
    }
    for matter in ("complaint", "denunciation", "emergency"):
        said = [e for e, _, m in found if m.chances[matter] >= sure[matter]]
        real = [e for e, _, _ in found if e.answers["matter"] == matter]
        right = sum(e.answers["matter"] == matter for e in said)
        figures[f"{matter} precision"] = right / len(said) if said else float("nan")
        figures[f"{matter} recall"] = right / len(real)
    return figures


def suspicion(
    found: Sequence[tuple[Example, Verdict, Verdict]], params: Mapping[str, Any]
) -> list[tuple[str, float, float, int]]:
    """(by what, precision, recall, texts shown first) of emergencies: the words, the probability, either of them."""
    lexicon = Lexicon.of(params["danger_words"])
    words = [bool(dangers(e.text, lexicon)) for e, _, _ in found]
    likely = [m.chances["emergency"] >= params["suspected_above"] for _, _, m in found]
    real = [e.answers["matter"] == "emergency" for e, _, _ in found]
    rows = []
    for name, said in (("words of danger", words), ("probability", likely),
                       ("suspected: either", [a or b for a, b in zip(words, likely, strict=True)])):  # fmt: skip
        right = sum(a and b for a, b in zip(said, real, strict=True))
        rows.append((name, right / sum(said), right / sum(real), sum(said)))
    return rows


def main(seconds: float) -> None:
    """Cross-validate, print and keep."""
    examples = read_corpus(folder() / LEARNER.corpus, LEARNER)
    params = parameters_at("reports", datetime.now(UTC))
    sure: dict[str, Any] = params["sure_above"]
    began = time.perf_counter()
    found = judged(examples)
    spent = time.perf_counter() - began
    began = time.perf_counter()
    Classifier([e.text for e in examples], {"category": [e.answers["category"] for e in examples]})
    once = time.perf_counter() - began
    styles = defaultdict(list)
    for one in found:
        styles[one[0].style].append(one)
    rows: list[dict[str, object]] = [{"what": k, "share": round(v, 3)} for k, v in summary(found, sure).items()]
    for by, precision, recall, said in suspicion(found, params):
        rows.append({"what": f"emergency precision, {by}", "share": round(precision, 3), "texts": said})
        rows.append({"what": f"emergency recall, {by}", "share": round(recall, 3),
                     "texts": sum(e.answers["matter"] == "emergency" for e in examples)})  # fmt: skip
    for style, ones in sorted(styles.items()):
        right = sum(e.answers["category"] == c.label for e, c, _ in ones) / len(ones)
        rows.append({"what": f"category accuracy, style {style}", "share": round(right, 3), "texts": len(ones)})
    rows.append({"what": "ten folds", "seconds": round(spent, 1), "texts": len(examples)})
    rows.append({"what": "one training", "seconds": round(once, 1), "texts": len(examples)})
    say = train(examples, LEARNER)
    began, done = time.process_time(), 0
    while time.process_time() - began < seconds:
        say(examples[done % len(examples)].text)
        done += 1
    rows.append({"what": "texts sorted on one core", "per_s": round(done / (time.process_time() - began))})
    write("classify", rows)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=4)
    main(parser.parse_args().seconds)
