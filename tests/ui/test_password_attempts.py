"""Attempts at a password: each is counted before it is looked at, whatever else comes at the same moment."""

import asyncio
from collections import Counter
from datetime import UTC, datetime, timedelta

import httpx
import pytest
from fastapi import FastAPI

from api.app import create_app
from api.ui import passwords
from api.ui.passwords import Passwords
from db.people import make_link
from db.secrets import SecretBox
from db.tables import User
from domain.people import Role
from domain.sign_in import FREE_FAILURES
from tests.api.doubles import RecordingWorkflows
from tests.api.people import BASE_URL, Company
from tests.ui.people import (
    FAST,
    PASSWORD,
    add_user,
    browser,
    csrf_of,
    enter,
    failures_at,
    send_form,
    set_attempts_back,
    signed_in,
)

CROWD = 30
WRONG = "wrong password!"


@pytest.fixture
def looked_at(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The passwords that were really compared."""
    real, seen = Passwords.fits, list[str]()

    async def fits(self: Passwords, password: str, kept: str | None) -> bool:
        seen.append(password)
        return await real(self, password, kept)

    monkeypatch.setattr(Passwords, "fits", fits)
    return seen


async def sent_at_once(*browsers: httpx.AsyncClient, to: str = "/sign-in", **fields: str) -> Counter[int]:
    """Sends the form a crowd of times at one moment, and counts the answers by status."""
    tokens = [csrf_of(await http.get(to if to == "/sign-in" else "/settings")) for http in browsers]
    sent = [
        browsers[turn % len(browsers)].post(to, data={"csrf": tokens[turn % len(browsers)], **fields})
        for turn in range(CROWD)
    ]
    return Counter(answer.status_code for answer in await asyncio.gather(*sent))


@pytest.mark.parametrize("who", ["a stranger", "the owner"])
async def test_a_crowd_of_guesses_at_one_moment_is_slowed_down_as_if_they_came_in_turn(
    app: FastAPI, company: Company, owner: User, looked_at: list[str], who: str
) -> None:
    email = owner.email or "" if who == "the owner" else f"nobody-{company.tenant_id}@example.com"
    async with browser(app) as http:
        answers = await sent_at_once(http, email=email, password=WRONG)
    assert len(looked_at) == FREE_FAILURES
    assert answers == {422: FREE_FAILURES, 429: CROWD - FREE_FAILURES}


async def test_a_crowd_of_guesses_is_counted_over_all_processes(
    app: FastAPI, company: Company, owner: User, secrets: SecretBox, looked_at: list[str]
) -> None:
    other = create_app(company.database, RecordingWorkflows(), secrets, public_url=BASE_URL)
    async with browser(app) as one, browser(other) as two:
        answers = await sent_at_once(one, two, email=owner.email or "", password=WRONG)
    assert len(looked_at) == FREE_FAILURES
    assert answers == {422: FREE_FAILURES, 429: CROWD - FREE_FAILURES}


async def test_after_a_wait_one_guess_is_looked_at_and_no_crowd(
    app: FastAPI, company: Company, owner: User, looked_at: list[str]
) -> None:
    email = owner.email or ""
    async with browser(app) as http:
        await sent_at_once(http, email=email, password=WRONG)
        looked_at.clear()
        await set_attempts_back(company.database, email, timedelta(minutes=1))
        assert await sent_at_once(http, email=email, password=WRONG) == {422: 1, 429: CROWD - 1}
    assert len(looked_at) == 1
    assert await failures_at(company.database, email) == FREE_FAILURES + 1


async def test_the_right_password_after_a_few_wrong_ones_is_let_in_and_all_are_forgotten(
    app: FastAPI, company: Company, owner: User
) -> None:
    async with browser(app) as http:
        for _ in range(FREE_FAILURES - 1):
            assert (await enter(http, owner, WRONG)).status_code == 422
        assert (await enter(http, owner)).status_code == 303
    assert await failures_at(company.database, owner.email or "") == 0


async def test_who_holds_a_session_guesses_its_password_no_faster(
    app: FastAPI, owner: User, looked_at: list[str]
) -> None:
    async with signed_in(app, owner) as http:
        looked_at.clear()
        answers = await sent_at_once(http, to="/settings/password", current=WRONG, new="another long one")
        assert answers == {422: FREE_FAILURES, 429: CROWD - FREE_FAILURES}
        told = await send_form(http, "/settings", "/settings/password", current=PASSWORD, new="another long one")
    assert len(looked_at) == FREE_FAILURES
    assert (told.status_code, "Too many attempts" in told.text) == (429, True)


async def test_no_more_wait_for_their_password_to_be_looked_at_than_there_is_room_for() -> None:
    hasher = Passwords(FAST)
    room = passwords.AT_ONCE + passwords.MOST_WAITING
    told = await asyncio.gather(*(hasher.fits(WRONG, None) for _ in range(room + 5)), return_exceptions=True)
    assert Counter(map(repr, told)) == {"False": room, "Crowded()": 5}
    assert await hasher.fits(PASSWORD, FAST.hash(PASSWORD))


async def test_who_comes_behind_a_crowd_is_told_to_come_again_and_loses_no_attempt(
    app: FastAPI, company: Company, owner: User, viewer: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    invited = await add_user(company.database, company.tenant_id, Role.VIEWER)
    async with company.database.tenant(company.tenant_id) as session:
        link = f"/welcome/{await make_link(session, invited, datetime.now(UTC))}"
    async with browser(app) as http, signed_in(app, viewer) as inside:
        with monkeypatch.context() as full:
            full.setattr(passwords, "MOST_WAITING", -passwords.AT_ONCE)
            for answer in (
                await enter(http, owner),
                await send_form(inside, "/settings", "/settings/password", current=PASSWORD, new="another long one"),
                await send_form(http, link, link, password="a password by link"),
            ):
                assert answer.status_code == 429
                assert "Too many passwords are being checked just now." in answer.text
        assert await failures_at(company.database, owner.email or "") == 0
        assert (await enter(http, owner)).status_code == 303
        assert (await send_form(inside, link, link, password="a password by link")).status_code == 303
