"""The page docs/planning-quality.md, from what `bench.planning` measured."""

from __future__ import annotations

import statistics
from typing import Any

HEAD = """# Quality of plans

Written by `python -m bench.planning && python -m bench.report`: do not edit. Every plan was recomputed and tested by
code that knows nothing of the kernels (`compute/siting/check.py`, `compute/network/check.py`) before it counts here.
*Gap to optimum*: to the published optimum. *Gap to bound*: what our own certificate proves without knowing it.
One thread; processor seconds; peak memory of the whole process so far. *Radio* has no optimum: pairs of a site and a
place per second of one core.

*Steiner tree on streets*: junctions drawn from the real roads of Ho Chi Minh City and around (OpenStreetMap, 2018),
joined within a minute each.

Not measured here: tracks 2 and 3 of PACE 2018. Without `--long` each fourth of the odd instances of track 1 and each
seventh of tours is run, the latter ten seconds instead of a minute each. A family missing below was not run.

Families can be measured again alone (`--only`): the time below is that of the last run, the others stayed as they were.

What is not certified: a Steiner tree of many terminals has the bound of dual ascent, made better by local search, which
can lie a few percent below the optimum; coverage within a budget has the bound of a linear relaxation; trenches within
a budget have that of dual ascent for a price of money. Tours have no bound at all: their gap is *benchmarked*, to the
best published solutions of CVRPLIB X, beside OR-Tools on the same instances in the same time. A tour is checked by
`compute/tours/check.py`, a way through streets by `compute/roads/check.py`.
"""


_BENCHMARKED = "benchmarked_gap_%"
PEERS = """## Beside other programs

`python -m bench.planning_peers`: the same instances in the same run, each program in a process of its own, one
thread. Processor seconds; those of a peer are of its whole process, start and imports included. *Objective ratio*:
theirs to ours, all least is best, so above 1 theirs is worse. *Time ratio*: theirs to ours. spopt solves by PuLP's
CBC within the time given, OR-Tools' CP-SAT has one worker and linearization level 2, networkx is its approximation by
Mehlhorn, which has no bound.
"""


def beside(result: dict[str, Any]) -> str:
    """The section about other programs."""
    families: dict[str, list[dict[str, Any]]] = {}
    for row in result["rows"]:
        families.setdefault(row["family"], []).append(row)
    columns = [c for c in result["rows"][0] if c != "family"]
    head = "| family | instances | theirs without a plan | objective ratio, mean / max | time ratio, median |"
    lines = []
    for name, rows in families.items():
        both = [r for r in rows if r["objective_ratio"] is not None]
        ratio = _both([r["objective_ratio"] for r in both], "")
        times = [r["time_ratio"] for r in both]
        spent = f"{statistics.median(times):,.1f}" if times else "–"
        lines.append(f"| {name} | {len(rows)} | {len(rows) - len(both)} | {ratio} | {spent} |")
    machine = "; ".join(f"{key} {value}" for key, value in result["machine"].items())
    given = f"Time given: {result['settings']['seconds']:g} s. Machine: {machine}."
    table = "\n".join(
        f"| {name} | " + " | ".join(_cell(r.get(c)) for c in columns) + " |"
        for name, rows in families.items()
        for r in rows
    )
    return "\n\n".join((
        PEERS.strip(), given, f"{head}\n|---|---|---|---|---|\n" + "\n".join(lines),
        "| family | " + " | ".join(c.replace("_", " ") for c in columns) + " |\n" + "|---" * (len(columns) + 1) + "|\n"
        + table,
    ))  # fmt: skip


def page(result: dict[str, Any]) -> str:
    """The page as Markdown."""
    families: dict[str, list[dict[str, Any]]] = {}
    for row in result["rows"]:
        families.setdefault(row["family"], []).append(row)
    machine = "; ".join(f"{key} {value}" for key, value in result["machine"].items())
    parts = [
        HEAD.strip(),
        f"Machine: {machine}.",
        "| family | instances | optimal | gap to optimum, mean / max | gap to bound, mean / max | cpu, mean / max |\n"
        "|---|---|---|---|---|---|\n"
        + "\n".join(_summary(name, rows) for name, rows in families.items() if "gap_to_bound_%" in rows[0])
        + "".join("\n" + _benchmarked(name, rows) for name, rows in families.items() if _BENCHMARKED in rows[0]),
    ]
    for name, rows in families.items():
        columns = list(dict.fromkeys(key for row in rows for key in row if key != "family"))
        parts.append(
            f"## {name.capitalize()}\n\n| " + " | ".join(c.replace("_", " ") for c in columns) + " |\n"
            + "|" + "---|" * len(columns) + "\n"
            + "\n".join("| " + " | ".join(_cell(row.get(c)) for c in columns) + " |" for row in rows)
        )  # fmt: skip
    return "\n\n".join(parts) + "\n"


def _summary(name: str, rows: list[dict[str, Any]]) -> str:
    known = [r["gap_to_optimum_%"] for r in rows if r["gap_to_optimum_%"] is not None]
    proved, spent = [r["gap_to_bound_%"] for r in rows], [r["cpu_s"] for r in rows]
    optimal = f"{sum(g <= 1e-3 for g in known)} of {len(known)}" if known else "not known"
    return f"| {name} | {len(rows)} | {optimal} | {_both(known, '%')} | {_both(proved, '%')} | {_both(spent, ' s')} |"


def _benchmarked(name: str, rows: list[dict[str, Any]]) -> str:
    found, spent = [r[_BENCHMARKED] for r in rows], [r["cpu_s"] for r in rows]
    best = f"{sum(g <= 1e-3 for g in found)} of {len(found)} the best published"
    return f"| {name} | {len(rows)} | {best} | {_both(found, '%')} (benchmarked) | no bound | {_both(spent, ' s')} |"


def _both(values: list[float], unit: str) -> str:
    return f"{statistics.fmean(values):.2f}{unit} / {max(values):.2f}{unit}" if values else "–"


def _cell(value: object) -> str:
    if value is None:
        return "–"
    return f"{value:,.3f}".rstrip("0").rstrip(".") if isinstance(value, float) else str(value)
