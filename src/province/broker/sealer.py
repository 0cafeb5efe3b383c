"""The sealer: gathers settled audit rows into signed blocks, and sends their heads out of the database.

It reads as the relay does, in the order of (transaction id, sequence) and only what is settled (`horizon`): what it has
passed, nobody writes behind. A block and the position behind it are one transaction, flushed to disk whatever the
pool's setting is, and a head leaves only after it: a killed sealer neither seals a row twice nor skips one, and no head
ever names a block that the database may forget. One sealer works per database (advisory lock).
"""

from __future__ import annotations

import asyncio
import logging
import time
import uuid
from collections.abc import Sequence
from typing import Any, Final, Protocol

import asyncpg
import msgspec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from province.broker.database import LOST, Connection, Pool, leadership
from province.broker.horizon import SETTLED
from province.errors import ProvinceError
from province.identity import blocks, merkle, signing
from province.identity.blocks import Block, Head, Key
from province.identity.checking import Sealed
from province.identity.keys import KeyRing
from province.model.time import now

log = logging.getLogger(__name__)

BLOCK_ROWS: Final = 5_000
PAUSE_S: Final = 1.0
EXPORT_S: Final = 10.0
"""A head leaves at most this long after its block; whoever cuts off a younger tail may go unnoticed."""
READER: Final = "sealer"
_LOCK: Final = 0x5345414C  # "SEAL"
_READ: Final = (
    f"SELECT {blocks.COLUMNS}, xid FROM audit"  # noqa: S608 - constants
    f" WHERE (xid, seq) > ($1, $2) AND xid < {SETTLED}"
    " ORDER BY xid, seq LIMIT $3"
)


class Heads(Protocol):
    """Where heads go, outside the database."""

    def append(self, head: Head) -> None:
        """Keep a head, durably. Raises: OSError."""
        ...

    def publish(self, keys: Sequence[Key]) -> None:
        """Keep the public keys."""
        ...

    def last(self, chain: str) -> int:
        """Number of the newest head of this chain that is there; 0 for none."""
        ...


class Sealer:
    """Run with `run()` until cancelled. keys: the ring that opens the vault.  heads: None for a test without export."""

    def __init__(self, pool: Pool, keys: KeyRing, heads: Heads | None, *, block_rows: int = BLOCK_ROWS) -> None:
        self._pool = pool
        self._keys = keys
        self._heads = heads
        self._most = block_rows
        self._exported: tuple[str, int] = ("", -1)
        self._tried = -EXPORT_S

    async def run(self) -> None:
        """Seal until cancelled; a lost database, or a folder that is full, is waited for."""
        while True:
            try:
                await self._lead()
            except (*LOST, asyncpg.PostgresError, ProvinceError) as error:
                log.warning("the sealer waits", extra={"error": repr(error)})
                await asyncio.sleep(1.0)

    async def _lead(self) -> None:
        async with leadership(self._pool, _LOCK) as leader:
            while leader is not None:
                if await self.step(leader) < self._most:
                    await self.export(leader)
                    await asyncio.sleep(PAUSE_S)
        await asyncio.sleep(1.0)  # another one leads

    async def step(self, connection: Connection) -> int:
        """Seal one block. Returns how many rows it holds; 0: there was nothing to seal."""
        position = await connection.fetchrow("SELECT xid, seq FROM relay_position WHERE reader = $1", READER)
        xid, seq = (position["xid"], position["seq"]) if position else (-(2**62), 0)
        records = await connection.fetch(_READ, xid, seq, self._most)
        if not records:
            return 0
        rows = [tuple(record) for record in records]
        key = await signing.signing_key(connection, self._keys)
        chain = await _chain(connection)
        before = await connection.fetchrow("SELECT number, hash FROM audit_block ORDER BY number DESC LIMIT 1")
        sealed = seal(rows, key, chain, before["number"] if before else 0, before["hash"] if before else blocks.NOTHING)
        async with connection.transaction():
            # What the pool may leave to chance is certain here: a head must not outlive the block it names.
            await connection.execute("SET LOCAL synchronous_commit TO on")
            await _store(connection, sealed)
            await connection.execute(
                "INSERT INTO relay_position (reader, xid, seq) VALUES ($1, $2, $3)"
                " ON CONFLICT (reader) DO UPDATE SET xid = $2, seq = $3, at = now()",
                READER,
                rows[-1][-1],
                rows[-1][1],
            )
        return len(rows)

    async def export(self, connection: Connection, *, at_once: bool = False) -> None:
        """Send the newest head out, if it is not there and the last one left a while ago. It vouches for all before."""
        if self._heads is None or (not at_once and time.monotonic() - self._tried < EXPORT_S):
            return
        newest = await connection.fetchrow(
            "SELECT block::text AS block, hash, signature, ''::bytea AS leaves FROM audit_block"
            " ORDER BY number DESC LIMIT 1"
        )
        if newest is None:
            return
        head = sealed_of(newest).head
        self._tried = time.monotonic()
        try:
            if self._exported[0] != head.chain:
                self._exported = (head.chain, await asyncio.to_thread(self._heads.last, head.chain))
            if head.number > self._exported[1]:
                await asyncio.to_thread(self._heads.publish, await signing.public_keys(connection))
                await asyncio.to_thread(self._heads.append, head)
                self._exported = (head.chain, head.number)
        except (
            OSError,
            ProvinceError,
        ) as error:  # the folder is full or away: sealing goes on, the head is tried again
            log.error("a head of the audit could not be exported", extra={"error": repr(error)})


def seal(rows: Sequence[tuple[Any, ...]], key: Ed25519PrivateKey, chain: str, number: int, previous: str) -> Sealed:
    """The block behind block `number`. rows: the values of `blocks.COLUMNS`, in any order."""
    ordered = sorted(rows, key=lambda row: row[1])
    leaves = [blocks.leaf(row[:12]) for row in ordered]
    block = Block(
        chain=chain,
        number=number + 1,
        previous=previous,
        root=merkle.root(leaves).hex(),
        rows=len(leaves),
        seqs=blocks.ranges(row[1] for row in ordered),
        at=now(),
        key=blocks.key_id(key.public_key()),
    )
    head = blocks.sign(block, key)
    return Sealed(block=block, hash=head.hash, signature=head.signature, leaves=b"".join(leaves))


def sealed_of(row: Any) -> Sealed:
    """A block from its row, with the columns block (text), hash, signature, leaves."""
    return Sealed(
        block=msgspec.json.decode(row["block"], type=Block),
        hash=row["hash"],
        signature=row["signature"],
        leaves=row["leaves"],
    )


async def begin_chain(connection: Connection) -> str:
    """The database begins a life of its own: blocks from now on belong to another chain. Returns its id."""
    chain = uuid.uuid4().hex
    await connection.execute("INSERT INTO audit_chain (id, since) VALUES ($1, clock_timestamp())", chain)
    return chain


async def _chain(connection: Connection) -> str:
    found: str | None = await connection.fetchval("SELECT id FROM audit_chain ORDER BY since DESC, id LIMIT 1")
    return found or await begin_chain(connection)


async def _store(connection: Connection, sealed: Sealed) -> None:
    block = sealed.block
    await connection.execute(
        "INSERT INTO audit_block (number, first_seq, last_seq, at, block, hash, signature, leaves)"
        " VALUES ($1, $2, $3, $4, $5, $6, $7, $8)",
        block.number,
        block.seqs[0][0],
        block.seqs[-1][1],
        block.at,
        msgspec.json.encode(block).decode(),
        sealed.hash,
        sealed.signature,
        sealed.leaves,
    )
