"""The open interface at N entities: NGSI-LD through the whole product, beside a Python peer in the same run.

    python -m bench.ngsild [--entities 20000] [--seconds 4] [--subscriptions 1000] [--rates 500] [--no-peer]

The official figures are those of `--entities 1000000 --seconds 15 --subscriptions 10000 --rates 500,1000,1500,2000`.
Entities are street lights of the province, with declared and indexed attributes and one that nobody declared. *Open
loop* sends writes at a fixed rate, whatever the answers; each write matches one subscription, and a notification's time
counts from the moment when its write was due. The generator and the receiver run in this process.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import itertools
import json
import random
import time
from collections.abc import AsyncIterator, Callable
from datetime import UTC, datetime, timedelta
from urllib.parse import quote

import numpy as np
import pyarrow as pa

from bench.client import Connection, load
from bench.doors import ARROW
from bench.peer import NAME, THINGS, body, running_peer
from bench.product import PRODUCTION, Product, Row, running_product, write
from bench.records import entity
from province.model.observation import SCHEMA

API = "/ngsi-ld/v1"
JSON = "application/json"
WEST, SOUTH, EAST, NORTH = 106.32, 10.86, 106.97, 11.51
BATCH = 1_000
READINGS = 10_000
YEAR = 365 * 144
"""Readings of a year, one every ten minutes."""
STATION = "urn:ngsi-ld:AirQualityObserved:NG-"
Call = tuple[str, str, bytes, str]


def light(n: int) -> dict[str, object]:
    """A street light. `gateway` is declared and indexed; `paint` is not declared."""
    chance = random.Random(n)
    place = [round(chance.uniform(WEST, EAST), 6), round(chance.uniform(SOUTH, NORTH), 6)]
    return {
        "id": f"urn:ngsi-ld:Streetlight:NG-{n:07d}",
        "type": "Streetlight",
        "name": {"type": "Property", "value": f"Đèn số {n} đường Lê Lợi"},
        "serialNumber": {"type": "Property", "value": f"NG-{n:07d}"},
        "gateway": {"type": "Property", "value": f"gw-{n % 500}"},
        "paint": {"type": "Property", "value": f"colour-{n % 1000}"},
        "location": {"type": "GeoProperty", "value": {"type": "Point", "coordinates": place}},
    }


async def fill(product: Product, entities: int) -> None:
    """The street lights, by batch."""
    starts = iter(range(0, entities, BATCH))

    async def work() -> None:
        connection = await Connection.open(product.settings.port, product.token)
        for start in starts:
            made = [light(n) for n in range(start, min(start + BATCH, entities))]
            status, answer = await connection.call("POST", f"{API}/entityOperations/create", _json(made))
            assert status == 201, answer[:300]
        connection.close()

    await asyncio.gather(work(), work())


async def vacuum(product: Product) -> None:
    """What autovacuum does in the hours after such a load."""
    await product.database(lambda c: c.execute("VACUUM ANALYZE"))


# --- closed loop -----------------------------------------------------------------------------------------------------


async def writes(product: Product, entities: int, seconds: float) -> list[Row]:
    """Single creates, updates of an attribute, batches."""

    def create(n: int) -> Call:
        return "POST", f"{API}/entities", _json(entity(n)), JSON

    def update(_: int) -> Call:
        n = random.randrange(entities)
        path = f"{API}/entities/urn:ngsi-ld:Streetlight:NG-{n:07d}/attrs"
        return "PATCH", path, _json({"paint": {"type": "Property", "value": f"colour-{random.random()}"}}), JSON

    upserted = max(BATCH, min(5 * BATCH, entities // BATCH * BATCH))

    def upsert(n: int) -> Call:
        made = [{**light(m), "paint": {"type": "Property", "value": f"colour-{n}-{m}"}}
                for m in range(n * BATCH % upserted, n * BATCH % upserted + BATCH)]  # fmt: skip
        return "POST", f"{API}/entityOperations/upsert?options=update", _json(made), JSON

    rows = [await _run(product, "single create", 201, create, clients, seconds) for clients in (16, 64)]
    rows += [await _run(product, "attribute update", 204, update, clients, seconds) for clients in (16, 64)]
    row = await _run(product, f"batch upsert of {BATCH}, entities", 204, upsert, 2, seconds)
    rows.append({**row, "per_s": float(str(row["per_s"])) * BATCH})
    return rows


async def reads(product: Product, entities: int, seconds: float) -> list[Row]:
    """One entity; pages of 20 by index, by an undeclared attribute, by place; each also with its count."""
    lights = f"{API}/entities?type=Streetlight&limit=20"

    def retrieve(_: int) -> Call:
        return "GET", f"{API}/entities/urn:ngsi-ld:Streetlight:NG-{random.randrange(entities):07d}", b"", JSON

    def near() -> str:
        place = [round(random.uniform(WEST, EAST), 5), round(random.uniform(SOUTH, NORTH), 5)]
        return f"&georel=near%3BmaxDistance%3D%3D2000&geometry=Point&coordinates={quote(json.dumps(place))}"

    pages: list[tuple[str, Callable[[], str]]] = [
        ("page of 20 by type and indexed attribute", lambda: f"&q=gateway%3D%3D%22gw-{random.randrange(500)}%22"),
        ("page of 20 by q on an undeclared attribute", lambda: f"&q=paint%3D%3D%22colour-{random.randrange(1000)}%22"),
        ("page of 20 by place (2 km)", near),
    ]
    rows = [await _run(product, "retrieve by id", 200, retrieve, 16, seconds)]
    undeclared = pages[1]
    pages.append((f"{undeclared[0]}, when it has its index", undeclared[1]))
    for (what, condition), counted in itertools.product(pages, ("", "&count=true")):
        if what == pages[-1][0] and not counted:
            await indexed(product)

        def page(_: int, condition: Callable[[], str] = condition, counted: str = counted) -> Call:
            return "GET", lights + condition() + counted, b"", JSON

        name = what + (", with count" if counted else "")
        rows.append(await _run(product, name, 200, page, 4, seconds))
    return rows


async def indexed(product: Product) -> None:
    """What was asked slowly gets an index within a minute or two; whoever asks knows of it after some seconds more."""
    waiting = "SELECT count(*) FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid WHERE i.indisvalid AND c.relname"
    while not await product.database(lambda c: c.fetchval(f"{waiting} LIKE 'asked\\_paint%'")):
        await asyncio.sleep(1)
    await asyncio.sleep(30)


async def history(product: Product, seconds: float) -> list[Row]:
    """10,000 readings of one station, and the daily averages of another one's year."""
    connection = await Connection.open(product.settings.port, product.token)
    made = [{"id": STATION + name, "type": "AirQualityObserved"} for name in ("readings", "year")]
    status, answer = await connection.call("POST", f"{API}/entityOperations/create", _json(made))
    assert status == 201, answer[:300]
    end = datetime.now(UTC).replace(microsecond=0)
    for name, count, step in (("readings", READINGS, timedelta(minutes=1)), ("year", YEAR, timedelta(minutes=10))):
        times = [end - step * n for n in range(count, 0, -1)]
        for start in range(0, count, 5_000):
            part = times[start : start + 5_000]
            status, answer = await connection.call("POST", "/api/observations", _arrow(STATION + name, part), ARROW)
            assert status == 200, answer[:300]
    connection.close()
    await product.written()
    since = quote(f"{end - timedelta(days=366):%Y-%m-%dT%H:%M:%SZ}")
    whole = f"&timerel=after&timeAt={since}"
    aggregates = "format=aggregatedValues&aggrMethods=avg&aggrPeriodDuration=P1D"
    paths = {
        f"temporal query of {READINGS:,} readings": f"readings?attrs=pm25&format=temporalValues{whole}",
        "daily averages of a year": f"year?attrs=pm25&{aggregates}{whole}",
    }
    rows = []
    for what, path in paths.items():
        call = ("GET", f"{API}/temporal/entities/{STATION}{path}", b"", JSON)
        rows.append(await _run(product, what, 200, lambda _, call=call: call, 1, seconds))
    return rows


