"""What every benchmark of the running product shares: the product itself, the machine, and where results go."""

from __future__ import annotations

import json
import os
import platform
import statistics
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path

from tests.product import Product, running_product

__all__ = ["Product", "machine", "medians", "running_product", "write"]
ROUNDS = 3
Row = dict[str, object]
PRODUCTION: Mapping[str, object] = {
    "process": "`province run`, all processes on this machine",
    "records": "synchronous_commit=on, fsync on",
    "observations": "stream_sync=always",
    "sign-in, policy, audit, tenant": "on",
    "rate limit per account": "lifted",
    "generator": "on the same cores; its share is in the column generator_cores",
}


def machine() -> dict[str, object]:
    """What the figures were measured on."""
    model = next(
        (
            line.partition(":")[2].strip()
            for line in Path("/proc/cpuinfo").read_text().splitlines()
            if "model name" in line
        ),
        "unknown",
    )
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 1024**3
    return {
        "cores": os.cpu_count(), "cpu": model, "memory_gib": round(memory, 1), "load_1min": os.getloadavg()[0],
        "kernel": platform.release(), "python": platform.python_version(), "at": f"{datetime.now(UTC):%Y-%m-%d %H:%M}Z",
    }  # fmt: skip


def medians(rows: list[Row], *by: str) -> list[Row]:
    """One row for all that agree in `by`: the median of each number, and how many runs there were."""
    groups: dict[tuple[object, ...], list[Row]] = {}
    for row in rows:
        groups.setdefault(tuple(row.get(name) for name in by), []).append(row)
    found: list[Row] = []
    for group in groups.values():
        merged = dict(group[0])
        for name, value in group[0].items():
            if name not in by and isinstance(value, int | float):
                merged[name] = round(statistics.median(float(str(one[name])) for one in group), 2)
        found.append({**merged, "runs": len(group)})
    return found


def write(name: str, rows: list[Row], *, settings: Mapping[str, object] = PRODUCTION) -> None:
    """Print a table and keep the JSON in bench/results. settings: what the product ran with."""
    folder = Path(__file__).parent / "results"
    folder.mkdir(exist_ok=True)
    (folder / f"{name}.json").write_text(
        json.dumps({"machine": machine(), "settings": dict(settings), "rows": rows}, indent=1) + "\n"
    )
    for row in rows:
        print(
            "  ".join(
                f"{key}={value:,.0f}" if isinstance(value, float) and value > 20 else f"{key}={value}"
                for key, value in row.items()
            )
        )
