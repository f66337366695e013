"""The page of people: invited by a link, given roles within one's own, shut out and let in; an owner is always left."""

import asyncio
import re
from html import unescape

import httpx
import pytest
from fastapi import FastAPI

from api.ui import appointments
from api.ui.routes.people import OVER
from db.people import find_user
from db.reading.people import find_person
from db.tables import User
from domain.people import Role
from tests.api.people import BASE_URL, Company
from tests.ui.people import PASSWORD, add_user, browser, csrf_of, enter, fields_of, send_form, signed_in

PAGE = "/settings/people"
LINK = re.compile(rf'value="{BASE_URL}(/welcome/[A-Za-z0-9_-]+)"')
ACTS = ("role", "disable", "enable", "link")


async def now(company: Company, user: User) -> User:
    """The person as they are by now."""
    async with company.database.tenant(company.tenant_id) as session:
        found = await find_person(session, user.id)
    assert found is not None
    return found


async def person(company: Company, role: Role) -> User:
    return await add_user(company.database, company.tenant_id, role)


async def act(http: httpx.AsyncClient, user: User, what: str, role: str = "viewer") -> httpx.Response:
    return await send_form(http, PAGE, f"{PAGE}/{user.id}/{what}", role=role, confirmed="yes")


async def test_whoever_is_invited_chooses_a_password_by_the_link_that_is_shown_once(
    app: FastAPI, owner: User, company: Company
) -> None:
    email = f"Ann-{owner.id.hex[:8]}@Example.com"
    async with signed_in(app, owner) as http:
        answer = await send_form(http, PAGE, PAGE, email=email, name="Ann <x>", role="operator")
        [link] = LINK.findall(answer.text)
        listed = (await http.get(PAGE)).text
    assert link not in listed
    assert "Ann &lt;x&gt;" in listed
    assert "Invited" in listed
    async with browser(app) as http:
        assert (await send_form(http, link, link, password="a password of Ann")).status_code == 303
        assert (await http.get("/campaigns")).status_code == 200
        assert (await http.get(PAGE)).status_code == 403
    made = await find_user(company.database, email)
    assert made is not None
    assert (made.role, made.tenant_id, made.email) == ("operator", company.tenant_id, email.lower())
    assert made.seen_at is not None


async def test_what_is_wrong_in_an_invitation_is_said_and_nothing_is_lost(
    app: FastAPI, owner: User, viewer: User, rival: Company
) -> None:
    theirs = await add_user(rival.database, rival.tenant_id, Role.OWNER)
    right = {"email": "new@example.com", "name": "Kept name", "role": "viewer"}
    async with signed_in(app, owner) as http:
        for wrong, said in (
            ({"email": "ann"}, "Write an e-mail address"),
            ({"email": "a\0b@example.com"}, "Write an e-mail address"),
            ({"name": " "}, "Write the person's name"),
            ({"role": "king"}, "Choose a role."),
            ({"email": (viewer.email or "").upper()}, "Somebody signs in with this address already."),
            ({"email": theirs.email or ""}, "Somebody signs in with this address already."),
        ):
            answer = await send_form(http, PAGE, PAGE, **(right | wrong))
            assert answer.status_code == 422
            assert said in unescape(answer.text)
            assert "name" in wrong or 'value="Kept name"' in answer.text
        assert "Kept name" not in (await http.get(PAGE)).text


@pytest.mark.parametrize(
    ("by", "whom", "to", "may"),
    [
        (Role.OWNER, Role.OWNER, Role.VIEWER, True),
        (Role.OWNER, Role.VIEWER, Role.OWNER, True),
        (Role.ADMIN, Role.VIEWER, Role.OPERATOR, True),
        (Role.ADMIN, Role.VIEWER, Role.ADMIN, False),
        (Role.ADMIN, Role.ADMIN, Role.VIEWER, False),
        (Role.ADMIN, Role.OWNER, Role.VIEWER, False),
    ],
)
async def test_a_role_is_given_only_by_whoever_may_give_it_and_take_it(
    app: FastAPI, owner: User, company: Company, by: Role, whom: Role, to: Role, may: bool
) -> None:
    giver, taker = await person(company, by), await person(company, whom)
    async with signed_in(app, giver) as http:
        answer = await act(http, taker, "role", to)
        assert answer.status_code == (303 if may else 409)
        assert may or appointments.NOT_YOURS in answer.text
    assert (await now(company, taker)).role == (to if may else whom)


