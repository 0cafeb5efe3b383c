"""Is it alive, is it ready, how is it doing: `/healthz`, `/readyz`, `/metrics`.

Strangers learn that the server answers and whether it is ready, nothing else. Details and measurements are for callers
with the permission `system.read`; measurements also for this machine itself, where the collector runs.
"""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import asyncpg
import nats.errors
from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, Histogram, generate_latest
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.multiprocess import MultiProcessCollector
from prometheus_client.registry import Collector
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import Route

from province.errors import ConfigurationError, ProvinceError
from province.logs import redact

TIMEOUT_S: Final = 2.0
HOLD_S: Final = 1.0
"""Answers are kept this long: strangers may ask `/readyz` as often as they like."""
FAILURES = (
    ProvinceError, OSError, TimeoutError, asyncpg.PostgresError, asyncpg.InterfaceError, asyncpg.InternalClientError,
    nats.errors.Error,
)  # fmt: skip
"""What a part that does not work raises. Anything else is a fault of ours and is not hidden here."""

Probe = Callable[[], Awaitable[str]]
"""Returns "" when the part works, a warning when it soon may not; raises one of FAILURES when it does not."""
Read = Callable[[], Awaitable[float | Mapping[str, float]]]
"""The present value of a gauge; a mapping by label value when the gauge has a label."""
MaySee = Callable[[Request], Awaitable[bool]]
"""Whether the caller holds `system.read`."""

GAUGES: Final[Mapping[str, tuple[str, str]]] = {
    "province_queue_depth": ("Writes, jobs and notices that wait, by queue.", "queue"),
    "province_stream_bytes": ("Bytes of messages that a stream holds.", "stream"),
    "province_stream_limit_bytes": ("Bytes that a stream may hold before it refuses.", "stream"),
    "province_lake_lag_seconds": ("Age of the oldest reading that the lake does not hold yet.", ""),
    "province_relay_lag_seconds": ("Age of the oldest event that the relay has not passed on yet.", ""),
    "province_audit_lag_seconds": ("Age of the oldest row of the audit that is not sealed yet.", ""),
    "province_parked_effects": ("Effects that failed for good and wait for a person.", ""),
    "province_dead_letters": ("Refused messages and readings that wait for a person.", ""),
    "province_committed_writes": ("Rows of the audit: writes, and reads of personal types, since the beginning.", ""),
    "province_disk_free_bytes": ("Free bytes of the file system of a folder.", "folder"),
    "province_clock_skew_seconds": ("How far the database's clock is ahead of the server's.", ""),
}
"""Every gauge: its meaning and its label, "" for none. The composition root binds how each is read."""
REQUESTS: Final = "province_http_request_seconds"
_BUCKETS: Final = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0)


@dataclass(frozen=True, slots=True)
class Check:
    """A part that must work. remedy: what the operator does, unless the failure itself says it."""

    name: str
    probe: Probe
    remedy: str


@dataclass(frozen=True, slots=True)
class Part:
    """What a check found. status: ok, warning or failing."""

    name: str
    status: str
    ms: float
    detail: str = ""
    remedy: str = ""


class Metrics:
    """The measurements of the processes that serve. `measure` fits `ObserveRequests`."""

    def __init__(self, gauges: Mapping[str, Read]) -> None:
        """gauges: how to read each gauge of GAUGES. Raises: ConfigurationError for a name that is not there."""
        unknown = sorted(set(gauges) - set(GAUGES))
        if unknown:
            raise ConfigurationError(f"no gauges are called {unknown}.", remedy=f"Known: {', '.join(GAUGES)}.")
        self._gauges = dict(gauges)
        self._registry = CollectorRegistry()
        self._counted = self._registry
        if os.environ.get("PROMETHEUS_MULTIPROC_DIR"):  # several processes serve: whoever is asked tells of all
            self._counted = CollectorRegistry()
            MultiProcessCollector(self._counted)  # type: ignore[no-untyped-call]
        self._requests = Histogram(
            REQUESTS,
            "Time from a request to the end of its answer.",
            ("method", "route", "status"),
            buckets=_BUCKETS,
            registry=self._registry,
        )
        self._by_kind: dict[tuple[str, str, int], Histogram] = {}

    def measure(self, method: str, route: str, status: int, seconds: float) -> None:
        """Count one answered request."""
        key = (method, route, status)
        counted = self._by_kind.get(key)
        if counted is None:
            counted = self._by_kind[key] = self._requests.labels(method, route, str(status))
        counted.observe(seconds)

    async def render(self) -> bytes:
        """All measurements in the text format of Prometheus; gauges are read now, those that fail are left out."""
        names = list(self._gauges)
        values = await asyncio.gather(*(_read(self._gauges[name]) for name in names))
        failed = GaugeMetricFamily("province_gauge_failed", "1 when a gauge could not be read.", labels=("gauge",))
        families = [failed]
        for name, value in zip(names, values, strict=True):
            failed.add_metric((name,), 1.0 if value is None else 0.0)
            if value is None:
                continue
            meaning, label = GAUGES[name]
            family = GaugeMetricFamily(name, meaning, labels=(label,) if label else ())
            if isinstance(value, Mapping):
                for key, number in value.items():
                    family.add_metric((key,), number)
            else:
                family.add_metric((), value)
            families.append(family)
        fresh = CollectorRegistry()
        fresh.register(_Fixed(families))
        return generate_latest(self._counted) + generate_latest(fresh)


