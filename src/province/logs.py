"""Logs: one JSON object per line on standard error, with the request that caused it and without any secret.

    {"time": "2026-11-24T00:00:00.123456Z", "level": "INFO", "process": "serve", "logger": "province.broker.relay",
     "message": "…", "request": "…", "tenant": "…", …what the call gave as `extra`…, "exception": "…"}

Secrets are removed when the line is written, wherever they stand: values of keys whose name speaks of a password,
secret, token, authorisation or cookie; access tokens (`prv_…`); passwords inside connection strings.
"""

from __future__ import annotations

import contextlib
import json
import logging
import math
import re
import sys
import threading
import time
from collections.abc import Iterator, Mapping
from contextvars import ContextVar
from datetime import UTC, datetime
from functools import lru_cache
from typing import Final, TextIO

import msgspec

from province.errors import ConfigurationError
from province.settings import Settings

request_id: ContextVar[str] = ContextVar("request_id", default="")
"""Id of the request that is being served, "" outside of one."""
tenant_id: ContextVar[str] = ContextVar("tenant_id", default="")
"""Tenant of that request, "" when it is not known (yet)."""

REDACTED: Final = "[redacted]"
_DEEPEST = 8
_LONGEST = 16_384
_WORDS = r"(?:password|passwd|passphrase|secret|token|authorization|cookie)"
_KEY = re.compile(_WORDS, re.IGNORECASE)
_QUOTED = r"""(?:"(?:\\.|[^"\\\n])*"?|'(?:\\.|[^'\\\n])*'?)"""
_HEADER = re.compile(r"""((?:authorization|cookie)["']?\s*[:=]\s*)([^\n]+)""", re.IGNORECASE)
_PAIR = re.compile(rf"""({_WORDS}[\w.-]*["']?\s*[:=]\s*)({_QUOTED}\S*|\S+)""", re.IGNORECASE)
_TOKEN = re.compile(r"prv_[\w-]*")
_DSN = re.compile(r"(\b[a-z][a-z0-9+.-]*://[^\s/@:]*:)\S*@", re.IGNORECASE)
_BEARER = re.compile(r"\b(bearer|basic)\s+\S+", re.IGNORECASE)
_SUSPECT = re.compile(rf"{_WORDS}|prv_|://|bearer|basic", re.IGNORECASE)
_SUSPECTS: Final = (
    "password", "passwd", "passphrase", "secret", "token", "authorization", "cookie", "prv_", "://", "bearer", "basic",
)  # fmt: skip

_STANDARD = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime", "taskName"}
_SIMPLE: Final = frozenset((str, int, bool, type(None)))
_encode = json.JSONEncoder(ensure_ascii=False, allow_nan=False).encode
_OURS = frozenset(("time", "level", "process", "logger", "request", "tenant", "exception"))


@contextlib.contextmanager
def bind(*, request: str | None = None, tenant: str | None = None) -> Iterator[None]:
    """Within the block, lines carry this request id and tenant. None leaves what is there."""
    tokens = [
        (variable, variable.set(value))
        for variable, value in ((request_id, request), (tenant_id, tenant))
        if value is not None
    ]
    try:
        yield
    finally:
        for variable, token in reversed(tokens):
            variable.reset(token)


@lru_cache(1024)
def _is_secret(name: str) -> bool:
    return _KEY.search(name) is not None


def _is_suspect(text: str) -> bool:
    """As `_SUSPECT` would find, several times faster for ASCII."""
    if not text.isascii():
        return _SUSPECT.search(text) is not None
    folded = text.lower()
    return any(word in folded for word in _SUSPECTS)


def redact(text: str) -> str:
    """The text without tokens, without passwords of connection strings, without values of secret names."""
    if not _is_suspect(text):  # nearly every text of nearly every line
        return text
    text = _DSN.sub(rf"\1{REDACTED}@", text)
    text = _HEADER.sub(rf"\1{REDACTED}", text)
    text = _PAIR.sub(rf"\1{REDACTED}", text)
    text = _BEARER.sub(rf"\1 {REDACTED}", text)
    return _TOKEN.sub(REDACTED, text)


