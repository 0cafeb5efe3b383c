"""`province export`: entities of a type into a file."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path

import click

from province.cli.client import Client
from province.errors import InvalidInput

FORMATS = ("csv", "xlsx", "geojson", "gpkg", "parquet", "jsonld")


def add(group: click.Group, client_of: Callable[[click.Context], Client]) -> None:
    """Add the command."""

    @group.command("export")
    @click.argument("type_name", metavar="TYPE")
    @click.option("--to", "target", required=True, metavar="FILE", help="Ending tells the format; - with --format.")
    @click.option("--format", "format_", type=click.Choice(FORMATS), help="Format, when the ending does not tell.")
    @click.option("--where", "q", multiple=True, help='A term of the NGSI-LD query language, such as kind=="ring".')
    @click.option("--text", default="", help="Words to find.")
    @click.option("--purpose", default="", help="What it is for; needed for types with personal fields.")
    @click.option("--labels", type=click.Choice(("vi", "en")), help="Column titles in this language.")
    @click.option("--bom", is_flag=True, help="Byte order mark, so that Excel reads CSV as UTF-8.")
    @click.pass_context
    def export(ctx: click.Context, type_name: str, target: str, format_: str | None, q: tuple[str, ...], text: str,
               purpose: str, labels: str | None, bom: bool) -> None:  # fmt: skip
        """Export entities of TYPE to FILE: .csv .xlsx .geojson .gpkg .parquet .jsonld"""
        kind = format_ or Path(target).suffix.removeprefix(".").lower()
        if kind not in FORMATS:
            raise InvalidInput(
                f"{target} names no format.", field="--to", remedy=f"End it with .{', .'.join(FORMATS)}."
            )
        given = {
            "q": ";".join(q),
            "text": text,
            "purpose": purpose,
            "labels": labels or "",
            "bom": "true" if bom else "",
        }
        params = {k: v for k, v in given.items() if v}
        content, _ = client_of(ctx).fetch_file(f"/api/export/{type_name}.{kind}", params)
        if target == "-":
            sys.stdout.buffer.write(content)
            return
        Path(target).write_bytes(content)
        click.echo(f"{target}: {len(content)} bytes", err=True)
