"""Photos that come with a form."""

from __future__ import annotations

from typing import Final

from province.console.visit import Visit
from province.errors import TooLarge

MOST: Final = 5


async def store(visit: Visit) -> tuple[str, ...]:
    """Store the files of the form and return their hashes. Raises: TooLarge, InvalidInput naming the file."""
    files = visit.uploads("files")
    if len(files) > MOST:
        raise TooLarge(f"{len(files)} files.", field="files", remedy=f"Send at most {MOST}.")
    return tuple([await visit.services.store_file(await f.read(), f.filename or "", visit.actor) for f in files])
