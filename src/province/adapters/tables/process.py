"""Reading in a process of its own: an upload is foreign, and what reads it may be made to loop, to swell or to crash.

The child (`python -m province.adapters.tables.process PATH OPTIONS SKIP`) writes frames to its standard output: a kind
byte, the length as 8 bytes, the content. `M`: what was found, JSON.  `B`: a batch, Arrow stream.  `E`: an error, JSON.
`Z`: the end. It has no secrets in its environment, and limits on memory, processor time and files it may write.
"""

from __future__ import annotations

import asyncio
import contextlib
import resource
import struct
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any, Final

import msgspec
import pyarrow as pa

from province.adapters.tables.raw import Found, Options
from province.errors import InvalidInput, ProvinceError, TooLarge, Unsupported

MEMORY: Final = 3 * 1024**3
CPU_S: Final = 900
IDLE_S: Final = 180.0
"""So long the reader may be silent before it is given up."""
_FRAME: Final = 512 * 1024**2
_KINDS: Final = {"InvalidInput": InvalidInput, "TooLarge": TooLarge, "Unsupported": Unsupported}


@contextlib.asynccontextmanager
async def reading(
    path: Path, options: Options, *, skip: int = 0
) -> AsyncIterator[tuple[Found, AsyncIterator[tuple[int, pa.Table]]]]:
    """What the file is, and its batches as (number, table); the first `skip` are left out. The child ends with us.

    Raises: InvalidInput, TooLarge, Unsupported; InvalidInput too when the reader crashed or took too long.
    """
    child = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "province.adapters.tables.process", str(path), msgspec.json.encode(options).decode(),
        str(skip), stdin=asyncio.subprocess.DEVNULL, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.DEVNULL,
        env={"PATH": "/usr/bin:/bin", "LANG": "C.UTF-8", "OMP_NUM_THREADS": "1", "ARROW_NUM_THREADS": "1"},
        limit=4 * 1024**2,
    )  # fmt: skip
    assert child.stdout is not None
    try:
        kind, content = await _frame(child.stdout)
        if kind != b"M":
            raise _error(kind, content)
        yield msgspec.json.decode(content, type=Found), _batches(child.stdout, skip)
    finally:
        if child.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                child.kill()
        await child.wait()


async def _batches(stream: asyncio.StreamReader, skip: int) -> AsyncIterator[tuple[int, pa.Table]]:
    number = skip
    while True:
        kind, content = await _frame(stream)
        if kind == b"Z":
            return
        if kind != b"B":
            raise _error(kind, content)
        yield number, pa.ipc.open_stream(content).read_all().combine_chunks()
        number += 1


async def _frame(stream: asyncio.StreamReader) -> tuple[bytes, bytes]:
    try:
        async with asyncio.timeout(IDLE_S):
            head = await stream.readexactly(9)
            (length,) = struct.unpack(">Q", head[1:])
            if length > _FRAME:
                raise TooLarge("a part of the file is too large.", field="file", remedy="Split the file.")
            return head[:1], await stream.readexactly(length)
    except asyncio.IncompleteReadError:
        raise InvalidInput(
            "the file cannot be read: it is damaged, or takes more memory or time than an import may.",
            field="file",
            remedy="Save it again in another format, or split it.",
        ) from None
    except TimeoutError:
        raise InvalidInput("reading the file takes too long.", field="file", remedy="Split the file.") from None


def _error(kind: bytes, content: bytes) -> ProvinceError:
    if kind != b"E":
        return InvalidInput("the reader gave no sense.", field="file")
    told: dict[str, Any] = msgspec.json.decode(content)
    known = _KINDS.get(told["kind"], InvalidInput)
    return known(told["detail"], field=told["field"], remedy=told["remedy"])


def main(path: str, options: str, skip: str) -> None:
    """The child."""
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
    resource.setrlimit(resource.RLIMIT_CPU, (CPU_S, CPU_S))
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    from province.adapters.tables import formats

    out = sys.stdout.buffer

    def send(kind: bytes, content: bytes) -> None:
        out.write(kind + struct.pack(">Q", len(content)) + content)
        out.flush()

    try:
        given = msgspec.json.decode(options, type=Options)
        found, batches = formats.read(Path(path), given)
        send(b"M", msgspec.json.encode(found))
        rows = 0
        for number, batch in enumerate(batches):
            if number >= int(skip):
                if given.head and rows + batch.num_rows > given.head:
                    batch = batch.slice(0, given.head - rows)
                sink = pa.BufferOutputStream()
                with pa.ipc.new_stream(sink, batch.schema) as writer:
                    writer.write_batch(batch)
                send(b"B", sink.getvalue().to_pybytes())
            rows += batch.num_rows
            if given.head and rows >= given.head:
                break
        send(b"Z", b"")
    except ProvinceError as error:
        told = {"kind": type(error).__name__, "detail": error.detail, "field": error.field, "remedy": error.remedy}
        send(b"E", msgspec.json.encode(told))
    except MemoryError:
        told = {"kind": "TooLarge", "detail": "the file takes too much memory.", "field": "file", "remedy": "Split it."}
        send(b"E", msgspec.json.encode(told))


if __name__ == "__main__":
    main(*sys.argv[1:4])
