"""JSON-LD contexts of NGSI-LD: from short names to IRIs and back, without any network.

Names are kept short inside the product when they belong to the core context or to the default context, and as full IRIs
otherwise. A caller without an @context of its own therefore sees exactly the stored names.
"""

from __future__ import annotations

import json
import re
import unicodedata
from collections.abc import Callable, Mapping
from functools import cache, lru_cache
from importlib import resources
from typing import Any, Final

from pyld import jsonld as pyld

from province.errors import InvalidInput, ProvinceError
from province.model.entity import Json

Loader = Callable[[str], Json]
"""URL → the document found there (an object with `@context`). It must not be called with an unguarded client."""

CORE_URL: Final = "https://uri.etsi.org/ngsi-ld/v1/ngsi-ld-core-context-v1.9.jsonld"
LINK_RELATION: Final = "http://www.w3.org/ns/json-ld#context"
"""The relation under which a Link header names a JSON-LD context."""
MAX_TERMS = 20_000
_CORE_URL = re.compile(r"https?://uri\.etsi\.org/ngsi-ld/(v1/)?ngsi-ld-core-context(-v1\.\d+)?\.jsonld")
# Beside blanks and what RFC 3987 forbids: control characters, and marks that are not seen (zero width, direction).
_IRI = re.compile(
    r"[A-Za-z][A-Za-z0-9+.\-]*:[^\s\x00-\x1f\x7f-\x9f\xad\u200b-\u200f\u202a-\u202e\u2060-\u2064\ufeff<>\"{}|\\^`]+"
)
_TERM = re.compile(r"[^\W_][\w\-]*")


def is_iri(text: object) -> bool:
    """Whether it is an absolute URI or IRI without forbidden characters, of at most 1,024 characters."""
    if not isinstance(text, str) or len(text) > 1024 or _IRI.fullmatch(text) is None:
        return False
    return text.isascii() or not any(_is_hidden(c) for c in text)


def _is_hidden(character: str) -> bool:
    """What nobody sees, so that two ids would look alike; RFC 3987 (2.2, 4.1) leaves most of it out of IRIs."""
    code = ord(character)
    return (
        unicodedata.category(character) in ("Cc", "Cf", "Cn", "Co", "Cs", "Zl", "Zp", "Zs")
        or 0xFE00 <= code <= 0xFE0F
        or 0xE0000 <= code <= 0xE0FFF
        or code in (0x034F, 0x115F, 0x1160, 0x17B4, 0x17B5, 0x2800, 0x3164, 0xFFA0)
    )


def require_trimmed(id: str, *, field: str) -> None:
    """Raises: InvalidInput when an id that is still to become a URI has blanks at its ends."""
    if id != id.strip():
        raise InvalidInput(
            f"the id {id[:80]!r} begins or ends with a blank.", field=field, remedy="Remove the blanks: an id is a URI."
        )


def is_core(url: str) -> bool:
    """Whether a URL names any version of the NGSI-LD core context, which is always embedded."""
    return _CORE_URL.fullmatch(url) is not None


@cache
def _facts() -> Mapping[str, Any]:
    text = resources.files("province.model").joinpath("contexts/core.json").read_text("utf-8")
    facts: Mapping[str, Any] = json.loads(text)
    return facts


@cache
def core_terms() -> Mapping[str, str]:
    """term → IRI of the core context."""
    spaces = _facts()["namespaces"]
    result = {}
    for term, iri, *_ in _facts()["terms"]:
        prefix, _, local = iri.partition(":")
        result[term] = spaces[prefix] + local
    return result


@cache
def _core_iris() -> Mapping[str, str]:
    return {iri: term for term, iri in core_terms().items()}


VOCABULARY: Final[str] = _facts()["vocabulary"]
"""The default context: where a name goes that nobody defined."""


def core_document() -> dict[str, Json]:
    """The core context as a JSON-LD document, for whoever asks us for it."""
    spaces = {k: v for k, v in _facts()["namespaces"].items() if k != "dc"}
    context: dict[str, Json] = {"@version": 1.1, "@protected": True, **spaces, "id": "@id", "type": "@type"}
    rows = {row[0]: row for row in _facts()["terms"]}
    for term, iri in core_terms().items():
        coercion, container = (*rows[term][2:], "", "")[:2]
        extra = {k: v for k, v in (("@type", coercion), ("@container", container)) if v}
        context[term] = {"@id": iri, **extra} if extra else iri
    context["@vocab"] = VOCABULARY
    return {"@context": context}


