"""What the code refuses or cites, on a page: in the reader's language, with the names that the page goes by."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from markupsafe import Markup, escape

from province.console.display import Words, unit_symbol
from province.console.sentences import split, translate
from province.console.services import Services
from province.model.label import Label
from province.vocab.study import BUDGET_UNITS

Known = Mapping[str, Label]
"""What a page calls its layers, assumptions and fields."""

_CODE: Final = re.compile(r"`(\w+)`")


@dataclass(frozen=True, slots=True)
class Said:
    """A sentence. foreign: it is in English on a page that is not, and marked so for whoever reads it aloud."""

    text: str
    foreign: bool = False

    def __str__(self) -> str:
        return self.text

    def __bool__(self) -> bool:
        return bool(self.text)

    def __html__(self) -> str:
        return Markup('<span lang="en">{}</span>').format(self.text) if self.foreign else escape(self.text)


class Speaker:
    """Says the code's sentences to one reader."""

    def __init__(self, services: Services, words: Words) -> None:
        self._services = services
        self._words = words

    def __call__(self, text: str | None, known: Known | None = None) -> Said:
        """A sentence, or `field: sentence` as it is kept with what failed."""
        text, known = text or "", known or {}
        if self._words.language == "en":
            return Said(self._coded(text, known))
        found = self._vietnamese(text, known)
        if found is None:
            field, rest = split(text)
            inner = self._vietnamese(rest, known) if field else None
            found = inner if inner is None else f"{self.field(field, known) or field}: {inner}"
        return Said(text, bool(text)) if found is None else Said(self._coded(found, known))

    def field(self, path: str | None, known: Known) -> str:
        """What the page calls the field of a path such as `layers.parks`; "" when it has no name for it."""
        label = known.get((path or "").rpartition(".")[2])
        return self._words.label(label) if label is not None else ""

    def _vietnamese(self, text: str, known: Known) -> str | None:
        return translate(text, lambda hint, value: self._named(hint, value, known))

    def _coded(self, text: str, known: Known) -> str:
        """Names in `backticks` as the page calls them; a column of a file keeps the name that it has there."""
        return _CODE.sub(lambda m: f"“{self._words.label(known[m[1]])}”" if m[1] in known else m[1], text)

    def _named(self, hint: str, value: str, known: Known) -> str:
        label: Label | None = None
        if hint == "name":
            label = known.get(value) or next((k for k in known.values() if k.en.lower() == value.lower()), None)
        elif hint == "kind" and self._services.studies is not None:
            label = kind[1].title if (kind := self._services.studies.kinds.get(value)) else None
        elif hint == "unit":
            return self._unit(value)
        elif hint == "type":
            label = found.info.label if (found := self._services.broker.types.get(value)) else None
        elif "." in hint:
            label = self._value(hint, value)
        return value if label is None else self._words.label(label)

    def _unit(self, value: str) -> str:
        """A unit of a budget, or the symbol of another; what a plain number counts is told in the words of its kind."""
        studies = self._services.studies
        counted = [kind.counted for _, kind in studies.kinds.values()] if studies is not None else []
        labels = {name: label for code, label in BUDGET_UNITS for name in (code, label.en)}
        labels |= {label.en: label for label in counted}
        return self._words.label(labels[value]) if value in labels else unit_symbol(value)

    def _value(self, hint: str, value: str) -> Label | None:
        """The name of a value of a field, as `LandParcel.status` gives it."""
        type, _, name = hint.partition(".")
        found = self._services.broker.types.get(type)
        if found is None or name not in found.fields:
            return None
        workflow = found.info.workflow
        if workflow is not None and workflow.attribute == name and value in workflow.states:
            return workflow.label(value)
        return dict(found.fields[name].field.names).get(value)
