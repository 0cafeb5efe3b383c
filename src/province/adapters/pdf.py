"""Documents as PDF, set by Typst from a template of ours and data of anybody's.

The data go in as JSON and come out as text: nothing that a person wrote is ever read as markup. The fonts are those
inside the wheel (Libertinus Serif and DejaVu Sans Mono, which have all Vietnamese letters), so that a document looks
the same on every machine.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from functools import cache
from importlib import resources
from typing import Any, Final

import msgspec
import typst

from province.errors import ConfigurationError

MAX_DATA: Final = 8 * 1024**2
"""More than a thousand pages of text."""


class Printer:
    """Sets documents, one at a time: setting one keeps a core busy for about a second."""

    def __init__(self) -> None:
        self._busy = asyncio.Semaphore(1)

    async def print(self, template: str, data: Mapping[str, Any]) -> bytes:
        """A PDF. template: name of a file in `adapters/typst`, without `.typ`.

        Raises: ConfigurationError for a template that is not there or does not fit the data.
        """
        encoded = msgspec.json.encode(data)
        if len(encoded) > MAX_DATA:
            raise ConfigurationError(f"the document has {len(encoded)} bytes of data.", remedy=f"At most {MAX_DATA}.")
        async with self._busy:
            return await asyncio.to_thread(_set, template, encoded)


def _set(template: str, data: bytes) -> bytes:
    try:
        made = typst.compile(_source(template), sys_inputs={"data": data.decode()}, ignore_system_fonts=True)
    except (typst.TypstError, RuntimeError) as error:
        raise ConfigurationError(f"the template {template} cannot be set: {error}", field=template) from error
    assert isinstance(made, bytes)
    return made


@cache
def _source(template: str) -> bytes:
    file = resources.files("province.adapters").joinpath("typst", f"{template}.typ")
    if not template.isidentifier() or not file.is_file():
        raise ConfigurationError(f"there is no template {template!r}.", field="template")
    return file.read_bytes()
