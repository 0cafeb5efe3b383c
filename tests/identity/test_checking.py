"""Whatever is done to sealed rows, blocks or the tail, the check finds it; what was not touched is whole."""

from __future__ import annotations

import copy
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import given
from hypothesis import strategies as st

from province.identity import blocks, merkle
from province.identity.blocks import Block, Head, Proof
from province.identity.checking import Checker, Report, Sealed

BEGAN = datetime(2026, 3, 2, 8, 0, tzinfo=UTC)
KEY = Ed25519PrivateKey.from_private_bytes(b"k" * 32)
PUBLIC = blocks.publish(KEY, BEGAN)
Row = tuple[Any, ...]


class Ledger:
    """Rows and the blocks over them, as a database would hold them; `check` reads it as `broker.audit_check` does."""

    def __init__(self, sizes: list[int], *, waiting: int = 0, hole: int = 0) -> None:
        self.rows: list[Row] = []
        self.blocks: list[Sealed] = []
        self.heads: list[Head] = []
        number = 0
        for size in sizes:
            rows = []
            for _ in range(size):
                number += 1 + (hole and number % hole == 0)
                rows.append(_row(number, BEGAN + timedelta(seconds=len(self.blocks))))
            self.rows += rows
            self._seal(rows, KEY)
        self.position = (self.rows[-1][-1], self.rows[-1][1]) if self.rows else (-1, 0)
        self.rows += [_row(number + 1 + i, BEGAN) for i in range(waiting)]

    def _seal(self, rows: list[Row], key: Ed25519PrivateKey) -> None:
        leaves = [blocks.leaf(r[:-1]) for r in rows]
        block = Block(
            chain="c",
            number=len(self.blocks) + 1,
            previous=self.blocks[-1].hash if self.blocks else blocks.NOTHING,
            root=merkle.root(leaves).hex(),
            rows=len(rows),
            seqs=blocks.ranges(r[1] for r in rows),
            at=BEGAN + timedelta(seconds=len(self.blocks) + 1),
            key=blocks.key_id(key.public_key()),
        )
        head = blocks.sign(block, key)
        self.blocks.append(Sealed(block=block, hash=head.hash, signature=head.signature, leaves=b"".join(leaves)))
        self.heads.append(head)

    def reseal(self, key: Ed25519PrivateKey) -> None:
        """All blocks anew over the rows as they are, by somebody who has the key."""
        wanted = [set(_numbers(b.block.seqs)) for b in self.blocks]
        kept, self.blocks, self.heads = self.heads, [], []
        for numbers in wanted:
            self._seal([r for r in self.rows if r[1] in numbers], key)
        self.heads = kept

    def check(self, *, heads: list[Head] | None = None, since: int = 1) -> Report:
        earlier = [b for b in self.blocks if b.block.number < since]
        checker = Checker(
            blocks.trusted([PUBLIC]),
            self.heads if heads is None else heads,
            before=earlier[-1] if earlier else None,
            covered=[run for b in earlier for run in b.block.seqs],
        )
        ordered = sorted(self.rows, key=lambda r: r[1])
        for sealed in self.blocks[len(earlier) :]:
            low, high = checker.window(sealed)
            checker.block(sealed, [r for r in ordered if low <= r[1] <= high])
        checker.tail([r for r in ordered if r[1] >= checker.next_row], self.position, 10**9)
        return checker.report()


def _row(number: int, at: datetime, **other: Any) -> Row:
    values = ("t", number, at, f"actor-{number % 3}", "person", "report.read", f"urn:x:{number}", "Report", "", "r", "",
              '{"attrs": []}', 1000 + number)  # fmt: skip
    return values if not other else tuple(other.get(str(i), v) for i, v in enumerate(values))


def _numbers(runs: blocks.Ranges) -> list[int]:
    return [n for first, last in runs for n in range(first, last + 1)]


LEDGERS = st.builds(
    Ledger, st.lists(st.integers(1, 9), min_size=1, max_size=6), waiting=st.integers(0, 3), hole=st.integers(0, 4)
)


@given(LEDGERS)
def test_what_nobody_touched_is_whole(ledger: Ledger) -> None:
    found = ledger.check()
    assert found.findings == []
    assert found.rows + found.waiting == len(ledger.rows)
    assert found.heads == found.blocks == len(ledger.blocks)


