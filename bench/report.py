"""`python -m bench.report`: writes docs/benchmarks.md and docs/planning-quality.md from bench/results/*.json."""

from __future__ import annotations

import importlib
import json
import sys
from pathlib import Path
from typing import Any

from bench import quality
from bench.__main__ import MODULES

RESULTS = Path(__file__).parent / "results"
PAGE = Path(__file__).parents[1] / "docs" / "benchmarks.md"
QUALITY = PAGE.with_name("planning-quality.md")
HEAD = """# Benchmarks

Written by `make bench && python -m bench.report`: do not edit. Trust ratios more than figures: *ratio to bare* divides
by what the bare engine did with the same bytes, on the same machine, in the same run. The generator of the load shares
the machine with the product.
"""
GOALS = """
| figure | goal | measured |
|---|---|---|
| batched observations, acknowledged durable | 500,000 readings/s | {acknowledged} |
| batched observations, queryable in the lake | 200,000 readings/s | {queryable} |
| MQTT QoS 1 messages one by one, per consumer | – | {one_by_one} |
| records through `apply`, single creates over HTTP | – | {single} |
| records through `apply`, batches of 100 over HTTP | – | {grouped} |
"""


def main() -> None:
    """Write the page."""
    results = {path.stem: json.loads(path.read_text()) for path in sorted(RESULTS.glob("*.json"))}
    if not results:
        sys.exit(f"there are no results in {RESULTS}: run `make bench` first.")
    if planning := results.pop("planning", None):
        _, mark, beside = QUALITY.read_text().partition("\n## Beside other programs") if QUALITY.exists() else ("",) * 3
        QUALITY.write_text(quality.page(planning) + mark + beside)
        print(QUALITY)
    if peers := results.pop("planning-peers", None):
        kept = QUALITY.read_text().partition("\n## Beside other programs")[0] if QUALITY.exists() else quality.HEAD
        QUALITY.write_text(f"{kept.rstrip()}\n\n{quality.beside(peers)}\n")
        print(QUALITY)
    if not results:
        return
    parts = [HEAD, GOALS.format(**_goals(results)).strip()]
    ordered = [name.rpartition(".")[2] for name in MODULES]
    place = {module: n for n, module in enumerate(ordered)}
    names = sorted(results, key=lambda n: (place.get(n.partition("-")[0], len(ordered)), n))
    parts.extend(_section(name, results[name]) for name in names)
    PAGE.write_text("\n\n".join(part.strip() for part in parts) + "\n")
    print(PAGE)


def _goals(results: dict[str, Any]) -> dict[str, str]:
    def best(name: str, start: str, key: str = "per_s") -> str:
        rows = [
            r for r in results.get(name, {}).get("rows", ()) if str(r.get("what", "")).startswith(start) and key in r
        ]
        if not rows:
            return "not measured"
        row = max(rows, key=lambda r: float(r[key]))
        ratio = row.get("ratio_to_bare") if key == "per_s" else None
        flying = f" at {row['clients']} in flight" if "clients" in row else ""
        return f"{float(row[key]):,.0f}/s{flying}" + (f", {ratio} of bare" if ratio is not None else "")

    return {
        "acknowledged": best("doors", "HTTP Arrow"),
        "queryable": best("doors", "HTTP Arrow", "queryable_per_s"),
        "one_by_one": best("mqtt", "intake"),
        "single": best("records", "single create"),
        "grouped": best("records", "batch create"),
    }


def _section(name: str, result: dict[str, Any]) -> str:
    """A module's results. What follows a hyphen in the name is a variant, told by its settings."""
    module, _, variant = name.partition("-")
    try:
        about = importlib.import_module(f"bench.{module}").__doc__ or name
    except ModuleNotFoundError:
        about = name
    if variant:
        about = f"the same, {variant.replace('-', ' ')}."
    title, _, rest = about.strip().partition("\n")
    text = "\n".join(line for line in rest.splitlines() if not line.startswith("    ")).strip()
    machine = "; ".join(f"{key} {value}" for key, value in result["machine"].items())
    settings = "; ".join(f"{key}: {value}" for key, value in result.get("settings", {}).items())
    rows = result["rows"]
    columns = list(dict.fromkeys(key for row in rows for key in row))
    table = [
        "| " + " | ".join(key.replace("_", " ") for key in columns) + " |",
        "|" + "---|" * len(columns),
        *("| " + " | ".join(_cell(row.get(key)) for key in columns) + " |" for row in rows),
    ]
    about_run = f"Machine: {machine}." + (f"\n\nSettings: {settings}." if settings else "")
    return f"## {name}: {title}\n\n{text}\n\n{about_run}\n\n" + "\n".join(table)


def _cell(value: object) -> str:
    if value is None:
        return ""
    if isinstance(value, float):
        return f"{value:,.0f}" if abs(value) >= 100 else f"{value:.2f}"
    return str(value)


if __name__ == "__main__":
    main()
