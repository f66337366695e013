"""Signing in: who is let in, what is refused, and what a session is worth."""

from datetime import UTC, datetime, timedelta

import pytest
from fastapi import FastAPI
from sqlmodel import col, update

from api.ui.visits import SESSION_COOKIE, local_address
from db.people import find_link, make_link
from db.tables import User
from domain.people import Role
from domain.sign_in import FREE_FAILURES, IDLE, LONGEST
from tests.api.people import Company
from tests.ui.people import (
    PASSWORD,
    add_user,
    browser,
    csrf_of,
    enter,
    send_form,
    set_attempts_back,
    set_sessions_back,
    signed_in,
)


async def test_a_page_sends_a_stranger_to_sign_in_and_back(app: FastAPI, owner: User) -> None:
    async with browser(app) as http:
        answer = await http.get("/settings?x=1")
        assert (answer.status_code, answer.headers["location"]) == (303, "/sign-in?next=/settings%3Fx%3D1")
        form = await http.get(answer.headers["location"])
        assert 'name="next" value="/settings?x=1"' in form.text
        answer = await enter(http, owner, next="/settings?x=1")
        assert (answer.status_code, answer.headers["location"]) == (303, "/settings?x=1")
        assert (await http.get("/settings")).status_code == 200


async def test_who_comes_by_an_address_where_nothing_is_can_still_sign_in(app: FastAPI, owner: User) -> None:
    async with browser(app) as http:
        assert (await http.get("/nothing")).status_code == 404
        assert (await enter(http, owner)).status_code == 303


async def test_a_piece_of_a_page_is_answered_with_the_way_to_sign_in(app: FastAPI) -> None:
    async with browser(app) as http:
        asked = {"HX-Request": "true", "HX-Current-URL": "http://relance.test/settings?x=1"}
        answer = await http.get("/campaigns", headers=asked)
    assert (answer.status_code, answer.headers["HX-Redirect"]) == (401, "/sign-in?next=/settings%3Fx%3D1")


@pytest.mark.parametrize("who", ["a stranger", "the owner"])
async def test_a_wrong_password_and_an_unknown_address_look_the_same(app: FastAPI, owner: User, who: str) -> None:
    email = owner.email or "" if who == "the owner" else "nobody@example.com"
    async with browser(app) as http:
        answer = await send_form(http, "/sign-in", "/sign-in", email=email, password="wrong password!")
        assert answer.status_code == 422
        assert "This e-mail address and this password do not belong together." in answer.text
        assert SESSION_COOKIE not in http.cookies


async def test_guessing_is_slowed_down_and_a_success_forgets_it(app: FastAPI, owner: User, company: Company) -> None:
    async with browser(app) as http:
        for _ in range(FREE_FAILURES):
            assert (await enter(http, owner, "wrong password!")).status_code == 422
        answer = await enter(http, owner)
        assert answer.status_code == 429
        assert "Too many attempts" in answer.text
        await set_attempts_back(company.database, owner.email or "", timedelta(hours=1))
        assert (await enter(http, owner)).status_code == 303
    async with browser(app) as http:
        assert (await enter(http, owner, "wrong password!")).status_code == 422
        assert (await enter(http, owner)).status_code == 303


async def test_an_address_that_cannot_be_stored_is_wrong_as_any_and_counts(app: FastAPI) -> None:
    async with browser(app) as http:
        for status in (*[422] * FREE_FAILURES, 429):
            answer = await send_form(http, "/sign-in", "/sign-in", email="a\0@b.co", password=PASSWORD)
            assert answer.status_code == status


async def test_a_disabled_person_is_not_let_in_and_their_session_is_over(
    app: FastAPI, company: Company, viewer: User
) -> None:
    async with signed_in(app, viewer) as http:
        async with company.database.tenant(company.tenant_id) as session:
            mine = col(User.id) == viewer.id
            await session.exec(update(User).where(mine).values(disabled_at=datetime.now(UTC)))
        assert (await http.get("/settings")).status_code == 303
        assert (await enter(http, viewer)).status_code == 422


@pytest.mark.parametrize("accepted", ["text/event-stream", "application/json"])
async def test_a_script_is_told_that_nobody_is_signed_in_rather_than_given_a_page(app: FastAPI, accepted: str) -> None:
    async with browser(app) as http:
        answer = await http.get("/campaigns/live", headers={"Accept": accepted})
    assert (answer.status_code, answer.content) == (401, b"")


@pytest.mark.parametrize("column", ["seen_at", "created_at"])
async def test_a_session_ends_when_it_is_idle_or_old(app: FastAPI, company: Company, owner: User, column: str) -> None:
    async with signed_in(app, owner) as http:
        assert (await http.get("/settings")).status_code == 200
        await set_sessions_back(company.database, owner, column, {"seen_at": IDLE, "created_at": LONGEST}[column])
        assert (await http.get("/settings")).status_code == 303


async def test_a_sign_in_never_goes_on_with_a_token_that_was_there_before(
    app: FastAPI, owner: User, viewer: User
) -> None:
    async with browser(app) as http:
        http.cookies.set(SESSION_COOKIE, "chosen by somebody else", domain="relance.test", path="/")
        await enter(http, owner)
        first = http.cookies.get(SESSION_COOKIE)
        assert first != "chosen by somebody else"
    async with browser(app) as thief:
        thief.cookies.set(SESSION_COOKIE, "chosen by somebody else", domain="relance.test", path="/")
        assert (await thief.get("/settings")).status_code == 303


