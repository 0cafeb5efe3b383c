"""The lake in daily use: questions while readings arrive, on 30 days of which the last is a big one.

    python -m bench.lake [--devices 1000000] [--each 60] [--days 30] [--each-day 10] [--rate 20000] [--home DIR]

The product runs as `province run` starts it (sign-in, policy, audit, tenant, upkeep). Yesterday holds `each` readings
of every device, the days before `each-day` (`bench.week` says what they look like); they are written by the lake's own
`append`, half a million to a commit, merged and put in order as the upkeep of a night does it, and the questions begin
when all of them are in the roll-ups. Today is what a sender brings during the
measurement, `rate` readings a second in batches of 500 through HTTP, and is left as the writer leaves it. The register
is filled by SQL. Every question goes through HTTP with a token, one at a time; beside it the bare DuckDB, and Polars
when installed, answer the same on the same files. Medians; the sender's and the generator's cost are in the figures.
`--home` keeps what was filled, so that questions can be asked again on the same day without half an hour of filling.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import json
import multiprocessing
import statistics
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta
from multiprocessing.synchronize import Event
from pathlib import Path
from typing import Any
from urllib.parse import quote

import asyncpg
import duckdb
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from bench.client import Connection
from bench.product import Product, running_product, write
from bench.week import ATTRIBUTE, TYPE, Week, device, numbered
from province.app.declarations import declarations
from province.broker import stream
from province.errors import Conflict
from province.history import area_hours, latest
from province.history.compact import compact, settle
from province.history.hours import Hours, advance
from province.history.lake import Lake, Span, arrange
from province.model.observation import SCHEMA

ARROW = "application/vnd.apache.arrow.stream"
AREAS = 36
COMMIT = 500_000
BATCH = 500


@dataclass(frozen=True)
class Size:
    """How much is filled in and sent."""

    devices: int
    each: int
    days: int
    each_day: int
    rate: int
    repeat: int


def area(n: int) -> str:
    """Id of the area in which a device stands."""
    return f"urn:ngsi-ld:Area:bench-{n % AREAS:02d}:2025-07-01"


async def register(product: Product, devices: int) -> None:
    """Fill the register by SQL: it is not what is measured here."""
    database = await asyncpg.connect(product.engines.database_dsn(), command_timeout=3600)
    await database.execute(
        "INSERT INTO entity (tenant, id, type, attrs, area, version, created_at, modified_at)"
        f" SELECT $1, 'urn:ngsi-ld:{TYPE}:L-' || lpad(n::text, 7, '0'), '{TYPE}', '{{}}',"
        f" 'urn:ngsi-ld:Area:bench-' || lpad((n % {AREAS})::text, 2, '0') || ':2025-07-01', 1, now(), now()"
        " FROM generate_series(0, $2::int - 1) AS n",
        product.settings.tenant, devices,
    )  # fmt: skip
    await database.execute("ANALYZE entity")
    await database.close()


async def fill(product: Product, lake: Lake, week: Week, size: Size) -> dict[str, Any]:
    """Write the days; the hourly sums are kept for the big one, as the writer would have kept them."""
    today = datetime.now(UTC).date()
    places = {device(n): (None, area(n)) for n in range(size.devices)}
    database = await asyncpg.connect(product.engines.database_dsn(), command_timeout=3600)
    newest: list[pa.Table] = []
    generated = written = 0.0
    sequence = readings = 0
    for back in range(size.days, 0, -1):
        day, each = today - timedelta(days=back), size.each if back == 1 else size.each_day
        tables = week.day(day, each, commit=COMMIT)
        while True:
            began = time.perf_counter()
            table = next(tables, None)
            generated += time.perf_counter() - began
            if table is None:
                break
            sequence += 1
            began = time.perf_counter()
            rows = numbered(table, sequence)
            lake.append(arrange(rows), "bench", sequence, expected=sequence - 1 or None)
            written += time.perf_counter() - began
            readings += table.num_rows
            if back == 1:
                found = area_hours.sums(rows, places)
                async with database.transaction():
                    await area_hours.hold(database)
                    await area_hours.add(database, product.settings.tenant, found)
                newest = [*newest, rows][-(1 + (size.devices - 1) // COMMIT) :]
        began = time.perf_counter()
        while True:
            with contextlib.suppress(Conflict):  # the product's own upkeep was faster
                if not compact(lake, day, at_least=4) and not settle(lake, day):
                    break
        written += time.perf_counter() - began
        print(f"  {day}: {readings:,} readings, generator {generated:.0f} s, lake {written:.0f} s", flush=True)
    for rows in newest:  # each device's last reading of the filled days, as the writer would have kept it
        await latest.write(database, product.settings.tenant, rows, declarations().types)
    await database.close()
    files = lake.files()
    return {"what": "filled", "readings": readings, "generator_s": round(generated), "lake_s": round(written),
            "bytes_per_reading": round(pc.sum(files["size_bytes"]).as_py() / readings, 2),
            "files": files.num_rows}  # fmt: skip


def caught_up(lake: Lake) -> None:
    """Bring the roll-ups in step, as upkeep does every five minutes."""
    hours = Hours(lake)
    while True:
        with contextlib.suppress(Conflict):  # the product's own upkeep was faster
            if not advance(hours, ()).readings:
                return


def send(port: int, token: str, devices: int, rate: int, stop: Event, sent: Any) -> None:
    """Another process: `rate` readings a second in batches of BATCH, each acknowledged."""
    week = Week(devices)
    random = np.random.default_rng(5)

    async def main() -> None:
        connections = [await Connection.open(port, token) for _ in range(8)]
        begun = time.perf_counter()
        done = 0

        async def work(connection: Connection) -> None:
            nonlocal done
            while not stop.is_set():
                ahead = done - (time.perf_counter() - begun) * rate / BATCH
                if ahead > 0:
                    await asyncio.sleep(ahead * BATCH / rate)
                    continue
                done += 1
                chosen = random.integers(0, devices, BATCH)
                table = week.table(chosen, int(time.time() * 1e6) - 1_000_000, 1_000_000)
                table = table.set_column(table.schema.get_field_index("dataset"), "dataset",
                                         table["dataset"].dictionary_encode())  # fmt: skip
                batch = table.select(SCHEMA.names).cast(SCHEMA)
                status, answer = await connection.call("POST", "/api/observations", stream.encode(batch), ARROW)
                assert status == 200, answer[:300]
                sent.value += BATCH

        await asyncio.gather(*(work(c) for c in connections))

    asyncio.run(main())


async def ask(connection: Connection, path: str) -> tuple[float, Any]:
    """(milliseconds, answer)."""
    # Between two questions the bare engine held this thread: the loop must hear that the server has hung up meanwhile.
    await asyncio.sleep(0.01)
    began = time.perf_counter()
    status, body = await connection.call("GET", path)
    took = (time.perf_counter() - began) * 1000
    assert status in (200, 206), (status, body[:300])
    return took, json.loads(body)


def history(n: int, start: datetime, end: datetime) -> str:
    """Address of a device's readings."""
    at = f"timerel=between&timeAt={_text(start)}&endTimeAt={_text(end)}"
    return f"/ngsi-ld/v1/temporal/entities/{quote(device(n))}?attrs={ATTRIBUTE}&options=temporalValues&{at}"


