"""An indicator over the entities of one type: one number, or one per area, with what it rests on.

Values that count (measured, reported, imported) and values that do not (simulated, estimated, forecast) are computed
apart and never added up. What machines measure is of the origin of the reading; a record is of the origin of its title,
or, where a plan counts, of its first value that does not count.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from province.broker.database import Connection
from province.history.latest import table_name
from province.model.entity import COUNTS_TOWARDS_PLAN, ORIGINS
from province.model.goal import Measured
from province.model.schema import EntityType
from province.model.time import Instant
from province.pack import Indicator

TIMEOUT_S = 300.0
"""A value of the plan is computed in the background: a million entities take seconds, on a busy machine longer."""
_UNREAL: Sequence[str] = tuple(one for one in ORIGINS if one not in COUNTS_TOWARDS_PLAN)
_OF_READING = " ".join(f"WHEN {n} THEN '{one}'" for n, one in enumerate(ORIGINS) if one in _UNREAL)
_PATH = "$.*.origin ? (" + " || ".join(f'@ == "{one}"' for one in _UNREAL) + ")"
_OF_ANY = f"jsonb_path_query_first(m.attrs, '{_PATH}') #>> '{{}}'"
"""The first origin among an entity's attributes that does not count, or NULL."""


@dataclass(frozen=True, slots=True)
class Part:
    """A number and what it rests on. value: None without anything to compute it from.

    sources: entities that gave a value.  total: entities looked at.  oldest, newest: when the values were measured.
    """

    value: float | None
    sources: int
    total: int
    oldest: Instant | None = None
    newest: Instant | None = None


NOTHING = Part(None, 0, 0)


Under = Callable[[str | None, str | None], str | None]
"""(area that an entity names, stamp of where it stands) → the area under which it is told, or None."""


@dataclass(frozen=True, slots=True)
class AreaPart:
    """The same for one area. area: id of the Area, None where entities name none."""

    area: str | None
    counted: Part
    uncounted: Part


@dataclass(frozen=True, slots=True)
class Figure:
    """counted: of values that may count.  uncounted: of simulated, estimated and forecast ones.

    excluded: origin → entities whose values do not count.
    over: of a share of what is measured: the two figures that were divided.
    """

    indicator: Indicator
    counted: Part
    uncounted: Part
    areas: tuple[AreaPart, ...]
    at: Instant
    excluded: Mapping[str, int]
    over: tuple[Figure, Figure] | None = None


async def figure(
    connection: Connection,
    tenant: str,
    indicator: Indicator,
    entity_type: EntityType,
    matching: str,
    parameters: Sequence[Any],
    at: Instant,
    under: Under = lambda named, stamp: named,
    *,
    whole: bool = False,
) -> Figure:
    """Compute an indicator. matching: SQL that counts the entities it is about, `SELECT count(*) FROM …`.

    under: from the area that an entity names and the stamp of where it stands to the area under which it is told.
    whole: a record counts only when all of its values do.
    """
    chosen = matching.replace("SELECT count(*)", "SELECT e.id, e.attrs, e.area AS stamp", 1)
    title = entity_type.info.title.replace("'", "''")
    unreal_ones = ", ".join(f"'{one}'" for one in _UNREAL)
    of_title = f"(m.attrs -> '{title}' ->> 'origin')"
    unreal = _OF_ANY if whole else f"CASE WHEN {of_title} IN ({unreal_ones}) THEN {of_title} END"
    measured, value = "NULL::timestamptz", "1.0::float8"
    fresh = "true"
    first = len(parameters) + 1
    extra: list[Any] = [tenant]
    join = ""
    spec = entity_type.fields.get(indicator.field) if indicator.field else None
    if entity_type.observed and (indicator.measure == "silent" or (spec is not None and spec.field.observed)):
        join = f" LEFT JOIN {table_name(entity_type)} l ON l.tenant = ${first} AND l.entity = m.id"
        if indicator.within_s:
            extra.append(indicator.within_s)
            fresh = f"{{at}} >= now() - make_interval(secs => ${first + 1})"
        if indicator.measure == "silent":
            measured = "greatest(" + ", ".join(f'l."{one.name}_at"' for one in entity_type.observed) + ")"
            value = f"CASE WHEN {measured} IS NULL OR NOT ({fresh.format(at=measured)}) THEN 1.0::float8 END"
        elif spec is not None:
            measured = f'l."{spec.name}_at"'
            value = f'CASE WHEN {fresh.format(at=measured)} THEN l."{spec.name}" END'
            read = f'CASE l."{spec.name}_origin" {_OF_READING} END'
            unreal = f"CASE WHEN {measured} IS NULL THEN {unreal} ELSE {read} END"
    elif spec is not None:
        value = f"(m.attrs -> '{spec.name}' ->> 'value')::float8"
    if not join:
        extra = []
    hit = "v IS NOT NULL"
    if indicator.measure == "over":
        hit = "v >= ceiling"
    limit = indicator.limit.replace("'", "''")
    ceiling = f"(m.attrs -> '{limit}' ->> 'value')::float8" if limit else "NULL::float8"
    rows = await connection.fetch(
        f"WITH m AS MATERIALIZED ({chosen}), x AS (SELECT m.attrs -> 'area' ->> 'value' AS area, stamp,"  # noqa: S608 - names of declarations and placeholders
        f" {unreal} AS unreal, {value} AS v, {measured} AS at, {ceiling} AS ceiling FROM m{join})"
        f" SELECT area, stamp, unreal, count(*) AS total, count(*) FILTER (WHERE v IS NOT NULL) AS sources,"
        f" count(*) FILTER (WHERE {hit}) AS hits, sum(v) AS sum, min(v) AS min, max(v) AS max,"
        " min(at) FILTER (WHERE v IS NOT NULL) AS oldest, max(at) FILTER (WHERE v IS NOT NULL) AS newest"
        " FROM x GROUP BY area, stamp, unreal",
        *parameters,
        *extra,
        timeout=TIMEOUT_S if whole else None,
    )
    areas: tuple[AreaPart, ...] = ()
    if indicator.by == "area":
        told: dict[str | None, list[Any]] = {}
        for row in rows:
            told.setdefault(under(row["area"], row["stamp"]), []).append(row)
        names = sorted(told, key=lambda a: (a is None, a or ""))
        areas = tuple(
            AreaPart(
                name,
                _part(indicator, [r for r in told[name] if not r["unreal"]]),
                _part(indicator, [r for r in told[name] if r["unreal"]]),
            )
            for name in names
        )
    counted = _part(indicator, [r for r in rows if not r["unreal"]])
    excluded = {o: n for o in _UNREAL if (n := sum(r["total"] for r in rows if r["unreal"] == o))}
    return Figure(indicator, counted, _part(indicator, [r for r in rows if r["unreal"]]), areas, at, excluded)


