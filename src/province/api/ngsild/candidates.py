"""Which entities answer a question about the past, found by reading histories, candidate by candidate."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import replace
from functools import partial
from typing import Final

import msgspec

from province.api.ngsild.evolving import Span, fitting, lies_then, meets_then, roams, series_in, spans
from province.api.ngsild.maps import Fixed
from province.api.ngsild.period import Period
from province.api.ngsild.question import BY_OFFSET, Found, Question
from province.api.ngsild.series import MAX_RECORDS, read_series
from province.api.ngsild.view import View
from province.api.route import Call
from province.broker.conditions import names_of
from province.broker.select import make_token, place_of
from province.errors import TooComplex
from province.model.entity import SCOPE, Entity
from province.model.jsonld import CORE
from province.model.qlanguage import Place
from province.model.query import pages

MAX_WALKED: Final = 1_000
"""Entities whose histories are read to find out whether what is asked of a period holds."""
MAX_SEEN: Final = 20_000
"""Entities that are looked at, with their histories or without."""
MAX_LOOK: Final = 100


async def find(call: Call, question: Question, period: Period, fixed: Fixed) -> tuple[Found, dict[str, Sequence[Span]]]:
    """A page of entities, and where `scopeQ` is asked of the period, when their scopes met it.

    What is asked of a period is found by reading histories, candidate by candidate, until the page is full.
    """
    candidates = _as_candidates(question, period)
    if candidates is None or await _stays(call, question, candidates):
        return await fixed.find(call, question), {}
    limit = question.query.limit
    page: list[Entity] = []
    scopes: dict[str, Sequence[Span]] = {}
    gone: list[str] = []
    skipped, total, following, next_offset = 0, 0, "", 0
    skip = 0 if question.query.after or fixed.map else question.offset
    async for place, id, entity in _walk(call, candidates, fixed, partial(_is_read, call, question, period)):
        held = await _answers(call, question, period, entity) if entity is not None else None
        if entity is None or held is None:
            gone.append(id)
            continue
        total += 1
        if skipped < skip:
            skipped += 1
            continue
        if len(page) == limit and not following:
            following = BY_OFFSET if fixed.map else (make_token(page[-1].id, page[-1].id) if page else "")
            next_offset = place if fixed.map else question.offset + limit
            if not question.query.count:
                break
        if len(page) < limit:
            page.append(entity)
            scopes[entity.id] = held
    await call.services.broker.shown(page, call.actor)
    if fixed.map and gone:
        await call.services.entity_maps.forget(fixed.map.id, gone, call.actor)
    counted = total if question.query.count else None
    return Found(page, following, next_offset, counted), scopes if question.query.scope else {}


def _as_candidates(question: Question, period: Period) -> Question | None:
    """The question without what is asked of the period; None when nothing is."""
    if not period.relation or not (question.terms or question.query.scope or question.place):
        return None
    where = tuple(t for t in question.query.where if t not in question.terms)
    query = msgspec.structs.replace(question.query, where=where, scope=(), count=False)
    if question.place is not None and period.property == "observedAt":
        query = msgspec.structs.replace(query, roaming="also")
    elif question.place is not None:
        query = Place().narrow(query)
    return replace(question, query=query)


async def _stays(call: Call, question: Question, candidates: Question) -> bool:
    """Whether a place alone is asked about, and nothing that may answer roams: then no history is needed."""
    if question.terms or question.query.scope or not candidates.query.roaming:
        return False
    query = msgspec.structs.replace(candidates.query, roaming="only", limit=1, order="any", after="", latest=False)
    return not (await call.services.broker.ask(query, call.actor)).items


def _geoproperty(call: Call, question: Question, entity: Entity) -> str:
    return question.query.geoproperty or place_of(call.services.broker.types.get(entity.type))


def _is_read(call: Call, question: Question, period: Period, entity: Entity) -> bool:
    """Whether the history of an entity is read to find out whether it answers; what does not roam is where it is."""
    if question.terms or question.query.scope:
        return True
    return question.place is not None and roams(entity, _geoproperty(call, question, entity), period.property)


async def _walk(
    call: Call, candidates: Question, fixed: Fixed, is_read: Callable[[Entity], bool]
) -> AsyncIterator[tuple[int, str, Entity | None]]:
    """(place, id, entity) of those that may answer. Raises: TooComplex when more than MAX_WALKED are read."""
    walked, read = 0, 0
    if fixed.map:
        async for place, id, entity in fixed.walk(call, candidates):
            yield place, id, entity
        return
    query = msgspec.structs.replace(candidates.query, limit=MAX_LOOK)
    async for found in pages(call.services.broker.ask, query, call.actor):
        for entity in found.items:
            walked += 1
            read += is_read(entity)
            if read > MAX_WALKED or walked > MAX_SEEN:
                raise TooComplex(
                    f"more than {MAX_WALKED} histories would have to be read, or {MAX_SEEN} entities looked at.",
                    field="georel" if candidates.place is not None and not candidates.terms else "q",
                    remedy="Narrow the query by id, idPattern or attrs.",
                )
            yield walked, entity.id, entity


async def _answers(call: Call, question: Question, period: Period, entity: Entity) -> Sequence[Span] | None:
    """The spans in which the scope query is met, when what is asked of the period holds; None when it does not."""
    held: Sequence[Span] = ()
    if question.query.scope:
        history = await call.services.broker.history(entity.id, call.actor, attrs=(SCOPE,), limit=MAX_RECORDS)
        every = fitting(entity, spans(history.scopes, entity.created_at), question.query.scope)
        held = [s for s in every if s.meets(period.start, period.end)]
        if not held:
            return None
    if not _is_read(call, question, period, entity):
        return held
    names = names_of(question.terms)
    geoproperty = _geoproperty(call, question, entity)
    if question.place is not None:
        names.add(geoproperty)
    if not names:
        return held
    whole = replace(Period(), property=period.property)
    past = await read_series(call, entity, whole, sorted(names), View(context=CORE))
    series = series_in(entity, past, period.property)
    within = {n: [a for a in several if period.holds(a)] for n, several in past.items()}
    if question.place is not None and not lies_then(entity, question.place, geoproperty, within, period.property):
        return None
    return held if meets_then(entity, question.terms, within, series) else None


async def matching(call: Call, question: Question, *, period: Period) -> list[str]:
    """The ids of all entities whose histories answer. Raises: TooLarge, TooComplex."""
    found: list[str] = []
    candidates = _as_candidates(question, period)
    everything = replace(candidates or question, offset=0)
    everything = replace(everything, query=msgspec.structs.replace(everything.query, after="", latest=False))
    names = sorted(question.attrs)
    async for _, id, entity in _walk(call, everything, Fixed(), lambda entity: True):
        if entity is None or (candidates and await _answers(call, question, period, entity) is None):
            continue
        if not period.relation or await read_series(call, entity, period, names, View(context=CORE)):
            found.append(id)
    return found
