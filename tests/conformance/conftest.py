"""A broker that knows every pack, over a database of its own."""

from __future__ import annotations

import hashlib
from collections.abc import AsyncIterator, Mapping
from typing import Any

import pytest

from province.broker.broker import Broker
from province.broker.committer import Committer
from province.broker.database import Pool, connect
from province.broker.indexes import ensure_indexes
from province.model import parameters
from province.model.schema import describe
from province.model.time import Instant
from province.packs import BUILT_IN
from province.vocab import TYPES
from tests.conformance.situation import dated_constants

KINDS = {describe(t).name: describe(t) for t in (*TYPES, *(t for p in BUILT_IN for t in p.types))}


DATED = {p.name: dated_constants(p) for p in BUILT_IN}


def parameters_at(pack: str, at: Instant) -> Mapping[str, Any]:
    return parameters.at(DATED[pack], at)


async def no_latest(*_: object) -> dict[str, Any]:
    return {}


@pytest.fixture(scope="module")
async def pool(make_migrated: Any) -> AsyncIterator[Pool]:
    made = await connect(make_migrated(), size=4)
    async with made.acquire() as connection:
        await ensure_indexes(connection, list(KINDS.values()))
    yield made
    await made.close()


@pytest.fixture(scope="module")
async def broker(pool: Pool) -> AsyncIterator[Broker]:
    committer = Committer(pool, KINDS, lambda tenant, geometry: None)
    committer.start()
    yield Broker(
        pool,
        committer,
        types=KINDS,
        packs=BUILT_IN,
        parameters=parameters_at,
        read_latest=no_latest,
        sign=lambda purpose, message: hashlib.sha256(purpose.encode() + message).hexdigest(),
    )
    await committer.stop()
