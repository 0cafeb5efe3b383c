"""`province`: the command line. Commands that run or repair an installation work on its home; the others speak to a
running server over HTTP with the caller's own token, and so have exactly the caller's rights.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from http import HTTPStatus
from pathlib import Path
from typing import Any

import click

from province import __version__
from province.cli import exports, imports
from province.cli.annex import add_annex
from province.cli.audit import add_audit
from province.cli.client import Client
from province.cli.erasure import add_erasure
from province.cli.operations import Operations
from province.cli.planning import add_plan
from province.cli.territory import add_territory
from province.errors import ProvinceError
from province.vocab.area import parse_day

EXIT_REFUSED = 1
"""The request was refused: input, rights, state."""
EXIT_UNAVAILABLE = 3
"""A part of the system does not answer."""

_EXAMPLES = """
\b
Examples:
  province run                                        start everything
  province status                                     what runs, and is it healthy
  province list Report --where status==new            entities of a type
  province act report.resolve ID --set note="Đã vá"   carry out an action
  province observe readings.json                      a batch of readings
  province import parks.csv --mapping parks.yaml      a file, refused rows beside it
  province plan fiveg --budget "40 sites"             5G sites for the parks, with a certificate
  province plan ducts --budget "20 km" --roads a.pbf  roads to trench this year, on real streets
  province annex verify                               one acceptance check per line of the plan
  province territory preview --file order.yaml        what a merger touches, before anything is written
  province backup /srv/backups                        one consistent cut
