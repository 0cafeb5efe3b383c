"""`make demo-flood`: a flood from the sensor to the closed incident, on a real product of its own; about a minute.

    .venv/bin/python scripts/demo_flood.py [--shots FOLDER]

A gauge sends its readings over MQTT with its own credential; the duty officer works in headless Chromium. Ends with
code 1 when something does not go as it must.
"""

from __future__ import annotations

import argparse
import asyncio
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

from playwright.async_api import async_playwright
from tests.product import Product, running_product
from tests.system import flood


async def run(product: Product, shots: Path | None) -> None:
    """The flood, in a browser."""
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path="/usr/bin/chromium", args=["--no-sandbox"])
        try:
            page = await browser.new_page(viewport={"width": 1280, "height": 900}, locale="vi-VN")
            await flood.sign_in(page, product)

            async def shot(name: str) -> None:
                if shots is not None:
                    await page.screenshot(path=shots / f"{name}.png", full_page=True)

            officer = await flood.play(product, page, print, shots=shot)
            for number, what in enumerate(officer.told, 1):
                print(f"  press {number}: {what}")
        finally:
            await browser.close()


def main(shots: Path | None) -> int:
    """Run and tell."""
    if shots is not None:
        shots.mkdir(parents=True, exist_ok=True)
    print("starting the product with the example …")
    with running_product("--example", "--no-simulate") as product:
        try:
            asyncio.run(run(product, shots))
        except (AssertionError, TimeoutError) as error:
            print(f"FAILED: {error}")
            return 1
    return 0


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--shots", type=Path, help="Folder for pictures of the pages.")
    sys.exit(main(parser.parse_args().shots))
