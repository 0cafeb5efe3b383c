"""From what a chunk brings to what the product holds: entities found, rights, changes applied, readings observed.

Nothing here is done twice: changes are upserts under idempotency keys, and readings that the lake holds already are
left out. A run begins only when the lake holds all that the stream was given, so a chunk that is in doubt after a
crash is recognised by what it says.
"""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, Protocol

import msgspec
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from province.adapters.tables import reasons
from province.adapters.tables.folder import Folder, State
from province.adapters.tables.parcel import ITEM, Parcel, bare
from province.broker.door import Remembers
from province.broker.plan import step
from province.errors import InvalidInput, NotAllowed, NotSignedIn, ProvinceError, Unavailable
from province.identity import policy
from province.model.actor import Actor
from province.model.change import Change, Changed
from province.model.entity import Entity
from province.model.mapping import Mapping as FileMapping
from province.model.observation import Acknowledged
from province.model.query import Query, Where, pages
from province.model.schema import EntityType
from province.model.time import now

_PART: Final = 250
"""Changes in flight at once: other callers' writes find room between them."""
_PATIENCE_S: Final = (0.5, 2.0, 5.0)
EFFECTS: Final = pa.schema(
    [("id", pa.string()), ("type", pa.string()), ("version", pa.int64()), ("created", pa.bool_())]
)

Known = Callable[[str, pa.Table], Awaitable[Any]]
"""(tenant, readings) → numpy mask of those that the lake holds already, with the same value."""


class Door(Remembers, Protocol):
    """The part of the broker that imports use."""

    @property
    def types(self) -> Mapping[str, EntityType]: ...
    async def apply(
        self, changes: Sequence[Change], actor: Actor, *, key: str | None = None
    ) -> tuple[Changed, ...]: ...
    async def apply_each(
        self, changes: Sequence[Change], actor: Actor, *, key: str | None = None
    ) -> list[Changed | ProvinceError]: ...
    async def observe(
        self, table: pa.Table, actor: Actor, *, key: str | None = None, source: str = "http"
    ) -> Acknowledged: ...


