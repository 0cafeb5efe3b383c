"""Excel workbooks. Numbers and dates come as the sheet stores them, so no style of writing is guessed."""

from __future__ import annotations

import zipfile
from collections import Counter
from collections.abc import Iterator
from datetime import date, datetime, time, timedelta
from pathlib import Path
from typing import Any, Final

import pyarrow as pa

from province.adapters.tables.raw import FIND, MIXED, Found, Options, build, names_of, rows_per_batch
from province.errors import InvalidInput, TooLarge

_LARGEST: Final = 1024**3
_RATIO: Final = 250
_ENTRIES: Final = 10_000
_HEADER_LINES: Final = 30


def read(path: Path, options: Options) -> tuple[Found, Iterator[pa.RecordBatch]]:
    """What the workbook holds, and the rows of one sheet. Raises: InvalidInput, TooLarge for a bomb."""
    import python_calamine

    require_harmless(path)
    try:
        book = python_calamine.CalamineWorkbook.from_path(str(path))
        sheets = list(book.sheet_names)
        name = options.sheet or (sheets[0] if sheets else "")
        if name not in sheets:
            raise InvalidInput(
                f"there is no sheet {name!r}.", field="mapping.sheet", remedy=f"The workbook has: {', '.join(sheets)}."
            )
        sheet = book.get_sheet_by_name(name)
        first = sheet.start[0] if sheet.start else 0
        cells = sheet.to_python(skip_empty_area=True)
    except (python_calamine.CalamineError, ValueError, OSError) as error:
        raise InvalidInput(f"the workbook cannot be read: {str(error)[:200]}", field="file") from None
    if not cells:
        raise InvalidInput(f"the sheet {name!r} is empty.", field="mapping.sheet")
    header = options.header if options.header != FIND else first + _header(cells[:_HEADER_LINES])
    above = header - first
    if header and not 1 <= above <= len(cells):
        raise InvalidInput(f"there is no row {header} to hold the column names.", field="mapping.header")
    width = max(map(len, cells))
    names = names_of([_plain(c) for c in cells[above - 1]] if header else [""] * width)
    found = Found(format="xlsx", sheets=sheets, sheet=name, header=header, columns=names)
    body = [(first + i + 1, row) for i, row in enumerate(cells) if i >= max(0, above) and any(c != "" for c in row)]
    return found, _batches(names, body)


def require_harmless(path: Path) -> None:
    """Raises: InvalidInput when it is no zip, TooLarge when it would unfold beyond reason."""
    try:
        with zipfile.ZipFile(path) as archive:
            entries = archive.infolist()
    except (zipfile.BadZipFile, OSError, ValueError) as error:
        raise InvalidInput(f"the workbook cannot be read: {error}", field="file", remedy="Save it as .xlsx.") from None
    unfolded = sum(e.file_size for e in entries)
    packed = max(1, sum(e.compress_size for e in entries))
    if len(entries) > _ENTRIES or unfolded > _LARGEST or (unfolded > 50 * 1024**2 and unfolded / packed > _RATIO):
        raise TooLarge(
            f"the workbook unfolds to {unfolded // 1024**2} MiB in {len(entries)} parts.",
            field="file",
            remedy="Save the sheet as CSV.",
        )


def _batches(names: list[str], body: list[tuple[int, list[Any]]]) -> Iterator[pa.RecordBatch]:
    width = len(names)
    kinds = [_kind([row[i] for _, row in body if i < len(row)]) for i in range(width)]
    size = rows_per_batch(width)
    for start in range(0, len(body), size):
        part = body[start : start + size]
        columns = {
            name: _column([row[i] if i < len(row) else "" for _, row in part], kinds[i]) for i, name in enumerate(names)
        }
        yield build(columns, [number for number, _ in part], [None] * len(part))


def _kind(cells: list[Any]) -> pa.DataType:
    kinds = {_group(c) for c in cells if c != "" and c is not None}
    if kinds <= {"number"}:
        return pa.float64() if kinds else pa.string()
    if kinds == {"moment"}:
        return pa.timestamp("us")
    if kinds == {"flag"}:
        return pa.bool_()
    return MIXED if "number" in kinds else pa.string()


def _group(cell: Any) -> str:
    if isinstance(cell, bool):
        return "flag"
    if isinstance(cell, int | float):
        return "number"
    return "moment" if isinstance(cell, date) else "text"


def _column(cells: list[Any], kind: pa.DataType) -> pa.Array:
    present = [None if c == "" else c for c in cells]
    if kind == pa.float64():
        return pa.array([None if c is None else float(c) for c in present], kind)
    if kind == pa.timestamp("us"):
        return pa.array([None if c is None else _moment(c) for c in present], kind)
    if kind == pa.bool_():
        return pa.array(present, kind)
    if kind == MIXED:
        return pa.array(
            [
                None if c is None else {"text": None, "number": float(c)} if _group(c) == "number"
                else {"text": _plain(c), "number": None}
                for c in present
            ],
            MIXED,
        )  # fmt: skip
    return pa.array([None if c is None else _plain(c) for c in present], pa.string())


def _moment(cell: date) -> datetime:
    return cell if isinstance(cell, datetime) else datetime(cell.year, cell.month, cell.day)  # noqa: DTZ001 - civil


def _plain(cell: Any) -> str:
    if isinstance(cell, bool):
        return "true" if cell else "false"
    if isinstance(cell, float) and cell == int(cell):
        return str(int(cell))
    if isinstance(cell, date | time):
        return cell.isoformat()
    if isinstance(cell, timedelta):
        return str(cell)
    return str(cell)


def _header(top: list[list[Any]]) -> int:
    filled = [sum(c != "" for c in row) for row in top]
    usual = Counter(filled).most_common(1)[0][0]
    return next((i + 1 for i, n in enumerate(filled) if n >= usual), 1)
