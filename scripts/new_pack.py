"""Makes a pack that passes the conformance test at once: `make new-pack NAME=x`.

A folder under `src/province/packs`, a line in `packs/__init__.py`, and a line in the import contract of
`pyproject.toml`. The pack is a small register of items that are opened and closed; make it into yours.
"""

from __future__ import annotations

import argparse
import ast
import keyword
import re
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
WIDTH = 120

FILES = {
    "__init__.py": '''"""{title}."""

from province.packs.{name}.pack import PACK

__all__ = ["PACK"]
''',
    "types.py": '''"""What the pack keeps: items that are opened and closed."""

# ruff: noqa: N815 - NGSI-LD attribute names are camelCase

from __future__ import annotations

from typing import Annotated, ClassVar, Final

from province.model.label import Label
from province.model.schema import Field, Record, TypeInfo
from province.model.time import Instant
from province.model.workflow import Edge, Workflow

WORKFLOW: Final = Workflow(
    attribute="status",
    initial="open",
    final=frozenset(("closed",)),
    edges=(Edge("open", "closed", "{noun}.closed", Label("Đã xong", "Done")),),
    names=(("open", Label("Đang mở", "Open")), ("closed", Label("Đã đóng", "Closed"))),
)


class {kind}(Record, frozen=True, kw_only=True):
    """One item, from when it was opened until it is closed."""

    TYPE: ClassVar[TypeInfo] = TypeInfo("{kind}", Label("{title}", "{title}"), title="name", workflow=WORKFLOW)

    name: Annotated[str, Field(Label("Tên", "Name"), indexed=True, search=True)]
    status: Annotated[str, Field(Label("Tình trạng", "Status"), indexed=True, values=WORKFLOW.states)] = (
        WORKFLOW.initial
    )
    openedAt: Annotated[Instant, Field(Label("Mở lúc", "Opened at"), indexed=True)]
    dueAt: Annotated[Instant | None, Field(Label("Hạn", "Due"), indexed=True)] = None
''',
    "logic.py": '''"""What people do with items. Pure: no clock, no I/O, no randomness of its own."""

from __future__ import annotations

from datetime import timedelta
from typing import Annotated

from province.errors import InvalidInput
from province.model.change import Change
from province.model.label import Label
from province.model.record import create, move
from province.model.schema import Field
from province.pack import Context
from province.packs.{name}.types import {kind}


def open_item(*, context: Context, name: Annotated[str, Field(Label("Tên", "Name"))]) -> list[Change]:
    """Open an item that falls due after `days_to_close` days. Raises: InvalidInput."""
    if len(context.nonce) < 32:
        raise InvalidInput("the call carries no fresh nonce.", field="nonce", remedy="Draw 16 random bytes per call.")
    if not name.strip():
        raise InvalidInput("the name is empty.", field="name", remedy="Write what it is.")
    item = {kind}(
        id=f"urn:ngsi-ld:{kind}:{{context.nonce}}",
        name=name.strip(),
        openedAt=context.now,
        dueAt=context.now + timedelta(days=context.params["days_to_close"]),
    )
    return [create(item, agency=context.agency)]


def close(
    item: {kind}, *, context: Context, note: Annotated[str, Field(Label("Ghi chú", "Note"))] = ""
) -> list[Change]:
    """Close an item. Raises: Conflict when it is closed already."""
    return [move(item, "closed", at=context.now, note=note)]
''',
    "pack.py": '''"""{title}: the declaration."""

from __future__ import annotations

from province.model.label import Label
from province.model.query import Where
from province.pack import Action, Indicator, Pack, Table
from province.packs.{name} import logic
from province.packs.{name}.types import {kind}

PACK = Pack(
    name="{name}",
    title=Label("{title}", "{title}"),
    row="{row}",
    types=({kind},),
    actions=(
        Action(logic.open_item, record={kind}, needs="{noun}.open", title=Label("Mở", "Open"), creates=True),
        Action(logic.close, record={kind}, needs="{noun}.close", title=Label("Đóng", "Close"), states=("open",)),
    ),
    indicators=(
        Indicator(
            "{name}_open",
            "count",
            of={kind},
            title=Label("{title}: đang mở", "{title}: open"),
            unit="C62",
            where=(Where("status", "==", "open"),),
        ),
    ),
    panels=(Table({kind}, Label("{title}", "{title}"), columns=("name", "openedAt", "dueAt"), group="status"),),
    roles={{"operator": ("{noun}.open", "{noun}.close")}},
)
''',
    "params.yaml": """- name: days_to_close
  value: 30
  unit: DAY
  source: Default of this product; no regulation.
  valid_from: 2025-07-01
""",
    "README.md": """# {title} (row {row})

## Purpose
A register of items that are opened, fall due and are closed.

## Limits
The time to close counts days of the calendar, not working days.

## Sources
`params.yaml` names the source and date of each constant.
""",
    "cases/items.yaml": """- case: An opened item falls due after the days in force
  now: 2026-11-24T01:00:00Z
  action: {noun}.open_item
  agency: urn:ngsi-ld:Agency:a:2025-07-01
  inputs: {{name: " Việc thứ nhất "}}
  expect:
    - change:
        op: create
        type: {kind}
        agency: urn:ngsi-ld:Agency:a:2025-07-01
        attrs: {{name: Việc thứ nhất, status: open, dueAt: "2026-12-24T01:00:00Z"}}

- case: An item without a name is refused
  now: 2026-11-24T01:00:00Z
  action: {noun}.open_item
  inputs: {{name: " "}}
  fails: {{error: InvalidInput, field: name}}

- case: An open item is closed
  now: 2026-11-24T01:00:00Z
  action: {noun}.close
  record: &item {{type: {kind}, id: "urn:ngsi-ld:{kind}:1", version: 2, name: Việc, openedAt: "2026-11-01T00:00:00Z"}}
  expect:
    - change: {{op: merge, event: {noun}.closed, expect_version: 2, attrs: {{status: closed}}}}

- case: A closed item stays closed
  now: 2026-11-24T01:00:00Z
  action: {noun}.close
  record: {{<<: *item, status: closed}}
  fails: {{error: Conflict, field: status}}
""",
}


