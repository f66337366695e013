"""The page of API keys: made and shown once, with no more than one's own scopes, and revoked."""

import asyncio
import re
from html import unescape
from uuid import uuid4

import pytest
from fastapi import FastAPI

from db.tables import User
from domain.people import Role
from tests.api.people import Company, client
from tests.ui.people import add_user, csrf_of, fields_of, send_form, signed_in

PAGE = "/settings/keys"
KEY = re.compile(r'value="(rl_[A-Za-z0-9_-]+)"')
REVOKE = re.compile(r'action="(/settings/keys/[0-9a-f-]+/revoke)"')


async def test_a_key_is_shown_once_and_opens_the_api_until_it_is_revoked(
    app: FastAPI, owner: User, company: Company
) -> None:
    async with signed_in(app, owner) as http:
        token = csrf_of(await http.get(PAGE))
        made = await http.post(PAGE, data={"csrf": token, "name": "CRM <x>", "scopes": ["read", "write"]})
        [key] = KEY.findall(made.text)
        assert "The key CRM &lt;x&gt; is made." in made.text
        listed = (await http.get(PAGE)).text
        assert key not in listed
        assert f"<code>{key[:10]}…</code>" in listed
        assert "<td>to read, to write</td>" in listed
        async with client(app, key) as crm:
            assert (await crm.get("/api/campaigns")).status_code == 200
            place = REVOKE.findall(listed)[0]
            assert (await send_form(http, PAGE, place, confirmed="yes")).headers["location"] == f"{PAGE}?revoked=1"
            assert "The key is revoked" in (await http.get(f"{PAGE}?revoked=1")).text
            assert (await crm.get("/api/campaigns")).status_code == 401
    assert (await company.http.get("/api/campaigns")).status_code == 200


async def test_what_is_wrong_is_said_at_its_field_and_nothing_is_made(app: FastAPI, owner: User) -> None:
    async with signed_in(app, owner) as http:
        for typed in ({"name": " ", "scopes": "read"}, {"name": "CRM"}, {"name": "CRM", "scopes": "everything"}):
            answer = await send_form(http, PAGE, PAGE, **typed)
            assert answer.status_code == 422
            said = "Write what the key is for" if typed["name"] == " " else "Choose at least one."
            assert said in answer.text
        assert "CRM" not in (await http.get(PAGE)).text


async def test_the_last_owners_key_stays(app: FastAPI, owner: User, company: Company) -> None:
    async with signed_in(app, owner) as http:
        [place] = REVOKE.findall((await http.get(PAGE)).text)
        answer = await send_form(http, PAGE, place, confirmed="yes")
        assert answer.status_code == 409
        assert "This is the last owner's key." in unescape(answer.text)
    assert (await company.http.get("/api/campaigns")).status_code == 200


async def test_an_administrator_has_no_say_over_an_owners_key(app: FastAPI, company: Company, owner: User) -> None:
    admin = await add_user(company.database, company.tenant_id, Role.ADMIN)
    async with signed_in(app, owner) as http:
        [place] = REVOKE.findall((await http.get(PAGE)).text)
    async with signed_in(app, admin) as http:
        shown = (await http.get(PAGE)).text
        assert (REVOKE.findall(shown), 'value="owner"' in shown) == ([], False)
        assert (await send_form(http, PAGE, place, confirmed="yes")).status_code == 403
        assert (await send_form(http, PAGE, PAGE, name="More", scopes="owner")).status_code == 403


async def test_nobody_below_an_administrator_sees_keys(app: FastAPI, company: Company, viewer: User) -> None:
    operator = await add_user(company.database, company.tenant_id, Role.OPERATOR)
    for person in (viewer, operator):
        async with signed_in(app, person) as http:
            assert (await http.get(PAGE)).status_code == 403
            assert PAGE not in (await http.get("/settings")).text
            assert (await send_form(http, "/settings", PAGE, name="x", scopes="read")).status_code == 403


async def test_a_key_of_another_tenant_is_not_there(
    app: FastAPI, owner: User, company: Company, rival: Company
) -> None:
    theirs = (await rival.http.get("/api/api-keys")).json()["items"][0]["id"]
    async with signed_in(app, owner) as http:
        assert theirs not in (await http.get(PAGE)).text
        assert (await send_form(http, PAGE, f"{PAGE}/{theirs}/revoke")).status_code == 404
    assert (await rival.http.get("/api/campaigns")).status_code == 200


@pytest.mark.parametrize("at_once", [True, False])
async def test_a_form_that_is_sent_twice_makes_one_key_and_shows_it_both_times(
    app: FastAPI, owner: User, at_once: bool
) -> None:
    async with signed_in(app, owner) as http:
        form = {**fields_of(await http.get(PAGE), f'action="{PAGE}"'), "name": "CRM", "scopes": "read"}
        if at_once:
            answers = await asyncio.gather(*(http.post(PAGE, data=form) for _ in range(3)))
        else:
            answers = [await http.post(PAGE, data=form) for _ in range(3)]
        keys = {key for answer in answers for key in KEY.findall(answer.text)}
        assert [answer.status_code for answer in answers] == [200, 200, 200]
        assert len(keys) == 1
        assert (await http.get(PAGE)).text.count(">CRM</th>") == 1
        async with client(app, keys.pop()) as crm:
            assert (await crm.get("/api/campaigns")).status_code == 200
        other = KEY.findall((await http.post(PAGE, data=form | {"name": "Shop"})).text)  # something else is typed
        assert len(other) == 1
        assert (await http.get(PAGE)).text.count(">Shop</th>") == 1


async def test_a_form_that_was_refused_can_be_sent_again(app: FastAPI, owner: User) -> None:
    async with signed_in(app, owner) as http:
        refused = await send_form(http, PAGE, PAGE, name="CRM", once="a-token-of-the-form")
        assert refused.status_code == 422
        form = {**fields_of(refused, f'action="{PAGE}"'), "scopes": "read"}
        assert form["once"] == "a-token-of-the-form"
        assert len(KEY.findall((await http.post(PAGE, data=form)).text)) == 1


async def test_nothing_is_revoked_before_somebody_was_asked(app: FastAPI, owner: User, company: Company) -> None:
    async with signed_in(app, owner) as http:
        await send_form(http, PAGE, PAGE, name="CRM <x>", scopes="read")
        place = REVOKE.findall((await http.get(PAGE)).text)[0]
        asked = await send_form(http, PAGE, place)
        assert "Revoke the key CRM &lt;x&gt; for good?" in asked.text
        assert "Revoked " not in (await http.get(PAGE)).text
        sent = await http.post(place, data=fields_of(asked, f'action="{place}"'))
        assert sent.headers["location"] == f"{PAGE}?revoked=1"
        assert "Revoked " in (await http.get(PAGE)).text
        for key_id in (uuid4(), "no-id"):
            assert (await send_form(http, PAGE, f"{PAGE}/{key_id}/revoke")).status_code == 404
