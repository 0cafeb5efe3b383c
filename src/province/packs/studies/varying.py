"""How the assumptions of a computed plan are varied: what people write, and what becomes of the run. Pure."""

from __future__ import annotations

import re
from typing import Annotated, Any, Final

from province.errors import InvalidInput
from province.model.label import Label
from province.model.record import create, move
from province.model.schema import Field
from province.pack import Context, Effect, Job
from province.vocab.sensitivity import VARY, Sensitivity, sensitivity_id
from province.vocab.study import Study

MOST: Final = 12
"""Assumptions of one run: each is computed twice, one variant after another."""
_SHARE: Final = re.compile(r"(?:±|\+-|\+/-)\s*(\d{1,3}(?:[.,]\d+)?)\s*%")
_NAME: Final = re.compile(r"[a-z][a-z0-9_]{0,60}")
_EXAMPLE: Final = "Such as attenuation=±20%; mast_height=20..40; building=low; budget=±10%."


def vary(
    study: Study,
    *,
    context: Context,
    varied: Annotated[
        str,
        Field(
            Label("Giả định được thay đổi", "What is varied"),
            hint=Label(
                "Như: attenuation=±20%; mast_height=20..40; building=low; budget=±10%",
                "Such as: attenuation=±20%; mast_height=20..40; building=low; budget=±10%",
            ),
        ),
    ],
) -> list[Effect]:
    """Compute the plan anew with each of these values, all else as it was: how much does the result hang on it?

    Raises: InvalidInput for what cannot be read.
    """
    made = Sensitivity(
        id=sensitivity_id(context.nonce), study=study.id, varied=tuple(read(varied)), createdBy=context.actor
    )
    return [create(made, agency=context.agency), Job(name=VARY, arguments={"sensitivity": made.id})]


def stop(run: Sensitivity, *, context: Context) -> list[Effect]:
    """Stop the computation. The variants that are computed stay, and another run over them goes on from there."""
    return [move(run, "cancelled", at=context.now, finishedAt=context.now)]


def read(text: str) -> list[dict[str, Any]]:
    """{name, share} or {name, values} of `a=±20%; b=1..2; c=low`. Raises: InvalidInput."""
    found: list[dict[str, Any]] = []
    for part in (p.strip() for p in re.split(r"[;\n]", text) if p.strip()):
        name, sign, given = (p.strip() for p in part.partition("="))
        if not sign or not given or not _NAME.fullmatch(name):
            raise InvalidInput(f"{part[:60]!r} says nothing to vary.", field="varied", remedy=_EXAMPLE)
        matched = _SHARE.fullmatch(given)
        if matched is not None:
            share = float(matched[1].replace(",", "."))
            if not 0 < share < 100:
                raise InvalidInput(f"±{share:g}%.", field="varied", remedy="More than 0%, less than 100%.")
            found.append({"name": name, "share": share})
            continue
        values = [v.strip() for v in given.split("..")]
        if len(values) > 2 or not all(values):
            raise InvalidInput(f"{given[:60]!r} is no range.", field="varied", remedy=_EXAMPLE)
        found.append({"name": name, "values": values})
    names = [one["name"] for one in found]
    twice = next((n for n in names if names.count(n) > 1), None)
    if twice is not None:
        raise InvalidInput(f"{twice} is named twice.", field="varied", remedy="Give each once.")
    if not 1 <= len(found) <= MOST:
        raise InvalidInput(f"{len(found)} assumptions.", field="varied", remedy=f"1 to {MOST}. {_EXAMPLE}")
    return found
