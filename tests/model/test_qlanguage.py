"""q, scopeQ and geo-queries."""

import math
import re
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.effort import examples

from province.errors import InvalidInput, ProvinceError, Unsupported
from province.model.jsonld import Context
from province.model.qlanguage import format_q, parse_place, parse_q, parse_scope_q
from province.model.query import RELATIONS, AnyOf, Near, Query, Where, join_path, split_path

names = st.from_regex(r"[a-zA-Z][a-zA-Z0-9_]{1,6}x", fullmatch=True)
steps = names | st.sampled_from(["https://smartdatamodels.org/address", "urn:ex:speed"])
paths = st.tuples(steps, st.lists(names, max_size=2)).map(lambda p: join_path([p[0], *p[1]]))
scalars = (
    st.integers(-(2**60), 2**60)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.booleans()
    | st.text(st.characters(exclude_categories=("Cs", "Cc")), max_size=10).map(
        lambda t: __import__("unicodedata").normalize("NFC", t)
    )
)
wheres = (
    st.builds(Where, paths, st.sampled_from(["==", "!=", "<", "<=", ">", ">="]), scalars)
    | st.builds(Where, paths, st.just("in"), st.lists(scalars, min_size=2, max_size=4))
    | st.builds(Where, paths, st.sampled_from(["exists", "absent"]))
    | st.builds(Where, paths, st.just("~"), st.sampled_from(["^Thủ", "a|b;c", "[0-9]+\\.", "^(?!.*(?:x))"]))
)
groups = st.lists(wheres, min_size=1, max_size=3).map(tuple)
anyofs = st.builds(AnyOf, st.lists(groups, min_size=2, max_size=3).map(tuple))


@given(terms=st.lists(wheres | anyofs, min_size=1, max_size=4).map(tuple))
@settings(max_examples=examples(200), deadline=None)
def test_terms_there_and_back(terms: Any) -> None:
    assert parse_q(format_q(terms)) == terms


@given(path=st.lists(steps, min_size=1, max_size=3))
def test_paths_there_and_back(path: list[str]) -> None:
    assert split_path(join_path(path)) == path


@given(text=st.text(max_size=40) | st.text(alphabet='ab.=!<>~;|()[]",1 ', max_size=30))
@settings(max_examples=examples(300), deadline=None)
def test_any_text_is_read_or_refused(text: str) -> None:
    try:
        terms = parse_q(text)
    except ProvinceError as error:
        refusal = error
    else:
        assert parse_q(format_q(terms)) == terms
        return
    assert refusal.field == "q"


@pytest.mark.parametrize(
    ("text", "terms"),
    [
        ("speed", (Where("speed", "exists"),)),
        ("speed>50;speed<=90.5", (Where("speed", ">", 50), Where("speed", "<=", 90.5))),
        ("speed==50..60", (Where("speed", ">=", 50), Where("speed", "<=", 60))),
        ("speed!=50..60", (AnyOf(((Where("speed", "<", 50),), (Where("speed", ">", 60),))),)),
        ('s=="a","b"', (Where("s", "in", ["a", "b"]),)),
        ('s!="a","b"', (Where("s", "!=", "a"), Where("s", "!=", "b"))),
        ("on==true", (Where("on", "==", True),)),
        ("owner==urn:x:1", (Where("owner", "==", "urn:x:1"),)),
        ("address[city]==\"Thủ Dầu Một\"", (Where("address.city", "==", "Thủ Dầu Một"),)),
        ("speed.accuracy<1", (Where("speed.accuracy", "<", 1),)),
        ("at>=2026-01-01T07:00:00+07:00", (Where("at", ">=", "2026-01-01T00:00:00Z"),)),
        ("name~=^Th(ủ|u);a", (Where("name", "~", "^Th(ủ|u)"), Where("a", "exists"))),
        ('a!~="x"', (Where("a", "~", "^(?!.*(?:x))"),)),
        ("a;b|c", (AnyOf(((Where("a", "exists"), Where("b", "exists")), (Where("c", "exists"),))),)),
        ("a;(b|c)", (Where("a", "exists"), AnyOf(((Where("b", "exists"),), (Where("c", "exists"),))))),
    ],
)  # fmt: skip
def test_grammar(text: str, terms: Any) -> None:
    assert parse_q(text) == terms


