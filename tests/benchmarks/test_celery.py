"""c: the same job on Celery with Redis and PostgreSQL, and what becomes of a 24 hour wait there."""

import time
from collections import Counter
from functools import partial

import pytest
from redis.asyncio import Redis

from tests.benchmarks.celery_stack import REDIS, WITHOUT_REDIS, Baseline, running_baseline
from tests.benchmarks.figures import Figures
from tests.benchmarks.stack import phones
from tests.benchmarks.test_throughput import AT_ONCE, PEOPLE, Job, ours
from tests.benchmarks.usage import memory, processor_seconds
from tests.journeys.house import Json
from tests.waiting import until

pytestmark = [
    pytest.mark.benchmark,
    pytest.mark.timeout(300),
    pytest.mark.skipif(not REDIS.exists(), reason=WITHOUT_REDIS),
]
__all__ = ["ours"]

LATE_PEOPLE = 20
QUIET_SECONDS = 3.0
HOURS = 24
"""A second stands for an hour: a message that is due after 24 of them, with Redis' visibility timeout of one."""
WAITING = 10_000


async def posts_of(baseline: Baseline, count: int) -> list[Json]:
    """The platform's log once it holds so many."""

    async def there() -> bool:
        return len(await baseline.posts()) >= count

    await until(there, f"{count} messages at the platform", 120)
    return await baseline.posts()


async def last_posts(baseline: Baseline, people: int) -> list[Json]:
    """The platform's log once everybody is in it and nothing has come for a while: no message says it is the last."""

    async def over() -> bool:
        posts = await baseline.posts()
        everybody = len({post["phone"] for post in posts}) == people
        return everybody and time.time() - posts[-1]["at"] > QUIET_SECONDS

    await until(over, "everybody has a message and no more come", 120)
    return await baseline.posts()


async def test_the_same_job_on_celery(figures: Figures, ours: Job) -> None:
    async with running_baseline() as baseline:
        await baseline.behave(reply_share=1.0, delay=AT_ONCE)
        before, begin = processor_seconds(baseline.pids), time.time()
        await baseline.tell("/start", phones(PEOPLE))
        posts = await posts_of(baseline, 2 * PEOPLE)
        spent = processor_seconds(baseline.pids).since(before)
    assert Counter(post["phone"] for post in posts) == dict.fromkeys(phones(PEOPLE), 2)
    theirs = Job(PEOPLE, max(post["at"] for post in posts) - begin, spent)
    figures.add("c8", "complete enrollments", ours.per_second, "/s", ("Celery, Redis, PostgreSQL", theirs.per_second))
    figures.add(
        "c9",
        "CPU per enrollment, all but simulator",
        ours.each("worker", "temporal", "postgres", "api"),
        "ms",
        ("Celery's worker, web, Redis, PostgreSQL", theirs.each("worker 1", "web", "redis", "postgres")),
    )
    figures.add(
        "c10", "CPU per enrollment, PostgreSQL", ours.each("postgres"), "ms", ("Celery's", theirs.each("postgres"))
    )


async def test_a_24_hour_wait_on_celery_is_sent_again_and_again(figures: Figures) -> None:
    """Whoever waits longer than the visibility timeout is handed out again, each time for a send of its own."""
    people = phones(LATE_PEOPLE)
    async with running_baseline(workers=2, visibility_seconds="1", restore_seconds="1") as baseline:
        await baseline.behave()
        await baseline.tell("/follow-up", people, seconds=HOURS)
        counts = Counter(post["phone"] for post in await last_posts(baseline, LATE_PEOPLE))
    assert set(counts) == set(people)
    figures.add(
        "c11",
        "Celery: messages to each person after a wait of 24 visibility timeouts",
        sum(counts.values()) / LATE_PEOPLE,
        "",
        ("intended", 1),
    )


async def test_memory_of_contacts_who_wait_on_celery(figures: Figures) -> None:
    """Tasks that are due later are all held in the worker's memory."""
    async with running_baseline() as baseline:
        before = memory(baseline.pids).proportional
        await baseline.tell("/follow-up", phones(WAITING), seconds=86_400)
        await until(partial(all_held, baseline), "the worker holds every task", 60)
        after = memory(baseline.pids).proportional
    worker, redis = ((after[part] - before[part]) / 2**20 for part in ("worker 1", "redis"))
    figures.add("c12", f"Celery: worker's memory for {WAITING:,} who wait", worker, "MiB")
    figures.add("c13", f"Celery: Redis' memory for {WAITING:,} who wait", redis, "MiB")


async def all_held(baseline: Baseline) -> bool:
    """Whether nothing is left in Redis' queue: all was handed to the worker, which waits."""
    async with Redis.from_url(baseline.broker) as redis:
        return await redis.llen("celery") == 0
