"""A first mapping for a file that nobody has described yet: by the names of its columns, their contents and the types.

Every guess says how sure it is and why; people correct it before anything is written. Names are compared without
diacritics, in Vietnamese and English, with the names and labels of the declared fields.
"""

from __future__ import annotations

import re
from collections.abc import Mapping as Map
from collections.abc import Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher
from functools import lru_cache
from typing import Any, Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from province.adapters.tables import raw
from province.adapters.tables.raw import Found
from province.errors import InvalidInput
from province.model.label import Label
from province.model.mapping import DEFAULT_EMPTY, GEOMETRY, ID, Column, Long, Mapping, Place, Time, Wide
from province.model.schema import EntityType, FieldSpec
from province.model.text import fold
from province.model.unit import lookup
from province.model.written import DATES, NUMBERS, read_instants

_SURE: Final = 0.6
"""A column goes to a field from this likeness on."""
_ALIKE: Final = 0.78
"""Names whose letters agree less are different names."""
_WIDE_FROM: Final = 8
_WIDEST: Final = 60
"""Of more columns only so many are compared with fields: what is wider is a table of sensors."""

_TAILS: Final = {
    "ha": "HAR",
    "km2": "KMK",
    "m2": "MTK",
    "km": "KMT",
    "kmh": "KMH",
    "mph": "HM",
    "m": "MTR",
    "mm": "MMT",
}
"""Units as the last word of a name, such as `land_ha`."""
EASTINGS: Final = ("longitude", "lon", "lng", "long", "kinh do", "x", "toa do x", "easting", "x coord")
NORTHINGS: Final = ("latitude", "lat", "vi do", "y", "toa do y", "northing", "y coord")
SHAPES: Final = ("geometry", "geom", "wkt", "the geom", "hinh hoc", "ranh gioi", "shape")
_TIME: Final = (
    "time", "date", "datetime", "timestamp", "observed at", "date observed", "thoi gian", "thoi diem", "ngay",
    "ngay do", "ngay gio", "ngay quan trac", "thoi gian do", "thoi gian quan trac", "measured at", "observedat",
)  # fmt: skip
_PARTS: Final[Map[str, tuple[str, ...]]] = {
    "year": ("year", "nam"), "month": ("month", "thang"), "day": ("day", "ngay"), "hour": ("hour", "gio"),
    "minute": ("minute", "phut"), "second": ("second", "giay"),
}  # fmt: skip
_ATTRIBUTE: Final = ("attribute", "parameter", "thong so", "chi tieu", "chi so", "dai luong", "variable", "pollutant")
_VALUE: Final = ("value", "gia tri", "ket qua", "reading", "so do", "result")
_SYNONYMS: Final[Map[str, tuple[str, ...]]] = {
    "temperature": ("temp", "nhiet do", "t"),
    "relativeHumidity": ("humidity", "do am", "rh", "hum"),
    "atmosphericPressure": ("pres", "pressure", "ap suat", "khi ap"),
    "windSpeed": ("ws", "iws", "toc do gio", "wind"),
    "windDirection": ("wd", "cbwd", "huong gio"),
    "precipitation": ("rain", "luong mua", "mua", "rainfall"),
    "pm25": ("pm2 5", "pm 2 5", "bui min"),
    "name": ("ten", "ten goi", "full name", "fullname", "ho ten"),
    "code": ("ma", "ma so", "ma don vi", "ma dvhc"),
    "serialNumber": ("serial", "so seri", "sensor id", "ma thiet bi", "ma tram", "station id", "device id"),
    "areaSize": ("dien tich", "area km2", "area"),
    "averageVehicleSpeed": ("speed", "toc do", "van toc"),
    "intensity": ("flow", "luu luong", "volume", "count"),
    "currentLevel": ("water level", "muc nuoc", "level"),
    "description": ("mo ta", "ghi chu", "note", "remarks"),
    "address": ("dia chi",),
    "phone": ("dien thoai", "so dien thoai", "tel"),
}


