"""CSV as it is met: any encoding, any delimiter, titles above the column names, rows of the wrong length."""

from __future__ import annotations

import csv
import io
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import pyarrow as pa

from province.adapters.tables.raw import FIND, Found, Options, build, names_of, rows_per_batch
from province.adapters.tables.writers import rearm
from province.compute import legacy
from province.errors import InvalidInput

_SAMPLE: Final = 1024 * 1024
_DELIMITERS: Final = (",", ";", "\t", "|")
_LONGEST: Final = 200_000
"""Characters of a cell: a quote that is never closed must not swallow the file."""
_HEADER_LINES: Final = 30

Cells = list[str]


def read(path: Path, options: Options) -> tuple[Found, Iterator[pa.RecordBatch]]:
    """What the file is, and its rows in batches. Raises: InvalidInput when it is no text."""
    csv.field_size_limit(_LONGEST)
    with path.open("rb") as file:
        sample = file.read(_SAMPLE)
    if not sample.strip():
        raise InvalidInput("the file is empty.", field="file")
    encoding = _python_encoding(options.encoding, sample)
    head = io.StringIO(sample.decode(encoding, "replace"), newline="")
    first = head.readline()
    marked = first.strip().lower().startswith("sep=") and len(first.strip()) == 5
    if not marked:
        head.seek(0)
    delimiter = options.delimiter or (first.strip()[4] if marked else _delimiter(head.read()))
    lines = _lines(path, encoding, delimiter, skip=int(marked))
    top = [cells for _, cells, _ in _take(lines, _HEADER_LINES)]
    header = options.header if options.header != FIND else _header(top)
    if header > len(top) or not top:
        raise InvalidInput(f"there is no line {header} to hold the column names.", field="mapping.header")
    names = names_of(top[header - 1] if header else [""] * max(map(len, top)))
    found = Found(format="csv", encoding=_name(encoding), delimiter=delimiter, header=header, columns=names)
    return found, _batches(_lines(path, encoding, delimiter, skip=int(marked)), names, header, delimiter)


def _batches(
    lines: Iterator[tuple[int, Cells, str | None]], names: list[str], header: int, delimiter: str
) -> Iterator[pa.RecordBatch]:
    size, width = rows_per_batch(len(names)), len(names)
    rows: list[int] = []
    faults: list[str | None] = []
    cells: list[Cells] = []
    for number, (line, given, fault) in enumerate(lines):
        if number < header or (not fault and not any(c.strip() for c in given)):
            continue
        if not fault and len(given) != width:
            fault = f"fields {len(given)} {width}"
        given = [rearm(c) if c.startswith("'") else c for c in given]
        if len(given) > width:
            given = [*given[: width - 1], delimiter.join(given[width - 1 :])]
        rows.append(line)
        faults.append(fault or ("letters" if any("\ufffd" in c for c in given) else None))
        cells.append(given + [""] * (width - len(given)))
        if len(rows) == size:
            yield _batch(names, rows, faults, cells)
            rows, faults, cells = [], [], []
    if rows:
        yield _batch(names, rows, faults, cells)


def _batch(names: list[str], rows: list[int], faults: list[str | None], cells: list[Cells]) -> pa.RecordBatch:
    columns = zip(*cells, strict=True)
    return build({n: pa.array(c, pa.string()) for n, c in zip(names, columns, strict=True)}, rows, faults)


def _lines(path: Path, encoding: str, delimiter: str, *, skip: int) -> Iterator[tuple[int, Cells, str | None]]:
    """(line where the record begins, cells, what is wrong with it)."""
    with path.open(encoding=encoding, errors="replace", newline="") as file:
        for _ in range(skip):
            file.readline()
        reader = csv.reader(_without_nul(file), delimiter=delimiter)
        while True:
            begin = reader.line_num + 1 + skip
            try:
                yield begin, next(reader), None
            except StopIteration:
                return
            except csv.Error as error:
                yield begin, [], f"csv {error}"


def _without_nul(file: io.TextIOBase) -> Iterator[str]:
    for line in file:
        yield line.replace("\x00", "\ufffd") if "\x00" in line else line


def _take(lines: Iterator[tuple[int, Cells, str | None]], n: int) -> list[tuple[int, Cells, str | None]]:
    return [line for line, _ in zip(lines, range(n), strict=False)]


def _python_encoding(asked: str, sample: bytes) -> str:
    if sample.startswith((b"\xff\xfe", b"\xfe\xff")):
        return "utf-16"
    if asked == "utf-16":
        return "utf-16-le" if sample[1:2] == b"\x00" else "utf-16-be"
    if asked in ("utf-8", "cp1258", "cp1252"):
        return "utf-8-sig" if asked == "utf-8" else asked
    if _is_utf8(sample):
        return "utf-8-sig"
    odd, even = sample[1::2].count(0), sample[0::2].count(0)
    if max(odd, even) > len(sample) // 5:
        return "utf-16-le" if odd > even else "utf-16-be"
    if b"\x00" in sample[:4096]:
        raise InvalidInput(
            "the file is no text: it holds NUL bytes.", field="file", remedy="Export it as CSV in UTF-8."
        )
    if asked in ("tcvn3", "vni"):
        return "latin-1"
    western = sample.decode("latin-1").splitlines()
    if legacy.detect(western):
        return "latin-1"
    windows = sample.decode("cp1258", "replace").splitlines()
    return "cp1258" if legacy.share(windows) > legacy.share(western) else "cp1252"


def _is_utf8(sample: bytes) -> bool:
    try:
        sample.decode("utf-8")
    except UnicodeDecodeError as error:
        # A sample may end within a letter; a few bad bytes in a file of good ones are for their rows to answer.
        good = sample.decode("utf-8", "ignore")
        marked = sum(not c.isascii() for c in good)
        return error.start >= len(sample) - 3 or (
            marked > 0 and marked >= 20 * sample.decode("utf-8", "replace").count("\ufffd")
        )
    return True


def _name(encoding: str) -> str:
    return {"utf-8-sig": "utf-8", "utf-16-le": "utf-16", "utf-16-be": "utf-16", "latin-1": "cp1252"}.get(
        encoding, encoding
    )


def _delimiter(sample: str) -> str:
    """The delimiter that gives the most lines the same number of fields, above one."""
    best, top = ",", (0.0, 0)
    for delimiter in _DELIMITERS:
        try:
            lines = [len(r) for r in csv.reader(sample.splitlines()[:200], delimiter=delimiter) if r]
        except csv.Error:
            continue
        if not lines:
            continue
        width, times = Counter(lines).most_common(1)[0]
        if width > 1 and (times / len(lines), width) > top:
            best, top = delimiter, (times / len(lines), width)
    return best


def _header(top: list[Cells]) -> int:
    """The first line that fills as many cells as most lines do: titles above the table fill one or two."""
    filled = [sum(bool(c.strip()) for c in cells) for cells in top]
    usual = Counter(filled).most_common(1)[0][0]
    return next((i + 1 for i, n in enumerate(filled) if n >= usual), 1)
