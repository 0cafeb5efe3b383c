from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from province.errors import InvalidInput, NotAllowed, NotSignedIn
from province.identity import policy
from province.model.actor import Actor, Grant, anonymous, system


def person(*grants: Grant) -> Actor:
    return Actor(tenant="t", id="a", kind="person", name="An", grants=grants)


def test_nobody_may_anything_by_default() -> None:
    assert not policy.allows(person(), "report.read")
    assert policy.scope(person(), "report.read").nothing
    with pytest.raises(NotAllowed, match=r"An lacks the permission report\.read of agency sx"):
        policy.require(person(), "report.read", agency="sx")


def test_anonymous_is_asked_to_sign_in() -> None:
    with pytest.raises(NotSignedIn, match=r"report\.read"):
        policy.require(anonymous("t"), "report.read")


def test_grants_on_an_anonymous_actor_count_for_nothing() -> None:
    forged = Actor(tenant="t", id="x", kind="anonymous", grants=(Grant("r", frozenset(("*",))),))
    assert policy.scope(forged, "report.read").nothing


@pytest.mark.parametrize(
    ("pattern", "permission", "expected"),
    [
        ("report.read", "report.read", True),
        ("report.read", "report.change", False),
        ("report.*", "report.change", True),
        ("report.*", "reports.change", False),
        ("*.read", "report.read", True),
        ("*.read", "report.readall", False),
        ("*.read", "account.read", False),
        ("*.*", "secret.read", False),
        ("account.*", "account.create", True),
        ("*", "account.create", True),
        ("*.read", "https://example.org/types/Thing.read", True),
        ("report.read", "report.*", False),
        ("report.*", "*", False),
    ],
)
def test_patterns(pattern: str, permission: str, expected: bool) -> None:
    assert policy.matches(pattern, permission) is expected


@pytest.mark.parametrize(
    "bad", ["", "report", "report.", ".read", "re port.read", "report.Read", "r*.read", "**", "a\0.read"]
)
def test_malformed_permissions_are_refused(bad: str) -> None:
    with pytest.raises(InvalidInput):
        policy.check_pattern(bad)


def test_scope_keeps_agency_and_area_of_one_grant_together() -> None:
    actor = person(
        Grant("a", frozenset(("report.read",)), "sx", frozenset(("w1", "w2"))),
        Grant("b", frozenset(("report.read",)), "sy"),
        Grant("c", frozenset(("report.*",)), None, frozenset(("w9",))),
    )
    found = policy.scope(actor, "report.read")
    assert found.agencies == {"sy"}
    assert found.areas == {"w9"}
    assert found.pairs == {("sx", "w1"), ("sx", "w2")}
    assert found.covers(agency="sx", area="w1")
    assert not found.covers(agency="sx", area="w3")
    assert found.covers(agency="sy", area="w3")
    assert found.covers(agency="other", area="w9")
    assert not found.covers()


def test_a_device_observes_itself_and_nothing_else() -> None:
    device = Actor(tenant="t", id="urn:d:1", kind="device", grants=(Grant("r", frozenset(("*",))),))
    assert policy.allows(device, "device.observe", entity="urn:d:1")
    assert not policy.allows(device, "device.observe", entity="urn:d:2")
    assert not policy.allows(device, "device.observe")
    assert not policy.allows(device, "device.read", entity="urn:d:1")


def test_type_names_the_noun() -> None:
    actor = person(Grant("r", frozenset(("airqualityobserved.read",))))
    assert policy.allows(actor, "read", type="AirQualityObserved")
    assert not policy.allows(actor, "change", type="AirQualityObserved")


def test_personal_data_needs_its_own_permission() -> None:
    actor = person(Grant("r", frozenset(("*.read", "report.personal")), "sx"))
    assert policy.sees_personal(actor, "report", "sx")
    assert not policy.sees_personal(actor, "report", "sy")
    assert not policy.sees_personal(actor, "dossier", "sx")


