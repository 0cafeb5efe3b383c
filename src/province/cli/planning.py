"""`province plan`: a planning study from its inputs to its files, by the running server."""

from __future__ import annotations

import contextlib
import json
import time
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import click
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

from province.cli.client import Client
from province.cli.kinds import KINDS, Kind
from province.errors import InvalidInput, NotFound, ProvinceError, Unavailable, Unsupported
from province.model import money
from province.model.unit import lookup

EXIT_PARTIAL: Final = 4
"""There is a plan, and it answers less than was asked."""
EXIT_FAILED: Final = 1
MAP: Final = "map.svg"
_POLL_S: Final = 0.5
_PATIENCE_S: Final = 120.0
_DONE: Final = ("computed", "failed", "cancelled")

_UNITS: Final[Mapping[str, tuple[str, float]]] = {
    "m": ("MTR", 1.0), "mét": ("MTR", 1.0), "met": ("MTR", 1.0), "metres": ("MTR", 1.0), "km": ("MTR", 1000.0),
    "ha": ("HAR", 1.0), "hectares": ("HAR", 1.0),
}  # fmt: skip
_PROVED: Final = {
    "most": ", at most {:.2f}% below the best possible",
    "least": ", at most {:.2f}% could be saved",
    "all": ", every plan was looked at",
}
_CODES: Final = """
\b
Exit code 0: a plan, checked; 4: a plan that answers less than was asked (it says why); 1: refused or failed;
3: the server does not answer. Stop it with Ctrl-C: the run is cancelled.
"""


def add_plan(group: click.Group, client_of: Callable[[click.Context], Client]) -> None:
    """Add the commands."""

    @group.group("plan")
    def plan() -> None:
        """Planning studies: what to build where, within a budget, with a certificate."""

    for kind in KINDS:
        plan.add_command(_command(kind, client_of))

    @plan.command("assumptions")
    @click.argument("kind")
    @click.pass_context
    def listed(ctx: click.Context, kind: str) -> None:
        """List what a KIND of study stands on: name, value, unit, source."""
        found = _Run(client_of(ctx), False).kind(kind, installed=False)
        for one in found["assumptions"]:
            click.echo(f"{one['name']:<22} {one['value']!s:>8} {_symbol(one['unit']):<6} {one['title']['vi']}")
            click.echo(f"{'':<38} {one['source'].strip()} ({one['since']})")
        for name, label in found["prices"].items():
            click.echo(f"{name:<22} {'-':>8} {'đồng':<6} {label['vi']} (no default: --price)")

    @plan.command("show")
    @click.argument("id")
    @click.pass_context
    def show(ctx: click.Context, id: str) -> None:
        """Show the study ID as JSON."""
        click.echo(json.dumps(client_of(ctx).get(f"/api/studies/{id}"), ensure_ascii=False, indent=1))

    @plan.command("sensitivity")
    @click.argument("id")
    @click.option(
        "--vary",
        "varied",
        multiple=True,
        required=True,
        metavar="NAME=RANGE",
        help="Such as attenuation=±20%, mast_height=20..40, building=low, budget=±10%; once for each.",
    )
    @click.option("--out", type=click.Path(dir_okay=False, path_type=Path), help="File for the table (CSV).")
    @click.option("--json", "as_json", is_flag=True, help="Print the variants as JSON.")
    @click.pass_context
    def sensitivity(ctx: click.Context, id: str, varied: tuple[str, ...], out: Path | None, as_json: bool) -> None:
        """Compute the plan of the study ID anew with other assumptions: how much does the result hang on each?"""
        ctx.exit(_Run(client_of(ctx), as_json).vary(id, varied, out))

    @plan.command("adopt")
    @click.argument("id")
    @click.option("--due", required=True, metavar="DAY", help="All of it is built by, as 2027-12-31.")
    @click.option("--step", "steps", multiple=True, metavar='"30% DAY"', help="A step on the way; may be given again.")
    @click.option("--line", default="", help="Line of the plan, such as II.2. Default: the line of this kind.")
    @click.pass_context
    def adopt(ctx: click.Context, id: str, due: str, steps: tuple[str, ...], line: str) -> None:
        """Enter the approved plan of the study ID into the register, as planned, with milestones of the plan."""
        client = client_of(ctx)
        inputs = {"due": due, "steps": "; ".join(steps), "line": line}
        client.post("/api/actions/study.adopt", {"id": id, "inputs": inputs})
        done = _adopted(client, id)
        if done["state"] != "adopted":
            raise InvalidInput(
                done.get("failure") or "it takes long.", remedy=done.get("remedy") or "Look again later."
            )
        click.echo(f"{done['items']} entries, {_figure(done['planned']['value'], done['planned']['unitCode'])}")
        for code in done["lines"]:
            for step in done["steps"]:
                click.echo(f"  {code}: {step['share']:g}% by {step['due']}")