def internal(iri: str) -> str:
    """The stored name of an IRI: short when it belongs to the core or the default context."""
    term = _core_iris().get(iri)
    if term is not None:
        return term
    local = iri.removeprefix(VOCABULARY)
    if local != iri and _TERM.fullmatch(local) and local not in core_terms():
        return local
    return iri


def external(name: str, context: Context) -> str:
    """The name that a caller with `context` sees for a stored name."""
    return name if context.plain else context.compact(iri_of(name))


def iri_of(name: str) -> str:
    """Inverse of `internal`: the IRI of a stored name."""
    if ":" in name:
        return name
    return core_terms().get(name) or VOCABULARY + name


_SPACES: Final[Mapping[str, str]] = {"ngsi-ld": _facts()["namespaces"]["ngsi-ld"]}
"""Prefixes of the core context under which names are shown."""


class Context:
    """An active @context. Core terms always win, as if the core context stood last (clause 4.4).

    A name that neither the core nor the caller defines goes to the caller's `@vocab`, else to the default context.
    """

    def __init__(
        self,
        terms: Mapping[str, str] | None = None,
        *,
        vocabulary: str = "",
        prefixes: Mapping[str, str] | None = None,
        aliases: Mapping[str, str] | None = None,
        source: Json = None,
        has_core: bool = False,
    ) -> None:
        self.terms = dict(terms or {})
        self.vocabulary = vocabulary or VOCABULARY
        self.prefixes = dict(prefixes or {})
        self.aliases = {"@id": "id", "@type": "type", **(aliases or {})}
        """Member names that stand for `id` and `type`."""
        self.source = source
        """The @context as the caller gave it: None, a URL, an object or an array."""
        self.has_core = has_core
        """The core context stands in it, or in one that it leads to, so that a reader finds it there."""
        self.plain = not self.terms and self.vocabulary == VOCABULARY and not self.prefixes
        self._names: dict[str, str] = {}
        self._short: dict[str, str] = {}
        for term, iri in sorted(self.terms.items(), key=lambda item: (len(item[0]), item[0])):
            self._short.setdefault(iri, term)

    @classmethod
    def of(cls, value: Json, loader: Loader, *, field: str = "@context") -> Context:
        """Build from the value of an `@context`: a URL, an object, or an array of both.

        loader: called for every URL but the core context's; what it raises passes through.
        Raises: InvalidInput for what JSON-LD does not allow.
        """
        given = value if isinstance(value, list) else [value]
        parts = [p for p in given if not (isinstance(p, str) and is_core(p))]
        if len(parts) > 50:
            raise InvalidInput(f"the @context has {len(parts)} parts.", field=field, remedy="Give at most 50.")
        for part in parts:
            if not isinstance(part, dict) and not is_iri(part):
                raise InvalidInput(f"{str(part)[:80]!r} is neither a URL nor an object.", field=field)
        if not parts:
            return CORE
        active, leads_to_core = _process(parts, loader, field)
        if len(parts) < len(given):
            return cls._from_active(active, given, True)
        return cls._from_active(active, parts[0] if len(parts) == 1 else parts, leads_to_core)

    @classmethod
    def _from_active(cls, active: Mapping[str, Any], source: Json, has_core: bool) -> Context:
        terms: dict[str, str] = {}
        prefixes: dict[str, str] = {}
        aliases: dict[str, str] = {}
        for term, mapping in active["mappings"].items():
            iri = mapping.get("@id") if mapping else None
            if iri in ("@id", "@type"):
                aliases[term] = iri.removeprefix("@")
            elif iri and not iri.startswith("@") and not mapping.get("reverse"):
                terms[term] = iri
                if iri[-1] in ":/?#[]@" or mapping.get("_prefix"):
                    prefixes[term] = iri
        for name in _facts()["namespaces"]:
            if terms.get(name) == _facts()["namespaces"][name]:
                del terms[name], prefixes[name]
        return cls(
            terms,
            vocabulary=active.get("@vocab") or "",
            prefixes=prefixes,
            aliases=aliases,
            source=source,
            has_core=has_core,
        )

    def expand(self, name: str, *, field: str | None = None) -> str:
        """The IRI of a name. Raises: InvalidInput for what can be no name."""
        found = core_terms().get(name) or self.terms.get(name)
        if found is not None:
            return found
        prefix, colon, local = name.partition(":")
        if colon:
            space = self.prefixes.get(prefix) or _facts()["namespaces"].get(prefix)
            if space and not local.startswith("//"):
                return str(space) + local
            if is_iri(name):
                return name
        elif len(name) <= 256 and _TERM.fullmatch(name):
            return self.vocabulary + name
        raise InvalidInput(
            f"{name[:80]!r} cannot be a name.",
            field=field,
            remedy="Use letters, digits, _ and -, beginning with a letter or digit, or a full IRI.",
        )

    def compact(self, iri: str) -> str:
        """The shortest name that `expand` turns into this IRI; the IRI itself when there is none."""
        term = _core_iris().get(iri) or self._short.get(iri)
        if term is not None and self._means(term, iri):
            return term
        if iri.startswith(self.vocabulary):
            local = iri.removeprefix(self.vocabulary)
            if _TERM.fullmatch(local) and self._means(local, iri):
                return local
        spaces = {**_SPACES, **self.prefixes} if self.vocabulary != VOCABULARY or self.terms else self.prefixes
        for prefix, space in sorted(spaces.items(), key=lambda item: -len(item[1])):
            if iri.startswith(space) and iri != space:
                candidate = f"{prefix}:{iri.removeprefix(space)}"
                if self._means(candidate, iri):
                    return candidate
        return iri

    def _means(self, name: str, iri: str) -> bool:
        try:
            return self.expand(name) == iri
        except InvalidInput:
            return False

    def name(self, given: str, *, field: str | None = None) -> str:
        """The stored name of what a caller with this context wrote. Raises: InvalidInput."""
        known = self._names.get(given)
        if known is None:
            known = internal(self.expand(given, field=field))
            if len(self._names) < MAX_TERMS:
                self._names[given] = known
        return known