def _text(at: datetime) -> str:
    return at.strftime("%Y-%m-%dT%H:%M:%SZ")


async def visible(connection: Connection, repeat: int) -> list[float]:
    """Milliseconds from the acknowledgement of a reading until a question about it answers it."""
    found = []
    for n in range(repeat):
        at = datetime.now(UTC).replace(microsecond=0)
        block = {"type": TYPE, "attribute": ATTRIBUTE, "entity": device(n), "observedAt": _text(at), "value": [n + 0.5]}
        status, answer = await connection.call("POST", "/api/observations", json.dumps(block).encode())
        assert status == 200, answer[:300]
        acknowledged = time.perf_counter()
        while True:
            _, body = await ask(connection, history(n, at, at + timedelta(seconds=1)))
            if [n + 0.5, _text(at)] in body.get(ATTRIBUTE, {}).get("values", []):
                break
            await asyncio.sleep(0.05)
        found.append((time.perf_counter() - acknowledged) * 1000)
    return found


def bare(lake: Lake, span: Span, sql: Callable[[str], str], repeat: int, placed: pa.Table | None = None) -> float:
    """Median milliseconds of DuckDB alone on the files that may hold a span."""
    paths = [f"{lake.uri}/{p}" for p in lake.files(span)["path"].to_pylist()]
    times = []
    with duckdb.connect(":memory:") as connection:
        connection.execute("SET TimeZone = 'UTC'; SET parquet_metadata_cache = true")
        if placed is not None:
            connection.register("placed", placed)
        statement = sql(f"read_parquet({paths!r}, hive_partitioning = false)")
        for _ in range(repeat + 1):
            began = time.perf_counter()
            connection.execute(statement).fetchall()
            times.append((time.perf_counter() - began) * 1000)
    return statistics.median(times[1:])


