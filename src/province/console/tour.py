"""The guided tour: a few steps, each a bar on the page that it speaks of. Rendered by the server, ended at any time."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from starlette.responses import Response

from province.console import navigation
from province.console.language import mark
from province.console.services import Services
from province.errors import NotFound
from province.model.actor import Actor

if TYPE_CHECKING:
    from province.console.visit import Visit

COOKIE: Final = "tour"
DONE: Final = "done"
KEPT_S: Final = 365 * 86_400


@dataclass(frozen=True, slots=True)
class Step:
    """One step. path: the page that it speaks of."""

    path: str
    title: str
    text: str


def steps(services: Services, actor: Actor) -> list[Step]:
    """The steps that this reader's rights open."""
    found = [
        Step(
            "/",
            mark("What needs you now"),
            mark(
                "At the top: alerts, work near its deadline, your inbox. Below: the numbers."
                " The ? on a number explains it."
            ),
        ),
        Step(
            "/search?q=thu+dau+mot",
            mark("Find anything"),
            mark(
                "Type with or without diacritics, on any page: names, codes, addresses. The key / takes you to the box."
            ),
        ),
        Step(
            "/map",
            mark("See it on the map"),
            mark(
                "Choose layers and what colours them. Values renew themselves; old ones turn pale."
                " Each layer is also a list."
            ),
        ),
    ]
    registers = navigation.registers(services, actor)
    if registers:
        found.append(
            Step(
                registers[0][0],
                mark("Work with a register"),
                mark(
                    "Filter, order, choose columns, and save the view for yourself or your agency."
                    " Open a name for its page."
                ),
            )
        )
    found.append(
        Step(
            "/help",
            mark("Understand every number"),
            mark(
                "Help is written by the system's own declarations: meaning, unit, source, formula."
                " The key ? shows all keys."
            ),
        )
    )
    return found


async def go(visit: Visit) -> Response:
    """To a step, or to the end: `/tour/2`, `/tour/done`."""
    wanted = visit.request.path_params["step"]
    if wanted == DONE:
        visit.cookies.append((COOKIE, DONE, KEPT_S))
        return visit.see("/")
    path = steps(visit.services, visit.actor)
    if not wanted.isdecimal() or not 1 <= int(wanted) <= len(path):
        raise NotFound(f"the tour has no step {wanted[:10]!r}.", field="step", remedy="Begin with the first step.")
    visit.cookies.append((COOKIE, wanted, KEPT_S))
    return visit.see(path[int(wanted) - 1].path)
