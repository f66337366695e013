"""A whole installation with something to look at, and a browser in which its owner is signed in."""

import asyncio
import json
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import httpx
from playwright.async_api import Browser, Page

from cli.client import Api
from cli.demo.filling import fill
from cli.demo.platform import Platform
from cli.demo.preparation import patiently, prepare
from cli.demo.runs import new_run
from cli.stack.probes import free_port, trusted
from cli.stack.stack import Stack, running_stack
from settings import Settings
from tests.ui.people import PASSWORD

EMAIL = "ann@example.com"
PEOPLE = 24
WINDOW_SECONDS = 4.0
RATE = 20.0
FILLED_WITHIN = 90.0


@asynccontextmanager
async def running_installation() -> AsyncIterator[Stack]:
    """The whole stack, new and empty, on ports and data of its own."""
    with _place() as place:
        settings = Settings(
            data_dir=place / "data",
            api_port=free_port(),
            temporal_port=free_port(),
            temporal_ui_port=free_port(),
            simulator_port=free_port(),
        )
        async with running_stack(settings, fast=True) as stack:
            yield stack


@contextmanager
def _place() -> Iterator[Path]:
    """A directory that PostgreSQL's own user can reach."""
    with TemporaryDirectory(prefix="relance-pages-") as name:
        Path(name).chmod(0o755)
        yield Path(name)


@asynccontextmanager
async def filled_installation() -> AsyncIterator[Stack]:
    """The same with what a demo that is kept leaves: campaigns in every state, messages held and unknown."""
    async with running_installation() as stack:
        await asyncio.to_thread(_fill, stack)
        yield stack


def _fill(stack: Stack) -> None:
    contacts = stack.data_dir / "people.csv"
    rows = [f"+33639980{number:03},Zoé,Lyon" for number in range(PEOPLE)]
    contacts.write_text("\n".join(["phone,first_name,city", *rows, rows[0], "nobody,Bo,"]) + "\n", encoding="utf-8")
    platform = Platform(stack.addresses.simulator)
    with Api(stack.addresses.api, stack.api_key or "") as api:
        run = prepare(api, platform, new_run(contacts, RATE, WINDOW_SECONDS), lambda step: step)
        patiently(lambda: fill(api, platform, run))
        deadline = time.monotonic() + FILLED_WITHIN
        while not _is_filled(stack, run.campaign_id or ""):
            assert time.monotonic() < deadline, "the installation was not filled in time"
            time.sleep(0.2)
    platform.close()


def campaign_under_way(stack: Stack, people: int, rate: float) -> str:
    """A new campaign on an account of its own, its messages going out at so many a second; returns its id."""
    contacts = stack.data_dir / "under_way.csv"
    rows = [f"+33639981{number:03},Zoé" for number in range(people)]
    contacts.write_text("\n".join(["phone,first_name", *rows]) + "\n", encoding="utf-8")
    platform = Platform(stack.addresses.simulator)
    with Api(stack.addresses.api, stack.api_key or "") as api:
        run = prepare(api, platform, new_run(contacts, rate, WINDOW_SECONDS), lambda step: step)
    platform.close()
    assert run.campaign_id is not None
    return run.campaign_id


def _is_filled(stack: Stack, campaign_id: str) -> bool:
    campaign = asked(stack, f"/api/campaigns/{campaign_id}")
    lost, held = (asked(stack, f"/api/deliveries?status={state}")["items"] for state in ("unknown", "held"))
    # One of these numbers always fails at the simulated platform.
    over = campaign["status"] == "completed" and campaign["counts"]["failed"] > 0
    return over and len(lost) >= 3 and len(held) >= 3


def asked(stack: Stack, path: str) -> Any:
    """What the API says, as its owner's key asks."""
    headers = {"Authorization": f"Bearer {stack.api_key}"}
    answer = httpx.get(f"{stack.addresses.api}{path}", headers=headers, timeout=20, trust_env=False, verify=trusted())
    answer.raise_for_status()
    return json.loads(answer.text)


async def welcome(page: Page, stack: Stack) -> None:
    """The first sign-in of all, by the link that the stack printed."""
    assert stack.welcome_url is not None
    await page.goto(stack.welcome_url)
    await page.get_by_label("Your name").fill("Ann")
    await page.get_by_label("E-mail address").fill(EMAIL)
    await page.get_by_label("New password").fill(PASSWORD)
    await page.get_by_role("button", name="Begin").click()
    await page.wait_for_url("**/campaigns")


async def sign_in(page: Page) -> None:
    """Signs the owner in, who was there before."""
    await page.goto("/sign-in")
    await page.get_by_label("E-mail address").fill(EMAIL)
    await page.get_by_label("Password").fill(PASSWORD)
    await page.get_by_role("button", name="Sign in").click()
    await page.wait_for_url("**/campaigns")


async def invited(page: Page, role: str, email: str) -> str:
    """Invites somebody, on the pages of an owner; returns the link that they are given."""
    await page.get_by_role("link", name="Settings").first.click()
    await page.get_by_role("link", name="People").first.click()
    await page.get_by_label("E-mail address").fill(email)
    await page.get_by_label("Name", exact=True).fill(email.partition("@")[0].title())
    await page.locator(f"#role-{role}").check()
    await page.get_by_role("button", name="Make the invitation").click()
    return await page.locator("#once").input_value()


async def accept(page: Page, link: str) -> None:
    """Takes an invitation up."""
    await page.goto(link)
    await page.get_by_label("New password").fill(PASSWORD)
    await page.get_by_role("button", name="Begin").click()
    await page.wait_for_url("**/campaigns")


@asynccontextmanager
async def first_visit(browser: Browser, stack: Stack) -> AsyncIterator[Page]:
    """A tab in which the owner has just chosen a password."""
    context = await browser.new_context(base_url=stack.addresses.api)
    page = await context.new_page()
    await welcome(page, stack)
    yield page
    await context.close()
