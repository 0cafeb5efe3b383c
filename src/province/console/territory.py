"""Orders that change areas and agencies: the list, a form, what it would touch with the map before and after, and a
second step that confirms it. And the search for an address on either map."""

from __future__ import annotations

from typing import Any, Final

import msgspec
import yaml
from starlette.responses import Response

from province.broker.land import Land
from province.console import orders
from province.console.lists import names_of
from province.console.signin import problem
from province.console.visit import Visit
from province.errors import InvalidInput, NotFound, ProvinceError
from province.model.query import Query
from province.model.time import now
from province.territory.address import read_position
from province.territory.order import Order, read_order
from province.territory.sketch import HEIGHT, WIDTH
from province.vocab.area import civil_day, parse_day

RIGHTS: Final = ("territory.merge", "territory.split", "territory.transfer", "territory.abolish", "agency.merge")
LONGEST: Final = 1_000_000


async def overview(visit: Visit, **extra: Any) -> Response:
    """The orders, newest first, and the form for a merger or an order written out."""
    _land(visit)
    page = await visit.services.broker.query(
        Query(types=("Reorganisation",), order="-effective", limit=200, latest=False), visit.actor
    )
    values = {
        "orders": page.items,
        "units": await orders.units(visit),
        "kinds": orders.KINDS,
        "today": civil_day(now()),
        "given": {},
        "chosen": (),
        "problem": None,
        "forms": [kind for kind, form in orders.FORMS.items() if visit.services.may(visit.actor, form.needs)],
        "may_decide": any(visit.services.may(visit.actor, right) for right in RIGHTS),
        "done": visit.request.query_params.get("done", ""),
        **extra,
    }
    return visit.page("territory.html", values, status=extra.get("status", 200))


async def preview(visit: Visit) -> Response:
    """What the order would touch; nothing is written. The page holds the order for the second step."""
    land = _land(visit)
    form, given = visit.text("form"), await orders.given(visit)
    chosen = tuple(str(u) for u in (visit.form.getlist("units") if visit.form is not None else ()))
    try:
        if form:
            order = orders.read(visit, form, given)
        else:
            order = _from_text(given["order"]) if given.get("order") else _merger(given, chosen)
        touched = await land.preview(order, visit.actor)
        sketch = await land.sketch(order, visit.actor)
    except ProvinceError as error:
        told = {"problem": problem(visit, error), "status": visit.services.status(error)}
        if form in orders.FORMS:
            return await orders.show(visit, form, given, **told)
        return await overview(visit, given=given, chosen=chosen, **told)
    values = {
        "touched": touched,
        "sketch": sketch,
        "canvas": (int(WIDTH), int(HEIGHT)),
        "order": order,
        "as_json": msgspec.json.encode(order).decode(),
        "agency_names": {
            **await names_of(visit, {c.to for c in touched.cases if c.to}),
            **{one.id: one.name for one in (*touched.agencies_end, *touched.agencies_begin)},
        },
        "type_names": {n: visit.words.label(t.info.label) for n, t in visit.services.broker.types.items()},
        "future": order.effective > civil_day(now()),
    }
    return visit.page("territory_preview.html", values)


async def decide(visit: Visit) -> Response:
    """The second step: the order that was shown is carried out, or kept for its day."""
    decided = await _land(visit).decide(_from_text(visit.text("order")), visit.actor)
    return visit.see(orders.HOME, done=decided.status)


async def withdraw(visit: Visit) -> Response:
    """Take an order back before its day."""
    await _land(visit).withdraw(visit.request.path_params["id"], visit.text("reason"), visit.actor)
    return visit.see(orders.HOME, done="withdrawn")


async def address(visit: Visit) -> Response:
    """An address, old or new, on the map of a day."""
    land = _land(visit)
    query = visit.request.query_params
    text, on = query.get("q", "").strip(), query.get("on", "").strip()
    found, trouble = None, None
    try:
        if text:
            day = parse_day(on, field="on") if on else ""
            found = await land.resolve(
                text, day, read_position(query.get("lon", ""), query.get("lat", "")), visit.actor
            )
    except InvalidInput as error:
        trouble = problem(visit, error)
    values = {"q": text, "on": on, "found": found, "problem": trouble, "lon": query.get("lon", ""),
              "lat": query.get("lat", "")}  # fmt: skip
    return visit.page("address.html", values, status=400 if trouble else 200)


def _merger(given: orders.Given, units: tuple[str, ...]) -> Order:
    into = {name: given.get(name, "") for name in ("code", "name", "kind")}
    return read_order(
        {
            "effective": given.get("effective", ""),
            "basis": given.get("basis", ""),
            "articles": [{"kind": "merge", "units": list(units), "into": into}],
        }
    )


def _from_text(text: str) -> Order:
    if len(text) > LONGEST:
        raise InvalidInput("the order is too long.", field="order", remedy="Send it by the command line.")
    try:
        given = yaml.safe_load(text)
    except yaml.YAMLError as error:
        raise InvalidInput(f"the order cannot be read: {error}", field="order", remedy="Write YAML or JSON.") from None
    if not isinstance(given, dict):
        raise InvalidInput("an order is a mapping.", field="order", remedy="Give effective, basis and articles.")
    return read_order({k: v.isoformat() if hasattr(v, "isoformat") else v for k, v in given.items()})


def _land(visit: Visit) -> Land:
    if visit.services.land is None or "Reorganisation" not in visit.services.broker.types:
        raise NotFound("there is no territory here.", remedy="Begin at the start page.")
    return visit.services.land
