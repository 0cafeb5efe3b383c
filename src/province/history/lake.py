"""The lake of one tenant: a Delta table of readings, partitioned by UTC day, sorted by entity inside each file.

    day          date32 (partition)      UTC day of observed_at
    entity, type, attribute, dataset, observed_at, number, text     as in `model.observation.SCHEMA`
    origin       int8                    place in `model.entity.ORIGINS`
    seq, row     int64, int32            the stream message that brought the reading, and its row there

**Written once.** A commit carries the position of the stream (`Transaction(application, sequence)`) in the same log
entry as the data: both take effect or neither. Delta refuses the second of two concurrent commits with the same
application, so that even two writers at once cannot write a reading twice. Reading is by file list and statistics;
the files of a version never change, and a reader whose files were vacuumed away starts again with the newest version.

Everything here blocks and is thread safe: call it in a thread.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Any, TypeVar

import duckdb
import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.dataset as pads

from province.history.correction import Correction, amend
from province.history.delta import ROW_GROUP, WRITER, Delta

__all__ = ["COLUMNS", "LAKE", "ROW_GROUP", "WRITER", "Lake", "Span", "arrange", "stage"]

LAKE: pa.Schema = pa.schema(
    [
        pa.field("day", pa.date32(), nullable=False),
        pa.field("entity", pa.string(), nullable=False),
        pa.field("type", pa.string(), nullable=False),
        pa.field("attribute", pa.string(), nullable=False),
        pa.field("dataset", pa.string()),
        pa.field("observed_at", pa.timestamp("us", tz="UTC"), nullable=False),
        pa.field("number", pa.float64()),
        pa.field("text", pa.string()),
        pa.field("origin", pa.int8(), nullable=False),
        pa.field("seq", pa.int64(), nullable=False),
        pa.field("row", pa.int32(), nullable=False),
    ]
)
COLUMNS: tuple[str, ...] = tuple(LAKE.names[1:])
FEW_ENTITIES = 64
"""Up to so many entities are looked for by name; for more, whole files are read."""
_PREFIX = 32
"""A writer of Delta may cut a text's bounds to so many characters: the greatest one may then stand for more."""
T = TypeVar("T")
_Numbers = npt.NDArray[np.int64]
_ROUNDING = timedelta(milliseconds=1)


@dataclass(frozen=True, slots=True)
class Span:
    """Which readings: of these entities and attributes (None: all), observed in [start, end); None: open.

    datasets: None for all; a tuple for these, where None inside stands for readings without datasetId.
    """

    entities: Sequence[str] | None = None
    attributes: Sequence[str] | None = None
    start: datetime | None = None
    end: datetime | None = None
    datasets: Sequence[str | None] | None = None