def add(root: Path, name: str, *, title: str = "", row: str = "III.1") -> Path:
    """Write the folder and name it in both lists. Raises: ValueError for a bad or taken name."""
    packs = root / "src/province/packs"
    if not re.fullmatch(r"[a-z][a-z0-9]*(_[a-z0-9]+)*", name) or keyword.iskeyword(name) or len(name) > 40:
        raise ValueError(f"{name!r} is not a name for a pack: lower-case words joined by underscores")
    if (packs / name).exists() or name in _listed(packs / "__init__.py"):
        raise ValueError(f"the name {name!r} is taken")
    kind = "".join(word.capitalize() for word in name.split("_")) + "Item"
    words = {"name": name, "kind": kind, "noun": kind.lower(), "row": row}
    words["title"] = title or name.replace("_", " ").capitalize()
    for path, text in FILES.items():
        target = packs / name / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(text.format(**words), "utf-8")
    _rewrite(root, sorted([*_listed(packs / "__init__.py"), name]))
    format_ = [sys.executable, "-m", "ruff", "format", "--quiet", str(packs / name)]
    subprocess.run(format_, cwd=root, check=True)  # line breaks depend on the length of the name
    return packs / name


def remove(root: Path, name: str) -> None:
    """Unplug a pack: delete its folder and its two lines."""
    packs = root / "src/province/packs"
    shutil.rmtree(packs / name)
    _rewrite(root, [n for n in _listed(packs / "__init__.py") if n != name])


def _listed(path: Path) -> list[str]:
    """The packs that `packs/__init__.py` imports."""
    tree = ast.parse(path.read_text("utf-8"))
    imports = [n for n in tree.body if isinstance(n, ast.ImportFrom) and n.module == "province.packs"]
    return [alias.name for node in imports for alias in node.names]


def _rewrite(root: Path, names: list[str]) -> None:
    listing = root / "src/province/packs/__init__.py"
    text = listing.read_text("utf-8")
    text = re.sub(r"^from province\.packs import (\([^)]*\)|[^\n]*)\n", "", text, flags=re.MULTILINE)
    line = f"from province.packs import {', '.join(names)}\n"
    if len(line) > WIDTH:
        line = "from province.packs import (\n" + "".join(f"    {n},\n" for n in names) + ")\n"
    if names:
        text = text.replace("from province.pack import Pack\n", f"from province.pack import Pack\n{line}")
    tuple_ = "(\n" + "".join(f"    {n}.PACK,\n" for n in names) + ")" if names else "()"
    text = re.sub(r"^(BUILT_IN: [^=]*= )\(.*?\)$", lambda m: m[1] + tuple_, text, flags=re.MULTILINE | re.DOTALL)
    listing.write_text(text, "utf-8")
    project = root / "pyproject.toml"
    modules = "".join(f'    "province.packs.{n}",\n' for n in names)
    text, found = re.subn(
        r'(name = "Packs never import each other"\ntype = "independence"\nmodules = )\[[^\]]*\]',
        lambda m: f"{m[1]}[\n{modules}]",
        project.read_text("utf-8"),
    )
    if found != 1:
        raise ValueError("pyproject.toml has no contract named 'Packs never import each other'")
    project.write_text(text, "utf-8")


def main() -> int:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("name", help="lower-case words joined by underscores; also the folder")
    parser.add_argument("--title", default="", help="title on screen")
    parser.add_argument("--row", default="III.1", help="the plan's line, such as II.4 or III.2e")
    given = parser.parse_args()
    try:
        made = add(ROOT, given.name, title=given.title, row=given.row)
    except ValueError as error:
        print(f"new_pack: {error}", file=sys.stderr)
        return 2
    print(f"Made {made.relative_to(ROOT)}. Check it with: make test")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