async def test_an_administrator_has_no_say_over_an_owner(app: FastAPI, owner: User, company: Company) -> None:
    admin = await person(company, Role.ADMIN)
    async with signed_in(app, admin) as http:
        shown = (await http.get(PAGE)).text
        assert f"{PAGE}/{owner.id}/" not in shown
        assert 'value="owner"' not in shown
        for what in ACTS:
            assert (await act(http, owner, what)).status_code == 409
        invited = await send_form(http, PAGE, PAGE, email="x@example.com", name="X", role="owner")
        assert (invited.status_code, appointments.NOT_YOURS in invited.text) == (422, True)
    assert await now(company, owner) == owner


async def test_whoever_is_disabled_is_out_at_once_and_back_when_enabled(
    app: FastAPI, owner: User, viewer: User
) -> None:
    async with signed_in(app, owner) as http, signed_in(app, viewer) as theirs:
        assert (await act(http, viewer, "disable")).status_code == 303
        assert (await theirs.get("/campaigns")).headers["location"].startswith("/sign-in")
        assert (await enter(theirs, viewer)).status_code == 422
        refused = await act(http, viewer, "link")
        assert (refused.status_code, appointments.SHUT_OUT in refused.text) == (409, True)
        assert (await act(http, viewer, "enable")).status_code == 303
        assert (await theirs.get("/campaigns")).status_code == 303  # the session of then is over
        assert (await enter(theirs, viewer)).status_code == 303


async def test_a_new_link_replaces_a_lost_password(app: FastAPI, owner: User, viewer: User) -> None:
    async with signed_in(app, owner) as http:
        [first] = LINK.findall((await act(http, viewer, "link")).text)
        [second] = LINK.findall((await act(http, viewer, "link")).text)
    async with browser(app) as http:
        assert (await http.get(first)).status_code == 404
        assert (await enter(http, viewer)).status_code == 303
    async with browser(app) as http:
        assert (await send_form(http, second, second, password="another password")).status_code == 303
    async with browser(app) as http:
        assert (await enter(http, viewer, PASSWORD)).status_code == 422


@pytest.mark.parametrize("what", ["role", "disable"])
async def test_the_last_owner_who_can_sign_in_stays(app: FastAPI, owner: User, company: Company, what: str) -> None:
    second = await person(company, Role.OWNER)
    async with signed_in(app, owner) as http:
        invited = await send_form(http, PAGE, PAGE, email=f"{owner.id.hex}@example.com", name="X", role="owner")
        assert invited.status_code == 200  # who has no password yet keeps no door open
        assert (await act(http, second, "disable")).status_code == 303
        answer = await act(http, owner, what)
        assert (answer.status_code, appointments.LAST_OWNER in answer.text) == (409, True)
    kept = await now(company, owner)
    assert (kept.role, kept.disabled_at) == ("owner", None)


async def test_two_owners_who_demote_each_other_at_once_leave_one(app: FastAPI, owner: User, company: Company) -> None:
    second = await person(company, Role.OWNER)
    async with signed_in(app, owner) as one, signed_in(app, second) as other:
        tokens = [csrf_of(await http.get(PAGE)) for http in (one, other)]
        await asyncio.gather(
            one.post(f"{PAGE}/{second.id}/role", data={"csrf": tokens[0], "role": "viewer"}),
            other.post(f"{PAGE}/{owner.id}/role", data={"csrf": tokens[1], "role": "viewer"}),
        )
    roles = [(await now(company, user)).role for user in (owner, second)]
    assert sorted(roles) == ["owner", "viewer"]