class Lake(Delta):
    """uri: folder or s3:// URL of the table.  storage_options: credentials and endpoint, as `deltalake` names them."""

    def __init__(self, uri: str, storage_options: Mapping[str, str] | None = None) -> None:
        super().__init__(uri, LAKE, "day", storage_options)
        self._engine: duckdb.DuckDBPyConnection | None = None

    # --- writing -----------------------------------------------------------------------------------------------------

    def append(self, rows: pa.Table, application: str, sequence: int, *, expected: int | None) -> None:
        """Commit rows (as `arrange` gives them) together with the position that they bring the application to.

        expected: the position that the caller believes the lake to be at.
        Raises: Conflict when another writer was faster or is further: read `committed` and start again from there.
        Unavailable when the storage refuses (full, gone): nothing was committed, the call can be repeated.
        """
        self.commit(rows, {application: sequence}, expected={application: expected})

    def committed(self, application: str) -> int | None:
        """Position of an application in the newest version, or None before its first commit."""
        with self._lock:
            table = self._refresh()
            return None if table is None else table.transaction_version(application)

    # --- reading -----------------------------------------------------------------------------------------------------

    def read(
        self,
        span: Span,
        *,
        columns: Sequence[str] = COLUMNS,
        limit: int | None = None,
        corrections: Sequence[Correction] = (),
        files: pa.Table | None = None,
    ) -> pa.Table:
        """Readings of a span, ordered by (entity, attribute, observed_at, seq, row); none twice.

        limit: at most so many, the oldest first within each entity and attribute.
        corrections: laid over what is read (`history.correction`).
        files: of an earlier version (`look`); None: of the newest.
        """
        wanted = list(dict.fromkeys((*columns, *_ORDER, "dataset")))
        table = self._retry(lambda: self._rows(span, wanted, files))
        table = _once(table.take(pc.sort_indices(table, sort_keys=[(name, "ascending") for name in _ORDER])))
        return amend(table, corrections).select(list(columns)).slice(0, limit)

    def last(self, span: Span, n: int, *, corrections: Sequence[Correction] = ()) -> pa.Table:
        """The newest `n` readings of each entity, attribute and dataset of a span, in the order of `read`.

        Days are read from the newest backwards, until everybody has `n` or no older day is left.
        """
        found = self.read(span, columns=COLUMNS).slice(0, 0)
        wanted = None if span.entities is None or span.attributes is None else len(span.entities) * len(span.attributes)
        for day in self.days(span):
            part = Span(span.entities, span.attributes, _later(span.start, day), _sooner(span.end, day), span.datasets)
            found = _newest(pa.concat_tables([self.read(part, corrections=corrections), found]), n)
            if wanted is not None and found.num_rows:
                sizes = found.group_by(["entity", "attribute"]).aggregate([([], "count_all")])
                if sizes.num_rows == wanted and pc.min(sizes["count_all"]).as_py() >= n:
                    break
        return found

    def batches(self, span: Span, columns: Sequence[str], *, without: Sequence[str] = ()) -> pa.RecordBatchReader:
        """Readings of a span in no order, as a stream: for aggregates over more than fits into memory.

        without: entities that are left out.
        """
        chosen = filter_of(span, without)
        return self._retry(lambda: self._dataset(span).scanner(columns=list(columns), filter=chosen).to_reader())

    def chosen(self, span: Span, columns: Sequence[str], *, also: pads.Expression | None) -> pa.Table:
        """Readings of a span in no order. also: a further condition."""
        condition = filter_of(span)
        if also is not None:
            condition = also if condition is None else condition & also
        found: pa.Table = self._retry(lambda: self._dataset(span).to_table(columns=list(columns), filter=condition))
        return found

    def parts(
        self, span: Span, columns: Sequence[str], *, rows: int, without: Sequence[str] = ()
    ) -> Iterator[pa.Table]:
        """As `batches`, in tables of about so many rows."""
        held: list[pa.RecordBatch] = []
        size = 0
        for batch in self.batches(span, columns, without=without):
            held.append(batch)
            size += batch.num_rows
            if size >= rows:
                yield pa.Table.from_batches(held)
                held, size = [], 0
        if size:
            yield pa.Table.from_batches(held)

    def count(self, span: Span | None = None) -> int:
        """How many readings there are; without a span from the log alone."""
        if span is None:
            files = self._list()
            return 0 if files is None else int(pc.sum(files["num_records"]).as_py() or 0)
        return int(self._retry(lambda: self._dataset(span).count_rows(filter=filter_of(span))))

    def count_in(self, path: str, span: Span) -> int:
        """How many readings of a span a file holds; 0 when it was merged away meanwhile."""
        try:
            return int(self.dataset([path]).count_rows(filter=filter_of(span)))
        except FileNotFoundError:
            return 0

    def days(self, span: Span | None = None) -> list[datetime]:
        """UTC days that have files which may hold readings of the span, newest first, as midnight instants."""
        files = self._list()
        if files is None:
            return []
        chosen = files if span is None else files.filter(may_hold(files, span))
        return sorted({_midnight(value) for value in chosen["partition.day"].to_pylist()}, reverse=True)

    def files(self, span: Span | None = None) -> pa.Table:
        """Log entries of the live files that may hold readings of the span: path, size_bytes, num_records, …"""
        files = super().files()
        return files if span is None or not files.num_rows else files.filter(may_hold(files, span))

    def ask(
        self, spans: Sequence[Span], columns: Sequence[str], act: Callable[[duckdb.DuckDBPyConnection, list[str]], T]
    ) -> T:
        """act(connection, one SELECT of `columns` for each span that may hold something): for aggregates by SQL.

        The connection is its alone; what it registers there nobody else sees.
        """

        def once() -> T:
            with self._cursor() as cursor:
                sources = []
                for n, span in enumerate(spans):
                    source = self.source(span)
                    if source is None and "://" in self.uri:
                        cursor.register(f"span_{n}", self._dataset(span))
                        source = f"span_{n} WHERE {_condition(span)}"
                    if source is not None:
                        sources.append(f"SELECT {', '.join(columns)} FROM {source}")  # noqa: S608 - literals
                return act(cursor, sources)

        answer: T = self._retry(once)
        return answer

    def source(self, span: Span, files: pa.Table | None = None) -> str | None:
        """SQL for the readings of a span, for DuckDB, ending in a condition that more can be added to.

        None: there are no files, or they are not in a folder. DuckDB reads a folder's files twice as fast as Arrow, and
        of many small ones, where it keeps the footers, several times as fast.
        """
        files = self._list() if files is None else files
        paths = [] if files is None else files.filter(may_hold(files, span))["path"].to_pylist()
        if "://" in self.uri or not paths:
            return None
        listed = ", ".join(_literal(f"{self.uri}/{path}") for path in paths)
        return f"read_parquet([{listed}], hive_partitioning = false) WHERE {_condition(span)}"

    def _rows(self, span: Span, columns: Sequence[str], files: pa.Table | None) -> pa.Table:
        few = span.entities is not None and len(span.entities) <= FEW_ENTITIES
        source = self.source(span, files) if few else None
        if source is None:
            return self._dataset(span, files).to_table(columns=list(columns), filter=filter_of(span))
        with self._cursor() as cursor:
            found = cursor.sql(f"SELECT {', '.join(columns)} FROM {source}").to_arrow_table()  # noqa: S608 - literals
        return found.cast(pa.schema([self._stored.field(name) for name in columns]))

    @contextlib.contextmanager
    def _cursor(self) -> Iterator[duckdb.DuckDBPyConnection]:
        """A connection of one's own to the engine that keeps the footers. Raises: FileNotFoundError."""
        with self._lock:
            if self._engine is None:
                self._engine = duckdb.connect(":memory:")
                self._engine.execute("SET TimeZone = 'UTC'; SET parquet_metadata_cache = true")
            cursor = self._engine.cursor()
        try:
            yield cursor
        except duckdb.IOException as error:
            raise FileNotFoundError(str(error)[:300]) from error
        finally:
            cursor.close()

    def _dataset(self, span: Span, files: pa.Table | None = None) -> pads.Dataset:
        files = self._list() if files is None else files
        return self.dataset([] if files is None else files.filter(may_hold(files, span))["path"].to_pylist())


