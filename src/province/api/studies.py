"""`/api/studies`: layers for a study, its run, and what came of it. Drafting and approving are actions (`study.…`)."""

from __future__ import annotations

import asyncio
from typing import Any, Final
from urllib.parse import quote

import msgspec
from starlette.responses import Response

from province.adapters.studies import files
from province.adapters.studies import sensitivity as variations
from province.adapters.studies.service import Studies, missing
from province.adapters.tables import writers
from province.api.imports import body_of
from province.api.route import Call, Param, Route, json_response, path_id
from province.errors import Conflict, NotFound, TooLarge, Unavailable, Unsupported
from province.model.label import Label
from province.model.study import Assumed
from province.pack import StudyKind
from province.vocab.study import Study

_FILE: Final = "application/octet-stream"


def studies_of(call: Call) -> Studies:
    """The service. Raises: Unsupported where this server has none."""
    found = call.services.studies
    if found is None:
        raise Unsupported("studies are not offered here.")
    return found


async def kinds(call: Call) -> Response:
    """Every kind of study: its layers, assumptions and prices, and what must be installed for it."""
    service = studies_of(call)
    return json_response([_kind(kind, service.defaults(pack, kind)) for pack, kind in service.kinds.values()])


async def get(call: Call) -> Response:
    """A study, with every assumption as it holds for it."""
    service = studies_of(call)
    return json_response(_shown(service, await service.get(path_id(call), call.actor)))


async def attach(call: Call) -> Response:
    """Let a file stand for a layer."""
    service = studies_of(call)
    study, read = await service.attach(
        call.actor, path_id(call), path_id(call, "layer"), call.text("name", "file"), body_of(call),
        crs=call.text("crs"),
    )  # fmt: skip
    told = {
        "features": len(read.features), "crs": read.crs, "columns": list(read.columns),
        "remarks": [_label(one) for one in read.remarks],
    }  # fmt: skip
    return json_response({"study": _shown(service, study), "layer": told}, 201)


async def take(call: Call) -> Response:
    """Let what another study found be assumptions of this one."""
    service = studies_of(call)
    await service.take(call.actor, path_id(call), path_id(call, "source"))
    return json_response(_shown(service, await service.get(path_id(call), call.actor)))


async def start(call: Call) -> Response:
    """Put the problem together and let it be computed."""
    service = studies_of(call)
    return json_response(_shown(service, await service.start(call.actor, path_id(call))), 202)


async def file(call: Call) -> Response:
    """One of the files that came of a study."""
    service = studies_of(call)
    name = path_id(call, "name")
    study, outcome = await service.outcome(call.actor, path_id(call))
    content, media = await asyncio.to_thread(files.write, outcome, name, service.kind_of(study))
    headers = {
        "Content-Disposition": f"attachment; filename*=UTF-8''{quote(name, safe='')}",
        "X-Content-Type-Options": "nosniff",
        "Cache-Control": "no-store",
    }
    return Response(content, 200, headers, media)


async def sensitivity(call: Call) -> Response:
    """A run over variants of a study; once it is computed with every variant, and what stays of the plan."""
    service = studies_of(call)
    run = await service.run_of(call.actor, path_id(call, "run"))
    spread = (await service.spread(call.actor, run.id))[1] if run.outcome else None
    return json_response({**msgspec.to_builtins(run), "spread": msgspec.to_builtins(spread)})


async def sensitivity_csv(call: Call) -> Response:
    """The same as a table."""
    service = studies_of(call)
    run, spread = await service.spread(call.actor, path_id(call, "run"))
    study = await service.get(run.study, call.actor)
    headers = {"Content-Disposition": 'attachment; filename="sensitivity.csv"', "X-Content-Type-Options": "nosniff"}
    content = variations.csv(spread, variations.labels(service, study.kind))
    return Response(content, 200, headers, writers.MEDIA["csv"])


