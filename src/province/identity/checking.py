"""Whether the audit is as it was sealed: block by block, row by row, against the heads that left the database. Pure.

A `Checker` is given every block in order, each with the rows that stand in its stretch of numbers, then the rows
behind the last block. It finds rows that were changed, removed, inserted, reordered or backdated, blocks that were
altered or cut out, and a tail that was cut off.
"""

from __future__ import annotations

import bisect
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import timedelta
from typing import Any, Final, Literal

import msgspec

from province.identity import blocks, merkle
from province.identity.blocks import NOTHING, Block, Head, Key
from province.model.time import Instant

What = Literal[
    "changed", "removed", "inserted", "backdated", "block", "chain", "signature", "truncated", "lost", "no-heads"
]
SLACK: Final = timedelta(minutes=10)
"""A row is written at most this long before the transaction that holds it is over and the next block is sealed."""
_ALL: Final = 2**63


class Finding(msgspec.Struct, frozen=True, kw_only=True):
    """One thing that is wrong. row, block: numbers of what it was found at; None: at neither."""

    what: What
    text: str
    row: int | None = None
    block: int | None = None


class Sealed(msgspec.Struct, frozen=True, kw_only=True):
    """A block as the database holds it. leaves: hashes of its rows, 32 bytes each."""

    block: Block
    hash: str
    signature: str
    leaves: bytes

    @property
    def head(self) -> Head:
        """The head that its fields make."""
        b = self.block
        return Head(chain=b.chain, number=b.number, hash=self.hash, at=b.at, key=b.key, signature=self.signature)


class Report(msgspec.Struct, frozen=True, kw_only=True):
    """What a check came to. waiting: rows that no block holds yet.  heads: how many were compared.

    values, erased: of the history, when it was asked for: those that agree with the audit, and those that are gone.
    """

    findings: list[Finding]
    rows: int
    blocks: int
    heads: int
    waiting: int
    values: int = 0
    erased: int = 0

    @property
    def first(self) -> Finding | None:
        """The first bad row, or else the first bad thing."""
        rows = [f for f in self.findings if f.row is not None]
        return min(rows, key=lambda f: f.row or 0) if rows else next(iter(self.findings), None)


