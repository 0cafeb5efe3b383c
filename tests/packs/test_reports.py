"""Reports: secrets, foreign requests of a real city, and no path out of the workflow's table."""

from __future__ import annotations

import csv
import hashlib
import json
from collections import Counter
from datetime import UTC, datetime, timedelta
from importlib.resources import files

import pytest
from hypothesis import given
from hypothesis import strategies as st

from province.errors import Conflict, DecodeError, InvalidInput
from province.model import parameters
from province.model.change import Change
from province.model.entity import Entity
from province.model.geometry import point
from province.model.query import Where
from province.model.record import attributes
from province.pack import CALLER, Context, Notice
from province.packs.reports import PACK, entry, logic
from province.packs.reports.feeds import MAX_REQUESTS, categorise, from_open311
from province.packs.reports.types import WORKFLOW, Report
from province.vocab.agency import Agency
from tests.shared import shared

NOW = datetime(2026, 11, 24, 1, tzinfo=UTC)
PARAMS = {
    "photos_at_most": 5, "resolution_term": {"amount": 7, "unit": "working_days"}, "escalation": [], "dispute_days": 10,
    "desk": "one-stop",
    "sure_above": {"category": 0.7, "complaint": 0.5, "denunciation": 0.2, "emergency": 0.2},
    "suspected_above": 0.05, "danger_words": {"alone": ["cháy nhà"], "denied_by": ["không"]},
    "duplicate_days": 7, "duplicate_distance": 100, "duplicate_likeness": 0.6, "routes": {},
}  # fmt: skip
REPORT = Report(id="urn:r", version=3, title="t", category="road", location=point(106.6, 11.0), reportedAt=NOW)
NONCES = st.text("0123456789abcdef", min_size=32, max_size=32)


def context(nonce: str = "", actor: str = "anonymous", sender: str = "") -> Context:
    return Context(now=NOW, params=PARAMS, actor=sender or actor, nonce=nonce)


@given(NONCES, NONCES)
def test_secret_is_shown_once_and_only_its_hash_is_stored(one: str, other: str) -> None:
    def submitted(nonce: str) -> tuple[Change, str]:
        change, notice = entry.submit(
            context=context(nonce), title="Đèn tắt", category="light", location=point(106.6, 11.0)
        )
        assert isinstance(change, Change)
        assert isinstance(notice, Notice)
        assert notice.to == CALLER
        return change, notice.body.vi.rsplit(" ", 1)[1]

    change, secret = submitted(one)
    stored = json.dumps([a.value for a in change.attrs.values() if a], default=str) + change.id
    assert secret not in stored
    assert one not in stored
    assert hashlib.sha256(secret.encode()).hexdigest() in stored
    again, same = submitted(one)
    assert (again, same) == (change, secret), "a retry with the same nonce is the same report"
    if other != one:
        assert submitted(other)[0].id != change.id


def said(category: str, confidence: float, **chances: float) -> dict[str, object]:
    """A proposal of the machine. chances: of matters."""
    return {
        "category": category, "confidence": confidence, "words": ["đèn", "tắt"], "matter": "report",
        "matterConfidence": 0.8, "matterWords": [], "chances": {"report": 0.8, **chances},
    }  # fmt: skip


def sent(proposal: dict[str, object], **inputs: object) -> dict[str, object]:
    """What is stored of a report of which the machine says something."""
    surroundings = Context(
        now=NOW, params=PARAMS, actor="anonymous", nonce="0" * 32, models={entry.MODEL: lambda text: proposal}
    )
    given = {"title": "Đèn tắt", "location": point(106.6, 11.0), **inputs}
    effects = entry.submit(context=surroundings, **given)  # type: ignore[arg-type]
    changes = [e for e in effects if isinstance(e, Change)]
    stored = {k: a.value for k, a in changes[0].attrs.items() if a}
    stored["apart"] = [c.type for c in changes[1:]]
    stored["warned"] = any(isinstance(e, Notice) and "114" in e.body.vi for e in effects)
    return stored


