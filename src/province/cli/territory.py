"""`province territory` and `province agency`: orders that change areas and agencies, sent to the running server."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import click
import yaml

from province.cli.client import Client
from province.errors import InvalidInput
from province.territory.boundary import unwrap

EXIT_UNSETTLED = 2
"""A preview that leaves something for a person to decide."""

_EXAMPLES = """Orders that change areas: preview, merge, split, transfer, revert.

\b
Examples:
  province territory preview --file order.yaml           what an order touches; nothing is written
  province territory merge AREA AREA --code 25800 --name "Xã Hòa Bình" --kind commune \\
      --from 2026-12-15 --basis "Nghị quyết 12/NQ-HĐND"  two units become one
  province territory split AREA --file parts.yaml --from 2027-01-01 --basis "…"
  province territory transfer AREA --to AREA --boundary land.geojson --from 2027-01-01 --basis "…"
  province territory revert ORDER --reason "Hoãn"        take back an order before its day
  province territory address "12 Yersin, P. Phú Cường, TP Thủ Dầu Một"

\b
Every order may be tried first with --preview. Exit codes: 0 done; 1 refused; 2 a preview
leaves something for a person to decide; 3 the server does not answer.
"""


def add_territory(group: click.Group, client: Callable[[click.Context], Client]) -> None:
    """Add the subcommands. client: of the running server, with the caller's token."""

    @group.group(help=_EXAMPLES)
    def territory() -> None: ...

    _add_orders(territory, client)
    _add_questions(territory, client)

    @group.group()
    def agency() -> None:
        """Orders that change agencies."""

    @agency.command("merge")
    @click.argument("agencies", nargs=-1, required=True)
    @click.option("--into", help="Id of an agency that goes on and succeeds them.")
    @click.option("--key", help="Key of a new agency that succeeds them.")
    @click.option("--name", help="Its name.")
    @click.option("--kind", default="department", show_default=True, help="Its kind.")
    @click.option("--area", default="", help="Id of its area.")
    @click.option("--parent", default="", help="Id of the agency above it.")
    @_decided
    @click.pass_context
    def merge_agencies(
        ctx: click.Context, /, agencies: tuple[str, ...], into: str | None, key: str | None, name: str | None,
        kind: str, area: str, parent: str, **common: Any,
    ) -> None:  # fmt: skip
        """Let one agency succeed others: what they own and may do is the successor's from that day.

        \b
        Example:
          province agency merge urn:ngsi-ld:Agency:a:2025-07-01 urn:ngsi-ld:Agency:b:2025-07-01 \\
              --key so-moi --name "Sở mới" --from 2027-01-01 --basis "Nghị quyết …" --preview
        """
        article: dict[str, Any] = {"kind": "agency-merge", "agencies": agencies}
        if into:
            article["to"] = into
        else:
            article["office"] = {
                "identifier": key or "",
                "name": name or "",
                "kind": kind,
                "area": area,
                "parent": parent,
            }
        _send(ctx, client(ctx), [article], **common)


def _decided(command: Callable[..., None]) -> Callable[..., None]:
    """The options that every order has."""
    for option in (
        click.option("--json", "as_json", is_flag=True, help="Print JSON."),
        click.option("--preview", is_flag=True, help="Only tell what it would touch."),
        click.option("--title", default="", help="The order in a few words."),
        click.option("--basis-date", help="Day of the document."),
        click.option("--basis", required=True, help="Document that decides it, as it is cited."),
        click.option("--from", "effective", required=True, help="Civil day from which it holds, yyyy-mm-dd."),
    ):
        command = option(command)
    return command


