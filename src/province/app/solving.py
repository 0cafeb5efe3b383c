"""A study is solved in a process of its own: it may keep a core busy for minutes, and a solver library is its alone.

The child (`python -m province.app.solving KIND`) reads a problem as JSON from standard input and writes one JSON object
a line: {"progress": …}, at the end {"outcome": …} or {"error": {kind, detail, field, remedy}}. It is killed to stop it.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import resource
import sys
from collections.abc import Awaitable, Callable
from importlib.metadata import PackageNotFoundError, version
from typing import Any, Final

import msgspec

from province import __version__
from province.adapters.studies.service import require_installed
from province.app.declarations import declarations
from province.errors import InvalidInput, ProvinceError, TooLarge, Unsupported
from province.model.study import Outcome, Problem, Progress
from province.pack import StudyKind

LINE: Final = 64 * 1024**2
"""The longest line of a child: an outcome with all its layers."""
_KINDS: Final = {"InvalidInput": InvalidInput, "TooLarge": TooLarge, "Unsupported": Unsupported}
_KEPT: Final = ("PATH", "HOME", "LANG", "NUMBA_CACHE_DIR", "PYTHONPATH")
_NICE: Final = 10
Hear = Callable[[Progress], Awaitable[None]]


def kinds() -> dict[str, tuple[str, StudyKind]]:
    """Every kind of study: name → (pack, kind)."""
    return {k.name: (p.name, k) for p in declarations().packs for k in p.studies}


async def solve(kind: str, problem: Problem, hear: Hear) -> Outcome:
    """Let a child solve it; cancelling this kills the child. Raises: what the kind refuses; InvalidInput on a crash."""
    env = {name: os.environ[name] for name in _KEPT if name in os.environ}
    env |= {"OMP_NUM_THREADS": "1", "NUMBA_NUM_THREADS": "1"}
    child = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "province.app.solving", kind, stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE, env=env, limit=LINE,
    )  # fmt: skip
    assert child.stdin is not None
    assert child.stdout is not None
    assert child.stderr is not None
    said = asyncio.create_task(_tail(child.stderr))
    try:
        with contextlib.suppress(BrokenPipeError, ConnectionResetError):
            child.stdin.write(msgspec.json.encode(problem))
            await child.stdin.drain()
        child.stdin.close()
        while line := await child.stdout.readline():
            told: dict[str, Any] = msgspec.json.decode(line)
            if "progress" in told:
                await hear(msgspec.convert(told["progress"], Progress))
            elif "outcome" in told:
                return msgspec.convert(told["outcome"], Outcome)
            else:
                raise _error(told["error"])
        code = await child.wait()
        raise InvalidInput(
            f"the computation ended with code {code}: {(await said)[-300:]}", field="study",
            remedy="Give a larger square or a smaller area if memory was short; else report this with the study.",
        )  # fmt: skip
    finally:
        if child.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                child.kill()
        await child.wait()
        said.cancel()


async def _tail(stream: asyncio.StreamReader) -> str:
    """The last words of a child."""
    kept = b""
    while block := await stream.read(4096):
        kept = (kept + block)[-4096:]
    return kept.decode("utf-8", "replace").strip()


def _error(told: dict[str, Any]) -> ProvinceError:
    return _KINDS.get(told["kind"], InvalidInput)(told["detail"], field=told["field"], remedy=told["remedy"])


def main(name: str) -> None:
    """The child."""
    os.nice(_NICE)
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    out = sys.stdout.buffer

    def send(value: dict[str, Any]) -> None:
        out.write(msgspec.json.encode(value) + b"\n")
        out.flush()

    try:
        problem = msgspec.json.decode(sys.stdin.buffer.read(), type=Problem)
        _, kind = kinds()[name]
        require_installed(kind)
        outcome = kind.solve(problem, lambda progress: send({"progress": progress}))
        send({"outcome": msgspec.structs.replace(
            outcome, certificate=msgspec.structs.replace(outcome.certificate, versions=_versions(kind))
        )})  # fmt: skip
    except ProvinceError as error:
        told = {"kind": type(error).__name__, "detail": error.detail, "field": error.field, "remedy": error.remedy}
        send({"error": told})
    except MemoryError:
        send({"error": {"kind": "TooLarge", "detail": "the computation takes too much memory.", "field": "study",
                        "remedy": "Give a larger square or a smaller area."}})  # fmt: skip


def _versions(kind: StudyKind) -> dict[str, str]:
    found = {"province": __version__, "python": sys.version.split()[0]}
    for name in ("numpy", "shapely", *kind.needs):
        with contextlib.suppress(PackageNotFoundError):
            found[name] = version(name)
    return found


if __name__ == "__main__":
    main(sys.argv[1])