async def test_nobody_below_an_administrator_decides_about_people(app: FastAPI, company: Company, viewer: User) -> None:
    operator = await person(company, Role.OPERATOR)
    async with signed_in(app, operator) as http:
        assert (await http.get(PAGE)).status_code == 403
        for what in ACTS:
            answer = await send_form(http, "/settings", f"{PAGE}/{viewer.id}/{what}", role="owner")
            assert answer.status_code == 403
        assert (await send_form(http, "/settings", PAGE, email="x@example.com", name="X")).status_code == 403


async def test_a_person_of_another_tenant_is_not_there(app: FastAPI, owner: User, rival: Company) -> None:
    theirs = await add_user(rival.database, rival.tenant_id, Role.VIEWER)
    async with signed_in(app, owner) as http:
        assert (theirs.email or "") not in (await http.get(PAGE)).text
        for what in ACTS:
            assert (await act(http, theirs, what)).status_code == 404
    kept = await now(rival, theirs)
    assert (kept.role, kept.disabled_at) == ("viewer", None)


@pytest.mark.parametrize("at_once", [True, False])
async def test_an_invitation_that_is_sent_twice_shows_the_same_link_both_times(
    app: FastAPI, owner: User, at_once: bool
) -> None:
    email = f"ann-{owner.id.hex[:8]}@example.com"
    async with signed_in(app, owner) as http:
        form = {**fields_of(await http.get(PAGE), f'action="{PAGE}" class'), "email": email, "name": "Ann"}
        form["role"] = "operator"
        if at_once:
            answers = await asyncio.gather(*(http.post(PAGE, data=form) for _ in range(3)))
        else:
            answers = [await http.post(PAGE, data=form) for _ in range(3)]
        assert [answer.status_code for answer in answers] == [200, 200, 200]
        [link] = {link for answer in answers for link in LINK.findall(answer.text)}
        for _ in range(2):  # what was refused is judged anew
            taken = await http.post(PAGE, data=form | {"name": "Another Ann"})
            assert (taken.status_code, appointments.TAKEN in taken.text) == (422, True)
        async with browser(app) as theirs:
            assert (await send_form(theirs, link, link, password="a password of Ann")).status_code == 303
        late = await http.post(PAGE, data=form)
        assert (late.status_code, LINK.findall(late.text)) == (409, [])
        assert OVER in late.text


async def test_a_new_link_that_is_sent_twice_stays_the_same(app: FastAPI, owner: User, viewer: User) -> None:
    to = f"{PAGE}/{viewer.id}/link"
    async with signed_in(app, owner) as http:
        form = fields_of(await http.get(PAGE), f'action="{to}"') | {"confirmed": "yes"}
        first, again = [LINK.findall((await http.post(to, data=form)).text) for _ in range(2)]
    assert (len(first), again) == (1, first)
    async with browser(app) as theirs:
        assert (await theirs.get(first[0])).status_code == 200


@pytest.mark.parametrize(("what", "words"), [("disable", "Disable The viewer?"), ("link", "Make a new link for The")])
async def test_nothing_is_taken_from_a_person_before_somebody_was_asked(
    app: FastAPI, owner: User, viewer: User, company: Company, what: str, words: str
) -> None:
    to = f"{PAGE}/{viewer.id}/{what}"
    async with signed_in(app, owner) as http:
        asked = await send_form(http, PAGE, to)
        assert words in asked.text
        assert LINK.findall(asked.text) == []
        assert (await now(company, viewer)).disabled_at is None
        done = await http.post(to, data=fields_of(asked, f'action="{to}"'))
    assert done.headers.get("location", "") == (f"{PAGE}?done=disabled" if what == "disable" else "")
    assert len(LINK.findall(done.text)) == (what == "link")
