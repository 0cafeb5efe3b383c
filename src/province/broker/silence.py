"""Sources that fell silent: one alert for all of an agency in an area, which is over when they speak again.

A source is silent when it was in service, has spoken before, and has not for several times its own rhythm. Its rhythm
is the median pause of the last day that was looked at (`quality`); where none is known, the declaration's patience
counts. Where nearly everything is silent at once, it is not the sources: there is one alert then, of the way by which
readings come in. What was invented never makes up one alert with what is real.
"""

from __future__ import annotations

import asyncio
import hashlib
import logging
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

import asyncpg
import msgspec

from province.broker.broker import Broker, ParametersAt
from province.broker.database import LOST, Connection
from province.errors import Conflict, ProvinceError, Unavailable
from province.history.latest import table_name
from province.model.actor import system
from province.model.change import Change
from province.model.entity import ORIGINS
from province.model.geometry import point
from province.model.query import Query, Where
from province.model.record import change, create, move, to_record
from province.model.schema import EntityType, describe
from province.model.time import Instant, format_instant, now
from province.pack import Pack, Parameters, Silence
from province.vocab.alert import OPEN, Alert

log = logging.getLogger(__name__)

EVERY_S: Final = 60.0
SHARE_OF_TIME: Final = 20
"""A look that takes long is taken seldom: the pause is at least so many times as long."""
NAMED: Final = 20
"""Silent sources that an alert names."""
_SIMULATED: Final = ORIGINS.index("simulated")


@dataclass(slots=True)
class Quiet:
    """The silent sources of one agency in one area. total: of all that ever spoke.  since: when the first fell silent.

    named: ids, the longest silent first.  shared: the gateway that most of them have.
    """

    agency: str | None
    area: str | None
    simulated: bool
    count: int = 0
    total: int = 0
    since: Instant | None = None
    named: list[str] = field(default_factory=list)
    shared: str | None = None
    place: tuple[float, float] | None = None


Key = tuple[str | None, str | None, bool]


class Silences:
    """The silences that packs declare. One per installation at a time; a second one is refused by the alerts' ids."""

    def __init__(self, broker: Broker, packs: Sequence[Pack], parameters: ParametersAt) -> None:
        self._broker = broker
        self._parameters = parameters
        self._declared = [(pack, one) for pack in packs for one in pack.silences]

    async def run(self, tenants: Callable[[], Awaitable[Sequence[str]]]) -> None:
        """Look until cancelled; a lost database is waited for."""
        while True:
            began = time.monotonic()
            try:
                for tenant in await tenants():
                    for pack, one in self._declared:
                        await self.look(tenant, pack, one)
            except (Unavailable, asyncpg.PostgresError, *LOST) as error:
                log.warning("silence is not looked for", extra={"error": repr(error)[:300]})
            except ProvinceError as error:
                log.warning("an alert of silence was refused", extra={"error": str(error)[:300]})
            await asyncio.sleep(max(EVERY_S, SHARE_OF_TIME * (time.monotonic() - began)))

    async def look(self, tenant: str, pack: Pack, one: Silence) -> int:
        """One look. Returns how many alerts were raised, changed or ended."""
        at = now()
        params = self._parameters(pack.name, at)
        groups: dict[Key, Quiet] = {}
        for record in one.of:
            async with self._broker.pool.acquire() as connection:
                for found in await _quiet(connection, tenant, describe(record), one, params, at):
                    _add(groups, found)
        rule = f"{pack.name}.{one.name}"
        actor = system(tenant, rule)
        where = (Where("rule", "==", rule), Where("status", "in", list(OPEN)))
        page = await self._broker.query(Query(types=("Alert",), where=where, limit=1000, latest=False), actor)
        standing = {_key_of(e.agency, to_record(Alert, e)): to_record(Alert, e) for e in page.items}
        silent = _everywhere(groups, params)
        changes = decide(one, rule, silent, standing, params, at, await self._names(silent, tenant))
        for made in changes:
            try:
                await self._broker.apply((made,), actor)
            except Conflict as error:  # a person settled it at this moment: the next look sees it
                log.info("an alert of silence is looked at again", extra={"error": str(error)[:200]})
        return len(changes)

    async def _names(self, groups: Mapping[Key, Quiet], tenant: str) -> dict[str, str]:
        """Names of the areas in which something is silent."""
        ids = sorted({area for _, area, _ in groups if area})[:1000]
        if not ids:
            return {}
        query = Query(ids=tuple(ids), limit=1000, latest=False)
        page = await self._broker.query(query, system(tenant, "silence"))
        return {e.id: str(e.value("name") or "") for e in page.items}


def decide(
    one: Silence,
    rule: str,
    groups: Mapping[Key, Quiet],
    standing: Mapping[Key, Alert],
    params: Parameters,
    at: Instant,
    names: Mapping[str, str],
) -> list[Change]:
    """What the look changes. groups: with silent sources.  standing: the open alerts of this rule. Pure.

    names: of areas, by id.
    """
    changes: list[Change] = []
    for key, group in groups.items():
        values = _values(one, rule, group, params, at, names.get(group.area or "", ""))
        alert = standing.get(key)
        if alert is None:
            changes.append(_raise(rule, one, group, values, at))
        elif (alert.value or {}).get("number") != group.count or alert.severity != values["severity"]:
            changes.append(change(alert, event="alert.counted", **values))
    changes += [
        move(alert, "cleared", at=at, clearedAt=at, value={"number": 0, "unitCode": "C62"})
        for key, alert in standing.items()
        if key not in groups
    ]
    return changes


