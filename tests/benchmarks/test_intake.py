"""g: webhooks taken in per second, durable before the answer, against the least that a webhook could do."""

import asyncio
import json
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from uuid import uuid4

import asyncpg
import pytest
import pytest_asyncio

from cli.stack.probes import answers, free_port
from tests.benchmarks.bare_intake import TABLE, plain_url
from tests.benchmarks.figures import Figures, at_least
from tests.benchmarks.load import Loaded, loaded
from tests.benchmarks.stack import Bench, phones, running_bench
from tests.benchmarks.waiting import waiting_campaign
from tests.journeys.house import House
from tests.waiting import until

pytestmark = [pytest.mark.benchmark, pytest.mark.timeout(900)]

CONNECTIONS = 32
STRANGERS = 6_000
WAITING = 1_000
WARM_UP = 300
FAST = 100.0


@pytest_asyncio.fixture(scope="module")
async def bench() -> AsyncIterator[Bench]:
    """A stack that syncs to disk, as `make up` runs it."""
    async with running_bench() as bench:
        yield bench


def text_of(phone: str) -> bytes:
    """A person writes, in the platform's own words."""
    digits = phone.removeprefix("+")
    message = {
        "id": f"3EB0{uuid4().hex[:16].upper()}",
        "type": "text",
        "flow": "inbound",
        "fromNumber": phone,
        "from": f"{digits}@c.us",
        "body": "Yes please, tell me more about it.",
        "chat": {"id": f"{digits}@c.us", "type": "chat", "contact": {"displayName": "Ana"}},
    }
    return json.dumps({"object": "message", "event": "message:in:new", "data": message}).encode()


@asynccontextmanager
async def bare_server(bench: Bench) -> AsyncIterator[str]:
    """The server that does the least, on the same PostgreSQL and with as many connections; gives its address."""
    url = plain_url(bench.stack.addresses.database)
    connection = await asyncpg.connect(url)
    await connection.execute("DROP TABLE IF EXISTS bare_events")
    await connection.execute(TABLE)
    await connection.close()
    port = free_port()
    pool = str(bench.stack.settings.database_pool_size)
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "tests.benchmarks.bare_intake", url, str(port), pool)
    )
    base = f"http://127.0.0.1:{port}"
    try:

        async def up() -> bool:
            return await answers(f"{base}/openapi.json")

        await until(up, "the bare server is up")
        yield base
    finally:
        process.terminate()
        await process.wait()


async def measured(url: str, bodies: list[bytes], place: Path) -> Loaded:
    """Warmed up, then measured; every request must be answered well."""
    await loaded(url, bodies[:WARM_UP], CONNECTIONS, place)
    done = await loaded(url, bodies[WARM_UP:], CONNECTIONS, place)
    assert all(answer.startswith("200 ") for answer in done.answers), done.answers
    return done


def add(figures: Figures, first: int, what: str, ours: Loaded, baseline: tuple[str, Loaded], bound: bool) -> None:
    """Three rows: how many, and how long the slowest hundredth and the median waited."""
    name, bare = baseline
    limit = at_least(0.5, "ratio") if bound else None
    figures.add(f"g{first}", f"webhooks/s, {what}", ours.per_second, "/s", (name, bare.per_second), limit)
    for number, share in enumerate((0.99, 0.5), start=1):
        milliseconds = ours.percentile(share) * 1000, bare.percentile(share) * 1000
        label = f"webhook p{share * 100:.0f}, {what}"
        figures.add(f"g{first + number}", label, milliseconds[0], "ms", (name, milliseconds[1]))


async def test_webhooks_that_no_campaign_waits_for(bench: Bench, figures: Figures, tmp_path: Path) -> None:
    house = await bench.house()
    channel = await house.channel()
    people = phones(WARM_UP + STRANGERS)
    async with bare_server(bench) as base:
        nothing = await measured(f"{base}/nothing", [text_of(phone) for phone in people], tmp_path)
        bare = await measured(f"{base}/insert", [text_of(phone) for phone in people], tmp_path)
    before = bench.spent()
    ours = await measured(channel.webhook_url, [text_of(phone) for phone in people], tmp_path)
    spent = bench.spent().since(before)
    assert ours.answers == {'200 {"status":"processed"}': STRANGERS}
    assert await texts_kept(house) == len(people)
    add(figures, 1, "from strangers", ours, ("a bare insert per request", bare), bound=True)
    figures.add("g4", "webhooks/s of a server that does nothing", nothing.per_second, "/s")
    for number, part in enumerate(("api", "postgres")):
        cost = spent.milliseconds_each(len(people), part)
        figures.add(f"g{5 + number}", f"CPU of {part} for each webhook from strangers", cost, "ms")


async def test_webhooks_that_answer_a_campaign(bench: Bench, figures: Figures, tmp_path: Path) -> None:
    house = await bench.house()
    channel = await house.channel(rate=FAST)
    campaign = await waiting_campaign(bench, house, channel, phones(WARM_UP + WAITING))
    async with bare_server(bench) as base:
        bare = await measured(f"{base}/insert", [text_of(phone) for phone in campaign.phones], tmp_path)
    before = bench.spent()
    ours = await measured(channel.webhook_url, [text_of(phone) for phone in campaign.phones], tmp_path)
    spent = bench.spent().since(before)
    assert ours.answers == {'200 {"status":"processed"}': WAITING}
    assert (await house.counts(campaign))["replied"] == len(campaign.phones)
    # Each of them signals a workflow, whose Message 2 leaves meanwhile: this is Temporal's measure, not the webhook's.
    add(figures, 10, "that answer a campaign", ours, ("a bare insert per request", bare), bound=False)
    for number, part in enumerate(("api", "postgres", "temporal", "worker")):
        cost = spent.milliseconds_each(len(campaign.phones), part)
        figures.add(f"g{13 + number}", f"CPU of {part} for each reply, meanwhile", cost, "ms")


async def texts_kept(house: House) -> int:
    """How many texts of people are on record."""
    [(count,)] = await house.rows("SELECT count(*) FROM messages WHERE tenant_id = :tenant AND direction = 'in'")
    return int(count)