@given(LEDGERS, st.data())
def test_a_changed_row_is_named(ledger: Ledger, data: st.DataObject) -> None:
    index = data.draw(st.integers(0, sum(b.block.rows for b in ledger.blocks) - 1))
    column = data.draw(st.sampled_from([0, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11]))
    row = list(ledger.rows[index])
    row[column] = row[2] + timedelta(microseconds=1) if column == 2 else f"{row[column]}'"
    ledger.rows[index] = tuple(row)
    first = ledger.check().first
    assert first is not None
    assert (first.what, first.row) == ("changed", row[1])


@given(LEDGERS, st.data())
def test_a_removed_row_is_named(ledger: Ledger, data: st.DataObject) -> None:
    index = data.draw(st.integers(0, sum(b.block.rows for b in ledger.blocks) - 1))
    gone = ledger.rows.pop(index)
    first = ledger.check().first
    assert first is not None
    assert (first.what, first.row) == ("removed", gone[1])


@given(LEDGERS, st.data())
def test_two_rows_that_changed_places_are_found(ledger: Ledger, data: st.DataObject) -> None:
    sealed = sum(b.block.rows for b in ledger.blocks)
    if sealed < 2:
        return
    i, j = sorted(data.draw(st.lists(st.integers(0, sealed - 1), min_size=2, max_size=2, unique=True)))
    a, b = list(ledger.rows[i]), list(ledger.rows[j])
    a[1], b[1] = b[1], a[1]
    ledger.rows[i], ledger.rows[j] = tuple(b), tuple(a)
    first = ledger.check().first
    assert first is not None
    assert (first.what, first.row) == ("changed", b[1])


@given(st.lists(st.integers(1, 9), min_size=1, max_size=6), st.data())
def test_a_row_put_into_a_gap_is_named(sizes: list[int], data: st.DataObject) -> None:
    ledger = Ledger(sizes, hole=2)
    used = {r[1] for r in ledger.rows}
    free = [n for n in range(-2, max(used)) if n not in used]
    number = data.draw(st.sampled_from(free))
    ledger.rows.append(_row(number, BEGAN))
    first = ledger.check().first
    assert first is not None
    assert (first.what, first.row) == ("inserted", number)


def test_a_row_that_pretends_to_be_of_the_future_is_not_waited_for() -> None:
    ledger = Ledger([3])
    ledger.rows.append((*_row(99, BEGAN)[:-1], 10**10))
    assert [f.what for f in ledger.check().findings] == ["inserted"]


def test_a_row_that_is_sealed_late_with_an_early_time_is_noticed() -> None:
    ledger = Ledger([3, 3])
    late = _row(7, BEGAN - timedelta(days=30))
    ledger.rows.append(late)
    ledger._seal([late], KEY)
    ledger.position = (late[-1], late[1])
    first = ledger.check().first
    assert first is not None
    assert (first.what, first.row) == ("backdated", 7)


@given(LEDGERS, st.integers(1, 6))
def test_a_tail_cut_off_with_its_blocks_shows_in_the_heads(ledger: Ledger, cut: int) -> None:
    cut = min(cut, len(ledger.blocks))
    gone = {n for b in ledger.blocks[-cut:] for n in _numbers(b.block.seqs)}
    ledger.rows = [r for r in ledger.rows if r[1] not in gone and r[-1] <= ledger.position[0]]
    ledger.blocks = ledger.blocks[:-cut]
    ledger.position = max(((r[-1], r[1]) for r in ledger.rows), default=(-1, 0))
    findings = ledger.check().findings
    assert {f.what for f in findings} <= {"truncated", "chain"}
    assert len(findings) == cut


@given(LEDGERS, st.data())
def test_whatever_is_done_to_the_blocks_is_found(ledger: Ledger, data: st.DataObject) -> None:
    index = data.draw(st.integers(0, len(ledger.blocks) - 1))
    sealed = ledger.blocks[index]
    what = data.draw(st.sampled_from(["drop", "root", "rows", "time", "hash", "signature", "leaves", "previous"]))
    if what == "drop":
        del ledger.blocks[index]
    elif what in ("root", "previous"):
        ledger.blocks[index] = msgspec.structs.replace(
            sealed, block=msgspec.structs.replace(sealed.block, **{what: "ab" * 32})
        )
    elif what == "rows":
        ledger.blocks[index] = msgspec.structs.replace(
            sealed, block=msgspec.structs.replace(sealed.block, rows=sealed.block.rows + 1)
        )
    elif what == "time":
        block = msgspec.structs.replace(sealed.block, at=sealed.block.at + timedelta(seconds=1))
        ledger.blocks[index] = msgspec.structs.replace(sealed, block=block)
    elif what == "leaves":
        ledger.blocks[index] = msgspec.structs.replace(sealed, leaves=b"z" * len(sealed.leaves))
    else:
        ledger.blocks[index] = msgspec.structs.replace(sealed, **{what: "00" * 32})
    assert ledger.check().findings