"""


class Commands(click.Group):
    """A group whose errors are one line on standard error, with the field and the remedy, and an exit code."""

    def invoke(self, ctx: click.Context) -> Any:
        """Run the command."""
        try:
            return super().invoke(ctx)
        except ProvinceError as error:
            from province.errors import Unavailable

            click.echo(f"province: {error}", err=True)
            ctx.exit(EXIT_UNAVAILABLE if isinstance(error, Unavailable) else EXIT_REFUSED)
        except UnicodeEncodeError as error:
            word = error.object[:60].encode("utf-8", "replace").decode()
            click.echo(f"province: an id or value is not UTF-8: {word!r}. Give it in UTF-8.", err=True)
            ctx.exit(EXIT_REFUSED)
        except BrokenPipeError:
            ctx.exit(0)


def build(open_operations: Callable[[], Operations]) -> click.Group:
    """The command group. open_operations: gives the operations of this installation, when a command needs them."""

    @click.group(cls=Commands, help=f"Province: the platform of a province's digital life.\n{_EXAMPLES}")
    @click.version_option(__version__, prog_name="province")
    @click.pass_context
    def province(ctx: click.Context) -> None:
        ctx.obj = open_operations

    _add_server(province)
    _add_upkeep(province)
    _add_data(province)
    imports.add(province, _client)
    exports.add(province, _client)
    add_annex(province, _client)
    add_territory(province, _client)
    add_audit(province, _operations)
    add_erasure(province, _client)
    add_plan(province, _client)
    return province


def _operations(ctx: click.Context) -> Operations:
    operations: Operations = ctx.obj()
    return operations


def _add_server(group: click.Group) -> None:
    @group.command()
    @click.option(
        "--simulate/--no-simulate", default=None, help="Run the simulator of field devices beside the server."
    )
    @click.option("--example/--no-example", default=True, show_default=True, help="Load the Bình Dương example.")
    @click.option("--map-of", metavar="DAY", help="Load the example as it was known on a day, to replay a reform.")
    @click.pass_context
    def run(ctx: click.Context, simulate: bool | None, example: bool, map_of: str | None) -> None:
        """Start engines and server, and keep them running until Ctrl-C."""
        _operations(ctx).run(
            simulate=simulate, example=example, map_of=parse_day(map_of, field="map-of") if map_of else ""
        )

    @group.command()
    @click.option("--number", type=click.IntRange(1), default=1, help="Which of several on the same port.")
    @click.pass_context
    def serve(ctx: click.Context, number: int) -> None:
        """Serve HTTP (the supervisor starts this)."""
        _operations(ctx).process("serve", number)

    for name, text in (
        ("ingest", "Take in readings and write the lake (the supervisor starts this)."),
        ("work", "Carry out rules, notices and jobs (the supervisor starts this)."),
    ):

        def one(ctx: click.Context, name: str = name) -> None:
            _operations(ctx).process(name)

        group.command(name, help=text)(click.pass_context(one))

    @group.command()
    @click.option("--devices", type=click.IntRange(1, 200_000), help="Register and play a fleet of this size.")
    @click.option("--domain", "domains", multiple=True, help="Only this one of the seven; may be given repeatedly.")
    @click.option("--speed", default=1.0, show_default=True, help="Simulated seconds per second.")
    @click.option("--seed", default=0, show_default=True, help="Same seed, same signals and faults.")
    @click.option("--faults", is_flag=True, help="With drift, stuck values, broken sensors and reconnect storms.")
    @click.option("--scenario", type=click.Choice(["flood"]),
                  help="A drill: gauges rise through all alarm levels and fall again.")  # fmt: skip
    @click.pass_context
    def simulate(
        ctx: click.Context,
        devices: int | None,
        domains: tuple[str, ...],
        speed: float,
        seed: int,
        faults: bool,
        scenario: str | None,
    ) -> None:
        """Send invented readings over MQTT; their origin is `simulated`. Without --devices and --scenario: those of the
        example's sensors, which the server plays already while it runs with the example."""
        _operations(ctx).simulate(
            devices=devices, domains=domains, speed=speed, seed=seed, faults=faults, scenario=scenario or ""
        )

    @group.command("simulate-zalo")
    @click.argument("text")
    @click.option("--at", "place", metavar="LAT,LON", help="A place sent along.")
    @click.option("--sender", default="simulated-resident", show_default=True)
    @click.pass_context
    def simulate_zalo(ctx: click.Context, text: str, place: str | None, sender: str) -> None:
        """Send TEXT to the server as Zalo would, signed the same way. It is invented, and is shown as simulated."""
        lat, _, lon = (place or "").partition(",")
        try:
            where = (float(lon), float(lat)) if place else None
        except ValueError:
            raise click.BadParameter(f"{place!r} is not LAT,LON.", param_hint="--at") from None
        answer = _operations(ctx).simulate_zalo(text, where, sender)
        click.echo(f"simulated message sent; the server answered {answer}")
        if answer >= HTTPStatus.BAD_REQUEST:
            ctx.exit(EXIT_REFUSED)

    @group.command()
    @click.option("--json", "as_json", is_flag=True, help="Print JSON.")
    @click.pass_context
    def status(ctx: click.Context, as_json: bool) -> None:
        """Show what runs. Exit code 3 when something does not."""
        report = _operations(ctx).status()
        if as_json:
            click.echo(json.dumps(report, ensure_ascii=False, indent=1))
        else:
            for name, child in report["children"].items():
                click.echo(f"{name:<10} {child['state']:<9} pid {child['pid'] or '-':<8} restarts {child['restarts']}")
            click.echo(f"address    {report['address'] or 'not running'}")
        if not report["healthy"]:
            ctx.exit(EXIT_UNAVAILABLE)


