"""Correcting what machines measured: change a value, mark readings invalid, delete them, take it back, erase an entity.

Each needs `<noun>.correct` (erasing all of an entity: `<noun>.delete`) and a reason, and is audited. It takes effect in
one transaction everywhere: on reading, in the latest values, and in the hourly sums; the roll-ups by hour and day treat
it as not yet reflected until the next upkeep. The files of the lake follow when upkeep folds it in.
"""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

import asyncpg
import msgspec
import pyarrow as pa
import pyarrow.compute as pc

from province.broker import arrivals
from province.broker.broker import Broker
from province.broker.database import Connection
from province.errors import Conflict, InvalidInput, NotFound
from province.history import area_hours, correction, latest
from province.history.correction import Correction, Kind, amend
from province.history.lake import Lake, Span
from province.identity import audit, commitment, policy
from province.model.actor import Actor
from province.model.entity import Entity
from province.model.schema import EntityType, FieldSpec
from province.model.time import EARLIEST, Instant, format_instant, now

MAX_REASON: Final = 2000
SHOWN: Final = 20
"""So many of the values that a correction replaced are kept with it."""
_TICK = timedelta(microseconds=1)


@dataclass(frozen=True, slots=True)
class Said:
    """A correction as it is shown. was: (when, dataset, value) of the first readings it covered, as they counted."""

    correction: Correction
    type: str
    readings: int
    was: tuple[tuple[str, str | None, Any], ...]
    reason: str
    actor: str
    at: Instant
    folded_at: Instant | None


