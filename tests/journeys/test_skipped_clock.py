"""A whole day's window with the clock skipped, on the real activities, the real database and the simulator (CAM-3)."""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from datetime import timedelta
from pathlib import Path

import httpx
import pytest_asyncio
from temporalio.api.enums.v1 import IndexedValueType
from temporalio.api.operatorservice.v1 import AddSearchAttributesRequest
from temporalio.client import Client
from temporalio.testing import WorkflowEnvironment

from cli.stack.temporal import SEARCH_ATTRIBUTES
from db.engine import Database
from settings import Settings
from tests.journeys.building import running_house
from tests.journeys.house import House
from tests.time_skipping import skipping_server
from worker import Tuning, build_workers, implementations

DAY = 24 * 3600


@asynccontextmanager
async def bare_workers(client: Client, database: Database, settings: Settings) -> AsyncIterator[None]:
    """The workers without the send queue's limit and the sweep's schedule, which the skipping server does not know."""
    async with AsyncExitStack() as stack:
        http = await stack.enter_async_context(httpx.AsyncClient())
        for worker in build_workers(client, implementations(client, database, http, settings), Tuning()):
            await stack.enter_async_context(worker)
        yield


@pytest_asyncio.fixture
async def skipping() -> AsyncIterator[WorkflowEnvironment]:
    """One server per test: its clock belongs to all that runs on it."""
    async with skipping_server() as environment:
        attributes = dict.fromkeys(SEARCH_ATTRIBUTES, IndexedValueType.INDEXED_VALUE_TYPE_KEYWORD)
        request = AddSearchAttributesRequest(namespace=environment.client.namespace, search_attributes=attributes)
        await environment.client.operator_service.add_search_attributes(request)
        yield environment


@pytest_asyncio.fixture
async def fast_house(
    skipping: WorkflowEnvironment, database: Database, database_url: str, session_dir: Path, simulator_url: str
) -> AsyncIterator[House]:
    """A house whose workflows' hours pass in no time; what people and platforms do happens at the real hour."""
    place = session_dir / "skipping"
    async with running_house(skipping.client, database, database_url, place, simulator_url, bare_workers) as make:
        yield await make()


async def test_no_reply_for_a_day_ends_it_with_nothing_left_scheduled(
    fast_house: House, skipping: WorkflowEnvironment
) -> None:
    channel = await fast_house.channel()
    campaign = await fast_house.campaign(channel, 2, reply_window_seconds=DAY)
    await fast_house.until_count(campaign, "out", 2)

    await skipping.sleep(timedelta(hours=25))

    counts = (await fast_house.until_status(campaign, "completed"))["counts"]
    assert (counts["no_reply"], counts["message_2_sent"]) == (2, 0)
    kinds = await fast_house.rows("SELECT kind FROM deliveries WHERE campaign_id = :id", id=campaign.id)
    assert [kind for (kind,) in kinds] == ["message_1", "message_1"]
    assert len(await fast_house.posts(channel)) == 2
    for phone in campaign.phones:
        enrollment = await (await fast_house.enrollment(campaign, phone)).describe()
        assert enrollment.close_time is not None
        assert list(enrollment.raw_description.pending_activities) == []


async def test_a_reply_at_23_hours_59_gets_message_2(fast_house: House, skipping: WorkflowEnvironment) -> None:
    channel = await fast_house.channel()
    campaign = await fast_house.campaign(channel, reply_window_seconds=DAY)
    [phone] = campaign.phones
    await fast_house.until_count(campaign, "out", 1)
    await skipping.sleep(timedelta(hours=23, minutes=59))
    assert (await fast_house.contact(campaign, phone))["outcome"] is None

    await fast_house.write(channel, phone, "Only now, but yes")

    await fast_house.until_count(campaign, "message_2_sent", 1)
    await skipping.sleep(timedelta(hours=1))
    await fast_house.until_status(campaign, "completed")
