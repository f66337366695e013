"""People for tests: users of a tenant, and browsers without a screen that sign them in."""

import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from html import unescape
from typing import Any
from uuid import UUID, uuid4

import httpx
from argon2 import PasswordHasher
from fastapi import FastAPI
from sqlmodel import col, select, update

from db.engine import Database
from db.people import attempts_subject
from db.tables import SignInAttempts, User, UserSession
from domain.people import Role
from tests.api.people import BASE_URL

PASSWORD = "correct horse battery"
FAST = PasswordHasher(time_cost=1, memory_cost=8, parallelism=1)
"""What tests hash with: the same function at the least cost that it takes."""

INPUT, NAME, VALUE = re.compile(r"<input[^>]*>"), re.compile(r'name="([^"]*)"'), re.compile(r'value="([^"]*)"')
CSRF = re.compile(r'name="csrf" value="([^"]+)"')


async def add_user(database: Database, tenant_id: UUID, role: Role, **fields: str) -> User:
    """A person of the tenant who signs in with PASSWORD."""
    made: dict[str, Any] = {"email": f"{role}-{uuid4().hex[:8]}@example.com", "name": f"The {role}", **fields}
    user = User(tenant_id=tenant_id, role=role, password_hash=FAST.hash(PASSWORD), **made)
    async with database.tenant(tenant_id) as session:
        session.add(user)
    return user


def browser(app: FastAPI, **headers: str) -> httpx.AsyncClient:
    """A client that keeps cookies and does not follow redirects by itself."""
    transport = httpx.ASGITransport(app=app, raise_app_exceptions=False)
    return httpx.AsyncClient(transport=transport, base_url=BASE_URL, headers=headers)


def csrf_of(page: httpx.Response) -> str:
    """The token that a page's forms carry."""
    found = CSRF.search(page.text)
    assert found is not None, page.text[:500]
    return found.group(1)


def fields_of(page: httpx.Response, form: str) -> dict[str, str]:
    """What a browser would send of the page's form that has `form` in its tag, if nobody typed: its inputs with a
    value, but for those that are not ticked."""
    _, _, rest = page.text.partition(form)
    inputs = INPUT.findall(rest.partition("</form>")[0])
    ticked = [tag for tag in inputs if 'type="checkbox"' not in tag or " checked" in tag]
    named = ((NAME.search(tag), VALUE.search(tag)) for tag in ticked)
    return {name[1]: unescape(value[1]) for name, value in named if name and value}


async def send_form(http: httpx.AsyncClient, form_at: str, to: str, **fields: str | list[str]) -> httpx.Response:
    """Opens the page with the form and sends it filled in."""
    token = csrf_of(await http.get(form_at))
    return await http.post(to, data={"csrf": token, **fields})


async def enter(http: httpx.AsyncClient, user: User, password: str = PASSWORD, **fields: str) -> httpx.Response:
    """Signs in by the form."""
    return await send_form(http, "/sign-in", "/sign-in", email=user.email or "", password=password, **fields)


@asynccontextmanager
async def signed_in(app: FastAPI, user: User) -> AsyncIterator[httpx.AsyncClient]:
    """A browser in which the person is signed in."""
    async with browser(app) as http:
        answer = await enter(http, user)
        assert answer.status_code == 303, answer.text
        yield http


async def set_sessions_back(database: Database, user: User, column: str, by: timedelta) -> None:
    """As if this person had signed in (`created_at`), or had last been seen (`seen_at`), so long ago."""
    async with database.tenant(user.tenant_id) as session:
        mine = col(UserSession.user_id) == user.id
        await session.exec(update(UserSession).where(mine).values({column: datetime.now(UTC) - by}))


async def set_attempts_back(database: Database, email: str, by: timedelta) -> None:
    """As if the last attempt at this address had been so long ago."""
    mine = col(SignInAttempts.subject) == attempts_subject(email, "127.0.0.1")
    async with database.every_tenant() as session:
        await session.exec(update(SignInAttempts).where(mine).values(failed_at=datetime.now(UTC) - by))


async def failures_at(database: Database, email: str) -> int:
    """How many attempts at this address are counted."""
    mine = col(SignInAttempts.subject) == attempts_subject(email, "127.0.0.1")
    async with database.every_tenant() as session:
        return (await session.exec(select(SignInAttempts.failures).where(mine))).one_or_none() or 0
