"""The Bình Dương example: facts of the province, and invented sensors that say so."""

from __future__ import annotations

import logging
import re
from collections.abc import Sequence
from pathlib import Path

from province.app import annex_facts
from province.app.core import Core
from province.errors import ConfigurationError
from province.model.actor import system
from province.model.change import Change
from province.packs.atlas.example import figures
from province.packs.datacentres.example import named_places
from province.packs.devices.example import example as invented_sensors
from province.territory import replay, store
from province.territory.calendars import working_years
from province.territory.example import Facts, changes_of, read_facts
from province.territory.rows import credit, read_rows, read_sources, upsert, words

log = logging.getLogger(__name__)
_PART = 500
_DAY = re.compile(r"\d{4}-\d\d-\d\d")
TO_COME = "9999-12-31"
"""Everything that the facts record was known on this day."""


def folder() -> Path:
    """`data/binh-duong` of the checkout. Raises: ConfigurationError when the product runs without it."""
    found = Path(__file__).parents[3] / "data" / "binh-duong"
    if not found.is_dir():
        raise ConfigurationError(
            f"the example is not at {found}.", field="PROVINCE_EXAMPLE", remedy="Start with --no-example."
        )
    return found


def known(asked: str) -> tuple[Facts, str]:
    """The facts as `PROVINCE_EXAMPLE` asks for them, and the day on which they were known."""
    day = asked if _DAY.fullmatch(asked) else TO_COME
    return replay.as_known_on(read_facts(folder()), day), day


async def load(core: Core) -> None:
    """Bring the example in. What stands already and is the same is left as it is.

    `PROVINCE_EXAMPLE` may be a civil day: then as it was known on that day, with the map and the agencies of then.
    """
    tenant = core.settings.tenant
    path = folder()
    facts, day = known(core.settings.example)
    await _apply(core, [upsert(year) for year in working_years(path)])
    await _apply(core, changes_of(facts))
    async with core.pool.acquire() as connection, connection.transaction():
        await store.add(connection, tenant, replay.pieces(facts), replay.known_belongings(facts, day))
        await store.succeed(connection, tenant, replay.known_successions(facts, day))
    await core.read_atlas(tenant)  # the sensors are placed in the areas that have just come in
    await _apply(core, load_figures(path))
    await _apply(core, load_named_places(path, facts))
    await _apply(core, invented_sensors(facts.areas, facts.agencies, facts.positions))
    await _apply(core, annex_facts.load(path, read_facts(path).agencies))  # the plan names owners of all times


def load_figures(path: Path) -> list[Change]:
    """The changes that bring the figures of the folder in. Raises: ConfigurationError."""
    credits = {n: (words(s), s.date.isoformat(), s.confidence) for n, s in read_sources(path).items()}
    return [upsert(figure) for figure in figures(read_rows(path / "figures.csv"), credits)]


def load_named_places(path: Path, facts: Facts) -> list[Change]:
    """The changes that bring in where the plan wants data centres. Raises: ConfigurationError."""
    file = path / "annex-places.csv"
    sources = read_sources(path)
    credits = {row["source"]: credit(sources, row["source"], file) for row in read_rows(file)}
    return [upsert(place) for place in named_places(read_rows(file), credits, facts.positions)]


async def _apply(core: Core, changes: Sequence[Change]) -> None:
    actor = system(core.settings.tenant, "example")
    for start in range(0, len(changes), _PART):
        answers = await core.broker.apply(changes[start : start + _PART], actor)
        log.info("example", extra={"entities": len(answers), "new": sum(a.created for a in answers)})
