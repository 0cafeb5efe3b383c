"""What people say about readings that were measured: corrected, not valid, deleted, or as measured after all.

Corrections lie over the lake: whoever reads it lays them over what was read (`amend`). Compaction folds corrected
values and deletions into the files (`history.fold`); a mark of invalidity never changes a file, because what was
measured stays evidence. Laying a folded correction over the files again changes nothing, so reading need not know which
are folded.

For every reading the newest correction that covers it decides. It holds for the key, not for the row: a deleted reading
that its device sends again stays deleted.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Final, Literal, TypeAlias

import asyncpg
import msgspec
import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

Connection: TypeAlias = "asyncpg.Connection[asyncpg.Record] | asyncpg.pool.PoolConnectionProxy[asyncpg.Record]"
Kind = Literal["value", "invalid", "delete", "restore"]
KINDS: Final[tuple[Kind, ...]] = ("value", "invalid", "delete", "restore")
FOLDED: Final = ("value", "delete")
"""Kinds that compaction folds into the files."""


class Correction(msgspec.Struct, frozen=True, kw_only=True):
    """One correction of the readings of an entity in [start, end).

    attribute: None for every measured one.  dataset: "" for readings without datasetId, None for all.
    number, text: the value that counts instead, for `value`; text as in the lake (JSON text).
    """

    id: int
    entity: str
    start: datetime
    end: datetime
    kind: Kind
    attribute: str | None = None
    dataset: str | None = ""
    number: float | None = None
    text: str | None = None


_FIELDS = "id, entity, attribute, dataset, start_at, end_at, kind, number, text"


async def read(
    connection: Connection,
    tenant: str,
    *,
    entities: Sequence[str] | None = None,
    start: datetime | None = None,
    end: datetime | None = None,
    after: int = 0,
) -> tuple[Correction, ...]:
    """Corrections that touch readings of these entities (None: all) in [start, end), in order.

    after: only newer ones than this.
    """
    rows = await connection.fetch(
        f"SELECT {_FIELDS} FROM correction WHERE tenant = $1 AND id > $2"  # noqa: S608 - constants
        " AND ($3::text[] IS NULL OR entity = ANY($3)) AND ($4::timestamptz IS NULL OR end_at > $4)"
        " AND ($5::timestamptz IS NULL OR start_at < $5) ORDER BY id",
        tenant, after, None if entities is None else list(entities), start, end,
    )  # fmt: skip
    return tuple(
        Correction(
            id=r["id"],
            entity=r["entity"],
            attribute=r["attribute"],
            dataset=r["dataset"],
            start=r["start_at"],
            end=r["end_at"],
            kind=r["kind"],
            number=r["number"],
            text=r["text"],
        )
        for r in rows
    )


def decide(rows: pa.Table, corrections: Sequence[Correction]) -> npt.NDArray[np.int64]:
    """Per row the position of the correction that decides about it, or −1.

    rows: columns entity, attribute, dataset, observed_at, in any order.
    """
    deciding = np.full(rows.num_rows, -1, np.int64)
    if not corrections or not rows.num_rows:
        return deciding
    named = pa.array(sorted({c.entity for c in corrections}), pa.string())
    code = pc.fill_null(pc.index_in(_plain(rows["entity"]), value_set=named), -1).to_numpy(zero_copy_only=False)
    touched = np.flatnonzero(code >= 0)
    if not len(touched):
        return deciding
    order = touched[np.argsort(code[touched], kind="stable")]
    bounds = np.searchsorted(code[order], np.arange(len(named) + 1))
    part = rows.select(["attribute", "dataset", "observed_at"]).take(pa.array(order))
    attribute, dataset = _plain(part["attribute"]), pc.fill_null(_plain(part["dataset"]), "")
    at = part["observed_at"].cast(pa.int64()).to_numpy()
    place = {entity: n for n, entity in enumerate(named.to_pylist())}
    for n in sorted(range(len(corrections)), key=lambda n: corrections[n].id):
        one = corrections[n]
        low, high = bounds[place[one.entity]], bounds[place[one.entity] + 1]
        hit = (at[low:high] >= _micros(one.start)) & (at[low:high] < _micros(one.end))
        if one.attribute is not None:
            hit &= _mask(pc.equal(attribute.slice(low, high - low), one.attribute))
        if one.dataset is not None:
            hit &= _mask(pc.equal(dataset.slice(low, high - low), one.dataset))
        deciding[order[low:high][hit]] = n
    return deciding


def amend(rows: pa.Table, corrections: Sequence[Correction], *, fold: bool = False) -> pa.Table:
    """The rows as they count: corrected values in place, without what was deleted or is not valid. Order is kept.

    fold: as they are to be stored: only corrected values and deletions take effect.
    """
    deciding = decide(rows, corrections)
    if not (deciding >= 0).any():
        return rows
    kinds = np.array([KINDS.index(c.kind) for c in corrections] + [-1])[deciding]
    valued = np.flatnonzero(kinds == KINDS.index("value"))
    if len(valued):
        rows = _replaced(rows, valued, [corrections[n] for n in deciding[valued]])
    gone = kinds == KINDS.index("delete")
    if not fold:
        gone |= kinds == KINDS.index("invalid")
    return rows.filter(pa.array(~gone)) if gone.any() else rows


def _replaced(rows: pa.Table, places: npt.NDArray[np.int64], by: Sequence[Correction]) -> pa.Table:
    mask = np.zeros(rows.num_rows, np.bool_)
    mask[places] = True
    for name, kind in (("number", pa.float64()), ("text", pa.string())):
        if name not in rows.schema.names:
            continue
        at = rows.schema.get_field_index(name)
        given = pa.array([getattr(one, name) for one in by], kind)
        column = pc.replace_with_mask(rows[name].combine_chunks(), pa.array(mask), given)
        rows = rows.set_column(at, rows.schema.field(at), pa.chunked_array([column]))
    return rows


def _plain(column: pa.ChunkedArray) -> pa.Array:
    column = column.combine_chunks() if isinstance(column, pa.ChunkedArray) else column
    return column.cast(pa.string()) if pa.types.is_dictionary(column.type) else column


def _mask(array: pa.Array) -> npt.NDArray[np.bool_]:
    return np.asarray(array.to_numpy(zero_copy_only=False), np.bool_)


def _micros(at: datetime) -> int:
    delta = at - _EPOCH
    return (delta.days * 86_400 + delta.seconds) * 1_000_000 + delta.microseconds


_EPOCH = datetime.fromisoformat("1970-01-01T00:00:00+00:00")
