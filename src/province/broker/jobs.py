"""The job queue: procrastinate on the same PostgreSQL, through its own psycopg pool.

Jobs come from the outbox by way of the relay. A handler is idempotent by event id: a worker that dies in the middle is
followed by another that does the job again. A job that failed for good is a letter for a person (`failed_effect`); what
it was given stays in the queue's own row alone.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping
from datetime import UTC, datetime
from typing import Any, Final
from uuid import UUID

import procrastinate
import psycopg
from procrastinate import exceptions

from province.broker.database import Pool
from province.errors import NotFound, Unavailable

log = logging.getLogger(__name__)

Handler = Callable[[str, Mapping[str, Any], str], Awaitable[None]]
"""handler(tenant, arguments, event id)."""

_TASK = "province.job"
_AWAY = (exceptions.ConnectorException, psycopg.OperationalError, OSError)
QUEUE = "default"
LETTER: Final = "job "
"""How the handler of a failed effect begins that is a job."""
ATTEMPTS: Final = 11
KEEP_DAYS: Final = 30
KEEP_FAILED_DAYS: Final = 180
"""Rows of jobs are kept so long after they ended."""
HEAVY = "heavy"
"""Queue of jobs that take minutes: beside the others, one at a time."""
_STALLED_S = 60.0
"""A worker that has not been heard of for so long is dead; its jobs are done again."""


class Jobs:
    """Queue and worker. handlers: by job name, bound by the composition root."""

    def __init__(
        self, dsn: str, handlers: Mapping[str, Handler], *, nightly: Callable[[], Awaitable[None]] | None = None
    ) -> None:
        """nightly: housekeeping, once a night whatever the number of workers."""
        self._handlers = dict(handlers)
        self._queues: dict[str, str] = {}
        self._app = procrastinate.App(connector=procrastinate.PsycopgConnector(conninfo=dsn, min_size=1, max_size=4))
        retry = procrastinate.RetryStrategy(max_attempts=ATTEMPTS - 1, exponential_wait=3)
        self._task = self._app.task(name=_TASK, retry=retry, pass_context=True)(self._run)

        if nightly is not None:
            self._every_night(nightly)

    def _every_night(self, nightly: Callable[[], Awaitable[None]]) -> None:
        async def clean(timestamp: int) -> None:
            await nightly()

        self._app.periodic(cron="17 19 * * *", periodic_id="nightly")(  # 02:17 in Vietnam
            self._app.task(name="province.nightly", queueing_lock="nightly")(clean)
        )

    def bind(self, name: str, handler: Handler, *, queue: str = QUEUE) -> None:
        """Carry out the jobs of a name, in a queue of their own if need be. Before the first job is deferred."""
        self._handlers[name] = handler
        self._queues[name] = queue

    async def open(self) -> None:
        """Connect; create the queue's tables on the first run."""
        await self._app.open_async()
        if not await self._app.check_connection_async():
            await self._app.schema_manager.apply_schema_async()

    async def close(self) -> None:
        """Disconnect."""
        await self._app.close_async()

    async def defer(self, tenant: str, name: str, job: Mapping[str, Any], event: UUID) -> None:
        """Queue a job. A second call with the same event id, while the first waits, changes nothing.

        Raises: Unavailable.
        """
        options: dict[str, Any] = {"queueing_lock": str(event), "queue": self._queues.get(name, QUEUE)}
        if job.get("after"):
            options["schedule_at"] = job["after"]
        try:
            await self._task.configure(**options).defer_async(
                tenant=tenant, name=name, arguments=dict(job.get("arguments", {})), event=str(event)
            )
        except exceptions.AlreadyEnqueued:
            log.info("job already queued", extra={"job": name, "event": str(event)})
        except _AWAY as error:
            raise _unavailable(error) from error

    async def work(self, queue: str = QUEUE) -> None:
        """Work in a queue until cancelled; a lost database is waited for."""
        async with asyncio.TaskGroup() as group:
            if queue == QUEUE:
                group.create_task(self._rescue())
            while True:
                try:
                    await self._app.run_worker_async(
                        queues=[queue],
                        install_signal_handlers=False,
                        listen_notify=False,
                        fetch_job_polling_interval=1.0,
                    )
                except _AWAY as error:
                    task = asyncio.current_task()
                    if (
                        task is not None and task.cancelling()
                    ):  # the worker's farewell failed: we are to end all the same
                        raise asyncio.CancelledError from error
                    log.warning("jobs wait", extra={"error": repr(error)[:300]})
                await asyncio.sleep(1.0)

    async def _rescue(self) -> None:
        """Queue the jobs of dead workers again, now and then."""
        while True:
            try:
                for job in await self._app.job_manager.get_stalled_jobs(seconds_since_heartbeat=_STALLED_S):
                    log.warning("a worker died over a job; it is done again", extra={"job": job.id})
                    await self._app.job_manager.retry_job(job)
            except _AWAY as error:
                log.warning("dead workers cannot be looked for", extra={"error": repr(error)[:300]})
            await asyncio.sleep(_STALLED_S / 2)

    async def retry(self, tenant: str, event: UUID, handler: str) -> None:
        """Queue a job anew that failed for good. Raises: NotFound when its row is gone, Unavailable."""
        try:
            rows = await self._app.connector.execute_query_all_async(
                "SELECT j.id, j.status FROM failed_effect f"
                " LEFT JOIN procrastinate_jobs j ON j.id = (f.event ->> 'job')::bigint"
                " WHERE f.tenant = %(tenant)s AND f.id = %(event)s AND f.handler = %(handler)s AND f.state = 'open'",
                tenant=tenant, event=event, handler=handler,
            )  # fmt: skip
            for row in rows:
                if row["id"] is None:
                    raise NotFound(
                        "the job is not in the queue any more.", field="id",
                        remedy="Dismiss the letter, and do again what the job was to follow.",
                    )  # fmt: skip
                if row["status"] == "failed":  # else somebody else was faster
                    await self._app.job_manager.retry_job_by_id_async(row["id"], retry_at=datetime.now(UTC))
                await self._app.connector.execute_query_async(
                    "UPDATE failed_effect SET state = 'retried' WHERE tenant = %(tenant)s AND id = %(event)s"
                    " AND handler = %(handler)s", tenant=tenant, event=event, handler=handler,
                )  # fmt: skip
        except _AWAY as error:
            raise _unavailable(error) from error

    async def _run(
        self, context: procrastinate.JobContext, tenant: str, name: str, arguments: dict[str, Any], event: str
    ) -> None:
        try:
            handler = self._handlers.get(name)
            if handler is None:
                raise LookupError(f"no handler is bound for the job {name!r}")
            await handler(tenant, arguments, event)
        except Exception as error:
            if context.job.attempts >= ATTEMPTS - 1:
                await self._park(context.job, tenant, name, event, error)
            raise

    async def _park(self, job: procrastinate.jobs.Job, tenant: str, name: str, event: str, error: Exception) -> None:
        """Put a job that is not tried again where a person finds it."""
        await self._app.connector.execute_query_async(
            "INSERT INTO failed_effect (tenant, id, handler, event, reason, attempts)"
            " VALUES (%(tenant)s, %(event)s::uuid, %(handler)s,"
            "  jsonb_build_object('job', %(job)s::bigint, 'name', %(name)s::text), %(reason)s, %(attempts)s)"
            " ON CONFLICT (tenant, id, handler) DO UPDATE SET reason = excluded.reason, attempts = excluded.attempts,"
            " state = 'open', at = now()",
            tenant=tenant, event=event, handler=LETTER + name, job=job.id, name=name, reason=repr(error)[:2000],
            attempts=job.attempts + 1,
        )  # fmt: skip


