"""Classifiers of texts that packs declare: trained at start from the shipped corpora, again as people correct them."""

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
from province.model.query import pages
from province.pack import Learner

log = logging.getLogger(__name__)

EVERY_S: Final = 3600.0
MOST_CORRECTIONS: Final = 2000
LEAST: Final = 50
"""Texts, below which nothing is to be learnt."""
Said = Callable[[str], Mapping[str, Any]]


class Example(msgspec.Struct, frozen=True):
    """A text with its right answers. style: how it is written, for those who measure."""

    text: str
    answers: Mapping[str, str]
    style: str = ""


def read_corpus(path: Path, learner: Learner) -> list[Example]:
    """The shipped texts. Raises: ConfigurationError naming a row whose answers are none of the learner's."""
    found = []
    with path.open(encoding="utf-8", newline="") as file:
        for row in csv.DictReader(file):
            answers = {name: row[name] for name in learner.answers}
            for name, answer in answers.items():
                if answer not in learner.answers[name]:
                    raise ConfigurationError(
                        f"row {row['id']} of {path.name} has the {name} {answer!r}.", field=str(path),
                        remedy=f"One of: {', '.join(learner.answers[name])}.",
                    )  # fmt: skip
            found.append(Example(row["text"], answers, row["style"]))
    return found


def train(examples: list[Example], learner: Learner) -> Said:
    """From a text to what the logic is given of it."""
    heads = {name: [one.answers[name] for one in examples] for name in learner.answers}
    model = Classifier([one.text for one in examples], heads)
    return lambda text: learner.say(model.classify(text))


async def keep(core: Core, models: MutableMapping[str, Said]) -> None:
    """Train every classifier now, and again when people corrected something since; until cancelled."""
    async with asyncio.TaskGroup() as group:
        for learner in (one for pack in core.declared.packs for one in pack.learners):
            group.create_task(_keep(core, learner, models), name=f"learner {learner.name}")


async def _keep(core: Core, learner: Learner, models: MutableMapping[str, Said]) -> None:
    try:
        shipped = read_corpus(folder() / learner.corpus, learner)
    except (OSError, ConfigurationError) as error:
        log.warning("no corpus: people decide alone", extra={"learner": learner.name, "error": str(error)})
        shipped = []
    known = -1
    while True:
        try:
            corrections = await _corrections(core, learner)
            if len(corrections) != known and len(shipped) + len(corrections) >= LEAST:
                models[learner.name] = await asyncio.to_thread(train, shipped + corrections, learner)
                told = {"learner": learner.name, "texts": len(shipped), "corrections": len(corrections)}
                log.info("classifier trained", extra=told)
                known = len(corrections)
        except (*LOST, ProvinceError) as error:
            log.warning("a classifier is not trained anew", extra={"learner": learner.name, "error": repr(error)})
        await asyncio.sleep(EVERY_S)


async def _corrections(core: Core, learner: Learner) -> list[Example]:
    """Texts whose answers a person decided, the newest first."""
    actor = system(core.settings.tenant, "classifier")
    found: list[Example] = []
    async for page in pages(core.broker.query, learner.corrected, actor):
        found += [Example(learner.text(e), {name: str(e.value(name)) for name in learner.answers}) for e in page.items]
        if len(found) >= MOST_CORRECTIONS:
            break
    return found[:MOST_CORRECTIONS]