def _adopted(client: Client, id: str) -> dict[str, Any]:
    """The adoption of a study once it has ended, or as it stands when nobody waits any longer."""
    last = time.monotonic()
    while True:
        found: dict[str, Any] = client.get(f"/api/studies/{id}")["adoption"]
        if found["state"] != "adopting" or time.monotonic() - last > _PATIENCE_S:
            return found
        time.sleep(_POLL_S)


def _command(kind: Kind, client_of: Callable[[click.Context], Client]) -> click.Command:
    """`province plan KIND`: a file option for every layer, and the options that all kinds share."""

    def carry_out(
        *, budget: str, crs: str, prices: tuple[str, ...], assumptions: tuple[str, ...], source: str, title: str,
        seconds: float, out: Path | None, as_json: bool, take: str = "", **layers: Path | None,
    ) -> None:  # fmt: skip
        ctx = click.get_current_context()
        amount, unit = read_budget(budget, kind.counted)
        run = _Run(client_of(ctx), as_json)
        known = run.kind(kind.name)
        given = _given(kind, known, prices, assumptions, source)
        _require_prices(kind, known, unit, {name for name, _, _ in given})
        study = run.begin(kind.name, title or f"{known['title']['vi']}: {budget}", amount, unit, seconds)
        with run.withdrawn_on_refusal(study):
            for layer, path in layers.items():
                if path is not None:
                    run.attach(study, layer, path, crs)
            if take:
                run.take(study, take)
            for name, value, own in given:
                run.assume(study, name, money.read_sum(value, field="--price") if own == "VND" else value, own, source)
            run.start(study)
        ctx.exit(run.carry(study, out, kind.table))

    options: list[click.Parameter] = [
        click.Option(["--budget"], required=not kind.usual, default=kind.usual or None, show_default=bool(kind.usual),
                     help=kind.budget),
        *(click.Option([f"--{name}"], type=_FILE, help=told) for name, told in kind.layers.items()),
        click.Option(["--crs"], default="", help="Coordinate system of these files, where they do not say it."),
        click.Option(["--price", "prices"], multiple=True, metavar="NAME=VND", help=kind.prices),
        click.Option(["--assume", "assumptions"], multiple=True, metavar="NAME=VALUE",
                     help=f"Another value, in its unit; `province plan assumptions {kind.name}` lists them."),
        click.Option(["--source"], default="",
                     help="Where these prices and assumptions come from; kept with the study."),
        *([click.Option(["--take"], default="", metavar="ID", help="Take over what the study ID found.")]
          if kind.takes else []),
        click.Option(["--title"], default="", help="Title of the study."),
        click.Option(["--seconds"], type=click.FloatRange(1, 600), default=20.0, show_default=True,
                     help="Time of the search."),
        click.Option(["--out"], type=click.Path(file_okay=False, path_type=Path),
                     help="Folder for the files of the plan."),
        click.Option(["--json", "as_json"], is_flag=True, help="Print the outcome as JSON."),
    ]  # fmt: skip
    return click.Command(
        kind.name, params=options, callback=carry_out, help=kind.help, epilog=f"{kind.examples.rstrip()}\n{_CODES}"
    )


