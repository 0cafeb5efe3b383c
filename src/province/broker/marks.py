"""The marks of a map layer as columns: every entity of a type that the caller may see, its place and one value.

A map asks for whole populations again and again. So the columns leave PostgreSQL as a few binary strings (no Python
object per row), and readers with the same rights share them for some seconds.
"""

from __future__ import annotations

import asyncio
import time
from collections import OrderedDict
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from province.broker.broker import Broker
from province.broker.select import compile_query, place_of
from province.errors import NotSignedIn
from province.model.actor import Actor
from province.model.entity import COUNTS_TOWARDS_PLAN, ORIGINS
from province.model.query import Query, Where
from province.model.schema import EntityType, FieldSpec

KEPT_S: Final = 4.0
"""A reader sees values at most this old; a layer that takes long to read is kept longer, see `SHARE`."""
SHARE: Final = 10.0
"""Reading a layer may take a tenth of the time at most, however many look at it."""
LAYERS: Final = 48
_SEPARATOR: Final = "\x1f"
_FLAGGED: Final = np.array([o not in COUNTS_TOWARDS_PLAN for o in ORIGINS])


@dataclass(frozen=True, slots=True)
class Marks:
    """Columns of equal length, by id. lon, lat: middle of the place, degrees.  extended: the place is no point.

    code: place of the value in `names`, 0 for no value, when the field is a text; `number` then is NaN.
    number: the value of a numeric field, NaN for none.  at: when it was measured, NaN unless the field is observed.
    flagged: simulated, estimated or forecast.  field: the field that was read, "" for none.
    read_at, at: seconds since 1970.
    """

    ids: tuple[str, ...]
    lon: npt.NDArray[np.float64]
    lat: npt.NDArray[np.float64]
    extended: npt.NDArray[np.bool_]
    code: npt.NDArray[np.int64]
    names: tuple[str, ...]
    number: npt.NDArray[np.float64]
    at: npt.NDArray[np.float64]
    flagged: npt.NDArray[np.bool_]
    field: str
    read_at: float


_Key = tuple[str, str]


class Layers:
    """Marks by type, field and rights, kept for a few seconds."""

    def __init__(self, broker: Broker) -> None:
        self._broker = broker
        self._kept: OrderedDict[_Key, tuple[float, asyncio.Task[Marks]]] = OrderedDict()

    async def marks(self, type_name: str, field: str, where: tuple[Where, ...], actor: Actor) -> Marks:
        """The marks of a declared type. field: what colours them.

        A field that the caller may not see everywhere is left out, and so is a condition upon one.

        Raises: NotSignedIn when a stranger may read none.
        """
        entity_type = self._broker.types[type_name]
        access = self._broker.access(actor, type_name)
        if access is None and actor.kind == "anonymous":
            raise NotSignedIn("this needs an account.", remedy="Sign in, or send an access token.")
        # A mark says where something is: of those whose place one may not see there is none.
        access = access.narrowed((place_of(entity_type),)) if access is not None else None
        if access is None or not access.shows(place_of(entity_type)):
            return _decode(entity_type, None, (None,) * 8)
        spec = entity_type.fields.get(field)
        if spec is not None and not access.shows(spec.name):
            spec = None
        visible = tuple(w for w in where if access.shows(w.name))
        query = Query(types=(type_name,), where=visible, limit=0, count=True)
        using = [place_of(entity_type), *((spec.name,) if spec is not None else ())]
        statement = compile_query(actor.tenant, query, [access], self._broker.types, many_typed=False, using=using)
        sql = _sql(entity_type, spec, statement.count_sql)
        parameters = statement.parameters[: statement.counted]
        key = (sql, repr(parameters))
        until, task = self._kept.get(key, (0.0, None))
        if task is None or (task.done() and (time.monotonic() > until or task.exception() is not None)):
            # A task of its own: a reader who goes away does not take the answer from those who wait beside them.
            task = asyncio.create_task(self._read(key, entity_type, spec, sql, parameters))
            self._kept[key] = (0.0, task)
            self._kept.move_to_end(key)
            while len(self._kept) > LAYERS:
                self._kept.popitem(last=False)
        return await asyncio.shield(task)

    async def _read(
        self, key: _Key, entity_type: EntityType, spec: FieldSpec | None, sql: str, parameters: list[Any]
    ) -> Marks:
        started = time.monotonic()
        async with self._broker.pool.acquire() as connection:
            row = await connection.fetchrow(sql, *parameters)
        found = await asyncio.to_thread(_decode, entity_type, spec, tuple(row or ()))
        took = time.monotonic() - started
        if key in self._kept:
            self._kept[key] = (time.monotonic() + max(KEPT_S, SHARE * took), self._kept[key][1])
        return found


