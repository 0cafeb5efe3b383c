"""Vietnamese and English. Messages are written in English in code and templates; `locale/vi` translates them.

The catalogues are read from their .po text once per process, so there is no compiled file that could be out of date.
One file per group of pages; a message that several of them say stands in `console.po`.
"""

from __future__ import annotations

from functools import cache
from io import BytesIO
from pathlib import Path
from typing import Final

from babel.messages.catalog import Catalog, Message
from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po
from babel.support import NullTranslations, Translations
from starlette.requests import Request

LANGUAGES: Final = ("vi", "en")
COOKIE: Final = "lang"
CATALOGUES: Final = Path(__file__).parent / "locale" / "vi" / "LC_MESSAGES"


@cache
def translations(language: str) -> NullTranslations:
    """The catalogue of a language; English is the source and needs none."""
    if language == "en":
        return NullTranslations()
    compiled = BytesIO()
    write_mo(compiled, catalogue(language))
    compiled.seek(0)
    return Translations(compiled)


def catalogue(language: str) -> Catalog:
    """All messages of a language. Raises: ValueError when two files translate one message."""
    whole = Catalog(locale=language)
    for message in read(CATALOGUES, language):
        whole[message.id] = message
    return whole


def read(folder: Path, language: str = LANGUAGES[0]) -> list[Message]:
    """The messages of every file of a folder. Raises: ValueError when two files translate one message."""
    found: dict[str, Message] = {}
    for path in sorted(folder.glob("*.po")):
        with path.open("rb") as file:
            for message in read_po(file, locale=language):
                if not message.id:
                    continue
                if message.id in found:
                    raise ValueError(f"{path.name}: {message.id!r} stands in another catalogue too.")
                found[str(message.id)] = message
    return list(found.values())


def choose(request: Request) -> str:
    """The language of a page: the reader's choice, else Vietnamese."""
    chosen = request.cookies.get(COOKIE, "")
    return chosen if chosen in LANGUAGES else LANGUAGES[0]


def mark(message: str) -> str:
    """Mark a message for translation where it stands; it is translated when shown."""
    return message
