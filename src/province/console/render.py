"""Templates to pages: one environment per language, strict about names, with the security headers on every answer."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any, Final

from jinja2 import Environment, PackageLoader, StrictUndefined, select_autoescape
from starlette.responses import HTMLResponse, Response

from province.console.display import Words
from province.console.language import translations

STATIC: Final = Path(__file__).parent / "static"

POLICY: Final = "; ".join(
    (
        "default-src 'self'",
        "script-src 'self'",
        "style-src 'self'",
        "img-src 'self' data: blob:",
        "worker-src 'self' blob:",
        "connect-src 'self'",
        "object-src 'none'",
        "base-uri 'none'",
        "form-action 'self'",
        "frame-ancestors 'none'",
    )
)
"""No inline script or style anywhere; the map needs data: and blob: pictures and a worker."""

HEADERS: Final[Mapping[str, str]] = {
    "content-security-policy": POLICY,
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
    "referrer-policy": "same-origin",
    "cross-origin-opener-policy": "same-origin",
    "permissions-policy": "geolocation=(self), camera=(), microphone=()",
    "cache-control": "no-store",
}


@cache
def environment(language: str) -> Environment:
    """The Jinja environment of a language. An unknown name in a template is an error, not an empty text."""
    result = Environment(
        loader=PackageLoader("province.console", "templates"),
        autoescape=select_autoescape(("html",)),
        undefined=StrictUndefined,
        extensions=["jinja2.ext.i18n"],
        trim_blocks=True,
        lstrip_blocks=True,
    )
    catalogue = translations(language)
    result.install_gettext_translations(catalogue, newstyle=True)  # type: ignore[attr-defined]
    words = Words(language)
    result.globals.update(words=words, lang=language, asset=asset, has_asset=has_asset, icon_address=icon)
    result.filters.update(instant=words.instant, ago=words.ago, number=words.number, label=words.label)
    return result


@cache
def asset(path: str) -> str:
    """Address of a static file with a mark of its content, so that browsers keep it until it changes."""
    digest = hashlib.sha256((STATIC / path).read_bytes()).hexdigest()[:12]
    return f"/static/{path}?v={digest}"


@cache
def has_asset(path: str) -> bool:
    """Whether a built file is there: without the islands the pages work as plain forms and lists."""
    return (STATIC / path).is_file()


@cache
def icon(name: str) -> str:
    """Address of a symbol; of the plain dot for a name that has none."""
    known = f'id="{name}"' in (STATIC / "icons.svg").read_text("utf-8")
    return f"{asset('icons.svg')}#{name if known else 'dot'}"


def page(template: str, language: str, values: Mapping[str, Any], *, status: int = 200) -> HTMLResponse:
    """Render a template as an answer."""
    html = environment(language).get_template(template).render(values)
    return HTMLResponse(html, status_code=status, headers={**HEADERS, "content-language": language})


def guard(response: Response) -> Response:
    """Put the security headers on an answer that is no page; what it says about caching stays."""
    for name, value in HEADERS.items():
        response.headers.setdefault(name, value)
    return response