async def measure(product: Product, size: Size) -> list[dict[str, Any]]:
    """Fill, send, ask."""
    lake = Lake(f"{product.settings.lake_uri}/{product.settings.tenant}/observations")
    week = Week(size.devices)
    rows: list[dict[str, Any]] = [{"what": "shape of the values", "source": week.source}]
    note = product.settings.home.parent / "filled.json"
    held = json.loads(note.read_text()) if note.exists() else {}
    wanted = {**asdict(size), "rate": 0, "repeat": 0, "until": f"{datetime.now(UTC):%Y-%m-%d}"}
    if held.get("size") == wanted:
        rows.append(held["row"])
    else:
        if held:
            raise SystemExit(f"{note.parent} holds another filling: {held['size']}. Remove it, or name another folder.")
        await register(product, size.devices)
        rows.append(await fill(product, lake, week, size))
        note.write_text(json.dumps({"size": wanted, "row": rows[-1]}))
    await asyncio.to_thread(caught_up, lake)
    stop, sent = multiprocessing.Event(), multiprocessing.Value("q", 0)
    sender = multiprocessing.Process(
        target=send, args=(product.settings.port, product.token, size.devices, size.rate, stop, sent)
    )
    sender.start()
    try:
        await asyncio.sleep(20)
        began, before = time.perf_counter(), sent.value
        rows += await questions(product, lake, size)
        rate = (sent.value - before) / (time.perf_counter() - began)
        rows.append({"what": "arrived meanwhile, acknowledged", "per_s": rate, "wanted_per_s": size.rate})
    finally:
        stop.set()
        sender.join(30)
    return rows


