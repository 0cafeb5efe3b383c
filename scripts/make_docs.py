"""Write the reference pages from the declarations in the code; with --check, fail when one is out of date."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path

import click

from province.app.declarations import declarations
from province.broker.actions import inputs_of
from province.cli.main import build
from province.identity.roles import CORE
from province.model import parameters
from province.model.schema import EntityType, describe
from province.model.unit import CODES
from province.pack import Board, Pack
from province.settings import Settings
from province.vocab import TYPES

ROOT = Path(__file__).parents[1]
FOLDER = ROOT / "docs" / "reference"
HEADER = "<!-- Written by `make docs` from the code. Do not edit. -->\n\n"


def settings_page() -> str:
    """Every setting with its default and meaning, read from the class."""
    source = (ROOT / "src/province/settings.py").read_text()
    rows = [
        "# Settings\n",
        "Environment variables, read once at start.\n",
        "| variable | default | meaning |",
        "|---|---|---|",
    ]
    for name, field in Settings.__dataclass_fields__.items():
        variable = f"PROVINCE_{name.upper()}"
        meaning = ""
        for line in source.splitlines():
            if line.strip().startswith(f'"""{variable}'):
                meaning = line.strip().strip('"').partition(":")[2].strip()
        default = "`var`" if name == "home" else f"`{field.default}`" if str(field.default) else "empty"
        rows.append(f"| `{variable}` | {default} | {meaning} |")
    return "\n".join(rows) + "\n"


def commands_page() -> str:
    """Help of every command."""
    group = build(lambda: None)  # type: ignore[arg-type, return-value]
    context = click.Context(group, info_name="province", max_content_width=100)
    parts = ["# Commands\n", "```text", group.get_help(context), "```\n"]
    for name in group.list_commands(context):
        command = group.get_command(context, name)
        assert command is not None
        child = click.Context(command, info_name=name, parent=context, max_content_width=100)
        parts += [f"## province {name}\n", "```text", command.get_help(child), "```\n"]
    return "\n".join(parts)


def roles_page() -> str:
    """Core roles with what packs add."""
    extra = declarations().roles
    rows = ["# Roles\n", "| role | name | permissions | added by packs |", "|---|---|---|---|"]
    for name, (label, permissions) in CORE.items():
        added = ", ".join(f"`{p}`" for p in sorted(set(extra.get(name, ()))))
        rows.append(f"| `{name}` | {label.vi} / {label.en} | {', '.join(f'`{p}`' for p in permissions)} | {added} |")
    return "\n".join(rows) + "\n"


def vocabulary_page() -> str:
    """The entity types that packs share."""
    rows = ["# Shared vocabulary\n", "Entity types that two or more packs speak of.\n"]
    for record in TYPES:
        rows += _type(describe(record))
    return "\n".join(rows)


