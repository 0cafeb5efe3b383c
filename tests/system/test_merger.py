"""Merger day: nothing is lost, and every difference has a reason that an independent inventory knows."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from tests.product import running_product
from tests.system import administering, merger

pytestmark = pytest.mark.slow


def test_merger_day(tmp_path: Path) -> None:
    told: list[str] = []
    with running_product("--simulate", "--map-of", merger.BEFORE, outbound_allow="127.0.0.1") as product:
        day = asyncio.run(merger.run(product, tmp_path, told.append))
        assert len(day.created) > len(day.places), "residents reported while the orders took effect"
        assert day.changed, "officials worked meanwhile"
        assert '"level": "ERROR"' not in product.log("work") + product.log("serve")
        told += administering.use(product, min(day.users))
    assert any("totals agree on three maps" in line for line in told)
