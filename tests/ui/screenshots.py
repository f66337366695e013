"""`python -m tests.ui.screenshots`: pictures of every page, light, dark and on a phone, into docs/screenshots."""

import asyncio
import re
import sys
from pathlib import Path

from playwright.async_api import Browser, Page

from cli.stack.stack import Stack
from tests.ui.chromium import open_page, running_chromium
from tests.ui.every_page import PAGES
from tests.ui.house import filled_installation, first_visit, sign_in

ROOT = Path(__file__).resolve().parents[2]
PLACE = ROOT / "docs" / "screenshots"
LOOKS = {"light": (1280, False), "dark": (1280, True), "phone": (360, False)}
HEIGHT = 800
BEFORE_A_SIGN_IN = {"/sign-in"}


async def _rehearse(page: Page) -> None:
    await page.get_by_role("button", name="Rehearse").click()
    await page.get_by_role("heading", name="Calendar of sends").wait_for(timeout=60_000)


async def _draw(page: Page) -> None:
    await page.locator("[data-points]").wait_for()


FIRST = {"/campaigns/{campaign_id}/rehearsal": _rehearse, "/campaigns/{campaign_id:uuid}": _draw}
"""What is done, or waited for, before the picture is taken."""


async def take(browser: Browser, stack: Stack, place: Path) -> int:
    """Takes all of them; returns how many."""
    async with first_visit(browser, stack):
        pass
    taken = 0
    for look, (width, dark) in LOOKS.items():
        async with open_page(browser, stack.addresses.api, width=width, height=HEIGHT, dark=dark) as page:
            for path in BEFORE_A_SIGN_IN:
                taken += await _shoot(page, stack, path, place / f"{name_of(path)}-{look}.png")
            await sign_in(page)
            for path in PAGES.keys() - BEFORE_A_SIGN_IN:
                taken += await _shoot(page, stack, path, place / f"{name_of(path)}-{look}.png")
    return taken


async def _shoot(page: Page, stack: Stack, path: str, file: Path) -> int:
    await page.goto(PAGES[path](stack), wait_until="load")
    if path in FIRST:
        await FIRST[path](page)
    await page.screenshot(path=file, full_page=True)
    return 1


def name_of(path: str) -> str:
    """A file name for a route: /campaigns/{campaign_id} becomes campaigns-campaign."""
    return re.sub(r"[^a-z]+", "-", re.sub(r"_id\}|\}", "", path)).strip("-")


async def main() -> None:
    """The command."""
    PLACE.mkdir(parents=True, exist_ok=True)
    for old in PLACE.glob("*.png"):
        old.unlink()
    async with filled_installation() as stack, running_chromium() as browser:
        sys.stdout.write(f"{await take(browser, stack, PLACE)} pictures in {PLACE.relative_to(ROOT)}\n")


if __name__ == "__main__":
    asyncio.run(main())
