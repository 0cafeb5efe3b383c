"""`province annex`: acceptance checks of the plan, and its annual report, asked of the running server."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click

from province.cli.client import Client

_WORDS = {"met": "met", "not_met": "NOT MET", "no_data": "chưa có"}
EXIT_NOT_MET = 1


def add_annex(group: click.Group, client: Callable[[click.Context], Client]) -> None:
    """Add the subcommands. client: of the running server, with the caller's token."""

    @group.group()
    def annex() -> None:
        """The plan (Annex XIV): acceptance checks and the annual report."""

    @annex.command()
    @click.option("--json", "as_json", is_flag=True, help="Print JSON.")
    @click.pass_context
    def verify(ctx: click.Context, as_json: bool) -> None:
        """Run the acceptance check of every line. Exit code 1 when one that has data is not met.

        A line that nothing measures yet is "chưa có": it neither passes nor fails.
        """
        found = client(ctx).get("/api/annex/checks")
        if as_json:
            click.echo(json.dumps(found, ensure_ascii=False, indent=1))
        else:
            for row in found["checks"]:
                click.echo(_told(row))
            click.echo(_summary(found["checks"]))
        if any(row["outcome"] == "not_met" for row in found["checks"]):
            ctx.exit(EXIT_NOT_MET)

    @annex.command()
    @click.option("--year", type=int, required=True, help="Year of the report.")
    @click.option("--lang", type=click.Choice(["vi", "en"]), default="vi", show_default=True, help="Language.")
    @click.option("--output", type=click.Path(dir_okay=False, path_type=Path), help="File to write; default by year.")
    @click.option("--json", "as_json", is_flag=True, help="Print the data of the report instead.")
    @click.pass_context
    def report(ctx: click.Context, year: int, lang: str, output: Path | None, as_json: bool) -> None:
        """Write the annual implementation report as a PDF."""
        path = f"/api/annex/reports/{year}"
        if as_json:
            click.echo(json.dumps(client(ctx).get(path), ensure_ascii=False, indent=1))
            return
        target = output or Path(f"annex-xiv-{year}.pdf")
        target.write_bytes(client(ctx).download(path, {"format": "pdf", "lang": lang}))
        click.echo(str(target))


def _told(row: dict[str, Any]) -> str:
    text = row["text"]["vi"]
    short = text if len(text) <= 60 else f"{text[:59]}…"
    return f"{row['line']:<8} {_WORDS[row['outcome']]:<8} {short:<60}  {row['evidence']['vi']}"


def _summary(rows: list[dict[str, Any]]) -> str:
    return ", ".join(f"{sum(r['outcome'] == o for r in rows)} {word}" for o, word in _WORDS.items())