def _unavailable(error: Exception) -> Unavailable:
    return Unavailable(f"the job queue does not answer ({type(error).__name__}).")


async def remove_old(pool: Pool, *, keep_days: int = KEEP_DAYS) -> dict[str, int]:
    """Remove relayed outbox rows, idempotency keys and finished jobs older than `keep_days`. Returns rows removed.

    Rows that one of the readers has not passed yet, and those that a failed effect still needs, stay. Failed jobs stay
    longer, and as long as their letter is open.
    """
    async with pool.acquire() as connection:
        outbox = await connection.execute(
            "DELETE FROM outbox o WHERE NOT EXISTS"
            " (SELECT 1 FROM relay_position p WHERE (o.xid, o.seq) > (p.xid, p.seq))"
            " AND EXISTS (SELECT 1 FROM relay_position WHERE reader = 'relay')"
            " AND o.at < now() - make_interval(days => $1)"
            " AND NOT EXISTS"
            " (SELECT 1 FROM failed_effect f WHERE f.tenant = o.tenant AND f.id = o.id AND f.state = 'open')",
            keep_days,
        )
        applied = await connection.execute(
            "DELETE FROM applied WHERE at < now() - make_interval(days => $1)", keep_days
        )
        jobs = await connection.execute(
            "DELETE FROM procrastinate_jobs j WHERE j.status IN ('succeeded', 'failed', 'cancelled', 'aborted')"
            " AND (SELECT max(e.at) FROM procrastinate_events e WHERE e.job_id = j.id)"
            "  < now() - make_interval(days => CASE j.status WHEN 'failed' THEN $2::integer ELSE $1::integer END)"
            " AND NOT EXISTS (SELECT 1 FROM failed_effect f WHERE f.tenant = j.args ->> 'tenant'"
            "  AND f.id::text = j.args ->> 'event' AND f.state = 'open')",
            keep_days, KEEP_FAILED_DAYS,
        )  # fmt: skip
    removed = {"outbox": outbox, "applied": applied, "jobs": jobs}
    return {name: int(status.split()[-1]) for name, status in removed.items()}
