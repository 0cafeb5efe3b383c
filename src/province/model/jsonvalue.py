"""JSON that can be stored and sent back: bounded depth, finite numbers, text that PostgreSQL and UTF-8 can hold."""

from __future__ import annotations

import math
import re
from typing import Any, Final

from province.errors import InvalidInput
from province.model.entity import Json

MAX_DEPTH: Final = 32
_LEAST: Final = -(2**63)
_MOST: Final = 2**63 - 1
_LARGE: Final = re.compile(rb"[0-9](?:[0-9]{17}|[eE])").search
_UNSOUND = re.compile("[\x00\ud800-\udfff]").search


def check_json(data: Json) -> None:
    """Refuse what cannot be stored or sent back: deep nesting, NaN, huge integers, NUL and lone surrogates.

    Raises: InvalidInput naming the path.
    """
    if not _is_sound(data):
        _explain(data)


def is_plain(text: bytes) -> bool:
    """Whether nothing in this JSON could be what `check_json` refuses, as in nearly every small body.

    No escaped character, no number of many digits or with an exponent, and fewer brackets than levels are allowed.
    """
    return (
        text.count(b"{") + text.count(b"[") <= MAX_DEPTH
        and b"\\u" not in text
        and b"\0" not in text
        and _LARGE(text) is None
    )


def _is_sound(data: Json) -> bool:
    """The same question without keeping track of paths, level by level: every body of every write comes by here."""
    level = [data]
    for _ in range(MAX_DEPTH + 1):
        below: list[Json] = []
        texts: list[str] = []
        for node in level:
            kind = type(node)
            if kind is dict:
                texts.extend(node)
                below.extend(node.values())
            elif kind is list:
                below.extend(node)
            elif kind is str:
                texts.append(node)
            elif (kind is float and not math.isfinite(node)) or (kind is int and not _LEAST <= node <= _MOST):
                return False
        if _UNSOUND("\n".join(texts)):  # one look at all of them; a line between, lest two halves make a whole
            return False
        if not below:
            return True
        level = below
    return False


def _explain(data: Json) -> None:
    stack: list[tuple[Json, tuple[Any, ...], int]] = [(data, (), 0)]
    while stack:
        node, path, depth = stack.pop()
        if depth > MAX_DEPTH:
            raise InvalidInput(
                f"the JSON is nested deeper than {MAX_DEPTH} levels.", field=_path(path[:3]), remedy="Flatten it."
            )
        if isinstance(node, dict):
            for key, child in node.items():
                _check_text(key, path)
                stack.append((child, (*path, key), depth + 1))
        elif isinstance(node, list):
            stack.extend((child, (*path, i), depth + 1) for i, child in enumerate(node))
        elif isinstance(node, str):
            _check_text(node, path)
        elif isinstance(node, float) and not math.isfinite(node):
            raise InvalidInput(f"{node} is not a finite number.", field=_path(path), remedy="Leave unknown values out.")
        elif isinstance(node, int) and not _LEAST <= node <= _MOST:
            raise InvalidInput("the whole number has more than 64 bits.", field=_path(path), remedy="Send it as text.")


def _check_text(text: str, path: tuple[Any, ...]) -> None:
    if _UNSOUND(text):
        raise InvalidInput("the text holds a NUL or half a surrogate pair.", field=_path(path), remedy="Remove it.")


def _path(path: tuple[Any, ...]) -> str | None:
    text = "".join(f"[{p}]" if isinstance(p, int) else f".{str(p)[:80]}" for p in path).removeprefix(".")
    return text.replace("\x00", "\\0") or None