def test_sealing_everything_anew_does_not_help_against_exported_heads() -> None:
    for key in (KEY, Ed25519PrivateKey.from_private_bytes(b"f" * 32)):
        ledger = Ledger([4, 4, 4])
        ledger.rows[1] = _row(2, BEGAN, **{"5": "report.forged"})
        ledger.reseal(key)
        whats = {f.what for f in ledger.check().findings}
        assert "chain" in whats
        assert ("signature" in whats) == (key is not KEY)


def test_without_heads_the_check_says_what_it_cannot_see() -> None:
    ledger = Ledger([4, 4])
    assert [f.what for f in ledger.check(heads=[]).findings] == ["no-heads"]


def test_two_signed_heads_for_one_block_are_a_finding() -> None:
    ledger, other = Ledger([4, 4]), Ledger([5, 3])
    assert {f.what for f in ledger.check(heads=[*ledger.heads, other.heads[0]]).findings} == {"chain"}


def test_a_check_from_the_middle_looks_at_the_rest_only() -> None:
    ledger = Ledger([4, 4, 4])
    ledger.rows[1] = _row(2, BEGAN, **{"3": "x"})
    assert ledger.check().findings
    late = ledger.check(since=2)
    assert late.findings == []
    assert (late.rows, late.blocks) == (8, 2)
    ledger.rows[9] = _row(10, BEGAN, **{"3": "x"})
    assert [f.row for f in ledger.check(since=2).findings] == [10]


def test_rows_of_a_slow_transaction_are_sealed_in_a_later_block() -> None:
    ledger = Ledger([])
    rows = [_row(n, BEGAN) for n in range(1, 9)]
    ledger.rows = rows
    for numbers in ((1, 2, 5, 6), (3, 7), (4, 8)):
        ledger._seal([rows[n - 1] for n in numbers], KEY)
    ledger.position = (10_000, 8)
    assert ledger.check().findings == []
    assert ledger.check(since=3).findings == []


@pytest.fixture
def proof() -> Proof:
    ledger = Ledger([4, 7])
    sealed, index = ledger.blocks[1], 2
    leaves = [sealed.leaves[i : i + 32] for i in range(0, len(sealed.leaves), 32)]
    return Proof(row=list(ledger.rows[4 + index][:-1]), index=index,
                 path=[p.hex() for p in merkle.path(leaves, index)], block=sealed.block, head=ledger.heads[1],
                 keys=[PUBLIC])  # fmt: skip


def test_a_proof_goes_through_a_file_and_holds(proof: Proof) -> None:
    read = msgspec.json.decode(msgspec.json.encode(proof), type=Proof)
    assert blocks.is_proven(read, [PUBLIC.id])


def test_a_proof_of_anything_else_does_not_hold(proof: Proof) -> None:
    replace = msgspec.structs.replace
    wrong = copy.deepcopy(proof.row)
    wrong[3] = "somebody else"
    forger = Ed25519PrivateKey.from_private_bytes(b"f" * 32)
    other = replace(proof.block, key=blocks.key_id(forger.public_key()))
    forged = replace(proof, block=other, head=blocks.sign(other, forger), keys=[blocks.publish(forger, BEGAN)])
    assert blocks.is_proven(forged)  # by its own word, and so not with the key that the site published
    for bad in (replace(proof, row=wrong), replace(proof, index=3), replace(proof, path=proof.path[:-1]),
                replace(proof, path=["zz"]), replace(proof, block=replace(proof.block, rows=8)),
                replace(proof, keys=[]), replace(proof, row=[]), forged):  # fmt: skip
        assert not blocks.is_proven(bad, [PUBLIC.id])


def test_a_new_key_is_trusted_through_the_one_before_it() -> None:
    second = Ed25519PrivateKey.from_private_bytes(b"2" * 32)
    third = Ed25519PrivateKey.from_private_bytes(b"3" * 32)
    keys = [PUBLIC, blocks.publish(second, BEGAN, KEY), blocks.publish(third, BEGAN, second)]
    assert set(blocks.trusted(keys)) == {k.id for k in keys}
    assert set(blocks.trusted([keys[0], keys[2]])) == {PUBLIC.id}
    stranger = blocks.publish(Ed25519PrivateKey.from_private_bytes(b"x" * 32), BEGAN)
    claims = msgspec.structs.replace(stranger, by=PUBLIC.id, endorsement=keys[1].endorsement)
    assert set(blocks.trusted([PUBLIC, stranger, claims])) == {PUBLIC.id}