def clean(value: object, *, depth: int = 0) -> object:
    """Any value as what JSON can hold, redacted, with texts cut off at 16,384 characters."""
    if value is None or isinstance(value, bool | int):
        return value
    if isinstance(value, float):
        return value if math.isfinite(value) else str(value)
    if isinstance(value, str):
        # A lone surrogate (an undecodable file name) cannot be written as UTF-8.
        text = redact(value if value.isascii() else value.encode("utf-8", "backslashreplace").decode())
        return text if len(text) <= _LONGEST else text[:_LONGEST] + "…"
    if depth < _DEEPEST and isinstance(value, Mapping):
        return {
            str(clean(str(key))): REDACTED if _is_secret(str(key)) else clean(item, depth=depth + 1)
            for key, item in value.items()
        }
    if depth < _DEEPEST and isinstance(value, list | tuple | set | frozenset):
        return [clean(item, depth=depth + 1) for item in value]
    return clean(value.isoformat() if isinstance(value, datetime) else str(value))


@lru_cache(4)
def _second(epoch_s: int) -> str:
    """A second as it is written; many lines have the same."""
    return datetime.fromtimestamp(epoch_s, UTC).isoformat()[:-6]


class JsonLine(logging.Formatter):
    """Formats a record as one line of JSON."""

    def __init__(self, process: str) -> None:
        super().__init__()
        self._process = process

    def format(self, record: logging.LogRecord) -> str:
        """The line, without its end."""
        try:
            message = record.getMessage()
        except (TypeError, ValueError, KeyError):  # a wrong format string must not cost the line
            message = f"{record.msg} {record.args!r}"
        line = self.begin(record.created, record.levelname, record.name, message)
        given = vars(record)
        for name in given:
            if name not in _STANDARD and not name.startswith("_"):
                line[f"extra_{name}" if name in _OURS and name in line else name] = given[name]
        if record.exc_info and record.exc_info[0] is not None:
            line["exception"] = self.formatException(record.exc_info)
        if record.stack_info:
            line["stack"] = record.stack_info
        return _written(line)

    def begin(self, at_s: float, level: str, logger: str, message: str) -> dict[str, object]:
        """What every line has."""
        line: dict[str, object] = {
            "time": f"{_second(int(at_s))}.{int(at_s % 1 * 1_000_000):06d}Z",
            "level": level,
            "process": self._process,
            "logger": logger,
            "message": message,
        }
        if request := request_id.get():
            line["request"] = request
        if tenant := tenant_id.get():
            line["tenant"] = tenant
        return line


def _written(line: Mapping[str, object]) -> str:
    """A line as JSON, without secrets."""
    return _plain(line) or _encode({k: REDACTED if _is_secret(k) else clean(v) for k, v in line.items()})


def _plain(line: Mapping[str, object]) -> str:
    """The line as it is, when all of it is plain and nothing of it is suspect, as nearly every line is; else ""."""
    for value in line.values():
        kind = type(value)
        if kind not in _SIMPLE and not (kind is float and math.isfinite(value)):  # type: ignore[arg-type]
            return ""
    try:
        text = msgspec.json.encode(line).decode()
    except (ValueError, OverflowError):  # half a surrogate pair, a number of very many digits
        return ""
    return text if len(text) <= _LONGEST and text.isascii() and not _is_suspect(text) else ""