class Checker:
    """Feed it with `block(…)` for each block in order, then `tail(…)`, and ask for the `report()`.

    keys: those that are trusted.  heads: exported ones.  before: the block before the first one that is fed, whose
    rows are not looked at; None: from the beginning.  covered: numbers of rows that earlier blocks hold.
    """

    def __init__(
        self,
        keys: Mapping[str, Key],
        heads: Sequence[Head],
        *,
        before: Sealed | None = None,
        covered: Iterable[tuple[int, int]] = (),
    ) -> None:
        self._keys = keys
        self._heads: dict[tuple[str, int], list[Head]] = {}
        for head in heads:
            self._heads.setdefault((head.chain, head.number), []).append(head)
        self._last = before
        self._begun = before is None
        self._findings: list[Finding] = []
        self._claimed = _Claims(covered)
        self._loose: dict[int, tuple[int, Instant]] = {}
        self._chains: dict[str, int] = {before.block.chain: before.block.number} if before else {}
        self._rows = self._blocks = self._compared = 0
        self._waiting = 0
        self.next_row = -_ALL if before is None else max((last for _, last in before.block.seqs), default=0) + 1

    def window(self, sealed: Sealed) -> tuple[int, int]:
        """The numbers (first, last) whose rows `block` wants to see."""
        runs = sealed.block.seqs
        if not runs:
            return 0, -1
        return (min(runs[0][0], self.next_row), runs[-1][1])

    def block(self, sealed: Sealed, rows: Iterable[Sequence[Any]]) -> None:
        """Check one block. rows: the values of `blocks.COLUMNS` and the transaction id of each, by ascending number."""
        block = sealed.block
        self._blocks += 1
        self._check_block(sealed)
        runs, leaves = block.seqs, sealed.leaves
        missing_from = 0  # position of the next row that is expected
        numbers = _numbers(runs)
        expected = next(numbers, None)
        seen: int | None = None
        for row in rows:
            number = row[1]
            if number == seen:
                self._find("inserted", f"there are two rows with the number {number}", number, block.number)
                continue
            seen = number
            while expected is not None and expected < number:
                self._removed(expected, block.number)
                expected, missing_from = next(numbers, None), missing_from + 1
            if expected != number:
                if not self._claimed.holds(number):
                    self._loose[number] = (row[-1], row[2])
                continue
            self._rows += 1
            wanted = leaves[32 * missing_from : 32 * missing_from + 32]
            if blocks.leaf(row[:-1]) != wanted:
                self._find("changed", f"row {number} is not what was sealed", number, block.number)
            else:
                self._check_time(number, row[2], block)
            expected, missing_from = next(numbers, None), missing_from + 1
        while expected is not None:
            self._removed(expected, block.number)
            expected = next(numbers, None)
        for first, last in runs:
            if self._claimed.overlaps(first, last):
                self._find("block", f"block {block.number} holds rows that an earlier block holds", None, block.number)
            self._claimed.add(first, last)
        if runs:
            self.next_row = max(self.next_row, runs[-1][1] + 1)
        self._last = sealed

    def tail(self, rows: Iterable[Sequence[Any]], position: tuple[int, int], newest: int) -> None:
        """The rows behind all blocks. position: (transaction, number) up to which rows were sealed.

        newest: the first transaction id that the database has not given out yet.
        """
        for row in rows:
            self._loose[row[1]] = (row[-1], row[2])
        for number, (transaction, _) in sorted(self._loose.items()):
            if self._claimed.holds(number):
                continue
            if (transaction, number) <= position or transaction >= newest:
                self._find("inserted", f"row {number} is in no block, though its time to be sealed is over", number)
            else:
                self._waiting += 1

    def report(self) -> Report:
        """Everything that was found, after comparing the exported heads with the end of each chain."""
        if self._blocks and not self._heads:
            self._find("no-heads", "no exported head was given: a tail that was cut off would not be noticed")
        newest = self._last.block.chain if self._last else ""
        for (chain, number), heads in sorted(self._heads.items()):
            signed = [h for h in heads if blocks.is_signed(h, self._keys)]
            if not signed:
                self._find(
                    "signature", f"the exported head of block {number} is not signed by a known key", None, number
                )
                continue
            if len({h.hash for h in signed}) > 1:
                self._find("chain", f"block {number} was sealed and signed twice, with different content", None, number)
            last = self._chains.get(chain)
            if last is None and self._begun:
                self._find("chain", f"the exported head of block {number} is of a chain that the database lacks", None,
                           number)  # fmt: skip
            elif last is not None and number > last and chain == newest:
                self._find("truncated", f"block {number} was sealed and exported; the database ends at block {last}",
                           None, number)  # fmt: skip
            elif last is not None and number > last:
                self._find("lost", f"block {number} was sealed before a backup of an older state was restored", None,
                           number)  # fmt: skip
        return Report(
            findings=self._findings,
            rows=self._rows,
            blocks=self._blocks,
            heads=self._compared,
            waiting=self._waiting,
        )

    def _check_block(self, sealed: Sealed) -> None:
        block, before = sealed.block, self._last
        number = block.number
        if before is not None:
            if number != before.block.number + 1:
                self._find("chain", f"block {before.block.number + 1} is missing", None, before.block.number + 1)
            elif block.previous != before.hash:
                self._find(
                    "chain", f"block {number} does not follow block {before.block.number} as it is", None, number
                )
        elif number != 1 or block.previous != NOTHING:
            self._find("chain", f"the chain begins with block {number} instead of 1", None, 1)
        if block.hash != sealed.hash:
            self._find("block", f"block {number} is not what was signed", None, number)
        if not blocks.is_signed(sealed.head, self._keys):
            self._find("signature", f"block {number} is not signed by a known key", None, number)
        if len(sealed.leaves) != 32 * block.rows or blocks.size_of(block.seqs) != block.rows:
            self._find("block", f"block {number} does not hold as many rows as it says", None, number)
        elif merkle.root([sealed.leaves[i : i + 32] for i in range(0, len(sealed.leaves), 32)]).hex() != block.root:
            self._find("block", f"the hashes kept for block {number} do not give its root", None, number)
        self._chains[block.chain] = number
        for head in self._heads.get((block.chain, number), ()):
            self._compared += 1
            if head.hash != sealed.hash:
                self._find("chain", f"block {number} is not the one whose head was exported", None, number)

    def _check_time(self, number: int, at: Instant, block: Block) -> None:
        before = self._last.block.at if self._last else None
        if (before is not None and at < before - SLACK) or at > block.at + SLACK:
            self._find("backdated", f"row {number} says {at:%Y-%m-%d %H:%M:%S}Z, which does not fit the block it is in"
                       " (or the clock was set)", number, block.number)  # fmt: skip

    def _removed(self, number: int, block: int) -> None:
        self._find("removed", f"row {number} was sealed and is not there", number, block)

    def _find(self, what: What, text: str, row: int | None = None, block: int | None = None) -> None:
        self._findings.append(Finding(what=what, text=text, row=row, block=block))


def _numbers(runs: blocks.Ranges) -> Iterator[int]:
    for first, last in runs:
        yield from range(first, last + 1)


class _Claims:
    """Numbers that some block holds, as few intervals: blocks overlap only at their edges."""

    def __init__(self, given: Iterable[tuple[int, int]]) -> None:
        self._firsts: list[int] = []
        self._lasts: list[int] = []
        for first, last in sorted(given):
            self.add(first, last)

    def holds(self, number: int) -> bool:
        i = bisect.bisect_right(self._firsts, number) - 1
        return i >= 0 and number <= self._lasts[i]

    def overlaps(self, first: int, last: int) -> bool:
        i = bisect.bisect_right(self._firsts, last) - 1
        return i >= 0 and self._lasts[i] >= first

    def add(self, first: int, last: int) -> None:
        low = bisect.bisect_left(self._lasts, first - 1)
        high = bisect.bisect_right(self._firsts, last + 1)
        if low < high:
            first, last = min(first, self._firsts[low]), max(last, self._lasts[high - 1])
        self._firsts[low:high] = [first]
        self._lasts[low:high] = [last]