def test_a_sure_proposal_is_taken_and_an_unsure_one_is_left_to_a_person() -> None:
    sure = sent(said("light", 0.9))
    assert (sure["category"], sure["categoryBy"], sure["matter"]) == ("light", "machine", "report")
    assert (sure["proposalConfidence"], sure["proposalWords"]) == (90.0, ["đèn", "tắt"])
    unsure = sent(said("light", 0.69))
    assert (unsure["category"], unsure["categoryBy"], unsure["proposedCategory"]) == ("other", "nobody", "light")
    chosen = sent(said("light", 0.99), category="road")
    assert (chosen["category"], chosen["categoryBy"]) == ("road", "sender"), "a person's word counts more"


def test_what_may_be_an_emergency_or_a_denunciation_is_treated_so() -> None:
    assert sent(said("other", 0.3, emergency=0.2, denunciation=0.3))["matter"] == "emergency"
    assert sent(said("other", 0.3, emergency=0.1))["matter"] == "report"
    accusing = sent(said("other", 0.3, denunciation=0.25), name="Trần Văn Bình", phone="0274 382 2222")
    assert accusing["matter"] == "denunciation"
    assert accusing["apart"] == ["ProtectedIdentity"]
    assert not {"reporterName", "reporterPhone", "author"} & accusing.keys()
    assert sent(said("other", 0.3, denunciation=0.25))["apart"] == [], "of somebody unknown there is nothing to keep"


def test_what_may_be_an_emergency_is_suspected_and_its_sender_is_told_whom_to_call() -> None:
    for text, chance, expected in (
        ("Cháy nhà ở hẻm 12", 0.0, True),
        ("chay nha o hem 12", 0.0, True),
        ("Đèn tắt", 0.05, True),
        ("Đèn tắt", 0.04, False),
        ("Không cháy nhà nào, đèn tắt", 0.0, False),
    ):
        stored = sent(said("other", 0.3, emergency=chance), title=text)
        assert stored.get("suspected", False) is expected, text
        assert stored["matter"] == "report", "a suspicion is no decision"
        assert stored["warned"] is expected
    assert sent(said("other", 0.3, emergency=0.2))["suspected"] is True
    without = entry.submit(context=context("0" * 32), title="Cháy nhà", location=point(106.6, 11.0))
    assert any(isinstance(e, Notice) and "114" in e.body.vi for e in without), "it needs no trained model"


def test_what_a_feed_brings_is_looked_at_too() -> None:
    foreign = Report(
        id="urn:f", version=1, title="Cháy nhà", category="other", channel="system", externalCode="1",
        location=point(106.6, 11.0), reportedAt=NOW,
    )  # fmt: skip
    desk = Agency(
        id="urn:desk", identifier="desk", name="Một cửa", kind="centre", validFrom="2025-07-01",
        competences=("one-stop",),
    )  # fmt: skip
    effects = logic.route(foreign, context=context(), areas=(), agencies=(desk,), around=(), years=())
    changes = [e for e in effects if isinstance(e, Change)]
    assert changes[0].attrs["suspected"].value is True  # type: ignore[union-attr]
    assert [(e.to, e.subject.vi) for e in effects if isinstance(e, Notice)] == [("urn:desk", "Nghi khẩn cấp: 1")]


def test_submission_needs_a_fresh_nonce() -> None:
    with pytest.raises(InvalidInput, match="nonce"):
        entry.submit(context=context("short"), title="Đèn tắt", category="light", location=point(106.6, 11.0))


@given(st.sampled_from(WORKFLOW.states), st.sampled_from(["start", "resolve", "reject", "dispute", "reopen", "close"]))
def test_action_moves_along_an_edge_or_is_refused(state: str, name: str) -> None:
    report = Report(
        id="urn:r", version=3, title="t", category="road", location=point(106.6, 11.0), reportedAt=NOW, status=state,
        secretHash=hashlib.sha256(b"s").hexdigest(),
    )  # fmt: skip
    inputs = {"resolve": {"note": "n"}, "reject": {"reason": "r"}, "dispute": {"secret": "s", "reason": "r"}}
    inputs |= {"reopen": {"reason": "r", "years": ()}}
    action = next(a for a in PACK.actions if a.do.__name__ == name)
    try:
        change = next(iter(action.do(report, context=context(), **inputs.get(name, {}))))
    except Conflict:
        assert state not in action.states
        return
    assert isinstance(change, Change)
    target = change.attrs["status"]
    assert target is not None
    assert (state, target.value) in {(e.source, e.target) for e in WORKFLOW.edges}
    assert state in action.states, "what the button hides must not work either, unless the table allows it"


