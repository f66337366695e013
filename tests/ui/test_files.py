"""What pages are made of is kept by browsers, and never shown when it is not the present one."""

import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import httpx
import pytest
from fastapi import FastAPI

from api.ui.app import STATIC
from api.ui.files import Files
from tests.api.people import BASE_URL
from tests.ui.people import browser

VENDORED = "/static/vendor/htmx/htmx.min.js"


@pytest.fixture
def script(tmp_path: Path) -> Path:
    """A script of one line."""
    path = tmp_path / "own.js"
    path.write_text("let version = 1;")
    return path


def write_as_old(path: Path, content: str) -> None:
    """Another content under the same date."""
    before = path.stat()
    path.write_text(content)
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))


@asynccontextmanager
async def served(script: Path) -> AsyncIterator[httpx.AsyncClient]:
    """A browser of the files beside it, which a new process serves."""
    transport = httpx.ASGITransport(app=Files(script.parent))
    async with httpx.AsyncClient(transport=transport, base_url=BASE_URL) as http:
        yield http


async def test_a_file_that_a_browser_has_is_not_sent_again(app: FastAPI) -> None:
    async with browser(app) as http:
        first = await http.get(VENDORED)
        again = await http.get(VENDORED, headers={"If-None-Match": first.headers["etag"]})
    assert (first.status_code, first.content) == (200, (STATIC / "vendor/htmx/htmx.min.js").read_bytes())
    assert first.headers["cache-control"] == "no-cache"
    assert (again.status_code, again.content, again.headers["cache-control"]) == (304, b"", "no-cache")
    assert again.headers["etag"] == first.headers["etag"]


async def test_a_page_is_kept_nowhere(app: FastAPI) -> None:
    async with browser(app) as http:
        for path in ("/sign-in", "/static/nothing.js"):
            assert (await http.get(path)).headers["cache-control"] == "no-store"


async def test_another_content_is_sent_even_if_it_is_as_long_and_as_old(script: Path) -> None:
    """As after an upgrade by an installer that gives every file of every version the same date."""
    async with served(script) as http:
        old = await http.get("/own.js")
        had = {"If-None-Match": old.headers["etag"], "If-Modified-Since": old.headers["last-modified"]}
        assert (await http.get("/own.js", headers=had)).status_code == 304
    write_as_old(script, "let version = 2;")
    async with served(script) as http:
        for header in (had, {"If-Modified-Since": old.headers["last-modified"]}):
            new = await http.get("/own.js", headers=header)
            assert (new.status_code, new.text) == (200, "let version = 2;")
