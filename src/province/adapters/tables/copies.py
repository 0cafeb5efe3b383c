"""What files of imports hold of a person whose records are erased: the file as it was sent, and its refused rows.

The file of an import that wrote one of the records surely holds it; when the import is over nothing needs the file any
more, and it goes whole: what it did stays in the register, and can still be taken back. Of refused rows only those go
that hold the record's id, or a telephone or mail address of the person. Everything else is found and left to people.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

import msgspec
import pyarrow as pa
import pyarrow.compute as pc

from province.adapters.tables.folder import Folder, Shelf
from province.adapters.tables.process import reading
from province.adapters.tables.raw import Options
from province.broker.database import Pool
from province.broker.identifiers import UNIQUE, Identifier, any_of, kinds_in
from province.broker.traces import Trace
from province.errors import ProvinceError

OVER: Final = ("done", "undone", "failed")
"""States of an import that needs its file no more."""
LARGEST: Final = 64 * 1024**2
"""Bytes of a file that is searched; larger ones are told as not searched."""
PATIENCE_S: Final = 30.0
"""So long files are searched for one question; the others are told as not searched."""


@dataclass(frozen=True, slots=True)
class _Import:
    id: str
    status: str
    mapping: dict[str, Any] | None
    format: str
    folder: Folder


class FileCopies:
    """The files of imports of one installation."""

    def __init__(self, pool: Pool, shelf: Shelf) -> None:
        self._pool = pool
        self._shelf = shelf

    async def find(
        self, tenant: str, ids: Sequence[str], identifiers: Sequence[Identifier]
    ) -> tuple[list[Trace], list[str]]:
        """(traces, imports whose file could not be searched). ids: of the records that go."""
        found: list[Trace] = []
        unsearched: list[str] = []
        until = asyncio.get_running_loop().time() + PATIENCE_S
        for one in await self._imports(tenant):
            wrote = await asyncio.to_thread(_wrote, one.folder, ids)
            if _has_source(one.folder):
                if wrote:
                    found.append(Trace(where="import", entity=one.id, type="DataImport", certain=one.status in OVER))
                elif identifiers:
                    seen = await self._search(one, identifiers, until)
                    if seen is None:
                        unsearched.append(one.id)
                    elif seen:
                        found.append(Trace(where="import", entity=one.id, type="DataImport", kinds=seen))
            found += await asyncio.to_thread(_refused, one, ids, identifiers)
        return found, unsearched

    async def erase(self, tenant: str, ids: Sequence[str], identifiers: Sequence[Identifier]) -> int:
        """Remove what is certain, of imports that are over. Returns how many files and refused rows went."""
        gone = 0
        for one in await self._imports(tenant):
            if one.status in OVER:
                gone += await asyncio.to_thread(_erase, one, ids, identifiers)
        return gone

    async def _imports(self, tenant: str) -> list[_Import]:
        rows = await self._pool.fetch(
            "SELECT id, attrs -> 'status' ->> 'value' AS status, (attrs -> 'mapping' -> 'value')::text AS mapping,"
            " attrs -> 'format' ->> 'value' AS format FROM entity WHERE tenant = $1 AND type = 'DataImport'"
            " ORDER BY created_at DESC LIMIT 10000", tenant,
        )  # fmt: skip
        found = [
            _Import(r["id"], r["status"] or "", msgspec.json.decode(r["mapping"]) if r["mapping"] else None,
                    r["format"] or "", self._shelf.folder(tenant, r["id"]))
            for r in rows
        ]  # fmt: skip
        return [one for one in found if one.folder.path.is_dir()]

    async def _search(self, one: _Import, identifiers: Sequence[Identifier], until: float) -> tuple[str, ...] | None:
        """Kinds of what the file holds; None when it cannot be looked through."""
        left = until - asyncio.get_running_loop().time()
        if left <= 0 or one.folder.source.stat().st_size > LARGEST:
            return None
        given = one.mapping or {}
        names = ("encoding", "delimiter", "header", "sheet", "layer")
        options = msgspec.convert({"format": one.format, **{n: given[n] for n in names if n in given}}, Options)
        kinds: dict[str, None] = {}
        try:
            async with asyncio.timeout(left), reading(one.folder.source, options) as (_, batches):
                async for _, table in batches:
                    for text in await asyncio.to_thread(_matching, table, identifiers):
                        kinds.update(dict.fromkeys(kinds_in(text, identifiers)))
        except (ProvinceError, TimeoutError):
            return None
        return tuple(kinds)


def _has_source(folder: Folder) -> bool:
    return any(folder.path.glob("source.*"))


def _wrote(folder: Folder, ids: Sequence[str]) -> bool:
    wanted = pa.array(list(ids), pa.string())
    return any(pc.any(pc.is_in(table.column("id"), wanted)).as_py() for table in folder.chunks("effects"))


def _matching(table: pa.Table, identifiers: Sequence[Identifier]) -> list[str]:
    """Texts of a table that hold one."""
    pattern = any_of(identifiers)
    found: list[str] = []
    for column in table.columns:
        if pa.types.is_dictionary(column.type):
            column = column.cast(column.type.value_type)
        if pa.types.is_string(column.type) or pa.types.is_large_string(column.type):
            hit = pc.fill_null(pc.match_substring_regex(column, pattern, ignore_case=True), False)
            found += column.filter(hit).to_pylist()
    return found


def _marks(row: dict[str, Any], ids: Sequence[str], identifiers: Sequence[Identifier]) -> tuple[bool, tuple[str, ...]]:
    """(whether a refused row is surely of the person, kinds of what it holds)."""
    texts = [v for name, v in row.items() if isinstance(v, str) and not name.startswith("\x00")]
    kinds = dict.fromkeys(k for text in texts for k in kinds_in(text, identifiers))
    named = any(id in text for text in texts for id in ids)
    return named or bool(UNIQUE & set(kinds)), tuple(kinds)


def _refused(one: _Import, ids: Sequence[str], identifiers: Sequence[Identifier]) -> list[Trace]:
    sure, other = 0, 0
    kinds: dict[str, None] = {}
    for table in one.folder.chunks("refused"):
        for row in table.to_pylist():
            certain, seen = _marks(row, ids, identifiers)
            sure += certain
            other += bool(seen) and not certain
            kinds.update(dict.fromkeys(seen))
    over = one.status in OVER
    counts = ((sure, over), (other, False)) if over else ((sure + other, False),)
    return [
        Trace(where="refused", entity=one.id, type="DataImport", kinds=tuple(kinds), count=n, certain=certain)
        for n, certain in counts if n
    ]  # fmt: skip


def _erase(one: _Import, ids: Sequence[str], identifiers: Sequence[Identifier]) -> int:
    gone = 0
    with one.folder.locked() as mine:
        if not mine:
            return 0
        if _has_source(one.folder) and _wrote(one.folder, ids):
            one.folder.source.unlink()
            gone += 1
        for number, table in list(one.folder.numbered("refused")):
            kept = [not _marks(row, ids, identifiers)[0] for row in table.to_pylist()]
            if not all(kept):
                one.folder.write_chunk("refused", number, table.filter(pa.array(kept)))
                gone += kept.count(False)
    return gone