def _sql(entity_type: EntityType, spec: FieldSpec | None, count_sql: str) -> str:
    """One row of binary columns. Names come from declarations, everything else is a parameter."""
    value, at, origin, join = "NULL::text", "NULL::float8", "NULL::text", ""
    if spec is not None and spec.field.observed:
        column = spec.name.replace('"', '""')
        value, at = f'l."{column}"::text', f'extract(epoch FROM l."{column}_at")::float8'
        origin = f'l."{column}_origin"::text'
        join = f'LEFT JOIN "latest_{entity_type.noun}" l ON l.tenant = $1 AND l.entity = e.id'
    elif spec is not None:
        name = spec.name.replace("'", "''")
        value, origin = f"e.attrs -> '{name}' ->> 'value'", f"e.attrs -> '{name}' ->> 'origin'"
    chosen = f"SELECT e.id, e.bounds, e.attrs FROM {count_sql.partition(' FROM ')[2]} AND e.bounds IS NOT NULL"  # noqa: S608
    numeric = spec is not None and spec.value in ("number", "integer")
    packed = (
        "string_agg(float8send(coalesce(v::float8, 'NaN')), '')" if numeric else "string_agg(coalesce(v, ''), E'\\x1f')"
    )
    return (
        "SELECT string_agg(id, E'\\x1f'), string_agg(float8send(x), ''), string_agg(float8send(y), ''),"  # noqa: S608
        f" string_agg(boolsend(wide), ''), {packed}, string_agg(float8send(coalesce(at, 'NaN')), ''),"
        " string_agg(coalesce(o, ''), E'\\x1f'), count(*) FROM"
        " (SELECT e.id, (center(e.bounds))[0] AS x, (center(e.bounds))[1] AS y,"
        f" width(e.bounds) + height(e.bounds) > 0 AS wide, {value} AS v, {at} AS at, {origin} AS o"
        f" FROM ({chosen}) e {join} ORDER BY e.id) m"
    )


def _decode(entity_type: EntityType, spec: FieldSpec | None, row: tuple[Any, ...]) -> Marks:
    ids, lon, lat, wide, values, at, origins, _ = row
    n = len(lon or b"") // 8
    numeric = spec is not None and spec.value in ("number", "integer")
    code = np.zeros(n, np.int64)
    names: tuple[str, ...] = ("",)
    number = np.full(n, np.nan)
    if n and numeric:
        number = _floats(values)
    elif n and spec is not None:
        code, names = _encode(values.split(_SEPARATOR))
    flagged = np.zeros(n, np.bool_)
    if n and spec is not None:
        kinds, known = _encode(origins.split(_SEPARATOR))
        observed = spec.field.observed
        bad = [bool(k) and bool(_FLAGGED[int(k)] if observed else k not in COUNTS_TOWARDS_PLAN) for k in known]
        flagged = np.array(bad)[kinds]
    return Marks(
        tuple(ids.split(_SEPARATOR)) if n else (),
        _floats(lon),
        _floats(lat),
        np.frombuffer(wide or b"", np.bool_),
        code,
        names,
        number,
        _floats(at),
        flagged,
        spec.name if spec else "",
        time.time(),
    )


def _floats(packed: bytes | None) -> npt.NDArray[np.float64]:
    return np.frombuffer(packed or b"", ">f8").astype(np.float64)


def _encode(texts: list[str]) -> tuple[npt.NDArray[np.int64], tuple[str, ...]]:
    """Texts as places in the tuple of distinct ones; the empty text is always 0."""
    known: dict[str, int] = {"": 0}
    code = np.fromiter((known.setdefault(t, len(known)) for t in texts), np.int64, len(texts))
    return code, tuple(known)