async def peer(port: int, seconds: float) -> list[Row]:
    """Single creates of the peer."""
    rows: list[Row] = []
    for clients in (16, 64):

        def create(n: int) -> Call:
            return "POST", THINGS, _json(body(n)), JSON

        found = await load(port, "", clients=clients, seconds=seconds, call=create, good=201)
        rows.append({"what": f"single create, {NAME}", **found})
    return rows


# --- open loop -------------------------------------------------------------------------------------------------------


class Receiver:
    """An endpoint for notifications: notes for each when it came, after the moment that its value names."""

    def __init__(self) -> None:
        self.delays_s: list[float] = []
        self.seen: set[str] = set()
        self._open: set[asyncio.StreamWriter] = set()

    @contextlib.asynccontextmanager
    async def listening(self) -> AsyncIterator[int]:
        """The port that it listens on."""
        server = await asyncio.start_server(self._take, "127.0.0.1", 0, backlog=1024)
        async with server:
            yield server.sockets[0].getsockname()[1]
            for writer in tuple(self._open):
                writer.close()
            await asyncio.sleep(0.1)

    async def _take(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One connection, kept open as HTTP/1.1 servers do."""
        self._open.add(writer)
        with contextlib.suppress(asyncio.IncompleteReadError, ConnectionError):
            while True:
                head = (await reader.readuntil(b"\r\n\r\n")).lower()
                length = int(head.partition(b"content-length:")[2].partition(b"\r\n")[0])
                told = json.loads(await reader.readexactly(length))
                at = time.time()
                writer.write(b"HTTP/1.1 204 No Content\r\n\r\n")
                await writer.drain()
                for one in told["data"]:
                    key = f"{told['subscriptionId']} {one['due']}"
                    if key not in self.seen:
                        self.seen.add(key)
                        self.delays_s.append(at - one["due"])
        self._open.discard(writer)
        writer.close()


async def subscribe(product: Product, port: int, count: int) -> None:
    """So many watched entities, and a subscription to each."""
    connection = await Connection.open(product.settings.port, product.token)
    watched = [{"id": _watched(n), "type": "Watched", "due": {"type": "Property", "value": 0}} for n in range(count)]
    for start in range(0, count, BATCH):
        status, answer = await connection.call(
            "POST", f"{API}/entityOperations/create", _json(watched[start : start + BATCH])
        )
        assert status == 201, answer[:300]
    for n in range(count):
        subscription = {
            "id": f"urn:ngsi-ld:Subscription:bench-{n}",
            "type": "Subscription",
            "entities": [{"type": "Watched", "id": _watched(n)}],
            "watchedAttributes": ["due"],
            "notification": {"format": "simplified", "endpoint": {"uri": f"http://127.0.0.1:{port}/"}},
        }
        status, answer = await connection.call("POST", f"{API}/subscriptions", _json(subscription))
        assert status == 201, answer[:300]
    connection.close()
    await asyncio.sleep(2.0)


async def open_loop(product: Product, receiver: Receiver, count: int, rate: int, seconds: float) -> Row:
    """Writes at a fixed rate over all watched entities in turn, and what became of their notifications."""
    receiver.delays_s, receiver.seen = [], set()
    idle: asyncio.Queue[Connection] = asyncio.Queue()
    for _ in range(64):
        idle.put_nowait(await Connection.open(product.settings.port, product.token))
    answered: list[float] = []
    total = int(rate * seconds)

    async def change(n: int, due: float) -> None:
        connection = await idle.get()
        status, answer = await connection.call(
            "PATCH", f"{API}/entities/{_watched(n % count)}/attrs", _json({"due": {"type": "Property", "value": due}})
        )
        assert status == 204, answer[:300]
        answered.append(time.time() - due)
        idle.put_nowait(connection)

    began = time.time()
    async with asyncio.TaskGroup() as group:
        for n in range(total):
            due = began + n / rate
            wait_s = due - time.time()
            if wait_s > 0:
                await asyncio.sleep(wait_s)
            group.create_task(change(n, due))
    written = time.time() - began
    deadline = time.time() + 60
    while len(receiver.delays_s) < total and time.time() < deadline:
        await asyncio.sleep(0.05)
    while not idle.empty():
        idle.get_nowait().close()
    return {
        "what": f"open loop, {count:,} subscriptions, one match each",
        "rate_per_s": rate,
        "written_per_s": round(total / written, 1),
        "write_p99_ms": _percentile(answered, 99),
        "delivered_percent": round(100 * len(receiver.delays_s) / total, 2),
        "p50_ms": _percentile(receiver.delays_s, 50),
        "p99_ms": _percentile(receiver.delays_s, 99),
    }


# --- small parts -----------------------------------------------------------------------------------------------------


async def _run(
    product: Product, what: str, good: int, call: Callable[[int], Call], clients: int, seconds: float
) -> Row:
    found = await load(product.settings.port, product.token, clients=clients, seconds=seconds, call=call, good=good)
    return {"what": what, **found}


def _watched(n: int) -> str:
    return f"urn:ngsi-ld:Watched:{n:06d}"


def _json(value: object) -> bytes:
    return json.dumps(value).encode()


def _percentile(values: list[float], which: int) -> float | None:
    return round(float(np.percentile(values, which)) * 1000, 1) if values else None


def _arrow(station: str, times: list[datetime]) -> bytes:
    n = len(times)
    columns = [
        pa.array([station] * n),
        pa.array(["AirQualityObserved"] * n).dictionary_encode(),
        pa.array(["pm25"] * n).dictionary_encode(),
        pa.nulls(n, pa.string()).dictionary_encode(),
        pa.array(times, pa.timestamp("us", tz="UTC")),
        pa.array(np.round(np.random.default_rng(n).gamma(3, 10, n), 1)),
        pa.nulls(n, pa.string()),
        pa.array(np.zeros(n, np.uint8)),
    ]
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, SCHEMA) as stream:
        stream.write_table(pa.table(columns, schema=SCHEMA))
    made: bytes = sink.getvalue().to_pybytes()
    return made


async def measure(
    product: Product, *, entities: int, seconds: float, subscriptions: int, rates: list[int]
) -> list[Row]:
    """All rows of the product."""
    began = time.perf_counter()
    await fill(product, entities)
    rows: list[Row] = [
        {"what": f"batch create of {BATCH}, entities", "clients": 2, "entities": entities,
         "per_s": entities / (time.perf_counter() - began)}
    ]  # fmt: skip
    await vacuum(product)
    rows += await reads(product, entities, seconds)
    rows += await writes(product, entities, seconds)
    rows += await history(product, seconds)
    receiver = Receiver()
    async with receiver.listening() as port:
        await subscribe(product, port, subscriptions)
        for rate in rates:
            rows.append(await open_loop(product, receiver, subscriptions, rate, max(seconds, 5.0)))
            if float(str(rows[-1]["delivered_percent"])) < 100:
                break  # beyond the knee
    return rows


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--entities", type=int, default=20_000)
    parser.add_argument("--seconds", type=float, default=4)
    parser.add_argument("--subscriptions", type=int, default=1_000)
    parser.add_argument("--rates", default="500", help="writes per second of the open loop, separated by commas")
    parser.add_argument("--processes", type=int, default=1, help="processes that answer HTTP")
    parser.add_argument("--no-peer", action="store_true")
    given = parser.parse_args()
    rates = [int(r) for r in given.rates.split(",")]
    with running_product(outbound_allow="127.0.0.1", serve_processes=given.processes) as product:
        rows = asyncio.run(
            measure(
                product, entities=given.entities, seconds=given.seconds, subscriptions=given.subscriptions, rates=rates
            )
        )
        if not given.no_peer:
            with running_peer(product) as port:
                theirs = asyncio.run(peer(port, given.seconds))
            best = {row["clients"]: float(str(row["per_s"])) for row in theirs}
            for row in rows:
                if row["what"] == "single create":
                    row["ratio_to_peer"] = round(float(str(row["per_s"])) / best[row["clients"]], 1)
            rows += theirs
    settings = {
        **PRODUCTION, "entities": given.entities, "PROVINCE_OUTBOUND_ALLOW": "127.0.0.1, for the receiver",
        "PROVINCE_SERVE_PROCESSES": given.processes,
    }  # fmt: skip
    write("ngsild" if given.processes == 1 else f"ngsild-{given.processes}-processes", rows, settings=settings)


if __name__ == "__main__":
    main()
