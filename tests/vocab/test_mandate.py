"""Mandates: the more special one wins, and only while it holds."""

from __future__ import annotations

from province.vocab.mandate import Mandate, in_charge


def mandate(agency: str, *subjects: str, areas: tuple[str, ...] = (), end: str | None = None) -> Mandate:
    return Mandate(
        id=f"urn:{agency}", title="x", agency=agency, subjects=subjects, areas=areas, validFrom="2026-01-01",
        validTo=end, basis="QĐ",
    )  # fmt: skip


def test_a_mandate_for_an_area_beats_one_for_all_while_it_holds() -> None:
    everywhere = mandate("dept", "light", "road")
    here = mandate("ward", "light", areas=("urn:a",), end="2026-06-01")
    both = (everywhere, here)
    assert in_charge(both, "light", ("urn:a", "urn:province"), "2026-03-01") == "ward"
    assert in_charge(both, "light", ("urn:b",), "2026-03-01") == "dept"
    assert in_charge(both, "light", ("urn:a",), "2026-06-01") == "dept"
    assert in_charge(both, "road", ("urn:a",), "2026-03-01") == "dept"
    assert in_charge(both, "tree", ("urn:a",), "2026-03-01") is None
    assert in_charge(both, "light", ("urn:a",), "2025-12-31") is None
