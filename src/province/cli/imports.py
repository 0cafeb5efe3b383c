"""`province import`: files in, with a trial, progress, resumption, and the refused rows in a file beside."""

from __future__ import annotations

import contextlib
import hashlib
import json
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, Final

import click
import yaml
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from province.cli.client import Client
from province.errors import InvalidInput, NotFound, Unavailable
from province.model.mapping import load_yaml

EXIT_ROWS: Final = 4
"""The import is done, and some rows were refused."""
_FIRST_POLL_S: Final = 0.02
_POLL_S: Final = 0.4
"""A short file is done at once; a long one need not be asked about so often."""
_PATIENCE_S: Final = 180.0
"""So long the command waits for a server that went away."""

ClientOf = Callable[[click.Context], Client]


class _Imports(click.Group):
    """A group whose first word may be a file: `province import parks.csv` is `province import file parks.csv`."""

    def resolve_command(self, ctx: click.Context, args: list[str]) -> Any:
        if args and args[0] not in self.commands:
            args = ["file", *args]
        return super().resolve_command(ctx, args)

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        known = args and (args[0] in self.commands or args[0] in ctx.help_option_names)
        if args and not known:
            args = ["file", *args]
        return super().parse_args(ctx, args)


def add(group: click.Group, client_of: ClientOf) -> None:
    """Add the command group."""

    @group.group("import", cls=_Imports, invoke_without_command=False)
    def import_() -> None:
        """Import a file: CSV, XLSX, GeoJSON, GeoPackage, DXF, NGSI-LD, Parquet.

        \b
        province import guess parks.csv > parks.yaml         propose a mapping, to look at and correct
        province import parks.csv --mapping parks.yaml --dry-run
        province import parks.csv --mapping parks.yaml
        province import undo ID
        """

    @import_.command("file", hidden=True)
    @click.argument("file", metavar="FILE")
    @click.option("--mapping", "mapping_path", type=click.Path(exists=True, dir_okay=False, path_type=Path),
                  help="Mapping file (YAML). Without one, the proposed mapping is used.")  # fmt: skip
    @click.option("--type", "type_name", default="", help="Target type, when no mapping says it.")
    @click.option("--name", default="", help="Name of the file, for standard input.")
    @click.option("--dry-run", is_flag=True, help="Count and check every row; write nothing.")
    @click.option("--resume", is_flag=True, help="Go on with the newest import of the same file and mapping.")
    @click.option("--refused", "refused_path", type=click.Path(path_type=Path),
                  help="Where refused rows go. Default: FILE.refused.<ending> in this folder.")  # fmt: skip
    @click.option("--json", "as_json", is_flag=True, help="Print the outcome as JSON.")
    @click.pass_context
    def file(ctx: click.Context, file: str, mapping_path: Path | None, type_name: str, name: str, dry_run: bool,
             resume: bool, refused_path: Path | None, as_json: bool) -> None:  # fmt: skip
        """Import FILE (- for standard input). Exit code 0: all rows; 4: some were refused; 1: nothing could be done."""
        with _spooled(file) as path:
            label = name or (Path(file).name if file != "-" else "standard-input")
            run = _Run(client_of(ctx), as_json)
            record = run.begin(path, label, mapping_path, type_name, resume)
            record = run.carry(record, trial=dry_run)
            kept = run.keep_refused(record, refused_path) if record["refused"] and not dry_run else None
            run.tell(record, kept, dry_run)
        ctx.exit(EXIT_ROWS if record["refused"] else 0 if record["status"] in ("done", "checked") else 1)

    @import_.command("guess")
    @click.argument("file", metavar="FILE")
    @click.option("--type", "type_name", default="", help="Target type, when it is known.")
    @click.option("--name", default="", help="Name of the file, for standard input.")
    @click.pass_context
    def guess(ctx: click.Context, file: str, type_name: str, name: str) -> None:
        """Propose a mapping for FILE, with how sure it is and why, column by column."""
        with _spooled(file) as path:
            label = name or (Path(file).name if file != "-" else "standard-input")
            look = client_of(ctx).upload("/api/imports/guess", path, {"name": label, "type": type_name})
        click.echo(f"# Proposed for {label}; likeness {look['likeness']:.2f}. Correct it before you import.")
        if look["others"]:
            click.echo(f"# Other types that would fit: {', '.join(look['others'])}")
        click.echo(to_yaml(look["guess"]), nl=False)

    @import_.command("areas")
    @click.argument("paths", metavar="FILE…", nargs=-1, required=True, type=click.Path(exists=True, path_type=Path))
    @click.option("--source", required=True, help="Where the polygons come from; kept with every boundary.")
    @click.option("--source-date", default="", help="Day of the source, yyyy-mm-dd; default today.")
    @click.option("--day", default="", help="Day on which the units must be in force; default today.")
    @click.option("--create", is_flag=True, help="Make units that the register does not know.")
    @click.option("--parent", default="", help="Id of the area that new units belong to.")
    @click.option("--dry-run", is_flag=True, help="Say what would happen; write nothing.")
    @click.option("--json", "as_json", is_flag=True, help="Print the outcome as JSON.")
    @click.pass_context
    def areas(ctx: click.Context, paths: tuple[Path, ...], source: str, source_date: str, day: str, create: bool,
              parent: str, dry_run: bool, as_json: bool) -> None:  # fmt: skip
        """Give areas their real boundaries: GeoJSON or GeoPackage FILEs, or folders of GeoJSON, matched by code."""
        params = {"source": source, "sourceDate": source_date, "day": day, "parent": parent,
                  "create": "true" if create else "", "trial": "true" if dry_run else ""}  # fmt: skip
        with _gathered(paths) as path:
            done = client_of(ctx).upload("/api/imports/areas", path, params | {"name": path.name})
        if as_json:
            click.echo(json.dumps(done, ensure_ascii=False))
        else:
            would = "would be " if dry_run else ""
            click.echo(
                f"{done['rows']} polygons: {done['changed']} boundaries {would}set, {done['unchanged']} unchanged,"
                f" {done['created']} units {would}created, {len(done['repaired'])} repaired,"
                f" {len(done['unmatched'])} without a unit in force, {len(done['refused'])} refused"
            )
            if done["id"]:
                click.echo(f"  in the register as {done['id']}")
            for one in done["refused"][:20]:
                click.echo(f"  row {one['row']} {one['code']}: {one['en']} {one['remedyEn']}")
            for text in done["remarks"][:20]:
                click.echo(f"  {text}")
            if done["unmatched"]:
                names = ", ".join(f"{u['code']} {u['name']}".strip() for u in done["unmatched"][:8])
                click.echo(
                    f"  not in the register: {names}{' …' if len(done['unmatched']) > 8 else ''} (--create makes them)"
                )
        ctx.exit(EXIT_ROWS if done["refused"] else 0)

    @import_.command("undo")
    @click.argument("id")
    @click.pass_context
    def undo(ctx: click.Context, id: str) -> None:
        """Take back the records that the import ID wrote, where nobody has changed them since.

        Readings stay: what a correction deletes stays deleted, so the right file could not be imported any more.
        """
        done = client_of(ctx).post(f"/api/imports/{id}/undo", {})
        click.echo(f"removed {done['removed']}, restored {done['restored']}, kept {len(done['kept'])} changed since")

    @import_.command("show")
    @click.argument("id")
    @click.pass_context
    def show(ctx: click.Context, id: str) -> None:
        """Show the import ID as JSON."""
        click.echo(json.dumps(client_of(ctx).get(f"/api/imports/{id}"), ensure_ascii=False, indent=1))


