"""Cases: pages of queues among a million, and how many reports a second are durable with and without photos.

    python -m bench.cases [--cases 1000000] [--seconds 10] [--rounds 30] [--home FOLDER] [--only pages|intake]

--home: the installation and its cases stay there, and are found again.

The cases are written by SQL, as the product would store them, without history: 3% are open and belong to 100
agencies. Reports come in through Open311 with a token; those with a photo of 2 MB through the form for residents, each
checked, stripped of its metadata and stored. *durable* is what was answered; the rules that route them follow behind.
"""

from __future__ import annotations

import argparse
import asyncio
import io
import os
import re
import statistics
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from urllib.parse import urlencode

import httpx
from PIL import Image
from tests.product import count, form_token

from bench.client import load
from bench.product import Product, running_product, write
from province.broker.database import Connection

AGENCIES = 100
_SEED = """
INSERT INTO entity (tenant, id, type, attrs, agency, area, version, created_at, modified_at, bounds, words, sort_key)
SELECT $1, 'urn:ngsi-ld:Report:bench-' || n, 'Report', jsonb_build_object(
    'title', p('Ổ gà trên đường Lê Lợi số ' || n), 'category', p('road'), 'channel', p('web'), 'matter', p('report'),
    'categoryBy', p('sender'), 'code', p('PA-2025-' || lpad(n::text, 7, '0')), 'published', p(n % 2 = 0),
    'status', p(CASE WHEN n % 100 < 97 THEN 'closed' WHEN n % 100 = 97 THEN 'assigned' ELSE 'in_progress' END),
    'assignedTo', jsonb_build_object('type', 'Relationship', 'value', 'urn:ngsi-ld:Agency:bench-' || (n / 100) % $2),
    'location', jsonb_build_object('type', 'GeoProperty', 'value', jsonb_build_object('type', 'Point', 'coordinates',
        jsonb_build_array(106.4 + (n % 500) / 1000.0, 10.9 + (n % 601) / 1000.0))),
    'reportedAt', i(now() - make_interval(mins => 20 + n)),
    'dueAt', i(now() - make_interval(mins => n) + interval '10 days'))
    || CASE WHEN n % 100 < 97 THEN '{}'::jsonb
            ELSE jsonb_build_object('nextStepAt', i(now() + make_interval(days => 30)),
                'openDueAt', i(now() - make_interval(mins => n) + interval '10 days')) END,
    'urn:ngsi-ld:Agency:bench-' || (n / 100) % $2, NULL, 3, now(), now() - make_interval(secs => n),
    box(point(106.4 + (n % 500) / 1000.0, 10.9 + (n % 601) / 1000.0),
        point(106.4 + (n % 500) / 1000.0, 10.9 + (n % 601) / 1000.0)),
    to_tsvector('simple', 'o ga tren duong le loi so ' || n), lpad(n::text, 10, '0')
FROM generate_series($3::int, $4::int) n
"""


async def seed(product: Product, cases: int, there: int = 0) -> None:
    """Write the cases. there: so many were written before."""

    async def insert(connection: Connection) -> None:
        for kind in ("text", "boolean"):
            await connection.execute(
                f"CREATE OR REPLACE FUNCTION pg_temp.p(v {kind}) RETURNS jsonb LANGUAGE sql IMMUTABLE AS"
                " $$SELECT jsonb_build_object('type', 'Property', 'value', v)$$"
            )
        await connection.execute(
            "CREATE OR REPLACE FUNCTION pg_temp.i(t timestamptz) RETURNS jsonb LANGUAGE sql STABLE AS"
            " $$SELECT jsonb_build_object('type', 'Property', 'value', to_char(t AT TIME ZONE 'UTC',"
            ' \'YYYY-MM-DD"T"HH24:MI:SS"Z"\'))$$'
        )
        statement = re.sub(r"(?<![\w.])([pi])\(", r"pg_temp.\1(", _SEED)
        for start in range(there + 1, cases + 1, 20_000):
            await connection.execute(
                statement, product.settings.tenant, AGENCIES, start, min(start + 19_999, cases), timeout=600
            )
        await connection.execute("ANALYZE entity", timeout=600)

    await product.database(insert)


def pages(client: httpx.Client, rounds: int) -> list[dict[str, object]]:
    """Median and 95th percentile of the pages of queues."""
    by_limit = "status=in_progress&sort=dueAt"
    asked = {
        "my work, every agency": "/work",
        "queue of an agency, by limit": f"/list/Report?assignedTo=urn:ngsi-ld:Agency:bench-7&{by_limit}",
        "queue of all, one state, by limit": f"/list/Report?{by_limit}",
        "newest changes": "/list/Report",
        "words": "/list/Report?q=le+loi+so+77777",
        "one case": "/entity/urn:ngsi-ld:Report:bench-97",
    }
    rows: list[dict[str, object]] = []
    for name, path in asked.items():
        times = []
        for _ in range(rounds + 1):
            began = time.perf_counter()
            answer = client.get(path)
            times.append((time.perf_counter() - began) * 1000)
            assert answer.status_code == 200, (path, answer.status_code, answer.text[-500:])
        rest = sorted(times[1:])
        rows.append(
            {
                "what": name,
                "median_ms": round(statistics.median(rest), 1),
                "p95_ms": round(rest[int(0.95 * (len(rest) - 1))], 1),
                "first_ms": round(times[0], 1),
            }
        )
    return rows


