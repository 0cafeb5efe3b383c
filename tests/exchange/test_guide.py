"""The guide's commands, run as they stand."""

from __future__ import annotations

import re
import shlex
import subprocess
from pathlib import Path

import pytest

from province.model.mapping import Column, Long, Mapping, Place, Time, Wide
from tests.exchange.conftest import Site

GUIDE = (Path(__file__).parents[2] / "docs" / "guide" / "import-export.md").read_text("utf-8")
EXPECTED = {"import tram.csv --mapping tram.yaml": 4, "import tram.csv --mapping tram.yaml --dry-run": 4}
"""Exit codes of commands that refuse a row on purpose; the others end with 0."""


def commands() -> list[str]:
    """The commands of all consoles of the guide, with what they are given."""
    found: list[str] = []
    for block in re.findall(r"```console\n(.*?)```", GUIDE, re.DOTALL):
        for line in block.splitlines():
            if line.startswith("$ "):
                found.append(line[2:])
            else:
                found[-1] += "\n" + line
    return found


@pytest.mark.slow
async def test_every_command_of_the_guide(site: Site, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    ran = 0
    for command in commands():
        if not command.startswith("province "):
            subprocess.run(["bash", "-c", command], check=True, cwd=tmp_path)
            continue
        words, _, target = command.removeprefix("province ").partition(" > ")
        done = await site.run(*shlex.split(words))
        assert done.code == EXPECTED.get(words, 0), (command, done.out, done.err)
        if target:
            (tmp_path / target).write_text(done.out)
        ran += 1
    assert ran == 8
    refused = (tmp_path / "tram.refused.refused.csv").exists()
    assert not refused, "the mended file came in whole"
    assert "Trạm Thủ Dầu Một" in (tmp_path / "tram-moi.csv").read_text("utf-8-sig")


def test_the_guide_names_every_member_of_a_mapping() -> None:
    named = set(re.findall(r"`(\w+)`", GUIDE)) | set(re.findall(r"\w+", " ".join(re.findall(r"`\{([^`]*)\}`", GUIDE))))
    members = {f for kind in (Mapping, Column, Time, Place, Wide, Long) for f in kind.__struct_fields__}
    explained = {
        "version",
        "format",
        "agency",
        "origin",
        "records",
        "confidence",
        "reason",
        "reason_vi",
        "minute",
        "second",
    }
    assert members - named <= explained