def test_nobody_gives_more_than_they_hold() -> None:
    local = person(Grant("administrator", frozenset(("*",)), "sx"))
    assert policy.holds(local, (Grant("r", frozenset(("*",)), "sx", frozenset(("w1",))),))
    assert not policy.holds(local, (Grant("r", frozenset(("report.read",))),))
    assert not policy.holds(person(Grant("r", frozenset(("*.read",)))), (Grant("r", frozenset(("*",))),))
    assert policy.holds(system("t", "x"), (Grant("r", frozenset(("*",))),))


NOUNS = st.sampled_from(["report", "device", "account", "*"])
VERBS = st.sampled_from(["read", "change", "*"])
PATTERNS = st.one_of(st.just("*"), st.tuples(NOUNS, VERBS).map(".".join))
EXACT = [f"{n}.{v}" for n in ("report", "device", "account", "https://x.y/z") for v in ("read", "change", "observe")]


@given(PATTERNS, PATTERNS)
def test_an_intersection_holds_exactly_what_both_hold(first: str, second: str) -> None:
    both = policy.intersect(first, second)
    for permission in EXACT:
        expected = policy.matches(first, permission) and policy.matches(second, permission)
        assert (both is not None and policy.matches(both, permission)) == expected


@given(st.lists(st.tuples(PATTERNS, st.sampled_from([None, "sx", "sy"])), max_size=4), st.lists(PATTERNS, max_size=3))
def test_a_narrowed_token_is_never_wider_than_its_account(
    have: list[tuple[str, str | None]], wanted: list[str]
) -> None:
    grants = tuple(Grant("r", frozenset((p,)), agency) for p, agency in have)
    account = person(*grants)
    token = person(*policy.narrow(grants, wanted, "sx"))
    for permission in EXACT:
        for agency in (None, "sx", "sy"):
            if policy.allows(token, permission, agency=agency):
                assert policy.allows(account, permission, agency=agency)
                assert agency == "sx"
                assert any(policy.matches(w, permission) for w in wanted)


def test_narrowing_to_another_agency_leaves_nothing() -> None:
    grants = (Grant("r", frozenset(("*",)), "sx"),)
    assert policy.narrow(grants, ("*",), "sy") == ()


def test_grounds_name_the_grant_that_gives_it_and_why_the_others_do_not() -> None:
    actor = person(
        Grant("viewer", frozenset(("*.read",)), "here"),
        Grant("far", frozenset(("report.read",)), "there"),
        Grant("maker", frozenset(("report.create",))),
    )
    allowed, found = policy.grounds(actor, "report.read", agency="here")
    assert allowed
    assert [(g.grant.role, g.why, g.pattern) for g in found] == [
        ("viewer", "gives", "*.read"), ("far", "elsewhere", "report.read"), ("maker", "lacks", ""),
    ]  # fmt: skip
    assert policy.grounds(actor, "report.delete", agency="here")[0] is False


@given(st.data())
def test_grounds_agree_with_the_decision(data: st.DataObject) -> None:
    some = st.sampled_from
    grant = st.builds(
        Grant,
        st.just("r"),
        st.frozensets(some(["*", "*.read", "report.*", "report.read", "lamp.read"]), max_size=2),
        some([None, "a", "b"]),
        st.frozensets(some(["x", "y"]), max_size=1),
        st.frozensets(some(["e", "f"]), max_size=1),
    )
    grants = data.draw(st.lists(grant, max_size=3))
    where = {"agency": data.draw(some([None, "a", "b"])), "area": data.draw(some([None, "x", "y"])),
             "entity": data.draw(some([None, "e", "f"]))}  # fmt: skip
    actor = person(*grants)
    allowed, found = policy.grounds(actor, "report.read", **where)
    assert allowed == policy.allows(actor, "report.read", **where) == any(g.why == "gives" for g in found)


def test_a_grant_over_one_record_reaches_no_other() -> None:
    glass = person(Grant("break-glass", frozenset(("report.read",)), entities=frozenset(("e",))))
    assert policy.allows(glass, "report.read", agency="a", area="x", entity="e")
    assert not policy.allows(glass, "report.read", agency="a", area="x", entity="f")
    assert not policy.allows(glass, "report.personal", entity="e")
    assert policy.scope(glass, "report.read").entities == {"e"}
