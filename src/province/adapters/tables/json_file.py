"""JSON: GeoJSON collections and NGSI-LD entities, whole or one per line. Every feature is looked at on its own.

GeoJSON becomes columns of its properties and `geometry` as text; NGSI-LD keeps each entity as the text of the column
`entity`, which `entities` reads with the product's own codec.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import msgspec
import pyarrow as pa

from province.adapters.tables.raw import Found, Options, build, names_of, rows_per_batch
from province.errors import InvalidInput

ENTITY: Final = "entity"
_SEQUENCE: Final = "\x1e"


def read(path: Path, options: Options) -> tuple[Found, Iterator[pa.RecordBatch]]:
    """The members of a collection, a list, or lines. Raises: InvalidInput naming the byte when it is no JSON."""
    members, crs = _members(path)
    first = next((m for _, m in members if isinstance(m, dict)), None)
    if first is None:
        raise InvalidInput("the file holds no objects.", field="file", remedy="Send GeoJSON features or entities.")
    if options.format == "ngsi-ld" or (options.format == "" and not _is_feature(first)):
        return Found(format="ngsi-ld", encoding="utf-8", columns=[ENTITY]), _entities(members)
    keys: dict[str, None] = {}
    for _, member in members:
        if isinstance(member, dict) and isinstance(member.get("properties"), dict):
            keys.update(dict.fromkeys(member["properties"]))
    has_id = any(isinstance(m, dict) and "id" in m for _, m in members) and "id" not in keys
    properties = list(keys)
    shown = names_of(properties)
    names = (["id"] if has_id else []) + shown
    found = Found(format="geojson", encoding="utf-8", crs=crs, columns=[*names, "geometry"])
    return found, _features(members, properties, shown, has_id)


def _members(path: Path) -> tuple[list[tuple[int, Any]], str]:
    data = path.read_bytes().removeprefix(b"\xef\xbb\xbf")
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError as error:
        raise InvalidInput(
            f"the file is not UTF-8: byte {error.start} is wrong.", field="file", remedy="Save it as UTF-8."
        ) from None
    lines = [line for line in text.split("\n") if line.strip(" \r\t" + _SEQUENCE)]
    if not lines:
        raise InvalidInput("the file is empty.", field="file")
    try:
        whole = msgspec.json.decode(data)
    except (msgspec.DecodeError, RecursionError) as error:
        if len(lines) > 1 and any(_whole(line) is not None for line in lines[:20]):  # one per line, some perhaps broken
            numbered = enumerate(text.split("\n"), start=1)
            return [(n, _line(line)) for n, line in numbered if line.strip(" \r\t" + _SEQUENCE)], ""
        raise InvalidInput(f"the file is not JSON: {str(error)[:160]}.", field="file") from None
    crs = ""
    if isinstance(whole, dict) and isinstance(whole.get("features"), list):
        given = whole.get("crs")
        crs = str((given.get("properties") or {}).get("name", "")) if isinstance(given, dict) else ""
        whole = whole["features"]
    elif isinstance(whole, dict):
        whole = [whole]
    if not isinstance(whole, list):
        raise InvalidInput("the file holds neither a list nor an object.", field="file")
    return [(i + 1, member) for i, member in enumerate(whole)], crs


def _whole(line: str) -> Any:
    try:
        found = msgspec.json.decode(line.strip(" \r\t" + _SEQUENCE))
    except (msgspec.DecodeError, RecursionError):
        return None
    return found if isinstance(found, dict) and "features" not in found else None


def _line(line: str) -> Any:
    try:
        return msgspec.json.decode(line.strip(" \r\t" + _SEQUENCE))
    except (msgspec.DecodeError, RecursionError) as error:
        return _Broken(line, str(error))


class _Broken:
    """A line that is no JSON."""

    def __init__(self, text: str, error: str) -> None:
        self.text, self.error = text, error


def _is_feature(member: dict[str, Any]) -> bool:
    return member.get("type") == "Feature" and "geometry" in member and "properties" in member


def _entities(members: list[tuple[int, Any]]) -> Iterator[pa.RecordBatch]:
    size = 500
    for start in range(0, len(members), size):
        part = members[start : start + size]
        column = [m.text if isinstance(m, _Broken) else _text(m) for _, m in part]
        yield build({ENTITY: pa.array(column, pa.string())}, [n for n, _ in part], [_fault(m) for _, m in part])


def _features(
    members: list[tuple[int, Any]], properties: list[str], shown: list[str], has_id: bool
) -> Iterator[pa.RecordBatch]:
    kinds = {p: _kind(p, members) for p in properties}
    size = min(1_000, rows_per_batch(len(properties) + 20))
    for start in range(0, len(members), size):
        part = members[start : start + size]
        given = [m.get("properties") if isinstance(m, dict) else None for _, m in part]
        tables: list[dict[str, Any]] = [t if isinstance(t, dict) else {} for t in given]
        columns: dict[str, pa.Array] = {}
        if has_id:
            ids = [m.get("id") if isinstance(m, dict) else None for _, m in part]
            columns["id"] = pa.array([None if i is None else str(i) for i in ids], pa.string())
        for key, name in zip(properties, shown, strict=True):
            columns[name] = _column([t.get(key) for t in tables], kinds[key])
        shapes = [m.get("geometry") if isinstance(m, dict) else None for _, m in part]
        columns["geometry"] = pa.array([None if s is None else _text(s) for s in shapes], pa.string())
        faults = [_fault(m) or (None if isinstance(m, dict) and _is_feature(m) else "feature") for _, m in part]
        yield build(columns, [n for n, _ in part], faults)


def _kind(key: str, members: list[tuple[int, Any]]) -> pa.DataType:
    values = [
        m["properties"].get(key) for _, m in members if isinstance(m, dict) and isinstance(m.get("properties"), dict)
    ]
    kinds = {type(v) for v in values if v is not None}
    if kinds and kinds <= {int, float} and all(abs(v) < 2**53 for v in values if v is not None):
        return pa.float64()
    return pa.bool_() if kinds == {bool} else pa.string()


def _column(values: list[Any], kind: pa.DataType) -> pa.Array:
    if kind == pa.float64():
        return pa.array([None if v is None else float(v) for v in values], kind)
    if kind == pa.bool_():
        return pa.array(values, kind)
    return pa.array([None if v is None else v if isinstance(v, str) else _text(v) for v in values], pa.string())


def _fault(member: Any) -> str | None:
    if isinstance(member, _Broken):
        return f"json {member.error[:120]}"
    return None if isinstance(member, dict) else "object"


def _text(value: Any) -> str:
    return msgspec.json.encode(value).decode()