def _given(
    kind: Kind, known: Mapping[str, Any], prices: Sequence[str], assumptions: Sequence[str], source: str
) -> list[tuple[str, str, str]]:
    """(name, value, unit) of what the options set. Raises: InvalidInput."""
    given = [("price_" + n.removeprefix("price_"), v, "VND") for n, v in (_pair(p, "--price") for p in prices)]
    units = {one["name"]: one["unit"] for one in known["assumptions"]}
    for name, value in (_pair(a, "--assume") for a in assumptions):
        if name not in units:
            raise InvalidInput(f"there is no assumption {name!r}.", field="--assume",
                               remedy=f"`province plan assumptions {kind.name}` lists them.")  # fmt: skip
        given.append((name, value, units[name]))
    if given and not source:
        raise InvalidInput("prices and assumptions need their source.", field="--source",
                           remedy='Say where they come from, such as --source "Báo giá 12/BG-VT".')  # fmt: skip
    return given


def _require_prices(kind: Kind, known: Mapping[str, Any], unit: str, given: Collection[str]) -> None:
    """Refuse a budget in đồng without prices before anything is drafted. Raises: InvalidInput.

    Where a kind does not say which it always needs, the run says which are missing; here it must be one at least.
    """
    unpriced = [n for n in known["prices"] if n not in given]
    lacking = bool(set(kind.priced) & set(unpriced)) if kind.priced else len(unpriced) == len(known["prices"])
    if unit == "VND" and lacking:
        listed = ", ".join(n.removeprefix("price_") for n in unpriced)
        raise InvalidInput(
            f"a budget in đồng needs the prices of: {listed}.", field="--price",
            remedy=f'Give --price {listed.split(",")[0]}="900 triệu" …, or a budget such as "{kind.instead}".',
        )  # fmt: skip


class _File(click.Path):
    """A file that is there, or the error of this command line."""


_FILE: Final = _File(exists=True, dir_okay=False, path_type=Path)


def read_budget(text: str, counted: Collection[str] = ()) -> tuple[float, str]:
    """(amount, unit code) of what people write. counted: words of what a number is of. Raises: InvalidInput."""
    amount, word = money.split(text)
    if word in counted:
        return money.read_number(amount, field="--budget"), "C62"
    if word in _UNITS:
        unit, times = _UNITS[word]
        return money.read_number(amount, field="--budget") * times, unit
    return money.read_sum(text, field="--budget"), "VND"


def _pair(text: str, option: str) -> tuple[str, str]:
    name, found, value = text.partition("=")
    if not found or not name or not value:
        raise InvalidInput(f"{text[:40]!r} is not NAME=VALUE.", field=option)
    return name.strip(), value.strip()


