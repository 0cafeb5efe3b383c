"""The catalogue: every message of code and templates has its Vietnamese, with the same placeholders."""

from __future__ import annotations

import re
from pathlib import Path

from babel.messages.extract import extract_from_dir

import province.console
from province import errors
from province.console.errors import TITLES
from province.console.language import catalogue

ROOT = Path(province.console.__file__).parent


def messages() -> set[str]:
    """Messages that the console says."""
    found = extract_from_dir(
        ROOT,
        method_map=[("templates/**.html", "jinja2.ext:babel_extract"), ("**.py", "python")],
        options_map={"templates/**.html": {"silent": "false"}},
        keywords={"_": None, "mark": None, "words": None},
    )
    return {message for _, _, message, _, _ in found if isinstance(message, str)}


def test_catalogue_is_complete_and_holds_nothing_old() -> None:
    known = {m.id for m in catalogue("vi") if m.id and m.string and not m.fuzzy}
    said = messages()
    assert said - known == set()
    assert known - said == set()


def test_placeholders_agree() -> None:
    for message in catalogue("vi"):
        if isinstance(message.id, str) and isinstance(message.string, str):
            wanted, given = (sorted(re.findall(r"%\(\w+\)s", t)) for t in (message.id, message.string))
            assert wanted == given, message.id


def test_every_kind_of_error_has_words() -> None:
    kinds = {
        e
        for e in vars(errors).values()
        if isinstance(e, type) and issubclass(e, errors.ProvinceError) and e is not errors.ProvinceError
    }
    assert kinds - set(TITLES) == {errors.ConfigurationError}
