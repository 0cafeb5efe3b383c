"""Names: short inside when core or default, full IRIs otherwise."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from province.errors import InvalidInput, Unavailable
from province.model.jsonld import (
    CORE,
    CORE_URL,
    VOCABULARY,
    Context,
    core_document,
    core_terms,
    external,
    internal,
    iri_of,
    is_iri,
)

DOCUMENTS = {
    "https://a.example/one": {"@context": ["https://a.example/two", {"one": "ex:one"}]},
    "https://a.example/two": {"@context": {"ex": "https://ex.example/", "two": {"@id": "ex:two", "@type": "@id"}}},
    "https://a.example/none": {"nothing": 1},
}


def load(url: str) -> Any:
    if url not in DOCUMENTS:
        raise Unavailable(f"{url} does not answer.")
    return DOCUMENTS[url]


def test_core_and_default_names_stay_short() -> None:
    assert CORE.name("location") == "location"
    assert CORE.name("temperature") == "temperature"
    assert CORE.expand("location") == "https://uri.etsi.org/ngsi-ld/location"
    assert CORE.expand("temperature") == VOCABULARY + "temperature"
    assert CORE.name("https://ex.example/x") == "https://ex.example/x"
    assert Context.of(CORE_URL, load) is CORE


def test_contexts_load_each_other_and_core_terms_win() -> None:
    context = Context.of(["https://a.example/one", {"location": "ex:place", "Haus": "@type"}, CORE_URL], load)
    assert context.name("one") == "https://ex.example/one"
    assert context.name("two") == "https://ex.example/two"
    assert context.name("ex:three") == "https://ex.example/three"
    assert context.name("location") == "location"
    assert context.name("free") == "free"
    assert context.aliases["Haus"] == "type"
    assert external("https://ex.example/one", context) == "one"
    assert external("https://ex.example/four", context) == "ex:four"
    assert external("free", context) == "free"


def test_a_default_name_hidden_by_the_caller_is_shown_with_the_prefix_of_the_core_context() -> None:
    context = Context.of({"speed": "https://ex.example/speed"}, load)
    assert external("speed", context) == "ngsi-ld:default-context/speed"
    assert context.name("ngsi-ld:default-context/speed") == "speed"
    assert context.name(VOCABULARY + "speed") == "speed"


def test_vocabulary() -> None:
    context = Context.of({"@vocab": "https://v.example/"}, load)
    assert context.name("x") == "https://v.example/x"
    assert external("https://v.example/x", context) == "x"
    assert external("x", context) == "ngsi-ld:default-context/x"


@pytest.mark.parametrize(
    "bad",
    [5, "nope", [[]], {"a": 5}, {"a": {"@id": "b c"}}, {"@vocab": 3}, ["https://a.example/none"], [None],
     {"a": "b:c", "b": "a:c"}, [{"x": "https://e.example/"}] * 51],
)  # fmt: skip
def test_bad_contexts_are_refused(bad: Any) -> None:
    with pytest.raises(InvalidInput) as caught:
        Context.of(bad, load)
    assert caught.value.field == "@context"


def test_the_loaders_own_error_is_what_the_caller_gets() -> None:
    with pytest.raises(Unavailable):
        Context.of("https://gone.example/", load)


@given(st.sampled_from(sorted(core_terms())))
def test_core_terms_there_and_back(term: str) -> None:
    assert internal(iri_of(term)) == term
    assert CORE.compact(CORE.expand(term)) == CORE.compact(iri_of(term))


@given(st.from_regex(r"[A-Za-z][A-Za-z0-9_]{0,10}|https://(ex|v|other)\.example/[a-z]{1,5}", fullmatch=True))
def test_names_there_and_back(name: str) -> None:
    for context in (
        CORE,
        Context({"a": "https://ex.example/a"}, vocabulary="https://v.example/", prefixes={"ex": "https://ex.example/"}),
    ):
        stored = context.name(name)
        assert context.name(external(stored, context)) == stored


def test_the_core_document_is_a_context_of_its_own() -> None:
    document = core_document()["@context"]
    assert document["observedAt"] == {"@id": "https://uri.etsi.org/ngsi-ld/observedAt", "@type": "DateTime"}
    assert document["@vocab"] == VOCABULARY


@pytest.mark.parametrize("mark", [" ", "\u00a0", "\t", "\n", "\u3000", "\u200b", "\ufeff", "\x01", "\u202e"])
def test_an_id_has_no_blanks_and_nothing_unseen(mark: str) -> None:
    assert is_iri("urn:ngsi-ld:Đèn:số-1")
    for text in (f"{mark}urn:ngsi-ld:X:1", f"urn:ngsi-ld:X:1{mark}", f"urn:ngsi-ld:X:{mark}1"):
        assert not is_iri(text)