class Gathered(logging.StreamHandler[TextIO]):
    """Writes lines that only inform a moment later, many at once; a warning at once, behind all that came before it.

    A line by itself costs two system calls, and wakes the supervisor that keeps it. Whoever kills the process takes
    the last `pause_s` of such lines with it.
    """

    def __init__(self, stream: TextIO, pause_s: float) -> None:
        super().__init__(stream)
        self._pause_s = pause_s
        self._lines: list[str] = []
        self._waiting = threading.Event()
        threading.Thread(target=self._write_later, name="log", daemon=True).start()

    def emit(self, record: logging.LogRecord) -> None:
        """Take a line."""
        try:
            self._lines.append(self.format(record))
            if record.levelno > logging.INFO:
                self.flush()
            elif not self._waiting.is_set():
                self._waiting.set()
        except Exception:  # noqa: BLE001 - no handler of the library breaks what it was to tell about
            self.handleError(record)

    def inform(self, logger: str, message: str, extra: dict[str, object]) -> None:
        """Take a line that no record was made of; the names in `extra` are none of ours."""
        assert isinstance(self.formatter, JsonLine)
        self._lines.append(_written(self.formatter.begin(time.time(), "INFO", logger, message) | extra))
        if not self._waiting.is_set():
            self._waiting.set()

    def flush(self) -> None:
        """Write what was taken."""
        assert self.lock is not None
        with self.lock:
            lines, self._lines = self._lines, []
            if lines:
                self.stream.write("\n".join((*lines, "")))
            super().flush()

    def _write_later(self) -> None:
        while True:
            self._waiting.wait()
            time.sleep(self._pause_s)
            self._waiting.clear()
            with contextlib.suppress(OSError, ValueError):  # nobody reads us any more: there is no place to say so
                self.flush()


PAUSE_S: Final = 0.05
_gathered: Gathered | None = None
"""Where lines of this process go; None in tests and tools."""


def inform(logger: logging.Logger, message: str, **extra: object) -> None:
    """As `logger.info(message, extra=extra)`, for what is told at every request: less than half of its cost."""
    handlers = logging.getLogger().handlers
    if _gathered is None or len(handlers) != 1 or handlers[0] is not _gathered:  # somebody else listens, too
        logger.info(message, extra=extra)
    elif logger.isEnabledFor(logging.INFO):
        _gathered.inform(logger.name, message, extra)


def configure(settings: Settings, process: str, *, stream: TextIO | None = None) -> None:
    """Send all logs of this process there, from `settings.log_level` on. process: `serve`, `ingest`, `work`, ….

    stream: for a test, which reads a line as soon as it is written; else standard error, `Gathered`.
    The access log of uvicorn is silenced: the request log (`api.observe_requests`) writes one line per request.
    Raises: ConfigurationError for an unknown level.
    """
    level = logging.getLevelNamesMapping().get(settings.log_level.upper())
    if level is None:
        raise ConfigurationError(
            f"{settings.log_level!r} is no log level.",
            field="PROVINCE_LOG_LEVEL",
            remedy="Give DEBUG, INFO, WARNING or ERROR.",
        )
    global _gathered
    handler = Gathered(sys.stderr, PAUSE_S) if stream is None else logging.StreamHandler(stream)
    handler.setFormatter(JsonLine(process))
    _gathered = handler if isinstance(handler, Gathered) else None
    root = logging.getLogger()
    for former in root.handlers[:]:
        root.removeHandler(former)
    root.addHandler(handler)
    root.setLevel(level)
    for name in ("uvicorn", "uvicorn.error"):
        logger = logging.getLogger(name)
        logger.handlers.clear()
        logger.propagate = True
        logger.setLevel(logging.NOTSET)  # that of all logs, whatever somebody set before
    access = logging.getLogger("uvicorn.access")
    access.handlers.clear()
    access.propagate = False
    # At INFO these libraries tell every request, job and poll.
    for name in ("aiohttp", "httpx", "httpcore", "procrastinate", "nats"):
        logging.getLogger(name).setLevel(max(level, logging.WARNING))
    logging.captureWarnings(True)
    # No line tells where in the code it was written, nor which thread did.
    logging._srcfile = None
    logging.logThreads = logging.logProcesses = logging.logMultiprocessing = False
