"""Progress as server-sent events, over a real server: one poller per campaign, an event per change, an end."""

import asyncio
import json
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

import httpx
import pytest
from fastapi import FastAPI

from api.app import create_app
from api.dependencies import Services
from api.streams import POLL_SECONDS
from db.engine import Database
from db.secrets import SecretBox
from tests.api.campaign_rows import change_enrollment, change_row, listed
from tests.api.doubles import RecordingWorkflows
from tests.api.people import BASE_URL, Company, make_company, phone
from tests.api.server import serving

PATIENCE = 15.0
LOOKS = 6


@dataclass
class Served:
    """A served application; `company` speaks to it over the network."""

    address: str
    services: Services
    company: Company


@pytest.fixture(scope="module")
def served_parts(database_url: str, secrets: SecretBox) -> Iterator[tuple[str, Services]]:
    """The application behind a real server, with a database of its own: that server has its own event loop."""
    made: list[Services] = []

    @asynccontextmanager
    async def make_app() -> AsyncIterator[FastAPI]:
        own = Database.connect(database_url)
        app = create_app(own, RecordingWorkflows(), secrets, public_url=BASE_URL)
        made.append(app.state.services)
        yield app
        await own.close()

    with serving(make_app) as address:
        yield address, made[0]


@pytest.fixture
async def served(
    served_parts: tuple[str, Services], database: Database, secrets: SecretBox, app: FastAPI
) -> AsyncIterator[Served]:
    """The same with a fresh company."""
    address, services = served_parts
    company = await make_company(database, secrets, app)
    await company.http.aclose()
    headers = {"Authorization": f"Bearer {company.key}"}
    async with httpx.AsyncClient(base_url=address, headers=headers, timeout=PATIENCE) as http:
        yield Served(address, services, Company(company.tenant_id, company.channel_id, http, company.key, database))


async def next_event(lines: AsyncIterator[str]) -> dict[str, Any]:
    """The next event's fields, its data read as JSON."""
    event: dict[str, Any] = {}
    async with asyncio.timeout(PATIENCE):
        async for line in lines:
            if line.startswith(":"):
                continue
            if not line and event:
                return event
            name, _, value = line.partition(": ")
            if name:
                event[name] = json.loads(value) if name == "data" else value
    raise AssertionError("the stream ended")


async def ended(lines: AsyncIterator[str]) -> bool:
    """Whether the stream ends by itself."""
    async with asyncio.timeout(PATIENCE):
        return [line async for line in lines if line] == []


async def drained(services: Services) -> None:
    """Waits until nobody polls any more."""
    for _ in range(int(PATIENCE / 0.01)):
        if services.progress.pollers == 0:
            return
        await asyncio.sleep(0.01)
    raise AssertionError("somebody still polls")


async def test_the_present_state_comes_first_then_each_change_then_the_end(served: Served) -> None:
    company = served.company
    campaign = await company.campaign()
    await company.contacts(campaign["id"], {"phone": phone(1)})
    contact_id = (await listed(company, campaign["id"]))[0]["contact_id"]
    address = f"/api/campaigns/{campaign['id']}"
    async with company.http.stream("GET", f"{address}/events", headers={"Last-Event-ID": "41"}) as answer:
        assert answer.headers["content-type"].startswith("text/event-stream")
        lines = answer.aiter_lines()
        first = await next_event(lines)
        assert first["event"] == "progress"
        assert first["data"] == (await company.http.get(address)).json()
        await change_enrollment(company, campaign["id"], contact_id, status="failed")
        second = await next_event(lines)
        assert second["data"]["counts"]["failed"] == 1
        assert int(second["id"]) == int(first["id"]) + 1
        await change_row(company, campaign["id"], status="completed")
        last = await next_event(lines)
        assert last["data"]["status"] == "completed"
        assert await ended(lines)
    await drained(served.services)


async def test_the_stream_of_a_cancelled_campaign_ends_when_its_last_contact_is_stopped(served: Served) -> None:
    company = served.company
    campaign = await company.campaign()
    await company.contacts(campaign["id"], {"phone": phone(1)})
    contact_id = (await listed(company, campaign["id"]))[0]["contact_id"]
    async with company.http.stream("GET", f"/api/campaigns/{campaign['id']}/events") as answer:
        lines = answer.aiter_lines()
        await next_event(lines)
        await change_row(company, campaign["id"], status="cancelled")
        assert (await next_event(lines))["data"]["counts"]["pending"] == 1
        await change_enrollment(company, campaign["id"], contact_id, status="cancelled")
        last = (await next_event(lines))["data"]
        assert (last["status"], last["counts"]["cancelled"]) == ("cancelled", 1)
        assert await ended(lines)
    await drained(served.services)


async def test_many_viewers_share_one_poller(served: Served) -> None:
    company = served.company
    campaign = await company.campaign()
    async with asyncio.TaskGroup() as group:
        ready = [asyncio.Event() for _ in range(20)]
        viewers = [group.create_task(_watch(company, campaign["id"], seen)) for seen in ready]
        await asyncio.gather(*(seen.wait() for seen in ready))
        assert served.services.progress.pollers == 1
        await change_row(company, campaign["id"], status="cancelled")
    assert {viewer.result() for viewer in viewers} == {"cancelled"}
    await drained(served.services)


async def _watch(company: Company, campaign_id: str, seen: asyncio.Event) -> str:
    """Watches until the end and returns the last status told."""
    status = ""
    async with company.http.stream("GET", f"/api/campaigns/{campaign_id}/events") as answer:
        lines = answer.aiter_lines()
        while status != "cancelled":
            status = (await next_event(lines))["data"]["status"]
            seen.set()
        assert await ended(lines)
    return status


async def test_an_estimate_that_falls_with_the_clock_alone_is_not_told_at_each_look(served: Served) -> None:
    company = served.company
    opens = datetime.now(ZoneInfo("Europe/Paris")) + timedelta(hours=6)
    hours = {"start": f"{opens:%H:%M}", "end": f"{opens + timedelta(hours=1):%H:%M}", "zone": "tenant"}
    campaign = await company.campaign(send_window=hours)
    await company.contacts(campaign["id"], {"phone": phone(1)})
    await change_row(company, campaign["id"], status="running")
    events = []
    async with company.http.stream("GET", f"/api/campaigns/{campaign['id']}/events") as answer:
        lines = answer.aiter_lines()
        with suppress(TimeoutError):
            async with asyncio.timeout(LOOKS * POLL_SECONDS):
                while True:
                    events.append(await next_event(lines))
    assert events[0]["data"]["eta_seconds"] > 5 * 3600
    assert len(events) <= 2  # a minute may have ended meanwhile


async def test_a_viewer_who_leaves_stops_the_poller(served: Served) -> None:
    campaign = await served.company.campaign()
    async with served.company.http.stream("GET", f"/api/campaigns/{campaign['id']}/events") as answer:
        lines = answer.aiter_lines()  # held: an iterator that nobody holds hangs up by itself
        await next_event(lines)
        assert served.services.progress.pollers == 1
    await drained(served.services)


async def test_a_stream_of_nothing_is_not_found(served: Served) -> None:
    answer = await served.company.http.get(f"/api/campaigns/{UUID(int=1)}/events")
    assert (answer.status_code, answer.headers["content-type"]) == (404, "application/problem+json")
