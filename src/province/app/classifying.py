"""The classifier of citizens' texts: trained at start from the shipped corpus, and again as people correct it."""

from __future__ import annotations

import asyncio
import csv
import logging
from collections.abc import Callable, Mapping, MutableMapping
from pathlib import Path
from typing import Any, Final

import msgspec

from province.app.core import Core
from province.app.example import folder
from province.broker.database import LOST
from province.compute.text import Classifier
from province.errors import ConfigurationError, ProvinceError
from province.model.actor import system
from province.model.query import Query, Where, pages
from province.packs.reports.logic import MODEL
from province.packs.reports.types import CATEGORY_NAMES, MATTERS

log = logging.getLogger(__name__)

CORPUS: Final = "report-texts.csv"
EVERY_S: Final = 3600.0
MOST_CORRECTIONS: Final = 2000
_MATTERS: Final = frozenset(name for name, _ in MATTERS)
Said = Callable[[str], Mapping[str, Any]]


class Example(msgspec.Struct, frozen=True):
    """A text with its right answers."""

    text: str
    category: str
    matter: str
    style: str = ""


def read_corpus(path: Path) -> list[Example]:
    """The shipped texts. Raises: ConfigurationError naming a row whose answers are none of ours."""
    found = []
    with path.open(encoding="utf-8", newline="") as file:
        for row in csv.DictReader(file):
            if row["category"] not in CATEGORY_NAMES or row["matter"] not in _MATTERS:
                raise ConfigurationError(
                    f"row {row['id']} of {path.name} has the category {row['category']!r}, matter {row['matter']!r}.",
                    field=str(path),
                    remedy=f"Categories: {', '.join(CATEGORY_NAMES)}; matters: {', '.join(sorted(_MATTERS))}.",
                )
            found.append(Example(row["text"], row["category"], row["matter"], row["style"]))
    return found


def train(examples: list[Example]) -> Said:
    """What the logic of reports is given: from a text to the proposal that it keeps."""
    heads = {
        "category": [one.category for one in examples],
        "matter": [one.matter for one in examples],
    }
    model = Classifier([one.text for one in examples], heads)

    def say(text: str) -> Mapping[str, Any]:
        answers = model.classify(text)
        category, matter = answers["category"], answers["matter"]
        return {
            "category": category.label,
            "confidence": round(category.confidence, 3),
            "words": list(category.words),
            "matter": matter.label,
            "matterConfidence": round(matter.confidence, 3),
            "matterWords": list(matter.words),
            "chances": {name: round(p, 3) for name, p in matter.chances.items()},
        }

    return say


async def keep(core: Core, models: MutableMapping[str, Said]) -> None:
    """Train now, and again when people corrected something since; until cancelled."""
    try:
        shipped = read_corpus(folder() / CORPUS)
    except (OSError, ConfigurationError) as error:
        log.warning("no corpus: people decide the category of every report", extra={"error": str(error)})
        shipped = []
    known = -1
    while True:
        try:
            corrections = await _corrections(core)
            if len(corrections) != known and len(shipped) + len(corrections) >= 50:
                models[MODEL] = await asyncio.to_thread(train, shipped + corrections)
                log.info("classifier trained", extra={"texts": len(shipped), "corrections": len(corrections)})
                known = len(corrections)
        except (*LOST, ProvinceError) as error:
            log.warning("the classifier is not trained anew", extra={"error": repr(error)})
        await asyncio.sleep(EVERY_S)


async def _corrections(core: Core) -> list[Example]:
    """Texts whose category a person decided, the newest first."""
    actor = system(core.settings.tenant, "classifier")
    found: list[Example] = []
    query = Query(types=("Report",), where=(Where("categoryBy", "==", "person"),), order="-modified", limit=1000)
    async for page in pages(core.broker.query, query, actor):
        found += [
            Example(
                f"{e.value('title')}. {e.value('description') or ''}", str(e.value("category")), str(e.value("matter"))
            )
            for e in page.items
        ]
        if len(found) >= MOST_CORRECTIONS:
            break
    return found[:MOST_CORRECTIONS]