@dataclass(slots=True)
class Carrier:
    """Carries the chunks of one import. id: of the import; keys are made of it."""

    door: Door
    known: Known
    actor: Actor
    id: str
    mapping: FileMapping
    folder: Folder
    state: State
    run: str = field(default_factory=lambda: secrets.token_hex(8))
    sent: dict[str, bytes] = field(default_factory=dict)
    """The last change of an entity in this run: a table that repeats it on every line writes it once."""

    async def carry(self, parcel: Parcel) -> None:
        """Carry a chunk; what is refused is added to the parcel, what is done to the state."""
        before = await self._find(parcel)
        effects = await (self._try(parcel, before) if self.state.trial else self._apply(parcel, before))
        if not self.state.trial:
            self.folder.write_chunk("effects", self.state.chunk, effects)
        if parcel.readings is not None:
            await self._measure(parcel, before)

    # --- records -----------------------------------------------------------------------------------------------------

    async def _find(self, parcel: Parcel) -> dict[str, Entity]:
        """The entities that the rows are about, as they are. Rows found by a key get that entity's id."""
        if parcel.keys:
            by_key = await self._by_key(list(parcel.keys.values()))
            for i, values in parcel.keys.items():
                found = by_key.get(msgspec.json.encode(values))
                if found is not None:
                    old = parcel.changes[i].id
                    parcel.changes[i] = msgspec.structs.replace(parcel.changes[i], id=found.id)
                    parcel.readings = _renamed(parcel.readings, i, old, found.id)
        ids = list(dict.fromkeys(c.id for c in parcel.changes.values()))
        before: dict[str, Entity] = {}
        for start in range(0, len(ids), 1000):
            query = Query(ids=tuple(ids[start : start + 1000]), limit=1000, latest=False)
            before.update({e.id: e for e in (await self.door.query(query, self.actor)).items})
        return before

    async def _by_key(self, keys: list[tuple[Any, ...]]) -> dict[bytes, Entity]:
        names = self.mapping.key
        found: dict[bytes, Entity] = {}
        values = [sorted({str(k[n]) for k in keys if k[n] is not None}) for n in range(len(names))]
        for start in range(0, len(values[0]), 200):
            terms = [Where(names[0], "in", values[0][start : start + 200])]
            terms += [Where(n, "in", v) for n, v in zip(names[1:], values[1:], strict=True) if len(v) <= 200]
            query = Query(types=(self.mapping.type,), where=tuple(terms), limit=1000, latest=False)
            async for page in pages(self.door.query, query, self.actor):
                for one in page.items:
                    found[msgspec.json.encode(tuple(one.value(n) for n in names))] = one
        return found

    def _prepared(self, parcel: Parcel, before: Mapping[str, Entity]) -> list[tuple[int, Change]]:
        """Changes that are not the same as the last one of their entity; new entities get their owner."""
        own = self.mapping.agency or next((g.agency for g in self.actor.grants if g.agency), None)
        result = []
        for i, change in sorted(parcel.changes.items()):
            mark = msgspec.json.encode(change.attrs, order="deterministic")
            if self.sent.get(change.id) == mark:
                continue
            if len(self.sent) > 200_000:
                self.sent.clear()
            self.sent[change.id] = mark
            if change.id not in before and own is not None:
                change = msgspec.structs.replace(change, agency=own)
            result.append((i, change))
        return result

    async def _apply(self, parcel: Parcel, before: Mapping[str, Entity]) -> pa.Table:
        todo = self._prepared(parcel, before)
        versions = {id: e.version for id, e in before.items()}
        effects: list[dict[str, Any]] = []
        for start in range(0, len(todo), _PART):
            part = todo[start : start + _PART]
            key = f"import {self.id} {self.state.chunk} {start}"
            answers = await self.door.apply_each([c for _, c in part], self.actor, key=key)
            for (i, change), answer in zip(part, answers, strict=True):
                if isinstance(answer, ProvinceError):
                    parcel.refuse(i, reasons.of_error("", answer))
                    self.sent.pop(change.id, None)
                    continue
                unchanged = not answer.created and versions.get(change.id) == answer.version
                self._count(answer.created, unchanged)
                versions[change.id] = answer.version
                if not unchanged:
                    effects.append(
                        {"id": answer.id, "type": answer.type, "version": answer.version, "created": answer.created}
                    )
        return pa.Table.from_pylist(effects, schema=EFFECTS)

    async def _try(self, parcel: Parcel, before: Mapping[str, Entity]) -> None:
        """What `_apply` would come to, without writing: the broker's own plan, and the caller's rights."""
        at = now()
        current: dict[str, Entity | None] = dict(before)
        for i, change in self._prepared(parcel, before):
            entity_type = self.door.types.get(change.type)
            old = current.get(change.id)
            noun = entity_type.noun if entity_type else "entity"
            try:
                owner = old.agency if old is not None else change.agency
                verb = "create" if old is None else "change"
                policy.require(
                    self.actor, f"{noun}.{verb}", agency=owner, area=old.area if old else None, entity=change.id
                )
                planned = step(self.actor.tenant, change, old, entity_type, at)
            except ProvinceError as error:
                parcel.refuse(i, reasons.of_error("", error))
                continue
            self._count(old is None, planned.skipped)
            current[change.id] = planned.after

    def _count(self, created: bool, unchanged: bool) -> None:
        if created:
            self.state.created += 1
        elif unchanged:
            self.state.unchanged += 1
        else:
            self.state.changed += 1

    # --- readings ----------------------------------------------------------------------------------------------------

    async def _measure(self, parcel: Parcel, before: Mapping[str, Entity]) -> None:
        table = parcel.readings
        assert table is not None
        refused = np.zeros(parcel.rows, np.bool_)
        refused[list(parcel.refused)] = True
        table = table.filter(pa.array(~refused[table.column(ITEM).to_numpy()]))
        if not table.num_rows:
            return
        if self.state.trial:
            table = await self._recognise(parcel, table, before)
        held = await self.known(self.actor.tenant, bare(table))
        self.state.known += int(held.sum())
        send = table.filter(pa.array(~held))
        if self.state.trial:
            self.state.readings += send.num_rows
            return
        if not send.num_rows:
            return
        try:
            done = await self._send(bare(send))
        except (NotAllowed, NotSignedIn) as error:
            for i in dict.fromkeys(send.column(ITEM).to_pylist()):
                parcel.refuse(i, reasons.of_error("", error))
            return
        self.state.readings += done.accepted
        items = send.column(ITEM)
        for one in done.rejected:
            why = InvalidInput(one.reason, field=one.field)
            parcel.refuse(items[one.row].as_py(), reasons.of_error("", why))

    async def _send(self, table: pa.Table) -> Acknowledged:
        """Observe; what the stream may have kept without saying so is sent again under the same key."""
        key = f"import {self.id} {self.run} {self.state.chunk}"
        for wait_s in _PATIENCE_S:
            try:
                return await self.door.observe(table, self.actor, key=key, source="import")
            except Unavailable:
                await asyncio.sleep(wait_s)
        return await self.door.observe(table, self.actor, key=key, source="import")

    async def _recognise(self, parcel: Parcel, table: pa.Table, before: Mapping[str, Entity]) -> pa.Table:
        """A trial refuses readings of entities that neither stand in the register nor come with the file."""
        coming = {c.id for c in parcel.changes.values()} | set(self.sent) | set(before)
        wanted = [e for e in pc.unique(table.column("entity")).to_pylist() if e not in coming]
        there: set[str] = set()
        for start in range(0, len(wanted), 1000):
            query = Query(ids=tuple(wanted[start : start + 1000]), limit=1000, latest=False)
            there |= {e.id for e in (await self.door.query(query, self.actor)).items}
        absent = set(wanted) - there
        if not absent:
            return table
        wrong = pc.is_in(table.column("entity"), pa.array(sorted(absent), pa.string()))
        for i in dict.fromkeys(table.filter(wrong).column(ITEM).to_pylist()):
            error = InvalidInput("the entity is not registered.", field="entity", remedy="Import or register it first.")
            parcel.refuse(i, reasons.of_error("", error))
        return table.filter(pc.invert(wrong))


def _renamed(table: pa.Table | None, item: int, old: str, new: str) -> pa.Table | None:
    """Readings of a row under the id of the entity that its key found."""
    if table is None or old == new:
        return table
    mine = pc.and_(pc.equal(table.column(ITEM), item), pc.equal(table.column("entity"), old))
    entity = pc.if_else(mine, new, table.column("entity"))
    return table.set_column(table.column_names.index("entity"), "entity", entity)
