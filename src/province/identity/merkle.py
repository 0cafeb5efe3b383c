"""Merkle trees as in RFC 6962 (Certificate Transparency): a root over many leaves, and short proofs that one is inside.

Leaves and inner nodes are hashed under different first bytes, so that no inner node can be passed off as a leaf.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from typing import Final

EMPTY: Final = hashlib.sha256(b"").digest()
_LEAF, _NODE = b"\x00", b"\x01"


def leaf(data: bytes) -> bytes:
    """The hash of one leaf."""
    return hashlib.sha256(_LEAF + data).digest()


def root(leaves: Sequence[bytes]) -> bytes:
    """The root over hashes of leaves, in their order. A last node without a neighbour goes up as it is."""
    if not leaves:
        return EMPTY
    level = list(leaves)
    while len(level) > 1:
        level = _above(level)
    return level[0]


def path(leaves: Sequence[bytes], index: int) -> list[bytes]:
    """The audit path of the leaf `index`: its neighbours from the bottom up. Raises: IndexError."""
    if not 0 <= index < len(leaves):
        raise IndexError(f"leaf {index} of {len(leaves)}")
    found, level = [], list(leaves)
    while len(level) > 1:
        neighbour = index ^ 1
        if neighbour < len(level):
            found.append(level[neighbour])
        level, index = _above(level), index // 2
    return found


def root_of_path(leaf_hash: bytes, index: int, size: int, neighbours: Sequence[bytes]) -> bytes | None:
    """The root that a leaf at `index` of `size` has with these neighbours; None when their number cannot be right."""
    if not 0 <= index < size:
        return None
    found, last, rest = leaf_hash, size - 1, list(neighbours)
    while last > 0:
        if index % 2 == 1 or index < last:
            if not rest:
                return None
            other = rest.pop(0)
            found = _node(other, found) if index % 2 == 1 else _node(found, other)
        index, last = index // 2, last // 2
    return None if rest else found


def _node(left: bytes, right: bytes) -> bytes:
    return hashlib.sha256(_NODE + left + right).digest()


def _above(level: list[bytes]) -> list[bytes]:
    above = [
        hashlib.sha256(_NODE + left + right).digest() for left, right in zip(level[::2], level[1::2], strict=False)
    ]
    if len(level) % 2:
        above.append(level[-1])
    return above
