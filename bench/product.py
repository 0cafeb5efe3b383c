"""What every benchmark of the running product shares: the product itself, the machine, and where results go."""

from __future__ import annotations

import json
import os
from pathlib import Path

from tests.product import Product, running_product

__all__ = ["Product", "machine", "running_product", "write"]


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
    return {"cores": os.cpu_count(), "cpu": model, "load_1min": os.getloadavg()[0]}


def write(name: str, rows: list[dict[str, object]]) -> None:
    """Print a table and keep the JSON in bench/results."""
    folder = Path(__file__).parent / "results"
    folder.mkdir(exist_ok=True)
    (folder / f"{name}.json").write_text(json.dumps({"machine": machine(), "rows": rows}, indent=1) + "\n")
    for row in rows:
        print(
            "  ".join(
                f"{key}={value:,.0f}" if isinstance(value, float) and value > 20 else f"{key}={value}"
                for key, value in row.items()
            )
        )
