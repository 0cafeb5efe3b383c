"""Trees over up to some hundred leaves, compared with the definition of RFC 6962 written as it stands there."""

from __future__ import annotations

import hashlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from province.identity import merkle

LEAVES = st.lists(st.binary(min_size=32, max_size=32), min_size=1, max_size=130)


def by_definition(leaves: list[bytes]) -> bytes:
    """MTH of RFC 6962, section 2.1: split at the largest power of two below n."""
    if len(leaves) == 1:
        return leaves[0]
    k = 1
    while k * 2 < len(leaves):
        k *= 2
    return hashlib.sha256(b"\x01" + by_definition(leaves[:k]) + by_definition(leaves[k:])).digest()


def test_known_values() -> None:
    assert merkle.root([]).hex() == "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
    assert merkle.leaf(b"").hex() == "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d"


@given(LEAVES)
def test_the_root_is_that_of_the_standard(leaves: list[bytes]) -> None:
    assert merkle.root(leaves) == by_definition(leaves)


@given(LEAVES, st.data())
def test_a_path_proves_its_leaf_and_no_other(leaves: list[bytes], data: st.DataObject) -> None:
    index = data.draw(st.integers(0, len(leaves) - 1))
    path = merkle.path(leaves, index)
    root = merkle.root(leaves)
    assert merkle.root_of_path(leaves[index], index, len(leaves), path) == root
    assert merkle.root_of_path(b"x" * 32, index, len(leaves), path) != root
    assert merkle.root_of_path(leaves[index], index, len(leaves), [*path, b"y" * 32]) is None
    if path:
        assert merkle.root_of_path(leaves[index], index, len(leaves), path[:-1]) is None


def test_there_is_no_path_beyond_the_leaves() -> None:
    with pytest.raises(IndexError):
        merkle.path([b"a" * 32], 1)
    assert merkle.root_of_path(b"a" * 32, 1, 1, []) is None
