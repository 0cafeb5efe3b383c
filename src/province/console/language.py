"""Vietnamese and English. Messages are written in English in code and templates; `locale/vi` translates them.

The catalogue is read from its .po text once per process, so there is no compiled file that could be out of date.
"""

from __future__ import annotations

from functools import cache
from io import BytesIO
from pathlib import Path
from typing import Final

from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po
from babel.support import NullTranslations, Translations
from starlette.requests import Request

LANGUAGES: Final = ("vi", "en")
COOKIE: Final = "lang"
CATALOGUE: Final = Path(__file__).parent / "locale" / "vi" / "LC_MESSAGES" / "console.po"


@cache
def translations(language: str) -> NullTranslations:
    """The catalogue of a language; English is the source and needs none."""
    if language == "en":
        return NullTranslations()
    with CATALOGUE.open("rb") as file:
        catalogue = read_po(file, locale=language)
    compiled = BytesIO()
    write_mo(compiled, catalogue)
    compiled.seek(0)
    return Translations(compiled)


def choose(request: Request) -> str:
    """The language of a page: the reader's choice, else Vietnamese."""
    chosen = request.cookies.get(COOKIE, "")
    return chosen if chosen in LANGUAGES else LANGUAGES[0]


def mark(message: str) -> str:
    """Mark a message for translation where it stands; it is translated when shown."""
    return message
