"""Reading YAML of our own: constants and sources, which every start and many a test reads."""

from __future__ import annotations

from typing import Any, Final

import yaml

LOADER: Final[type[yaml.SafeLoader] | type[yaml.CSafeLoader]] = (
    yaml.CSafeLoader if yaml.__with_libyaml__ else yaml.SafeLoader
)
"""That of libyaml where PyYAML was built with it: ten times as fast."""


def read_yaml(text: str) -> Any:
    """Plain values of a document. Raises: yaml.YAMLError; ValueError for a day that does not exist."""
    return yaml.load(text, LOADER)  # noqa: S506 - both are safe loaders