def _add_upkeep(group: click.Group) -> None:
    @group.command()
    @click.argument("folder", type=click.Path(path_type=Path))
    @click.pass_context
    def backup(ctx: click.Context, folder: Path) -> None:
        """Write one consistent cut of everything into a new folder inside FOLDER. Works while the server runs."""
        click.echo(str(_operations(ctx).backup(folder)))

    @group.command()
    @click.argument("source", type=click.Path(exists=True, file_okay=False, path_type=Path))
    @click.option("--keys", type=click.Path(exists=True, dir_okay=False, path_type=Path), required=True,
                  help="The file with the keys, kept apart from the backup.")  # fmt: skip
    @click.pass_context
    def restore(ctx: click.Context, source: Path, keys: Path) -> None:
        """Restore a backup into this home, which must be empty."""
        _operations(ctx).restore(source, keys)

    @group.command()
    @click.pass_context
    def migrate(ctx: click.Context) -> None:
        """Bring the database schema up to date and stop."""
        applied = _operations(ctx).migrate()
        click.echo(f"applied: {', '.join(map(str, applied))}" if applied else "nothing to do")

    @group.command("rotate-key")
    @click.pass_context
    def rotate_key(ctx: click.Context) -> None:
        """Replace the master key and encrypt all stored secrets anew."""
        click.echo(f"{_operations(ctx).rotate_key()} secrets encrypted with the new key")


def _add_data(group: click.Group) -> None:
    @group.command("list")
    @click.argument("type_name", metavar="TYPE")
    @click.option("--where", "q", multiple=True, help="A term of the NGSI-LD query language, such as status==new.")
    @click.option("--limit", default=20, show_default=True)
    @click.pass_context
    def list_(ctx: click.Context, type_name: str, q: tuple[str, ...], limit: int) -> None:
        """List entities of a type as JSON lines."""
        params = {"type": type_name, "limit": str(limit), "format": "simplified"}
        if q:
            params["q"] = ";".join(q)
        for entity in _client(ctx).get("/ngsi-ld/v1/entities", params):
            click.echo(json.dumps(entity, ensure_ascii=False))

    @group.command()
    @click.argument("id")
    @click.pass_context
    def get(ctx: click.Context, id: str) -> None:
        """Show one entity as NGSI-LD."""
        click.echo(json.dumps(_client(ctx).get(f"/ngsi-ld/v1/entities/{id}"), ensure_ascii=False, indent=1))

    @group.command()
    @click.argument("name", metavar="ACTION")
    @click.argument("id", required=False)
    @click.option("--set", "inputs", multiple=True, metavar="NAME=VALUE", help="An input; JSON, or plain text.")
    @click.pass_context
    def act(ctx: click.Context, name: str, id: str | None, inputs: tuple[str, ...]) -> None:
        """Carry out ACTION, on the entity ID unless it creates one."""
        body: dict[str, Any] = {"inputs": dict(_pair(text) for text in inputs)}
        if id:
            body["id"] = id
        click.echo(json.dumps(_client(ctx).post(f"/api/actions/{name}", body), ensure_ascii=False, indent=1))

    @group.command()
    @click.pass_context
    def actions(ctx: click.Context) -> None:
        """List the actions that this server offers."""
        for action in _client(ctx).get("/api/actions"):
            click.echo(f"{action['name']:<28} {action['title']['en']}")

    @group.command()
    @click.argument("file", type=click.File("rb"))
    @click.option("--format", "media_type", default="json", type=click.Choice(["json", "arrow"]), show_default=True)
    @click.option("--key", help="Idempotency key: the same key is taken in once.")
    @click.pass_context
    def observe(ctx: click.Context, file: Any, media_type: str, key: str | None) -> None:
        """Send a batch of readings from FILE (- for standard input)."""
        kind = {"json": "application/json", "arrow": "application/vnd.apache.arrow.stream"}[media_type]
        answer = _client(ctx).send("/api/observations", file.read(), kind, key)
        click.echo(json.dumps(answer, ensure_ascii=False))
        if answer.get("rejected"):
            ctx.exit(EXIT_REFUSED)


def _client(ctx: click.Context) -> Client:
    return _operations(ctx).client()


def _pair(text: str) -> tuple[str, Any]:
    name, found, value = text.partition("=")
    if not found:
        raise click.BadParameter(f"{text!r} is not NAME=VALUE.", param_hint="--set")
    try:
        return name, json.loads(value)
    except ValueError:
        return name, value


def main(open_operations: Callable[[], Operations]) -> None:
    """Entry point."""
    build(open_operations)(prog_name="province")
    sys.exit(0)