class Corrections:
    """broker: entities and rights.  lake_of: tenant → its lake."""

    def __init__(self, broker: Broker, lake_of: Callable[[str], Lake]) -> None:
        self._broker = broker
        self._lake_of = lake_of

    async def correct(
        self,
        id: str,
        attribute: str | None,
        actor: Actor,
        *,
        kind: Kind,
        at: Instant,
        until: Instant | None = None,
        dataset: str | None = "",
        value: Any = None,
        reason: str,
    ) -> Said:
        """Say something about the readings at an instant, or in [at, until).

        attribute: None for all measured ones.  dataset: "" for readings without datasetId, None for all of them.
        value: for kind `value`, in the declared unit; the entity then has it instead of what was measured.
        Raises: NotFound (no such entity, attribute, or reading at that instant), NotAllowed, InvalidInput,
        Conflict: what is taken back has been folded into the lake already.
        """
        entity = await self._broker.get(id, actor, latest=False)
        entity_type = self._type_of(entity)
        policy.require(actor, f"{entity_type.noun}.correct", agency=entity.agency, area=entity.area, entity=id)
        specs = _specs(entity_type, attribute)
        if until is not None and until <= at:
            raise InvalidInput("the period ends before it begins.", field="until", remedy="Give a later end.")
        if kind == "value" and (until is not None or attribute is None):
            raise InvalidInput(
                "a value belongs to one reading.", field="value", remedy="Give one attribute and one instant."
            )
        number, text = _stored(specs[0], value) if kind == "value" else (None, None)
        return await self._say(
            entity,
            entity_type,
            specs,
            Correction(
                id=0,
                entity=id,
                attribute=attribute,
                dataset=dataset,
                start=at,
                end=until or at + _TICK,
                kind=kind,
                number=number,
                text=text,
            ),
            actor,
            _reason(reason),
            single=until is None,
        )

    async def erase(self, id: str, actor: Actor, *, reason: str) -> Said:
        """Delete everything that was measured of an entity up to now. The files follow at the next upkeep.

        Raises: NotFound, NotAllowed, InvalidInput.
        """
        entity = await self._broker.get(id, actor, latest=False)
        entity_type = self._type_of(entity)
        policy.require(actor, f"{entity_type.noun}.delete", agency=entity.agency, area=entity.area, entity=id)
        whole = Correction(id=0, entity=id, dataset=None, start=EARLIEST, end=now() + _TICK, kind="delete")
        return await self._say(
            entity, entity_type, list(entity_type.observed), whole, actor, _reason(reason), single=False
        )

    async def list(
        self, id: str, actor: Actor, *, attribute: str | None = None, start: Instant | None = None,
        end: Instant | None = None,
    ) -> list[Said]:  # fmt: skip
        """Corrections of an entity's readings in [start, end) that the caller may see, newest first."""
        entity = await self._broker.get(id, actor, latest=False)
        visible = self._broker.visible(entity, actor)
        async with self._broker.pool.acquire() as connection:
            rows = await connection.fetch(
                "SELECT * FROM correction WHERE tenant = $1 AND entity = $2"
                " AND ($3::text IS NULL OR attribute IS NULL OR attribute = $3)"
                " AND ($4::timestamptz IS NULL OR end_at > $4) AND ($5::timestamptz IS NULL OR start_at < $5)"
                " ORDER BY id DESC LIMIT 1000",
                actor.tenant, id, attribute, start, end,
            )  # fmt: skip
        return [_said(row) for row in rows if row["attribute"] is None or visible(row["attribute"])]

    def _type_of(self, entity: Entity) -> EntityType:
        entity_type = self._broker.types.get(entity.type)
        if entity_type is None or not entity_type.observed:
            raise NotFound(f"nothing of a {entity.type} is measured.", field="id")
        return entity_type

    async def _say(
        self, entity: Entity, entity_type: EntityType, specs: Sequence[FieldSpec], new: Correction, actor: Actor,
        reason: str, *, single: bool,
    ) -> Said:  # fmt: skip
        lake = self._lake_of(entity.tenant)
        span = Span([entity.id], [s.name for s in specs], new.start, new.end)
        async with self._broker.pool.acquire() as connection, connection.transaction():
            await area_hours.hold(connection)
            before = await correction.read(
                connection, entity.tenant, entities=[entity.id], start=new.start, end=new.end
            )
            rows = await asyncio.to_thread(lake.read, span)
            covered = rows.filter(pa.array(correction.decide(rows, [new]) >= 0))
            if single and covered.num_rows == 0:
                raise NotFound(
                    f"{entity.id} has no reading of {new.attribute or 'anything'} at {format_instant(new.start)}.",
                    field="observedAt",
                    remedy="Give the instant exactly as the history shows it, some seconds after it came.",
                )
            if new.kind == "restore":
                await _require_unfolded(connection, entity.tenant, new)
            counted = amend(covered, before)
            salt, bound = _bound(new)
            row = await _insert(connection, entity, new, covered.num_rows, _shown(counted), actor, reason, salt)
            made = msgspec.structs.replace(new, id=row["id"])
            settled = await self._settled(connection, lake, covered)
            await self._move_sums(connection, entity, amend(settled, before), amend(settled, [*before, made]))
            every = await correction.read(connection, entity.tenant, entities=[entity.id])
            await latest.renew(connection, entity.tenant, lake, entity_type, entity.id, specs, every)
            await audit.record(
                connection,
                actor,
                "readings.erased" if new.attribute is None and new.kind == "delete" and not single else _PAST[new.kind],
                entity=entity.id,
                type=entity.type,
                detail={
                    "correction": made.id,
                    "attribute": new.attribute,
                    "from": format_instant(new.start),
                    "until": format_instant(new.end),
                    "readings": covered.num_rows,
                    "reason": reason,
                    **bound,
                },
            )
        return _said(row)

    async def _settled(self, connection: Connection, lake: Lake, rows: pa.Table) -> pa.Table:
        """Without readings that are in the lake and not yet in the sums: the writer adds those as corrected.

        They are told by their position. In the moments in which a new life of the stream gives the same numbers again,
        a reading of the life before may be taken for one of them.
        """
        position = await connection.fetchrow("SELECT stream, sequence FROM lake_position ORDER BY at DESC LIMIT 1")
        if position is None:
            return rows.slice(0, 0)
        committed = await asyncio.to_thread(lake.committed, position["stream"])
        if committed is None or committed <= position["sequence"]:
            return rows
        return rows.filter(pc.or_(pc.less_equal(rows["seq"], position["sequence"]), pc.greater(rows["seq"], committed)))

    async def _move_sums(self, connection: Connection, entity: Entity, before: pa.Table, after: pa.Table) -> None:
        former = await connection.fetch(
            "SELECT until, agency, area FROM place_before WHERE tenant = $1 AND entity = $2 ORDER BY until",
            entity.tenant, entity.id,
        )  # fmt: skip
        places = [(row["agency"], row["area"]) for row in former] + [(entity.agency, entity.area)]
        limits = [row["until"] for row in former]
        for rows, sign in ((before, -1), (after, 1)):
            parts = [rows] if not limits else await _by_arrival(connection, entity.tenant, rows, limits)
            for part, place in zip(parts, places, strict=True):
                found = area_hours.sums(part, {entity.id: place})
                await area_hours.add(connection, entity.tenant, found, sign=sign)


_PAST: Final = {
    "value": "reading.corrected",
    "invalid": "reading.invalidated",
    "delete": "reading.deleted",
    "restore": "reading.restored",
}


async def _by_arrival(
    connection: Connection, tenant: str, rows: pa.Table, limits: Sequence[datetime]
) -> list[pa.Table]:
    """The rows that came before the first limit, between the first and the second, …, after the last."""
    found = await arrivals.find(connection, tenant, rows["seq"].to_pylist())
    came = {p: one.at for one in found for first, last in one.positions for p in range(first, last + 1)}
    place = [sum(came.get(seq, limits[-1]) >= limit for limit in limits) for seq in rows["seq"].to_pylist()]
    return [rows.filter(pa.array([p == n for p in place], pa.bool_())) for n in range(len(limits) + 1)]


