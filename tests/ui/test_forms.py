"""Every form refuses what did not come from a page of its own session; found by walking the routes."""

import re
from uuid import uuid4

import pytest
from fastapi import FastAPI
from fastapi.routing import APIRoute

from api.ui.headers import HEADERS
from api.ui.routers import ROUTERS
from api.ui.visits import CSRF_HEADER
from db.tables import User
from tests.ui.people import browser, csrf_of, signed_in

WRITES = [
    (method, route.path)
    for router in ROUTERS
    for route in router.routes
    if isinstance(route, APIRoute)
    for method in sorted((route.methods or set()) - {"GET", "HEAD"})
]


def somewhere(path: str) -> str:
    """The address with ids that nobody has."""
    return re.sub(r"\{[^}]*\}", lambda _: str(uuid4()), path)


ADMINISTRATION = ("/settings/keys", "/settings/people")


def test_there_are_writes() -> None:
    assert len(WRITES) >= 6


@pytest.mark.parametrize(("method", "path"), WRITES)
@pytest.mark.parametrize("token", [None, "", "another's"])
async def test_a_form_without_its_token_is_refused(
    app: FastAPI, owner: User, method: str, path: str, token: str | None
) -> None:
    fields = {} if token is None else {"csrf": token}
    headers = {} if token is None else {CSRF_HEADER: token}
    async with signed_in(app, owner) as http, browser(app) as stranger:
        for one in (http, stranger):
            for kwargs in ({"data": fields}, {"headers": headers}, {"files": {"file": ("a.csv", b"x")}}):
                answer = await one.request(method, somewhere(path), **kwargs)
                # Whoever is not signed in is sent to sign in, or refused where nobody needs to be.
                assert answer.status_code in ({403} if one is http else {403, 303}), answer.text
                assert "location" not in answer.headers or answer.headers["location"].startswith("/sign-in")


async def test_a_token_of_another_session_is_refused(app: FastAPI, owner: User, viewer: User) -> None:
    async with signed_in(app, owner) as one, signed_in(app, viewer) as other:
        token = csrf_of(await other.get("/settings"))
        answer = await one.post("/settings/theme", data={"csrf": token, "theme": "dark"})
        assert answer.status_code == 403


@pytest.mark.parametrize("path", ["/sign-in", "/nothing/here", "/static/relance.css", "/settings"])
async def test_every_answer_carries_the_headers(app: FastAPI, path: str) -> None:
    async with browser(app) as http:
        answer = await http.get(path)
    assert {name: answer.headers.get(name) for name in HEADERS} == HEADERS
    policy = answer.headers["Content-Security-Policy"]
    assert "unsafe" not in policy
    assert "default-src 'none'" in policy


async def test_no_page_holds_a_script_or_a_style_of_its_own(app: FastAPI, owner: User) -> None:
    async with signed_in(app, owner) as http:
        for path in ("/campaigns", "/settings", "/channels", "/channels/new", "/deliveries", *ADMINISTRATION):
            text = (await http.get(path)).text
            assert not re.search(r"<script(?![^>]*\bsrc=)|<style|\sstyle=|\son[a-z]+=", text), path


async def test_what_belongs_to_the_api_is_answered_by_the_api(app: FastAPI) -> None:
    async with browser(app) as http:
        api, page = await http.get("/api/nothing"), await http.get("/nothing")
    assert (api.status_code, api.headers["content-type"]) == (404, "application/problem+json")
    assert (page.status_code, page.headers["content-type"]) == (404, "text/html; charset=utf-8")
