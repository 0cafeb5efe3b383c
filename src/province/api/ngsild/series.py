"""How the attributes of an entity came to be what they are: instances from records and from the lake."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final

import msgspec
import pyarrow as pa

from province.api.ngsild.period import MAX_INSTANCES, Period
from province.api.ngsild.view import View
from province.api.route import Call
from province.broker.departed import Departed
from province.broker.history import History
from province.model.entity import EXPIRY, NULL, ORIGINS, SCOPE, Attribute, Entity, Json, split_key
from province.model.evolution import TimeProperty, time_of
from province.model.instance import reading_id
from province.model.time import Instant, now

MAX_RECORDS: Final = 100_000
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_TICK: Final = timedelta(microseconds=1)


def forms(call: Call) -> set[str]:
    """The representations that are asked for: `format` goes before the older `options` (6.3.12)."""
    return {call.text("format")} if call.text("format") else set(call.names("options"))


@dataclass(frozen=True, slots=True)
class Chosen:
    """Which attributes are wanted. recorded: () is every one that is not measured, None is none."""

    measured: Sequence[str]
    recorded: Sequence[str] | None
    scoped: bool


def choose(call: Call, entity: Entity, names: Sequence[str], view: View) -> Chosen | None:
    """None: nothing can be shown."""
    declared = call.services.broker.types.get(entity.type)
    measured = [f.name for f in declared.observed] if declared else []
    shown = list(names) or [n for n in view.pick if n not in ("id", "type", "scope")]
    wanted = [n for n in shown if n not in view.omit]
    if shown and not wanted:
        return None
    if view.pick and not shown and SCOPE in view.pick:
        wanted = [SCOPE]
    present = dict.fromkeys(split_key(k)[0] for k in entity.attrs if k != EXPIRY)
    asked = [n for n in measured if not wanted or n in wanted]
    # Records are found by when they were written; what is asked by another time is looked for among all of them.
    recorded = [n for n in wanted or ([] if not asked else present) if n not in measured]
    scoped = not names and SCOPE not in view.omit and (not view.pick or SCOPE in view.pick)
    if scoped and (wanted or asked or recorded):
        recorded.append(SCOPE)
    return Chosen(asked, recorded if recorded or not wanted else None, scoped)


async def read_series(
    call: Call, entity: Entity, period: Period, names: Sequence[str], view: View, departed: Departed | None = None
) -> dict[str, list[Attribute]]:
    """Instances by attribute name, oldest first; of the scope also the one that held when the period began (C.5.16).

    departed: the entity, if it is no more.
    """
    broker = call.services.broker
    chosen = choose(call, entity, names, view)
    if chosen is None:
        return {}
    asked, recorded, scoped = chosen.measured, chosen.recorded, chosen.scoped
    most = max(MAX_INSTANCES, call.services.temporal_instances + 1)
    result: dict[str, list[Attribute]] = {}
    if asked and period.property != "deletedAt":
        history = await broker.history(
            entity.id,
            call.actor,
            attrs=asked,
            start=period.start,
            end=period.end,
            last=period.last,
            limit=most,
            of=departed,
        )
        _add_readings(result, history.readings, entity, named="temporalValues" not in forms(call))
    if recorded is not None:
        written = period.property == "modifiedAt"
        history = await broker.history(
            entity.id,
            call.actor,
            attrs=recorded,
            start=period.start if written else None,
            end=period.end if written else None,
            limit=MAX_RECORDS,
            of=departed,
        )
        _add_records(result, history, entity, period)
        if scoped:
            _add_scopes(result, history, entity, period)
    kept = {}
    for name, instances in result.items():
        held = [
            a
            for a in instances
            if period.holds(a) and (not view.datasets or (a.dataset_id or "@none") in view.datasets)
        ]
        if name == SCOPE and period.start is not None and period.property == "observedAt":
            held = [a for a in instances if a.observed_at is not None and a.observed_at < period.start][-1:] + held
        held.sort(key=lambda a: _order(a, period.property))
        if period.last:
            held = held[-period.last :]
        if held and name not in view.omit:
            kept[name] = held
    return kept


def _order(attribute: Attribute, time_property: TimeProperty) -> Instant:
    return time_of(attribute, time_property) or attribute.modified_at or attribute.created_at or _EPOCH


def _add_readings(result: dict[str, list[Attribute]], table: pa.Table, entity: Entity, *, named: bool) -> None:
    """named: with the ids of instances."""
    columns = [table[name].to_pylist() for name in ("attribute", "dataset", "number", "text", "origin")]
    instants = [_EPOCH + us * _TICK for us in table["observed_at"].cast(pa.int64()).to_pylist()]
    units = {split_key(k)[0]: a.unit_code for k, a in entity.attrs.items()}
    for name, dataset, number, text, origin, at in zip(*columns, instants, strict=True):
        value = msgspec.json.decode(text) if number is None and text is not None else number
        result.setdefault(name, []).append(
            Attribute(
                value=value,
                observed_at=at,
                dataset_id=dataset,
                origin=ORIGINS[origin],
                unit_code=units.get(name),
                created_at=at,
                modified_at=at,
                instance_id=reading_id(entity.id, name, at, dataset) if named else None,
            )
        )


def _add_records(result: dict[str, list[Attribute]], history: History, entity: Entity, period: Period) -> None:
    before: dict[str, Attribute] = {}
    at = now()
    for one in history.records:
        if one.key == EXPIRY or (entity.created_at is not None and one.at < entity.created_at):
            continue  # of an earlier entity with the same id, which was deleted
        name, dataset = split_key(one.key)
        attribute = one.attribute
        if attribute is None:
            old = before.pop(one.key, None)
            if old is None or period.property != "deletedAt":
                continue
            attribute = Attribute(
                type=old.type,
                value={"@none": NULL} if old.type == "LanguageProperty" else NULL,
                created_at=old.created_at,
                deleted_at=one.at,
            )
        else:
            before[one.key] = attribute
            if attribute.expires_at is not None and attribute.expires_at <= at:
                continue  # what was to exist until then is not told later (4.22)
        result.setdefault(name, []).append(
            msgspec.structs.replace(
                attribute,
                dataset_id=dataset,
                created_at=attribute.created_at or one.at,
                modified_at=one.at,
                instance_id=instance_id(one.seq),
            )
        )


def _add_scopes(result: dict[str, list[Attribute]], history: History, entity: Entity, period: Period) -> None:
    """The scope as a Property that has times and nothing else (4.5.6); an empty one was removed."""
    since: Instant | None = None
    before: Json = None
    for one in history.scopes:
        if entity.created_at is not None and one.at < entity.created_at:
            continue
        if one.attribute is not None:
            if one.attribute.value == before:
                continue  # set once more, as what was told of the past came to be the present
            since, before = one.at, one.attribute.value
            set_at = one.attribute.observed_at or one.at
            shown = Attribute(value=before, observed_at=set_at, created_at=one.at, modified_at=one.at)
        elif period.property == "deletedAt":
            before = None
            shown = Attribute(value=[], created_at=since, deleted_at=one.at)
        else:
            continue
        result.setdefault(SCOPE, []).append(shown)


def instance_id(seq: int) -> str:
    """The id of an instance in the history of a record."""
    return f"urn:ngsi-ld:Instance:{seq}"