async def incoming(product: Product, seconds: float) -> list[dict[str, object]]:
    """Reports through Open311, without photos."""

    def post(n: int) -> tuple[str, str, bytes, str]:
        body = urlencode(
            {
                "service_code": "road",
                "lat": 10.9 + (n % 600) / 1000,
                "long": 106.4 + (n % 500) / 1000,
                "description": f"Ổ gà số {n} trên đường Lê Lợi, xe máy dễ té",
            }
        )
        return "POST", "/open311/v2/requests.json", body.encode(), "application/x-www-form-urlencoded"

    rows = []
    for clients in (1, 16, 64):
        found = await load(product.settings.port, product.token, clients=clients, seconds=seconds, call=post, good=201)
        rows.append({"what": "reports durable, no photo", **found})
    return rows


def photo(megabytes: float) -> bytes:
    """A JPEG of 12 million pixels and about that size, as a telephone takes it."""
    coarse = Image.frombytes("RGB", (1000, 750), os.urandom(1000 * 750 * 3))
    image = coarse.resize((4000, 3000), Image.Resampling.BICUBIC)
    for quality in range(90, 20, -5):
        out = io.BytesIO()
        image.save(out, "JPEG", quality=quality)
        if out.tell() <= megabytes * 1.05e6:
            break
    return out.getvalue()


def with_photos(product: Product, cookies: httpx.Cookies, seconds: float, workers: int = 4) -> list[dict[str, object]]:
    """Reports with a photo of 2 MB each, by signed-in people, since strangers are limited per address."""
    content = photo(2.0)
    done: list[float] = []
    until = time.perf_counter() + seconds

    def work(number: int, cookies: httpx.Cookies) -> None:
        with httpx.Client(base_url=product.address, cookies=cookies, trust_env=False, timeout=60) as client:
            token = form_token(client.get("/report").text)
            n = 0
            while time.perf_counter() < until:
                n += 1
                form = {
                    "csrf": token, "key": f"{number}-{n}-{time.time_ns()}", "title": f"Ổ gà {number} {n}",
                    "category": "road", "location.lat": "10.98", "location.lon": "106.65",
                }  # fmt: skip
                began = time.perf_counter()
                own = content + os.urandom(16)  # no two photos are the same
                answer = client.post("/report", data=form, files={"files": ("a.jpg", own, "image/jpeg")})
                assert answer.status_code == 200, answer.text[-500:]
                done.append(time.perf_counter() - began)

    with ThreadPoolExecutor(workers) as threads:
        began = time.perf_counter()
        list(threads.map(lambda n: work(n, cookies), range(workers)))
        elapsed = time.perf_counter() - began
    done.sort()
    return [
        {
            "what": f"reports durable, a photo of {len(content) / 1e6:.1f} MB each",
            "clients": workers,
            "per_s": round(len(done) / elapsed, 1),
            "p50_ms": round(done[len(done) // 2] * 1000, 1),
            "p95_ms": round(done[int(len(done) * 0.95)] * 1000, 1),
        }
    ]


def main(cases: int, seconds: float, rounds: int, home: Path | None, only: str) -> None:
    """Fill, measure, print."""
    rows: list[dict[str, object]] = []
    # The example is loaded once: at a further start it would place anew a million cases that were written without one.
    example = "--no-example" if home is not None and home.exists() else "--example"
    with running_product("--no-simulate", example, kept_in=home) as product, product.signed_in() as client:
        if only != "pages":
            rows += with_photos(product, client.cookies, seconds)
            rows += asyncio.run(incoming(product, seconds))
            print(rows, flush=True)
        if only != "intake":
            there = asyncio.run(
                count(product, "SELECT count(*) FROM entity WHERE id LIKE 'urn:ngsi-ld:Report:bench-%'")
            )
            if there < cases:
                began = time.perf_counter()
                asyncio.run(seed(product, cases, there))
                print(f"{cases - there} cases filled in {time.perf_counter() - began:.0f} s", flush=True)
            rows += [{"cases": cases, **row} for row in pages(client, rounds)]
    write("cases", rows)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--cases", type=int, default=1_000_000)
    parser.add_argument("--seconds", type=float, default=10)
    parser.add_argument("--rounds", type=int, default=30)
    parser.add_argument("--home", type=Path)
    parser.add_argument("--only", choices=("pages", "intake"), default="")
    given = parser.parse_args()
    main(given.cases, given.seconds, given.rounds, given.home, given.only)