@dataclass(frozen=True, slots=True)
class Guess:
    """mapping: the proposal.  likeness: how well the type fits, 0–1.  others: types that would fit too."""

    mapping: Mapping
    likeness: float
    others: tuple[str, ...] = ()


@dataclass(slots=True)
class _Seen:
    """A column as it looks: what its cells are, and how they are written."""

    name: str
    words: str
    unit: str
    kind: str
    """empty, number, moment, flag, shape or text."""
    style: str = ""
    """Of numbers or dates."""
    largest: float = 0.0
    distinct: float = 0.0
    """Different values per filled cell."""


def guess(found: Found, sample: pa.Table, types: Map[str, EntityType], *, type: str = "", name: str = "") -> Guess:
    """Propose a mapping. type: when the user named one.  name: of the file.  Raises: InvalidInput for unknown types."""
    if type and type not in types and found.format != "ngsi-ld":
        raise InvalidInput(f"there is no type {type[:60]!r}.", field="type", remedy=f"One of: {', '.join(types)}.")
    if found.format == "ngsi-ld":
        return Guess(Mapping(type=type or "*", format="ngsi-ld"), 1.0)
    seen = [_look(n, sample.column(n)) for n in found.columns if n in sample.column_names]
    ranked = sorted(((_likeness(t, seen, name), n) for n, t in types.items() if not type or n == type), reverse=True)
    likeness, chosen = ranked[0]
    others = tuple(n for score, n in ranked[1:4] if score > 0.5 * likeness and score > 0)
    return Guess(_propose(found, seen, types[chosen]), round(min(1.0, likeness), 2), others)


def _propose(found: Found, seen: Sequence[_Seen], entity_type: EntityType) -> Mapping:
    styles = [s.style for s in seen if s.kind == "number" and s.style in NUMBERS]
    numbers = max(dict.fromkeys(styles), key=styles.count) if styles else "plain"
    dates = next((s.style for s in seen if s.kind == "moment" and s.style), "iso")
    free = {s.name: s for s in seen}
    place = _place(free, entity_type)
    pairs = _pair(list(free.values()), entity_type)
    observed = {s.name for s in entity_type.observed}
    columns: dict[str, Column] = {}
    for column, (spec, sure, why) in pairs.items():
        one = free.pop(column)
        columns[column] = _column(one, spec, sure, why, numbers, dates)
    time = _time(free)
    long = _long(free, entity_type)
    wide = None if long or any(c.field in observed for c in columns.values()) else _wide(free, entity_type)
    identifier = next((n for n, s in free.items() if s.words in ("id", "urn", "entity id")), "")
    if identifier:
        columns[identifier] = Column(
            field=ID, confidence=0.9, reason="the name says that it is the id", reason_vi="tên cho biết đây là mã"
        )
        free.pop(identifier)
    mapped = {c.field for c in columns.values()}
    ours = found.columns[:1] == ["id"] and sum(c in entity_type.fields for c in found.columns) >= 0.5 * len(
        found.columns
    )
    key = next((k for k in entity_type.info.unique if set(k) <= mapped), ())
    measures = bool(wide or long or mapped & observed)
    if time is None and long is None and wide is None and mapped & observed:
        # Nothing says when: an export with the latest values, say. Only the records can come in.
        for name in [n for n, c in columns.items() if c.field in observed]:
            free[name] = next(s for s in seen if s.name == name)
            del columns[name]
        measures = False
    return Mapping(
        type=entity_type.name,
        format=found.format,
        encoding=found.encoding if found.format == "csv" or found.encoding in ("tcvn3", "vni") else "",
        delimiter=found.delimiter,
        header=found.header,
        sheet=found.sheet,
        layer=found.layer,
        crs=found.crs,
        numbers=numbers,
        dates=dates,
        empty=("",) if ours else DEFAULT_EMPTY,
        id="{" + identifier + "}" if identifier else "",
        key=() if identifier else key,
        records=not wide,
        columns=columns,
        skip=() if wide else tuple(free),
        time=time if measures else None,
        place=place,
        wide=wide,
        long=long,
    )


