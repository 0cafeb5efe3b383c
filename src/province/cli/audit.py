"""`province audit`: whether the sealed audit is whole, and proofs that a row is in it. Asked of the database itself."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import date
from pathlib import Path
from typing import IO

import click
import msgspec

from province.cli.operations import Operations
from province.errors import InvalidInput
from province.identity import blocks
from province.identity.blocks import Key, Proof
from province.identity.checking import Report

EXIT_BROKEN = 1
_SHOWN = 20


def _place(ctx: click.Context, option: click.Parameter, given: str) -> str:
    if given and not given.startswith("s3://") and not Path(given).is_dir():
        raise click.BadParameter(f"directory {given!r} does not exist.", ctx, option)
    return given


def add_audit(group: click.Group, operations: Callable[[click.Context], Operations]) -> None:
    """Add the subcommands."""

    @group.group()
    def audit() -> None:
        """The audit: verify that nothing was changed, and prove single rows."""

    @audit.command()
    @click.option("--from", "since", metavar="DAY|BLOCK", help="Begin at a day (YYYY-MM-DD) or a block's number.")
    @click.option("--heads", default="", metavar="FOLDER|URL", callback=_place,
                  help="Folder or s3:// URL of exported heads; give the copy that is off this machine.")  # fmt: skip
    @click.option("--values", is_flag=True, help="Compare the history of all records with what was sealed of it too.")
    @click.option("--json", "as_json", is_flag=True, help="Print JSON.")
    @click.pass_context
    def verify(ctx: click.Context, since: str | None, heads: str, values: bool, as_json: bool) -> None:
        """Look for a changed, removed, inserted, reordered or truncated row. Exit code 1 when there is one.

        Works on the database while the server runs. The first bad row stands first.
        """
        found = operations(ctx).verify_audit(heads, _since(since), values=values)
        if as_json:
            click.echo(msgspec.json.format(msgspec.json.encode(found)).decode())
        else:
            click.echo("\n".join(_told(found)))
        if found.findings:
            ctx.exit(EXIT_BROKEN)

    @audit.command()
    @click.argument("row", type=click.IntRange(min=1))
    @click.option("--output", type=click.Path(dir_okay=False, path_type=Path), help="File to write; default: print.")
    @click.pass_context
    def prove(ctx: click.Context, row: int, output: Path | None) -> None:
        """Write the proof that the row with the number ROW was sealed. `check-proof` needs no database."""
        text = msgspec.json.format(msgspec.json.encode(operations(ctx).prove_audit(row)))
        if output is None:
            click.echo(text.decode())
        else:
            output.write_bytes(text + b"\n")
            click.echo(str(output))

    @audit.command("check-proof")
    @click.argument("file", type=click.File("rb"))
    @click.option("--keys", type=click.Path(exists=True, dir_okay=False, path_type=Path), required=True,
                  help="keys.json from the folder of heads: its first key is the one that is trusted.")  # fmt: skip
    @click.pass_context
    def check_proof(ctx: click.Context, file: IO[bytes], keys: Path) -> None:
        """Check a proof from FILE, with nothing but the public keys. Exit code 1 when it does not hold."""
        try:
            proof = msgspec.json.decode(file.read(), type=Proof)
            anchors = msgspec.json.decode(keys.read_bytes(), type=list[Key])
        except msgspec.DecodeError as error:
            raise InvalidInput(f"a file cannot be read: {error}", remedy="Give the proof, and keys.json.") from None
        if not blocks.is_proven(proof, [k.id for k in anchors[:1]]):
            click.echo("NOT PROVEN: the row is not in a block that a trusted key signed.")
            ctx.exit(EXIT_BROKEN)
        block = proof.block
        click.echo(f"proven: row {proof.row[1]} is in block {block.number}, sealed {block.at:%Y-%m-%d %H:%M:%S}Z")

    @audit.command("rotate-key")
    @click.pass_context
    def rotate_key(ctx: click.Context) -> None:
        """Sign with a new key from the next block on. What former keys signed stays valid."""
        click.echo(f"signing key {operations(ctx).rotate_audit_key()}")


def _since(text: str | None) -> date | int | None:
    if text is None:
        return None
    if text.isdecimal() and len(text) < 18:
        return int(text)
    try:
        if not re.fullmatch(r"\d{4}-\d\d-\d\d", text):
            raise ValueError
        return date.fromisoformat(text)
    except ValueError:
        raise click.BadParameter(f"{text!r} is neither a day (YYYY-MM-DD) nor a number.", param_hint="--from") from None


def _told(found: Report) -> list[str]:
    summary = f"{found.rows} rows in {found.blocks} blocks, {found.heads} exported heads compared"
    summary += f", {found.waiting} rows wait"
    if found.values or found.erased:
        summary += f", {found.values} values of the history agree, {found.erased} are erased"
    if not found.findings:
        return [f"whole: {summary}"]
    first = found.first
    ordered = [first, *(f for f in found.findings if f is not first)] if first else list(found.findings)
    lines = [f"BROKEN: {len(found.findings)} findings; {summary}"]
    lines += [f"{f.what:<10} {f.text}" for f in ordered[:_SHOWN]]
    if len(ordered) > _SHOWN:
        lines.append(f"… and {len(ordered) - _SHOWN} more (--json shows all)")
    return lines