class _Fixed(Collector):
    def __init__(self, families: list[GaugeMetricFamily]) -> None:
        self._families = families

    def collect(self) -> Iterable[GaugeMetricFamily]:
        return self._families


async def _read(read: Read) -> float | Mapping[str, float] | None:
    try:
        async with asyncio.timeout(TIMEOUT_S):
            return await read()
    except FAILURES:
        return None


class Health:
    """The three routes. checks: the parts that must work.  may_see: the policy door."""

    def __init__(self, checks: Sequence[Check], metrics: Metrics, may_see: MaySee) -> None:
        self._checks = tuple(checks)
        self._metrics = metrics
        self._may_see = may_see
        self._lock = asyncio.Lock()
        self._known: tuple[float, tuple[Part, ...]] = (-HOLD_S, ())

    def routes(self) -> list[Route]:
        """To be mounted at the root."""
        return [
            Route("/healthz", self.alive),
            Route("/readyz", self.ready),
            Route("/metrics", self.measurements),
        ]

    async def parts(self) -> tuple[Part, ...]:
        """What the checks find, at most HOLD_S old; all are asked at the same time."""
        async with self._lock:
            asked, known = self._known
            if time.monotonic() - asked >= HOLD_S or len(known) != len(self._checks):
                known = tuple(await asyncio.gather(*(_ask(check) for check in self._checks)))
                self._known = (time.monotonic(), known)
            return known

    async def alive(self, request: Request) -> Response:
        """200 as long as the process answers; nothing is asked."""
        return PlainTextResponse("ok\n", headers=_FRESH)

    async def ready(self, request: Request) -> Response:
        """200 when every part works, else 503; for those who may, what each part says."""
        parts = await self.parts()
        failing = any(part.status == "failing" for part in parts)
        body: dict[str, object] = {"status": "not ready" if failing else "ready"}
        if await self._privileged(request):
            body["parts"] = {
                part.name: {
                    "status": part.status,
                    "ms": part.ms,
                    **({"detail": part.detail} if part.detail else {}),
                    **({"remedy": part.remedy} if part.remedy else {}),
                }
                for part in parts
            }
        return JSONResponse(body, status_code=503 if failing else 200, headers=_FRESH)

    async def measurements(self, request: Request) -> Response:
        """The metrics, for this machine and for those who may; 404 for others."""
        if not (is_local(request) or await self._privileged(request)):
            return PlainTextResponse("not found\n", status_code=404)
        return Response(await self._metrics.render(), media_type=CONTENT_TYPE_LATEST, headers=_FRESH)

    async def _privileged(self, request: Request) -> bool:
        # Without the database nobody can be recognised: then everybody is a stranger, and the log tells the rest.
        try:
            async with asyncio.timeout(TIMEOUT_S):
                return await self._may_see(request)
        except FAILURES:
            return False


_FRESH: Final = {"Cache-Control": "no-store"}
_FORWARDED: Final = ("x-forwarded-for", "forwarded", "x-real-ip", "via")


def is_local(request: Request) -> bool:
    """Whether the request comes from this machine itself, and not through a proxy that runs on it."""
    if request.client is None or any(name in request.headers for name in _FORWARDED):
        return False
    return request.client.host in ("127.0.0.1", "::1")


async def _ask(check: Check) -> Part:
    began = time.perf_counter()
    status, detail, remedy = "ok", "", ""
    try:
        async with asyncio.timeout(TIMEOUT_S):
            detail = await check.probe()
        if detail:
            status, remedy = "warning", check.remedy
    except ProvinceError as error:
        status, detail, remedy = "failing", error.detail, error.remedy or check.remedy
    except TimeoutError:
        status, detail, remedy = "failing", f"no answer within {TIMEOUT_S:g} s.", check.remedy
    except FAILURES as error:
        status, detail, remedy = "failing", f"{type(error).__name__}: {error}", check.remedy
    return Part(check.name, status, round((time.perf_counter() - began) * 1000, 1), redact(detail), remedy)
