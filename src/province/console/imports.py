"""Imports in the console: send a file, look at the proposed mapping, correct it, try it, carry it in."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import quote

import msgspec
import yaml
from starlette.datastructures import UploadFile
from starlette.responses import Response

from province.adapters.tables.imports import Imports
from province.adapters.tables.raw import Options
from province.console.display import Words
from province.console.visit import Visit
from province.errors import InvalidInput, NotFound, ProvinceError, Unsupported
from province.model.label import Label
from province.model.mapping import ID, fingerprint, load_yaml, read_mapping, used_by_time
from province.model.mapping import Mapping as FileMapping
from province.model.query import Query
from province.model.schema import EntityType
from province.model.unit import CODES
from province.model.written import DATES, EPOCHS, NUMBERS
from province.vocab.transfer import DataImport

LARGEST: Final = 200 * 1024**2
"""Bytes of a file that the page takes; the command line takes more."""
_BLOCK: Final = 256 * 1024
_MOST_COLUMNS: Final = 60
_SHOWN: Final = 50


@dataclass(frozen=True, slots=True)
class Line:
    """A column of the file on the page. goes: a field, `id`, or "" for left out.  sure: percent, or None."""

    name: str
    samples: str
    goes: str
    unit: str
    sure: int | None
    reason: str
    role: str


async def overview(visit: Visit) -> Response:
    """The form for a file, and the newest imports."""
    service = _service(visit)
    asked = Query(types=("DataImport",), order="-modified", limit=_SHOWN, latest=False)
    page = await visit.services.broker.query(asked, visit.actor)
    rows = []
    for entity in page.items:
        values = {n: entity.value(n) for n in ("fileName", "target", "status", "rows", "taken", "refused", "startedAt")}
        if values["status"] == "running" and not service.is_running(entity.id, visit.actor):
            values["status"] = "interrupted"
        rows.append({**values, "id": entity.id, "at": entity.modified_at})
    return visit.page("imports.html", {"rows": rows, "types": _types(visit), "states": _states(visit)})


async def receive(visit: Visit) -> Response:
    """Take the file of the form."""
    files = visit.uploads("file")
    if not files:
        raise InvalidInput("no file was chosen.", field="file", remedy="Choose a file.")
    record, _ = await _service(visit).receive(
        visit.actor, files[0].filename or "file", _chunks(files[0]), type=visit.text("type")
    )
    return visit.see(f"/imports/{quote(record.id, safe=':')}")


async def one(visit: Visit) -> Response:
    """One import: its mapping while it waits, its progress while it runs, its outcome after."""
    service, id = _service(visit), visit.request.path_params["id"]
    record = await service.get(id, visit.actor)
    running = service.is_running(id, visit.actor)
    values: dict[str, Any] = {
        "it": record, "running": running, "states": _states(visit), "mine": record.startedBy == visit.actor.id,
        "lines": [], "types": _types(visit), "numbers": tuple(NUMBERS), "dates": (*DATES, *EPOCHS), "fields": [],
        "text": to_yaml(record.mapping or {}), "problem": None, "found": None, "wide": False, "fits": record.mapping,
    }  # fmt: skip
    if record.status in ("draft", "checked", "failed") and not running:
        await _describe(visit, service, record, values)
    return visit.page("import.html", values)


async def _describe(visit: Visit, service: Imports, record: DataImport, values: dict[str, Any]) -> None:
    """What the editor of the mapping shows."""
    if record.mapping is None:  # boundaries have none
        return
    try:
        mapping = read_mapping(record.mapping, visit.services.broker.types)
    except ProvinceError as error:
        values["problem"] = error
        return
    options = Options(encoding=mapping.encoding, delimiter=mapping.delimiter, header=mapping.header,
                      sheet=mapping.sheet, layer=mapping.layer)  # fmt: skip
    try:
        look = await service.again(record.id, visit.actor, options=options)
    except NotFound as error:
        values["problem"] = error
        return
    entity_type = visit.services.broker.types.get(mapping.type)
    values["found"], values["fits"] = look.found, mapping
    if entity_type is None or len(look.found.columns) > _MOST_COLUMNS or mapping.wide is not None:
        values["wide"] = True
        return
    values["lines"] = [_line(name, mapping, look.rows, entity_type, visit.words) for name in look.found.columns]
    words = visit.words
    values["fields"] = [
        (s.name, words.label(s.field.label) + (f" ({CODES[s.unit].symbol})" if s.unit and CODES[s.unit].symbol else ""))
        for s in entity_type.fields.values()
        if s.value != "geometry"
    ]


def _line(name: str, mapping: FileMapping, rows: list[dict[str, Any]], entity_type: EntityType, words: Words) -> Line:
    column = mapping.columns.get(name)
    samples = [str(r[name]) for r in rows if r.get(name) not in (None, "")]
    place = mapping.place
    role = ""
    if name in used_by_time(mapping.time):
        role = "time"
    elif name == "geometry" or (place is not None and name in (place.x, place.y, place.geometry)):
        role = "place"
    elif column is None and "{" + name + "}" in mapping.id:
        role = "id"
    sure = None if column is None or column.confidence is None else round(column.confidence * 100)
    why = "" if column is None else words.label(Label(column.reason_vi or column.reason, column.reason))
    return Line(
        name, ", ".join(dict.fromkeys(samples))[:80], column.field if column else "", column.unit if column else "",
        sure, why, role,
    )  # fmt: skip


async def describe(visit: Visit) -> Response:
    """Keep what the editor says; with `step`, go on from there."""
    service, id = _service(visit), visit.request.path_params["id"]
    record = await service.get(id, visit.actor)
    step = visit.text("step")
    if visit.text("type") and visit.text("type") != record.target:
        look = await service.again(id, visit.actor, type=visit.text("type"))
        await service.describe(id, visit.actor, msgspec.to_builtins(look.guess.mapping))
        return visit.see(f"/imports/{quote(id, safe=':')}")
    given = load_yaml(visit.text("text")) if step == "text" else _edited(visit, dict(record.mapping or {}))
    made = read_mapping(given, visit.services.broker.types)
    if fingerprint(made) != record.mappingHash:
        await service.describe(id, visit.actor, given)
    if step in ("try", "run"):
        await service.start(id, visit.actor, trial=step == "try")
    return visit.see(f"/imports/{quote(id, safe=':')}")


def _edited(visit: Visit, mapping: dict[str, Any]) -> dict[str, Any]:
    """The stored mapping with the choices of the form."""
    form = visit.form
    assert form is not None
    for name in ("numbers", "dates", "timezone", "id", "crs"):
        if name in form:
            mapping[name] = visit.text(name)
    if mapping.get("id"):
        mapping.pop("key", None)
    old: Mapping[str, Any] = mapping.get("columns") or {}
    names = [str(n) for n in form.getlist("column")]
    if names:
        columns: dict[str, Any] = {}
        for i, name in enumerate(names):
            goes, unit = visit.text(f"goes-{i}"), visit.text(f"unit-{i}")
            before = dict(old.get(name) or {})
            if goes and before.get("field") == goes:
                columns[name] = {**before, "unit": unit}
            elif goes:
                columns[name] = {"field": goes, "unit": unit}
        mapping["columns"] = columns
        mapping["skip"] = [s for s in mapping.get("skip") or () if s not in columns]
        if any(c["field"] == ID for c in columns.values()):
            mapping["id"] = ""
    return {k: v for k, v in mapping.items() if v not in ("", None)}


async def start(visit: Visit) -> Response:
    """Let an interrupted import go on."""
    id = visit.request.path_params["id"]
    await _service(visit).start(id, visit.actor)
    return visit.see(f"/imports/{quote(id, safe=':')}")


async def undo(visit: Visit) -> Response:
    """Take an import back."""
    id = visit.request.path_params["id"]
    await _service(visit).undo(id, visit.actor)
    return visit.see(f"/imports/{quote(id, safe=':')}")


async def refused(visit: Visit) -> Response:
    """The refused rows as a file."""
    content, name, media = await _service(visit).refused(visit.request.path_params["id"], visit.actor)
    return Response(
        content, 200, {"Content-Disposition": f"attachment; filename*=UTF-8''{quote(name, safe='')}"}, media
    )


def to_yaml(mapping: Mapping[str, Any]) -> str:
    """A mapping as people read it."""
    return yaml.safe_dump(dict(mapping), allow_unicode=True, sort_keys=False, width=110, default_flow_style=None)


def _service(visit: Visit) -> Imports:
    if visit.services.imports is None:
        raise Unsupported("imports are not offered here.")
    return visit.services.imports


def _types(visit: Visit) -> list[tuple[str, str]]:
    found = [
        (name, visit.words.label(t.info.label))
        for name, t in visit.services.broker.types.items()
        if visit.services.may(visit.actor, f"{t.noun}.create") or visit.services.may(visit.actor, f"{t.noun}.change")
    ]
    return sorted(found, key=lambda pair: pair[1])


def _states(visit: Visit) -> dict[str, str]:
    workflow = DataImport.TYPE.workflow
    assert workflow is not None
    return {state: visit.words.label(label) for state, label in workflow.names}


async def _chunks(file: UploadFile) -> AsyncIterator[bytes]:
    while block := await file.read(_BLOCK):
        yield block
