"""Cases of a pack: `cases/*.yaml`, each a list of situations in plain values, and raw payloads for its feeds.

    - case: A pothole goes to the People's Committee of its ward
      now: 2026-11-24T01:00:00Z
      rule: report.created            # or  action: report.resolve   or  feed: open311   or  round: gathering
      record: {type: Report, id: "urn:…", title: …}
      reads: {areas: [{type: Area, …}], agencies: []}
      inputs: {note: …}               # of an action
      payload: requests.json          # of a feed: a file beside the case
      actor: anonymous                # agency, nonce, files and params may be given too
      expect:
        - change: {op: merge, event: report.assigned, attrs: {status: assigned}}
        - notice: {to: "urn:…"}
        - observation: {entity: "urn:…", attribute: pm25, number: 12.5}
      fails: {error: Conflict, field: status}      # instead of `expect`

The groups of a round are compared one after the other, as one list.
Expectations are partial: what they name must be equal. Changes, notices and jobs must be as many as expected and in
that order; observations must be among those read, and `readings` says how many there are.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from functools import cache
from importlib.resources import files
from importlib.resources.abc import Traversable
from typing import Any

import msgspec
import pyarrow as pa
import pytest
import yaml

from province import errors
from province.model import parameters
from province.model.change import Change
from province.model.entity import Entity
from province.model.parameters import Parameter
from province.model.record import attributes
from province.model.schema import Record, describe
from province.pack import Action, Context, Decoded, Notice, Pack
from province.vocab import TYPES


class Situation(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """One case, as written."""

    case: str
    now: datetime
    rule: str = ""
    action: str = ""
    feed: str = ""
    round: str = ""
    record: dict[str, Any] | None = None
    reads: dict[str, list[dict[str, Any]]] = {}
    inputs: dict[str, Any] = {}
    payload: str = ""
    actor: str = "person:tester"
    agency: str | None = None
    nonce: str = "0123456789abcdef0123456789abcdef"
    files: tuple[str, ...] = ()
    params: dict[str, Any] = {}
    expect: list[dict[str, Any]] | None = None
    readings: int = 0
    fails: dict[str, str] | None = None


def folder(pack: Pack) -> Traversable:
    """Where a pack lives."""
    return files(f"province.packs.{pack.name}")


def situations(pack: Pack) -> tuple[Situation, ...]:
    """All cases of a pack, read once."""
    return _read(folder(pack))


@cache
def _read(here: Traversable) -> tuple[Situation, ...]:
    cases = sorted((e for e in here.joinpath("cases").iterdir() if e.name.endswith(".yaml")), key=lambda e: e.name)
    return tuple(
        situation
        for entry in cases
        for situation in msgspec.convert(yaml.load(entry.read_text("utf-8"), yaml.CSafeLoader), list[Situation])
    )


def payload(pack: Pack, name: str) -> bytes:
    """A raw payload that stands beside the cases."""
    return folder(pack).joinpath("cases", name).read_bytes()


def dated_constants(pack: Pack) -> tuple[Parameter, ...]:
    """The parameters of a pack, read once."""
    return _parsed(folder(pack).joinpath("params.yaml"))


@cache
def _parsed(file: Traversable) -> tuple[Parameter, ...]:
    return parameters.parse(file.read_text("utf-8"))


def surroundings(pack: Pack, situation: Situation) -> Context:
    """The context of a case, with the parameters in force at its time."""
    return Context(
        now=situation.now,
        params={**parameters.at(dated_constants(pack), situation.now), **situation.params},
        actor=situation.actor,
        agency=situation.agency,
        files=situation.files,
        nonce=situation.nonce,
    )


def read_record(pack: Pack, given: Mapping[str, Any]) -> Record:
    """A typed record from the plain values of a case."""
    kinds = {describe(t).name: t for t in (*TYPES, *pack.types)}
    values = dict(given)
    return msgspec.convert(values, kinds[values.pop("type")])


def entity_of(record: Record) -> Entity:
    """The record as an entity, as a round that asks for any type is given it."""
    return Entity(tenant="t", id=record.id, types=(describe(type(record)).name,), attrs=attributes(record))


def find_action(pack: Pack, name: str) -> Action:
    """The action of that name."""
    return next(a for a in pack.actions if a.name == name)


def play(pack: Pack, situation: Situation) -> tuple[list[Any], list[dict[str, Any]]]:
    """Let the pack's logic act; gives effects and readings."""
    context = surroundings(pack, situation)
    if situation.feed:
        feed = next(f for f in pack.feeds if f.name == situation.feed)
        decoded: Decoded = feed.decode(payload(pack, situation.payload), context=context)
        return list(decoded.changes), readings(decoded.observations)
    reads: dict[str, tuple[Any, ...]]
    reads = {name: tuple(read_record(pack, r) for r in rows) for name, rows in situation.reads.items()}
    if situation.round:
        one = next(r for r in pack.rounds if r.name == situation.round)
        for ask in one.asks:
            found = reads.get(ask.name, ())
            reads[ask.name] = found if ask.record is not None else tuple(entity_of(r) for r in found)
        return [change for group in one.do(context=context, **reads) for change in group], []
    record = () if situation.record is None else (read_record(pack, situation.record),)
    if situation.action:
        action = find_action(pack, situation.action)
        return list(action.do(*record, context=context, **reads, **situation.inputs)), []
    effects: list[Any] = []
    for rule in pack.rules:
        if rule.on == situation.rule:
            effects += rule.do(*record, context=context, **{r.name: reads[r.name] for r in rule.reads})
    return effects, []