class _Run:
    """One import, from the file to its outcome."""

    def __init__(self, client: Client, quiet: bool) -> None:
        self._client = client
        self._console = Console(stderr=True, highlight=False, quiet=quiet)
        self._as_json = quiet

    def begin(self, path: Path, name: str, mapping: Path | None, type_name: str, resume: bool) -> dict[str, Any]:
        """Send the file, unless it is already there to go on with."""
        given = read_yaml(mapping) if mapping is not None else None
        if resume and given is not None:
            found = self._find(path, given)
            if found is not None and found["status"] in ("interrupted", "running", "done"):
                return found
        self._console.print(f"Sending {name} …")
        record: dict[str, Any] = self._client.upload("/api/imports", path, {"name": name, "type": type_name})
        if given is not None:
            return dict(self._client.put(f"/api/imports/{record['id']}/mapping", given))
        if resume:
            found = self._find(path, record["guess"])
            if found is not None and found["id"] != record["id"] and found["status"] in ("interrupted", "running"):
                return found
        unsure = [n for n, c in record["guess"].get("columns", {}).items() if c.get("confidence", 1) < 0.75]
        self._console.print(f"No mapping was given: proposed is {record['target']}, likeness {record['likeness']:.2f}.")
        if unsure or record["likeness"] < 0.5:
            raise InvalidInput(
                f"the proposed mapping is not sure enough ({', '.join(unsure) or record['target']}).",
                field="--mapping",
                remedy=f"Write it down and correct it: province import guess {name} > mapping.yaml",
            )
        return record

    def carry(self, record: dict[str, Any], *, trial: bool) -> dict[str, Any]:
        """Run it to its end, through an absence of the server; it goes on where it stopped."""
        id = record["id"]
        if record["status"] == "done":
            self._console.print("This file was imported by this mapping before; nothing is done again.")
            return record
        columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
        with Progress(*columns, console=self._console, transient=True, disable=self._as_json) as progress:
            bar = progress.add_task("Trying" if trial else "Importing", total=None)
            pause_s = _FIRST_POLL_S
            if not record["running"]:
                record = self._patiently(lambda: self._start(id, trial))
            while record["running"] or record["status"] == "interrupted":
                if not record["running"]:
                    progress.update(bar, description="Going on")
                    record = self._patiently(lambda: self._start(id, trial))
                time.sleep(pause_s)
                pause_s = min(2 * pause_s, _POLL_S)
                record = self._patiently(lambda: self._client.get(f"/api/imports/{id}"))
                progress.update(bar, completed=record.get("rows") or 0)
        if record["status"] == "failed" or (record["note"] and not record["rows"]):
            raise InvalidInput(record["note"] or "the import failed.", remedy="Correct the file or the mapping.")
        return record

    def _start(self, id: str, trial: bool) -> dict[str, Any]:
        return dict(self._client.post(f"/api/imports/{id}/start{'?trial=true' if trial else ''}", {}))

    def keep_refused(self, record: Mapping[str, Any], target: Path | None) -> Path:
        """Write the refused rows beside."""
        content, name = self._client.fetch_file(f"/api/imports/{record['id']}/refused")
        path = target or Path(Path(name).name)
        path.write_bytes(content)
        return path

    def tell(self, record: Mapping[str, Any], kept: Path | None, trial: bool) -> None:
        """Say what became of it."""
        if self._as_json:
            names = ("id", "fileName", "fileHash", "target", "status", "rows", "taken", "refused", "created", "changed",
                     "unchanged", "readings", "known")  # fmt: skip
            told = {n: record.get(n) for n in names} | {"refusedFile": str(kept) if kept else None}
            click.echo(json.dumps({**told, "firstRefused": record.get("firstRefused", [])}, ensure_ascii=False))
            return
        would = "would be " if trial else ""
        click.echo(
            f"{record['fileName']}: {record['rows']} rows, {record['taken']} {would}taken,"
            f" {record['refused']} {would}refused"
        )
        click.echo(
            f"  entities: {record['created']} {would}created, {record['changed']} changed,"
            f" {record['unchanged']} unchanged; readings: {record['readings']} new, {record['known']} known before"
        )
        for one in record.get("firstRefused", [])[:5]:
            for why in one["reasons"][:2]:
                click.echo(f"  row {one['row']}, {why['field'] or 'row'}: {why['en']} {why['remedyEn']}")
        if kept:
            click.echo(
                f"  refused rows with reasons: {kept}  (mend them there and import that file by the same mapping)"
            )
        click.echo(f"  {record['id']}")

    def _find(self, path: Path, mapping: Any) -> dict[str, Any] | None:
        digest = hashlib.sha256()
        with path.open("rb") as file:
            while block := file.read(1024 * 1024):
                digest.update(block)
        try:
            return dict(self._client.post("/api/imports/find", {"hash": digest.hexdigest(), "mapping": mapping}))
        except NotFound:
            return None

    def _patiently(self, ask: Callable[[], dict[str, Any]]) -> dict[str, Any]:
        """Ask until the server answers; it may be starting again."""
        until = time.monotonic() + _PATIENCE_S
        while True:
            try:
                return ask()
            except Unavailable:
                if time.monotonic() > until:
                    raise
                self._console.print("The server does not answer; waiting for it …")
                time.sleep(2)


