"""Sorting of citizens' texts: precision and coverage by tenfold cross-validation on the shipped corpus.

The corpus was written by another hand than the classifier. A text is covered when the calibrated probability reaches
the threshold of `params.yaml`; the others are left to a person. Precision is told of the covered ones.

    python -m bench.classify
"""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any, Final

from bench.product import write
from province.app.classifying import CORPUS, Example, read_corpus
from province.app.declarations import parameters_at
from province.app.example import folder
from province.compute.text import Classifier, Verdict

FOLDS: Final = 10


def judged(examples: Sequence[Example], folds: int = FOLDS) -> list[tuple[Example, Verdict, Verdict]]:
    """Each text with what a classifier says of it that was trained on the other folds: category and matter."""
    found = []
    for fold in range(folds):
        held = [one for i, one in enumerate(examples) if i % folds == fold]
        rest = [one for i, one in enumerate(examples) if i % folds != fold]
        model = Classifier(
            [one.text for one in rest],
            {"category": [one.category for one in rest], "matter": [one.matter for one in rest]},
        )
        found += [(one, model.classify("category", one.text), model.classify("matter", one.text)) for one in held]
    return found


def summary(found: Sequence[tuple[Example, Verdict, Verdict]], sure: dict[str, float]) -> dict[str, float]:
    """Shares, 0…1. category: over all texts; covered: those at or above the threshold."""
    covered = [(e, c) for e, c, _ in found if c.confidence >= sure["category"]]
    figures = {
        "category accuracy": sum(e.category == c.label for e, c, _ in found) / len(found),
        "category coverage": len(covered) / len(found),
        "category precision when covered": sum(e.category == c.label for e, c in covered) / len(covered),
    }
    for matter in ("complaint", "denunciation", "emergency"):
        said = [e for e, _, m in found if m.chances[matter] >= sure[matter]]
        real = [e for e, _, _ in found if e.matter == matter]
        right = sum(e.matter == matter for e in said)
        figures[f"{matter} precision"] = right / len(said) if said else float("nan")
        figures[f"{matter} recall"] = right / len(real)
    return figures


def main() -> None:
    """Cross-validate, print and keep."""
    examples = read_corpus(folder() / CORPUS)
    sure: dict[str, Any] = parameters_at("reports", datetime.now(UTC))["sure_above"]
    began = time.perf_counter()
    found = judged(examples)
    spent = time.perf_counter() - began
    began = time.perf_counter()
    Classifier([e.text for e in examples], {"category": [e.category for e in examples]})
    once = time.perf_counter() - began
    styles = defaultdict(list)
    for one in found:
        styles[one[0].style].append(one)
    rows: list[dict[str, object]] = [{"what": k, "share": round(v, 3)} for k, v in summary(found, sure).items()]
    for style, ones in sorted(styles.items()):
        right = sum(e.category == c.label for e, c, _ in ones) / len(ones)
        rows.append({"what": f"category accuracy, style {style}", "share": round(right, 3), "texts": len(ones)})
    rows.append({"what": "ten folds", "seconds": round(spent, 1), "texts": len(examples)})
    rows.append({"what": "one training", "seconds": round(once, 1), "texts": len(examples)})
    write("classify", rows)


if __name__ == "__main__":
    main()
