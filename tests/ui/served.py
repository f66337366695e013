"""The pages on a real server, for tests of what is live: who reads how often, and what the viewers are told."""

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import httpx
from fastapi import FastAPI
from playwright.async_api import Page
from sqlalchemy import event

from api.app import create_app
from api.dependencies import Services
from api.streams import Hub
from db.engine import Database
from db.secrets import SecretBox
from db.tables import User
from tests.api.doubles import RecordingWorkflows
from tests.api.people import BASE_URL
from tests.api.server import serving
from tests.ui.people import PASSWORD, enter

PATIENCE = 15.0


@dataclass(frozen=True, slots=True)
class Read:
    """One read of a poller: when it began, and how many statements the application had made until then."""

    at: float
    statements: int


@dataclass
class House:
    """Makes the application on the loop that serves it, and counts what that costs the database."""

    database_url: str
    secrets: SecretBox
    made: list[Services] = field(default_factory=list)
    reads: list[Read] = field(default_factory=list)
    statements: int = 0

    @asynccontextmanager
    async def make_app(self) -> AsyncIterator[FastAPI]:
        """The application with a database connection of its own."""
        own = Database.connect(self.database_url)
        event.listen(own._engine.sync_engine, "before_cursor_execute", self._note_statement)
        app = create_app(own, RecordingWorkflows(), self.secrets, public_url=BASE_URL)
        services: Services = app.state.services
        for hub in services.hubs:
            self._count_reads(hub)
        self.made.append(services)
        yield app
        await own.close()

    @property
    def pollers(self) -> int:
        """How many things the application polls for the pages."""
        return sum(hub.pollers for hub in self.made[-1].hubs)

    @property
    def workflows(self) -> RecordingWorkflows:
        """What remembers the orders that were given."""
        workflows = self.made[-1].workflows
        assert isinstance(workflows, RecordingWorkflows)
        return workflows

    def _note_statement(self, *_about: object) -> None:
        self.statements += 1

    def _count_reads(self, hub: Hub[Any, Any]) -> None:
        read = hub._read

        async def counted(key: Any) -> Any:
            self.reads.append(Read(time.monotonic(), self.statements))
            return await read(key)

        hub._read = counted


async def next_piece(lines: AsyncIterator[str]) -> str:
    """The next event's data."""
    data: list[str] = []
    async with asyncio.timeout(PATIENCE):
        async for line in lines:
            if line.startswith("data: "):
                data.append(line.removeprefix("data: "))
            elif not line and data:
                return "\n".join(data)
    raise AssertionError("the stream ended")


@asynccontextmanager
async def watching(address: str, place: str, users: Sequence[User]) -> AsyncIterator[list[AsyncIterator[str]]]:
    """The streams of these people, each signed in and told the present state."""
    async with AsyncExitStack() as streams:
        every: list[AsyncIterator[str]] = []  # held: an iterator that nobody holds hangs up by itself
        for user in users:
            http = await streams.enter_async_context(httpx.AsyncClient(base_url=address, timeout=PATIENCE))
            assert (await enter(http, user)).status_code == 303
            answer = await streams.enter_async_context(http.stream("GET", place))
            assert answer.headers["content-type"].startswith("text/event-stream")
            every.append(answer.aiter_lines())
            await next_piece(every[-1])
        yield every


async def told_of(house: House, place: str, users: Sequence[User], change: Callable[[], Awaitable[None]]) -> list[str]:
    """What each of these people is told of a change, while one poller reads for all of them."""
    with serving(house.make_app) as address:
        async with watching(address, place, users) as streams:
            assert house.pollers == 1
            await change()
            return [await next_piece(lines) for lines in streams]


async def sign_in(page: Page, user: User) -> None:
    """By the form, as a person does."""
    await page.goto("/sign-in")
    await page.fill("#email", user.email or "")
    await page.fill("#password", PASSWORD)
    await page.click("main button.btn-primary")
    await page.wait_for_url("**/campaigns")