def test_names_are_the_callers() -> None:
    context = Context({"speed": "https://ex.example/speed", "busy": "https://ex.example/busy"})
    assert parse_q("speed[a]>5", context) == (Where("<https://ex.example/speed>.a", ">", 5),)
    assert parse_q('state=="busy"', context, expand=["state"]) == (Where("state", "==", "https://ex.example/busy"),)


@pytest.mark.parametrize(
    ("text", "position"),
    [("", 1), ("a==", 4), ("a==5;", 6), ("(a", 3), ("a)", 2), ("a==1..", 7), ("a>1,2", 6), ("a[", 2), ("a b", 2)],
)
def test_errors_name_the_position(text: str, position: int) -> None:
    with pytest.raises(InvalidInput, match=f"character {position},"):
        parse_q(text)


def test_bounds() -> None:
    with pytest.raises(InvalidInput):
        parse_q("(" * 20 + "a" + ")" * 20)
    with pytest.raises(InvalidInput):
        parse_q(";".join(["a"] * 101))
    with pytest.raises(InvalidInput):
        parse_q("a" * 9000)
    with pytest.raises(InvalidInput):
        parse_q("a~=(")
    with pytest.raises(InvalidInput):
        parse_q("a{" * 6 + "b" + "}" * 6)
    with pytest.raises(Unsupported):
        parse_q("speed.observedAt>2020-01-01T00:00:00Z")


@pytest.mark.parametrize(
    ("text", "scopes", "matched"),
    [
        ("/Madrid", ["/Madrid"], True),
        ("/Madrid", ["/Madrid/Gardens"], False),
        ("/Madrid/#", ["/Madrid/Gardens"], True),
        ("/Madrid/#", ["/Madrid"], True),
        ("/Madrid/#", ["/Madrids"], False),
        ("/Madrid/+/North", ["/Madrid/Gardens/North"], True),
        ("/#", ["/A"], True),
        ("/#", [], False),
        ("(/A;/B)|/C", ["/A", "/B"], True),
        ("(/A;/B),/C", ["/A"], False),
        ("(/A;/B),/C", ["/C"], True),
    ],
)
def test_scopes(text: str, scopes: list[str], matched: bool) -> None:
    groups = parse_scope_q(text)
    assert any(all(any(re.search(p, s) for s in scopes) for p in group) for group in groups) is matched


@pytest.mark.parametrize("bad", ["", "a b", "/A;/B", "(/A", "/A//B", "/9", "/A|"])
def test_bad_scopes(bad: str) -> None:
    with pytest.raises(InvalidInput):
        parse_scope_q(bad)


def test_places() -> None:
    assert parse_place("near;maxDistance==2000", "Point", "[106.6,11]").near == Near((106.6, 11.0), 2000.0)
    square = [[[0, 0], [1, 0], [1, 1], [0, 1], [0, 0]]]
    for relation in RELATIONS:
        assert parse_place(relation, "Polygon", square).narrow(Query()).relation == relation
    for bad in (("near;maxDistance==0", "Point", "[1,1]"), ("near", "Point", "[1,1]"), ("on", "Point", "[1,1]"),
                ("within", "Polygon", "[[1"), ("within", "Polygon", "[]"), ("within", "Blob", "[1,1]"),
                ("near;maxDistance==5", "Point", "[1,1e999]"),
                ("near;maxDistance==5", "Point", '["a",1]')):  # fmt: skip
        with pytest.raises(InvalidInput):
            parse_place(*bad)
    assert parse_place("disjoint", "Point", "[1,1]").relation == "disjoint"
    far = parse_place("near;minDistance==5", "LineString", "[[1,1],[2,2]]").near
    assert far is not None
    assert (far.min_m, far.max_m, far.geometry["type"]) == (5.0, math.inf, "LineString")
