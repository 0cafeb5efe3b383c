"""One line of text from outside, and ids: what PostgreSQL or a page could not hold is refused with the field's name."""

from __future__ import annotations

from uuid import UUID

from province.errors import InvalidInput, NotFound
from province.model.text import nfc


def check_line(text: str, *, field: str, longest: int = 200, empty: bool = False) -> str:
    """Return the text trimmed and in normal form C. Raises: InvalidInput.

    Control characters, line breaks, lone surrogates and marks that turn the writing direction are not printable.
    """
    clean = nfc(text).strip()
    if not clean.isprintable():
        raise InvalidInput(
            f"{clean[:40]!r} holds characters that cannot be printed.", field=field, remedy="Remove them."
        )
    if len(clean) > longest or not (clean or empty):
        least = 0 if empty else 1
        raise InvalidInput(f"The text has {len(clean)} characters; {least} to {longest} are expected.", field=field)
    return clean


def check_optional(text: str | None, *, field: str, longest: int = 200) -> str | None:
    """The same for a text that may be missing; an empty one is missing."""
    return None if text is None else check_line(text, field=field, longest=longest, empty=True) or None


def parse_id(text: str, *, what: str) -> UUID:
    """An id of ours. Raises: NotFound for a text that is none, for nothing has it."""
    try:
        return UUID(text)
    except ValueError:
        raise absent(text, what=what) from None


def absent(text: str, *, what: str) -> NotFound:
    """The error for an account, grant or token that does not exist, or of which the caller may not know."""
    return NotFound(f"There is no {what} {text[:80]!r}.", field=what, remedy="Check the id or the name.")
