"""`province erase`: what is held about a person, shown first and erased after a word."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from typing import Any, Final

import click

from province.cli.client import Client
from province.errors import Unavailable

_PATIENCE_S: Final = 120.0
_WHERE: Final = {
    "records": "records that are touched",
    "state": "values in records",
    "history": "values in the history, with their salts",
    "outbox": "events that named a value",
    "messages": "notices, mail, SMS and notifications",
    "readings": "readings in the lake (files within a day)",
    "files": "files on disk",
    "repairs": "copies among failed effects",
    "copies": "files of imports, and refused rows of them",
    "jobs": "arguments of jobs in the queue",
}


def add_erasure(group: click.Group, client: Callable[[click.Context], Client]) -> None:
    """Add the command."""

    @group.command()
    @click.argument("subject")
    @click.option("--ground", type=click.Choice(("request", "consent", "other")), default="request", show_default=True,
                  help="Why it is erased.")  # fmt: skip
    @click.option("--reference", default="", help="File number of the request; no name.")
    @click.option("--preview", "only_preview", is_flag=True, help="Show what would go, and stop.")
    @click.option("--yes", is_flag=True, help="Do not ask.")
    @click.option("--json", "as_json", is_flag=True, help="Print JSON.")
    @click.pass_context
    def erase(ctx: click.Context, subject: str, ground: str, reference: str, only_preview: bool, yes: bool,
              as_json: bool) -> None:  # fmt: skip
        """Erase the personal fields of SUBJECT: the id of a record; or a login, for every record that names it.

        State, history, messages, readings and files are erased, and the audit stays whole. Backups made before hold the
        values until the site removes them; a restored one is erased again.
        """
        found = client(ctx).post("/api/erasures/preview", {"subject": subject})
        if not as_json or not (yes or only_preview):
            _tell(found)
        if only_preview:
            if as_json:
                click.echo(json.dumps(found, ensure_ascii=False))
            return
        if not yes:
            click.confirm("Erase this? It cannot be taken back.", abort=True)
        body = {"subject": subject, "ground": ground, "reference": reference}
        done = _wait(client(ctx), client(ctx).post("/api/erasures", body))
        click.echo(json.dumps(done, ensure_ascii=False) if as_json else f"erased; decision {done['id']}")


def _tell(found: dict[str, Any]) -> None:
    for part in found["parts"]:
        whole = " (the whole record)" if part["whole"] else ""
        click.echo(f"{part['type']} {part['entity']}: {', '.join(part['fields'])}{whole}")
    for name, text in _WHERE.items():
        click.echo(f"{found['effect'][name]:>8}  {text}")
    click.echo("          backups made before now: until the site removes them")
    traces = found["traces"]
    for one in traces["found"]:
        place = " ".join(p for p in (one["where"], one["entity"], one["field"]) if p)
        click.echo(f"LOOK AT   {place}: {', '.join(one['kinds']) or 'the record'} ({one['count']})")
    if traces["hidden"]:
        click.echo(f"LOOK AT   {traces['hidden']} more in records that you may not read")
    for one in traces["unsearched"]:
        click.echo(f"UNKNOWN   not searched: {one}")


def _wait(client: Client, made: dict[str, Any]) -> dict[str, Any]:
    """The decision once it is carried out. Raises: Unavailable when that takes long; it goes on by itself."""
    deadline = time.monotonic() + _PATIENCE_S
    while time.monotonic() < deadline:
        for one in client.get("/api/erasures"):
            if one["id"] == made["id"] and one["state"] == "done":
                found: dict[str, Any] = one
                return found
        time.sleep(0.3)
    raise Unavailable(f"decision {made['id']} is not carried out yet; it will be.", remedy="Is the process `work` up?")
