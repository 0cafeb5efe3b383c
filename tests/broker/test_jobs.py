"""The queue of jobs: what failed for good is a letter that can be carried out again; what ended long ago goes."""

from __future__ import annotations

import uuid
from collections.abc import AsyncIterator, Callable, Mapping
from typing import Any

import pytest

from province.broker.database import Pool, connect
from province.broker.jobs import ATTEMPTS, KEEP_DAYS, KEEP_FAILED_DAYS, LETTER, QUEUE, Jobs, remove_old
from province.broker.migrate import migrate
from province.errors import NotFound

TENANT = "t"


class Bell:
    """A handler that fails until it is mended."""

    def __init__(self) -> None:
        self.mended = False
        self.rung: list[Any] = []

    async def __call__(self, tenant: str, arguments: Mapping[str, Any], event: str) -> None:
        if not self.mended:
            raise ValueError("the rope is torn")
        self.rung.append(arguments["times"])


@pytest.fixture
def dsn(make_database: Callable[[], str]) -> str:
    return make_database()


@pytest.fixture
async def pool(dsn: str) -> AsyncIterator[Pool]:
    made = await connect(dsn, size=2)
    async with made.acquire() as connection:
        await migrate(connection)
    yield made
    await made.close()


@pytest.fixture
def bell() -> Bell:
    return Bell()


@pytest.fixture
async def jobs(dsn: str, pool: Pool, bell: Bell) -> AsyncIterator[Jobs]:
    made = Jobs(dsn, {"ring": bell})
    await made.open()
    yield made
    await made.close()


async def _work(jobs: Jobs) -> None:
    """Everything that waits now."""
    await jobs._app.run_worker_async(queues=[QUEUE], wait=False, install_signal_handlers=False, listen_notify=False)


async def _ring(jobs: Jobs, times: int = 1) -> uuid.UUID:
    event = uuid.uuid4()
    await jobs.defer(TENANT, "ring", {"arguments": {"times": times}}, event)
    return event


async def _fail(jobs: Jobs, pool: Pool) -> uuid.UUID:
    """A job that is at its last attempt, and fails."""
    event = await _ring(jobs)
    await pool.execute("UPDATE procrastinate_jobs SET attempts = $1 WHERE status = 'todo'", ATTEMPTS - 1)
    await _work(jobs)
    return event


async def test_a_job_that_will_be_tried_again_is_no_letter(jobs: Jobs, pool: Pool) -> None:
    await _ring(jobs)
    await _work(jobs)
    assert await pool.fetchval("SELECT status::text FROM procrastinate_jobs") == "todo"
    assert await pool.fetchval("SELECT count(*) FROM failed_effect") == 0


async def test_one_that_failed_for_good_is_a_letter_and_can_be_carried_out_again(
    jobs: Jobs, pool: Pool, bell: Bell
) -> None:
    event = await _fail(jobs, pool)
    row = await pool.fetchrow("SELECT * FROM failed_effect")
    assert (row["id"], row["handler"], row["state"], row["attempts"]) == (event, f"{LETTER}ring", "open", ATTEMPTS)
    assert "the rope is torn" in row["reason"]
    assert "times" not in row["event"]  # what it was given stays where erasures look

    await jobs.retry(TENANT, event, f"{LETTER}ring")
    await _work(jobs)  # the cause is not mended: it is a letter again
    assert await pool.fetchval("SELECT state FROM failed_effect") == "open"

    bell.mended = True
    await jobs.retry(TENANT, event, f"{LETTER}ring")
    await _work(jobs)
    assert bell.rung == [1]
    assert await pool.fetchval("SELECT state FROM failed_effect") == "retried"
    await jobs.retry(TENANT, event, f"{LETTER}ring")  # somebody else was faster
    await _work(jobs)
    assert bell.rung == [1]


async def test_ended_jobs_go_and_failed_ones_stay_while_their_letter_is_open(
    jobs: Jobs, pool: Pool, bell: Bell
) -> None:
    failed = await _fail(jobs, pool)
    bell.mended = True
    await _ring(jobs)
    await _work(jobs)
    bell.mended = False
    await _ring(jobs)  # waits

    async def states() -> list[str]:
        rows = await pool.fetch("SELECT status::text AS status FROM procrastinate_jobs ORDER BY 1")
        return [row["status"] for row in rows]

    async def later(days: int) -> int:
        await pool.execute("UPDATE procrastinate_events SET at = now() - make_interval(days => $1)", days)
        return (await remove_old(pool))["jobs"]

    assert await later(KEEP_DAYS - 1) == 0
    assert await later(KEEP_DAYS + 1) == 1
    assert await states() == ["failed", "todo"]
    assert await later(KEEP_FAILED_DAYS + 1) == 0  # a person still has to look at it
    await pool.execute("UPDATE failed_effect SET state = 'dismissed'")
    assert await later(KEEP_FAILED_DAYS - 1) == 0
    assert await later(KEEP_FAILED_DAYS + 1) == 1
    assert await states() == ["todo"]
    await pool.execute("UPDATE failed_effect SET state = 'open'")
    with pytest.raises(NotFound):
        await jobs.retry(TENANT, failed, f"{LETTER}ring")