def _raise(rule: str, one: Silence, group: Quiet, values: dict[str, Any], at: Instant) -> Change:
    whose = f"{rule}\n{group.agency}\n{group.area}\n{group.simulated}\n{format_instant(at)}"
    alert = Alert(
        id=f"urn:ngsi-ld:Alert:{hashlib.sha256(whose.encode()).hexdigest()[:32]}",
        category="Infra",
        event=one.name,
        urgency="Expected",
        certainty="Observed",
        rule=rule,
        basis="simulated" if group.simulated else "measured",
        area=group.area,
        raisedAt=at,
        **values,
    )
    made = create(alert, agency=group.agency, origin="simulated" if group.simulated else "measured")
    return msgspec.structs.replace(made, event="alert.raised")


def _values(one: Silence, rule: str, group: Quiet, params: Parameters, at: Instant, name: str) -> dict[str, Any]:
    grave = group.count >= params[one.grave_count] and group.count >= params[one.grave_share] * group.total
    whole = group.agency is None and group.area is None and group.shared is None and not group.named
    title = f"{one.title.vi}: {group.count}/{group.total}"
    return {
        "title": f"{title}, kiểm tra đường nhận dữ liệu" if whole else f"{title} – {name}" if name else title,
        "severity": "Severe" if whole else "Moderate" if grave else "Minor",
        "alertSource": group.named[0] if group.named else None,
        "location": point(*group.place) if group.place else None,
        "value": {"number": group.count, "unitCode": "C62", "observedAt": format_instant(at)},
        "evidence": {
            "rule": rule,
            "silent": group.count,
            "of": group.total,
            "since": format_instant(group.since) if group.since else None,
            "at": format_instant(at),
            "sources": group.named,
            "gateway": group.shared,
            "rhythms": params[one.rhythms],
        },
    }


def _everywhere(groups: Mapping[Key, Quiet], params: Parameters) -> Mapping[Key, Quiet]:
    """The groups with silent sources; one group for everything, where nearly everything is silent."""
    silent = {key: group for key, group in groups.items() if group.count}
    for simulated in (False, True):
        mine = {key: g for key, g in groups.items() if key[2] is simulated}
        count, total = sum(g.count for g in mine.values()), sum(g.total for g in mine.values())
        if total >= params["silence_everywhere_of"] and count >= params["silence_everywhere"] * total:
            silent = {key: group for key, group in silent.items() if key[2] is not simulated}
            since = min((g.since for g in mine.values() if g.since), default=None)
            silent[(None, None, simulated)] = Quiet(None, None, simulated, count, total, since)
    return silent


def _add(groups: dict[Key, Quiet], found: Quiet) -> None:
    """Sources of several types, of one agency in one area, are one group."""
    key = (found.agency, found.area, found.simulated)
    group = groups.setdefault(key, Quiet(*key))
    if group.place is None or (found.place is not None and found.count > group.count):
        group.place, group.shared = found.place or group.place, found.shared or group.shared
    group.count += found.count
    group.total += found.total
    group.named = (group.named + found.named)[:NAMED]
    group.since = min((s for s in (group.since, found.since) if s is not None), default=None)


def _key_of(agency: str | None, alert: Alert) -> Key:
    return agency, alert.area, alert.basis == "simulated"


async def _quiet(
    connection: Connection, tenant: str, entity_type: EntityType, one: Silence, params: Parameters, at: Instant
) -> list[Quiet]:
    """Per agency, area and whether it is invented: how many sources of a type are silent, and of how many."""
    names = [spec.name for spec in entity_type.observed]
    if not names:
        return []
    newest = "greatest(" + ", ".join(f'l."{name}_at"' for name in names) + ")"
    invented = " OR ".join(f'l."{name}_origin" IS NOT DISTINCT FROM {_SIMULATED}' for name in names)
    rows = await connection.fetch(
        f"""
        WITH heard AS (
            SELECT e.id, e.agency, coalesce(e.attrs -> 'area' ->> 'value', e.area) AS area, ({invented}) AS invented,
                   e.attrs -> 'gateway' ->> 'value' AS gateway, center(e.bounds) AS place, {newest} AS at,
                   greatest($4::float8,
                            coalesce($5::float8 * (q.inputs ->> 'period_s')::float8, $6::float8)) AS patience
            FROM {table_name(entity_type)} l JOIN entity e ON e.tenant = l.tenant AND e.id = l.entity
            LEFT JOIN quality q ON q.tenant = l.tenant AND q.kind = 'device' AND q.source = l.entity
            WHERE l.tenant = $1 AND e.type = $2 AND coalesce(e.attrs -> 'lifecycle' ->> 'value', $7) = $7
        ), said AS (
            SELECT *, at < $3::timestamptz - make_interval(secs => patience) AS quiet FROM heard WHERE at IS NOT NULL
        )
        SELECT agency, area, invented, count(*) AS total, count(*) FILTER (WHERE quiet) AS count,
               min(at) FILTER (WHERE quiet) AS since,
               mode() WITHIN GROUP (ORDER BY gateway) FILTER (WHERE quiet) AS shared,
               (array_agg(id ORDER BY at, id) FILTER (WHERE quiet))[1:{NAMED}] AS named,
               avg(place[0]) FILTER (WHERE quiet) AS lon, avg(place[1]) FILTER (WHERE quiet) AS lat
        FROM said GROUP BY agency, area, invented
        """,  # noqa: S608 - names of our own declarations, quoted, and placeholders
        tenant,
        entity_type.name,
        at,
        float(params[one.patience]),
        float(params[one.rhythms]),
        float(one.after_s),
        one.in_service,
        timeout=300,
    )
    return [
        Quiet(
            row["agency"], row["area"], row["invented"], row["count"], row["total"], row["since"],
            list(row["named"] or ()), row["shared"],
            None if row["lon"] is None else (round(row["lon"], 6), round(row["lat"], 6)),
        )
        for row in rows
    ]  # fmt: skip
