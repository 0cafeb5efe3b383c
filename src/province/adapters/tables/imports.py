"""Imports: a file is received, described, tried, carried in, and can be taken back.

Every import is an entity (`vocab.transfer.DataImport`) that says who, when, which file, which mapping, which counts.
It runs in the process that was asked, with the rights of whoever asked. When that process dies the import is
interrupted; whoever may change it lets it go on from the chunk where it stopped.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final
from uuid import uuid4

import msgspec
import pyarrow as pa

from province.adapters.tables import entities, raw, rejects
from province.adapters.tables.areas import Areas
from province.adapters.tables.carry import Carrier, Door, Known
from province.adapters.tables.folder import Folder, Shelf, State
from province.adapters.tables.formats import SUFFIX, detect
from province.adapters.tables.guess import Guess, guess
from province.adapters.tables.parcel import Parcel
from province.adapters.tables.process import reading
from province.adapters.tables.raw import FAULT, ROW, Found, Options
from province.adapters.tables.register import Register, file_name
from province.adapters.tables.transform import transform
from province.errors import Conflict, ProvinceError, Unavailable
from province.identity import policy
from province.model.actor import Actor
from province.model.change import Change
from province.model.entity import Attribute
from province.model.mapping import Mapping, fingerprint, read_mapping
from province.model.query import Query, Where
from province.model.time import now
from province.vocab.transfer import DataImport

_log = logging.getLogger(__name__)
_SAMPLE: Final = 2_000
_FIRST: Final = 20
"""Refused rows that are shown at once; all are in the file of refused rows."""
_UNDO: Final = 200


@dataclass(frozen=True, slots=True)
class Look:
    """What a file looks like. rows: the first ones, as they stand."""

    found: Found
    guess: Guess
    rows: list[dict[str, Any]]


@dataclass(frozen=True, slots=True)
class Undone:
    """What was taken back. kept: entities that somebody changed since, which stay."""

    removed: int
    restored: int
    kept: tuple[str, ...]


class Imports:
    """The imports of one installation.

    known: readings that the lake holds.  settled: waits until the lake holds what the stream was given.
    """

    def __init__(self, door: Door, shelf: Shelf, *, known: Known, settled: Callable[[], Awaitable[None]]) -> None:
        self._door = door
        self._shelf = shelf
        self._known = known
        self._settled = settled
        self._tasks: dict[str, asyncio.Task[None]] = {}
        self._register = Register(door, shelf)
        self.areas = Areas(door, shelf, self._register)

    async def close(self) -> None:
        """Stop what runs; it is interrupted, and can go on later."""
        for task in self._tasks.values():
            task.cancel()
        await asyncio.gather(*self._tasks.values(), return_exceptions=True)

    # --- before the run ----------------------------------------------------------------------------------------------

    async def receive(
        self, actor: Actor, name: str, chunks: AsyncIterator[bytes], *, type: str = ""
    ) -> tuple[DataImport, Look | None]:
        """Take a file in and guess its mapping. Raises: NotAllowed, TooLarge, Unsupported, InvalidInput."""
        policy.require_somewhere(actor, "dataimport.create")
        id, folder = self._register.new(actor)
        label = file_name(name)
        part, size, digest = await self._shelf.receive(folder, chunks)
        try:
            format = detect(await asyncio.to_thread(_head, part), label)
            path = folder.path / f"source{SUFFIX[format]}"
            part.rename(path)
            look = await self._look(path, Options(format=format), type, label)
            record = DataImport(
                id=id, fileName=label, fileHash=digest, fileSize=size, format=format, target=look.guess.mapping.type,
                mapping=msgspec.to_builtins(look.guess.mapping), mappingHash=fingerprint(look.guess.mapping),
                startedBy=actor.id,
            )  # fmt: skip
            await self._register.add(record, actor)
        except BaseException:
            folder.remove()
            raise
        return record, look

    async def look(self, actor: Actor, name: str, chunks: AsyncIterator[bytes], *, type: str = "") -> Look:
        """Only look at a file: nothing of it is kept."""
        policy.require_somewhere(actor, "dataimport.create")
        folder = self._shelf.folder(actor.tenant, f"look {uuid4()}")
        try:
            part, _, _ = await self._shelf.receive(folder, chunks)
            label = file_name(name)
            format = detect(await asyncio.to_thread(_head, part), label)
            path = part.rename(folder.path / f"source{SUFFIX[format]}")
            return await self._look(path, Options(format=format), type, label)
        finally:
            folder.remove()

    async def again(self, id: str, actor: Actor, *, type: str = "", options: Options | None = None) -> Look:
        """Look at a received file again, with another type, sheet or layer."""
        record, folder = await self._register.open(id, actor)
        given = options or Options()
        return await self._look(
            folder.source, msgspec.structs.replace(given, format=record.format), type, record.fileName
        )

    async def _look(self, path: Path, options: Options, type: str, name: str) -> Look:
        options = msgspec.structs.replace(options, head=_SAMPLE)
        async with reading(path, options) as (found, batches):
            tables = [table async for _, table in batches]
        sample = pa.concat_tables(tables)
        rows = [
            {k: raw.value(v) for k, v in row.items() if k != FAULT and not isinstance(v, bytes)}
            for row in sample.slice(0, 5).to_pylist()
        ]
        guessed = guess(found, sample, self._door.types, type=type, name=name)
        if found.format == "ngsi-ld" and not type and rows:
            first = _type_of(rows[0].get("entity"))
            guessed = Guess(Mapping(type=first, format="ngsi-ld"), 1.0)
        return Look(found, guessed, rows)

    async def describe(self, id: str, actor: Actor, mapping: Any) -> DataImport:
        """Set the mapping of an import that has not run. Raises: InvalidInput, Conflict."""
        record, folder = await self._register.open(id, actor)
        if record.status not in ("draft", "checked", "failed") or record.mapping is None:
            raise Conflict(
                f"the import is {record.status}.", field="status", remedy="Send the file again to import it otherwise."
            )
        made = read_mapping(mapping, self._door.types)
        values = {
            "mapping": msgspec.to_builtins(made), "mappingHash": fingerprint(made), "target": made.type, "note": ""
        }  # fmt: skip
        await self._register.write(record, actor, "draft" if record.status != "draft" else "", **values)
        folder.reset()
        return await self.get(id, actor)

    # --- the run -----------------------------------------------------------------------------------------------------

    async def start(self, id: str, actor: Actor, *, trial: bool = False) -> DataImport:
        """Begin, try, or go on with an import. Raises: Conflict when it runs or is over, NotFound without its file."""
        running = self.is_running(id, actor)  # looked at first, as `get` does
        record, folder = await self._register.open(id, actor)
        _ = folder.source
        if running or id in self._tasks:
            raise Conflict("the import is running.", field="status", remedy="Wait for its end.")
        if record.status in ("done", "undone", "failed"):
            raise Conflict(f"the import is {record.status}.", field="status", remedy="Send the file again.")
        policy.require(actor, "dataimport.change", agency=(await self._door.get(id, actor, latest=False)).agency)
        if record.mapping is None:
            raise Conflict(
                "boundaries are carried in at once.", field="status", remedy="Send the file again: nothing is doubled."
            )
        mapping = read_mapping(record.mapping, self._door.types)
        if record.status == "running":  # its process died and could not say so
            await self._register.write(record, actor, "interrupted", note="The process that worked on it ended.")
            record, folder = await self._register.open(id, actor)
        if trial and record.status == "interrupted":
            raise Conflict("the import has begun.", field="status", remedy="Let it go on.")
        state = folder.read_state()
        if state.trial or record.status != "interrupted":
            total = state.rows if state.trial and record.status == "checked" else None
            folder.reset()
            state = State(trial=trial, total=total)
        if not trial:
            await self._register.write(record, actor, "running", startedBy=actor.id, startedAt=now(), trial=False)
        task = asyncio.create_task(self._work(id, actor, mapping, folder, state), name=f"import {id}")
        self._tasks[id] = task
        task.add_done_callback(lambda _: self._tasks.pop(id, None))
        return await self.get(id, actor)

    async def wait(self, id: str) -> None:
        """Until the run of this process is over."""
        task = self._tasks.get(id)
        if task is not None:
            await asyncio.wait([task])

    async def _work(self, id: str, actor: Actor, mapping: Mapping, folder: Folder, state: State) -> None:
        with folder.locked() as mine:
            if not mine:
                return
            try:
                await self._run(id, actor, mapping, folder, state)
                await self._finish(id, actor, state, "checked" if state.trial else "done")
            except asyncio.CancelledError:
                with contextlib.suppress(ProvinceError):
                    await asyncio.shield(self._finish(id, actor, state, "" if state.trial else "interrupted"))
                raise
            except Unavailable as error:
                await self._give_up(id, actor, state, "" if state.trial else "interrupted", str(error))
            except ProvinceError as error:
                await self._give_up(id, actor, state, "failed", str(error))
            except Exception:  # noqa: BLE001 - a defect leaves the import interrupted, not running for ever
                _log.exception("import failed", extra={"import": id})
                text = "a defect of this program; the server's log has the details."
                await self._give_up(id, actor, state, "" if state.trial else "interrupted", text)

    async def _run(self, id: str, actor: Actor, mapping: Mapping, folder: Folder, state: State) -> None:
        await self._settled()
        carrier = Carrier(self._door, self._known, actor, id, mapping, folder, state)
        options = Options(
            format=mapping.format, encoding=mapping.encoding, delimiter=mapping.delimiter, header=mapping.header,
            sheet=mapping.sheet, layer=mapping.layer,
        )  # fmt: skip
        async with reading(folder.source, options, skip=state.chunk) as (found, batches):
            async for number, table in batches:
                parcel = await asyncio.to_thread(self._transform, table, mapping, state.rows, found.crs)
                await carrier.carry(parcel)
                folder.write_chunk("refused", number, rejects.keep(table, parcel.refused))
                for i in sorted(parcel.refused)[: max(0, _FIRST - len(state.first))]:
                    state.first.append(rejects.shown(table.column(ROW)[i].as_py(), parcel.refused[i]))
                state.chunk = number + 1
                state.rows += parcel.rows
                state.refused += len(parcel.refused)
                folder.write_state(state)

    def _transform(self, table: pa.Table, mapping: Mapping, first: int, crs: str) -> Parcel:
        if mapping.format == "ngsi-ld":
            return entities.transform(table, mapping, self._door.types, now=now())
        return transform(table, mapping, self._door.types[mapping.type], first=first, now=now(), crs=crs)

    async def _finish(self, id: str, actor: Actor, state: State, status: str, note: str = "") -> None:
        record, _ = await self._register.open(id, actor)
        await self._register.write(
            record, actor, "" if status == record.status else status, rows=state.rows, taken=state.taken,
            refused=state.refused, created=state.created, changed=state.changed, unchanged=state.unchanged,
            readings=state.readings, known=state.known, trial=state.trial, finishedAt=now(), note=note,
            firstRefused=tuple(state.first),
        )  # fmt: skip

    async def _give_up(self, id: str, actor: Actor, state: State, status: str, note: str) -> None:
        try:
            await self._finish(id, actor, state, status, note)
        except ProvinceError:
            _log.exception("the end of an import cannot be written", extra={"import": id})

    # --- after the run -----------------------------------------------------------------------------------------------

    async def get(self, id: str, actor: Actor) -> DataImport:
        """An import with the counts of this moment. One whose process died shows as interrupted."""
        running = self.is_running(id, actor)  # looked at first: what is read of one that has ended is its last word
        record, folder = await self._register.open(id, actor)
        if record.startedBy == actor.id and record.refused and not record.firstRefused:
            # Cells of refused rows may be personal, so the register hides them; who sent them has seen them before.
            record = msgspec.structs.replace(record, firstRefused=tuple(folder.read_state().first))
        if record.status != "running" and id not in self._tasks:
            return record
        if not running and id not in self._tasks:
            return msgspec.structs.replace(record, status="interrupted")
        state = folder.read_state()
        return msgspec.structs.replace(
            record, rows=state.rows, taken=state.taken, refused=state.refused, created=state.created,
            changed=state.changed, unchanged=state.unchanged, readings=state.readings, known=state.known,
        )  # fmt: skip

    def is_running(self, id: str, actor: Actor) -> bool:
        """Whether a living process works on it, be it a trial."""
        return id in self._tasks or self._shelf.folder(actor.tenant, id).is_busy()

    async def refused(self, id: str, actor: Actor) -> tuple[bytes, str, str]:
        """The refused rows as (content, file name, media type). Only for who imported, or may see personal data.

        Raises: NotFound, NotAllowed.
        """
        record, folder = await self._register.open(id, actor)
        if record.startedBy != actor.id:
            policy.require(actor, "dataimport.personal")
        plain = {"type": record.target, "format": record.format}  # boundaries have no mapping
        mapping = read_mapping(record.mapping or plain, self._door.types)

        def write() -> tuple[bytes, str, str]:
            chunks = [rejects.apart(t) for t in folder.chunks("refused")]
            return rejects.write(chunks, record.format, mapping, record.fileName)

        return await asyncio.to_thread(write)

    async def undo(self, id: str, actor: Actor) -> Undone:
        """Take back what the import wrote to records, as far as nobody has changed it since. Readings stay.

        What was created is removed, what was changed gets its former values. Raises: Conflict, NotAllowed.
        """
        record, folder = await self._register.open(id, actor)
        if record.status not in ("done", "interrupted") or self.is_running(id, actor):
            raise Conflict(f"the import is {record.status}.", field="status", remedy="Wait for its end.")
        policy.require(actor, "dataimport.change", agency=(await self._door.get(id, actor, latest=False)).agency)
        written: dict[str, list[dict[str, Any]]] = {}
        for table in folder.chunks("effects"):
            for row in table.to_pylist():
                written.setdefault(row["id"], []).append(row)
        removed, restored = 0, 0
        kept: list[str] = []
        todo = list(reversed(written.values()))
        for start in range(0, len(todo), _UNDO):
            changes = [
                c for rows in todo[start : start + _UNDO] if (c := await self._back(rows, actor, kept)) is not None
            ]
            for answer, change in zip(await self._door.apply_each(changes, actor), changes, strict=True):
                if isinstance(answer, ProvinceError):
                    kept.append(change.id)
                else:
                    removed += change.op == "delete"
                    restored += change.op == "merge"
        note = f"removed {removed}, restored {restored}, kept {len(kept)}"
        await self._register.write(record, actor, "undone", note=note)
        return Undone(removed, restored, tuple(kept))

    async def _back(self, rows: list[dict[str, Any]], actor: Actor, kept: list[str]) -> Change | None:
        """The change that takes back what an import wrote to one entity: away with it, or its former values."""
        id, type_name, last = rows[0]["id"], rows[0]["type"], rows[-1]["version"]
        if any(r["created"] for r in rows):
            return Change(op="delete", id=id, type=type_name, expect_version=last)
        versions = {r["version"] for r in rows}
        try:
            past = await self._door.history(id, actor)
        except ProvinceError:
            kept.append(id)
            return None
        former: dict[str, Attribute | None] = {}
        ours: set[str] = set()
        for one in past.records:  # oldest first
            if one.version in versions:
                ours.add(one.key)
            elif one.version < min(versions):
                former[one.key] = one.attribute
        attrs = {key: former.get(key) for key in ours}
        return Change(op="merge", id=id, type=type_name, attrs=attrs, expect_version=last) if attrs else None

    async def find(self, actor: Actor, digest: str, mapping: Mapping) -> DataImport | None:
        """The newest import of this file by this mapping that the caller began, if there is one."""
        terms = (Where("fileHash", "==", digest), Where("mappingHash", "==", fingerprint(mapping)),
                 Where("startedBy", "==", actor.id))  # fmt: skip
        page = await self._door.query(
            Query(types=("DataImport",), where=terms, order="-modified", limit=1, latest=False), actor
        )
        return await self.get(page.items[0].id, actor) if page.items else None


def _type_of(text: Any) -> str:
    try:
        data = msgspec.json.decode(str(text))
    except msgspec.DecodeError:
        return "*"
    properties = data.get("properties") if isinstance(data, dict) and data.get("type") == "Feature" else data
    kind = properties.get("type", properties.get("@type")) if isinstance(properties, dict) else None
    kind = kind[0] if isinstance(kind, list) and kind else kind
    return kind if isinstance(kind, str) else "*"


def _head(path: Path) -> bytes:
    with path.open("rb") as file:
        return file.read(4096)