async def test_signing_out_ends_the_session_itself(app: FastAPI, owner: User) -> None:
    async with signed_in(app, owner) as http:
        token = http.cookies[SESSION_COOKIE]
        answer = await send_form(http, "/settings", "/sign-out")
        assert answer.headers["location"] == "/sign-in"
    async with browser(app) as http:
        http.cookies.set(SESSION_COOKIE, token, domain="relance.test", path="/")
        assert (await http.get("/settings")).status_code == 303


async def test_signing_out_everywhere_ends_every_session(app: FastAPI, owner: User) -> None:
    async with signed_in(app, owner) as one, signed_in(app, owner) as other:
        assert (await send_form(one, "/settings", "/settings/sign-out-everywhere")).status_code == 303
        assert (await other.get("/settings")).status_code == 303
        assert (await one.get("/settings")).status_code == 303


async def test_a_new_password_ends_the_other_sessions_and_is_the_one_that_fits(app: FastAPI, owner: User) -> None:
    async with signed_in(app, owner) as one, signed_in(app, owner) as other:
        wrong = await send_form(one, "/settings", "/settings/password", current="not it", new="another long one")
        assert wrong.status_code == 422
        easy = await send_form(one, "/settings", "/settings/password", current=PASSWORD, new="aaaaaaaaaaaaaa")
        assert easy.status_code == 422
        right = await send_form(one, "/settings", "/settings/password", current=PASSWORD, new="another long one")
        assert right.status_code == 200
        assert (await one.get("/settings")).status_code == 200
        assert (await other.get("/settings")).status_code == 303
    async with browser(app) as http:
        assert (await enter(http, owner, PASSWORD)).status_code == 422
        assert (await enter(http, owner, "another long one")).status_code == 303


async def test_a_link_is_good_for_one_password(app: FastAPI, company: Company, viewer: User) -> None:
    now = datetime.now(UTC)
    async with company.database.tenant(company.tenant_id) as session:
        token = await make_link(session, viewer, now)
    assert await find_link(company.database, token, now + timedelta(days=3)) is None
    async with browser(app) as http:
        short = await send_form(http, f"/welcome/{token}", f"/welcome/{token}", password="short")
        assert short.status_code == 422
        assert "Use at least 12 characters" in short.text
        odd = await send_form(http, f"/welcome/{token}", f"/welcome/{token}", password=PASSWORD, name="A\0nn")
        assert odd.status_code == 422
        answer = await send_form(http, f"/welcome/{token}", f"/welcome/{token}", password="a password by link")
        assert answer.headers["location"] == "/"
        assert (await http.get("/settings")).status_code == 200
        assert (await http.get(f"/welcome/{token}")).status_code == 404
    async with browser(app) as http:
        assert (await enter(http, viewer, "a password by link")).status_code == 303


async def test_the_first_owner_says_who_they_are(app: FastAPI, company: Company, viewer: User) -> None:
    owner = User(tenant_id=company.tenant_id, name="Owner", role=Role.OWNER)
    async with company.database.tenant(company.tenant_id) as session:
        session.add(owner)
        await session.flush()
        token = await make_link(session, owner, datetime.now(UTC))
    at = f"/welcome/{token}"
    fields = {"name": "Ann", "email": f"Ann-{owner.id.hex[:6]}@Example.com", "password": PASSWORD}
    async with browser(app) as http:
        for wrong in (
            {"email": "ann"},
            {"email": "a\0@b.co"},
            {"name": " "},
            {"name": "A\0nn"},
            {"password": "short"},
            {"email": viewer.email or ""},
        ):
            assert (await send_form(http, at, at, **(fields | wrong))).status_code == 422
        assert (await send_form(http, at, at, **fields)).status_code == 303
        assert "Ann" in (await http.get("/settings")).text
    async with browser(app) as http:
        answer = await send_form(http, "/sign-in", "/sign-in", email=fields["email"].upper(), password=PASSWORD)
        assert answer.status_code == 303


@pytest.mark.parametrize(
    ("address", "led_to"),
    [
        ("/settings?x=1#y", "/settings?x=1#y"),
        ("//evil.example", "/"),
        ("/\\evil.example", "/"),
        ("/\t/evil.example", "/"),
        ("https://evil.example", "/"),
        ("javascript:alert(1)", "/"),
        ("", "/"),
        (None, "/"),
    ],
)
def test_nobody_is_led_to_another_site(address: str | None, led_to: str) -> None:
    assert local_address(address) == led_to


async def test_the_way_back_after_a_sign_in_stays_on_this_site(app: FastAPI, owner: User) -> None:
    async with browser(app) as http:
        assert (await enter(http, owner, next="//evil.example/x")).headers["location"] == "/"


async def test_the_cookies_are_kept_from_scripts_and_other_sites(app: FastAPI, owner: User) -> None:
    async with browser(app) as http:
        form = await http.get("/sign-in")
        answer = await http.post("/sign-in", data={"csrf": csrf_of(form), "email": owner.email, "password": PASSWORD})
    for response in (form, answer):
        cookie = response.headers["set-cookie"]
        assert "HttpOnly" in cookie
        assert "SameSite=lax" in cookie


async def test_no_one_of_another_tenant_is_seen(app: FastAPI, company: Company, rival: Company, owner: User) -> None:
    theirs = await add_user(rival.database, rival.tenant_id, Role.OWNER, name="A rival")
    made = await company.campaign(name="Ours")
    async with signed_in(app, theirs) as http:
        assert "Ours" not in (await http.get("/campaigns")).text
        assert (await http.get(f"/campaigns/{made['id']}")).status_code == 404
