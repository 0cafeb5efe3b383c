"""`province annex`: what is printed, and the exit code that a script relies on."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from province.cli.main import build


class Server:
    """Answers as the interface does."""

    def __init__(self, *outcomes: str) -> None:
        self.asked: list[tuple[str, Mapping[str, str]]] = []
        text = {"vi": "Một dòng " + "rất dài " * 20, "en": "A line"}
        self.checks = [
            {"line": f"II.{n}", "row": f"II.{n}", "kind": "line", "text": text, "check": None, "outcome": o,
             "evidence": {"vi": f"bằng chứng {n}", "en": f"evidence {n}"}}
            for n, o in enumerate(outcomes, 1)
        ]  # fmt: skip

    def client(self) -> Server:
        return self

    def get(self, path: str, params: Mapping[str, str] | None = None) -> Any:
        self.asked.append((path, params or {}))
        return {"day": "2026-11-26", "checks": self.checks}

    def download(self, path: str, params: Mapping[str, str]) -> bytes:
        self.asked.append((path, params))
        return b"%PDF"


def run(server: Server, *words: str) -> Any:
    return CliRunner().invoke(build(lambda: server), list(words))  # type: ignore[arg-type, return-value]


@pytest.mark.parametrize(
    ("outcomes", "code"),
    [((), 0), (("no_data", "no_data"), 0), (("met", "no_data"), 0), (("met", "not_met"), 1), (("not_met",), 1)],
)
def test_exit_code_tells_whether_every_check_that_has_data_passes(outcomes: tuple[str, ...], code: int) -> None:
    assert run(Server(*outcomes), "annex", "verify").exit_code == code
    assert run(Server(*outcomes), "annex", "verify", "--json").exit_code == code


def test_a_table_with_row_line_result_and_evidence() -> None:
    server = Server("met", "not_met", "no_data")
    rows = run(server, "annex", "verify").output.splitlines()
    assert server.asked == [("/api/annex/checks", {})]
    assert [r.split()[0] for r in rows[:3]] == ["II.1", "II.2", "II.3"]
    assert [("met" in rows[0]), ("NOT MET" in rows[1]), ("chưa có" in rows[2])] == [True, True, True]
    assert all(f"bằng chứng {n}" in row for n, row in enumerate(rows[:3], 1))
    assert rows[3] == "1 met, 1 NOT MET, 1 chưa có"
    assert json.loads(run(server, "annex", "verify", "--json").output)["checks"][1]["outcome"] == "not_met"


def test_the_report_is_written_to_a_file(tmp_path: Path) -> None:
    server = Server()
    target = tmp_path / "bao-cao.pdf"
    answer = run(server, "annex", "report", "--year", "2026", "--lang", "en", "--output", str(target))
    assert answer.exit_code == 0, answer.output
    assert target.read_bytes() == b"%PDF"
    assert server.asked == [("/api/annex/reports/2026", {"format": "pdf", "lang": "en"})]