# --- columns ---------------------------------------------------------------------------------------------------------


def _look(name: str, column: pa.ChunkedArray) -> _Seen:
    cells = column.combine_chunks()
    cells = cells.chunk(0) if isinstance(cells, pa.ChunkedArray) else cells
    words, unit = _words(name)
    if pa.types.is_binary(cells.type) or words == GEOMETRY:
        return _Seen(name, words, unit, "shape")
    texts = raw.texts(cells, DEFAULT_EMPTY)
    filled = texts.drop_null()
    if not len(filled):
        return _Seen(name, words, unit, "empty")
    seen = _Seen(name, words, unit, "text", distinct=pc.count_distinct(filled).as_py() / len(filled))
    if pa.types.is_floating(cells.type) or pa.types.is_integer(cells.type):
        seen.kind = "number"
    elif pa.types.is_boolean(cells.type):
        seen.kind = "flag"
    elif pa.types.is_timestamp(cells.type):
        seen.kind = "moment"
    else:
        _judge(seen, filled)
    if seen.kind == "number":
        found, _ = raw.numbers(cells, seen.style or "plain", DEFAULT_EMPTY)
        seen.largest = float(pc.max(pc.abs(found)).as_py() or 0)
    return seen


def _judge(seen: _Seen, filled: pa.Array) -> None:
    """Numbers or moments, if nine of ten cells are; the style that reads the most, Vietnamese before American."""
    total = len(filled)
    shares = {s: pc.sum(pc.match_substring_regex(filled, p)).as_py() / total for s, p in NUMBERS.items()}
    leading_zero = pc.any(pc.match_substring_regex(filled, r"^0\d+$")).as_py()
    best = max(("plain", "vi", "en"), key=lambda s: shares[s])
    if shares[best] >= 0.9 and not leading_zero:
        seen.kind, seen.style = "number", best
        return
    # What looks like a date decides that it is one; what the calendar has decides between day and month first.
    read = {s: 1 - np.mean(read_instants(filled, s, "UTC")[1]) for s in DATES if s != "yyyymmdd"}
    best = max(("iso", "dd/mm/yyyy", "mm/dd/yyyy", "yyyy/mm/dd"), key=lambda s: read[s])
    if read[best] > 0 and pc.sum(pc.match_substring_regex(filled, DATES[best])).as_py() / total >= 0.9:
        seen.kind, seen.style = "moment", best


def _words(name: str) -> tuple[str, str]:
    """A column's name as plain words, and the unit that stands in brackets or behind it."""
    unit = ""
    bracket = re.search(r"[(\[]([^)\]]+)[)\]]", name)
    if bracket:
        unit = _unit(bracket[1])
        if unit:
            name = name[: bracket.start()] + name[bracket.end() :]
    words = _plain(name)
    tail = words.rpartition(" ")
    if not unit and tail[0] and tail[2] in _TAILS:
        return tail[0], _TAILS[tail[2]]
    return words, unit


def _unit(text: str) -> str:
    given = text.strip().replace("m3", "m³").replace("m2", "m²").replace("ug/", "µg/").replace("μ", "µ")
    given = {"C": "°C", "F": "°F", "oC": "°C", "km/giờ": "km/h"}.get(given, given)
    try:
        return lookup(given).code
    except InvalidInput:
        return ""


def _plain(text: str) -> str:
    spaced = re.sub(r"(?<=[a-z])(?=[A-Z])", " ", text)
    return " ".join(re.findall(r"[a-z0-9]+", fold(spaced)))


# --- fields ----------------------------------------------------------------------------------------------------------


