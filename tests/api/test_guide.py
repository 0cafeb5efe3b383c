"""The guide for agencies: its curl, Python and JavaScript examples are carried out as they stand, in their order."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import re
import shlex
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import uvicorn

from tests.api.conftest import Client
from tests.ports import free_port

GUIDE = Path(__file__).parents[2] / "docs/guide/connect.md"


def examples(language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", GUIDE.read_text("utf-8"), re.DOTALL)


async def run_curl(http: Client, command: str) -> Any:
    words = shlex.split(command.replace("\\\n", " "))
    method, headers, body, url = "GET", {}, None, ""
    given = iter(words[1:])
    for word in given:
        if word == "-X":
            method = next(given)
        elif word == "-H":
            name, _, value = next(given).partition(": ")
            headers[name] = value
        elif word == "-d":
            body = next(given).encode()
        else:
            url = word
    headers.pop("Authorization")
    answer = await http.request(method, url.removeprefix("$PROVINCE_URL"), headers=headers, content=body)
    assert answer.status_code < 300, (command, answer.text)
    return answer.json() if answer.content else None


async def test_the_examples_work(http: Client) -> None:
    answers = [await run_curl(http, command) for command in examples("sh")]
    assert len(answers) == 8
    assert answers[2] == [
        {
            "id": "urn:ngsi-ld:PumpingStation:PS-01",
            "type": "PumpingStation",
            "name": "Trạm bơm Bình Nhâm",
            "waterLevel": 1.4,
        }
    ]
    assert [i["value"] for i in answers[3]["waterLevel"]] == [1.2, 1.4]
    assert answers[5]["status"] == "active"
    assert answers[7] == answers[2]


async def test_the_program_works(http: Client) -> None:
    for command in examples("sh")[:1]:
        await run_curl(http, command)
    calls: list[tuple[str, str, Any]] = []
    [program] = examples("python")
    # Everything but the transport is the program's own; it speaks through the same client as the other tests.
    body = program.partition("def call(")[0] + program.partition("if text else None\n\n\n")[2]

    def call(method: str, path: str, body: Any = None) -> list[dict[str, Any]]:
        calls.append((method, path, body))
        return [{"id": "x", "waterLevel": 1}]

    exec(compile(body, str(GUIDE), "exec"), {"call": call})
    assert calls
    for method, path, given in calls:
        answer = await http.request(method, "/ngsi-ld/v1" + path, json=given)
        assert answer.status_code < 300, answer.text
    shown = await http.get("/ngsi-ld/v1/entities", params={"type": "PumpingStation", "format": "simplified"})
    assert json.loads(shown.text)[0]["waterLevel"] == 1.5


@contextlib.asynccontextmanager
async def listening(http: Client) -> AsyncIterator[str]:
    """The door on a real port, for programs that bring their own transport."""
    config = uvicorn.Config(http.app, host="127.0.0.1", port=free_port(), log_level="error", lifespan="off")
    server = uvicorn.Server(config)
    task = asyncio.create_task(server._serve())  # `serve` would take the signals of the test run
    while not server.started:
        await asyncio.sleep(0.01)
    yield f"http://127.0.0.1:{config.port}"
    server.should_exit = True
    await task


async def test_the_script_works(http: Client, tmp_path: Path) -> None:
    for command in examples("sh")[:1]:
        await run_curl(http, command)
    [script] = examples("js")
    file = tmp_path / "guide.mjs"
    file.write_text(script, "utf-8")
    async with listening(http) as address:
        environment = {**os.environ, "PROVINCE_URL": address, "PROVINCE_TOKEN": "root"}
        process = await asyncio.create_subprocess_exec(
            "node", file, env=environment, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT
        )
        said = (await asyncio.wait_for(process.communicate(), 60))[0].decode()
    assert process.returncode == 0, said
    assert "urn:ngsi-ld:PumpingStation:PS-01" in said
    shown = await http.get("/ngsi-ld/v1/entities", params={"type": "PumpingStation", "format": "simplified"})
    assert shown.json()[0]["waterLevel"] == 1.6
