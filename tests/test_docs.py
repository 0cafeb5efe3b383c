"""The guides say what exists: every link, picture, command and page that they name resolves."""

from __future__ import annotations

import csv
import re
import shlex
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import click
import pytest
from starlette.routing import Match, Route

from province.app.declarations import declarations
from province.cli.main import build
from province.console.routes import routes
from tests.console.world import world

ROOT = Path(__file__).parents[1]
GUIDES = [ROOT / "docs/first-visit.md", *sorted((ROOT / "docs/guide").glob("*.md"))]
PAGES = sorted(
    p
    for p in [
        ROOT / "README.md",
        ROOT / "CONTRIBUTING.md",
        ROOT / "data/binh-duong/README.md",
        *ROOT.glob("docs/**/*.md"),
    ]
    if "reference" not in p.parts
)
LINK = re.compile(r"!?\[[^\]]*\]\(([^)\s]+)\)")
PICTURE_BYTES = 150_000


def named(path: Path) -> str:
    return str(path.relative_to(ROOT))


def anchors(text: str) -> set[str]:
    """Anchors of headings as GitHub makes them."""
    found = set()
    for heading in re.findall(r"^#+ (.+)$", text, re.MULTILINE):
        found.add(re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-"))
    return found


@pytest.mark.parametrize("page", PAGES, ids=named)
def test_every_link_and_picture_resolves(page: Path) -> None:
    text = page.read_text("utf-8")
    for target in LINK.findall(text):
        if re.match(r"[a-z]+:", target):
            continue
        file, _, anchor = target.partition("#")
        found = (page.parent / file).resolve() if file else page
        assert found.exists(), f"{named(page)} points to {target}"
        if anchor and found.suffix == ".md":
            assert anchor in anchors(found.read_text("utf-8")), f"{named(page)} points to {target}"


def code(page: Path) -> Iterator[str]:
    """Every command that a page shows: lines of shell blocks, and inline code."""
    text = page.read_text("utf-8")
    for block in re.findall(r"```sh\n(.*?)```", text, re.DOTALL):
        yield from (line.split("#")[0].strip() for line in block.splitlines() if line.strip())
    yield from re.findall(r"`([^`\n]+)`", re.sub(r"```.*?```", "", text, flags=re.DOTALL))


def operations() -> Any:
    raise AssertionError("no command runs here")


@pytest.mark.parametrize("page", [*GUIDES, ROOT / "README.md", ROOT / "CONTRIBUTING.md"], ids=named)
def test_every_command_exists_with_its_options(page: Path) -> None:
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text("utf-8"), re.MULTILINE))
    for command in code(page):
        words = command.split()
        if not words:
            continue
        if words[0] == "make":
            asked = {w for w in words[1:] if "=" not in w}
            assert asked <= targets, command
        elif words[0] == "province":
            check_command(words[1:], command)
        elif words[0].startswith(".venv/bin/"):
            for path in (w for w in words[1:] if w.startswith("tests/")):
                assert (ROOT / path).exists(), command


def check_command(words: list[str], whole: str) -> None:
    """A subcommand of `province`, its own subcommands, and its options."""
    at: click.Command = build(operations)
    while isinstance(at, click.Group) and words:
        deeper = at.get_command(click.Context(at), words[0])
        if deeper is None:
            break
        at, words = deeper, words[1:]
    known = {o for p in at.params for o in p.opts} | file_options(at)
    assert {w for w in words if w.startswith("-")} <= known, whole
    # A group that takes a file, such as `province import FILE`, does so by a hidden command of its own.
    takes_file = at.name != "province" and bool(file_options(at))
    assert not isinstance(at, click.Group) or not words or takes_file, f"{whole!r}: there is no {words[0]!r}"


def file_options(at: click.Command) -> set[str]:
    """Options of what a group does with a file that is no subcommand of it."""
    if not isinstance(at, click.Group):
        return set()
    hidden = [c for c in (at.get_command(click.Context(at), n) for n in sorted(at.commands)) if c and c.hidden]
    return {o for c in hidden for p in c.params for o in p.opts}


@pytest.mark.parametrize("page", GUIDES, ids=named)
def test_every_page_of_the_console_that_a_guide_names_exists(page: Path) -> None:
    known = [r for r in routes(world().services()) if isinstance(r, Route)]
    types = declarations().types
    for address in {c for c in code(page) if re.fullmatch(r"/[a-z][a-z-]*(/[A-Za-z-]+)?", c)}:
        scope = {"type": "http", "method": "GET", "path": address, "headers": []}
        assert any(r.matches(scope)[0] is Match.FULL for r in known), f"{named(page)} names {address}"
        if address.startswith("/list/"):
            assert address.removeprefix("/list/") in types, address


def test_pictures_are_small_and_shown() -> None:
    shown = {(p.parent / t).resolve() for p in PAGES for t in LINK.findall(p.read_text("utf-8")) if "images/" in t}
    for picture in (ROOT / "docs/guide/images").iterdir():
        assert picture.stat().st_size <= PICTURE_BYTES, picture.name
        assert picture.resolve() in shown, f"nobody shows {picture.name}"


def test_guides_of_the_roles_speak_vietnamese_first_and_english_too() -> None:
    for name in ("first-visit", "guide/operator", "guide/steward", "guide/developer"):
        page = ROOT / "docs" / f"{name}.md"
        text = page.read_text("utf-8")
        vietnamese, _, english = text.partition("## English")
        assert len(re.findall(r"[ăâđêôơưạảấầẩậắằặẹẻếềểệịọỏốồổộớờởợụủứừửựỳỵỷ]", vietnamese)) > 150, page.name
        assert len(english.split()) > 120, page.name


def test_every_example_in_a_help_text_parses() -> None:
    examples = []
    todo: list[click.Command] = [build(operations)]
    while todo:
        command = todo.pop()
        if isinstance(command, click.Group):
            todo += command.commands.values()
        for text in (command.help, command.epilog, command.short_help):
            # Two blanks part the example from what is said about it; a backslash carries it over to the next line.
            whole = re.sub(r"\s*\\\n\s*", " ", text or "")
            found = re.findall(r"^\s*(province .+?)(?:  .*)?$|`(province [^`]+)`", whole, re.MULTILINE)
            examples += [one or other for one, other in found]
    assert len(examples) > 5
    for example in examples:
        check_command(shlex.split(example)[1:], example)


@pytest.mark.parametrize("command", ["province imprt x.csv", "province import --nope x.csv", "province list --nope X"])
def test_a_command_that_does_not_exist_would_be_found(command: str) -> None:
    with pytest.raises(AssertionError):
        check_command(command.split()[1:], command)


def test_the_folder_of_facts_describes_each_of_its_files_with_its_rows() -> None:
    folder = ROOT / "data/binh-duong"
    text = (folder / "README.md").read_text("utf-8")
    told = dict(re.findall(r"^\| `([a-z0-9-]+\.csv)` \| (\d+) \|", text, re.MULTILINE))
    counted = {}
    for path in folder.glob("*.csv"):
        assert f"| `{path.name}` |" in text, path.name
        if path.name.startswith("annex-"):
            continue
        with path.open(encoding="utf-8", newline="") as file:
            counted[path.name] = str(sum(1 for _ in csv.DictReader(file)))
    assert told == counted