def _names(spec: FieldSpec) -> list[tuple[str, Label]]:
    """(words, what they are) by which a field may be called."""
    named, vi, en = spec.name, spec.field.label.vi, spec.field.label.en
    found = [(_plain(named), Label(f"trường {named}", f"the field {named}")), (_plain(vi), Label(f"“{vi}”", f"“{vi}”")),
             (_plain(en), Label(f"“{en}”", f"“{en}”"))]  # fmt: skip
    usual = Label(f"một tên thường gặp của {named}", f"a usual name of {named}")
    return found + [(w, usual) for w in _SYNONYMS.get(named, ())]


@lru_cache(maxsize=100_000)
def _like(words: str, other: str) -> float:
    """Likeness of two names, 0–1: the same words, words among others, or letters in the same order."""
    if not other or not any(c.isalpha() for c in words):
        return 0.0
    if words == other or words.replace(" ", "") == other.replace(" ", ""):
        return 1.0
    mine, theirs = set(words.split()), set(other.split())
    shared = 0.6 + 0.3 * min(len(mine), len(theirs)) / max(len(mine), len(theirs))
    ratio = shared if len(other) > 2 and len(words) > 2 and (mine >= theirs or theirs >= mine) else 0.0
    matcher = SequenceMatcher(None, words, other, autojunk=False)
    if matcher.real_quick_ratio() > _ALIKE and matcher.quick_ratio() > _ALIKE:
        found = matcher.ratio()
        ratio = max(ratio, found if found > _ALIKE else 0.0)
    return ratio


def _fit(seen: _Seen, spec: FieldSpec) -> tuple[float, Label]:
    """How likely a column is a field's, and why."""
    likeness = [(_like(seen.words, words), of) for words, of in _names(spec)]
    score, of = max(likeness, key=lambda pair: pair[0])
    why = Label(f"tên giống {of.vi}", f"named like {of.en}")
    if not score:
        return 0.0, why
    number = spec.value in ("number", "integer")
    if number and seen.kind not in ("number", "empty"):
        return score * (0.8 if spec.field.observed else 0.3), _and(
            why, ", nhưng không phải ô nào cũng là số", ", but not all cells are numbers"
        )
    if spec.value == "geometry" or (spec.value == "instant" and seen.kind not in ("moment", "empty")):
        return score * 0.3, why
    if seen.unit and spec.unit and lookup(seen.unit).dimension == lookup(spec.unit).dimension:
        score = min(1.0, score + 0.1)
    kinds = {
        "number": (", các ô là số", ", cells are numbers"),
        "moment": (", các ô là thời điểm", ", cells are moments"),
    }
    return score, _and(why, *kinds[seen.kind]) if seen.kind in kinds else why


def _and(why: Label, vi: str, en: str) -> Label:
    return Label(why.vi + vi, why.en + en)


def _pair(seen: Sequence[_Seen], entity_type: EntityType) -> dict[str, tuple[FieldSpec, float, Label]]:
    """Columns to fields, the surest first; each at most once."""
    options = []
    for one in seen[:_WIDEST]:
        if one.kind == "shape":
            continue
        for spec in entity_type.fields.values():
            score, why = _fit(one, spec)
            if score >= _SURE:
                options.append((score, one.name, spec, why))
    options.sort(key=lambda o: -o[0])
    pairs: dict[str, tuple[FieldSpec, float, Label]] = {}
    taken: set[str] = set()
    for score, column, spec, why in options:
        if column not in pairs and spec.name not in taken:
            pairs[column] = (spec, round(score, 2), why)
            taken.add(spec.name)
    return pairs


