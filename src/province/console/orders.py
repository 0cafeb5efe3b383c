"""The forms for orders: what a person fills in, read as the article of an order that it means.

Each kind of article has a form of its own; a reform of several articles is written out. Nothing is decided here.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from starlette.responses import Response

from province.broker.land import Land
from province.console.display import title_of
from province.console.held import holding
from province.console.visit import Visit
from province.errors import InvalidInput, NotAllowed, NotFound
from province.model.entity import Entity
from province.model.geometry import Geometry, bounds
from province.model.query import Where
from province.model.time import now
from province.territory.boundary import read_boundary
from province.territory.order import Order, read_order
from province.territory.sketch import HEIGHT, WIDTH, draw_parts
from province.vocab.agency import KINDS as AGENCY_KINDS
from province.vocab.area import LOCAL, civil_day

HOME: Final = "/admin/territory"
KINDS: Final = ("ward", "commune", "township")
MOST_PARTS: Final = 6
LARGEST_BOUNDARY: Final = 1_000_000
Given = Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Form:
    """A page for one kind of article. read: the article that was filled in.  needs: the permission to decide it."""

    template: str
    needs: str
    read: Callable[[Visit, Given], dict[str, Any]]
    values: Callable[[Visit, Given], Awaitable[dict[str, Any]]]


async def new(visit: Visit) -> Response:
    """An empty form for one kind of order."""
    return await show(visit, visit.request.path_params["kind"], dict(visit.request.query_params))


async def show(visit: Visit, kind: str, given: Given, **extra: Any) -> Response:
    """The form with what was given so far."""
    form = FORMS.get(kind)
    if form is None or visit.services.land is None:
        raise NotFound("there is no such order.", remedy="Begin at the list of orders.")
    if not visit.services.may(visit.actor, form.needs):
        raise NotAllowed(f"it takes {form.needs}.", remedy="Ask an administrator for that right, everywhere.")
    common = {
        "form": kind,
        "given": given,
        "today": civil_day(now()),
        "kinds": KINDS,
        "problem": None,
        "chosen": _chosen(visit),
        "canvas": (int(WIDTH), int(HEIGHT)),
        **await form.values(visit, given),
        **extra,
    }
    return visit.page(form.template, common, status=extra.get("status", 200))


async def given(visit: Visit) -> dict[str, str]:
    """The texts of the form; what a file holds stands where it would have been typed."""
    found = {n: v.strip() for n, v in (visit.form or {}).items() if isinstance(v, str)}
    for n in range(MOST_PARTS):
        for upload in visit.uploads(f"file-{n}"):
            if (upload.size or 0) > LARGEST_BOUNDARY:
                raise InvalidInput(
                    f"the file of the boundary has {upload.size} bytes.", field="boundary",
                    remedy=f"Simplify it to {LARGEST_BOUNDARY} bytes or fewer.",
                )  # fmt: skip
            found[f"boundary-{n}"] = (await upload.read()).decode("utf-8", "replace")
    return found


def read(visit: Visit, kind: str, texts: Given) -> Order:
    """The order that the form means. Raises: InvalidInput, NotFound."""
    form = FORMS.get(kind)
    if form is None:
        raise NotFound("there is no such order.", remedy="Begin at the list of orders.")
    return read_order(
        {
            "effective": texts.get("effective", ""),
            "basis": texts.get("basis", ""),
            "basisDate": texts.get("basisDate") or None,
            "title": texts.get("title", ""),
            "articles": [form.read(visit, texts)],
        }
    )


# --- split and transfer ------------------------------------------------------------------------------------------


def _split(visit: Visit, texts: Given) -> dict[str, Any]:
    parts = []
    for n in range(_count(texts)):
        part: dict[str, Any] = {"unit": {k: texts.get(f"{k}-{n}", "") for k in ("code", "name", "kind")}}
        if atoms := _chosen(visit).get(n, ()):
            part["atoms"] = list(atoms)
        if (outline := read_boundary(texts.get(f"boundary-{n}", ""), field=f"parts.{n}.boundary")) is not None:
            part["boundary"] = outline
        parts.append(part)
    return {"kind": "split", "units": [texts.get("unit", "")], "parts": parts}


def _transfer(visit: Visit, texts: Given) -> dict[str, Any]:
    article: dict[str, Any] = {"kind": "transfer", "units": [texts.get("unit", "")], "to": texts.get("to", "")}
    if atoms := _chosen(visit).get(0, ()):
        article["atoms"] = list(atoms)
    if (outline := read_boundary(texts.get("boundary-0", ""))) is not None:
        article["boundary"] = outline
    return article


async def _of_land(visit: Visit, texts: Given) -> dict[str, Any]:
    """The units to choose from; once one is chosen its parts, drawn and numbered."""
    values: dict[str, Any] = {"units": await units(visit), "unit": None, "parts": [], "count": _count(texts)}
    chosen = texts.get("unit", "")
    if not chosen:
        return values
    area = await visit.services.broker.get(chosen, visit.actor, type="Area", latest=False)
    land = _land(visit)
    pieces = sorted(await land.parts(chosen, "", visit.actor), key=lambda p: p.id)
    before = await land.former([p.id for p in pieces], "", visit.actor)
    location: Geometry | None = area.value("location")
    values["unit"] = area
    values["outlines"] = draw_parts(pieces)
    values["parts"] = [(p.id, p.size_km2, before.get(p.id, "")) for p in pieces]
    values["location"] = location
    values["bounds"] = list(bounds(location)) if location is not None else None
    return values


def _count(texts: Given) -> int:
    """How many units a split makes, as far as the form goes."""
    text = texts.get("count", "2")
    return min(max(int(text), 2), MOST_PARTS) if text.isdecimal() and len(text) < 3 else 2


def _chosen(visit: Visit) -> dict[int, tuple[str, ...]]:
    """Number of the new unit → parts of land ticked for it."""
    if visit.form is None:
        return {}
    return {n: tuple(str(a) for a in visit.form.getlist(f"atoms-{n}")) for n in range(MOST_PARTS)}


# --- agencies ----------------------------------------------------------------------------------------------------


def _agencies(visit: Visit, texts: Given) -> dict[str, Any]:
    ending = [str(a) for a in (visit.form.getlist("agencies") if visit.form is not None else ())]
    if texts.get("to"):
        return {"kind": "agency-merge", "agencies": ending, "to": texts["to"]}
    subjects = [s.strip() for s in texts.get("competences", "").split(",") if s.strip()]
    office = {k: texts.get(k, "") for k in ("identifier", "name", "kind", "area", "parent")}
    return {"kind": "agency-merge", "agencies": ending, "office": {**office, "competences": subjects}}


async def _of_agencies(visit: Visit, texts: Given) -> dict[str, Any]:
    kind = visit.services.broker.types["Agency"]
    found = await holding(visit, "Agency", civil_day(now()))
    names = {v: visit.words.label(label) for v, label in kind.fields["kind"].field.names}
    return {
        "agencies": [(e.id, title_of(e, kind)) for e in found],
        "ending": tuple(str(a) for a in (visit.form.getlist("agencies") if visit.form is not None else ())),
        "areas": await areas(visit),
        "agency_kinds": [(k, names.get(k, k)) for k in AGENCY_KINDS],
    }


FORMS: Final[Mapping[str, Form]] = {
    "split": Form("order_split.html", "territory.split", _split, _of_land),
    "transfer": Form("order_transfer.html", "territory.transfer", _transfer, _of_land),
    "agency-merge": Form("order_agencies.html", "agency.merge", _agencies, _of_agencies),
}


# --- what the forms choose from ----------------------------------------------------------------------------------


async def units(visit: Visit) -> list[tuple[str, str]]:
    """(id, name with code) of the units of the lowest tier that are in force today."""
    return _named(visit, await holding(visit, "Area", civil_day(now()), (Where("kind", "in", sorted(LOCAL)),)))


async def areas(visit: Visit) -> list[tuple[str, str]]:
    """(id, name with code) of the areas of every tier that are in force today."""
    return _named(visit, await holding(visit, "Area", civil_day(now())))


def _named(visit: Visit, found: Sequence[Entity]) -> list[tuple[str, str]]:
    kind = visit.services.broker.types["Area"]
    return [(e.id, f"{title_of(e, kind)} ({e.value('code')})") for e in found]


def _land(visit: Visit) -> Land:
    if visit.services.land is None or "Reorganisation" not in visit.services.broker.types:
        raise NotFound("there is no territory here.", remedy="Begin at the start page.")
    return visit.services.land
