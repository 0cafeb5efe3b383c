"""The Bình Dương example: facts of the province, and invented sensors that say so."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from pathlib import Path

from province.app import annex_facts
from province.app.core import Core
from province.errors import ConfigurationError
from province.model.actor import system
from province.model.change import Change
from province.packs.atlas.example import figures
from province.packs.devices.example import example as invented_sensors
from province.territory.example import load as load_facts
from province.territory.example import read_facts
from province.territory.rows import read_rows, read_sources, upsert, words

log = logging.getLogger(__name__)
_PART = 500


def folder() -> Path:
    """`data/binh-duong` of the checkout. Raises: ConfigurationError when the product runs without it."""
    found = Path(__file__).parents[3] / "data" / "binh-duong"
    if not found.is_dir():
        raise ConfigurationError(
            f"the example is not at {found}.", field="PROVINCE_EXAMPLE", remedy="Start with --no-example."
        )
    return found


async def load(core: Core) -> None:
    """Bring the example in. What stands already and is the same is left as it is."""
    tenant = core.settings.tenant
    path = folder()
    await _apply(core, load_facts(path))
    await core.read_atlas(tenant)  # the sensors are placed in the areas that have just come in
    await _apply(core, load_figures(path))
    facts = read_facts(path)
    await _apply(core, invented_sensors(facts.areas, facts.agencies, facts.positions))
    await _apply(core, annex_facts.load(path, facts.agencies))


def load_figures(path: Path) -> list[Change]:
    """The changes that bring the figures of the folder in. Raises: ConfigurationError."""
    credits = {n: (words(s), s.date.isoformat(), s.confidence) for n, s in read_sources(path).items()}
    return [upsert(figure) for figure in figures(read_rows(path / "figures.csv"), credits)]


async def _apply(core: Core, changes: Sequence[Change]) -> None:
    actor = system(core.settings.tenant, "example")
    for start in range(0, len(changes), _PART):
        answers = await core.broker.apply(changes[start : start + _PART], actor)
        log.info("example", extra={"entities": len(answers), "new": sum(a.created for a in answers)})