def _column(seen: _Seen, spec: FieldSpec, sure: float, why: Label, numbers: str, dates: str) -> Column:
    unit, scale = "", 1.0
    if spec.unit and seen.unit and lookup(seen.unit).dimension == lookup(spec.unit).dimension:
        unit = seen.unit if seen.unit != spec.unit else ""
    elif spec.unit == "C62" and spec.field.maximum == 1 and 1.5 < seen.largest <= 100:
        scale = 0.01
        why = _and(why, f"; giá trị đến {seen.largest:g} là phần trăm", f"; values up to {seen.largest:g} are percent")
    day = spec.value == "text" and seen.kind == "moment"
    scaled: dict[str, Any] = {} if scale == 1.0 else {"scale": scale}
    return Column(
        field=spec.name,
        unit=unit,
        **scaled,
        numbers=seen.style if seen.kind == "number" and seen.style not in ("", numbers) else "",
        dates=seen.style or dates if day else seen.style if seen.kind == "moment" and seen.style != dates else "",
        confidence=sure,
        reason=why.en,
        reason_vi=why.vi,
    )


def _likeness(entity_type: EntityType, seen: Sequence[_Seen], name: str) -> float:
    """How well a type explains the columns; the file's name counts too."""
    pairs = _pair(seen, entity_type)
    useful = [s for s in seen if s.kind not in ("empty", "shape")]
    covered = sum(score for _, score, _ in pairs.values()) / max(1, len(useful))
    stem = _plain(re.sub(r"\.\w+$", "", name))
    label = entity_type.info.label
    names = [_plain(w) for w in (entity_type.name, label.vi, label.en)]
    called = max(
        [_like(stem, n) for n in names] + [_like(w, n) for w in stem.split() if len(w) > 3 for n in names] + [0.0]
    )
    shaped = 0.1 if entity_type.info.place and any(s.kind == "shape" for s in seen) else 0.0
    return covered + 0.5 * called + shaped + 0.02 * len(pairs)


# --- place, time, shape of the table ---------------------------------------------------------------------------------


def _take(free: dict[str, _Seen], words: Sequence[str], *kinds: str) -> str:
    for word in words:
        for name, seen in free.items():
            if seen.words == word and (not kinds or seen.kind in kinds):
                return name
    return ""


def _place(free: dict[str, _Seen], entity_type: EntityType) -> Place | None:
    if not entity_type.info.place:
        return None
    shape = _take(free, SHAPES)
    if shape:
        free.pop(shape)
        return Place(geometry=shape)
    x, y = _take(free, EASTINGS, "number"), _take(free, NORTHINGS, "number")
    if x and y:
        free.pop(x), free.pop(y)
        return Place(x=x, y=y)
    return None


def _time(free: dict[str, _Seen]) -> Time | None:
    parts = {part: _take(free, words, "number") for part, words in _PARTS.items()}
    if parts["year"] and parts["month"] and parts["day"]:
        for name in parts.values():
            free.pop(name, None)
        return Time(**parts)
    name = _take(free, _TIME) or next((n for n, s in free.items() if s.kind == "moment"), "")
    if not name:
        return None
    seen = free.pop(name)
    if seen.kind == "number" and seen.largest > 1e8:
        return Time(column=name, dates="epoch_ms" if seen.largest > 1e11 else "epoch_s")
    return Time(column=name, dates=seen.style)


def _long(free: dict[str, _Seen], entity_type: EntityType) -> Long | None:
    attribute, value = _take(free, _ATTRIBUTE, "text"), _take(free, _VALUE, "number")
    if not (attribute and value and entity_type.observed):
        return None
    free.pop(attribute), free.pop(value)
    return Long(attribute=attribute, value=value)


def _wide(free: dict[str, _Seen], entity_type: EntityType) -> Wide | None:
    """Many columns of numbers, and nothing else said of them: one sensor each."""
    numbers = [s for s in free.values() if s.kind == "number"]
    measured = [s for s in entity_type.observed if s.value == "number" and s.name not in ("batteryLevel", "rssi")]
    if len(numbers) < _WIDE_FROM or len(numbers) < 0.8 * len(free) or not measured:
        return None
    return Wide(entity=f"urn:ngsi-ld:{entity_type.name}:{{_column}}", attribute=measured[0].name)
