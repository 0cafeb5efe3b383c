"""The style sheet: readable contrast in light and dark (WCAG 2.2 AA), and nothing fetched from elsewhere."""

from __future__ import annotations

import re

import pytest

from province.console.render import STATIC

CSS = (STATIC / "console.css").read_text("utf-8")
DARK = (STATIC / "dark.css").read_text("utf-8")
TEXT = (
    ("ink", "ground"), ("ink", "surface"), ("ink", "surface-2"), ("ink-soft", "ground"), ("ink-soft", "surface"),
    ("ink-soft", "surface-2"), ("link", "ground"), ("link", "surface"), ("brand-ink", "brand"), ("good", "good-ground"),
    ("warn", "warn-ground"), ("bad", "bad-ground"), ("bad", "surface"), ("sim", "sim-ground"), ("map-name", "map-area"),
    ("map-cluster-ink", "map-cluster"),
)  # fmt: skip
MARKS = (("line-strong", "surface"), ("focus", "ground"), ("focus", "surface"), ("chart-line", "surface"))


def palette(theme: str) -> dict[str, str]:
    """Colours of a theme by name; dark ones lie over the light ones."""
    light = CSS.partition("\n}\n")[0]
    found = dict(re.findall(r"--([\w-]+): (#[0-9a-f]{6})", light))
    if theme == "dark":
        found |= dict(re.findall(r"--([\w-]+): (#[0-9a-f]{6})", DARK))
    return found


def luminance(colour: str) -> float:
    """Relative luminance by WCAG 2.2."""
    parts = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    r, g, b = (c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in parts)
    return 0.2126 * r + 0.7152 * g + 0.0722 * b


def contrast(first: str, second: str) -> float:
    """Contrast ratio by WCAG 2.2."""
    low, high = sorted((luminance(first), luminance(second)))
    return (high + 0.05) / (low + 0.05)


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_text_can_be_read(theme: str) -> None:
    colours = palette(theme)
    weak = {(a, b): round(contrast(colours[a], colours[b]), 2) for a, b in TEXT}
    assert {pair: ratio for pair, ratio in weak.items() if ratio < 4.5} == {}


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_edges_and_marks_can_be_seen(theme: str) -> None:
    colours = palette(theme)
    shades = [(name, "map-area") for name in colours if re.fullmatch(r"shade-([cs]\d|none)", name)]
    weak = {(a, b): round(contrast(colours[a], colours[b]), 2) for a, b in (*MARKS, *shades)}
    assert {pair: ratio for pair, ratio in weak.items() if ratio < 3} == {}


def test_nothing_comes_from_elsewhere() -> None:
    for sheet in STATIC.glob("*.css"):
        text = sheet.read_text("utf-8")
        assert "url(" not in text, sheet.name
        assert "@import" not in text, sheet.name


def test_the_dark_sheet_holds_colours_only() -> None:
    names = set(re.findall(r"--([\w-]+):", CSS.partition("\n}\n")[0]))
    assert set(re.findall(r"--([\w-]+):", DARK)) <= names
    assert re.sub(r"/\*.*?\*/|--[\w-]+: [^;]+;|color-scheme: dark;|:root|[{}\s]", "", DARK, flags=re.S) == ""


def test_templates_fetch_nothing_from_elsewhere() -> None:
    for template in (STATIC.parent / "templates").glob("*.html"):
        assert not re.search(r'(src|href)="(https?:)?//', template.read_text("utf-8")), template.name
