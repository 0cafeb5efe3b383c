"""JSON-LD contexts of callers: found in the body or the Link header, fetched once, kept."""

from __future__ import annotations

import asyncio
import re
import time
from collections import OrderedDict
from collections.abc import Awaitable, Callable
from typing import Any, Final

import msgspec

from province.errors import InvalidInput
from province.model.entity import Json
from province.model.jsonld import CORE, CORE_URL, Context, is_core

KEEP_S: Final = 3_600.0
_MOST: Final = 300
_ROUNDS: Final = 8
RELATION: Final = "http://www.w3.org/ns/json-ld#context"
_LINK = re.compile(r"<([^<>]*)>([^,<]*)")


class Contexts:
    """Contexts of callers. fetch: URL → document, by the guarded client; what it raises reaches the caller.

    A document is kept for an hour; nothing is fetched before somebody names it, so a site without internet starts.
    """

    def __init__(self, fetch: Callable[[str], Awaitable[Json]], *, clock: Callable[[], float] = time.monotonic) -> None:
        self._fetch = fetch
        self._clock = clock
        self._documents: OrderedDict[str, tuple[float, Json]] = OrderedDict()
        self._contexts: OrderedDict[bytes, tuple[float, Context]] = OrderedDict()

    async def read(self, value: Json) -> Context:
        """The context that an `@context` value names. Raises: InvalidInput, Unavailable."""
        if value is None or (isinstance(value, str) and is_core(value)):
            return CORE
        key = msgspec.json.encode(value)
        kept = self._contexts.get(key)
        if kept is not None and self._clock() - kept[0] < KEEP_S:
            self._contexts.move_to_end(key)
            return kept[1]
        context = await self._build(value)
        self._contexts[key] = (self._clock(), context)
        while len(self._contexts) > _MOST:
            self._contexts.popitem(last=False)
        return context

    async def _build(self, value: Json) -> Context:
        for _ in range(_ROUNDS):
            missing: list[str] = []

            def load(url: str, missing: list[str] = missing) -> Json:
                kept = self._documents.get(url)
                if kept is not None and self._clock() - kept[0] < KEEP_S:
                    return kept[1]
                missing.append(url)
                return {"@context": {}}

            # Contexts may have thousands of terms: milliseconds that must not hold up the loop.
            context = await asyncio.to_thread(Context.of, value, load)
            if not missing:
                return context
            for url in dict.fromkeys(missing):
                document = await self._fetch(url)
                self._documents[url] = (self._clock(), document)
            while len(self._documents) > _MOST:
                self._documents.popitem(last=False)
        raise InvalidInput("the @context refers to too many others.", field="@context", remedy="Name them directly.")


def linked(header: str) -> str | None:
    """The URL of the JSON-LD context in a Link header; None without one. Raises: InvalidInput for two."""
    found = [url for url, rest in _LINK.findall(header) if RELATION in rest]
    if len(found) > 1:
        raise InvalidInput("the Link header names two contexts.", field="Link", remedy="Name one.")
    return found[0] if found else None


def link_header(context: Context) -> str:
    """The Link header that tells a reader which context an answer uses; empty for one that has no URL."""
    url = context.source if isinstance(context.source, str) else CORE_URL if context is CORE else ""
    return f'<{url}>; rel="{RELATION}"; type="application/ld+json"' if url else ""


def document(context: Context) -> Any:
    """The `@context` member of an answer in JSON-LD: the caller's, followed by the core one."""
    if context.source is None:
        return CORE_URL
    return [*(context.source if isinstance(context.source, list) else [context.source]), CORE_URL]