def _add_orders(group: click.Group, client: Callable[[click.Context], Client]) -> None:
    @group.command()
    @click.argument("units", nargs=-1)
    @click.option("--part", "atoms", multiple=True, help="Id of a part of another unit; may be repeated.")
    @click.option("--code", required=True, help="Code of the new unit.")
    @click.option("--name", required=True, help="Its name, with its kind.")
    @click.option("--kind", required=True, help="ward, commune or township.")
    @click.option("--parent", default="", help="Id of the area above; that of the units when left out.")
    @_decided
    @click.pass_context
    def merge(
        ctx: click.Context, /, units: tuple[str, ...], atoms: tuple[str, ...], code: str, name: str, kind: str,
        parent: str, **common: Any,
    ) -> None:  # fmt: skip
        """Make one new unit of whole UNITS and of parts of others."""
        into = {"code": code, "name": name, "kind": kind, "parent": parent}
        _send(ctx, client(ctx), [{"kind": "merge", "units": units, "atoms": atoms, "into": into}], **common)

    @group.command()
    @click.argument("unit")
    @click.option("--file", "path", required=True, type=click.Path(exists=True, dir_okay=False, path_type=Path),
                  help="YAML or JSON: the parts, each a `unit` with `atoms` or `boundary`.")  # fmt: skip
    @_decided
    @click.pass_context
    def split(ctx: click.Context, /, unit: str, path: Path, **common: Any) -> None:
        """Make several units of one."""
        _send(ctx, client(ctx), [{"kind": "split", "units": [unit], "parts": _read(path)}], **common)

    @group.command()
    @click.argument("unit")
    @click.option("--to", required=True, help="Id of the unit that gains the land.")
    @click.option("--part", "atoms", multiple=True, help="Id of a part of UNIT; may be repeated.")
    @click.option(
        "--boundary", type=click.Path(exists=True, dir_okay=False, path_type=Path), help="GeoJSON of the land."
    )
    @_decided
    @click.pass_context
    def transfer(
        ctx: click.Context, /, unit: str, to: str, atoms: tuple[str, ...], boundary: Path | None, **common: Any
    ) -> None:
        """Move a part of UNIT to another unit; both go on."""
        article: dict[str, Any] = {"kind": "transfer", "units": [unit], "to": to}
        if atoms:
            article["atoms"] = atoms
        if boundary is not None:
            article["boundary"] = unwrap(_read(boundary))
        _send(ctx, client(ctx), [article], **common)

    @group.command()
    @click.option("--file", "path", required=True, type=click.Path(exists=True, dir_okay=False, path_type=Path),
                  help="YAML or JSON: effective, basis, articles.")  # fmt: skip
    @click.option("--json", "as_json", is_flag=True, help="Print JSON.")
    @click.pass_context
    def preview(ctx: click.Context, path: Path, as_json: bool) -> None:
        """Tell what an order of several articles would touch; nothing is written."""
        _tell(ctx, client(ctx).post("/api/territory/preview", _read(path)), as_json, exit_code=True)

    @group.command()
    @click.option("--file", "path", required=True, type=click.Path(exists=True, dir_okay=False, path_type=Path),
                  help="YAML or JSON: effective, basis, articles.")  # fmt: skip
    @click.option("--json", "as_json", is_flag=True, help="Print JSON.")
    @click.pass_context
    def order(ctx: click.Context, path: Path, as_json: bool) -> None:
        """Decide an order of several articles."""
        _tell_decided(ctx, client(ctx).post("/api/territory/orders", _read(path)), as_json)

    @group.command()
    @click.argument("order")
    @click.option("--reason", required=True, help="Why.")
    @click.option("--json", "as_json", is_flag=True, help="Print JSON.")
    @click.pass_context
    def revert(ctx: click.Context, order: str, reason: str, as_json: bool) -> None:
        """Take back an ORDER before its day. One that is in force is undone by another order only."""
        _tell_decided(ctx, client(ctx).post(f"/api/territory/orders/{order}/revert", {"reason": reason}), as_json)


