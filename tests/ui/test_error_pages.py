"""What goes wrong on a page is told to whom it happens: in their language, with their menu and with forms that work."""

from uuid import UUID

import pytest
from fastapi import FastAPI

from api.ui import visits
from api.ui.routes import settings
from db.tables import User
from tests.ui.people import browser, send_form, signed_in

MENU, LANGUAGES = 'action="/sign-out"', 'action="/settings/language"'


@pytest.mark.parametrize("path", ["/nothing", f"/campaigns/{UUID(int=1)}", "/channels/no-id", "/static/nothing.css"])
async def test_who_is_signed_in_keeps_menu_and_language_where_nothing_is(app: FastAPI, owner: User, path: str) -> None:
    async with signed_in(app, owner) as http:
        answer = await send_form(http, path, "/settings/language", language="fr", back=path)
        assert (answer.status_code, answer.headers["location"]) == (303, path)
        http.cookies.delete(visits.LANGUAGE_COOKIE)
        told = await http.get(path)
    assert told.status_code == 404
    assert MENU in told.text
    assert '<html lang="fr"' in told.text


@pytest.mark.parametrize("path", ["/sign-out", "/static/relance.css"])
async def test_an_address_that_is_asked_in_a_way_that_it_does_not_know_says_so_in_french(
    app: FastAPI, owner: User, path: str
) -> None:
    async with signed_in(app, owner) as http:
        http.headers["Accept-Language"] = "fr"
        told = await (http.delete(path) if "static" in path else http.get(path))
    assert told.status_code == 405
    assert told.headers["allow"]
    assert "Impossible de cette façon" in told.text
    assert "Cette adresse ne s’ouvre pas seule" in told.text
    assert "Method Not Allowed" not in told.text


async def test_a_refusal_and_a_bug_leave_the_menu_where_it_is(
    app: FastAPI, viewer: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def broken(*_: object) -> None:
        raise RuntimeError("a bug")

    monkeypatch.setattr(settings, "_page", broken)
    async with signed_in(app, viewer) as http:
        for path, status in (("/channels/new", 403), ("/settings", 500)):
            told = await http.get(path)
            assert (told.status_code, MENU in told.text) == (status, True)


async def test_without_a_database_no_form_is_offered_that_would_be_refused(
    app: FastAPI, owner: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def away(*_: object, **__: object) -> None:
        raise ConnectionRefusedError

    async with signed_in(app, owner) as http, browser(app) as stranger:
        monkeypatch.setattr(visits, "find_session", away)
        for path, status in (("/nothing", 404), ("/settings", 503)):
            told = await http.get(path)
            assert (told.status_code, MENU in told.text, LANGUAGES in told.text) == (status, False, False)
        answer = await send_form(stranger, "/nothing", "/settings/language", language="fr", back="/nothing")
        assert answer.status_code == 303
        assert '<html lang="fr"' in (await stranger.get("/nothing")).text
