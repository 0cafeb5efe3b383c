"""The register of imports: every import is an entity, `vocab.transfer.DataImport`, beside a folder of its own."""

from __future__ import annotations

from typing import Any, Final
from uuid import uuid4

import msgspec

from province.adapters.tables.carry import Door
from province.adapters.tables.folder import Folder, Shelf
from province.model.actor import Actor
from province.model.change import Change
from province.model.record import attributes_of, move, to_record
from province.model.schema import describe
from province.model.text import nfc
from province.model.time import now
from province.vocab.transfer import DataImport

_TYPE: Final = describe(DataImport)


class Register:
    """The imports of one installation, as entities and as folders."""

    def __init__(self, door: Door, shelf: Shelf) -> None:
        self._door = door
        self._shelf = shelf

    def new(self, actor: Actor) -> tuple[str, Folder]:
        """Id and folder of an import to be."""
        id = f"urn:ngsi-ld:DataImport:{uuid4()}"
        return id, self._shelf.folder(actor.tenant, id)

    async def add(self, record: DataImport, actor: Actor) -> None:
        """Enter an import. It belongs to the agency of whoever imports."""
        given = {n: getattr(record, n) for n in _TYPE.fields}
        values = {n: list(v) if isinstance(v, tuple) else v for n, v in given.items() if v is not None and v != ()}
        own = next((g.agency for g in actor.grants if g.agency), None)
        attrs = {n: a for n, a in attributes_of(_TYPE, values).items() if a is not None}
        await self._door.apply((Change(op="create", id=record.id, type="DataImport", agency=own, attrs=attrs),), actor)

    async def open(self, id: str, actor: Actor) -> tuple[DataImport, Folder]:
        """An import and its folder. Raises: NotFound."""
        entity = await self._door.get(id, actor, type="DataImport", latest=False)
        return to_record(DataImport, entity), self._shelf.folder(actor.tenant, id)

    async def write(self, record: DataImport, actor: Actor, status: str, **values: Any) -> None:
        """Change the entity, along an edge of its workflow when `status` says one."""
        attrs = attributes_of(_TYPE, values)
        if status:
            change = move(record, status, at=now())
            change = msgspec.structs.replace(change, attrs={**change.attrs, **attrs})
        else:
            change = Change(op="merge", id=record.id, type="DataImport", attrs=attrs, expect_version=record.version)
        await self._door.apply((change,), actor)


def file_name(given: str) -> str:
    """The name of a file as it is shown: without folders and what cannot be printed."""
    last = nfc(given).replace("\\", "/").rpartition("/")[2]
    return "".join(c for c in last if c.isprintable()).strip()[:120] or "file"
