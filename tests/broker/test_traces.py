"""Erasure looks beyond the record: what others wrote is told, what is surely a copy in files and the queue goes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from province.adapters.tables.carry import EFFECTS
from province.adapters.tables.copies import FileCopies
from province.adapters.tables.folder import Folder, Shelf
from province.broker.broker import Broker
from province.broker.database import Pool
from province.broker.erasure import Erasure, Erasures
from province.broker.traces import Trace
from province.model.record import create

from .conftest import TENANT, A, B, lamp, lamp_id, person

ROOT = person("*", id="root")
PHONE, WRITTEN = "0274 3822 123", "0274-3822-123"
HELD = f'{{"to": "{WRITTEN}"}}'


@dataclass
class Paper:
    """A ledger that is thrown away."""

    def append(self, one: Erasure) -> None: ...

    def read(self) -> list[Erasure]:
        return []


@pytest.fixture
def shelf(tmp_path: Path) -> Shelf:
    return Shelf(tmp_path / "imports")


@pytest.fixture
def erasures(broker: Broker, shelf: Shelf) -> Erasures:
    async def nothing(*_: Any) -> int:
        return 0

    return Erasures(
        broker, broker._committer, remove_files=nothing, erase_readings=nothing, ledger=Paper(),
        copies=FileCopies(broker.pool, shelf),
    )  # fmt: skip


async def imported(
    pool: Pool, shelf: Shelf, id: str, *, status: str, wrote: Sequence[str] = (), rows: Sequence[str] = (),
    refused: Sequence[str] = (),
) -> Folder:  # fmt: skip
    """An import as it lies in the register and on disk: a table with one column."""
    await pool.execute(
        "INSERT INTO entity (tenant, id, type, attrs, version, created_at, modified_at) VALUES ($1, $2, 'DataImport',"
        " jsonb_build_object('status', jsonb_build_object('value', $3::text), 'format',"
        " jsonb_build_object('value', 'csv')), 1, now(), now())", TENANT, id, status,
    )  # fmt: skip
    folder = shelf.folder(TENANT, id)
    folder.path.mkdir(parents=True)
    (folder.path / "source.csv").write_text("note\n" + "".join(f"{r}\n" for r in rows), "utf-8")
    effects = [{"id": one, "type": "Lamp", "version": 1, "created": True} for one in wrote]
    folder.write_chunk("effects", 0, pa.Table.from_pylist(effects, schema=EFFECTS))
    folder.write_chunk("refused", 0, pa.table({"note": list(refused)}))
    return folder


async def test_texts_of_others_are_told_and_stay(broker: Broker, erasures: Erasures) -> None:
    await broker.apply([create(lamp(1, owner_phone=PHONE, code=f"gọi {WRITTEN}"), agency=A)], ROOT)
    await broker.apply([create(lamp(2, code="Chủ đèn bên cạnh: +84 274.3822.123"), agency=B)], ROOT)
    await broker.apply([create(lamp(3, code="0274 3822 124"), agency=A)], ROOT)
    seen = await erasures.preview(ROOT, lamp_id(1))
    told = {(t.entity, t.field, t.kinds, t.certain) for t in seen.traces.found}
    assert told == {(lamp_id(n), "code", ("phone",), False) for n in (1, 2)}, "its own other texts too"
    neighbour = person("lamp.*", "erasure.*", agency=A, id="neighbour")
    less = await erasures.preview(neighbour, lamp_id(1))
    assert [t.entity for t in less.traces.found] == [lamp_id(1)]
    assert less.traces.hidden == 1
    made = await erasures.decide(ROOT, lamp_id(1), ground="request")
    assert {t.entity for t in made.found} == {lamp_id(1), lamp_id(2)}
    assert await erasures.carry_out() == 1
    assert (await broker.get(lamp_id(2), ROOT)).value("code") is not None
    (done,) = await erasures.decisions(ROOT)
    assert done.found == made.found


async def test_files_of_imports_go_when_they_surely_hold_the_record(
    broker: Broker, pool: Pool, erasures: Erasures, shelf: Shelf
) -> None:
    await broker.apply([create(lamp(1, owner_phone=PHONE), agency=A)], ROOT)
    mine = await imported(pool, shelf, "urn:i:mine", status="done", wrote=[lamp_id(1), lamp_id(9)], rows=[WRITTEN],
                          refused=[f"sai: {WRITTEN}", "của người khác"])  # fmt: skip
    runs = await imported(pool, shelf, "urn:i:runs", status="interrupted", wrote=[lamp_id(1)], rows=[WRITTEN])
    other = await imported(pool, shelf, "urn:i:other", status="done", wrote=[lamp_id(8)], rows=["x", f"xem {WRITTEN}"])
    clean = await imported(pool, shelf, "urn:i:clean", status="done", wrote=[lamp_id(7)], rows=["không có gì"])
    seen = await erasures.preview(ROOT, lamp_id(1))
    assert seen.effect.copies == 2, "the file, and one refused row"
    assert set(seen.traces.found) == {
        Trace(where="import", entity="urn:i:runs", type="DataImport"),
        Trace(where="import", entity="urn:i:other", type="DataImport", kinds=("phone",)),
    }
    assert mine.source.exists(), "a preview removes nothing"
    await erasures.decide(ROOT, lamp_id(1), ground="request")
    assert await erasures.carry_out() == 1
    assert not list(mine.path.glob("source.*"))
    assert [t.column("note").to_pylist() for t in mine.chunks("refused")] == [["của người khác"]]
    assert [t.num_rows for t in mine.chunks("effects")] == [2], "what it did is known, and can be taken back"
    for untouched in (runs, other, clean):
        assert untouched.source.exists()
    (done,) = await erasures.decisions(ROOT)
    assert done.effect.copies == 2


async def test_a_file_that_cannot_be_read_is_told(
    broker: Broker, pool: Pool, erasures: Erasures, shelf: Shelf, monkeypatch: pytest.MonkeyPatch
) -> None:
    await broker.apply([create(lamp(1, owner_phone=PHONE), agency=A)], ROOT)
    await imported(pool, shelf, "urn:i:large", status="done", rows=[WRITTEN])
    monkeypatch.setattr("province.adapters.tables.copies.LARGEST", 3)
    assert (await erasures.preview(ROOT, lamp_id(1))).traces.unsearched == ("urn:i:large",)


async def test_jobs_lose_what_they_hold_of_the_person(broker: Broker, pool: Pool, erasures: Erasures) -> None:
    await broker.apply([create(lamp(1, owner_phone=PHONE, code="x"), agency=A)], ROOT)
    await pool.execute(
        "CREATE TABLE procrastinate_jobs (id bigint PRIMARY KEY, args jsonb, status text NOT NULL DEFAULT 'todo')"
    )
    try:
        await pool.execute(
            "INSERT INTO procrastinate_jobs (id, status, args) SELECT n, s, jsonb_build_object('tenant', $1::text,"
            " 'name', 'sms', 'arguments', a::jsonb) FROM unnest($2::bigint[], $3::text[], $4::text[]) AS u (n, s, a)",
            TENANT, [1, 2, 3, 4], ["todo", "succeeded", "todo", "doing"],
            [HELD, f'{{"text": "gọi {WRITTEN}"}}', '{"to": "0900 000 000"}', HELD],
        )  # fmt: skip
        assert (await erasures.preview(ROOT, lamp_id(1))).effect.jobs == 3
        await erasures.decide(ROOT, lamp_id(1), ground="request")
        assert await erasures.carry_out() == 0, "one runs just now: it is waited for"
        await pool.execute("UPDATE procrastinate_jobs SET status = 'succeeded' WHERE id = 4")
        assert await erasures.carry_out() == 1
        left = {r["id"]: (r["status"], r["a"]) for r in await pool.fetch(
            "SELECT id, status, args ->> 'arguments' AS a FROM procrastinate_jobs"
        )}  # fmt: skip
        assert left[1] == ("cancelled", "{}")
        assert left[2] == ("succeeded", "{}")
        assert left[3] == ("todo", '{"to": "0900 000 000"}')
        assert left[4] == ("succeeded", "{}")
        (done,) = await erasures.decisions(ROOT)
        assert done.effect.jobs == 3
    finally:
        await pool.execute("DROP TABLE procrastinate_jobs")
