"""The latest value is the newest measured one, however readings arrive."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from province.broker.database import Pool
from province.errors import ConfigurationError
from province.history import latest
from province.history.lake import Lake, arrange, stage
from province.history.silent import silent
from province.model.label import Label
from province.model.schema import EntityType, Field, Record, TypeInfo, describe
from tests.effort import examples
from tests.observations import START, TENANT, TYPES, Station, series, station, table

STATION = TYPES["Station"]


async def put(store: Pool, batch: pa.Table, sequence: int) -> None:
    async with store.acquire() as connection:
        await latest.write(connection, TENANT, stage([(sequence, batch)]), TYPES)


async def value(store: Pool, name: str = "temperature", n: int = 1) -> object:
    async with store.acquire() as connection:
        found = await latest.read(connection, TENANT, STATION, [station(n)])
    return found[station(n)][name].value if station(n) in found and name in found[station(n)] else None


async def test_each_kind_of_value_is_read_as_it_was_measured(store: Pool) -> None:
    await put(store, table([station(1)], number=[21.5], origin=4), 1)
    await put(store, table([station(1)], attribute="count", number=[7]), 2)
    await put(store, table([station(1)], attribute="open", text=["true"]), 3)
    await put(store, table([station(1)], attribute="mode", text=['"tay"']), 4)
    await put(store, table([station(1)], attribute="note", text=['"Cửa \\"mở\\""']), 5)
    async with store.acquire() as connection:
        found = (await latest.read(connection, TENANT, STATION, [station(1), station(2)]))[station(1)]
        raw = await connection.fetchrow("SELECT mode, open FROM latest_station")
    assert {k: a.value for k, a in found.items()} == {
        "temperature": 21.5, "count": 7, "open": True, "mode": "tay", "note": 'Cửa "mở"',
    }  # fmt: skip
    assert isinstance(found["count"].value, int)
    assert (found["temperature"].unit_code, found["temperature"].origin) == ("CEL", "simulated")
    assert found["temperature"].observed_at == START
    assert raw is not None
    assert tuple(raw) == ("tay", "true"), "plain text, so that queries can compare it"


async def test_older_readings_change_nothing(store: Pool) -> None:
    await put(store, table([station(1)], number=[2.0], at=START + timedelta(hours=1)), 1)
    await put(store, table([station(1)], number=[1.0], at=START), 2)
    assert await value(store) == 2.0
    await put(store, table([station(1)], number=[3.0], at=START + timedelta(hours=1)), 3)
    assert await value(store) == 3.0, "of one instant, the later message counts"
    await put(store, table([station(1)], number=[2.0], at=START + timedelta(hours=1)), 1)
    assert await value(store) == 3.0, "a repeated batch changes nothing"


async def test_attributes_do_not_disturb_each_other(store: Pool) -> None:
    await put(store, table([station(1)], number=[2.0], at=START + timedelta(hours=1)), 1)
    await put(store, table([station(1), station(2)], attribute="battery", number=[50.0, 60.0]), 2)
    assert (await value(store), await value(store, "battery")) == (2.0, 50.0)
    assert (await value(store, n=2), await value(store, "battery", 2)) == (None, 60.0)


async def test_datasets_and_undeclared_things_are_history_only(store: Pool) -> None:
    await put(store, table([station(1)], dataset="urn:d"), 1)
    await put(store, table([station(1)], type="Gone"), 2)
    await put(store, table([station(1)], attribute="gone"), 3)
    assert await value(store) is None


async def test_tenants_are_apart(store: Pool) -> None:
    await put(store, table([station(1)], number=[2.0]), 1)
    async with store.acquire() as connection:
        assert await latest.read(connection, "other", STATION, [station(1)]) == {}


async def test_ensure_adds_what_is_new_and_refuses_another_kind(store: Pool) -> None:
    class First(Record, frozen=True, kw_only=True):
        TYPE = TypeInfo("Gauge", Label("a", "a"))
        a: latest_text() = None  # type: ignore[valid-type]

    async with store.acquire() as connection, connection.transaction():
        assert await latest.ensure(connection, [STATION]) == []
        gauge = describe(First)
        assert await latest.ensure(connection, [gauge]) == ["latest_gauge", "latest_gauge.a"]
        wider = EntityType(gauge.info, {}, First, (*gauge.observed, STATION.fields["temperature"]))
        assert await latest.ensure(connection, [wider]) == ["latest_gauge.temperature"]
        other = EntityType(gauge.info, {}, First, (_renamed("temperature", "a"),))
        with pytest.raises(ConfigurationError, match="new name"):
            await latest.ensure(connection, [other])
        await connection.execute("DROP TABLE latest_gauge")


def latest_text() -> object:
    from typing import Annotated

    return Annotated[str | None, Field(Label("a", "a"), observed=True)]


def _renamed(source: str, name: str) -> object:
    import dataclasses

    return dataclasses.replace(STATION.fields[source], name=name)


async def test_names_that_collide_are_refused(store: Pool) -> None:
    bad = EntityType(STATION.info, {}, Station, (_renamed("note", "x"), _renamed("note", "x_at")))  # type: ignore[arg-type]
    async with store.acquire() as connection:
        with pytest.raises(ConfigurationError, match="collides"):
            await latest.ensure(connection, [bad])


async def test_a_lost_table_is_rebuilt_from_the_lake(store: Pool, tmp_path: Path) -> None:
    lake = Lake(str(tmp_path / "lake"))
    batch = series(500, stations=20, step_s=600)
    rows = stage([(1, batch)])
    lake.append(arrange(rows), "obs-x", 1, expected=None)
    async with store.acquire() as connection:
        await latest.write(connection, TENANT, rows, TYPES)
        before = await connection.fetch("SELECT * FROM latest_station ORDER BY entity")
        await connection.execute("TRUNCATE latest_station")
        assert await latest.rebuild(connection, TENANT, lake, TYPES) == 500
        assert await connection.fetch("SELECT * FROM latest_station ORDER BY entity") == before


async def test_silent_entities_are_counted_with_what_they_share(store: Pool) -> None:
    now = datetime(2026, 3, 2, tzinfo=UTC)
    await store.execute(
        "INSERT INTO entity (tenant, id, type, attrs, agency, version, created_at, modified_at)"
        " SELECT $1, 'urn:ngsi-ld:Station:' || lpad(i::text, 5, '0'), 'Station',"
        " jsonb_build_object('name', jsonb_build_object('value', 'gw' || i % 3)), 'a' || i % 2, 1, now(), now()"
        " FROM generate_series(0, 99) i",
        TENANT,
    )
    await put(store, table([station(n) for n in range(90)], at=now - timedelta(days=1)), 1)
    await put(store, table([station(n) for n in range(60)], at=now), 2)
    async with store.acquire() as connection:
        found = await silent(connection, TENANT, STATION, now - timedelta(hours=1), by=("name", "agency"), limit=5)
    assert found.count == 40, "30 fell silent and 10 never sent"
    assert found.never == 10
    assert [one.id for one in found.oldest][:1] == [station(90)]
    assert len(found.oldest) == 5
    assert sum(n for _, n, _ in found.groups["name"]) == 40
    assert {label for label, _, _ in found.groups["agency"]} == {"a0", "a1"}
    name, quiet, of = found.groups["name"][0]
    assert (name, quiet <= of) == ("gw0", True)
    assert of == 34


_rows = st.lists(
    st.tuples(st.integers(0, 2), st.sampled_from(("temperature", "battery")), st.integers(0, 5), st.integers(0, 50)),
    min_size=1,
    max_size=12,
)


@given(st.lists(_rows, min_size=1, max_size=4), st.randoms())
@settings(max_examples=examples(100), deadline=None)
def test_conflation_keeps_the_newest(batches: list[list[tuple[int, str, int, int]]], random: object) -> None:
    staged = stage(
        [
            (
                n + 1,
                table(
                    [station(e) for e, _, _, _ in rows],
                    attribute=[a for _, a, _, _ in rows],
                    at=[START + timedelta(seconds=t) for _, _, t, _ in rows],
                    number=[float(v) for _, _, _, v in rows],
                ),
            )
            for n, rows in enumerate(batches)
        ]
    )
    expected: dict[tuple[str, str], tuple[object, ...]] = {}
    for row in staged.to_pylist():
        key = (row["entity"], row["attribute"])
        mine = (row["observed_at"], row["seq"], row["row"], row["number"])
        expected[key] = max(expected.get(key, mine), mine)
    found = {
        (r["entity"], r["attribute"]): (r["observed_at"], r["seq"], r["row"], r["number"])
        for r in latest.conflate(staged).to_pylist()
    }
    assert found == expected
