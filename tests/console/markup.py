"""Reads a page strictly: tags balanced, ids unique, every control labelled, nothing inline that the policy forbids."""

from __future__ import annotations

from dataclasses import dataclass, field
from html.parser import HTMLParser

_HTML = ("area", "base", "br", "col", "embed", "hr", "img", "input", "link", "meta", "source", "track", "wbr")
VOID = frozenset((*_HTML, "path", "circle"))
SILENT = frozenset(("hidden", "submit"))


@dataclass
class Markup:
    """What a page holds. problems: what is wrong with it."""

    problems: list[str] = field(default_factory=list)
    ids: set[str] = field(default_factory=set)
    labelled: set[str] = field(default_factory=set)
    controls: list[dict[str, str]] = field(default_factory=list)
    forms: list[dict[str, str]] = field(default_factory=list)
    links: list[str] = field(default_factory=list)
    text: list[str] = field(default_factory=list)
    lang: str = ""
    headings: list[str] = field(default_factory=list)


class _Reader(HTMLParser):
    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.page = Markup()
        self.stack: list[str] = []
        self.tokens: list[bool] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = {k: v or "" for k, v in attrs}
        page = self.page
        if len(given) != len(attrs):
            page.problems.append(f"<{tag}> repeats an attribute")
        if tag not in VOID:
            self.stack.append(tag)
        if "style" in given or tag == "style":
            page.problems.append(f"inline style on <{tag}>")
        if tag == "script" and "src" not in given:
            page.problems.append("inline script")
        page.problems += [f"handler {k} on <{tag}>" for k in given if k.startswith(("on", "hx-on"))]
        if "id" in given:
            if given["id"] in page.ids:
                page.problems.append(f"id {given['id']} twice")
            page.ids.add(given["id"])
        if tag == "html":
            page.lang = given.get("lang", "")
        if tag == "label":
            page.labelled.add(given.get("for", ""))
        if tag in ("input", "select", "textarea") and given.get("type") not in SILENT:
            page.controls.append(given)
        if tag == "form":
            page.forms.append(given)
            self.tokens.append(False)
        if tag == "input" and given.get("name") == "csrf" and given.get("value") and self.tokens:
            self.tokens[-1] = True
        if tag == "a":
            page.links.append(given.get("href", ""))
        if tag == "img" and not given.get("alt"):
            page.problems.append("picture without alt")
        if tag in ("h1", "h2", "h3"):
            page.headings.append(tag)

    def handle_endtag(self, tag: str) -> None:
        if tag in VOID:
            return
        if not self.stack or self.stack[-1] != tag:
            self.page.problems.append(f"</{tag}> closes <{self.stack[-1] if self.stack else 'nothing'}>")
            return
        self.stack.pop()
        if tag == "form" and self.page.forms[-1].get("method") == "post" and not self.tokens[-1]:
            self.page.problems.append(f"form {self.page.forms[-1].get('action')} without a token")

    def handle_data(self, data: str) -> None:
        if data.strip():
            self.page.text.append(data.strip())


def read(html: str) -> Markup:
    """Parse a page and look for what should not be there."""
    reader = _Reader()
    reader.feed(html)
    reader.close()
    page = reader.page
    if reader.stack:
        page.problems.append(f"never closed: {reader.stack}")
    for control in page.controls:
        if control.get("id", "") not in page.labelled:
            page.problems.append(f"no label for {control.get('name')}")
    if page.headings.count("h1") != 1:
        page.problems.append(f"{page.headings.count('h1')} first headings")
    if "content" not in page.ids or "#content" not in page.links:
        page.problems.append("no skip link")
    return page