def pack_page(pack: Pack) -> str:
    """Types, actions, rules, feeds and constants of a pack."""
    rows = [f"# {pack.title.en} (`{pack.name}`)\n", f"{pack.title.vi}. Row {pack.row} of the plan.\n"]
    for record in pack.types:
        rows += _type(describe(record))
    if pack.actions:
        rows += ["## Actions\n", "| action | permission | inputs | in states |", "|---|---|---|---|"]
        for a in pack.actions:
            inputs = ", ".join(f"`{i.name}`" + ("" if i.required else "?") for i in inputs_of(a))
            need = "everybody" if a.public else f"`{a.needs}`"
            rows.append(f"| `{a.name}`: {a.title.en} | {need} | {inputs} | {', '.join(a.states)} |")
        rows.append("")
    if pack.rules:
        rows += ["## Rules\n", *(f"- on `{r.on}`: `{r.name}`" for r in pack.rules), ""]
    if pack.rounds or pack.commands:
        rows += ["## Every second\n", *(f"- {r.name}: {_first_line(r.do)}" for r in pack.rounds)]
        rows += [f"- command `{c.name}` to devices: {_first_line(c.tell)}" for c in pack.commands]
        rows.append("")
    if pack.thresholds:
        rows += [
            "## Limits that are watched\n",
            "| rule | field | levels | hysteresis | must last |",
            "|---|---|---|---|---|",
        ]
        for t in pack.thresholds:
            levels = ", ".join(f"{v.label.en} (`{v.parameter or v.field}`, {v.severity})" for v in t.levels)
            lasts = " and ".join([f"{t.readings} readings"] * (t.readings > 1) + [f"{t.lasts_s} s"] * (t.lasts_s > 0))
            of = f"`{describe(t.of).name}.{t.field}`" + (f", mean of {t.mean.hours} h" if t.mean else "")
            rows.append(f"| `{t.name}` | {of}, {t.direction} | {levels} | `{t.hysteresis}` | {lasts} |")
        rows.append("")
    boards = [panel for panel in pack.panels if isinstance(panel, Board)]
    if boards:
        rows += ["## Boards\n", "| board | figures |", "|---|---|"]
        rows += [f"| `/boards/{b.domain}`: {b.title.en} | {'; '.join(t.title.en for t in b.tiles)} |" for b in boards]
        rows.append("")
    if pack.feeds:
        rows += ["## Feeds\n", *(f"- `{f.name}`: {f.title.en}; needs `{f.needs}`" for f in pack.feeds), ""]
    file = ROOT / "src/province/packs" / pack.name / "params.yaml"
    if file.exists():
        rows += ["## Constants\n", "| name | value | unit | from | source |", "|---|---|---|---|---|"]
        for p in parameters.parse(file.read_text()):
            unit = CODES[p.unit].symbol if p.unit else ""
            value = str(p.value) if not isinstance(p.value, dict) else "table"
            rows.append(f"| `{p.name}` | {value} | {unit} | {p.valid_from} | {p.source} |")
        rows.append("")
    return "\n".join(rows)


def _first_line(function: Callable[..., object]) -> str:
    return (function.__doc__ or "").strip().partition("\n")[0]


def _type(entity_type: EntityType) -> list[str]:
    info = entity_type.info
    rows = [f"## {info.name}: {info.label.en}\n", "| field | kind | unit | marks | name |", "|---|---|---|---|---|"]
    for spec in entity_type.fields.values():
        mark = spec.field
        marks = [
            word
            for word in ("indexed", "search", "observed", "personal", "concealed", "public")
            if getattr(mark, word)
        ] + (["required"] if spec.required else [])  # fmt: skip
        unit = CODES[spec.unit].symbol or spec.unit if spec.unit else ""
        rows.append(
            f"| `{spec.name}` | {spec.value} | {unit} | {', '.join(marks)} | {mark.label.vi} / {mark.label.en} |"
        )
    rows.append("")
    if info.workflow:
        rows += ["```mermaid", "stateDiagram-v2", f"  [*] --> {info.workflow.initial}"]
        rows += [f"  {e.source} --> {e.target}: {e.event}" for e in info.workflow.edges]
        rows += [f"  {s} --> [*]" for s in sorted(info.workflow.final)] + ["```", ""]
    return rows


def pages() -> dict[str, str]:
    """File name → content."""
    makers: dict[str, Callable[[], str]] = {
        "settings.md": settings_page,
        "commands.md": commands_page,
        "roles.md": roles_page,
        "vocabulary.md": vocabulary_page,
    }
    result = {name: HEADER + make() for name, make in makers.items()}
    for pack in declarations().packs:
        result[f"pack-{pack.name}.md"] = HEADER + pack_page(pack)
    return result


def main() -> int:
    """Write, or check."""
    FOLDER.mkdir(parents=True, exist_ok=True)
    stale = []
    for name, content in pages().items():
        path = FOLDER / name
        text = content.rstrip() + "\n"
        if path.exists() and path.read_text() == text:
            continue
        stale.append(name)
        if "--check" not in sys.argv:
            path.write_text(text)
    if stale and "--check" in sys.argv:
        print(f"out of date: {', '.join(stale)}. Run `make docs`.", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