async def questions(product: Product, lake: Lake, size: Size) -> list[dict[str, Any]]:
    """The goals of the issue, each with what the bare engine takes."""
    connection = await Connection.open(product.settings.port, product.token)
    now = datetime.now(UTC)
    random = np.random.default_rng(13)
    chosen = [int(n) for n in random.integers(0, size.devices, size.repeat + 1)]
    rows = []
    for what, length, goal in (("one device, 24 h", 1, 60), (f"one device, {size.days} days", size.days, 400)):
        start = now - timedelta(days=length)
        times, readings = [], 0
        for n in chosen:
            took, body = await ask(connection, history(n, start, now))
            times.append(took)
            readings = len(body.get(ATTRIBUTE, {}).get("values", []))
        span = Span([device(chosen[0])], [ATTRIBUTE], start, now)
        engine = bare(lake, span, lambda source, n=chosen[0]: (
            f"SELECT epoch_us(observed_at), number FROM {source} WHERE entity = '{device(n)}'"
            f" AND attribute = '{ATTRIBUTE}' ORDER BY observed_at"), 5)  # fmt: skip
        rows.append(_row(what, times[1:], goal, engine, readings=readings))
    start = now.replace(hour=0, minute=0, second=0, microsecond=0) - timedelta(days=1)
    end = start + timedelta(days=1)
    path = (f"/api/observations/area-hours?type={TYPE}&attribute={ATTRIBUTE}"
            f"&start={_text(start)}&end={_text(end)}")  # fmt: skip
    placed = pa.table({"entity": [device(n) for n in range(size.devices)],
                       "area": [area(n) for n in range(size.devices)]})  # fmt: skip
    engine = bare(lake, Span(attributes=[ATTRIBUTE], start=start, end=end), lambda source: (
        "SELECT epoch_us(observed_at) // 3600000000 AS hour, area, avg(number) FROM"
        f" {source} r JOIN placed USING (entity) WHERE attribute = '{ATTRIBUTE}' GROUP BY ALL"), 3, placed)  # fmt: skip
    answers = {}
    for of, goal, repeat in (("readings", 2500, 3), ("sums", 200, size.repeat)):
        times = []
        for _ in range(repeat + 1):
            took, answers[of] = await ask(connection, f"{path}&of={of}")
            times.append(took)
        rows.append(_row(f"hourly average per area, {of}", times[1:], goal, engine, readings=size.devices * size.each))
    same = {(a["start"], a["area"]): (a["readings"], round(a["average"], 6)) for a in answers["readings"]} == {
        (a["start"], a["area"]): (a["readings"], round(a["average"], 6)) for a in answers["sums"]}  # fmt: skip
    rows.append({"what": "sums and readings agree", "agree": same})
    rows.append(_row("visible after acknowledgement", await visible(connection, min(size.repeat, 7)), 2000, None))
    if (polars := _polars(lake, start, end)) is not None:
        rows.append({"what": "Polars alone: hourly average per area", "ms": round(polars)})
    connection.close()
    return rows


def _polars(lake: Lake, start: datetime, end: datetime) -> float | None:
    """Milliseconds of Polars on the same files, without the areas; None when it is not installed."""
    try:
        import polars as pl
    except ImportError:
        return None
    paths = [f"{lake.uri}/{p}" for p in lake.files(Span(start=start, end=end))["path"].to_pylist()]
    began = time.perf_counter()
    (
        pl.scan_parquet(paths)
        .filter(pl.col("attribute") == ATTRIBUTE)
        .group_by(pl.col("observed_at").dt.truncate("1h"), pl.col("entity").str.slice(-2))
        .agg(pl.col("number").mean())
        .collect()
    )
    return (time.perf_counter() - began) * 1000


def _row(what: str, times: list[float], goal: float, engine: float | None, **more: Any) -> dict[str, Any]:
    median = statistics.median(times)
    row = {"what": what, "median_ms": round(median, 1), "p95_ms": round(sorted(times)[int(len(times) * 0.95)], 1),
           "goal_ms": goal, "met": median <= goal, **more}  # fmt: skip
    if engine is not None:
        row |= {"bare_duckdb_ms": round(engine, 1), "ratio": round(median / engine, 2)}
    return row


def main(size: Size, home: Path | None = None) -> None:
    """Measure and print."""
    with running_product(kept_in=home) as product:
        write("lake", asyncio.run(measure(product, size)))


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--devices", type=int, default=1_000_000)
    parser.add_argument("--each", type=int, default=60)
    parser.add_argument("--days", type=int, default=30)
    parser.add_argument("--each-day", type=int, default=10)
    parser.add_argument("--rate", type=int, default=20_000)
    parser.add_argument("--repeat", type=int, default=15)
    parser.add_argument("--seconds", type=float, help="shorter than 10: a small variant, for `make bench`")
    parser.add_argument("--home", type=Path, help="a folder that keeps the filled lake for the next run of this day")
    given = parser.parse_args()
    small = given.seconds is not None and given.seconds < 10
    if small:
        given.devices, given.each, given.days, given.each_day, given.rate = 50_000, 20, 5, 10, 5_000
    main(Size(given.devices, given.each, given.days, given.each_day, given.rate, given.repeat), given.home)
