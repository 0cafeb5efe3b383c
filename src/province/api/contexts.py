"""JSON-LD contexts of callers: found in the body or the Link header, fetched once, kept."""

from __future__ import annotations

import asyncio
import re
import time
from collections import Counter, OrderedDict
from collections.abc import Awaitable, Callable
from typing import Any, Final

import msgspec

from province.broker.contexts import PATH, ContextStore
from province.errors import InvalidInput, ProvinceError, Unavailable
from province.model.entity import Json
from province.model.jsonld import CORE, CORE_URL, LINK_RELATION, Context, core_named, is_core, ld_context
from province.model.time import now

KEEP_S: Final = 3_600.0
"""How long a context is used without looking whether it changed."""
OLD_S: Final = 24 * 3_600.0
"""A context kept in the database is fetched again after this time; when that fails, the kept one serves on."""
_MOST: Final = 300
_MOST_HITS: Final = 10_000
_ROUNDS: Final = 8
_LINK = re.compile(r"<([^<>]*)>([^,<]*)")
Fetch = Callable[[str], Awaitable[Json]]


class Contexts:
    """Contexts of callers. fetch: URL → document, by the guarded client; what it raises reaches the caller.

    store: what is kept in the database; None keeps nothing.  A document is fetched once and then kept, and nothing is
    fetched before somebody names it: a site without internet starts, and works with what was loaded into the store.
    """

    def __init__(
        self, fetch: Fetch, *, store: ContextStore | None = None, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._fetch = fetch
        self._store = store
        self._clock = clock
        self._documents: OrderedDict[tuple[str, str], tuple[float, Json]] = OrderedDict()
        self._contexts: OrderedDict[tuple[str, bytes], tuple[float, Context]] = OrderedDict()
        self._hits: Counter[tuple[str, str]] = Counter()

    async def read(self, value: Json, tenant: str = "") -> Context:
        """The context that an `@context` value names. tenant: whose stored contexts are found.

        Raises: InvalidInput, Unavailable.
        """
        if value is None or value == CORE_URL:
            return CORE
        if isinstance(value, str) and is_core(value):
            return core_named(value)
        value = self._whole(value)
        for url in value if isinstance(value, list) else [value]:
            if isinstance(url, str) and not is_core(url) and len(self._hits) < _MOST_HITS:
                self._hits[tenant, url] += 1
        key = (tenant, msgspec.json.encode(value))
        kept = self._contexts.get(key)
        if kept is not None and self._clock() - kept[0] < KEEP_S:
            self._contexts.move_to_end(key)
            return kept[1]
        context = await self._build(value, tenant)
        self._contexts[key] = (self._clock(), context)
        while len(self._contexts) > _MOST:
            self._contexts.popitem(last=False)
        return context

    def _whole(self, value: Json) -> Json:
        """The same with whole addresses, where contexts that are kept here are named as `Location` named them."""
        if isinstance(value, list):
            return [self._whole(one) for one in value]
        if self._store is not None and isinstance(value, str) and value.startswith(PATH):
            return self._store.address(value.removeprefix(PATH))
        return value

    async def count(self) -> None:
        """Write down how often stored contexts were used since the last time."""
        hits, self._hits = self._hits, Counter()
        if self._store is not None and hits:
            await self._store.count(hits)

    def forget(self) -> None:
        """A stored context was removed or fetched anew: look again."""
        self._documents.clear()
        self._contexts.clear()

    async def reload(self, url: str) -> None:
        """Fetch a context anew and keep it. Raises: Unavailable, also when what is found there is no context."""
        try:
            document = await self._fetch(url)
            await asyncio.to_thread(Context.of, document, lambda _: {"@context": {}})
        except ProvinceError as error:
            raise Unavailable(f"{url[:200]}: {error.detail}", field="@context") from None
        if self._store is not None:
            await self._store.keep(url, document)
        self.forget()

    async def _build(self, value: Json, tenant: str) -> Context:
        for _ in range(_ROUNDS):
            missing: list[str] = []

            def load(url: str, missing: list[str] = missing) -> Json:
                kept = self._documents.get((tenant, url))
                if kept is not None and self._clock() - kept[0] < KEEP_S:
                    return kept[1]
                missing.append(url)
                return {"@context": {}}

            # Contexts may have thousands of terms: milliseconds that must not hold up the loop.
            context = await asyncio.to_thread(Context.of, value, load)
            if not missing:
                return context
            for url in dict.fromkeys(missing):
                document = await self._find(url, tenant)
                self._documents[tenant, url] = (self._clock(), document)
            while len(self._documents) > _MOST:
                self._documents.popitem(last=False)
        raise InvalidInput("the @context refers to too many others.", field="@context", remedy="Name them directly.")

    async def _find(self, url: str, tenant: str) -> Json:
        kept = await self._store.find(url, tenant) if self._store is not None else None
        if kept is not None and (kept.kind != "Cached" or (now() - kept.created_at).total_seconds() < OLD_S):
            return kept.document
        try:
            document = await self._fetch(url)
        except ProvinceError:
            if kept is not None:
                return kept.document
            raise
        if self._store is not None and isinstance(document, dict) and "@context" in document:
            await self._store.keep(url, document)
        return document


def linked(header: str) -> str | None:
    """The URL of the JSON-LD context in a Link header; None without one. Raises: InvalidInput for two."""
    found = [url for url, rest in _LINK.findall(header) if LINK_RELATION in rest]
    if len(found) > 1:
        raise InvalidInput("the Link header names two contexts.", field="Link", remedy="Name one.")
    return found[0] if found else None


def link_header(context: Context) -> str:
    """The Link header that tells a reader which context an answer uses; empty for one that has no URL."""
    url = context.source if isinstance(context.source, str) else CORE_URL if context is CORE else ""
    return f'<{url}>; rel="{LINK_RELATION}"; type="application/ld+json"' if url else ""


def document(context: Context) -> Any:
    """The `@context` member of an answer in JSON-LD: the caller's, followed by the core one unless it leads there."""
    return ld_context(context)
