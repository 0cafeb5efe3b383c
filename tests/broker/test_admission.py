"""One tree of rights, three readings of it: in memory, in PostgreSQL and in DuckDB over the lake. They never differ."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Annotated, ClassVar, Final, Literal

import duckdb
import msgspec
import pyarrow as pa
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from province.broker.access import Access, Rights
from province.broker.admission import Bound, admitted
from province.broker.database import Pool
from province.broker.measured import READINGS
from province.broker.select import ENTITIES, compile_query
from province.errors import ConfigurationError
from province.history import area_hours
from province.history.lake import Lake, Span, arrange
from province.model.actor import Actor, Grant
from province.model.entity import Attribute, Entity
from province.model.label import Label
from province.model.query import Query, Where
from province.model.schema import EntityType, Field, Record, TypeInfo, describe
from province.model.time import Instant, now
from province.model.unit import Unit
from tests.effort import examples

TENANT: Final = "admission"
AGENCIES: Final = (None, "urn:a", "urn:b", "urn:c'")
AREAS: Final = (None, "1", "2", "3|\x1e")
NOON: Final = now().replace(minute=0, second=0, microsecond=0) - timedelta(hours=3)


class Meter(Record, frozen=True, kw_only=True):
    """Private; one of its measurements is personal, one concealed."""

    TYPE: ClassVar[TypeInfo] = TypeInfo("Meter", Label("Đồng hồ", "Meter"))

    load: Annotated[float | None, Field(Label("Tải", "Load"), observed=True), Unit("KWT")] = None
    sleep: Annotated[float | None, Field(Label("Giấc ngủ", "Sleep"), observed=True, personal=True), Unit("HUR")] = None
    seal: Annotated[
        float | None, Field(Label("Niêm", "Seal"), observed=True, personal=True, concealed=True), Unit("C62")
    ] = None


class Gauge(Record, frozen=True, kw_only=True):
    """Public where it says so, and then one of its measurements."""

    TYPE: ClassVar[TypeInfo] = TypeInfo(
        "Gauge", Label("Thước", "Gauge"), public=True, public_where=("open", True), title="name"
    )

    name: Annotated[str, Field(Label("Tên", "Name"), public=True, indexed=True)] = ""
    open: Annotated[bool, Field(Label("Mở", "Open"), public=True)] = False
    level: Annotated[float | None, Field(Label("Mực", "Level"), observed=True, public=True), Unit("MTR")] = None
    battery: Annotated[float | None, Field(Label("Pin", "Battery"), observed=True), Unit("P1")] = None


class Clock(Record, frozen=True, kw_only=True):
    """Public, all of it."""

    TYPE: ClassVar[TypeInfo] = TypeInfo("Clock", Label("Giờ", "Clock"), public=True)

    drift: Annotated[float | None, Field(Label("Lệch", "Drift"), observed=True, public=True), Unit("SEC")] = None


class Patient(Record, frozen=True, kw_only=True):
    """What a meter, a gauge or a thing may be besides: then what others tell freely is personal, or concealed."""

    TYPE: ClassVar[TypeInfo] = TypeInfo("Patient", Label("Người bệnh", "Patient"))

    load: Annotated[float | None, Field(Label("Tải", "Load"), observed=True, personal=True), Unit("KWT")] = None
    level: Annotated[float | None, Field(Label("Mực", "Level"), observed=True, concealed=True), Unit("MTR")] = None
    name: Annotated[str, Field(Label("Tên", "Name"), personal=True)] = ""
    ward: Annotated[str, Field(Label("Khoa", "Ward"))] = ""


KINDS: Final[Mapping[str, EntityType]] = {k.name: k for k in map(describe, (Meter, Gauge, Clock, Patient))}
"""`Thing` is declared by nobody."""
FURTHER: Final = ("Patient", "Clock")
"""Every second meter, gauge and thing is one of each, too."""
FIELDS: Final = {name: tuple(s.name for s in kind.observed) for name, kind in KINDS.items()}


def everything() -> list[Entity]:
    """Two of every type, agency and area; of the gauges one is open."""
    return [
        Entity(tenant=TENANT, id=f"urn:{type}:{i}{j}{twin}",
               types=(type, *FURTHER) if type not in FURTHER and (i + j) % 2 else (type,), agency=agency, area=area,
               version=1, attrs=recorded(type, twin))
        for type in (*KINDS, "Thing")
        for i, agency in enumerate(AGENCIES) for j, area in enumerate(AREAS) for twin in (0, 1)
    ]  # fmt: skip


def recorded(type: str, twin: int) -> dict[str, Attribute]:
    """What stands in the record: of the gauges one is open, and everything has a name and a ward."""
    told = {"name": Attribute(value=f"n{twin}"), "ward": Attribute(value="w")}
    return told | ({"open": Attribute(value=twin == 1)} if type == "Gauge" else {})


ENTITY: Final = everything()
verbs = st.sampled_from(("read", "personal", "*"))
nouns = st.sampled_from(("*", "meter", "gauge", "clock", "patient", "entity"))
permissions = st.frozensets(st.builds("{}.{}".format, nouns, verbs) | st.just("*"), min_size=1, max_size=4)
grants = st.builds(
    Grant,
    role=st.just("r"),
    permissions=permissions,
    agency=st.sampled_from(AGENCIES),
    areas=st.frozensets(st.sampled_from([a for a in AREAS if a]), max_size=2),
    entities=st.just(frozenset()) | st.frozensets(st.sampled_from([e.id for e in ENTITY]), max_size=2),
)
actors = st.builds(
    Actor, tenant=st.just(TENANT), id=st.just("x"), kind=st.sampled_from(("person", "anonymous", "system")),
    grants=st.tuples() | st.tuples(grants) | st.tuples(grants, grants) | st.tuples(grants, grants, grants),
)  # fmt: skip


@pytest.fixture(scope="module")
async def stored(migrated: Pool) -> Pool:
    """All entities, in PostgreSQL."""
    async with migrated.acquire() as connection:
        await connection.executemany(
            "INSERT INTO entity (tenant, id, type, types, attrs, agency, area, version, created_at, modified_at)"
            " VALUES ($1, $2, $3, $4, $5::jsonb, $6, $7, 1, now(), now())",
            [(TENANT, e.id, e.type, list(e.types) if len(e.types) > 1 else None,
              msgspec.json.encode({k: {"value": a.value} for k, a in e.attrs.items()}).decode(), e.agency, e.area)
             for e in ENTITY],
        )  # fmt: skip
    return migrated


@pytest.fixture(scope="module")
def lake(tmp_path_factory: pytest.TempPathFactory) -> Lake:
    """One reading of every measured attribute of every entity of a declared type."""
    rows = [(e, name) for e in ENTITY for name in FIELDS.get(e.type, ())]
    made = Lake(str(Path(tmp_path_factory.mktemp("lake"))))
    made.append(
        arrange(pa.table({
            "day": pa.array([NOON.date()] * len(rows), pa.date32()),
            "entity": [e.id for e, _ in rows], "type": [e.type for e, _ in rows], "attribute": [n for _, n in rows],
            "dataset": pa.nulls(len(rows), pa.string()),
            "observed_at": pa.array([NOON] * len(rows), pa.timestamp("us", tz="UTC")),
            "number": [1.0] * len(rows), "text": pa.nulls(len(rows), pa.string()),
            "origin": pa.array([0] * len(rows), pa.int8()), "seq": pa.array([1] * len(rows), pa.int64()),
            "row": pa.array(range(len(rows)), pa.int32()),
        })), "test", 1, expected=None,
    )  # fmt: skip
    return made


PLACED: Final = pa.table({
    "entity": [e.id for e in ENTITY], "type": [e.type for e in ENTITY],
    "agency": [e.agency or "" for e in ENTITY], "area": [e.area or "" for e in ENTITY],
    "types": pa.array([list(e.types) if len(e.types) > 1 else None for e in ENTITY], pa.list_(pa.string())),
    "published": [
        e.type in KINDS and KINDS[e.type].info.public
        and ((w := KINDS[e.type].info.public_where) is None or e.value(w[0]) == w[1])
        for e in ENTITY
    ],
})  # fmt: skip


def in_memory(access: Access | None) -> tuple[set[str], set[tuple[str, str]]]:
    """Entities and (entity, attribute) that may be seen, one by one."""
    if access is None:
        return set(), set()
    name = access.type.name if access.type else "Thing"
    seen = [e for e in ENTITY if e.type == name and access.admits(e)]
    return {e.id for e in seen}, {(e.id, n) for e in seen for n in FIELDS.get(e.type, ()) if access.reveals(e, n)}


async def in_postgresql(pool: Pool, access: list[Access]) -> tuple[set[str], set[tuple[str, str]]]:
    """The same, asked of the table of entities; for attributes crossed with their names."""
    given = Bound([TENANT])
    entities = admitted(access, ENTITIES, given.bind, KINDS)
    crossed = Bound([TENANT, [t for t, ns in FIELDS.items() for _ in ns], [n for ns in FIELDS.values() for n in ns]])
    readings = admitted(access, replace(ENTITIES, attribute="f.name"), crossed.bind, KINDS)
    async with pool.acquire() as connection:
        rows = await connection.fetch(f"SELECT e.id FROM entity e WHERE e.tenant = $1 AND {entities}", *given.values)
        pairs = await connection.fetch(
            "SELECT e.id, f.name FROM entity e JOIN unnest($2::text[], $3::text[]) f (type, name) ON f.type = e.type"
            f" WHERE e.tenant = $1 AND {readings}", *crossed.values,
        )  # fmt: skip
    return {r["id"] for r in rows}, {(r["id"], r["name"]) for r in pairs}


def in_duckdb(lake: Lake, access: list[Access]) -> set[tuple[str, str]]:
    """Readings of the lake, asked of its files."""
    given = Bound()
    condition = admitted(access, replace(READINGS, type="p.type"), given.bind, KINDS)
    source = lake.source(Span())
    with duckdb.connect(":memory:") as engine:
        engine.register("placed", PLACED)
        found = engine.execute(
            f"SELECT r.entity, r.attribute FROM (SELECT * FROM {source}) r JOIN placed p ON p.entity = r.entity"
            f" WHERE {condition}", given.values,
        ).fetchall()  # fmt: skip
    return set(found)


@settings(max_examples=examples(60), deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(actor=actors)
async def test_three_readings_of_one_tree(stored: Pool, lake: Lake, actor: Actor) -> None:
    access = Rights(KINDS).readable(actor, ())
    by_type = {a.type.name if a.type else "Thing": a for a in access}
    expected: tuple[set[str], set[tuple[str, str]]] = (set(), set())
    for name in (*KINDS, "Thing"):
        ids, pairs = in_memory(by_type.get(name))
        expected = expected[0] | ids, expected[1] | pairs
    ids, pairs = await in_postgresql(stored, access)
    assert ids == expected[0]
    assert pairs == expected[1]
    assert in_duckdb(lake, access) == expected[1]


@settings(max_examples=examples(30), deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(actor=actors, name=st.sampled_from(sorted((t, n) for t, ns in FIELDS.items() for n in ns)))
async def test_hours_per_area_count_what_may_be_seen(lake: Lake, actor: Actor, name: tuple[str, str]) -> None:
    """The engine of the lake adds up exactly the readings that its caller may see one by one."""
    type, attribute = name
    access = Rights(KINDS).to_read(actor, type)
    _, pairs = in_memory(access)
    expected: dict[str, int] = {}
    places = {e.id: e.area or "" for e in ENTITY}
    for id, one in pairs:
        if one == attribute:
            expected[places[id]] = expected.get(places[id], 0) + 1
    mine = [access] if access is not None else []
    found = area_hours.from_readings(
        lake, Span(attributes=[attribute], start=NOON, end=_later(NOON)), type, PLACED, (),
        admit=lambda bind: admitted(mine, READINGS, bind, KINDS),
    )  # fmt: skip
    assert {area: count for _, area, count, _, _ in found} == expected


@settings(max_examples=examples(40), deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(actor=actors, name=st.sampled_from(("name", "ward")))
async def test_what_is_hidden_on_a_row_finds_nothing(stored: Pool, actor: Actor, name: str) -> None:
    """A condition finds exactly the rows on which its asker sees the field, whatever it says about the value."""
    access = [n for a in Rights(KINDS).readable(actor, ()) if (n := a.narrowed((name,))).shows(name)]
    if not access:
        return
    of = {a.type.name if a.type else "Thing": a for a in access}
    seen = {e.id for e in ENTITY if (a := of.get(e.type)) and a.admits(e) and a.reveals(e, name)}
    found: list[set[str]] = []
    for where in (Where(name, "exists"), Where(name, "!=", "?"), Where(name, "absent")):
        statement = compile_query(TENANT, Query(types=tuple(of), where=(where,), limit=1000), access, KINDS,
                                  many_typed=True)  # fmt: skip
        counted = statement.parameters[: statement.counted]
        async with stored.acquire() as connection:
            rows = await connection.fetch(statement.sql, *statement.parameters)
            assert len(rows) == await connection.fetchval(statement.count_sql, *counted)
        found.append({r["id"] for r in rows})
    assert found == [seen, seen, set()]


def test_a_further_type_keeps_its_personal_fields_and_those_of_its_own() -> None:
    names = ("name", "ward", "load", "level", "free")
    both = Entity(tenant=TENANT, id="urn:x", types=("Thing", "Patient"), agency="urn:a", area="1", version=1,
                  attrs={n: Attribute(value=1) for n in names})  # fmt: skip

    def shown(*permissions: str, kind: Literal["person", "system"] = "person") -> set[str]:
        actor = Actor(tenant=TENANT, id="x", kind=kind, grants=(Grant("r", frozenset(permissions)),))
        access = Rights(KINDS).to_read(actor, "Thing")
        assert access is not None
        assert access.is_personal(both)
        assert access.personal_in(both) == {"name", "load"}
        return set(access.show(both).attrs)

    assert shown("entity.read") == {"free"}
    assert shown("entity.read", "patient.read") == {"free", "ward"}
    assert shown("entity.read", "patient.read", "patient.personal") == {"free", "ward", "name", "load"}
    assert shown("*", kind="system") == set(names)


def _later(at: Instant) -> Instant:
    return at + timedelta(hours=1)


def test_a_field_is_not_both_public_and_personal() -> None:
    class Odd(Record, frozen=True, kw_only=True):
        """Says two things at once."""

        TYPE: ClassVar[TypeInfo] = TypeInfo("Odd", Label("Lạ", "Odd"), public=True)

        phone: Annotated[str | None, Field(Label("Số", "Phone"), personal=True, public=True)] = None

    with pytest.raises(ConfigurationError, match="phone"):
        describe(Odd)