def together(figures: Sequence[Figure]) -> Figure:
    """One figure of several types; their measure adds up (`Indicator.also`)."""
    first, *others = figures
    if not others:
        return first
    names = dict.fromkeys(one.area for f in figures for one in f.areas)
    areas = tuple(
        AreaPart(
            name,
            _sum([one.counted for f in figures for one in f.areas if one.area == name]),
            _sum([one.uncounted for f in figures for one in f.areas if one.area == name]),
        )
        for name in names
    )
    excluded = {o: n for o in _UNREAL if (n := sum(f.excluded.get(o, 0) for f in figures))}
    return Figure(
        first.indicator, _sum([f.counted for f in figures]), _sum([f.uncounted for f in figures]), areas, first.at,
        excluded,
    )  # fmt: skip


def divided(found: Figure, base: Figure) -> Figure:
    """The figure as a percentage of another one: it rests on what the other one rests on.

    What counts is divided by what counts, and what does not by what does not.
    """
    above = {a.area: a for a in found.areas}
    none = AreaPart(None, NOTHING, NOTHING)
    areas = tuple(
        AreaPart(b.area, _over(a.counted, b.counted), _over(a.uncounted, b.uncounted))
        for b in base.areas
        for a in (above.get(b.area, none),)
    )
    counted, uncounted = _over(found.counted, base.counted), _over(found.uncounted, base.uncounted)
    return replace(found, counted=counted, uncounted=uncounted, areas=areas, excluded=base.excluded, over=(found, base))


def _over(part: Part, base: Part) -> Part:
    """None where the base is 0 or not known, or where something is there above whose value nobody knows."""
    above = 0.0 if part.value is None and not part.total else part.value
    value = 100.0 * above / base.value if above is not None and base.value else None
    return Part(
        value, base.sources, base.total, min((t for t in (part.oldest, base.oldest) if t), default=None),
        max((t for t in (part.newest, base.newest) if t), default=None),
    )  # fmt: skip


def shared(found: Figure) -> Figure:
    """The figure as a percentage of the number that its indicator names."""
    per = found.indicator.per
    if not per or isinstance(per, Indicator):
        return found

    def part(one: Part) -> Part:
        return one if one.value is None else replace(one, value=100.0 * one.value / per)

    areas = tuple(AreaPart(a.area, part(a.counted), part(a.uncounted)) for a in found.areas)
    return replace(found, counted=part(found.counted), uncounted=part(found.uncounted), areas=areas)


def _sum(parts: Sequence[Part]) -> Part:
    values = [p.value for p in parts if p.value is not None]
    return Part(
        sum(values) if values else None,
        sum(p.sources for p in parts),
        sum(p.total for p in parts),
        min((p.oldest for p in parts if p.oldest), default=None),
        max((p.newest for p in parts if p.newest), default=None),
    )


def from_figure(figure: Figure) -> Measured:
    """A figure as a plan counts it: what does not count is told beside it."""
    return Measured(
        indicator=figure.indicator.name,
        value=figure.counted.value,
        unit=figure.indicator.unit,
        at=figure.at,
        counted=figure.counted.sources,
        excluded=figure.excluded,
    )


def _part(indicator: Indicator, rows: Sequence[Any]) -> Part:
    if not rows:
        return Part(0.0, 0, 0) if indicator.measure == "count" else NOTHING
    total = sum(row["total"] for row in rows)
    sources = sum(row["sources"] for row in rows)
    given = [row for row in rows if row["sources"]]
    oldest = min((row["oldest"] for row in given if row["oldest"]), default=None)
    newest = max((row["newest"] for row in given if row["newest"]), default=None)
    value: float | None
    if indicator.measure in ("count", "silent"):
        value = float(sources)
    elif not sources:
        value = None
    elif indicator.measure == "over":
        value = float(sum(row["hits"] for row in rows))
    elif indicator.measure == "sum":
        value = sum(row["sum"] for row in given)
    elif indicator.measure == "mean":
        value = sum(row["sum"] for row in given) / sources
    elif indicator.measure == "max":
        value = max(row["max"] for row in given)
    else:
        value = min(row["min"] for row in given)
    return Part(value, sources, total, oldest, newest)
