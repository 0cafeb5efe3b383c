"""Exports: what a query answers to its caller, as a file. Streamed, audited, and no more than the caller may see."""

from __future__ import annotations

import asyncio
import re
import tempfile
from collections.abc import AsyncIterator, Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Protocol

import msgspec
import pyarrow as pa
import shapely

from province.adapters.tables import writers
from province.adapters.tables.writers import MEDIA
from province.broker.select import names_in
from province.errors import InvalidInput, NotAllowed, NotFound, NotSignedIn, Unsupported
from province.identity import audit, policy
from province.model.actor import Actor
from province.model.entity import Entity
from province.model.geometry import Geometry
from province.model.query import Page, Query
from province.model.representation import encode
from province.model.schema import EntityType, FieldSpec
from province.model.time import now
from province.model.unit import CODES

FORMATS: Final = ("csv", "xlsx", "geojson", "gpkg", "parquet", "jsonld")
SUFFIX: Final[Mapping[str, str]] = {"jsonld": "jsonld"}
_PAGE: Final = 1_000
_BLOCK: Final = 256 * 1024
_CELL: Final = 32_767
GEOMETRY: Final = "geometry"


class Door(Protocol):
    """The part of the broker that exports use."""

    @property
    def types(self) -> Mapping[str, EntityType]: ...
    async def query(self, query: Query, actor: Actor) -> Page: ...


@dataclass(frozen=True, slots=True)
class Sent:
    """A file on its way out."""

    name: str
    media_type: str
    chunks: AsyncIterator[bytes]


@dataclass(frozen=True, slots=True)
class _Column:
    """A column of a table. at: the time of an observed field rather than its value."""

    name: str
    title: str
    spec: FieldSpec | None = None
    at: bool = False


class Exports:
    """The exports of one installation. pool: where the audit is written."""

    def __init__(self, door: Door, pool: audit.Pool) -> None:
        self._door = door
        self._pool = pool

    async def export(
        self,
        type_name: str,
        format: str,
        query: Query,
        actor: Actor,
        *,
        purpose: str = "",
        language: str = "",
        bom: bool = False,
    ) -> Sent:
        """A file of what `query` asks of one type. language: of column titles; empty: the names of fields.

        Personal fields need the right to see them and a purpose. The audit row is written when the file is complete
        or given up, with the rows that left. Raises: NotFound, NotSignedIn, NotAllowed, InvalidInput, Unsupported.
        """
        entity_type = self._door.types.get(type_name)
        if entity_type is None:
            raise NotFound(f"there is no type {type_name[:60]!r}.", field="type")
        if format not in FORMATS:
            raise Unsupported(
                f"{format[:20]!r} is not written.", field="format", remedy=f"One of: {', '.join(FORMATS)}."
            )
        if actor.kind == "anonymous":
            raise NotSignedIn("an export needs an account.", remedy="Sign in, or send an access token.")
        noun = entity_type.noun
        reads = not policy.scope(actor, f"{noun}.read").nothing
        if not reads and not entity_type.info.public:
            raise NotAllowed(f"{actor.name or actor.id} may not read {type_name}.", field="type")
        personal = reads and not policy.scope(actor, f"{noun}.personal").nothing
        has_personal = any(s.field.personal for s in entity_type.fields.values())
        purpose = (purpose or actor.purpose).strip()[:200]
        if personal and has_personal and not purpose:
            raise InvalidInput(
                f"{type_name} has personal fields: say what the export is for.", field="purpose",
                remedy="Give a purpose; it is kept in the audit log.",
            )  # fmt: skip
        fields = [
            s for s in entity_type.fields.values()
            if (personal or not s.field.personal) and not s.field.concealed and (reads or s.field.public)
        ]  # fmt: skip
        job = _Job(self, entity_type, fields, format, query, actor, purpose, personal and has_personal, language, bom)
        # The first page is fetched before the answer begins: what is wrong with the question is still a plain error.
        await job.open()
        name = f"{type_name}-{now():%Y%m%d-%H%M}.{SUFFIX.get(format, format)}"
        return Sent(name, MEDIA[format], job.chunks())