class _Run:
    """One study, from its inputs to its files."""

    def __init__(self, client: Client, quiet: bool) -> None:
        self._client = client
        self._quiet = quiet
        self._console = Console(stderr=True, highlight=False, quiet=quiet)

    def kind(self, name: str, *, installed: bool = True) -> dict[str, Any]:
        """What the server knows of a kind. Raises: NotFound; Unsupported when the extra is missing."""
        known = self._client.get("/api/studies/kinds")
        found = next((k for k in known if k["name"] == name), None)
        if found is None:
            listed = ", ".join(k["name"] for k in known)
            raise NotFound(f"there is no kind of study {name!r}.", field="kind", remedy=f"Known: {listed}.")
        if installed and found["missing"]:
            raise Unsupported(
                f"the server lacks {', '.join(found['missing'])}.", field="kind",
                remedy="Install the extra there: pip install 'province[planning]', and start it again.",
            )  # fmt: skip
        return dict(found)

    def begin(self, kind: str, title: str, amount: float, unit: str, seconds: float) -> str:
        """Draft the study. Returns its id."""
        inputs = {"title": title, "kind": kind, "budget": amount, "budget_unit": unit, "seconds": seconds}
        done = self._client.post("/api/actions/study.draft", {"inputs": inputs})
        id: str = done["changed"][0]["id"]
        self._console.print(f"Study {id}")
        return id

    def attach(self, study: str, layer: str, path: Path, crs: str) -> None:
        """Send a file for a layer."""
        told = self._client.upload(f"/api/studies/{study}/layers/{layer}", path, {"name": path.name, "crs": crs})
        read = told["layer"]
        self._console.print(f"  {layer}: {read['features']} from {path.name} ({read['crs']})")
        for one in read["remarks"]:
            self._console.print(f"    {one['en']}")

    def assume(self, study: str, name: str, value: object, unit: str, source: str) -> None:
        """Set an assumption."""
        inputs = {"name": name, "value": str(value), "unit": unit or "C62", "source": source}  # a word has no unit
        self._client.post("/api/actions/study.assume", {"id": study, "inputs": inputs})

    def take(self, study: str, source: str) -> None:
        """Let what another study found be assumptions of this one."""
        self._client.post(f"/api/studies/{study}/take/{source}", {})

    @contextlib.contextmanager
    def withdrawn_on_refusal(self, study: str) -> Iterator[None]:
        """A draft whose inputs are refused does not stay in the register."""
        try:
            yield
        except ProvinceError as error:
            with contextlib.suppress(ProvinceError):
                inputs = {"reason": str(error)[:500]}
                self._client.post("/api/actions/study.withdraw", {"id": study, "inputs": inputs})
            raise

    def start(self, study: str) -> None:
        """Let it be computed."""
        self._client.post(f"/api/studies/{study}/start", {})

    def carry(self, study: str, out: Path | None, table: str) -> int:
        """Wait for the plan and tell it. Returns the exit code."""
        try:
            record = self._wait(f"/api/studies/{study}")
        except KeyboardInterrupt:
            self._client.post("/api/actions/study.cancel", {"id": study, "inputs": {}})
            self._console.print("Cancelled.")
            return EXIT_FAILED
        if record["status"] != "computed":
            raise InvalidInput(
                record.get("failure") or f"the study is {record['status']}.", remedy=record.get("remedy") or ""
            )
        outcome = json.loads(self._client.download(f"/api/studies/{study}/files/outcome.json", {}))
        if out is not None:
            self._keep(study, outcome, out)
        if self._quiet:
            click.echo(json.dumps({"id": study, **outcome}, ensure_ascii=False))
        else:
            self._tell(study, outcome, out, table)
        return EXIT_PARTIAL if outcome.get("partial") else 0

    def vary(self, study: str, varied: Sequence[str], out: Path | None) -> int:
        """Let variants be computed, wait, and tell what came of them. Returns the exit code."""
        inputs = {"varied": "; ".join(varied)}
        done = self._client.post("/api/actions/study.vary", {"id": study, "inputs": inputs})
        run: str = done["changed"][0]["id"]
        try:
            record = self._wait(f"/api/sensitivities/{run}")
        except KeyboardInterrupt:
            self._client.post("/api/actions/sensitivity.stop", {"id": run, "inputs": {}})
            self._console.print("Cancelled.")
            record = self._client.get(f"/api/sensitivities/{run}")
            if not record.get("spread"):
                return EXIT_FAILED
        spread: dict[str, Any] | None = record.get("spread")
        if spread is None:
            raise InvalidInput(
                record.get("failure") or f"the run is {record['status']}.", remedy=record.get("remedy") or ""
            )
        if out is not None:
            out.write_bytes(self._client.download(f"/api/sensitivities/{run}/table.csv", {}))
        if self._quiet:
            click.echo(json.dumps({"id": run, **spread}, ensure_ascii=False))
        else:
            _tell_variants(spread)
        stopped = record["status"] != "computed"
        return EXIT_PARTIAL if stopped or any(v["failure"] for v in spread["variants"]) else 0

    def _wait(self, path: str) -> dict[str, Any]:
        columns = (
            TextColumn("{task.description}"),
            BarColumn(),
            TextColumn("{task.percentage:>3.0f}%"),
            TimeElapsedColumn(),
        )
        with Progress(*columns, console=self._console, transient=True, disable=self._quiet) as progress:
            bar = progress.add_task("Waiting", total=100)
            last = time.monotonic()
            while True:
                try:
                    record: dict[str, Any] = self._client.get(path)
                    last = time.monotonic()
                except Unavailable:
                    if time.monotonic() - last > _PATIENCE_S:
                        raise
                    time.sleep(2.0)
                    continue
                if record["status"] in _DONE:
                    return record
                stage = (record.get("stage") or {}).get("en", "Waiting" if record["status"] == "queued" else "Reading")
                progress.update(bar, description=stage, completed=record.get("progress") or 0)
                time.sleep(_POLL_S)

    def _keep(self, study: str, outcome: Mapping[str, Any], out: Path) -> None:
        out.mkdir(parents=True, exist_ok=True)
        names = ["plan.gpkg", "certificate.json", "outcome.json"]
        names += [f"{one['name']}.geojson" for one in outcome["layers"]]
        names += [f"{one['name']}.csv" for one in outcome["tables"]]
        for name in names:
            (out / name).write_bytes(self._client.download(f"/api/studies/{study}/files/{name}", {}))
        with contextlib.suppress(NotFound):  # nothing of it has a place
            (out / MAP).write_bytes(self._client.download(f"/api/studies/{study}/files/{MAP}", {}))

    def _tell(self, study: str, outcome: Mapping[str, Any], out: Path | None, shown: str) -> None:
        for one in outcome["figures"]:
            click.echo(f"{one['label']['vi']:<28} {_figure(one['value'], one['unit'])}")
        table = next((t for t in outcome["tables"] if t["name"] == shown), None)
        if table is not None:
            click.echo("")
            _print_table(table)
        certificate = outcome["certificate"]
        gap = "" if certificate["gap"] is None else _PROVED[certificate["sense"]].format(100 * certificate["gap"])
        click.echo("")
        click.echo(f"Certificate: {'checked' if certificate['checked'] else 'NOT CHECKED'}{gap}")
        for one in outcome["remarks"]:
            click.echo(f"  - {one['vi']}")
        if outcome.get("partial"):
            click.echo(f"PARTIAL: {outcome['partial']['vi']} ({outcome['partial']['en']})")
        if out is not None:
            click.echo(f"Files: {out}/")
        click.echo(study)


