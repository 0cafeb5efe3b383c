"""The pictures of the README and the guides, taken anew from a running installation of this checkout.

    .venv/bin/python scripts/take_pictures.py [--out docs] [NAME …]

Run it after `make install islands`, with Chromium (`scripts/install-browser`). It starts the example with simulated
sensors on free ports in a temporary home, sends a report as a resident, waits until the sensors have said something,
and takes each picture named (all without a name). Look at every one before it is committed. Not taken here are those
that need inputs from elsewhere: `map-real` (polygons of the wards), `merger-preview` and `addresses`
(`scripts/demo_merger.py`).
"""

from __future__ import annotations

import argparse
import io
import re
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from PIL import Image
from playwright.sync_api import Browser, Page, sync_playwright

sys.path.insert(0, str(Path(__file__).parents[1]))

from tests.product import PASSWORD, Product, installed

WIDTH: Final = 1280
LARGEST: Final = 96_000
"""Bytes of a picture: they are part of every clone."""


@dataclass(frozen=True, slots=True)
class Picture:
    """A page as somebody sees it. file: below docs.  signed_in: as the first administrator.  then: done before it."""

    file: str
    path: str
    signed_in: bool = False
    language: str = "vi"
    height: int = 800
    then: Callable[[Page], None] | None = None


def send_report(page: Page) -> None:
    """As a resident."""
    page.fill("#report-title", "Đèn đường không sáng")
    page.select_option("#report-category", "light")
    page.fill("#report-location-lat", "10.9805")
    page.fill("#report-location-lon", "106.6519")
    page.locator("form.card button.main").click()
    page.wait_for_selector("#secret")


def open_first(pattern: str) -> Callable[[Page], None]:
    """Follow the first link of the page whose address fits."""

    def follow(page: Page) -> None:
        found = re.search(f'href="({pattern})"', page.content())
        assert found is not None, f"no link {pattern} on {page.url}"
        page.goto(page.url.split("/", 3)[0] + "//" + page.url.split("/", 3)[2] + found[1])

    return follow


def open_figure(page: Page) -> None:
    """The first figure, with its form to confirm it unfolded."""
    open_first(r"/entity/urn:ngsi-ld:Figure:[^\"]+")(page)
    page.locator("details.action summary").first.click()


def show_filter(page: Page) -> None:
    """The filter of a list unfolded."""
    page.locator("main details", has=page.locator("input[type=date]")).first.locator("summary").first.click()


PICTURES: Final = (
    Picture("images/map.png", "/map", height=860),
    Picture("guide/images/front-vi.webp", "/"),
    Picture("guide/images/front-en.webp", "/", language="en"),
    Picture("guide/images/line-vi.webp", "/phu-luc-xiv/II.4"),
    Picture("guide/images/map.webp", "/map"),
    Picture("guide/images/receipt.webp", "/report", height=430, then=send_report),
    Picture("guide/images/overview.webp", "/", signed_in=True),
    Picture("guide/images/boards.webp", "/boards", signed_in=True),
    Picture(
        "guide/images/report-page.webp", "/list/Report", signed_in=True,
        then=open_first(r"/entity/urn:ngsi-ld:Report:[^\"]+"),
    ),
    Picture("guide/images/areas-on-day.webp", "/list/Area?on=2025-06-30", signed_in=True, then=show_filter),
    Picture("guide/images/map-2025-06-30.webp", "/map?on=2025-06-30", signed_in=True),
    Picture("guide/images/figure-confirm.webp", "/list/Figure", signed_in=True, then=open_figure),
    Picture("guide/images/lake.webp", "/lake", signed_in=True),
)  # fmt: skip


def take(browser: Browser, product: Product, picture: Picture, cookies: list[dict[str, str]], out: Path) -> None:
    """Take one picture and write it down."""
    context = browser.new_context(
        viewport={"width": WIDTH, "height": picture.height}, color_scheme="light", locale=f"{picture.language}-VN"
    )
    own = [{"name": "lang", "value": picture.language, "url": product.address}]
    context.add_cookies([*own, *(cookies if picture.signed_in else ())])  # type: ignore[list-item]
    page = context.new_page()
    page.goto(product.address + picture.path)
    if picture.then is not None:
        picture.then(page)
    _settle(page)
    shot = Image.open(io.BytesIO(page.screenshot())).convert("RGB")
    context.close()
    path = out / picture.file
    if path.suffix == ".png":
        shot.quantize(128).save(path, optimize=True)
    else:
        for quality in range(84, 40, -6):
            shot.save(path, quality=quality, method=6)
            if path.stat().st_size <= LARGEST:
                break
    print(f"{path}: {path.stat().st_size:,} bytes", flush=True)


def _settle(page: Page) -> None:
    """Until maps have drawn their layers. Asked from outside: the page's own policy forbids evaluating texts."""
    page.wait_for_load_state("networkidle")
    drawn = (
        "[...document.querySelectorAll('[data-map]')].every((m) => m.offsetParent === null || "
        "(m.dataset.layers ? Number(m.dataset.drawn ?? 0) >= document.querySelectorAll("
        "'[data-layer-toggle]:checked').length : m.dataset.ready))"
    )
    deadline = time.monotonic() + 60
    while not page.evaluate(drawn):
        if time.monotonic() > deadline:
            raise TimeoutError(f"the map of {page.url} was not drawn within a minute")
        time.sleep(0.1)
    time.sleep(1.5)  # letters and marks fade in


def main(names: list[str], out: Path) -> None:
    """Start the product and take what was asked for."""
    known = {Path(one.file).stem: one for one in PICTURES if one.file.endswith(".webp")}
    chosen = [one for one in PICTURES if not names or Path(one.file).stem in names]
    if unknown := set(names) - {Path(one.file).stem for one in PICTURES}:
        raise SystemExit(f"no picture {', '.join(sorted(unknown))}. There are: {', '.join(known)}.")
    with installed("--simulate") as product, sync_playwright() as play:
        product.start()
        browser = play.chromium.launch(
            executable_path="/usr/bin/chromium", args=["--no-sandbox", "--enable-unsafe-swiftshader"]
        )
        with product.signed_in(PASSWORD) as client:
            cookies = [{"name": c.name, "value": c.value or "", "url": product.address} for c in client.cookies.jar]
        time.sleep(90)  # readings in the lake, roll-ups and merges to show
        receipt = next(one for one in PICTURES if one.then is send_report)
        if receipt not in chosen:
            take(browser, product, receipt, cookies, out)
        for picture in sorted(chosen, key=lambda one: one is not receipt):
            take(browser, product, picture, cookies, out)
        browser.close()


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("names", nargs="*", metavar="NAME")
    parser.add_argument("--out", type=Path, default=Path(__file__).parents[1] / "docs")
    given = parser.parse_args()
    main(given.names, given.out)