CORE: Final = Context()
"""The context of a caller that gives none."""


@lru_cache(maxsize=32)
def core_named(url: str) -> Context:
    """The core context for a caller that names a version of it, and is answered under that name."""
    return Context(source=url, has_core=True)


def ld_context(context: Context) -> Json:
    """The `@context` member of a document for a reader with this context.

    It holds the core context too (clause 5.2.3), unless the reader's own leads there already.
    """
    if context.source is None:
        return CORE_URL
    if context.has_core:
        return context.source
    return [*(context.source if isinstance(context.source, list) else [context.source]), CORE_URL]


def _process(parts: list[Json], loader: Loader, field: str) -> tuple[Mapping[str, Any], bool]:
    """The active context, and whether the core one was met on the way."""
    refused: list[ProvinceError] = []
    met: list[str] = []

    def load(url: str, _options: Mapping[str, Any]) -> dict[str, Any]:
        if is_core(url):
            met.append(url)
            return {"contextUrl": None, "documentUrl": url, "document": {"@context": {}}}
        try:
            document = loader(url)
        except ProvinceError as error:  # PyLD wraps what a loader raises; the caller needs the original
            refused.append(error)
            raise
        if not isinstance(document, dict) or "@context" not in document:
            refused.append(InvalidInput(f"{url} holds no @context.", field=field))
            raise refused[-1]
        return {"contextUrl": None, "documentUrl": url, "document": document}

    options = {"documentLoader": load, "base": "", "processingMode": "json-ld-1.1", "contextResolver": None}
    processor = pyld.JsonLdProcessor()
    options["contextResolver"] = pyld.ContextResolver({}, load)
    known = {k: v for k, v in _facts()["namespaces"].items() if k != "dc"}
    try:
        initial = processor._get_initial_context(options)
        active: Mapping[str, Any] = processor.process_context(initial, {"@context": [known, *parts]}, options)
    except (pyld.JsonLdError, RecursionError) as error:
        if refused:
            raise refused[0] from None
        reason = str(getattr(error, "args", [error])[0])[:200]
        raise InvalidInput(f"the @context is not valid JSON-LD: {reason}.", field=field) from None
    if len(active["mappings"]) > MAX_TERMS:
        raise InvalidInput(f"the @context defines more than {MAX_TERMS} terms.", field=field)
    return active, bool(met)