class _Job:
    """One export."""

    def __init__(
        self, service: Exports, entity_type: EntityType, fields: list[FieldSpec], format: str, query: Query,
        actor: Actor, purpose: str, personal: bool, language: str, bom: bool,
    ) -> None:  # fmt: skip
        self._service = service
        self._type = entity_type
        self._place = entity_type.info.place if any(f.name == entity_type.info.place for f in fields) else ""
        self._fields = fields
        self._format = format
        self._query = msgspec.structs.replace(query, types=(entity_type.name,), limit=_PAGE, count=False, after="")
        self._actor = msgspec.structs.replace(actor, purpose=purpose)
        self._personal = personal
        self._language = language
        self._bom = bom
        self._first: Page | None = None
        self._rows = 0

    async def open(self) -> None:
        """Ask for the first page."""
        self._first = await self._service._door.query(self._query, self._actor)

    async def chunks(self) -> AsyncIterator[bytes]:
        """The file in pieces; the audit row at its end."""
        whole = False
        try:
            if self._format in ("csv", "geojson", "jsonld"):
                async for chunk in self._streamed():
                    yield chunk
            else:
                async for chunk in self._written():
                    yield chunk
            whole = True
        finally:
            await asyncio.shield(self._note(whole))

    async def _note(self, whole: bool) -> None:
        detail = {
            "format": self._format, "rows": self._rows, "complete": whole, "personal": self._personal,
            # Names only: what one searches for may be personal, and an audit holds no values.
            "where": sorted(names_in(self._query)), "text": bool(self._query.text),
        }  # fmt: skip
        async with self._service._pool.acquire() as connection:
            await audit.record(connection, self._actor, "entity.exported", type=self._type.name, detail=detail)

    async def _pages(self) -> AsyncIterator[tuple[Entity, ...]]:
        page = self._first
        while page is not None:
            self._rows += len(page.items)
            yield page.items
            if not page.next:
                return
            following = msgspec.structs.replace(self._query, after=page.next)
            page = await self._service._door.query(following, self._actor)

    # --- formats that grow from page to page -------------------------------------------------------------------------

    async def _streamed(self) -> AsyncIterator[bytes]:
        columns = self._columns()
        first = True
        async for items in self._pages():
            if self._format == "csv":
                rows = [self._row(e, columns, wkt=True) for e in items]
                part = b"".join(writers.csv_lines([c.title for c in columns], rows, bom=self._bom and first))
                # The header once: further pages leave their first line out.
                yield part if first else part.partition(b"\r\n")[2]
            elif self._format == "geojson":
                pieces = [msgspec.json.encode(self._feature(e)) for e in items]
                head = b'{"type":"FeatureCollection","features":[' if first else b",\n" if pieces else b""
                yield head + b",\n".join(pieces)
            else:
                pieces = [msgspec.json.encode(encode(e)) for e in items]
                yield (b"[" if first else b",\n" if pieces else b"") + b",\n".join(pieces)
            first = False
        if self._format != "csv":
            yield b"]}\n" if self._format == "geojson" else b"]\n"

    def _feature(self, entity: Entity) -> dict[str, Any]:
        columns = [c for c in self._columns() if c.name not in ("id", GEOMETRY)]
        row = self._row(entity, columns, wkt=False)
        properties = {c.title: v for c, v in zip(columns, row, strict=True) if v is not None}
        return {
            "type": "Feature", "id": entity.id, "geometry": entity.value(self._place) if self._place else None,
            "properties": properties,
        }  # fmt: skip

    # --- formats that are written as a whole -------------------------------------------------------------------------

    async def _written(self) -> AsyncIterator[bytes]:
        loop = asyncio.get_running_loop()
        pages = self._pages()

        async def following() -> tuple[Entity, ...] | None:
            return await anext(pages, None)

        def each() -> Iterator[tuple[Entity, ...]]:
            """The pages, for the thread that writes."""
            while (items := asyncio.run_coroutine_threadsafe(following(), loop).result()) is not None:
                yield items

        with tempfile.TemporaryDirectory(prefix="province-export-") as folder:
            path = Path(folder) / f"export.{self._format}"
            await asyncio.to_thread(_WRITE[self._format], self, path, each)
            with path.open("rb") as file:
                while block := await asyncio.to_thread(file.read, _BLOCK):
                    yield block

    def write_xlsx(self, path: Path, pages: Callable[[], Iterator[tuple[Entity, ...]]]) -> None:
        """A workbook."""
        columns = self._columns()
        rows = (self._row(e, columns, wkt=True) for items in pages() for e in items)
        label = self._type.info.label
        writers.write_xlsx(
            path, [c.title for c in columns], rows, sheet=label.vi if self._language != "en" else label.en
        )

    def write_parquet(self, path: Path, pages: Callable[[], Iterator[tuple[Entity, ...]]]) -> None:
        """Typed columns; the place as WKB."""
        schema = self._schema()
        writers.write_parquet(path, (self._table(items, schema) for items in pages()), schema)

    def write_gpkg(self, path: Path, pages: Callable[[], Iterator[tuple[Entity, ...]]]) -> None:
        """One layer, named as the type."""
        schema = self._schema()
        first = True
        for items in pages():
            table = self._table(items, schema)
            shapes = table.column(GEOMETRY).to_pylist() if self._place else [None] * table.num_rows
            plain = table.drop_columns([GEOMETRY]) if self._place else table
            writers.write_gpkg(path, self._type.name, plain, shapes, crs="EPSG:4326", append=not first)
            first = False

    def _schema(self) -> pa.Schema:
        kinds = {"number": pa.float64(), "integer": pa.int64(), "boolean": pa.bool_()}

        def kind(column: _Column) -> pa.DataType:
            if column.name == GEOMETRY and column.spec is None:
                return pa.binary()
            spec = column.spec
            return pa.string() if spec is None or column.at or spec.many else kinds.get(spec.value, pa.string())

        return pa.schema([pa.field(c.title, kind(c)) for c in self._columns()])

    def _table(self, items: Sequence[Entity], schema: pa.Schema) -> pa.Table:
        columns = self._columns()
        rows = [self._row(e, columns, wkt=False) for e in items]
        arrays = []
        for i, (column, field) in enumerate(zip(columns, schema, strict=True)):
            cells = [row[i] for row in rows]
            if column.name == GEOMETRY:
                cells = [None if g is None else shapely.to_wkb(shape_of(g)) for g in cells]
            elif pa.types.is_string(field.type):
                cells = [
                    None if v is None else v if isinstance(v, str) else msgspec.json.encode(v).decode() for v in cells
                ]
            elif pa.types.is_integer(field.type):
                cells = [None if v is None else int(v) for v in cells]
            arrays.append(pa.array(cells, field.type))
        return pa.table(arrays, schema=schema)

    # --- columns -----------------------------------------------------------------------------------------------------

    def _columns(self) -> list[_Column]:
        result = [_Column("id", "id")]
        for spec in self._fields:
            if spec.name == self._place or (spec.value == "geometry" and spec.name != self._place):
                continue
            result.append(_Column(spec.name, self._title(spec), spec))
            if spec.field.observed:
                result.append(_Column(spec.name, f"{self._title(spec)} @", spec, at=True))
        if self._place and self._format not in ("geojson",):
            result.append(_Column(GEOMETRY, GEOMETRY))
        return result

    def _title(self, spec: FieldSpec) -> str:
        if not self._language:
            return spec.name
        label = spec.field.label.vi if self._language == "vi" else spec.field.label.en
        symbol = CODES[spec.unit].symbol if spec.unit in CODES else ""
        return f"{label} ({symbol})" if symbol else label

    def _row(self, entity: Entity, columns: Sequence[_Column], *, wkt: bool) -> list[Any]:
        return [self._cell(entity, c, wkt) for c in columns]

    def _cell(self, entity: Entity, column: _Column, wkt: bool) -> Any:
        if column.name == "id":
            return entity.id
        if column.name == GEOMETRY and column.spec is None:
            shape = entity.value(self._place)
            if shape is None or not wkt:
                return shape
            text = shapely.to_wkt(shape_of(shape), rounding_precision=-1)
            return (
                text if self._format != "xlsx" or len(text) <= _CELL else "(too long for a cell: export as GeoPackage)"
            )
        found = entity.attrs.get(column.name)
        if found is None:
            return None
        if column.at:
            return found.observed_at.strftime("%Y-%m-%dT%H:%M:%SZ") if found.observed_at else None
        value = found.value
        if isinstance(value, list) and wkt:
            return "; ".join(str(v) for v in value)
        return writers.finite(value)


def shape_of(geometry: Geometry) -> Any:
    """A GeoJSON geometry as a shapely shape."""
    return shapely.from_geojson(msgspec.json.encode(geometry).decode())


_WRITE: Final = {"xlsx": _Job.write_xlsx, "parquet": _Job.write_parquet, "gpkg": _Job.write_gpkg}
_FILE: Final = re.compile(r"([A-Za-z][\w-]*)\.([a-z]+)")


def read_name(name: str) -> tuple[str, str]:
    """(type, format) of a file name such as `Road.csv`. Raises: NotFound."""
    found = _FILE.fullmatch(name)
    if found is None:
        raise NotFound(f"there is nothing to export as {name[:60]!r}.", field="file", remedy="Ask for TYPE.csv.")
    return found[1], found[2]