def _add_questions(group: click.Group, client: Callable[[click.Context], Client]) -> None:
    @group.command()
    @click.argument("day")
    @click.option("--decide", is_flag=True, help="Send it as an order (on a map of the day before).")
    @click.option("--json", "as_json", is_flag=True, help="Print JSON.")
    @click.pass_context
    def replay(ctx: click.Context, day: str, decide: bool, as_json: bool) -> None:
        """The reform of DAY that the facts record, as an order: 2025-03-01 or 2025-07-01."""
        found = client(ctx).get(f"/api/territory/recorded/{day}")
        if not decide:
            click.echo(json.dumps(found, ensure_ascii=False, indent=1))
            return
        _tell_decided(ctx, client(ctx).post("/api/territory/orders", found), as_json)

    @group.command()
    @click.argument("area")
    @click.option("--on", default="", help="Civil day of the map; today when left out.")
    @click.pass_context
    def parts(ctx: click.Context, area: str, on: str) -> None:
        """The parts of land of which AREA consists: what may be named with --part."""
        for one in client(ctx).get(f"/api/territory/areas/{area}/parts", {"on": on} if on else None):
            click.echo(f"{one['id']:<32} {one['size']:8.2f} km²  {one['position'][0]:.4f}, {one['position'][1]:.4f}")

    @group.command()
    @click.argument("text")
    @click.option("--on", default="", help="Civil day of the map; today when left out.")
    @click.option("--at", help="Longitude,latitude, where known.")
    @click.option("--json", "as_json", is_flag=True, help="Print JSON.")
    @click.pass_context
    def address(ctx: click.Context, text: str, on: str, at: str | None, as_json: bool) -> None:
        """Tell an address, old or new, as it is written on the map of a day."""
        lon, _, lat = (at or "").partition(",")
        given = {"text": text, "on": on, "lon": lon.strip(), "lat": lat.strip()}
        found = client(ctx).get("/api/addresses", {k: v for k, v in given.items() if v})
        if as_json:
            click.echo(json.dumps(found, ensure_ascii=False, indent=1))
            return
        for form in found["forms"]:
            click.echo(form["text"])
        if not found["settledBy"]:
            click.echo("not settled: the unit was divided, or is unknown; give --at." if found["forms"] else "unknown.")


def _send(
    ctx: click.Context, client: Client, articles: Iterable[dict[str, Any]], *, effective: str, basis: str,
    basis_date: str | None, title: str, preview: bool, as_json: bool,
) -> None:  # fmt: skip
    order: dict[str, Any] = {"effective": effective, "basis": basis, "title": title, "articles": list(articles)}
    if basis_date:
        order["basisDate"] = basis_date
    if preview:
        _tell(ctx, client.post("/api/territory/preview", order), as_json, exit_code=True)
    else:
        _tell_decided(ctx, client.post("/api/territory/orders", order), as_json)


def _tell_decided(ctx: click.Context, found: dict[str, Any], as_json: bool) -> None:
    if as_json:
        click.echo(json.dumps(found, ensure_ascii=False, indent=1))
        return
    again = " (decided before; nothing was done now)" if found["repeated"] else ""
    click.echo(f"{found['id']}  {found['status']} from {found['effective']}{again}")
    _tell(ctx, found["touched"], False, exit_code=False)


def _tell(ctx: click.Context, found: dict[str, Any], as_json: bool, *, exit_code: bool) -> None:
    if as_json:
        click.echo(json.dumps(found, ensure_ascii=False, indent=1))
    else:
        for one in found["ends"]:
            became = ", ".join(name for _, name in one["became"]) or "nothing"
            click.echo(f"ends      {one['code']:<8} {one['name']} → {became}")
        for one in found["begins"]:
            click.echo(f"begins    {one['code']:<8} {one['name']}")
        for one in found["agencies_end"]:
            became = ", ".join(name for _, name in one["became"]) or "no successor"
            click.echo(f"agency    {one['name']} → {became}")
        click.echo(
            f"land      {found['land_km2']} km² in {found['parts_moved']} parts, {found['parts_divided']} divided"
        )
        for one in found["entities"]:
            click.echo(f"stands    {one['count']:>8} {one['what']}")
        for one in found["cases"]:
            click.echo(f"open      {one['count']:>8} {one['type']} of {one['former']} → {one['to'] or 'nobody yet'}")
        click.echo(
            f"rights    {sum(g['count'] for g in found['grants'])} grants ({found['grants_ending']} end),"
            f" {found['accounts']} accounts, {found['tokens']} tokens, {found['subscriptions']} subscriptions,"
            f" {found['views']} saved views, {len(found['indicators'])} indicators by area"
        )
        for text in found["unsettled"]:
            click.echo(f"DECIDE    {text['en']}")
    if exit_code and found["unsettled"]:
        ctx.exit(EXIT_UNSETTLED)


def _read(path: Path) -> Any:
    try:
        return yaml.safe_load(path.read_text("utf-8"))
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise InvalidInput(f"{path} cannot be read: {error}", field="file", remedy="Write YAML or JSON.") from None