def test_search_for_duplicates_is_never_narrower_than_the_shipped_parameters() -> None:
    shipped = parameters.at(parameters.parse(files("province.packs.reports").joinpath("params.yaml").read_text()), NOW)
    assert shipped["duplicate_distance"] <= logic.LOOK_AROUND_M
    assert shipped["duplicate_days"] <= logic.LOOK_BACK_DAYS
    asked = logic.reports_around(Entity(tenant="t", id="urn:r", types=("Report",), attrs=attributes(REPORT)))
    assert asked.near is not None
    assert asked.near.position == (106.6, 11.0)
    times = [w.value for w in asked.where if isinstance(w, Where) and w.name == "reportedAt"]
    assert times == ["2026-11-24T01:00:00Z", "2026-10-25T01:00:00Z"]
    narrowed = logic.within_limits(asked, shipped)
    assert narrowed.near is not None
    assert narrowed.near.max_m == shipped["duplicate_distance"]
    times = [w.value for w in narrowed.where if isinstance(w, Where) and w.name == "reportedAt"]
    assert times == ["2026-11-24T01:00:00Z", "2026-11-17T01:00:00Z"]


def test_a_chain_of_duplicates_points_at_its_beginning() -> None:
    def report(n: int, **values: object) -> Report:
        at = NOW + timedelta(hours=n)
        given = {"title": "t", "category": "road", "location": point(106.6, 11.0), "reportedAt": at}
        return Report(id=f"urn:r:{n}", **{**given, **values})  # type: ignore[arg-type]

    chain: list[Report] = []
    for n in range(5):
        found = logic.find_duplicate(report(n), chain, context())
        assert found == (None if n == 0 else "urn:r:0")
        chain.append(report(n, duplicateOf=found))
    assert logic.find_duplicate(report(0), chain, context()) is None, "a later report is not the first"


def requests_of(city: str) -> list[dict[str, str]]:
    with shared(f"citizen/{city}-311.csv").open(encoding="utf-8", errors="replace", newline="") as file:
        return [
            {
                "service_request_id": row["ID"],
                "service_name": row["Title"],
                "description": row["Description"],
                "requested_datetime": datetime.fromtimestamp(int(row["Date Created"]), UTC).isoformat(),
                "address": row["Address"],
                "lat": row["Latitude"],
                "long": row["Longitude"],
            }
            for row in csv.DictReader(file)
        ]


@pytest.mark.parametrize(("city", "most_other"), [("hoboken", 0.02), ("nyc", 0.27)])
def test_requests_of_a_real_city_come_in_and_find_a_category(city: str, most_other: float) -> None:
    given = requests_of(city)
    changes: list[Change] = []
    for start in range(0, len(given), MAX_REQUESTS):
        raw = json.dumps(given[start : start + MAX_REQUESTS]).encode()
        changes += from_open311(raw, context=context(sender=f"service:{city}")).changes
    assert len(changes) == len(given)
    assert {c.id for c in changes} == {c.id for c in changes if c.op == "upsert"}
    assert len({c.id for c in changes}) == len({r["service_request_id"] for r in given})
    categories = Counter(c.attrs["category"].value for c in changes if c.attrs["category"])
    assert categories["other"] <= most_other * len(given), categories
    elsewhere = from_open311(json.dumps(given[:1]).encode(), context=context(sender="service:other"))
    assert elsewhere.changes[0].id != changes[0].id, "another system may use the same number"


@pytest.mark.parametrize(
    ("service", "category"),
    [
        ("Street Cleaning", "waste"),
        ("Street Light or Lamp", "light"),
        ("Trees on Sidewalks", "tree"),
        ("Đèn đường hỏng", "light"),
        ("Ổ gà", "road"),
        ("Ngập nước sau mưa", "drainage"),
        ("Smoking Violation", "other"),
    ],
)
def test_words_tell_the_category(service: str, category: str) -> None:
    assert categorise(service) == category


@pytest.mark.parametrize("number", ["1e400", "9" * 400, '"nan"', '"inf"', "true", "[]", "91"])
def test_impossible_latitude_is_refused(number: str) -> None:
    raw = (
        '[{"service_request_id":"1","service_name":"x","requested_datetime":"2026-11-21T09:00:00Z","long":1,"lat":%s}]'
    )
    with pytest.raises(DecodeError):
        from_open311((raw % number).encode(), context=context())