def readings(table: pa.Table | None) -> list[dict[str, Any]]:
    """The rows of an observation table as plain values."""
    return [] if table is None else table.to_pylist()


def check(pack: Pack, situation: Situation) -> None:
    """Play a case and compare. Raises: AssertionError."""
    if situation.fails is not None:
        kind = getattr(errors, situation.fails["error"])
        with pytest.raises(kind) as caught:
            play(pack, situation)
        assert caught.value.field == situation.fails.get("field"), caught.value
        return
    effects, rows = play(pack, situation)
    expected = situation.expect or []
    wanted = [e for e in expected if "observation" not in e]
    assert len(effects) == len(wanted), f"{situation.case}: {effects}"
    for effect, want in zip(effects, wanted, strict=True):
        compare(plain(effect), want, situation.case)
    assert len(rows) == situation.readings, f"{situation.case}: {len(rows)} readings"
    for want in expected:
        if "observation" in want:
            near = [r for r in rows if all(r[k] == v for k, v in want["observation"].items())]
            assert near, f"{situation.case}: no reading {want['observation']} among {rows}"


def plain(effect: Any) -> dict[str, Any]:
    """An effect in the plain form that cases use."""
    if isinstance(effect, Change):
        values = {f: getattr(effect, f) for f in ("op", "id", "type", "event", "agency", "style", "expect_version")}
        values["attrs"] = {k: None if a is None else a.value for k, a in effect.attrs.items()}
        values["origins"] = sorted({a.origin for a in effect.attrs.values() if a is not None})
        values["counters"] = [c.name for c in effect.counters]
        return {"change": values}
    if isinstance(effect, Notice):
        return {"notice": {"to": effect.to, "about": effect.about, "vi": effect.subject.vi, "en": effect.subject.en}}
    return {"job": {"name": effect.name, "arguments": dict(effect.arguments)}}


def compare(got: Any, want: Any, place: str) -> None:
    """Equality of what `want` names."""
    if isinstance(want, Mapping):
        assert isinstance(got, Mapping), f"{place}: {got!r}"
        for key, value in want.items():
            assert key in got, f"{place}.{key} is absent from {sorted(got)}"
            compare(got[key], value, f"{place}.{key}")
        return
    if isinstance(want, datetime) and isinstance(got, str):
        got = datetime.fromisoformat(got)
    assert got == want, f"{place}: {got!r}, expected {want!r}"
