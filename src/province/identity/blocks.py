"""Blocks of the audit: which rows one holds, what is hashed, and what is signed. Pure; nothing here knows a database.

    row    → leaf   = SHA-256(0x00 | JSON of its values)
    leaves → root   (`merkle`)
    block  → hash   = SHA-256(0x02 | canonical JSON of its fields, among them the root and the hash of the block before)
    hash   → signature = Ed25519 over "province audit block\0" | hash

The transaction id of a row is not hashed: a restored database numbers its transactions anew.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final, TypeAlias

import msgspec
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from province.identity import merkle
from province.model.time import Instant

Ranges: TypeAlias = tuple[tuple[int, int], ...]
"""Sequence numbers as (first, last) of runs without a gap, ascending."""

NOTHING: Final = "0" * 64
"""What the first block of a chain names as the block before."""
COLUMNS: Final = "tenant, seq, at, actor, kind, action, entity, type, purpose, request, address, detail::text AS detail"
"""What is hashed of a row of `audit`, in this order."""
_BLOCK, _SIGNED, _ENDORSED = b"\x02", b"province audit block\0", b"province audit key\0"
_encode = msgspec.json.Encoder(order="deterministic").encode


class Block(msgspec.Struct, frozen=True, kw_only=True):
    """One block. chain: the life of the database it belongs to; a restore begins another.  previous: hash, hex.

    root: hex, over the rows by ascending number.  seqs: their numbers.  at: when it was sealed.  key: who signed.
    """

    chain: str
    number: int
    previous: str
    root: str
    rows: int
    seqs: Ranges
    at: Instant
    key: str

    @property
    def hash(self) -> str:
        """Hash of the block, hex."""
        return hashlib.sha256(_BLOCK + _encode(self)).hexdigest()


class Head(msgspec.Struct, frozen=True, kw_only=True):
    """What leaves the database: the hash of a block, signed (base64). Each head vouches for all blocks before it."""

    chain: str
    number: int
    hash: str
    at: Instant
    key: str
    signature: str


class Key(msgspec.Struct, frozen=True, kw_only=True):
    """A public key. public: base64.  by: id of the key that endorsed it, "" for the first.  endorsement: base64."""

    id: str
    public: str
    since: Instant
    by: str = ""
    endorsement: str = ""


class Proof(msgspec.Struct, frozen=True, kw_only=True):
    """That a row is in a signed block; checked without the database. row: its values as they were hashed."""

    row: list[Any]
    index: int
    path: list[str]
    block: Block
    head: Head
    keys: list[Key]


def leaf(row: Sequence[Any]) -> bytes:
    """The hash of a row. row: the values of COLUMNS."""
    return merkle.leaf(_encode(row))


def ranges(numbers: Iterable[int]) -> Ranges:
    """Ascending numbers as runs."""
    found: list[list[int]] = []
    for number in numbers:
        if found and number == found[-1][1] + 1:
            found[-1][1] = number
        else:
            found.append([number, number])
    return tuple((first, last) for first, last in found)


def size_of(runs: Ranges) -> int:
    """How many numbers the runs hold."""
    return sum(last - first + 1 for first, last in runs)


def position_of(runs: Ranges, number: int) -> int | None:
    """How many smaller numbers the runs hold; None when they do not hold this one."""
    before = 0
    for first, last in runs:
        if first <= number <= last:
            return before + number - first
        before += last - first + 1
    return None


def key_id(public: Ed25519PublicKey) -> str:
    """The id of a public key: 128 bits of its hash."""
    return hashlib.sha256(public.public_bytes_raw()).hexdigest()[:32]


def sign(block: Block, key: Ed25519PrivateKey) -> Head:
    """Sign a block."""
    digest = block.hash
    signature = _text(key.sign(_SIGNED + bytes.fromhex(digest)))
    return Head(chain=block.chain, number=block.number, hash=digest, at=block.at, key=block.key, signature=signature)


def publish(key: Ed25519PrivateKey, since: Instant, former: Ed25519PrivateKey | None = None) -> Key:
    """The public half. former: the key that it takes over from, which vouches for it."""
    public = key.public_key()
    by = key_id(former.public_key()) if former else ""
    word = _text(former.sign(_ENDORSED + public.public_bytes_raw())) if former else ""
    return Key(id=key_id(public), public=_text(public.public_bytes_raw()), since=since, by=by, endorsement=word)


def is_signed(head: Head, keys: Mapping[str, Key]) -> bool:
    """Whether a known key signed the hash of this head."""
    public = _public(keys.get(head.key))
    try:
        digest = bytes.fromhex(head.hash)
    except ValueError:
        return False
    return public is not None and _verified(public, head.signature, _SIGNED + digest)


def trusted(keys: Sequence[Key], anchors: Iterable[str] = ()) -> dict[str, Key]:
    """The keys that the anchors vouch for, each through the one before it. Without anchors: the first key."""
    roots = set(anchors) or {k.id for k in keys[:1]}
    found: dict[str, Key] = {}
    for _ in range(len(keys)):
        for key in keys:
            if key.id in found or _public(key) is None:
                continue
            voucher = _public(found.get(key.by))
            public = base64.b64decode(key.public)
            if key.id in roots or (voucher and _verified(voucher, key.endorsement, _ENDORSED + public)):
                found[key.id] = key
    return found


def is_proven(proof: Proof, anchors: Iterable[str] = ()) -> bool:
    """Whether the row stands in the block that a trusted key signed."""
    block = proof.block
    if block.hash != proof.head.hash or not is_signed(proof.head, trusted(proof.keys, anchors)):
        return False
    number = proof.row[1] if len(proof.row) > 1 else None
    if not isinstance(number, int) or position_of(block.seqs, number) != proof.index:
        return False
    try:
        neighbours = [bytes.fromhex(one) for one in proof.path]
    except ValueError:
        return False
    found = merkle.root_of_path(leaf(proof.row), proof.index, block.rows, neighbours)
    return found is not None and found.hex() == block.root


def _public(key: Key | None) -> Ed25519PublicKey | None:
    """The key itself, when its id is that of its bytes."""
    if key is None:
        return None
    try:
        public = Ed25519PublicKey.from_public_bytes(base64.b64decode(key.public))
    except ValueError:
        return None
    return public if key_id(public) == key.id else None


def _verified(public: Ed25519PublicKey, signature: str, message: bytes) -> bool:
    try:
        public.verify(base64.b64decode(signature), message)
    except (InvalidSignature, ValueError):
        return False
    return True


def _text(content: bytes) -> str:
    return base64.b64encode(content).decode()