def read_yaml(path: Path) -> Any:
    """A mapping file. Raises: InvalidInput with line and column."""
    try:
        return load_yaml(path.read_text("utf-8"))
    except UnicodeDecodeError as error:
        raise InvalidInput(f"{path}: {error}", field="--mapping", remedy="Save it as UTF-8.") from None


def to_yaml(mapping: Mapping[str, Any]) -> str:
    """A mapping as people read it: members in their order, letters as they are."""
    return yaml.safe_dump(dict(mapping), allow_unicode=True, sort_keys=False, width=110, default_flow_style=None)


@contextlib.contextmanager
def _gathered(paths: tuple[Path, ...]) -> Iterator[Path]:
    """One file of several: the features of all GeoJSON files, in the order of their names."""
    files = [f for p in paths for f in (sorted(p.rglob("*.geojson")) if p.is_dir() else [p])]
    if len(files) == 1:
        yield files[0]
        return
    features: list[Any] = []
    for file in files:
        try:
            found = json.loads(file.read_bytes())
            features += found["features"] if found.get("type") == "FeatureCollection" else [found]
        except (ValueError, KeyError, AttributeError) as error:
            raise InvalidInput(f"{file} is no GeoJSON: {error}", field="FILE") from None
    with tempfile.NamedTemporaryFile("w", prefix="province-", suffix=".geojson") as whole:
        json.dump({"type": "FeatureCollection", "features": features}, whole, ensure_ascii=False)
        whole.flush()
        yield Path(whole.name)


@contextlib.contextmanager
def _spooled(file: str) -> Iterator[Path]:
    """A path of the file; standard input is written down first, for it is read twice."""
    if file != "-":
        path = Path(file)
        if not path.is_file():
            raise InvalidInput(f"there is no file {file}.", field="FILE", remedy="Check the path.")
        yield path
        return
    with tempfile.NamedTemporaryFile(prefix="province-") as spool:
        while block := sys.stdin.buffer.read(1024 * 1024):
            spool.write(block)
        spool.flush()
        yield Path(spool.name)