def _shown(service: Studies, study: Study) -> dict[str, Any]:
    shown: dict[str, Any] = msgspec.to_builtins(study)
    return {**shown, "assumed": [msgspec.to_builtins(a) for a in service.standing(study).values()]}


def _kind(kind: StudyKind, defaults: dict[str, Assumed]) -> dict[str, Any]:
    return {
        "name": kind.name,
        "title": _label(kind.title),
        "layers": [
            {
                "name": layer.name,
                "title": _label(layer.title),
                "of": layer.of.TYPE.name if layer.of is not None else None,  # type: ignore[attr-defined]
                "columns": {name: _label(label) for name, label in layer.columns.items()},
                "required": layer.required,
            }
            for layer in kind.layers
        ],
        "assumptions": [
            {**msgspec.to_builtins(defaults[name]), "title": _label(label)}
            for name, label in kind.assumptions.items()
            if name in defaults
        ],
        "prices": {name: _label(label) for name, label in kind.prices.items()},
        "budgets": list(kind.budgets),
        "counted": _label(kind.counted),
        "missing": list(missing(kind)),
    }


def _label(label: Label) -> dict[str, str]:
    return {"vi": label.vi, "en": label.en}


_ID: Final = Param("id", "Id of the study.", {"type": "string"}, "path", True)
_RUN: Final = Param("run", "Id of the run (type Sensitivity).", {"type": "string"}, "path", True)
_OBJECT: Final = {"type": "object"}
_WRONG: Final = (NotFound, Conflict, TooLarge, Unsupported, Unavailable)

ROUTES: Final[tuple[Route, ...]] = (
    Route("GET", "/api/studies/kinds", "studies.kinds", "Every kind of study.", kinds, "Studies",
          answers={200: ("The kinds.", {"type": "array", "items": _OBJECT})}, errors=(Unsupported,), signed_in=True),
    Route("GET", "/api/studies/{id}", "studies.get", "A study with its assumptions.", get, "Studies", (_ID,),
          answers={200: ("The study.", _OBJECT)}, errors=_WRONG, signed_in=True),
    Route("POST", "/api/studies/{id}/layers/{layer}", "studies.attach", "Let a file stand for a layer.", attach,
          "Studies",
          (_ID, Param("layer", "Name of the layer.", {"type": "string"}, "path", True),
           Param("name", "Name of the file."),
           Param("crs", "Coordinate system, such as VN-2000 TM-3 105°45'; empty: as the file says, or WGS 84.")),
          {_FILE: {}}, {201: ("What was read.", _OBJECT)}, _WRONG, signed_in=True),
    Route("POST", "/api/studies/{id}/take/{source}", "studies.take", "Take over what another study found.", take,
          "Studies", (_ID, Param("source", "Id of that study.", {"type": "string"}, "path", True)),
          answers={200: ("The study.", _OBJECT)}, errors=_WRONG, signed_in=True),
    Route("POST", "/api/studies/{id}/start", "studies.start", "Let a study be computed.", start, "Studies", (_ID,),
          answers={202: ("The study.", _OBJECT)}, errors=_WRONG, signed_in=True),
    Route("GET", "/api/sensitivities/{run}", "studies.sensitivity", "Variants of a study.", sensitivity, "Studies",
          (_RUN,), answers={200: ("The variants.", _OBJECT)}, errors=_WRONG, signed_in=True),
    Route("GET", "/api/sensitivities/{run}/table.csv", "studies.sensitivity_csv", "Variants of a study as a table.",
          sensitivity_csv, "Studies", (_RUN,), answers={200: ("The table.", None)}, errors=_WRONG, signed_in=True),
    Route("GET", "/api/studies/{id}/files/{name}", "studies.file", "A file that came of a study.", file, "Studies",
          (_ID, Param("name", "Such as plan.gpkg, certificate.json, parks.csv.", {"type": "string"}, "path", True)),
          answers={200: ("The file.", None)}, errors=_WRONG, signed_in=True),
)  # fmt: skip
