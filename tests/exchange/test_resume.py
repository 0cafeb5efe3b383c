"""A killed import goes on where it stopped, and nothing is doubled."""

from __future__ import annotations

import asyncio
import csv
import io
from pathlib import Path
from typing import Any

import pytest

from province.adapters.tables import raw
from province.adapters.tables.imports import Imports
from province.history.lake import Span
from province.model.actor import Actor, Grant
from tests.exchange.conftest import TENANT, Site

ACTOR = Actor(tenant=TENANT, id="resume", kind="person", name="x", grants=(Grant("all", frozenset(("*",))),))
MAPPING = {
    "type": "AirQualityObserved", "id": "urn:ngsi-ld:AirQualityObserved:{ma}-" + "resume",
    "columns": {"ma": "serialNumber", "pm25": "pm25"}, "time": {"column": "gio"},
}  # fmt: skip
ROWS = 9_000


class Killed(BaseException):
    """As a signal would end the process: no handler runs, no state is written."""


@pytest.mark.slow
async def test_after_a_kill_nothing_is_doubled(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    lines = ["ma,gio,pm25"] + [
        f"K{n % 30:02d},2024-01-{1 + n // 720:02d}T{n // 30 % 24:02d}:00:00Z,{n % 90}" for n in range(ROWS)
    ]
    lines[4_321] = "K07,2024-01-01T00:00:00Z,hỏng"

    async def body() -> Any:
        yield "\n".join(lines).encode()

    imports = site.imports
    record, _ = await imports.receive(ACTOR, "lon.csv", body())
    await imports.describe(record.id, ACTOR, MAPPING)
    per_batch = raw.rows_per_batch(3)
    assert per_batch < ROWS / 2, "several chunks"

    # The first process: its second chunk has reached the stream, but it dies before it can write that down.
    first = Imports(imports._door, imports._shelf, known=imports._known, settled=imports._settled)
    folder = imports._shelf.folder(TENANT, record.id)
    write, calls = type(folder).write_state, 0

    def die(self: Any, state: Any) -> None:
        nonlocal calls
        calls += 1
        if calls == 2:
            raise Killed
        write(self, state)

    monkeypatch.setattr(type(folder), "write_state", die)
    monkeypatch.setattr(Imports, "_give_up", None)
    await first.start(record.id, ACTOR)
    task = first._tasks[record.id]
    with pytest.raises((Killed, TypeError)):
        await task
    monkeypatch.undo()

    shown = await imports.get(record.id, ACTOR)
    assert shown.status == "interrupted"
    assert folder.read_state().chunk == 1
    await imports.start(record.id, ACTOR)
    await imports.wait(record.id)
    done = await imports.get(record.id, ACTOR)
    assert (done.status, done.rows, done.refused, done.taken) == ("done", ROWS, 1, ROWS - 1)
    assert (done.readings or 0) + (done.known or 0) == ROWS - 1
    stations = [f"urn:ngsi-ld:AirQualityObserved:K{n:02d}-resume" for n in range(30)]
    lake = site.core.lake_of(TENANT)
    for _ in range(600):
        count = (await asyncio.to_thread(lake.read, Span(stations))).num_rows
        if count >= ROWS - 1:
            break
        await asyncio.sleep(0.1)
    await asyncio.sleep(1)
    assert (await asyncio.to_thread(lake.read, Span(stations))).num_rows == ROWS - 1
    content, _, _ = await imports.refused(record.id, ACTOR)
    rows = list(csv.DictReader(io.StringIO(content.decode("utf-8-sig"))))
    assert [row["_row"] for row in rows] == ["4322"]
    assert Path(folder.path).is_dir()