async def _require_unfolded(connection: Connection, tenant: str, new: Correction) -> None:
    folded = await connection.fetchval(
        "SELECT id FROM correction WHERE tenant = $1 AND entity = $2 AND start_at < $4 AND end_at > $3"
        " AND ($5::text IS NULL OR attribute IS NULL OR attribute = $5) AND folded_at IS NOT NULL"
        " AND kind IN ('value', 'delete') ORDER BY id DESC LIMIT 1",
        tenant, new.entity, new.start, new.end, new.attribute,
    )  # fmt: skip
    if folded is not None:
        raise Conflict(
            f"correction {folded} has been folded into the lake.",
            remedy="Enter the value again as a correction: the former one is shown with the correction.",
        )


async def _insert(
    connection: Connection, entity: Entity, new: Correction, readings: int, was: Sequence[Any], actor: Actor,
    reason: str, salt: bytes | None,
) -> asyncpg.Record:  # fmt: skip
    row = await connection.fetchrow(
        "INSERT INTO correction (tenant, entity, type, attribute, dataset, start_at, end_at, kind, number, text,"
        " readings, was, reason, actor, salt) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12::text::jsonb,"
        " $13, $14, $15) RETURNING *",
        entity.tenant, entity.id, entity.type, new.attribute, new.dataset, new.start, new.end, new.kind, new.number,
        new.text, readings, msgspec.json.encode(was).decode(), reason, actor.id, salt,
    )  # fmt: skip
    assert row is not None
    return row


def _bound(new: Correction) -> tuple[bytes | None, dict[str, str]]:
    """The salt that is kept beside a value that is entered, and what the audit holds in its stead."""
    if new.kind != "value":
        return None, {}
    salt = secrets.token_bytes(commitment.SALT_BYTES)
    return salt, {"commitment": commit(salt, new.attribute, new.number, new.text)}


def commit(salt: bytes, attribute: str | None, number: float | None, text: str | None) -> str:
    """The commitment to the value of a correction."""
    value = text.encode() if text is not None else commitment.text_of(number)
    return commitment.commit(salt, attribute or "", value)


def _shown(rows: pa.Table) -> list[tuple[str, str | None, Any]]:
    rows = rows.slice(0, SHOWN)
    columns = [rows[name].to_pylist() for name in ("observed_at", "dataset", "number", "text")]
    return [
        (format_instant(at), dataset, msgspec.json.decode(text) if number is None and text is not None else number)
        for at, dataset, number, text in zip(*columns, strict=True)
    ]


def _said(row: asyncpg.Record) -> Said:
    was = msgspec.json.decode(row["was"])
    return Said(
        Correction(
            id=row["id"],
            entity=row["entity"],
            attribute=row["attribute"],
            dataset=row["dataset"],
            start=row["start_at"],
            end=row["end_at"],
            kind=row["kind"],
            number=row["number"],
            text=row["text"],
        ),
        row["type"],
        row["readings"],
        tuple((at, dataset, value) for at, dataset, value in was),
        row["reason"],
        row["actor"],
        row["at"],
        row["folded_at"],
    )


def _specs(entity_type: EntityType, attribute: str | None) -> list[FieldSpec]:
    if attribute is None:
        return list(entity_type.observed)
    spec = entity_type.fields.get(attribute)
    if spec is None or not spec.field.observed:
        raise NotFound(f"{entity_type.name} measures no {attribute[:64]!r}.", field="attribute")
    return [spec]


def _stored(spec: FieldSpec, value: Any) -> tuple[float | None, str | None]:
    """number and text as the lake holds them. Raises: InvalidInput."""
    if spec.value in ("number", "integer"):
        if (
            isinstance(value, bool)
            or not isinstance(value, int | float)
            or value != value
            or abs(value) == float("inf")
        ):
            raise InvalidInput(f"{value!r} is not a number.", field="value", remedy=f"{spec.name} is a number.")
        low, high = spec.field.minimum, spec.field.maximum
        if (low is not None and value < low) or (high is not None and value > high):
            raise InvalidInput(f"{value} is outside {low}…{high} {spec.unit}.", field="value")
        if spec.value == "integer" and value != int(value):
            raise InvalidInput(f"{value} is not a whole number.", field="value")
        return float(value), None
    if spec.value == "boolean":
        if not isinstance(value, bool):
            raise InvalidInput(f"{value!r} is neither true nor false.", field="value")
        return None, "true" if value else "false"
    if not isinstance(value, str) or "\x00" in value or len(value) > 10_000:
        raise InvalidInput("the value is not a text.", field="value")
    if spec.field.values and value not in spec.field.values:
        raise InvalidInput(
            f"{value!r} is not allowed.", field="value", remedy=f"One of: {', '.join(spec.field.values)}."
        )
    return None, msgspec.json.encode(value).decode()


def _reason(text: str) -> str:
    text = text.strip()
    if not text or len(text) > MAX_REASON or "\x00" in text:
        raise InvalidInput(
            "a reason is needed.", field="reason", remedy=f"Say in 1 to {MAX_REASON} characters why, and who found out."
        )
    return text