def stage(parts: Sequence[tuple[int, pa.Table]]) -> pa.Table:
    """Readings of several messages (sequence, table of `model.observation.SCHEMA`) as rows of the lake."""
    tables = [table for _, table in parts]
    lengths = np.fromiter((t.num_rows for t in tables), np.int64, len(tables))
    starts = np.concatenate(([0], np.cumsum(lengths)[:-1])) if len(tables) else np.empty(0, np.int64)
    total = int(lengths.sum())
    seq = np.repeat(np.fromiter((s for s, _ in parts), np.int64, len(parts)), lengths)
    row = np.arange(total, dtype=np.int64) - np.repeat(starts, lengths)
    merged = pa.concat_tables(tables).unify_dictionaries().combine_chunks()
    return pa.table(
        {
            "day": merged["observed_at"].cast(pa.timestamp("us")).cast(pa.date32(), safe=False),
            "entity": merged["entity"],
            "type": merged["type"],
            "attribute": merged["attribute"],
            "dataset": merged["dataset"],
            "observed_at": merged["observed_at"],
            "number": merged["number"],
            "text": merged["text"],
            "origin": merged["origin"].cast(pa.int8()),
            "seq": pa.array(seq),
            "row": pa.array(row.astype(np.int32)),
        }
    )


def arrange(rows: pa.Table, *, day: date | None = None, encoded: bool = False) -> pa.Table:
    """Sort by (entity, attribute, observed_at, seq, row) and bring into the LAKE schema.

    day: of rows that come from its files, which do not say it.  encoded: texts that are dictionaries stay so.

    A reading that stands twice in one message is kept once: a device that had no acknowledgement sends again, and both
    messages may have become one batch. Ids are ranked once per distinct text; the rows are then ordered by numbers (3
    times faster than by text).
    """
    rows = rows.combine_chunks()
    if day is not None:
        rows = rows.add_column(0, LAKE.field("day"), pa.repeat(pa.scalar(day, pa.date32()), rows.num_rows))
    entity, attribute = ranks(rows["entity"]), ranks(rows["attribute"])
    series = entity * (int(attribute.max(initial=0)) + 1) + attribute
    taken = rows.take(pa.array(_first_of_each(rows, in_order(series, rows), series)))
    if encoded:
        return taken.select(LAKE.names)
    return pa.table([taken[spec.name].cast(spec.type) for spec in LAKE], schema=LAKE)


