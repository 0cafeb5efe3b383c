"""The classifier of citizens' texts: what it learns from, and what the logic of reports is given of its verdicts."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from province.compute.text import Verdict
from province.model.entity import Entity
from province.model.query import Query, Where
from province.pack import Learner
from province.packs.reports.entry import MODEL
from province.packs.reports.types import CATEGORY_NAMES, MATTERS


def text_of(report: Entity) -> str:
    """What a report says, as the logic asks the classifier."""
    return f"{report.value('title')}. {report.value('description') or ''}"


def say(verdicts: Mapping[str, Verdict]) -> Mapping[str, Any]:
    """The proposal that a report keeps."""
    category, matter = verdicts["category"], verdicts["matter"]
    return {
        "category": category.label,
        "confidence": round(category.confidence, 3),
        "words": list(category.words),
        "matter": matter.label,
        "matterConfidence": round(matter.confidence, 3),
        "matterWords": list(matter.words),
        "chances": {name: round(p, 3) for name, p in matter.chances.items()},
    }


LEARNER: Final = Learner(
    name=MODEL,
    corpus="report-texts.csv",
    answers={"category": CATEGORY_NAMES, "matter": tuple(name for name, _ in MATTERS)},
    corrected=Query(types=("Report",), where=(Where("categoryBy", "==", "person"),), order="-modified", limit=1000),
    text=text_of,
    say=say,
)