def _tell_variants(spread: Mapping[str, Any]) -> None:
    unit = spread["objective_unit"]
    click.echo(f"{spread['objective_label']['vi']}: {_figure(spread['objective'], unit)}")
    for one in spread["variants"]:
        value = one["value"] if isinstance(one["value"], str) else _figure(one["value"], one["unit"])
        if one["failure"]:
            click.echo(f"  {one['name']:<22} {value:>16}  {one['failure']}")
            continue
        change = one["objective"] - spread["objective"]
        part = f" ({100 * change / spread['objective']:+.1f}%)" if spread["objective"] else ""
        gap = "" if one["gap"] is None else f", gap {100 * one['gap']:.2f}%"
        click.echo(f"  {one['name']:<22} {value:>16}  {_figure(one['objective'], unit)}{part}{gap}")
    if spread["asked"] > len(spread["variants"]):
        click.echo(f"STOPPED: {len(spread['variants'])} of {spread['asked']} variants are computed; the same again goes"
                   " on from them.")  # fmt: skip
    kept = sum(p["kept"] == spread["computed"] for p in spread["picks"])
    click.echo(f"{kept} of {len(spread['picks'])} chosen items stay in all {spread['computed']} variants.")


def _figure(value: float | None, unit: str) -> str:
    if value is None:
        return "chưa có"
    number = f"{value:,.1f}" if value % 1 else f"{value:,.0f}"
    return f"{number} {_symbol(unit)}".rstrip()


def _symbol(unit: str) -> str:
    return lookup(unit).symbol if unit else ""


def _print_table(table: Mapping[str, Any]) -> None:
    heads = [c["label"]["vi"] for c in table["columns"]]
    rows = [["chưa có" if v is None else v if isinstance(v, str) else f"{v:,.1f}" for v in r] for r in table["rows"]]
    width = [max(len(h), *(len(r[i]) for r in rows)) if rows else len(h) for i, h in enumerate(heads)]
    text = [c["unit"] == "" for c in table["columns"]]
    for row in (heads, *rows):
        cells = (v.ljust(w) if t else v.rjust(w) for v, w, t in zip(row, width, text, strict=True))
        click.echo("  ".join(cells).rstrip())