def in_order(series: npt.NDArray[np.int64], rows: pa.Table) -> npt.NDArray[np.int64]:
    """Places of rows by (series, observed_at, seq, row). series: a number per row, of its series."""
    at = rows["observed_at"].cast(pa.int64()).to_numpy()
    seq, row = rows["seq"].to_numpy(), rows["row"].to_numpy()
    span = int(at.max(initial=0)) - int(at.min(initial=0)) + 1
    given = bool(np.all((seq[1:] > seq[:-1]) | ((seq[1:] == seq[:-1]) & (row[1:] >= row[:-1]))))
    if given and (int(series.max(initial=0)) + 1) * span < 2**63:
        return np.argsort(series * span + (at - at.min(initial=0)), kind="stable")
    return np.lexsort((row, seq, at, series))


def _first_of_each(rows: pa.Table, order: _Numbers, series: _Numbers) -> _Numbers:
    """The places in `order` without those whose reading stands at an earlier place of the same message."""
    same = np.ones(max(0, len(order) - 1), np.bool_)
    for column in (series, rows["observed_at"].cast(pa.int64()).to_numpy(), rows["seq"].to_numpy()):
        sorted_ = column[order]
        same &= sorted_[1:] == sorted_[:-1]
    if not same.any():
        return order
    doubtful = np.append(same, False) | np.insert(same, 0, False)
    places = order[doubtful]
    what = rows.take(pa.array(places)).select(["entity", "attribute", "dataset", "observed_at", "seq", *_VALUE])
    plain = [c.cast(c.type.value_type) if pa.types.is_dictionary(c.type) else c for c in what.columns]
    what = pa.table([*plain, pa.array(np.arange(len(places)))], names=[*what.column_names, "place"])
    first = what.group_by(what.column_names[:-1]).aggregate([("place", "min")])["place_min"].to_numpy()
    keep = ~doubtful
    keep[np.flatnonzero(doubtful)[first]] = True
    return order[keep]


_VALUE = ("number", "text", "origin")
_ORDER = ("entity", "attribute", "observed_at", "seq", "row")


def ranks(column: pa.ChunkedArray) -> npt.NDArray[np.int64]:
    """Per row the place of its text among the distinct ones, in their order."""
    encoded = column.combine_chunks()
    if not pa.types.is_dictionary(encoded.type):
        encoded = encoded.dictionary_encode()
    rank = np.empty(len(encoded.dictionary), np.int64)
    rank[pc.array_sort_indices(encoded.dictionary).to_numpy()] = np.arange(len(encoded.dictionary))
    found: npt.NDArray[np.int64] = rank[encoded.indices.to_numpy()]
    return found


def filter_of(span: Span, without: Sequence[str] = (), *, at: str = "observed_at") -> pads.Expression | None:
    """The condition on rows. without: entities that are left out.  at: name of the column with the instant."""
    terms: list[pads.Expression] = []
    if without:
        terms.append(~pc.field("entity").isin(pa.array(without, pa.string())))
    if span.entities is not None:
        terms.append(_among("entity", span.entities))
    if span.attributes is not None:
        terms.append(_among("attribute", span.attributes))
    if span.start is not None:
        terms.append(pc.field(at) >= pa.scalar(span.start, pa.timestamp("us", tz="UTC")))
    if span.end is not None:
        terms.append(pc.field(at) < pa.scalar(span.end, pa.timestamp("us", tz="UTC")))
    if span.datasets is not None:
        named = pc.field("dataset").isin(pa.array([d for d in span.datasets if d is not None], pa.string()))
        terms.append(named | pc.field("dataset").is_null() if None in span.datasets else named)
    result = None
    for term in terms:
        result = term if result is None else result & term
    return result


def _among(name: str, values: Sequence[str]) -> pads.Expression:
    # The range lets row groups be skipped by their statistics; `isin` alone does not.
    if len(values) == 1:
        return pc.field(name) == values[0]
    inside = pc.field(name).isin(pa.array(values, pa.string()))
    return inside & (pc.field(name) >= min(values)) & (pc.field(name) <= max(values)) if values else inside


