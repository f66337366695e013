"""`python -m tests.ui.screenshots`: pictures of every page in its states, light, dark, on a phone."""

import asyncio
import re
import sys
from pathlib import Path

from playwright.async_api import Browser, Page

from cli.stack.stack import Stack
from tests.ui.chromium import open_page, running_chromium
from tests.ui.every_page import FIRST, PAGES, STATES, Reach, opened
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


WAIT = {
    "campaigns-campaign-rehearsal": _rehearse,
    **dict.fromkeys(("campaigns-campaign-id-uuid", "campaign-running", "campaign-paused"), _draw),
}
"""What is done, or waited for, before the picture is taken; by the picture's name."""


async def take(browser: Browser, stack: Stack, place: Path) -> int:
    """Takes all of them, the first pages before the link of the welcome is used; returns how many."""
    first, owners = _seen_first(), _seen_by_the_owner()
    await _tour(browser, stack, place, first)
    async with first_visit(browser, stack):
        pass
    await _tour(browser, stack, place, owners, signed_in=True)
    return (len(first) + len(owners)) * len(LOOKS)


def _seen_first() -> dict[str, Reach]:
    before = {name_of(path): opened(PAGES[path]) for path in BEFORE_A_SIGN_IN}
    return before | {name: state.reach for name, state in FIRST.items()}


def _seen_by_the_owner() -> dict[str, Reach]:
    paths = PAGES.keys() - BEFORE_A_SIGN_IN
    return {name_of(path): opened(PAGES[path]) for path in paths} | {name: one.reach for name, one in STATES.items()}


async def _tour(
    browser: Browser, stack: Stack, place: Path, stops: dict[str, Reach], *, signed_in: bool = False
) -> None:
    for look, (width, dark) in LOOKS.items():
        async with open_page(browser, stack.addresses.api, width=width, height=HEIGHT, dark=dark) as page:
            if signed_in:
                await sign_in(page)
            for name, reach in stops.items():
                await reach(page, stack)
                if name in WAIT:
                    await WAIT[name](page)
                await page.screenshot(path=place / f"{name}-{look}.png", full_page=True)


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
