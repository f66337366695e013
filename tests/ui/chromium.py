"""A real Chromium for tests: found on this machine, else installed from its packages, else said to be missing."""

import os
import shutil
import subprocess
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import cache
from pathlib import Path

from playwright.async_api import Browser, BrowserContext, Page, StorageState, async_playwright, expect

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
INSTALL = (("apt-get", "-q", "update"), ("apt-get", "-q", "install", "-y", "--no-install-recommends", "chromium"))
FLAGS = [
    "--no-sandbox",  # tests may run as root
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--disable-dev-shm-usage",
]
PATIENCE_MS = 15_000


class NoChromium(Exception):
    """There is no Chromium here; the message says how to get one."""


@cache
def chromium() -> Path:
    """The program. Installs Debian's package where that is possible. Raises NoChromium."""
    found = _found()
    if found is None and shutil.which("apt-get") and os.geteuid() == 0:
        for command in INSTALL:
            subprocess.run(command, check=True, capture_output=True, timeout=600, env={**os.environ, **QUIET})
        found = _found()
    if found is None:
        raise NoChromium("the tests of the pages need Chromium: install the package `chromium`, or set CHROMIUM to it")
    return found


QUIET = {"DEBIAN_FRONTEND": "noninteractive"}


def _found() -> Path | None:
    names = (os.environ.get("CHROMIUM", ""), *NAMES)
    paths = [path for name in names if name and (path := shutil.which(name))]
    return Path(paths[0]) if paths else None


@asynccontextmanager
async def running_chromium() -> AsyncIterator[Browser]:
    """A browser without a window."""
    expect.set_options(timeout=PATIENCE_MS)
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=chromium(), args=FLAGS, headless=True)
        try:
            yield browser
        finally:
            await browser.close()


@asynccontextmanager
async def open_page(
    browser: Browser,
    base_url: str,
    *,
    width: int = 1280,
    height: int = 900,
    dark: bool = False,
    language: str = "en",
    kept: StorageState | None = None,
) -> AsyncIterator[Page]:
    """A tab of a browser that nobody used before, or that has `kept` somebody signed in.

    Whatever its console says of errors fails the test at the end.
    """
    context: BrowserContext = await browser.new_context(
        base_url=base_url,
        viewport={"width": width, "height": height},
        color_scheme="dark" if dark else "light",
        locale=language,
        storage_state=kept,
    )
    context.set_default_timeout(PATIENCE_MS)
    page = await context.new_page()
    complaints: list[str] = []
    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.on("console", lambda said: complaints.append(said.text) if _is_complaint(said.type, said.text) else None)
    try:
        yield page
    finally:
        await context.close()
    assert not complaints, "\n".join(complaints)


def _is_complaint(kind: str, words: str) -> bool:
    """An error of a script, or a breach of the policy; a bad answer, or a lost stream (an Event), is the test's own.

    So is leaving a page while it asks for something, which htmx tells as an error: `sendAbort`, and `afterRequest` with
    it. A request that could not be made is told as `sendError`, and stays one.
    """
    harmless = ("Failed to load resource", "[object Event]", "htmx:sendAbort", "htmx:afterRequest")
    return kind == "error" and not words.startswith(harmless)