def may_hold(files: pa.Table, span: Span) -> pa.ChunkedArray:
    """Which files can hold readings of the span. A file without statistics can."""
    keep = pa.chunked_array([pa.array(np.ones(files.num_rows, np.bool_))])

    def narrow(column: str, test: Any) -> None:
        nonlocal keep
        if column in files.schema.names:
            keep = pc.and_(keep, pc.fill_null(test(files[column]), True))

    for name, values in (("entity", span.entities), ("attribute", span.attributes)):
        if values is not None:
            low, high = (min(values), max(values)) if values else ("\U0010ffff", "")
            narrow(f"max.{name}", lambda c, low=low: pc.or_(pc.greater_equal(c, low), pc.equal(c, low[:_PREFIX])))
            narrow(f"min.{name}", lambda c, high=high: pc.less_equal(c, high))
    if span.start is not None:
        first = pa.scalar(span.start - _ROUNDING, pa.timestamp("us", tz="UTC"))
        narrow("max.observed_at", lambda c: pc.greater_equal(c, first))
        day = pa.scalar((span.start - _ROUNDING).date(), pa.date32())
        narrow("partition.day", lambda c: pc.greater_equal(c.cast(pa.date32()), day))
    if span.end is not None:
        last = pa.scalar(span.end + _ROUNDING, pa.timestamp("us", tz="UTC"))
        narrow("min.observed_at", lambda c: pc.less(c, last))
        day_after = pa.scalar((span.end + _ROUNDING).date(), pa.date32())
        narrow("partition.day", lambda c: pc.less_equal(c.cast(pa.date32()), day_after))
    return keep


def _once(table: pa.Table) -> pa.Table:
    """Drop rows that equal the one before in entity, attribute, dataset, observed_at, seq and row."""
    if table.num_rows < 2:
        return table
    same: Any = None
    for name in (*_ORDER, "dataset"):
        column = table[name].combine_chunks()
        head, tail = column.slice(0, len(column) - 1), column.slice(1)
        equal = pc.fill_null(pc.equal(head, tail), False)
        if name == "dataset":
            equal = pc.or_(equal, pc.and_(pc.is_null(head), pc.is_null(tail)))
        same = equal if same is None else pc.and_(same, equal)
    if not pc.any(same).as_py():
        return table
    return table.filter(pa.concat_arrays([pa.array([True]), pc.invert(same)]))


def _newest(table: pa.Table, n: int) -> pa.Table:
    order = pc.sort_indices(
        table,
        sort_keys=[("entity", "ascending"), ("attribute", "ascending"), ("dataset", "ascending"),
                   ("observed_at", "descending"), ("seq", "descending"), ("row", "descending")],
    )  # fmt: skip
    table = table.take(order)
    keys = [pc.fill_null(table[name], "").combine_chunks().dictionary_encode().indices.to_numpy()
            for name in ("entity", "attribute", "dataset")]  # fmt: skip
    new = np.ones(table.num_rows, np.bool_)
    if table.num_rows > 1:
        new[1:] = np.any([key[1:] != key[:-1] for key in keys], axis=0)
    starts = np.flatnonzero(new)
    place = np.arange(table.num_rows) - np.repeat(starts, np.diff(np.append(starts, table.num_rows)))
    kept = table.filter(pa.array(place < n))
    return kept.take(pc.sort_indices(kept, sort_keys=[(name, "ascending") for name in _ORDER]))


def _condition(span: Span) -> str:
    """The condition on rows, as SQL for DuckDB."""
    terms = []
    for column, values in (("entity", span.entities), ("attribute", span.attributes)):
        if values is not None:
            terms.append(f"{column} IN ({', '.join(map(_literal, values)) or 'NULL'})")
    if span.start is not None:
        terms.append(f"observed_at >= make_timestamptz({_micros(span.start)})")
    if span.end is not None:
        terms.append(f"observed_at < make_timestamptz({_micros(span.end)})")
    if span.datasets is not None:
        named = ", ".join(_literal(d) for d in span.datasets if d is not None)
        either = [f"dataset IN ({named})"] if named else []
        terms.append("(" + (" OR ".join(either + ["dataset IS NULL"] * (None in span.datasets)) or "false") + ")")
    return " AND ".join(terms) or "true"


def _literal(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"


def _micros(at: datetime) -> int:
    return (at - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(microseconds=1)


def _midnight(day: Any) -> datetime:
    text = day if isinstance(day, str) else day.isoformat()
    return datetime.fromisoformat(f"{text[:10]}T00:00:00+00:00")


def _later(start: datetime | None, day: datetime) -> datetime:
    return day if start is None or start < day else start


def _sooner(end: datetime | None, day: datetime) -> datetime:
    after = day + timedelta(days=1)
    return after if end is None or end > after else end
